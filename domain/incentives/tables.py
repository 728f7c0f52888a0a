"""Products, their shops and budgets, what has been used of an allowance, linked accounts and promised papers.

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
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel


class Product(SQLModel, table=True):
    __tablename__ = "product"
    __table_args__ = (
        UniqueConstraint("programme_id", "code", "version", name="product_version_key"),
        ForeignKeyConstraint(["programme_id"], ["programme.id"], name="product_programme_fkey"),
        ForeignKeyConstraint(["provider_id"], ["organisation.id"], name="product_provider_fkey"),
        Index(
            "product_current",
            "programme_id",
            "code",
            unique=True,
            postgresql_where=text("(status = ANY (ARRAY['PUBLISHED'::text, 'SUSPENDED'::text]))"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    programme_id: int = Field(sa_type=SmallInteger)
    code: str = Field(sa_type=Text)
    version: int = Field(sa_type=Integer)
    status: str = Field(sa_type=Text)
    provider_id: int = Field(sa_type=BigInteger)
    content: dict[str, Any] = Field(sa_type=JSONB)
    available_from: date | None = Field(default=None, sa_type=Date)
    available_until: date | None = Field(default=None, sa_type=Date)
    baseline_checked_on: date = Field(sa_type=Date)
    drafted_by: int | None = Field(default=None, sa_type=BigInteger)
    approved_by: int | None = Field(default=None, sa_type=BigInteger)
    status_reason: str | None = Field(default=None, sa_type=Text)


class ProductShop(SQLModel, table=True):
    __tablename__ = "product_shop"
    __table_args__ = (
        ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name="product_shop_organisation_fkey"),
        ForeignKeyConstraint(["product_id"], ["product.id"], name="product_shop_product_fkey"),
        Index("product_shop_organisation", "organisation_id"),
    )

    product_id: int = Field(primary_key=True, sa_type=BigInteger)
    organisation_id: int = Field(primary_key=True, sa_type=BigInteger)


class Budget(SQLModel, table=True):
    __tablename__ = "budget"
    __table_args__ = (ForeignKeyConstraint(["programme_id"], ["programme.id"], name="budget_programme_fkey"),)

    programme_id: int = Field(primary_key=True, sa_type=SmallInteger)
    product_code: str = Field(primary_key=True, sa_type=Text)
    window_start: date = Field(primary_key=True, sa_type=Date)
    window_end: date | None = Field(default=None, sa_type=Date)
    unit: str = Field(sa_type=Text)
    total: int = Field(sa_type=BigInteger)
    reserved: int = Field(sa_type=BigInteger)
    spent: int = Field(sa_type=BigInteger)


class BudgetAddition(SQLModel, table=True):
    __tablename__ = "budget_addition"
    __table_args__ = (ForeignKeyConstraint(["programme_id"], ["programme.id"], name="budget_addition_programme_fkey"),)

    programme_id: int = Field(primary_key=True, sa_type=SmallInteger)
    product_code: str = Field(primary_key=True, sa_type=Text)
    decision_ref: str = Field(primary_key=True, sa_type=Text)
    amount: int = Field(sa_type=BigInteger)
    proposed_by: int = Field(sa_type=BigInteger)
    proposed_at: datetime = Field(sa_type=DateTime(timezone=True))
    approved_by: int | None = Field(default=None, sa_type=BigInteger)
    approved_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    window_start: date | None = Field(default=None, sa_type=Date)


class AllowanceUse(SQLModel, table=True):
    __tablename__ = "allowance_use"

    holder: bytes = Field(primary_key=True, sa_type=LargeBinary)
    programme_id: int = Field(primary_key=True, sa_type=SmallInteger)
    product_code: str = Field(primary_key=True, sa_type=Text)
    window_start: date = Field(primary_key=True, sa_type=Date)
    window_end: date | None = Field(default=None, sa_type=Date)
    used: int = Field(sa_type=Integer)


class Entitlement(SQLModel, table=True):
    __tablename__ = "entitlement"
    __table_args__ = (
        ForeignKeyConstraint(["citizen_id"], ["citizen.id"], name="entitlement_citizen_fkey"),
        ForeignKeyConstraint(["rule_set_id"], ["rule_set.id"], name="entitlement_rule_set_fkey"),
    )

    citizen_id: int = Field(primary_key=True, sa_type=Integer)
    product_code: str = Field(primary_key=True, sa_type=Text)
    rule_set_id: int = Field(primary_key=True, sa_type=Integer)
    since: date = Field(sa_type=Date)
    until: date = Field(sa_type=Date)


class Uptake(SQLModel, table=True):
    __tablename__ = "uptake"
    __table_args__ = (ForeignKeyConstraint(["programme_id"], ["programme.id"], name="uptake_programme_fkey"),)

    programme_id: int = Field(primary_key=True, sa_type=SmallInteger)
    product_code: str = Field(primary_key=True, sa_type=Text)
    day: date = Field(primary_key=True, sa_type=Date)
    eligible_never_used: int = Field(sa_type=Integer)


class ServiceAccount(SQLModel, table=True):
    __tablename__ = "service_account"
    __table_args__ = (
        ForeignKeyConstraint(["citizen_id"], ["citizen.id"], name="service_account_citizen_fkey"),
        Index(
            "service_account_live",
            "citizen_id",
            "kind",
            "digest",
            unique=True,
            postgresql_where=text("(unlinked_at IS NULL)"),
        ),
        Index("service_account_citizen", "citizen_id"),
        Index("service_account_digest", "digest"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    citizen_id: int = Field(sa_type=Integer)
    kind: str = Field(sa_type=Text)
    sealed_number: bytes | None = Field(default=None, sa_type=LargeBinary)
    digest: bytes = Field(sa_type=LargeBinary)
    linked_at: datetime = Field(sa_type=DateTime(timezone=True))
    unlinked_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))


class PaperPromise(SQLModel, table=True):
    __tablename__ = "paper_promise"
    __table_args__ = (ForeignKeyConstraint(["citizen_id"], ["citizen.id"], name="paper_promise_citizen_fkey"),)

    citizen_id: int = Field(primary_key=True, sa_type=Integer)
    product_code: str = Field(primary_key=True, sa_type=Text)
    window_start: date = Field(primary_key=True, sa_type=Date)
    window_end: date | None = Field(default=None, sa_type=Date)
    digest: str = Field(sa_type=Text)
    signed_at: datetime = Field(sa_type=DateTime(timezone=True))
    broken_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
