"""Notices. The unique key lets a job tell of the same thing only once.

The CHECKs, policies and triggers stand in the migrations.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, ForeignKeyConstraint, Index, SmallInteger, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel


class Notice(SQLModel, table=True):
    __tablename__ = "notice"
    __table_args__ = (
        UniqueConstraint("person_id", "programme_id", "kind", "subject", name="notice_once"),
        ForeignKeyConstraint(["person_id"], ["person.id"], name="notice_person_fkey"),
        ForeignKeyConstraint(["programme_id"], ["programme.id"], name="notice_programme_fkey"),
        Index("notice_person", "person_id", "programme_id", text("id DESC")),
        Index("notice_by_time", "at", postgresql_using="brin"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    person_id: int = Field(sa_type=BigInteger)
    programme_id: int = Field(sa_type=SmallInteger)
    at: datetime = Field(sa_type=DateTime(timezone=True))
    kind: str = Field(sa_type=Text)
    subject: str = Field(sa_type=Text)
    params: dict[str, Any] = Field(sa_type=JSONB)
    read_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
