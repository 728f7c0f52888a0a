"""SQL over reservations: a hold on a budget, a place in the line, and the line moving on."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.values import Fragment

_ADD = text("""
    INSERT INTO reservation (programme_id, product_id, product_code, citizen_id, status, amount, created_at)
    VALUES (:programme, :product, :product_code, :citizen, 'WAITING', :amount, :now)
    ON CONFLICT (citizen_id, product_code) WHERE status IN ('HELD', 'WAITING') DO NOTHING
    RETURNING id
""")
# Nobody is overtaken, and the budget's row comes last.
_TAKE = text("""
    UPDATE budget AS b SET reserved = b.reserved + :amount
    WHERE b.programme_id = :programme AND b.product_code = :product_code AND b.window_start = :window_start
      AND b.reserved + b.spent + :amount <= b.total
      AND NOT stands_behind(:reservation)
    RETURNING b.window_start
""")
_HOLD = text("""
    UPDATE reservation SET status = 'HELD', budget_start = :window_start, expires_at = :until WHERE id = :reservation
""")
_LOCK = text("""
    SELECT id, programme_id, product_code, status, amount, budget_start FROM reservation
    WHERE id = :reservation AND citizen_id = :citizen
    FOR UPDATE
""")
_RETURN = text("UPDATE reservation SET status = 'RETURNED', ended_at = :now WHERE id = :reservation")
_GIVE_BACK = text("""
    UPDATE budget AS b SET reserved = b.reserved - :amount
    WHERE b.programme_id = :programme AND b.product_code = :product_code AND b.window_start = :window_start
""")
_EXPIRE = text("""
    WITH gone AS (
        UPDATE reservation AS v SET status = 'EXPIRED', ended_at = :now
        WHERE v.status = 'HELD' AND v.expires_at <= :now
        RETURNING v.id, v.programme_id, v.product_id, v.product_code, v.citizen_id, v.budget_start, v.amount
    ), freed AS (
        UPDATE budget AS b SET reserved = b.reserved - g.amount
        FROM (
            SELECT o.programme_id, o.product_code, o.budget_start, sum(o.amount) AS amount
            FROM gone AS o
            GROUP BY o.programme_id, o.product_code, o.budget_start
        ) AS g
        WHERE b.programme_id = g.programme_id AND b.product_code = g.product_code AND b.window_start = g.budget_start
    )
    SELECT g.id, g.programme_id, c.person_id, p.content -> 'title' AS title, CAST(NULL AS timestamptz) AS until
    FROM gone AS g
    JOIN citizen AS c ON c.id = g.citizen_id
    JOIN product AS p ON p.id = g.product_id
""")
# As many of those who wait as fit, in the order in which they came; whoever asks for more than is left stops the line.
_MOVE_ON = text("""
    WITH open AS (
        SELECT b.programme_id, b.product_code, b.window_start, b.total - b.reserved - b.spent AS left_over,
            least(CAST(:now AS timestamptz) + CAST(:hold AS interval),
                CAST(b.window_end AS timestamp) AT TIME ZONE (g.content ->> 'timezone')) AS until
        FROM budget AS b
        JOIN programme AS g ON g.id = b.programme_id
        WHERE b.total > b.reserved + b.spent
          AND b.window_start <= CAST(CAST(:now AS timestamptz) AT TIME ZONE (g.content ->> 'timezone') AS date)
          AND (b.window_end IS NULL
            OR b.window_end > CAST(CAST(:now AS timestamptz) AT TIME ZONE (g.content ->> 'timezone') AS date))
          AND EXISTS (
            SELECT FROM reservation AS w
            WHERE w.programme_id = b.programme_id AND w.product_code = b.product_code AND w.status = 'WAITING')
          AND EXISTS (
            SELECT FROM product AS p
            WHERE p.programme_id = b.programme_id AND p.code = b.product_code AND p.status = 'PUBLISHED')
        ORDER BY b.programme_id, b.product_code, b.window_start
        FOR UPDATE OF b
    ), line AS (
        SELECT w.id, o.window_start, o.until, o.left_over,
            sum(w.amount) OVER (PARTITION BY w.programme_id, w.product_code ORDER BY w.id) AS so_far
        FROM reservation AS w
        JOIN open AS o ON o.programme_id = w.programme_id AND o.product_code = w.product_code
        WHERE w.status = 'WAITING'
    ), given AS (
        UPDATE reservation AS v SET status = 'HELD', budget_start = l.window_start, expires_at = l.until
        FROM line AS l
        WHERE v.id = l.id AND l.so_far <= l.left_over AND v.status = 'WAITING'
        RETURNING v.id, v.programme_id, v.product_id, v.product_code, v.citizen_id, v.budget_start, v.amount,
            v.expires_at
    ), taken AS (
        UPDATE budget AS b SET reserved = b.reserved + g.amount
        FROM (
            SELECT o.programme_id, o.product_code, o.budget_start, sum(o.amount) AS amount
            FROM given AS o
            GROUP BY o.programme_id, o.product_code, o.budget_start
        ) AS g
        WHERE b.programme_id = g.programme_id AND b.product_code = g.product_code AND b.window_start = g.budget_start
    )
    SELECT g.id, g.programme_id, c.person_id, p.content -> 'title' AS title, g.expires_at AS until
    FROM given AS g
    JOIN citizen AS c ON c.id = g.citizen_id
    JOIN product AS p ON p.id = g.product_id
    ORDER BY g.id
