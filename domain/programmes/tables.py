"""Programmes, their organisations, rule sets and items.

The CHECKs, policies and triggers stand in the migrations.
"""

from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Date,
    DateTime,
    Float,
    ForeignKeyConstraint,
    Index,
    Integer,
    Interval,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field, SQLModel


class Programme(SQLModel, table=True):
    __tablename__ = "programme"
    __table_args__ = (UniqueConstraint("code", name="programme_code_key"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=SmallInteger)
    code: str = Field(sa_type=Text)
    content: dict[str, Any] = Field(sa_type=JSONB)


class Organisation(SQLModel, table=True):
    __tablename__ = "organisation"
    __table_args__ = (
        UniqueConstraint("programme_id", "code", name="organisation_code_key"),
        ForeignKeyConstraint(["programme_id"], ["programme.id"], name="organisation_programme_fkey"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    programme_id: int = Field(sa_type=SmallInteger)
    code: str = Field(sa_type=Text)
    kind: str = Field(sa_type=Text)
    name: dict[str, Any] = Field(sa_type=JSONB)
    category: dict[str, Any] = Field(sa_type=JSONB)
    address: dict[str, Any] | None = Field(default=None, sa_type=JSONB)
    lat: float | None = Field(default=None, sa_type=Float(53))
    lon: float | None = Field(default=None, sa_type=Float(53))
    registration_number: str | None = Field(default=None, sa_type=Text)
    status: str = Field(sa_type=Text)
    status_reason: str | None = Field(default=None, sa_type=Text)
    applied_by: int | None = Field(default=None, sa_type=BigInteger)


class Commitment(SQLModel, table=True):
    __tablename__ = "commitment"
    __table_args__ = (
        ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name="commitment_organisation_fkey"),
    )

    organisation_id: int = Field(primary_key=True, sa_type=BigInteger)
    version: int = Field(primary_key=True, sa_type=Integer)
    digest: str = Field(sa_type=Text)
    body: dict[str, Any] = Field(sa_type=JSONB)
    signed_on: date = Field(sa_type=Date)
    signed_by: int | None = Field(default=None, sa_type=BigInteger)


class RuleSet(SQLModel, table=True):
    __tablename__ = "rule_set"
    __table_args__ = (
        UniqueConstraint("programme_id", "version", name="rule_set_version_key"),
        ForeignKeyConstraint(["programme_id"], ["programme.id"], name="rule_set_programme_fkey"),
        ForeignKeyConstraint(["assessment_id"], ["dry_run.id"], name="rule_set_assessment_fkey", use_alter=True),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=Integer)
    programme_id: int = Field(sa_type=SmallInteger)
    version: int = Field(sa_type=Integer)
    status: str = Field(sa_type=Text)
    effective_from: date | None = Field(default=None, sa_type=Date)
    effective_until: date | None = Field(default=None, sa_type=Date)
    base_points: int = Field(sa_type=Integer)
    floor_points: int = Field(sa_type=Integer)
    ceiling_points: int = Field(sa_type=Integer)
    content: dict[str, Any] = Field(sa_type=JSONB)
    drafted_by: int | None = Field(default=None, sa_type=BigInteger)
    approved_by: int | None = Field(default=None, sa_type=BigInteger)
    assessment_id: int | None = Field(default=None, sa_type=BigInteger)


class ProgrammeFigures(SQLModel, table=True):
    __tablename__ = "programme_figures"
    __table_args__ = (
        ForeignKeyConstraint(["programme_id"], ["programme.id"], name="programme_figures_programme_fkey"),
    )

    programme_id: int = Field(primary_key=True, sa_type=SmallInteger)
    year: int = Field(primary_key=True, sa_type=SmallInteger)
    day: date = Field(sa_type=Date)
    content: dict[str, Any] = Field(sa_type=JSONB)


class Consultation(SQLModel, table=True):
    __tablename__ = "consultation"
    __table_args__ = (ForeignKeyConstraint(["rule_set_id"], ["rule_set.id"], name="consultation_rule_set_fkey"),)

    rule_set_id: int = Field(primary_key=True, sa_type=Integer)
    opens_on: date = Field(sa_type=Date)
    closes_on: date = Field(sa_type=Date)
    comments: int = Field(sa_type=Integer, sa_column_kwargs={"server_default": "0"})
    answer: str | None = Field(default=None, sa_type=Text)


class RuleComment(SQLModel, table=True):
    __tablename__ = "rule_comment"
    __table_args__ = (
        ForeignKeyConstraint(["rule_set_id"], ["consultation.rule_set_id"], name="rule_comment_consultation_fkey"),
        ForeignKeyConstraint(["person_id"], ["person.id"], name="rule_comment_person_fkey"),
        Index("rule_comment_rule_set", "rule_set_id", "id"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    rule_set_id: int = Field(sa_type=Integer)
    person_id: int = Field(sa_type=BigInteger)
    at: datetime = Field(sa_type=DateTime(timezone=True))
    body: str = Field(sa_type=Text)


class DryRun(SQLModel, table=True):
    __tablename__ = "dry_run"
    __table_args__ = (
        ForeignKeyConstraint(["rule_set_id"], ["rule_set.id"], name="dry_run_rule_set_fkey"),
        ForeignKeyConstraint(["against_id"], ["rule_set.id"], name="dry_run_against_fkey"),
        Index(
            "dry_run_open",
            "rule_set_id",
            unique=True,
            postgresql_where=text("(status = ANY (ARRAY['QUEUED'::text, 'RUNNING'::text]))"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    rule_set_id: int = Field(sa_type=Integer)
    against_id: int = Field(sa_type=Integer)
    day: date = Field(sa_type=Date)
    status: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=DateTime(timezone=True))
    done_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    problems: list[str] = Field(sa_type=ARRAY(Text))


class DryRunPart(SQLModel, table=True):
    __tablename__ = "dry_run_part"
    __table_args__ = (ForeignKeyConstraint(["dry_run_id"], ["dry_run.id"], name="dry_run_part_run_fkey"),)

    dry_run_id: int = Field(primary_key=True, sa_type=BigInteger)
    part: int = Field(primary_key=True, sa_type=SmallInteger)
    counts: dict[str, Any] = Field(sa_type=JSONB)


class Item(SQLModel, table=True):
    __tablename__ = "item"
    __table_args__ = (
        UniqueConstraint("programme_id", "code", name="item_code_key"),
        ForeignKeyConstraint(["programme_id"], ["programme.id"], name="item_programme_fkey"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=Integer)
    programme_id: int = Field(sa_type=SmallInteger)
    code: str = Field(sa_type=Text)


class RuleField(SQLModel, table=True):
    __tablename__ = "rule_field"
    __table_args__ = (ForeignKeyConstraint(["rule_set_id"], ["rule_set.id"], name="rule_field_rule_set_fkey"),)

    rule_set_id: int = Field(primary_key=True, sa_type=Integer)
    code: str = Field(primary_key=True, sa_type=Text)
    cap_points: int | None = Field(default=None, sa_type=Integer)
    cap_window: str | None = Field(default=None, sa_type=Text)


class RuleItem(SQLModel, table=True):
    __tablename__ = "rule_item"
    __table_args__ = (
        ForeignKeyConstraint(
            ["rule_set_id", "field_code"], ["rule_field.rule_set_id", "rule_field.code"], name="rule_item_field_fkey"
        ),
        ForeignKeyConstraint(["item_id"], ["item.id"], name="rule_item_item_fkey"),
        ForeignKeyConstraint(["rule_set_id"], ["rule_set.id"], name="rule_item_rule_set_fkey"),
    )

    rule_set_id: int = Field(primary_key=True, sa_type=Integer)
    item_id: int = Field(primary_key=True, sa_type=Integer)
    field_code: str = Field(sa_type=Text)
    merit: bool = Field(sa_type=Boolean)
    points: int | None = Field(default=None, sa_type=Integer)
    tier_window: str | None = Field(default=None, sa_type=Text)
    cap_points: int | None = Field(default=None, sa_type=Integer)
    cap_window: str | None = Field(default=None, sa_type=Text)
    valid_months: int | None = Field(default=None, sa_type=Integer)
    counts_from: str = Field(sa_type=Text)
    fact_key: list[str] = Field(sa_type=ARRAY(Text))


class RuleTier(SQLModel, table=True):
    __tablename__ = "rule_tier"
    __table_args__ = (
        ForeignKeyConstraint(
            ["rule_set_id", "item_id"], ["rule_item.rule_set_id", "rule_item.item_id"], name="rule_tier_item_fkey"
        ),
    )

    rule_set_id: int = Field(primary_key=True, sa_type=Integer)
    item_id: int = Field(primary_key=True, sa_type=Integer)
    from_quantity: int = Field(primary_key=True, sa_type=Integer)
    until_quantity: int | None = Field(default=None, sa_type=Integer)
    per: int = Field(sa_type=Integer)


class CatalogueVersion(SQLModel, table=True):
    __tablename__ = "catalogue_version"

    one: bool = Field(primary_key=True, sa_type=Boolean)
    version: int = Field(sa_type=BigInteger)


class Clock(SQLModel, table=True):
    __tablename__ = "clock"

    one: bool = Field(primary_key=True, sa_type=Boolean)
    ahead: timedelta = Field(sa_type=Interval)
