"""Accounts and transfers of the double-entry ledger.

The CHECKs, policies and triggers stand in the migrations.
"""

from datetime import datetime

from sqlalchemy import BigInteger, DateTime, ForeignKeyConstraint, Index, SmallInteger, Text, UniqueConstraint
from sqlmodel import Field, SQLModel


class Account(SQLModel, table=True):
    __tablename__ = "account"
    __table_args__ = (
        UniqueConstraint("programme_id", "kind", "owner", name="account_key"),
        ForeignKeyConstraint(["programme_id"], ["programme.id"], name="account_programme_fkey"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    programme_id: int = Field(sa_type=SmallInteger)
    kind: str = Field(sa_type=Text)
    owner: str = Field(sa_type=Text)


class Transfer(SQLModel, table=True):
    __tablename__ = "transfer"
    __table_args__ = (
        UniqueConstraint("resolves", name="transfer_resolves_once"),
        ForeignKeyConstraint(["credit_id"], ["account.id"], name="transfer_credit_fkey"),
        ForeignKeyConstraint(["debit_id"], ["account.id"], name="transfer_debit_fkey"),
        ForeignKeyConstraint(["resolves"], ["transfer.id"], name="transfer_resolves_fkey"),
        Index("transfer_credit", "credit_id", "at"),
        Index("transfer_debit", "debit_id", "at"),
        Index("transfer_redemption", "redemption_id"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    programme_id: int = Field(sa_type=SmallInteger)
    debit_id: int = Field(sa_type=BigInteger)
    credit_id: int = Field(sa_type=BigInteger)
    amount_fen: int = Field(sa_type=BigInteger)
    state: str = Field(sa_type=Text)
    resolves: int | None = Field(default=None, sa_type=BigInteger)
    redemption_id: int | None = Field(default=None, sa_type=BigInteger)
    reason: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=DateTime(timezone=True))