""")
_SHAPE: Final = """json_build_object(
            'id', v.id, 'product_id', v.product_id, 'status', v.status, 'expires_at', v.expires_at,
            'place', place_in_line(v.id, :today))"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a citizen wants to be sure of: one use, for at most so much of the budget."""

    programme_id: int
    product_id: int
    product_code: str
    citizen_id: int
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserved:
    """A reservation as its citizen has locked it."""

    id: int
    programme_id: int
    product_code: str
    status: str
    amount: int
    budget_start: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Turned:
    """A reservation that has changed by itself, and whose it is. `until` is None for one that has run out."""

    id: int
    programme_id: int
    person_id: int
    title: dict[str, str]
    until: datetime | None


async def add(session: AsyncSession, now: datetime, *, wish: Wish) -> int | None:
    """Puts a citizen at the end of the line; None when they stand in it, or hold something, already."""
    values = {
        "programme": wish.programme_id,
        "product": wish.product_id,
        "product_code": wish.product_code,
        "citizen": wish.citizen_id,
        "amount": wish.amount,
        "now": now,
    }
    return (await session.execute(_ADD, params=values)).scalar_one_or_none()


async def take(session: AsyncSession, *, wish: Wish, reservation_id: int, window_start: date) -> bool:
    """Holds so much of the budget; False when it does not reach, or somebody waits already."""
    values = {
        "programme": wish.programme_id,
        "product_code": wish.product_code,
        "amount": wish.amount,
        "reservation": reservation_id,
        "window_start": window_start,
    }
    return (await session.execute(_TAKE, params=values)).one_or_none() is not None


async def hold(session: AsyncSession, *, reservation_id: int, window_start: date, until: datetime) -> None:
    """The budget has been taken: the reservation is good until then."""
    values = {"reservation": reservation_id, "window_start": window_start, "until": until}
    await session.execute(_HOLD, params=values)


async def lock(session: AsyncSession, *, reservation_id: int, citizen_id: int) -> Reserved | None:
    """One of the citizen's reservations, locked."""
    values = {"reservation": reservation_id, "citizen": citizen_id}
    row = (await session.execute(_LOCK, params=values)).one_or_none()
    return None if row is None else Reserved(**row._mapping)


async def give_back(session: AsyncSession, now: datetime, *, reserved: Reserved) -> None:
    """The citizen does not want it any more."""
    await session.execute(_RETURN, params={"reservation": reserved.id, "now": now})


async def refill(session: AsyncSession, *, reserved: Reserved) -> None:
    """What was held is there for the next in line."""
    values = {
        "programme": reserved.programme_id,
        "product_code": reserved.product_code,
        "window_start": reserved.budget_start,
        "amount": reserved.amount,
    }
    await session.execute(_GIVE_BACK, params=values)


async def expire(session: AsyncSession, now: datetime) -> list[Turned]:
    """Ends every hold whose time is over. Runs as the worker."""
    return [Turned(**row._mapping) for row in await session.execute(_EXPIRE, params={"now": now})]


async def move_on(session: AsyncSession, now: datetime, *, hold_for: timedelta) -> list[Turned]:
    """Gives what is free to those who have waited longest. Runs as the worker."""
    rows = await session.execute(_MOVE_ON, params={"now": now, "hold": hold_for})
    return [Turned(**row._mapping) for row in rows]


def reservation_fragment(name: str, *, reservation_id: int) -> Fragment:
    """One of the citizen's reservations."""
    return Fragment(
        sql=f"""
        SELECT {_SHAPE}
        FROM reservation AS v
        WHERE v.citizen_id = :citizen
          AND v.id = :{name}_id
        """,
        binds={f"{name}_id": reservation_id},
    )


def reservations_fragment() -> Fragment:
    """The citizen's reservations, what is alive first, then the newest; at most a hundred."""
    return Fragment(
        sql=f"""
        SELECT coalesce(json_agg(s.shape ORDER BY s.ended, s.id DESC), '[]')
        FROM (
            SELECT v.id, v.ended_at IS NOT NULL AS ended, {_SHAPE} AS shape
            FROM reservation AS v
            WHERE v.citizen_id = :citizen
            ORDER BY v.ended_at IS NOT NULL, v.id DESC
            LIMIT 100
        ) AS s
        """
    )
