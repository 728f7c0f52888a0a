"""What the outside has to hear of. Rows are written with the change; a relay in the worker sends them on.

Nothing in here notifies by itself: a NOTIFY inside each transaction would serialise all commits.
"""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_PUBLISH = text("INSERT INTO outbox (at, topic, person_id, subject) VALUES (:now, :topic, :person, :subject)")


async def publish(session: AsyncSession, now: datetime, *, topic: str, person_id: int | None, subject: str) -> None:
    """Note that something happened: the topic, whose it is, and the id of the row to read again."""
    await session.execute(_PUBLISH, params={"now": now, "topic": topic, "person": person_id, "subject": subject})
