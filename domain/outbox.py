"""What the outside has to hear of. Rows are written with the change; a relay in the worker sends them on.

Nothing in here notifies by itself: a NOTIFY inside each transaction would serialise all commits. Rows are claimed by
flag, never by `id > last`, since commit order is not id order.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

CHANNEL: Final = "benefits_feed"
MAX_BATCH: Final = 5_000
KEPT: Final = timedelta(days=1)
# PostgreSQL takes less than 8000 bytes in one notification.
_MAX_PAYLOAD_BYTES: Final = 7_900
_MAX_FORGOTTEN: Final = 50_000

_PUBLISH = text("INSERT INTO outbox (at, topic, person_id, subject) VALUES (:now, :topic, :person, :subject)")
# Sending is told in real time: a demo's business time may jump over the day for which a row is kept.
_CLAIM = text("""
    UPDATE outbox AS o
    SET sent_at = CAST(:now AS timestamptz) - c.ahead
    FROM clock AS c
    WHERE o.id IN (
        SELECT w.id FROM outbox AS w
        WHERE w.sent_at IS NULL
        ORDER BY w.id
        LIMIT :limit
        FOR UPDATE SKIP LOCKED)
    RETURNING o.id, o.topic, o.person_id, o.subject
""")
_NOTIFY = text("SELECT pg_notify(:channel, p.payload) FROM unnest(CAST(:payloads AS text[])) AS p (payload)")
_FORGET = text("""
    DELETE FROM outbox AS o
    WHERE o.id IN (
        SELECT s.id FROM outbox AS s, clock AS c
        WHERE s.sent_at < CAST(:now AS timestamptz) - c.ahead - CAST(:kept AS interval)
        LIMIT :limit
        FOR UPDATE OF s SKIP LOCKED)
    RETURNING o.id
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something happened: the topic, whose it is, and the id of the row to read again. Nothing about anybody."""

    id: int
    topic: str
    person_id: int | None
    subject: str


async def publish(session: AsyncSession, now: datetime, *, topic: str, person_id: int | None, subject: str) -> None:
    """Note that something happened: the topic, whose it is, and the id of the row to read again."""
    await session.execute(_PUBLISH, params={"now": now, "topic": topic, "person": person_id, "subject": subject})


async def relay(session: AsyncSession, now: datetime, *, limit: int = MAX_BATCH) -> int:
    """Sends what waits, once, when this transaction commits; gives how many. Runs as the worker."""
    rows = await session.execute(_CLAIM, params={"now": now, "limit": limit})
    events = sorted((Event(**row._mapping) for row in rows), key=lambda event: event.id)
    if events:
        await session.execute(_NOTIFY, params={"channel": CHANNEL, "payloads": list(payloads(events))})
    return len(events)


async def forget_sent(session: AsyncSession, now: datetime) -> int:
    """Deletes what was sent more than a day ago; gives how many, which may be fewer than there are."""
    values = {"now": now, "kept": KEPT, "limit": _MAX_FORGOTTEN}
    return len((await session.execute(_FORGET, params=values)).all())


def payloads(events: Sequence[Event]) -> Iterator[str]:
    """The events as texts of which each fits into a notification; most often it is one."""
    waiting: list[str] = []
    length = 0
    for event in events:
        entry = json.dumps([event.id, event.topic, event.person_id, event.subject], separators=(",", ":"))
        if waiting and length + len(entry) + 1 > _MAX_PAYLOAD_BYTES:
            yield f"[{','.join(waiting)}]"
            waiting, length = [], 0
        waiting.append(entry)
        length += len(entry) + 1
    if waiting:
        yield f"[{','.join(waiting)}]"


def events_of(payload: str) -> list[Event]:
    """The events of one notification."""
    return [
        Event(id=number, topic=topic, person_id=person, subject=subject)
        for number, topic, person, subject in json.loads(payload)
    ]
