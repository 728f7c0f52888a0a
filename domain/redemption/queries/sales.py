"""SQL over sales that were made: locking one for whoever may end it, and how it ends."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.actor import SHOP_ROLES, Actor, Role
from domain.redemption.rules.ends import Sale
from domain.values import words

_REVEAL = text("SELECT reveal_by_redemption(:redemption)")
_REVEAL_FOR_OFFICE = text("SELECT reveal_for_office(:redemption, :now)")
# A shop sees its own sales, an officer those of whom they have looked up, and the worker all.
_LOCK = text("""
    SELECT r.id, r.programme_id, r.product_id, r.product_code, r.organisation_id, r.receipt_number, r.at, r.status,
        r.due_on, r.budget_window, r.budget_taken, r.owed_fen, r.claim_fen, r.contested_at
    FROM redemption AS r
    WHERE r.id = :redemption
      AND (CAST(:organisation AS bigint) IS NULL OR r.organisation_id = CAST(:organisation AS bigint))
    FOR UPDATE
""")
_ABOUT = text("""
    SELECT g.content ->> 'timezone' AS timezone, p.content -> 'title' AS title, a.answered_at, c.id AS citizen_id,
        c.person_id, h.holder, h.allowance_window, coalesce(h.allowance_taken, 0) AS allowance_taken,
        coalesce(h.allowance_code, r.product_code) AS allowance_code,
        coalesce(b.unit = 'PIECES', false) AS pieces
    FROM redemption AS r
    JOIN programme AS g ON g.id = r.programme_id
    JOIN product AS p ON p.id = r.product_id
    LEFT JOIN redemption_holder AS h ON h.redemption_id = r.id
    LEFT JOIN citizen AS c ON c.id = h.citizen_id
    LEFT JOIN account_claim AS a ON a.redemption_id = r.id
    LEFT JOIN budget AS b ON b.programme_id = r.programme_id AND b.product_code = r.product_code
        AND b.window_start = r.budget_window
    WHERE r.id = :redemption
""")
_END = text("""
    UPDATE redemption
    SET status = :status, changed_at = :now, change_reason = coalesce(:reason, change_reason)
    WHERE id = :redemption
""")
_CLAIM = text("""
    UPDATE redemption
    SET status = 'CLAIM_PENDING', changed_at = :now, change_reason = :reason, claim_fen = :claim_fen,
        claim_until = :until
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
    ), holds AS (
        SELECT v.programme_id, v.product_code, v.budget_start, sum(v.amount) AS amount
        FROM reservation AS v
        WHERE v.status = 'HELD'
        GROUP BY v.programme_id, v.product_code, v.budget_start
    )
    SELECT 'redemption ' || r.receipt_number AS place, 'its transfers do not add up to what it owes' AS fault
    FROM redemption AS r
    LEFT JOIN moved AS m ON m.redemption_id = r.id
    WHERE coalesce(m.fen, 0) <> CASE
        WHEN r.status IN ('REVERSED', 'RELEASED', 'REFUSED', 'EXPIRED')
            OR (r.status = 'COMPLETED' AND r.due_on IS NOT NULL) THEN 0
        WHEN r.status = 'CLAIMED' THEN r.claim_fen
        ELSE r.owed_fen END
    UNION ALL
    SELECT 'budget ' || b.product_code || '/' || b.window_start, 'it differs from its account'
    FROM budget AS b
    LEFT JOIN kept AS k ON k.programme_id = b.programme_id AND k.owner = b.product_code || '/' || b.window_start
    LEFT JOIN holds AS v ON v.programme_id = b.programme_id AND v.product_code = b.product_code
        AND v.budget_start = b.window_start
    WHERE b.unit = 'FEN'
      AND (b.total, b.spent, b.reserved - coalesce(v.amount, 0)) IS DISTINCT FROM (k.total, k.spent, k.reserved)
    UNION ALL
    SELECT 'budget ' || b.product_code || '/' || b.window_start, 'it differs from the pieces that were given'
    FROM budget AS b
    LEFT JOIN holds AS v ON v.programme_id = b.programme_id AND v.product_code = b.product_code
        AND v.budget_start = b.window_start
    WHERE b.unit = 'PIECES' AND b.spent + b.reserved - coalesce(v.amount, 0) <> (
        SELECT coalesce(sum(r.budget_taken), 0) FROM redemption AS r
        WHERE r.programme_id = b.programme_id AND r.product_code = b.product_code
          AND r.budget_window = b.window_start AND r.status NOT IN ('REVERSED', 'REFUSED', 'EXPIRED'))
    UNION ALL
    SELECT 'allowance of ' || u.product_code || '/' || u.window_start, 'it counts less than was used'
    FROM allowance_use AS u
    JOIN (
        SELECT h.holder, r.programme_id, r.product_code, h.allowance_window, sum(h.allowance_taken) AS taken
        FROM redemption_holder AS h
        JOIN redemption AS r ON r.id = h.redemption_id
        WHERE r.status NOT IN ('REVERSED', 'REFUSED', 'EXPIRED')
        GROUP BY h.holder, r.programme_id, r.product_code, h.allowance_window
    ) AS t ON t.holder = u.holder AND t.programme_id = u.programme_id AND t.product_code = u.product_code
        AND t.allowance_window = u.window_start
    WHERE u.used < t.taken
    LIMIT 1
