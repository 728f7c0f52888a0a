"""SQL over what happens to sales day by day, and over cutting settled ones from their person. Runs as the worker."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_LATE = text("""
    UPDATE redemption SET status = 'LATE', changed_at = :now
    WHERE programme_id = :programme AND status = 'OPEN' AND due_on < CAST(:today AS date)
    RETURNING id
""")
_OVERDUE = text("""
    SELECT id FROM redemption
    WHERE programme_id = :programme AND status = 'LATE' AND due_on <= CAST(:today AS date) - CAST(:days AS integer)
    ORDER BY id
""")
_UNDISPUTED = text("""
    SELECT id FROM redemption
    WHERE programme_id = :programme AND status = 'CLAIM_PENDING' AND claim_until < CAST(:today AS date)
      AND contested_at IS NULL
    ORDER BY id
""")
_CONTEST = text("""
    UPDATE redemption SET contested_at = :at WHERE id = :redemption AND status = 'CLAIM_PENDING' RETURNING id
""")
_BREAK = text("""
    UPDATE paper_promise SET broken_at = :now
    WHERE citizen_id = :citizen AND product_code = :product_code AND window_start = :window_start
      AND broken_at IS NULL
""")
# Ended for good, too long ago for anybody to undo: who had it, which code or reservation it came of, and at which
# minute, are erased.
_CUT = text("""
    WITH settled AS (
        SELECT r.id, coalesce(a.answered_at, r.at) AS sold_at, h.citizen_id, r.product_id, r.product_code
        FROM redemption AS r
        JOIN redemption_holder AS h ON h.redemption_id = r.id
        LEFT JOIN account_claim AS a ON a.redemption_id = r.id
        WHERE r.programme_id = :programme AND r.organisation_id = :organisation
          AND coalesce(a.answered_at, r.at) >= CAST(:since AS timestamptz)
          AND coalesce(a.answered_at, r.at) < CAST(:until AS timestamptz)
          AND coalesce(a.answered_at, r.at) < CAST(:settled_before AS timestamptz)
          AND r.status IN ('COMPLETED', 'RELEASED', 'CLAIMED', 'REVERSED', 'REFUSED', 'EXPIRED')
        FOR UPDATE OF r
    ), codes AS (
        DELETE FROM presentation AS p USING settled AS s
        WHERE p.redemption_id = s.id
           OR (p.citizen_id = s.citizen_id AND p.product_id = s.product_id AND p.created_at <= s.sold_at
               AND p.status NOT IN ('OPEN', 'HELD'))
        RETURNING p.id
    ), reservations AS (
        DELETE FROM reservation AS v USING settled AS s
        WHERE v.citizen_id = s.citizen_id AND v.product_code = s.product_code AND v.created_at <= s.sold_at
          AND v.status NOT IN ('HELD', 'WAITING')
        RETURNING v.id
    ), claims AS (
        DELETE FROM account_claim AS a USING settled AS s WHERE a.redemption_id = s.id
    ), holders AS (
        DELETE FROM redemption_holder AS h USING settled AS s WHERE h.redemption_id = s.id
    ), keys AS (
        DELETE FROM idempotency AS i
        WHERE (i.operation = ANY (CAST(:sale_operations AS text[]))
               AND i.result ->> 'id' IN (SELECT s.id::text FROM settled AS s))
           OR (i.operation = ANY (CAST(:code_operations AS text[]))
               AND i.result ->> 'id' IN (SELECT c.id::text FROM codes AS c))
           OR (i.operation = ANY (CAST(:reservation_operations AS text[]))
               AND i.result ->> 'id' IN (SELECT v.id::text FROM reservations AS v))
    ), done AS (
        UPDATE redemption AS r
        SET at = date_trunc('day', s.sold_at, :zone), changed_at = date_trunc('day', r.changed_at, :zone),
            match_number = NULL, terminal_id = NULL, contested_at = NULL
        FROM settled AS s
        WHERE r.id = s.id
        RETURNING r.id, r.product_code
    )
    SELECT ARRAY(SELECT d.id FROM done AS d) AS sales,
        ARRAY(SELECT DISTINCT v.id FROM reservations AS v) AS reservations,
        ARRAY(SELECT DISTINCT d.product_code FROM done AS d) AS products
""")
# Uses stand in the order in which they were first counted, as sales do: they are written anew, by their holders.
_SHUFFLE = text("""
    WITH uses AS (
        DELETE FROM allowance_use AS u
        WHERE u.programme_id = :programme AND split_part(u.product_code, '/', 1) = ANY (CAST(:products AS text[]))
        RETURNING u.*
    )
    INSERT INTO allowance_use SELECT u.* FROM uses AS u ORDER BY u.holder
