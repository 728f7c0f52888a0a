"""What people agreed to, and who looked at them.

The CHECKs, policies and triggers stand in the migrations.
"""

from datetime import date, datetime
from typing import Any

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
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel


class ConsentText(SQLModel, table=True):
    __tablename__ = "consent_text"
    __table_args__ = (ForeignKeyConstraint(["programme_id"], ["programme.id"], name="consent_text_programme_fkey"),)

    programme_id: int = Field(primary_key=True, sa_type=SmallInteger)
    purpose: str = Field(primary_key=True, sa_type=Text)
    version: int = Field(primary_key=True, sa_type=Integer)
    title: dict[str, Any] = Field(sa_type=JSONB)
    body: dict[str, Any] = Field(sa_type=JSONB)
    digest: str = Field(sa_type=Text)
    since: date | None = Field(default=None, sa_type=Date)


class Consent(SQLModel, table=True):
    __tablename__ = "consent"
    __table_args__ = (
        ForeignKeyConstraint(["person_id"], ["person.id"], name="consent_person_fkey"),
        ForeignKeyConstraint(
            ["programme_id", "purpose", "version"],
            ["consent_text.programme_id", "consent_text.purpose", "consent_text.version"],
            name="consent_text_fkey",
        ),
        Index(
            "consent_live",
            "person_id",
            "programme_id",
            "purpose",
            unique=True,
            postgresql_where=text("(withdrawn_at IS NULL)"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    person_id: int = Field(sa_type=BigInteger)
    programme_id: int = Field(sa_type=SmallInteger)
    purpose: str = Field(sa_type=Text)
    version: int = Field(sa_type=Integer)
    given_at: datetime = Field(sa_type=DateTime(timezone=True))
    withdrawn_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))


class AccessEvent(SQLModel, table=True):
    __tablename__ = "access_event"
    __table_args__ = (
        ForeignKeyConstraint(["person_id"], ["person.id"], name="access_event_person_fkey"),
        Index("access_event_person", "person_id", "programme_id", text("at DESC"), text("id DESC")),
        Index("access_event_by_time", "at", postgresql_using="brin"),
    )

    # Random: numbers in sequence would tell in which order shops have looked.
    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    person_id: int = Field(sa_type=BigInteger)
    programme_id: int = Field(sa_type=SmallInteger)
    at: datetime = Field(sa_type=DateTime(timezone=True))
    actor: dict[str, Any] = Field(sa_type=JSONB)
    role: str = Field(sa_type=Text)
    actor_person_id: int | None = Field(default=None, sa_type=BigInteger)
    purpose: str = Field(sa_type=Text)
    what: dict[str, Any] = Field(sa_type=JSONB)


class Export(SQLModel, table=True):
    __tablename__ = "export"
    __table_args__ = (
        ForeignKeyConstraint(["person_id"], ["person.id"], name="export_person_fkey"),
        Index("export_person", "person_id", "at"),
        Index("export_expiry", "expires_at"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    person_id: int = Field(sa_type=BigInteger)
    at: datetime = Field(sa_type=DateTime(timezone=True))
    expires_at: datetime = Field(sa_type=DateTime(timezone=True))
    sealed_document: bytes = Field(sa_type=LargeBinary)
