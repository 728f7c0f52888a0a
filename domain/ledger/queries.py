"""SQL over accounts and transfers: money moves by new rows only.

A transfer is of a day: its instant is the beginning of that local day, so that no row tells an hour of anybody's life.
A posted transfer moves money; a pending one holds it until a later row resolves it, posted or voided.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_DAY: Final = """date_trunc('day', CAST(:now AS timestamptz), (
            SELECT g.content ->> 'timezone' FROM programme AS g WHERE g.id = {programme}))"""
_TRANSFER = text(f"""
    INSERT INTO transfer (programme_id, debit_id, credit_id, amount_fen, state, redemption_id, reason, at)
    VALUES (:programme, account_of(:programme, :debit_kind, :debit_owner),
        account_of(:programme, :credit_kind, :credit_owner), :amount_fen, 'POSTED', :redemption, :reason,
        {_DAY.format(programme=":programme")})
    RETURNING id
""")
_HOLD = text(f"""
    INSERT INTO transfer (programme_id, debit_id, credit_id, amount_fen, state, redemption_id, reason, at)
    VALUES (:programme, account_of(:programme, :debit_kind, :debit_owner),
        account_of(:programme, :credit_kind, :credit_owner), :amount_fen, 'PENDING', :redemption, :reason,
        {_DAY.format(programme=":programme")})
""")
# The transfer of a redemption that still waits, for so much of it as is due.
_RESOLVE = text(f"""
    INSERT INTO transfer (programme_id, debit_id, credit_id, amount_fen, state, resolves, redemption_id, reason, at)
    SELECT t.programme_id, t.debit_id, t.credit_id, CAST(:amount_fen AS bigint),
        CASE WHEN CAST(:amount_fen AS bigint) > 0 THEN 'POSTED' ELSE 'VOIDED' END, t.id, t.redemption_id, :reason,
        {_DAY.format(programme="t.programme_id")}
    FROM transfer AS t
    WHERE t.redemption_id = :redemption AND t.state = 'PENDING'
      AND NOT EXISTS (SELECT FROM transfer AS r WHERE r.resolves = t.id)
""")
# What was posted goes back the way it came; what is pending is voided. What has gone back already is left alone.
_GIVE_BACK = text(f"""
    INSERT INTO transfer (programme_id, debit_id, credit_id, amount_fen, state, resolves, redemption_id, reason, at)
    SELECT t.programme_id,
        CASE t.state WHEN 'POSTED' THEN t.credit_id ELSE t.debit_id END,
        CASE t.state WHEN 'POSTED' THEN t.debit_id ELSE t.credit_id END,
        CASE t.state WHEN 'POSTED' THEN t.amount_fen ELSE 0 END,
        CASE t.state WHEN 'POSTED' THEN 'POSTED' ELSE 'VOIDED' END,
        CASE t.state WHEN 'POSTED' THEN NULL ELSE t.id END,
        t.redemption_id, :reason, {_DAY.format(programme="t.programme_id")}
    FROM transfer AS t
    JOIN account AS a ON a.id = t.debit_id
    WHERE t.redemption_id = :redemption
      AND a.kind IN ('BUDGET', 'CITY')
      AND (t.state = 'POSTED'
        OR (t.state = 'PENDING' AND NOT EXISTS (SELECT FROM transfer AS r WHERE r.resolves = t.id)))
    RETURNING id
""")
_BALANCE = text("""
    SELECT
        coalesce(sum(t.amount_fen) FILTER (WHERE t.state = 'POSTED' AND t.credit_id = a.id), 0)
            - coalesce(sum(t.amount_fen) FILTER (WHERE t.state = 'POSTED' AND t.debit_id = a.id), 0) AS posted_fen,
        coalesce(sum(t.amount_fen) FILTER (WHERE t.state = 'PENDING' AND r.id IS NULL AND t.credit_id = a.id), 0)
            - coalesce(sum(t.amount_fen) FILTER (WHERE t.state = 'PENDING' AND r.id IS NULL AND t.debit_id = a.id), 0)
            AS pending_fen
    FROM account AS a
    LEFT JOIN transfer AS t ON t.debit_id = a.id OR t.credit_id = a.id
    LEFT JOIN transfer AS r ON r.resolves = t.id
    WHERE a.programme_id = :programme
      AND a.kind = :kind
      AND a.owner = :owner
