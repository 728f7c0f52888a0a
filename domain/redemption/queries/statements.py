"""SQL over a shop's month. What it sums up stands in the migrations, since the office reads no single sale."""

from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.redemption.rules.statements import Month, Statement, statement_of
from domain.values import Fragment

_STATEMENT: Final = """
    SELECT statement_of(CAST(:{name}organisation AS bigint), CAST(:{name}month AS date),
        CAST(:{name}since AS timestamptz), CAST(:{name}until AS timestamptz))
"""
_READ = text(_STATEMENT.format(name=""))
_PAY = text("""
    INSERT INTO statement_payment (organisation_id, month, amount_fen, payment_ref, paid_at, transfer_id)
    VALUES (:organisation, :month, :amount_fen, :payment_ref, :now, :transfer)
    ON CONFLICT ON CONSTRAINT statement_payment_pkey DO NOTHING
    RETURNING organisation_id
""")


async def statement(session: AsyncSession, *, organisation_id: int, month: Month) -> Statement | None:
    """A shop's month; None for a shop that is not the caller's."""
    raw = (await session.execute(_READ, params=_values("", organisation_id, month))).scalar_one()
    return None if raw is None else statement_of(raw)


async def pay(
    session: AsyncSession, now: datetime, *, statement: Statement, payment_ref: str, transfer_id: int
) -> bool:
    """Writes that a month is paid; False when it is already."""
    values = {
        "organisation": statement.organisation_id,
        "month": statement.month,
        "amount_fen": statement.payable_fen,
        "payment_ref": payment_ref,
        "transfer": transfer_id,
        "now": now,
    }
    return (await session.execute(_PAY, params=values)).one_or_none() is not None


def statement_fragment(name: str, *, organisation_id: int, month: Month) -> Fragment:
    """A shop's month, for `statement_of`."""
    return Fragment(sql=_STATEMENT.format(name=f"{name}_"), binds=_values(f"{name}_", organisation_id, month))


def _values(name: str, organisation_id: int, month: Month) -> dict[str, object]:
    return {
        f"{name}organisation": organisation_id,
        f"{name}month": month.first,
        f"{name}since": month.since,
        f"{name}until": month.until,
    }
