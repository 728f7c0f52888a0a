"""Persons, citizens, staff and the sessions in which they are signed in.

The CHECKs, policies and triggers stand in the migrations.
"""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Date,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field, SQLModel


class Person(SQLModel, table=True):
    __tablename__ = "person"
    __table_args__ = (
        UniqueConstraint("issuer", "subject", name="person_issuer_subject_key"),
        Index("person_identity_digest", "identity_digest"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    issuer: str = Field(sa_type=Text)
    subject: str = Field(sa_type=Text)
    sealed_name: bytes | None = Field(default=None, sa_type=LargeBinary)
    sealed_birth_date: bytes | None = Field(default=None, sa_type=LargeBinary)
    sealed_identity_ref: bytes | None = Field(default=None, sa_type=LargeBinary)
    identity_digest: bytes | None = Field(default=None, sa_type=LargeBinary)
    created_at: datetime = Field(sa_type=DateTime(timezone=True))


class PersonKey(SQLModel, table=True):
    __tablename__ = "person_key"
    __table_args__ = (ForeignKeyConstraint(["person_id"], ["person.id"], name="person_key_person_fkey"),)

    person_id: int = Field(primary_key=True, sa_type=BigInteger)
    wrapped_key: bytes = Field(sa_type=LargeBinary)


class Citizen(SQLModel, table=True):
    __tablename__ = "citizen"
    __table_args__ = (
        UniqueConstraint("person_id", "programme_id", name="citizen_person_programme_key"),
        ForeignKeyConstraint(["person_id"], ["person.id"], name="citizen_person_fkey"),
        ForeignKeyConstraint(["programme_id"], ["programme.id"], name="citizen_programme_fkey"),
        Index("citizen_identity", "programme_id", "identity_digest", unique=True),
        Index("citizen_pseudonym", "pseudonym", unique=True),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=Integer)
    person_id: int = Field(sa_type=BigInteger)
    programme_id: int = Field(sa_type=SmallInteger)
    identity_digest: bytes = Field(sa_type=LargeBinary)
    pseudonym: bytes = Field(sa_type=LargeBinary)
    scored_from: date | None = Field(default=None, sa_type=Date)
    birth_cohort: int = Field(sa_type=SmallInteger)
    registration_kind: str = Field(sa_type=Text)
    groups: list[str] = Field(sa_type=ARRAY(Text))
    joined_at: datetime = Field(sa_type=DateTime(timezone=True))
    left_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))


class Staff(SQLModel, table=True):
    __tablename__ = "staff"
    __table_args__ = (
        UniqueConstraint(
            "person_id",
            "role",
            "programme_id",
            "organisation_id",
            name="staff_once",
            postgresql_nulls_not_distinct=True,
        ),
        ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name="staff_organisation_fkey"),
        ForeignKeyConstraint(["person_id"], ["person.id"], name="staff_person_fkey"),
        ForeignKeyConstraint(["programme_id"], ["programme.id"], name="staff_programme_fkey"),
        ForeignKeyConstraint(["terminal_id"], ["terminal.id"], name="staff_terminal_fkey"),
        Index("staff_organisation", "organisation_id"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    person_id: int = Field(sa_type=BigInteger)
    role: str = Field(sa_type=Text)
    programme_id: int = Field(sa_type=SmallInteger)
    organisation_id: int | None = Field(default=None, sa_type=BigInteger)
    terminal_id: int | None = Field(default=None, sa_type=BigInteger)
    display_name: str = Field(sa_type=Text)
    blocked_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))


class Terminal(SQLModel, table=True):
    __tablename__ = "terminal"
    __table_args__ = (
        ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name="terminal_organisation_fkey"),
        Index("terminal_organisation", "organisation_id"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    organisation_id: int = Field(sa_type=BigInteger)
    name: str = Field(sa_type=Text)
    pairing_mac: bytes | None = Field(default=None, sa_type=LargeBinary)
    blocked_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    last_seen_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))


