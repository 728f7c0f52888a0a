"""SQL over sales that were made: locking one for its shop, and how it ends."""

from datetime import date, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.redemption.rules.ends import Sale

_REVEAL = text("SELECT reveal_by_redemption(:redemption)")
_LOCK = text("""
    SELECT r.id, r.programme_id, r.product_code, r.at, r.status, r.due_on, r.budget_window, r.budget_taken, r.owed_fen
    FROM redemption AS r
    WHERE r.id = :redemption AND r.organisation_id = identity_organisation()
    FOR UPDATE
""")
_HOLDER = text("""
    SELECT c.person_id, h.holder, h.allowance_window, h.allowance_taken
    FROM redemption_holder AS h
    JOIN citizen AS c ON c.id = h.citizen_id
    WHERE h.redemption_id = :redemption
""")
_END = text("""
    UPDATE redemption
    SET status = :status, changed_at = :now, change_reason = :reason, claim_fen = :claim_fen
    WHERE id = :redemption
""")
_EXTEND = text("""
    UPDATE redemption
    SET status = 'OPEN', due_on = :due_on, changed_at = :now, change_reason = :reason
    WHERE id = :redemption
""")
# What was sold, against what the ledger moved and what the budgets say.
_FIRST_FAULT = text("""
    WITH unresolved AS (
        SELECT t.id FROM transfer AS t
        WHERE t.state = 'PENDING' AND NOT EXISTS (SELECT FROM transfer AS r WHERE r.resolves = t.id)
    ), moved AS (
        SELECT t.redemption_id,
            sum(CASE WHEN t.state = 'POSTED' AND d.kind IN ('BUDGET', 'CITY') THEN t.amount_fen
                WHEN t.state = 'POSTED' AND c.kind IN ('BUDGET', 'CITY') THEN -t.amount_fen
                WHEN t.id IN (SELECT u.id FROM unresolved AS u) THEN t.amount_fen
                ELSE 0 END) AS fen
        FROM transfer AS t
        JOIN account AS d ON d.id = t.debit_id
        JOIN account AS c ON c.id = t.credit_id
        WHERE t.redemption_id IS NOT NULL
        GROUP BY t.redemption_id
    ), kept AS (
        SELECT a.programme_id, a.owner,
            coalesce(sum(t.amount_fen) FILTER (WHERE t.state = 'POSTED' AND d.kind = 'CITY'), 0) AS total,
            coalesce(sum(CASE WHEN t.debit_id = a.id THEN t.amount_fen ELSE -t.amount_fen END)
                FILTER (WHERE t.state = 'POSTED' AND d.kind <> 'CITY'), 0) AS spent,
            coalesce(sum(t.amount_fen) FILTER (WHERE t.id IN (SELECT u.id FROM unresolved AS u)), 0) AS reserved
        FROM account AS a
        JOIN transfer AS t ON t.debit_id = a.id OR t.credit_id = a.id
        JOIN account AS d ON d.id = t.debit_id
        WHERE a.kind = 'BUDGET'
        GROUP BY a.programme_id, a.owner
    )
    SELECT 'redemption ' || r.receipt_number AS place, 'its transfers do not add up to what it owes' AS fault
    FROM redemption AS r
    LEFT JOIN moved AS m ON m.redemption_id = r.id
    WHERE coalesce(m.fen, 0) <> CASE
        WHEN r.status IN ('REVERSED', 'RELEASED') OR (r.status = 'COMPLETED' AND r.due_on IS NOT NULL) THEN 0
        WHEN r.status = 'CLAIMED' THEN r.claim_fen
        ELSE r.owed_fen END
    UNION ALL
    SELECT 'budget ' || b.product_code || '/' || b.window_start, 'it differs from its account'
    FROM budget AS b
    LEFT JOIN kept AS k ON k.programme_id = b.programme_id AND k.owner = b.product_code || '/' || b.window_start
    WHERE b.unit = 'FEN' AND (b.total, b.spent, b.reserved) IS DISTINCT FROM (k.total, k.spent, k.reserved)
    UNION ALL
    SELECT 'budget ' || b.product_code || '/' || b.window_start, 'it differs from the pieces that were given'
    FROM budget AS b
    WHERE b.unit = 'PIECES' AND b.spent + b.reserved <> (
        SELECT coalesce(sum(r.budget_taken), 0) FROM redemption AS r
        WHERE r.programme_id = b.programme_id AND r.product_code = b.product_code
          AND r.budget_window = b.window_start AND r.status <> 'REVERSED')
    LIMIT 1
""")


async def lock(session: AsyncSession, *, redemption_id: int) -> Sale | None:
    """One sale of the caller's shop, locked, with whom it belongs to; None when there is none."""
    await session.execute(_REVEAL, params={"redemption": redemption_id})
    row = (await session.execute(_LOCK, params={"redemption": redemption_id})).one_or_none()
    if row is None:
        return None
    holder = (await session.execute(_HOLDER, params={"redemption": redemption_id})).one_or_none()
    return Sale(
        id=row.id,
        programme_id=row.programme_id,
        product_code=row.product_code,
        at=row.at,
        status=row.status,
        due_on=row.due_on,
        budget_window=row.budget_window,
        budget_taken=row.budget_taken,
        owed_fen=row.owed_fen,
        person_id=None if holder is None else holder.person_id,
        holder=None if holder is None else holder.holder,
        allowance_window=None if holder is None else holder.allowance_window,
        allowance_taken=0 if holder is None else holder.allowance_taken,
    )


async def end(
    session: AsyncSession,
    now: datetime,
    *,
    redemption_id: int,
    status: str,
    reason: str | None,
    claim_fen: int | None = None,
) -> None:
    """Writes how a sale has ended."""
    values = {"redemption": redemption_id, "status": status, "reason": reason, "claim_fen": claim_fen, "now": now}
    await session.execute(_END, params=values)


async def extend(session: AsyncSession, now: datetime, *, redemption_id: int, due_on: date, reason: str) -> None:
    """Writes a later day on which it is due."""
    values = {"redemption": redemption_id, "due_on": due_on, "reason": reason, "now": now}
    await session.execute(_EXTEND, params=values)


async def first_fault(session: AsyncSession) -> tuple[str, str] | None:
    """The first sale or budget that does not fit the ledger: where, and why."""
    row = (await session.execute(_FIRST_FAULT)).one_or_none()
    return None if row is None else (row.place, row.fault)
