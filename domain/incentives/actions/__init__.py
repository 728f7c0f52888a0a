"""Putting products into force, and money into their budgets."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from domain.incentives import queries
from domain.incentives.rules.standing import budget_window
from domain.ledger.actions import budget_account, fund_budget
from domain.programmes.rules.codec import to_json
from domain.programmes.rules.document import Product
from domain.programmes.rules.terms import BudgetUnit


async def publish_products(session: AsyncSession, *, programme_id: int, products: Sequence[Product]) -> None:
    """Publishes checked products; one that differs from its published version becomes the next version."""
    changed = await queries.replace_products(
        session, programme_id=programme_id, products=[to_json(product) for product in products]
    )
    await queries.add_products(session, programme_id=programme_id, products=changed)
    await queries.save_shops(session, programme_id=programme_id)


async def open_budgets(session: AsyncSession, now: datetime, *, programme_id: int, today: date) -> int:
    """Opens the budget of this window and of the next one for every product; gives how many were opened.

    The next one is there before its window begins, so that nobody stands at a till at midnight without money. What is
    open stays as it is. Runs as the worker.
    """
    products = await queries.published(session, programme_id=programme_id)
    return await open_windows(session, now, programme_id=programme_id, windows=budget_windows(products, today))


def budget_windows(products: Sequence[Product], today: date) -> list[dict[str, object]]:
    """The budgets of this window and of the next one, for every product that has any."""
    return [row for product in products for row in _budget_rows(product, today)]


async def open_windows(
    session: AsyncSession, now: datetime, *, programme_id: int, windows: Sequence[Mapping[str, object]]
) -> int:
    """Opens those of these budgets that are not open yet; gives how many were. Runs as the worker."""
    opened = await queries.add_budgets(session, programme_id=programme_id, budgets=windows)
    for row in opened:
        if row.unit == BudgetUnit.FEN.value:
            await fund_budget(
                session,
                now,
                programme_id=programme_id,
                budget=budget_account(row.product_code, row.window_start),
                amount_fen=row.total,
                reason="budget",
            )
    return len(opened)


def _budget_rows(product: Product, today: date) -> list[dict[str, object]]:
    """One row for the window of today, and one for the window after it, where there is one."""
    rows: list[dict[str, object]] = []
    window = budget_window(product, today)
    while product.budget is not None and window is not None and len(rows) < 2:
        start, end = window
        rows.append(
            {
                "product_code": product.code,
                "window_start": start.isoformat(),
                "window_end": None if end is None else end.isoformat(),
                "unit": product.budget.unit.value,
                "total": product.budget.amount,
            }
        )
        window = None if end is None else budget_window(product, end)
    return rows
