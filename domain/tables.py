"""The tables that belong to no room: the audit trail, the outbox, the idempotency keys, guesses, and what upkeep notes.

The CHECKs, policies and triggers stand in the migrations.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

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
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel


class AuditEvent(SQLModel, table=True):
    __tablename__ = "audit_event"

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    at: datetime = Field(sa_type=DateTime(timezone=True))
    programme_id: int | None = Field(default=None, sa_type=SmallInteger)
    actor_person_id: int | None = Field(default=None, sa_type=BigInteger)
    role: str = Field(sa_type=Text)
    action: str = Field(sa_type=Text)
    object: dict[str, Any] = Field(sa_type=JSONB)


class AuditLink(SQLModel, table=True):
    __tablename__ = "audit_link"
    __table_args__ = (
        UniqueConstraint("position", name="audit_link_position_key"),
        ForeignKeyConstraint(["audit_id"], ["audit_event.id"], name="audit_link_event_fkey"),
    )

    audit_id: int = Field(primary_key=True, sa_type=BigInteger)
    position: int = Field(sa_type=BigInteger)
    previous: bytes = Field(sa_type=LargeBinary)
    hash: bytes = Field(sa_type=LargeBinary)


class Outbox(SQLModel, table=True):
    __tablename__ = "outbox"
    __table_args__ = (
        Index("outbox_unsent", "id", postgresql_where=text("(sent_at IS NULL)")),
        Index("outbox_sent", "sent_at", postgresql_where=text("(sent_at IS NOT NULL)")),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    at: datetime = Field(sa_type=DateTime(timezone=True))
    topic: str = Field(sa_type=Text)
    person_id: int | None = Field(default=None, sa_type=BigInteger)
    subject: str = Field(sa_type=Text)
    sent_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))


class Idempotency(SQLModel, table=True):
    __tablename__ = "idempotency"
    __table_args__ = (Index("idempotency_by_time", "at", postgresql_using="brin"),)

    principal: str = Field(primary_key=True, sa_type=Text)
    key: UUID = Field(primary_key=True, sa_type=Uuid)
    request_hash: bytes = Field(sa_type=LargeBinary)
    operation: str = Field(sa_type=Text)
    result: dict[str, Any] | None = Field(default=None, sa_type=JSONB)
    at: datetime = Field(sa_type=DateTime(timezone=True))


class Heartbeat(SQLModel, table=True):
    __tablename__ = "heartbeat"

    name: str = Field(primary_key=True, sa_type=Text)
    at: datetime = Field(sa_type=DateTime(timezone=True))
    runs: int = Field(sa_type=BigInteger, sa_column_kwargs={"server_default": "0"})
    failures: int = Field(sa_type=BigInteger, sa_column_kwargs={"server_default": "0"})


class DailyRun(SQLModel, table=True):
    __tablename__ = "daily_run"

    day: date = Field(primary_key=True, sa_type=Date)
    done_at: datetime = Field(sa_type=DateTime(timezone=True))


class Canary(SQLModel, table=True):
    __tablename__ = "canary"

    one: bool = Field(primary_key=True, sa_type=Boolean, sa_column_kwargs={"server_default": "true"})
    wrapped_key: bytes = Field(sa_type=LargeBinary)
    sealed: bytes = Field(sa_type=LargeBinary)


class Job(SQLModel, table=True):
    __tablename__ = "job"
    __table_args__ = (
        Index("job_waiting", "not_before", postgresql_where=text("((done_at IS NULL) AND (failed_at IS NULL))")),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    kind: str = Field(sa_type=Text)
    subject: int = Field(sa_type=BigInteger)
    not_before: datetime = Field(sa_type=DateTime(timezone=True))
    claimed_until: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    attempts: int = Field(sa_type=SmallInteger, sa_column_kwargs={"server_default": "0"})
    reached: int = Field(sa_type=SmallInteger, sa_column_kwargs={"server_default": "0"})
    done_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    failed_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    fault: str | None = Field(default=None, sa_type=Text)


class Guess(SQLModel, table=True):
    __tablename__ = "guess"

    guesser: bytes = Field(primary_key=True, sa_type=LargeBinary)
    minute: datetime = Field(primary_key=True, sa_type=DateTime(timezone=True))
    wrong: int = Field(sa_type=Integer)