""")
_FIRST_FAULT = text("""
    WITH held AS (
        SELECT a.id, a.kind,
            coalesce(sum(CASE WHEN t.credit_id = a.id THEN t.amount_fen ELSE -t.amount_fen END)
                FILTER (WHERE t.state = 'POSTED'), 0) AS posted_fen,
            coalesce(sum(t.amount_fen)
                FILTER (WHERE t.state = 'PENDING' AND r.id IS NULL AND t.debit_id = a.id), 0) AS held_fen,
            coalesce(sum(t.amount_fen) FILTER (WHERE t.state = 'POSTED' AND t.credit_id = a.id), 0) AS in_fen,
            coalesce(sum(t.amount_fen)
                FILTER (WHERE t.state = 'POSTED' AND t.debit_id = a.id AND o.kind = 'CITY'), 0) AS paid_fen,
            coalesce(sum(t.amount_fen)
                FILTER (WHERE t.state = 'POSTED' AND t.debit_id = a.id AND o.kind <> 'CITY'), 0) AS back_fen
        FROM account AS a
        LEFT JOIN transfer AS t ON t.debit_id = a.id OR t.credit_id = a.id
        LEFT JOIN transfer AS r ON r.resolves = t.id
        LEFT JOIN account AS o ON o.id = t.credit_id
        GROUP BY a.id, a.kind
    ), faults AS (
        SELECT t.id AS transfer_id, NULL::bigint AS account_id, 'it moves money between two programmes' AS fault
        FROM transfer AS t
        JOIN account AS d ON d.id = t.debit_id
        JOIN account AS c ON c.id = t.credit_id
        WHERE d.programme_id <> t.programme_id OR c.programme_id <> t.programme_id
        UNION ALL
        SELECT r.id, NULL, 'it resolves a transfer that was not pending, or between other accounts, or for more'
        FROM transfer AS r
        JOIN transfer AS t ON t.id = r.resolves
        WHERE t.state <> 'PENDING' OR r.debit_id <> t.debit_id OR r.credit_id <> t.credit_id
            OR r.amount_fen > t.amount_fen
        UNION ALL
        SELECT NULL, h.id, 'more has left this account than ever came in'
        FROM held AS h
        WHERE CASE h.kind
            WHEN 'CITY' THEN false
            -- What is undone after it was paid stays owed by the shop; its next statement sets it off.
            WHEN 'PAYABLE' THEN h.in_fen < h.paid_fen OR h.in_fen < h.back_fen
            ELSE h.posted_fen < h.held_fen END
        UNION ALL
        SELECT NULL, NULL, 'the balances of all accounts do not add up to zero'
        FROM held AS h
        HAVING sum(h.posted_fen) <> 0
    )
    SELECT transfer_id, account_id, fault
    FROM faults
    ORDER BY transfer_id NULLS LAST, account_id NULLS LAST
    LIMIT 1
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Whose money: the CITY's, a BUDGET's, what is PAYABLE to a shop, or the GUARANTEE fund's."""

    kind: str
    owner: str


CITY = Account(kind="CITY", owner="city")
FUND = Account(kind="GUARANTEE", owner="fund")


def payable(organisation_id: int) -> Account:
    """What is owed to a shop."""
    return Account(kind="PAYABLE", owner=str(organisation_id))


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Between which accounts money is held, and for which redemption."""

    debit: Account
    credit: Account
    redemption_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What an account holds, in fen: for good, and for the time being."""

    posted_fen: int
    pending_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """The first row of the books that does not fit, and why."""

    transfer_id: int | None
    account_id: int | None
    fault: str


async def post(
    session: AsyncSession,
    now: datetime,
    *,
    programme_id: int,
    debit: Account,
    credit: Account,
    amount_fen: int,
    reason: str,
    redemption_id: int | None = None,
) -> int:
    """Moves money for good; accounts are made when they are first needed."""
    values = {
        "programme": programme_id,
        "debit_kind": debit.kind,
        "debit_owner": debit.owner,
        "credit_kind": credit.kind,
        "credit_owner": credit.owner,
        "amount_fen": amount_fen,
        "redemption": redemption_id,
        "reason": reason,
        "now": now,
    }
    return int((await session.execute(_TRANSFER, params=values)).scalar_one())


async def hold(
    session: AsyncSession, now: datetime, *, programme_id: int, held: Held, amount_fen: int, reason: str
) -> None:
    """Keeps money ready for a redemption until it is resolved."""
    values = {
        "programme": programme_id,
        "debit_kind": held.debit.kind,
        "debit_owner": held.debit.owner,
        "credit_kind": held.credit.kind,
        "credit_owner": held.credit.owner,
        "redemption": held.redemption_id,
        "amount_fen": amount_fen,
        "reason": reason,
        "now": now,
    }
    await session.execute(_HOLD, params=values)


async def resolve(session: AsyncSession, now: datetime, *, redemption_id: int, amount_fen: int, reason: str) -> None:
    """Moves so much of what a redemption holds, and frees the rest; all of it for 0."""
    values = {"redemption": redemption_id, "amount_fen": amount_fen, "reason": reason, "now": now}
    await session.execute(_RESOLVE, params=values)


async def give_back(session: AsyncSession, now: datetime, *, redemption_id: int, reason: str) -> int:
    """Undoes what a redemption moved or holds; gives how many transfers were written."""
    values = {"redemption": redemption_id, "reason": reason, "now": now}
    return len((await session.execute(_GIVE_BACK, params=values)).all())


async def balance(session: AsyncSession, *, programme_id: int, account: Account) -> Balance:
    """What one account holds."""
    values = {"programme": programme_id, "kind": account.kind, "owner": account.owner}
    row = (await session.execute(_BALANCE, params=values)).one()
    return Balance(posted_fen=int(row.posted_fen), pending_fen=int(row.pending_fen))


async def first_fault(session: AsyncSession) -> Fault | None:
    """The first row of the books that does not fit."""
    row = (await session.execute(_FIRST_FAULT)).one_or_none()
    return None if row is None else Fault(transfer_id=row.transfer_id, account_id=row.account_id, fault=row.fault)
