"""Presentations, redemptions and claims to accounts.

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


class Presentation(SQLModel, table=True):
    __tablename__ = "presentation"
    __table_args__ = (
        UniqueConstraint("code_mac", name="presentation_code_key"),
        ForeignKeyConstraint(["citizen_id"], ["citizen.id"], name="presentation_citizen_fkey"),
        ForeignKeyConstraint(["product_id"], ["product.id"], name="presentation_product_fkey"),
        ForeignKeyConstraint(["held_by"], ["terminal.id"], name="presentation_terminal_fkey"),
        Index("presentation_by_time", "expires_at", postgresql_using="brin"),
        Index(
            "presentation_citizen",
            "citizen_id",
            "product_id",
            postgresql_where=text("(status = ANY (ARRAY['OPEN'::text, 'HELD'::text, 'REFUSED'::text]))"),
        ),
        Index(
            "presentation_typed",
            "typed_mac",
            unique=True,
            postgresql_where=text("(status = ANY (ARRAY['OPEN'::text, 'HELD'::text, 'REFUSED'::text]))"),
        ),
        Index(
            "presentation_typed_ended",
            "typed_mac",
            postgresql_where=text("(status = ANY (ARRAY['REDEEMED'::text, 'EXPIRED'::text, 'CANCELLED'::text]))"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    citizen_id: int = Field(sa_type=Integer)
    programme_id: int = Field(sa_type=SmallInteger)
    product_id: int = Field(sa_type=BigInteger)
    voucher_kind: str | None = Field(default=None, sa_type=Text)
    code_mac: bytes | None = Field(default=None, sa_type=LargeBinary)
    typed_mac: bytes | None = Field(default=None, sa_type=LargeBinary)
    match_number: int = Field(sa_type=SmallInteger)
    status: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=DateTime(timezone=True))
    expires_at: datetime = Field(sa_type=DateTime(timezone=True))
    held_by: int | None = Field(default=None, sa_type=BigInteger)
    held_until: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    refusal: dict[str, Any] | None = Field(default=None, sa_type=JSONB)
    redemption_id: int | None = Field(default=None, sa_type=BigInteger)
    seen_by: int | None = Field(default=None, sa_type=BigInteger)


class ScanAttempt(SQLModel, table=True):
    __tablename__ = "scan_attempt"
    __table_args__ = (ForeignKeyConstraint(["terminal_id"], ["terminal.id"], name="scan_attempt_terminal_fkey"),)

    terminal_id: int = Field(primary_key=True, sa_type=BigInteger)
    minute: datetime = Field(primary_key=True, sa_type=DateTime(timezone=True))
    wrong: int = Field(sa_type=Integer)


class Redemption(SQLModel, table=True):
    __tablename__ = "redemption"
    __table_args__ = (
        UniqueConstraint("receipt_number", name="redemption_receipt_key"),
        ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name="redemption_organisation_fkey"),
        ForeignKeyConstraint(["product_id"], ["product.id"], name="redemption_product_fkey"),
        ForeignKeyConstraint(["terminal_id"], ["terminal.id"], name="redemption_terminal_fkey"),
        Index("redemption_organisation", "organisation_id", text("id DESC")),
        Index(
            "redemption_waiting",
            "programme_id",
            "status",
            postgresql_where=text(
                "(status = ANY (ARRAY['OPEN'::text, 'LATE'::text, 'CLAIM_PENDING'::text, 'CLAIM_SENT'::text]))"
            ),
        ),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    programme_id: int = Field(sa_type=SmallInteger)
    product_id: int = Field(sa_type=BigInteger)
    product_code: str = Field(sa_type=Text)
    organisation_id: int = Field(sa_type=BigInteger)
    terminal_id: int | None = Field(default=None, sa_type=BigInteger)
    receipt_number: str = Field(sa_type=Text)
    merchant_ref: str | None = Field(default=None, sa_type=Text)
    at: datetime = Field(sa_type=DateTime(timezone=True))
    status: str = Field(sa_type=Text)
    basis: int | None = Field(default=None, sa_type=Integer)
    relief: int | None = Field(default=None, sa_type=Integer)
    holder_pays: int | None = Field(default=None, sa_type=Integer)
    due_on: date | None = Field(default=None, sa_type=Date)
    match_number: int | None = Field(default=None, sa_type=SmallInteger)
    budget_window: date | None = Field(default=None, sa_type=Date)
    budget_taken: int = Field(sa_type=BigInteger)
    owed_fen: int = Field(sa_type=BigInteger)
    claim_fen: int | None = Field(default=None, sa_type=BigInteger)
    changed_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    change_reason: str | None = Field(default=None, sa_type=Text)
    claim_until: date | None = Field(default=None, sa_type=Date)
    contested_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))


class RedemptionHolder(SQLModel, table=True):
    __tablename__ = "redemption_holder"
    __table_args__ = (
        ForeignKeyConstraint(["citizen_id"], ["citizen.id"], name="redemption_holder_citizen_fkey"),
        ForeignKeyConstraint(["redemption_id"], ["redemption.id"], name="redemption_holder_redemption_fkey"),
        Index("redemption_holder_citizen", "citizen_id", text("redemption_id DESC")),
    )

    redemption_id: int = Field(primary_key=True, sa_type=BigInteger)
    citizen_id: int = Field(sa_type=Integer)
    holder: bytes = Field(sa_type=LargeBinary)
    allowance_window: date = Field(sa_type=Date)
    allowance_taken: int = Field(sa_type=Integer)
    allowance_code: str | None = Field(default=None, sa_type=Text)


class AccountClaim(SQLModel, table=True):
    __tablename__ = "account_claim"
    __table_args__ = (
        ForeignKeyConstraint(["redemption_id"], ["redemption.id"], name="account_claim_redemption_fkey"),
        ForeignKeyConstraint(["citizen_id"], ["citizen.id"], name="account_claim_citizen_fkey"),
        ForeignKeyConstraint(["account_id"], ["service_account.id"], name="account_claim_account_fkey"),
        Index("account_claim_waiting", "answer_by", postgresql_where=text("(answered_at IS NULL)")),
        Index("account_claim_account", "account_id"),
    )

    redemption_id: int = Field(primary_key=True, sa_type=BigInteger)
    citizen_id: int = Field(sa_type=Integer)
    account_id: int = Field(sa_type=BigInteger)
    answer_by: date = Field(sa_type=Date)
    seen_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    escalated_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    answered_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))


class StatementPayment(SQLModel, table=True):
    __tablename__ = "statement_payment"
    __table_args__ = (
        ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name="statement_payment_organisation_fkey"),
        ForeignKeyConstraint(["transfer_id"], ["transfer.id"], name="statement_payment_transfer_fkey"),
    )

    organisation_id: int = Field(primary_key=True, sa_type=BigInteger)
    month: date = Field(primary_key=True, sa_type=Date)
    amount_fen: int = Field(sa_type=BigInteger)
    payment_ref: str = Field(sa_type=Text)
    paid_at: datetime = Field(sa_type=DateTime(timezone=True))
    transfer_id: int = Field(sa_type=BigInteger)


class PartnerCode(SQLModel, table=True):
    __tablename__ = "partner_code"
    __table_args__ = (
        UniqueConstraint("programme_id", "product_code", "code_digest", name="partner_code_once"),
        UniqueConstraint("redemption_id", name="partner_code_redemption_key"),
        ForeignKeyConstraint(["programme_id"], ["programme.id"], name="partner_code_programme_fkey"),
        ForeignKeyConstraint(["redemption_id"], ["redemption.id"], name="partner_code_redemption_fkey"),
        Index(
            "partner_code_pool",
            "programme_id",
            "product_code",
            "id",
            postgresql_where=text("(redemption_id IS NULL)"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    programme_id: int = Field(sa_type=SmallInteger)
    product_code: str = Field(sa_type=Text)
    code_digest: bytes = Field(sa_type=LargeBinary)
    sealed_code: bytes = Field(sa_type=LargeBinary)
    wrapped_key: bytes = Field(sa_type=LargeBinary)
    loaded_at: datetime = Field(sa_type=DateTime(timezone=True))
    redemption_id: int | None = Field(default=None, sa_type=BigInteger)
    drawn_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))


class Reservation(SQLModel, table=True):
    __tablename__ = "reservation"
    __table_args__ = (
        ForeignKeyConstraint(["product_id"], ["product.id"], name="reservation_product_fkey"),
        ForeignKeyConstraint(["citizen_id"], ["citizen.id"], name="reservation_citizen_fkey"),
        Index(
            "reservation_live",
            "citizen_id",
            "product_code",
            unique=True,
            postgresql_where=text("(status = ANY (ARRAY['HELD'::text, 'WAITING'::text]))"),
        ),
        Index(
            "reservation_line",
            "programme_id",
            "product_code",
            "id",
            postgresql_where=text("(status = 'WAITING'::text)"),
        ),
        Index("reservation_held_until", "expires_at", postgresql_where=text("(status = 'HELD'::text)")),
        Index("reservation_citizen", "citizen_id", text("id DESC")),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    programme_id: int = Field(sa_type=SmallInteger)
    product_id: int = Field(sa_type=BigInteger)
    product_code: str = Field(sa_type=Text)
    citizen_id: int = Field(sa_type=Integer)
    status: str = Field(sa_type=Text)
    amount: int = Field(sa_type=BigInteger)
    budget_start: date | None = Field(default=None, sa_type=Date)
    created_at: datetime = Field(sa_type=DateTime(timezone=True))
    expires_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    ended_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
