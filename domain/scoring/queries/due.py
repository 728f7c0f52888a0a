"""Whose stored score has outlived its day or its rules."""

from datetime import date
from typing import Final

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

_PROGRAMMES: Final = text("""
    SELECT DISTINCT c.programme_id, r.id AS rule_set_id
    FROM score AS s
    JOIN citizen AS c ON c.id = s.citizen_id
    JOIN rule_set AS r ON r.programme_id = c.programme_id
    WHERE r.status = 'PUBLISHED'
      AND r.effective_from <= :today
      AND (r.effective_until IS NULL OR r.effective_until > :today)
      AND (s.valid_until <= :today OR s.rule_set_id <> r.id)
    ORDER BY c.programme_id
""")
_DUE: Final = text("""
    SELECT s.citizen_id
    FROM score AS s
    JOIN citizen AS c ON c.id = s.citizen_id
    WHERE c.programme_id = :programme
      AND (s.valid_until <= :today OR s.rule_set_id <> :rule_set)
      AND s.citizen_id > :after
    ORDER BY s.citizen_id
    LIMIT :limit
""")


async def programmes_due(session: AsyncSession, *, today: date) -> list[Row[tuple[int, int]]]:
    """The programmes in which scores have to be worked out again today, with the rules in force."""
    return list((await session.execute(_PROGRAMMES, params={"today": today})).all())


async def due_scores(
    session: AsyncSession, *, programme_id: int, rule_set_id: int, today: date, after: int, limit: int
) -> list[int]:
    """The next citizens, by number, whose score has to be worked out again today."""
    values = {"programme": programme_id, "rule_set": rule_set_id, "today": today, "after": after, "limit": limit}
    return list((await session.execute(_DUE, params=values)).scalars())
