"""Agreeing to one purpose at a time, taking it back, and keeping the log of who read what."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from domain import audit
from domain.actor import Actor
from domain.consent import queries
from domain.consent.queries import Reader
from domain.errors import InvalidInput, NotAllowed
from domain.values import Words, words


async def give(
    session: AsyncSession, actor: Actor, now: datetime, *, consents: Sequence[tuple[str, int]]
) -> dict[str, int]:
    """The person agrees to these purposes, each in the version that stands now; gives the number of each consent.

    Raises: InvalidInput for an unknown purpose, an older text, or the same purpose twice.
    """
    person_id, programme_id = whose(actor)
    current = await queries.current_versions(session, programme_id=programme_id)
    purposes = [purpose for purpose, _ in consents]
    if len(set(purposes)) < len(purposes):
        raise InvalidInput(_TWICE, field="consents")
    if any(current.get(purpose) != version for purpose, version in consents):
        raise InvalidInput(_OUTDATED, field="consents")
    await queries.add_consents(session, person_id=person_id, programme_id=programme_id, consents=consents, now=now)
    await audit.record(session, actor, now, action="give_consent", about={"purposes": purposes})
    live = await queries.live_consents(session, person_id=person_id, programme_id=programme_id)
    return {one.purpose: one.id for one in live}


async def take_back(session: AsyncSession, actor: Actor, now: datetime, *, purposes: Sequence[str]) -> list[str]:
    """The person no longer agrees to these purposes; gives those that had stood.

    Raises: InvalidInput for an unknown purpose.
    """
    person_id, programme_id = whose(actor)
    known = await queries.current_versions(session, programme_id=programme_id)
    if not set(purposes) <= set(known):
        raise InvalidInput(_UNKNOWN, field="purpose")
    ended = await queries.end_consents(
        session, person_id=person_id, programme_id=programme_id, purposes=purposes, now=now
    )
    await audit.record(session, actor, now, action="withdraw_consent", about={"purposes": ended})
    return ended


async def standing(session: AsyncSession, actor: Actor) -> list[str]:
    """The purposes that the person agrees to at present."""
    person_id, programme_id = whose(actor)
    live = await queries.live_consents(session, person_id=person_id, programme_id=programme_id)
    return [one.purpose for one in live]


async def record_access(
    session: AsyncSession,
    actor: Actor,
    now: datetime,
    *,
    person_id: int,
    actor_name: Words,
    purpose: str,
    what: Words,
) -> None:
    """Somebody reads about a person; the person will see who, why and what. In the transaction that reads."""
    if actor.programme_id is None:
        raise NotAllowed(_NO_PROGRAMME)
    await queries.add_access_event(
        session,
        about=(person_id, actor.programme_id),
        reader=Reader(name=actor_name, role=actor.role, person_id=actor.person_id),
        purpose=purpose,
        what=what,
        now=now,
    )


def whose(actor: Actor) -> tuple[int, int]:
    """The person and the programme that act. Raises: NotAllowed when either is missing."""
    if actor.person_id is None or actor.programme_id is None:
        raise NotAllowed(_NO_PROGRAMME)
    return actor.person_id, actor.programme_id


_NO_PROGRAMME = words("请重新登录并选择一个项目。", "Please sign in to a programme first.")
_TWICE = words("同一用途只能同意一次。请去掉重复的一项。", "One purpose is named twice. Please name it once.")
_UNKNOWN = words(
    "没有这一用途。请从项目的同意书中选择。",
    "There is no such purpose. Please take one from the programme's consent texts.",
)
_OUTDATED = words(
    "同意书的用途不存在或版本已更新。请重新阅读后再同意。",
    "This purpose does not exist, or its text has changed. Please read the present text and agree to that.",
)
