"""Moving public money: a city pays for a budget. Taking and giving back happen with the sale, in one transaction."""

from datetime import date, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from domain.ledger import queries
from domain.ledger.queries import CITY, Account


def budget_account(product_code: str, window_start: date) -> Account:
    """The account behind one row of a budget."""
    return Account(kind="BUDGET", owner=f"{product_code}/{window_start.isoformat()}")


async def fund_budget(
    session: AsyncSession, now: datetime, *, programme_id: int, budget: Account, amount_fen: int, reason: str
) -> int:
    """The city puts money into a budget."""
    return await queries.post(
        session,
        now,
        programme_id=programme_id,
        debit=CITY,
        credit=budget,
        amount_fen=amount_fen,
        reason=reason,
    )
