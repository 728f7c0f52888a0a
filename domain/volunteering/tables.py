"""Volunteers, events, sign-ups and stretches of service.

The CHECKs, policies and triggers stand in the migrations.
"""

from datetime import date, datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Date,
    DateTime,
    Float,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel


class Volunteer(SQLModel, table=True):
    __tablename__ = "volunteer"
    __table_args__ = (
        UniqueConstraint("programme_id", "number", name="volunteer_number_key"),
        UniqueConstraint("person_id", "programme_id", name="volunteer_person_programme_key"),
        ForeignKeyConstraint(["person_id"], ["person.id"], name="volunteer_person_fkey"),
        ForeignKeyConstraint(["programme_id"], ["programme.id"], name="volunteer_programme_fkey"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    person_id: int = Field(sa_type=BigInteger)
    programme_id: int = Field(sa_type=SmallInteger)
    number: str = Field(sa_type=Text)
    wrapped_key: bytes | None = Field(default=None, sa_type=LargeBinary)
    sealed_call_name: bytes | None = Field(default=None, sa_type=LargeBinary)
    minor_until: date | None = Field(default=None, sa_type=Date)
    registered_at: datetime = Field(sa_type=DateTime(timezone=True))
    left_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    guardian_person_id: int | None = Field(default=None, sa_type=BigInteger)


class Event(SQLModel, table=True):
    __tablename__ = "event"
    __table_args__ = (
        UniqueConstraint("organisation_id", "ref", name="event_ref_key"),
        ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name="event_organisation_fkey"),
        ForeignKeyConstraint(["programme_id"], ["programme.id"], name="event_programme_fkey"),
        Index("event_organisation", "organisation_id", "starts_at"),
        Index("event_programme", "programme_id", "ends_at"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    programme_id: int = Field(sa_type=SmallInteger)
    organisation_id: int = Field(sa_type=BigInteger)
    title: str = Field(sa_type=Text)
    description: str = Field(sa_type=Text)
    place: str = Field(sa_type=Text)
    lat: float | None = Field(default=None, sa_type=Float(53))
    lon: float | None = Field(default=None, sa_type=Float(53))
    starts_at: datetime = Field(sa_type=DateTime(timezone=True))
    ends_at: datetime = Field(sa_type=DateTime(timezone=True))
    capacity: int = Field(sa_type=Integer)
    taken: int = Field(sa_type=Integer)
    activity_type: str = Field(sa_type=Text)
    minimum_age: int | None = Field(default=None, sa_type=Integer)
    cancelled_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    cancelled_reason: str | None = Field(default=None, sa_type=Text)
    created_by: int | None = Field(default=None, sa_type=BigInteger)
    ref: str | None = Field(default=None, sa_type=Text)
    insured: bool = Field(sa_type=Boolean)


class SignUp(SQLModel, table=True):
    __tablename__ = "sign_up"
    __table_args__ = (
        ForeignKeyConstraint(["event_id"], ["event.id"], name="sign_up_event_fkey"),
        ForeignKeyConstraint(["volunteer_id"], ["volunteer.id"], name="sign_up_volunteer_fkey"),
        Index("sign_up_volunteer", "volunteer_id"),
        Index("sign_up_waiting", "event_id", "at", "volunteer_id", postgresql_where=text("(status = 'WAITING'::text)")),
    )

    event_id: int = Field(primary_key=True, sa_type=BigInteger)
    volunteer_id: int = Field(primary_key=True, sa_type=BigInteger)
    status: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=DateTime(timezone=True))


class Service(SQLModel, table=True):
    __tablename__ = "service"
    __table_args__ = (
        UniqueConstraint("event_id", "volunteer_id", "started_at", name="service_once"),
        ForeignKeyConstraint(["event_id"], ["event.id"], name="service_event_fkey"),
        ForeignKeyConstraint(["volunteer_id"], ["volunteer.id"], name="service_volunteer_fkey"),
        Index(
            "service_awaiting",
            "organisation_id",
            "id",
            postgresql_where=text("status IN ('AWAITING_CONFIRMATION', 'AWAITING_COUNTERSIGNATURE', 'ESCALATED')"),
        ),
        Index(
            "service_checked_in", "volunteer_id", unique=True, postgresql_where=text("(status = 'CHECKED_IN'::text)")
        ),
        Index("service_device", "event_id", "device", postgresql_where=text("device IS NOT NULL")),
        Index(
            "service_due",
            "programme_id",
            "confirm_by",
            postgresql_where=text("status IN ('AWAITING_CONFIRMATION', 'AWAITING_COUNTERSIGNATURE')"),
        ),
        Index(
            "service_office",
            "programme_id",
            "id",
            postgresql_where=text("service_for_office(status, signals, reviewed_at)"),
        ),
        Index("service_volunteer", "volunteer_id", text("started_at DESC")),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    programme_id: int = Field(sa_type=SmallInteger)
    organisation_id: int = Field(sa_type=BigInteger)
    event_id: int = Field(sa_type=BigInteger)
    volunteer_id: int = Field(sa_type=BigInteger)
    started_at: datetime = Field(sa_type=DateTime(timezone=True))
    ended_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    minutes: int | None = Field(default=None, sa_type=Integer)
    status: str = Field(sa_type=Text)
    entered_by: str = Field(sa_type=Text)
    entered_by_person: int | None = Field(default=None, sa_type=BigInteger)
    decided_by_person: int | None = Field(default=None, sa_type=BigInteger)
    decided_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    sealed_reason: bytes | None = Field(default=None, sa_type=LargeBinary)
    confirm_by: date | None = Field(default=None, sa_type=Date)
    signals: list[str] = Field(sa_type=ARRAY(Text))
    ref_hash: int | None = Field(default=None, sa_type=BigInteger)
    device: bytes | None = Field(default=None, sa_type=LargeBinary)
    countersigned_by_person: int | None = Field(default=None, sa_type=BigInteger)
    revision: int = Field(sa_type=SmallInteger)
    reviewed_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    reviewed_by_person: int | None = Field(default=None, sa_type=BigInteger)


class ServiceEvent(SQLModel, table=True):
    __tablename__ = "service_event"
    __table_args__ = (
        ForeignKeyConstraint(["service_id"], ["service.id"], name="service_event_service_fkey"),
        Index("service_event_service", "service_id", "id"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    service_id: int = Field(sa_type=BigInteger)
    at: datetime = Field(sa_type=DateTime(timezone=True))
    by_person: int | None = Field(default=None, sa_type=BigInteger)
    role: str = Field(sa_type=Text)
    from_status: str | None = Field(default=None, sa_type=Text)
    to_status: str = Field(sa_type=Text)
    from_minutes: int | None = Field(default=None, sa_type=Integer)
    to_minutes: int | None = Field(default=None, sa_type=Integer)
    sealed_reason: bytes | None = Field(default=None, sa_type=LargeBinary)


class GuardianCode(SQLModel, table=True):
    __tablename__ = "guardian_code"
    __table_args__ = (
        UniqueConstraint("code_mac", name="guardian_code_key"),
        ForeignKeyConstraint(["person_id"], ["person.id"], name="guardian_code_person_fkey"),
        ForeignKeyConstraint(["programme_id"], ["programme.id"], name="guardian_code_programme_fkey"),
        Index("guardian_code_person", "person_id"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    person_id: int = Field(sa_type=BigInteger)
    programme_id: int = Field(sa_type=SmallInteger)
    code_mac: bytes = Field(sa_type=LargeBinary)
    created_at: datetime = Field(sa_type=DateTime(timezone=True))
    expires_at: datetime = Field(sa_type=DateTime(timezone=True))
    used_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    used_by: int | None = Field(default=None, sa_type=BigInteger)


class Certificate(SQLModel, table=True):
    __tablename__ = "certificate"
    __table_args__ = (
        UniqueConstraint("number", name="certificate_number_key"),
        UniqueConstraint("check_mac", name="certificate_check_key"),
        ForeignKeyConstraint(["volunteer_id"], ["volunteer.id"], name="certificate_volunteer_fkey"),
        ForeignKeyConstraint(["programme_id"], ["programme.id"], name="certificate_programme_fkey"),
        Index("certificate_volunteer", "volunteer_id", text("id DESC")),
        Index(
            "certificate_valid",
            "volunteer_id",
            "from_on",
            "until_on",
            unique=True,
            postgresql_where=text("(revoked_at IS NULL)"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    programme_id: int = Field(sa_type=SmallInteger)
    volunteer_id: int = Field(sa_type=BigInteger)
    number: str = Field(sa_type=Text)
    check_mac: bytes = Field(sa_type=LargeBinary)
    from_on: date = Field(sa_type=Date)
    until_on: date = Field(sa_type=Date)
    issued_on: date = Field(sa_type=Date)
    minutes: int = Field(sa_type=Integer)
    service_ids: list[int] = Field(sa_type=ARRAY(BigInteger))
    organisation_ids: list[int] = Field(sa_type=ARRAY(BigInteger))
    sealed_content: bytes = Field(sa_type=LargeBinary)
    is_certificate: bool = Field(sa_type=Boolean)
    revoked_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    revoked_by_person: int | None = Field(default=None, sa_type=BigInteger)
    sealed_reason: bytes | None = Field(default=None, sa_type=LargeBinary)


class VolunteerRecord(SQLModel, table=True):
    __tablename__ = "volunteer_record"
    __table_args__ = (
        UniqueConstraint("volunteer_id", "fact", name="volunteer_record_fact_key"),
        ForeignKeyConstraint(["volunteer_id"], ["volunteer.id"], name="volunteer_record_volunteer_fkey"),
        ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name="volunteer_record_organisation_fkey"),
        Index("volunteer_record_organisation", "organisation_id", "id"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    programme_id: int = Field(sa_type=SmallInteger)
    organisation_id: int = Field(sa_type=BigInteger)
    volunteer_id: int = Field(sa_type=BigInteger)
    kind: str = Field(sa_type=Text)
    dated_on: date = Field(sa_type=Date)
    fact: bytes = Field(sa_type=LargeBinary)
    sealed_content: bytes | None = Field(default=None, sa_type=LargeBinary)
    recorded_at: datetime = Field(sa_type=DateTime(timezone=True))
    recorded_by_person: int | None = Field(default=None, sa_type=BigInteger)
    corrected_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    declined_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
