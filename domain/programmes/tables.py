"""Programmes, their organisations, rule sets and items.

The CHECKs, policies and triggers stand in the migrations.
"""

from datetime import date, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Date,
    Float,
    ForeignKeyConstraint,
    Integer,
    Interval,
    SmallInteger,
    Text,
    UniqueConstraint,
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


class RuleSet(SQLModel, table=True):
    __tablename__ = "rule_set"
    __table_args__ = (
        UniqueConstraint("programme_id", "version", name="rule_set_version_key"),
        ForeignKeyConstraint(["programme_id"], ["programme.id"], name="rule_set_programme_fkey"),
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
