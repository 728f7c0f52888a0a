"""Whether a day has anything to do with cases: asked once a day for each programme, and mostly answered with no."""

from datetime import date, datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_DUE: Final = text("""
    SELECT
        EXISTS (
            SELECT FROM objection AS o
            WHERE o.programme_id = :programme AND o.decided_at IS NULL AND o.due_on < CAST(:today AS date)
              AND o.status IN ('OPEN', 'WITH_SOURCE', 'EXTENDED'))
        OR EXISTS (
            SELECT FROM repair AS r
            WHERE r.programme_id = :programme AND r.decided_at IS NULL AND r.due_on < CAST(:today AS date))
        OR EXISTS (
            SELECT FROM record_event AS e
            JOIN citizen AS c ON c.id = e.citizen_id
            JOIN programme AS p ON p.id = c.programme_id
            WHERE e.state = 'ANNOUNCED' AND p.id = :programme AND e.at <= :now
              AND CAST(e.at AT TIME ZONE (p.content ->> 'timezone') AS date)
                  + CAST(p.content ->> 'announced_days' AS integer) <= CAST(:today AS date)
              AND NOT EXISTS (
                  SELECT FROM record_event AS n
                  WHERE n.citizen_id = e.citizen_id AND n.source_id = e.source_id AND n.ref_hash = e.ref_hash
                    AND n.at > e.at))
""")


async def is_anything_due(session: AsyncSession, now: datetime, *, programme_id: int, today: date) -> bool:
    """Whether a case is overdue, or an announced record has waited long enough."""
    values = {"programme": programme_id, "today": today, "now": now}
    return bool((await session.execute(_DUE, params=values)).scalar_one())
