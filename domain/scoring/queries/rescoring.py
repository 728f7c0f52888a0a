"""Recalculating everybody: whom a part holds, and how far each part has come."""

from datetime import date
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

# As many parts as the records have partitions, cut alike: the citizens of one batch lie in one partition.
PARTS: Final = 16

_BATCH: Final = text("""
    SELECT c.id
    FROM citizen AS c
    WHERE c.programme_id = :programme AND c.scored_from IS NOT NULL AND c.id > :after
      AND satisfies_hash_partition(CAST('credit_record' AS regclass), :parts, :part, c.id)
    ORDER BY c.id
    LIMIT :limit
""")
_SCORED: Final = text("SELECT count(*) FROM citizen WHERE programme_id = :programme AND scored_from IS NOT NULL")
_BEGIN: Final = text("""
    INSERT INTO rescore_part AS p (programme_id, part, rule_set_id, day, reached, finished)
    SELECT :programme, part, :rule_set, :day, 0, false
    FROM generate_series(0, :parts - 1) AS part
    ON CONFLICT ON CONSTRAINT rescore_part_pkey DO UPDATE
        SET rule_set_id = excluded.rule_set_id, day = excluded.day, reached = 0, finished = false
        WHERE (p.rule_set_id, p.day) <> (excluded.rule_set_id, excluded.day)
            OR NOT EXISTS (SELECT FROM rescore_part AS x WHERE x.programme_id = p.programme_id AND NOT x.finished)
""")
_PARTS: Final = text(
    "SELECT part, reached FROM rescore_part WHERE programme_id = :programme AND NOT finished ORDER BY part"
)
_REACH: Final = text("""
    UPDATE rescore_part SET reached = :reached, finished = :finished WHERE programme_id = :programme AND part = :part
""")


async def batch(session: AsyncSession, *, programme_id: int, part: int, after: int, limit: int) -> list[int]:
    """The next citizens of a part who have a score, by number."""
    values = {"programme": programme_id, "parts": PARTS, "part": part, "after": after, "limit": limit}
    return list((await session.execute(_BATCH, params=values)).scalars())


async def scored(session: AsyncSession, *, programme_id: int) -> int:
    """How many citizens have a score."""
    return int((await session.execute(_SCORED, params={"programme": programme_id})).scalar_one())


async def begin_parts(session: AsyncSession, *, programme_id: int, rule_set_id: int, day: date) -> None:
    """Starts over, unless a recalculation of the same day and rules was left unfinished."""
    values = {"programme": programme_id, "rule_set": rule_set_id, "day": day, "parts": PARTS}
    await session.execute(_BEGIN, params=values)


async def open_parts(session: AsyncSession, *, programme_id: int) -> dict[int, int]:
    """The parts that are not finished, each with the citizen that it has reached."""
    rows = await session.execute(_PARTS, params={"programme": programme_id})
    return {row.part: row.reached for row in rows}


async def reach(session: AsyncSession, *, programme_id: int, part: int, reached: int, finished: bool) -> None:
    """Notes how far a part has come, in the transaction that came so far."""
    values = {"programme": programme_id, "part": part, "reached": reached, "finished": finished}
    await session.execute(_REACH, params=values)