""")


async def lock(session: AsyncSession, actor: Actor, now: datetime, *, redemption_id: int) -> Sale | None:
    """One sale that the caller may end, locked, with whom it belongs to; None when there is none."""
    if actor.role in SHOP_ROLES:
        await session.execute(_REVEAL, params={"redemption": redemption_id})
    elif actor.role is Role.OFFICER:
        await session.execute(_REVEAL_FOR_OFFICE, params={"redemption": redemption_id, "now": now})
    return await locked(session, actor, redemption_id=redemption_id)


async def locked(session: AsyncSession, actor: Actor, *, redemption_id: int) -> Sale | None:
    """One sale behind a door that stands open, locked, with whom it belongs to; None when there is none."""
    values = {"redemption": redemption_id, "organisation": actor.organisation_id}
    row = (await session.execute(_LOCK, params=values)).one_or_none()
    if row is None:
        return None
    about = (await session.execute(_ABOUT, params={"redemption": redemption_id})).one()
    return Sale(
        id=row.id,
        programme_id=row.programme_id,
        zone=ZoneInfo(about.timezone),
        product_id=row.product_id,
        product_code=row.product_code,
        title=words(about.title["zh"], about.title["en"]),
        organisation_id=row.organisation_id,
        receipt_number=row.receipt_number,
        sold_at=about.answered_at or row.at,
        status=row.status,
        due_on=row.due_on,
        budget_window=row.budget_window,
        budget_taken=row.budget_taken,
        owed_fen=row.owed_fen,
        claim_fen=row.claim_fen,
        contested=row.contested_at is not None,
        pieces=about.pieces,
        citizen_id=about.citizen_id,
        person_id=about.person_id,
        holder=about.holder,
        allowance_window=about.allowance_window,
        allowance_taken=about.allowance_taken,
        allowance_code=about.allowance_code,
    )


async def end(session: AsyncSession, now: datetime, *, redemption_id: int, status: str, reason: str | None) -> None:
    """Writes how a sale has ended."""
    values = {"redemption": redemption_id, "status": status, "reason": reason, "now": now}
    await session.execute(_END, params=values)


async def claim(
    session: AsyncSession, now: datetime, *, redemption_id: int, claim_fen: int, reason: str | None, until: date
) -> None:
    """Writes that the shop claims so much from the guarantee fund, and until when that can be objected to."""
    values = {"redemption": redemption_id, "claim_fen": claim_fen, "reason": reason, "until": until, "now": now}
    await session.execute(_CLAIM, params=values)


async def extend(session: AsyncSession, now: datetime, *, redemption_id: int, due_on: date, reason: str) -> None:
    """Writes a later day on which it is due."""
    values = {"redemption": redemption_id, "due_on": due_on, "reason": reason, "now": now}
    await session.execute(_EXTEND, params=values)


async def first_fault(session: AsyncSession) -> tuple[str, str] | None:
    """The first sale or budget that does not fit the ledger: where, and why."""
    row = (await session.execute(_FIRST_FAULT)).one_or_none()
    return None if row is None else (row.place, row.fault)
