"""Objections, repairs, their steps and attachments, and the sealed copies of what was repaired.

The CHECKs, policies and triggers stand in the migrations.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Date,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field, SQLModel


class Objection(SQLModel, table=True):
    __tablename__ = "objection"
    __table_args__ = (
        UniqueConstraint("review_of", name="objection_review_once"),
        ForeignKeyConstraint(["person_id"], ["person.id"], name="objection_person_fkey"),
        ForeignKeyConstraint(["programme_id"], ["programme.id"], name="objection_programme_fkey"),
        ForeignKeyConstraint(["source_id"], ["organisation.id"], name="objection_source_fkey"),
        ForeignKeyConstraint(["review_of"], ["objection.id"], name="objection_review_fkey"),
        Index("objection_person", "person_id", "programme_id", text("id DESC")),
        Index("objection_due", "programme_id", "due_on", postgresql_where=text("(decided_at IS NULL)")),
        Index("objection_source", "source_id", postgresql_where=text("(source_id IS NOT NULL)")),
        Index(
            "objection_open",
            "person_id",
            "programme_id",
            "target",
            "subject_key",
            unique=True,
            postgresql_where=text("(status = ANY (ARRAY['OPEN'::text, 'WITH_SOURCE'::text, 'EXTENDED'::text]))"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    person_id: int = Field(sa_type=BigInteger)
    citizen_id: int = Field(sa_type=Integer)
    programme_id: int = Field(sa_type=SmallInteger)
    target: str = Field(sa_type=Text)
    subject_key: list[int] = Field(sa_type=ARRAY(BigInteger))
    sealed_reason: bytes = Field(sa_type=LargeBinary)
    status: str = Field(sa_type=Text)
    opened_at: datetime = Field(sa_type=DateTime(timezone=True))
    opened_on: date = Field(sa_type=Date)
    due_on: date = Field(sa_type=Date)
    provisional: bool = Field(sa_type=Boolean)
    review_of: int | None = Field(default=None, sa_type=BigInteger)
    eve: datetime = Field(sa_type=DateTime(timezone=True))
    extended_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    source_id: int | None = Field(default=None, sa_type=BigInteger)
    source_due_on: date | None = Field(default=None, sa_type=Date)
    sealed_question: bytes | None = Field(default=None, sa_type=LargeBinary)
    finding: str | None = Field(default=None, sa_type=Text)
    answered_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    handled_by: int | None = Field(default=None, sa_type=BigInteger)
    decided_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    decided_by: int | None = Field(default=None, sa_type=BigInteger)
    sealed_decision: bytes | None = Field(default=None, sa_type=LargeBinary)
    remedy_until: date | None = Field(default=None, sa_type=Date)
    restored: list[int] = Field(sa_type=ARRAY(BigInteger))


class Repair(SQLModel, table=True):
    __tablename__ = "repair"
    __table_args__ = (
        ForeignKeyConstraint(["person_id"], ["person.id"], name="repair_person_fkey"),
        ForeignKeyConstraint(["programme_id"], ["programme.id"], name="repair_programme_fkey"),
        Index("repair_person", "person_id", "programme_id", text("id DESC")),
        Index("repair_due", "programme_id", "due_on", postgresql_where=text("(decided_at IS NULL)")),
        Index(
            "repair_open",
            "citizen_id",
            "source_id",
            "ref_hash",
            unique=True,
            postgresql_where=text("(decided_at IS NULL)"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    person_id: int = Field(sa_type=BigInteger)
    citizen_id: int = Field(sa_type=Integer)
    programme_id: int = Field(sa_type=SmallInteger)
    source_id: int = Field(sa_type=BigInteger)
    ref_hash: int = Field(sa_type=BigInteger)
    sealed_statement: bytes = Field(sa_type=LargeBinary)
    status: str = Field(sa_type=Text)
    opened_at: datetime = Field(sa_type=DateTime(timezone=True))
    due_on: date = Field(sa_type=Date)
    provisional: bool = Field(sa_type=Boolean)
    extended_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    decided_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    decided_by: int | None = Field(default=None, sa_type=BigInteger)
    sealed_decision: bytes | None = Field(default=None, sa_type=LargeBinary)
    remedy_until: date | None = Field(default=None, sa_type=Date)


class RepairedRecord(SQLModel, table=True):
    __tablename__ = "repaired_record"
    __table_args__ = (ForeignKeyConstraint(["repair_id"], ["repair.id"], name="repaired_record_repair_fkey"),)

    repair_id: int = Field(primary_key=True, sa_type=BigInteger)
    person_id: int = Field(sa_type=BigInteger)
    programme_id: int = Field(sa_type=SmallInteger)
    at: datetime = Field(sa_type=DateTime(timezone=True))
    wrapped_key: bytes = Field(sa_type=LargeBinary)
    sealed_copy: bytes = Field(sa_type=LargeBinary)


class Attachment(SQLModel, table=True):
    __tablename__ = "attachment"
    __table_args__ = (
        ForeignKeyConstraint(["person_id"], ["person.id"], name="attachment_person_fkey"),
        ForeignKeyConstraint(["objection_id"], ["objection.id"], name="attachment_objection_fkey"),
        ForeignKeyConstraint(["repair_id"], ["repair.id"], name="attachment_repair_fkey"),
        Index("attachment_person", "person_id"),
        Index("attachment_objection", "objection_id", postgresql_where=text("(objection_id IS NOT NULL)")),
        Index("attachment_repair", "repair_id", postgresql_where=text("(repair_id IS NOT NULL)")),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    person_id: int = Field(sa_type=BigInteger)
    programme_id: int = Field(sa_type=SmallInteger)
    at: datetime = Field(sa_type=DateTime(timezone=True))
    media_type: str = Field(sa_type=Text)
    sealed_name: bytes = Field(sa_type=LargeBinary)
    sealed_content: bytes = Field(sa_type=LargeBinary)
    size_bytes: int = Field(sa_type=Integer)
    digest: str = Field(sa_type=Text)
    objection_id: int | None = Field(default=None, sa_type=BigInteger)
    repair_id: int | None = Field(default=None, sa_type=BigInteger)


class CaseStep(SQLModel, table=True):
    __tablename__ = "case_step"
    __table_args__ = (
        ForeignKeyConstraint(["objection_id"], ["objection.id"], name="case_step_objection_fkey"),
        ForeignKeyConstraint(["repair_id"], ["repair.id"], name="case_step_repair_fkey"),
        Index("case_step_objection", "objection_id", "id", postgresql_where=text("(objection_id IS NOT NULL)")),
        Index("case_step_repair", "repair_id", "id", postgresql_where=text("(repair_id IS NOT NULL)")),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    person_id: int = Field(sa_type=BigInteger)
    programme_id: int = Field(sa_type=SmallInteger)
    objection_id: int | None = Field(default=None, sa_type=BigInteger)
    repair_id: int | None = Field(default=None, sa_type=BigInteger)
    at: datetime = Field(sa_type=DateTime(timezone=True))
    by: dict[str, Any] = Field(sa_type=JSONB)
    kind: str = Field(sa_type=Text)
    params: dict[str, Any] = Field(sa_type=JSONB)
    sealed_text: bytes | None = Field(default=None, sa_type=LargeBinary)
    due_on: date | None = Field(default=None, sa_type=Date)
    provisional: bool = Field(sa_type=Boolean)