""")
# Paid months of which somebody may still be found, and in which nothing can be undone any more.
_PAID = text("""
    SELECT y.organisation_id, y.month
    FROM statement_payment AS y
    JOIN organisation AS o ON o.id = y.organisation_id
    WHERE o.programme_id = :programme
      AND y.month + interval '1 month' <= CAST(:today AS date) - CAST(:days AS integer)
      AND EXISTS (
        SELECT FROM redemption AS r
        JOIN redemption_holder AS h ON h.redemption_id = r.id
        LEFT JOIN account_claim AS a ON a.redemption_id = r.id
        WHERE r.organisation_id = y.organisation_id
          AND coalesce(a.answered_at, r.at) >= y.month - interval '1 day'
          AND coalesce(a.answered_at, r.at) < y.month + interval '1 month 1 day'
          AND r.status IN ('COMPLETED', 'RELEASED', 'CLAIMED', 'REVERSED', 'REFUSED', 'EXPIRED'))
    ORDER BY y.organisation_id, y.month
""")
_ZONE = text("""
    SELECT g.content ->> 'timezone' FROM programme AS g WHERE g.id = :programme
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """What was cut: the sales, the reservations that were used for them, and the codes of their products."""

    sales: list[int]
    reservations: list[int]
    products: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operations:
    """Which requests lead to sales, to the codes they came of, and to reservations that they have used."""

    sales: Sequence[str]
    codes: Sequence[str]
    reservations: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """One shop's sales of one month, of which nothing can be undone any more."""

    programme_id: int
    organisation_id: int
    since: datetime
    until: datetime
    settled_before: datetime
    zone: str


async def turn_late(session: AsyncSession, now: datetime, *, programme_id: int, today: date) -> list[int]:
    """What is open past its day is late; gives what has just become so."""
    values = {"programme": programme_id, "today": today, "now": now}
    return list((await session.execute(_LATE, params=values)).scalars())


async def overdue(session: AsyncSession, *, programme_id: int, today: date, days: int) -> list[int]:
    """What has been late for so many days."""
    values = {"programme": programme_id, "today": today, "days": days}
    return list((await session.execute(_OVERDUE, params=values)).scalars())


async def undisputed(session: AsyncSession, *, programme_id: int, today: date) -> list[int]:
    """Claims on the guarantee fund to which nobody has objected in time."""
    values = {"programme": programme_id, "today": today}
    return list((await session.execute(_UNDISPUTED, params=values)).scalars())


async def contest(session: AsyncSession, *, redemption_id: int, at: datetime | None) -> bool:
    """A claim waits while somebody objects to it, and no longer; False when no claim waits."""
    return (await session.execute(_CONTEST, params={"redemption": redemption_id, "at": at})).first() is not None


async def break_promise(
    session: AsyncSession, now: datetime, *, citizen_id: int, product_code: str, window_start: date
) -> None:
    """Papers that were promised did not come."""
    values = {"citizen": citizen_id, "product_code": product_code, "window_start": window_start, "now": now}
    await session.execute(_BREAK, params=values)


async def paid_months(session: AsyncSession, *, programme_id: int, today: date, days: int) -> list[tuple[int, date]]:
    """The months, by organisation, that were paid and have been over for so many days."""
    values = {"programme": programme_id, "today": today, "days": days}
    return [(row.organisation_id, row.month) for row in await session.execute(_PAID, params=values)]


async def zone_of(session: AsyncSession, *, programme_id: int) -> str:
    """The programme's time zone."""
    return str((await session.execute(_ZONE, params={"programme": programme_id})).scalar_one())


async def cut(session: AsyncSession, *, settled: Settled, operations: Operations) -> Cut:
    """Cuts sales from their person and their instant; gives which."""
    values = {
        "programme": settled.programme_id,
        "organisation": settled.organisation_id,
        "since": settled.since,
        "until": settled.until,
        "settled_before": settled.settled_before,
        "zone": settled.zone,
        "sale_operations": list(operations.sales),
        "code_operations": list(operations.codes),
        "reservation_operations": list(operations.reservations),
    }
    return Cut(**(await session.execute(_CUT, params=values)).one()._mapping)


async def shuffle_uses(session: AsyncSession, *, programme_id: int, products: Sequence[str]) -> None:
    """Takes their order from the uses of these products, and of the vouchers in them."""
    await session.execute(_SHUFFLE, params={"programme": programme_id, "products": list(products)})
