"""Proving the books: every account from its transfers, every sale, budget and allowance against the ledger."""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.ledger import queries as ledger
from domain.redemption.queries import sales

_PATIENCE = text("SET LOCAL statement_timeout = 0")
_COUNTS = text("""
    SELECT (SELECT count(*) FROM account) AS accounts,
        (SELECT count(*) FROM redemption) AS sales,
        (SELECT count(*) FROM budget) AS budgets,
        count(*) AS transfers,
        coalesce(sum(t.amount_fen) FILTER (WHERE t.state = 'POSTED' AND d.kind = 'CITY' AND c.kind = 'BUDGET'), 0)
            AS paid_in_fen,
        coalesce(sum(t.amount_fen) FILTER (WHERE t.state = 'POSTED' AND c.kind = 'PAYABLE'), 0)
            - coalesce(sum(t.amount_fen) FILTER (WHERE t.state = 'POSTED' AND d.kind = 'PAYABLE'), 0) AS owed_fen,
        coalesce(sum(t.amount_fen) FILTER (WHERE t.state = 'PENDING' AND r.id IS NULL), 0) AS held_fen
    FROM transfer AS t
    JOIN account AS d ON d.id = t.debit_id
    JOIN account AS c ON c.id = t.credit_id
    LEFT JOIN transfer AS r ON r.resolves = t.id
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """The first row that does not fit, and why."""

    place: str
    fault: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """How much there is, in rows and in fen, and the first fault; None when everything agrees."""

    accounts: int
    transfers: int
    sales: int
    budgets: int
    paid_in_fen: int
    owed_fen: int
    held_fen: int
    fault: Fault | None


async def prove(session: AsyncSession) -> Proof:
    """Adds everything up from the rows. Each statement sees one moment. Runs as the worker."""
    await session.execute(_PATIENCE)
    row = (await session.execute(_COUNTS)).one()
    return Proof(
        accounts=row.accounts,
        transfers=row.transfers,
        sales=row.sales,
        budgets=row.budgets,
        paid_in_fen=int(row.paid_in_fen),
        owed_fen=int(row.owed_fen),
        held_fen=int(row.held_fen),
        fault=await first_fault(session),
    )


async def first_fault(session: AsyncSession) -> Fault | None:
    """The first row of the ledger that does not fit, else the first sale, budget or allowance."""
    broken = await ledger.first_fault(session)
    if broken is not None:
        return Fault(place=_place(broken), fault=broken.fault)
    found = await sales.first_fault(session)
    return None if found is None else Fault(place=found[0], fault=found[1])


def _place(fault: ledger.Fault) -> str:
    if fault.transfer_id is not None:
        return f"transfer {fault.transfer_id}"
    return "all accounts" if fault.account_id is None else f"account {fault.account_id}"
