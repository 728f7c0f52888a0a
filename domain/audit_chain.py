"""The audit trail chained by hash: whoever has kept a head finds out when anything before it was changed.

chain_events(session) -> int        links what is not linked yet, up to BATCH; one writer at a time
first_break(session) -> int | None  the first position that does not fit; None when the whole chain holds
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC
from typing import Any, Final

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

BATCH: Final = 1000
GENESIS: Final = bytes(32)
# Numbers are given out before their transactions end: so far back a late one is still found.
_BEHIND: Final = 100_000
_LOCK: Final = {"lock": 0x61756469}
_ALONE = text("SELECT pg_try_advisory_xact_lock(:lock)")
_HEAD = text("SELECT position, hash FROM audit_link ORDER BY position DESC LIMIT 1")
_EVENT: Final = "e.id, e.at, e.programme_id, e.actor_person_id, e.role, e.action, e.object"
_UNLINKED = text(f"""
    SELECT {_EVENT}
    FROM audit_event AS e
    WHERE e.id > (SELECT coalesce(max(k.audit_id), 0) FROM audit_link AS k) - CAST(:behind AS bigint)
      AND NOT EXISTS (SELECT FROM audit_link AS k WHERE k.audit_id = e.id)
    ORDER BY e.id
    LIMIT :batch
""")
_LINK = text("""
    INSERT INTO audit_link (audit_id, position, previous, hash)
    SELECT n.audit_id, n.position, n.previous, n.hash
    FROM unnest(CAST(:audit_ids AS bigint[]), CAST(:positions AS bigint[]), CAST(:previous AS bytea[]),
        CAST(:hashes AS bytea[])) AS n (audit_id, position, previous, hash)
""")
_LINKS = text(f"""
    SELECT k.position, k.previous, k.hash, {_EVENT}
    FROM audit_link AS k
    LEFT JOIN audit_event AS e ON e.id = k.audit_id
    WHERE k.position > :after
    ORDER BY k.position
    LIMIT :batch
""")


async def chain_events(session: AsyncSession) -> int:
    """Links the next events in the order of their numbers; gives how many. Runs as the worker."""
    if not (await session.execute(_ALONE, _LOCK)).scalar_one():
        return 0
    head = (await session.execute(_HEAD)).one_or_none()
    position, last = (0, GENESIS) if head is None else (head.position, head.hash)
    events = (await session.execute(_UNLINKED, {"behind": _BEHIND, "batch": BATCH})).all()
    hashes = _hashes(last, events)
    values = {
        "audit_ids": [event.id for event in events],
        "positions": list(range(position + 1, position + 1 + len(events))),
        "previous": [last, *hashes][: len(events)],
        "hashes": hashes,
    }
    if events:
        await session.execute(_LINK, values)
    return len(events)


async def first_break(session: AsyncSession) -> int | None:
    """Works every hash out again; gives the first position at which a link or its event is not what it was."""
    position, last = 0, GENESIS
    while True:
        links = (await session.execute(_LINKS, {"after": position, "batch": BATCH})).all()
        for link in links:
            if (link.position, link.previous, link.hash) != (position + 1, last, hash_of(last, link)):
                return position + 1
            position, last = link.position, link.hash
        if len(links) < BATCH:
            return None


def hash_of(previous: bytes, event: Row[Any]) -> bytes:
    """What stands for an event and everything before it."""
    at = None if event.at is None else event.at.astimezone(UTC).isoformat()
    told = [event.id, at, event.programme_id, event.actor_person_id, event.role, event.action, event.object]
    canonical = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(previous + canonical.encode()).digest()


def _hashes(last: bytes, events: Sequence[Row[Any]]) -> list[bytes]:
    hashes: list[bytes] = []
    for event in events:
        last = hash_of(last, event)
        hashes.append(last)
    return hashes
