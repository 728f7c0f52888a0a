"""Telling people, and noting what they have read.

tell(session, now, *, notices)                       whatever one transaction has to tell
tell_of_rules(session, now, *, rule_set_id, part)    a new version of the rules, to everybody in a part of the people
warn_of_expiry(session, now, *, today)               daily: who loses a line by date soon
ask_again(session, now, *, today, days)              daily: whose consent is to an older text
mark_read(session, actor, now, *, ids, key)
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from domain import audit, idempotency
from domain.actor import Actor
from domain.errors import InvalidInput, NotFound
from domain.notices import queries
from domain.notices.rules import Kind, NewNotice
from domain.values import words

AHEAD: Final = timedelta(days=30)
MOST_AT_ONCE: Final = 100


async def tell(session: AsyncSession, now: datetime, *, notices: Sequence[NewNotice]) -> None:
    """Writes notices in the transaction of what they tell of; telling the same thing again changes nothing."""
    if notices:
        rows = [
            {
                "person_id": one.person_id,
                "programme_id": one.programme_id,
                "kind": one.kind.value,
                "subject": one.subject,
                "params": dict(one.params),
            }
            for one in notices
        ]
        await queries.add_notices(session, now, notices=rows)


async def tell_of_rules(session: AsyncSession, now: datetime, *, rule_set_id: int, part: tuple[int, int]) -> None:
    """Tells everybody with a score, one part of so many at a time, that other rules will apply. Runs as the worker."""
    kind = Kind.RULES_CHANGED.value
    await queries.add_rules(session, now, kind=kind, rule_set_id=rule_set_id, part=part)


async def warn_of_expiry(session: AsyncSession, now: datetime, *, today: date) -> None:
    """Tells those from whose score something leaves by date in the next 30 days. Runs daily as the worker."""
    await queries.add_expiries(session, now, kind=Kind.EXPIRY_COMING.value, today=today, until=today + AHEAD)


async def ask_again(session: AsyncSession, now: datetime, *, today: date, days: int) -> None:
    """Tells, once, those who agreed to a text that has changed within so many days. Runs daily as the worker."""
    await queries.add_changed_texts(session, now, kind=Kind.CONSENT_TEXT_CHANGED.value, today=today, days=days)


async def mark_read(session: AsyncSession, actor: Actor, now: datetime, *, ids: Sequence[int], key: UUID) -> None:
    """Notes that the person has read these notices. Raises: NotFound when one of them is not theirs."""
    if len(ids) > MOST_AT_ONCE:
        raise InvalidInput(_TOO_MANY, field="ids")
    wanted = sorted(set(ids))
    whose = {"person_id": actor.person_id or 0, "programme_id": actor.programme_id or 0}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="mark_read", request={"ids": wanted})
    if earlier is not None:
        return
    if await queries.count_known(session, ids=wanted, **whose) < len(wanted):
        raise NotFound(field="ids")
    await queries.mark_read(session, now, ids=wanted, **whose)
    await audit.record(session, actor, now, action="read_notices", about={"count": len(wanted)})
    await idempotency.bind(session, actor, key=key, result={"ids": wanted})


_TOO_MANY = words(f"每次最多 {MOST_AT_ONCE} 条。请分次标记。", f"At most {MOST_AT_ONCE} at once. Mark them in turns.")
