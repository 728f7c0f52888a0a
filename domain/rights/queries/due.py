"""In which programmes a day has anything to do with cases: asked once a day, and mostly answered with none."""

from datetime import date, datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_DUE: Final = text("""
    SELECT o.programme_id
    FROM objection AS o
    WHERE o.decided_at IS NULL AND o.due_on < CAST(:today AS date) AND o.status IN ('OPEN', 'WITH_SOURCE', 'EXTENDED')
    UNION
    SELECT r.programme_id
    FROM repair AS r
    WHERE r.decided_at IS NULL AND r.due_on < CAST(:today AS date)
    UNION
    SELECT c.programme_id
    FROM record_event AS e
    JOIN citizen AS c ON c.id = e.citizen_id
    JOIN programme AS p ON p.id = c.programme_id
    WHERE e.state = 'ANNOUNCED' AND e.at <= :now
      AND CAST(e.at AT TIME ZONE (p.content ->> 'timezone') AS date)
          + CAST(p.content ->> 'announced_days' AS integer) <= CAST(:today AS date)
      AND NOT EXISTS (
          SELECT FROM record_event AS n
          WHERE n.citizen_id = e.citizen_id AND n.source_id = e.source_id AND n.ref_hash = e.ref_hash
            AND n.at > e.at)
    ORDER BY 1
""")


async def programmes_due(session: AsyncSession, now: datetime, *, today: date) -> list[int]:
    """Where a case is overdue, or an announced record has waited long enough."""
    return list((await session.execute(_DUE, params={"now": now, "today": today})).scalars())