class Invitation(SQLModel, table=True):
    __tablename__ = "invitation"
    __table_args__ = (
        UniqueConstraint("code_mac", name="invitation_code_key"),
        ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name="invitation_organisation_fkey"),
        ForeignKeyConstraint(["staff_id"], ["staff.id"], name="invitation_staff_fkey"),
        Index("invitation_open", "organisation_id", postgresql_where=text("(ended_at IS NULL)")),
        Index("invitation_staff", "staff_id"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    organisation_id: int = Field(sa_type=BigInteger)
    programme_id: int = Field(sa_type=SmallInteger)
    role: str = Field(sa_type=Text)
    contact_digest: bytes = Field(sa_type=LargeBinary)
    contact_masked: str = Field(sa_type=Text)
    code_mac: bytes = Field(sa_type=LargeBinary)
    invited_at: datetime = Field(sa_type=DateTime(timezone=True))
    expires_at: datetime = Field(sa_type=DateTime(timezone=True))
    ended_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    staff_id: int | None = Field(default=None, sa_type=BigInteger)


class RefreshSession(SQLModel, table=True):
    __tablename__ = "refresh_session"
    __table_args__ = (
        ForeignKeyConstraint(["person_id"], ["person.id"], name="refresh_session_person_fkey"),
        Index("refresh_session_person", "person_id"),
    )

    id: UUID = Field(primary_key=True, sa_type=Uuid)
    person_id: int = Field(sa_type=BigInteger)
    role: str = Field(sa_type=Text)
    programme_code: str = Field(sa_type=Text)
    organisation_id: int | None = Field(default=None, sa_type=BigInteger)
    terminal_id: int | None = Field(default=None, sa_type=BigInteger)
    secret_hash: bytes = Field(sa_type=LargeBinary)
    issued_at: datetime = Field(sa_type=DateTime(timezone=True))
    expires_at: datetime = Field(sa_type=DateTime(timezone=True))
    rotated_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    ended_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    ended_reason: str | None = Field(default=None, sa_type=Text)


class PresenceCode(SQLModel, table=True):
    __tablename__ = "presence_code"
    __table_args__ = (
        UniqueConstraint("code_mac", name="presence_code_key"),
        ForeignKeyConstraint(["person_id"], ["person.id"], name="presence_code_person_fkey"),
        Index("presence_code_person", "person_id"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    person_id: int = Field(sa_type=BigInteger)
    programme_id: int = Field(sa_type=SmallInteger)
    code_mac: bytes = Field(sa_type=LargeBinary)
    created_at: datetime = Field(sa_type=DateTime(timezone=True))
    expires_at: datetime = Field(sa_type=DateTime(timezone=True))
    used_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    used_by: int | None = Field(default=None, sa_type=BigInteger)


class SourceClient(SQLModel, table=True):
    __tablename__ = "source_client"
    __table_args__ = (
        ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name="source_client_organisation_fkey"),
        ForeignKeyConstraint(["person_id"], ["person.id"], name="source_client_person_fkey"),
    )

    client_id: str = Field(primary_key=True, sa_type=Text)
    person_id: int = Field(sa_type=BigInteger)
    organisation_id: int = Field(sa_type=BigInteger)
    public_key: dict[str, str] = Field(sa_type=JSONB)
    registered_at: datetime = Field(sa_type=DateTime(timezone=True))


class ClientAssertion(SQLModel, table=True):
    __tablename__ = "client_assertion"

    client_id: str = Field(primary_key=True, sa_type=Text)
    jti: str = Field(primary_key=True, sa_type=Text)
    expires_at: datetime = Field(sa_type=DateTime(timezone=True))


class Household(SQLModel, table=True):
    __tablename__ = "household"
    __table_args__ = (ForeignKeyConstraint(["citizen_id"], ["citizen.id"], name="household_citizen_fkey"),)

    citizen_id: int = Field(primary_key=True, sa_type=Integer)
    since: date = Field(primary_key=True, sa_type=Date)
    dwelling: bytes = Field(sa_type=LargeBinary)
