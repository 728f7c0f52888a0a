"""Records, what became of them, scores and their changes.

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
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel


class CreditRecord(SQLModel, table=True):
    __tablename__ = "credit_record"
    __table_args__ = (
        ForeignKeyConstraint(["item_id"], ["item.id"], name="credit_record_item_fkey"),
        Index("credit_record_reference", "ref_hash"),
        {"postgresql_partition_by": "HASH (citizen_id)"},
    )

    citizen_id: int = Field(primary_key=True, sa_type=Integer)
    item_id: int = Field(sa_type=Integer)
    source_id: int = Field(primary_key=True, sa_type=BigInteger)
    ref_hash: int = Field(primary_key=True, sa_type=BigInteger)
    document_hash: int | None = Field(default=None, sa_type=BigInteger)
    quantity_x100: int | None = Field(default=None, sa_type=Integer)
    occurred_on: date = Field(sa_type=Date)
    ended_on: date | None = Field(default=None, sa_type=Date)
    determined_on: date | None = Field(default=None, sa_type=Date)
    recorded_at: datetime = Field(sa_type=DateTime(timezone=True))


class RecordDocument(SQLModel, table=True):
    __tablename__ = "record_document"
    __table_args__ = ({"postgresql_partition_by": "HASH (citizen_id)"},)

    citizen_id: int = Field(primary_key=True, sa_type=Integer)
    source_id: int = Field(primary_key=True, sa_type=BigInteger)
    ref_hash: int = Field(primary_key=True, sa_type=BigInteger)
    source_ref: str = Field(sa_type=Text)
    document_id: str | None = Field(default=None, sa_type=Text)
    evidence: str = Field(sa_type=Text)
    corrects: int | None = Field(default=None, sa_type=BigInteger)


class RecordEvent(SQLModel, table=True):
    __tablename__ = "record_event"
    __table_args__ = (Index("record_event_announced", "at", postgresql_where=text("(state = 'ANNOUNCED'::text)")),)

    citizen_id: int = Field(primary_key=True, sa_type=Integer)
    source_id: int = Field(primary_key=True, sa_type=BigInteger)
    ref_hash: int = Field(primary_key=True, sa_type=BigInteger)
    at: datetime = Field(primary_key=True, sa_type=DateTime(timezone=True))
    state: str = Field(sa_type=Text)
    reason: str | None = Field(default=None, sa_type=Text)


class Delivery(SQLModel, table=True):
    __tablename__ = "delivery"

    source_id: int = Field(primary_key=True, sa_type=BigInteger)
    reference: int = Field(primary_key=True, sa_type=BigInteger)
    content: int = Field(sa_type=BigInteger)
    ended: str | None = Field(default=None, sa_type=Text)
    revision: int = Field(sa_type=SmallInteger)


class ImportRun(SQLModel, table=True):
    __tablename__ = "import_run"
    __table_args__ = (
        ForeignKeyConstraint(["source_id"], ["organisation.id"], name="import_run_source_fkey"),
        Index("import_run_source", "source_id", text("id DESC")),
        Index(
            "import_run_open",
            "source_id",
            "kind",
            "digest",
            unique=True,
            postgresql_where=text("(finished_at IS NULL)"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    source_id: int = Field(sa_type=BigInteger)
    kind: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=DateTime(timezone=True))
    digest: bytes | None = Field(default=None, sa_type=LargeBinary)
    taken_bytes: int = Field(sa_type=BigInteger)
    taken_lines: int = Field(sa_type=BigInteger)
    refusal_bytes: int = Field(sa_type=BigInteger)
    accepted: int = Field(sa_type=Integer)
    duplicates: int = Field(sa_type=Integer)
    refused: int = Field(sa_type=Integer)
    refusals: list[dict[str, Any]] = Field(sa_type=JSONB)
    finished_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))


class RescorePart(SQLModel, table=True):
    __tablename__ = "rescore_part"
    __table_args__ = (
        ForeignKeyConstraint(["programme_id"], ["programme.id"], name="rescore_part_programme_fkey"),
        ForeignKeyConstraint(["rule_set_id"], ["rule_set.id"], name="rescore_part_rule_set_fkey"),
    )

    programme_id: int = Field(primary_key=True, sa_type=SmallInteger)
    part: int = Field(primary_key=True, sa_type=SmallInteger)
    rule_set_id: int = Field(sa_type=Integer)
    day: date = Field(sa_type=Date)
    reached: int = Field(sa_type=Integer)
    finished: bool = Field(sa_type=Boolean)


class Score(SQLModel, table=True):
    __tablename__ = "score"
    __table_args__ = (
        ForeignKeyConstraint(["rule_set_id"], ["rule_set.id"], name="score_rule_set_fkey"),
        {"postgresql_partition_by": "HASH (citizen_id)"},
    )

    citizen_id: int = Field(primary_key=True, sa_type=Integer)
    rule_set_id: int = Field(sa_type=Integer)
    points: int = Field(sa_type=Integer)
    as_of: date = Field(sa_type=Date)
    valid_until: date | None = Field(default=None, sa_type=Date)
    computed_at: datetime = Field(sa_type=DateTime(timezone=True))


class ScoreChange(SQLModel, table=True):
    __tablename__ = "score_change"
    __table_args__ = (Index("score_change_citizen", "citizen_id", text("id DESC")),)

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    citizen_id: int = Field(sa_type=Integer)
    at: datetime = Field(sa_type=DateTime(timezone=True))
    before: int = Field(sa_type=Integer)
    after: int = Field(sa_type=Integer)
    cause: dict[str, Any] = Field(sa_type=JSONB)
