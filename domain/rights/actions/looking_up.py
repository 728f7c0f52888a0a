"""An officer looks up the citizen whose open case they work on: for that case's purpose and no other, on the record."""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from domain import idempotency
from domain.actor import Actor
from domain.errors import NotAllowed, NotFound
from domain.people.actions.looking_up import Found, note_look, note_look_up
from domain.people.rules import PURPOSE_WORDS, Purpose
from domain.rights.queries import papers
from domain.rights.queries.papers import Whose
from domain.values import words
from domain.volunteering.rules.registration import read_number

_OF_OBJECTION: Final = Purpose.OBJECTION
_OF_REPAIR: Final = Purpose.REPAIR


async def look_up_by_case(
    session: AsyncSession, actor: Actor, now: datetime, *, case: tuple[str, int], purpose: Purpose, key: UUID
) -> Found:
    """Opens one citizen's rows to this transaction. `case` is "objection" or "repair" with its number.

    Raises: NotAllowed when the purpose is not that of the case, NotFound for a case that is closed or not here.
    """
    kind, number = case
    if purpose is not (_OF_OBJECTION if kind == "objection" else _OF_REPAIR):
        raise NotAllowed(_OTHER_PURPOSE, field="purpose")
    request = {"case": [kind, number], "purpose": purpose.value}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="look_up", request=request)
    whose = await papers.reveal_case(
        session,
        objection_id=number if kind == "objection" else None,
        repair_id=number if kind == "repair" else None,
    )
    if whose is None:
        raise NotFound(_NO_OPEN_CASE, field="value")
    return await _opened(session, actor, now, whose=whose, purpose=purpose, key=None if earlier is not None else key)


async def look_up_by_number(
    session: AsyncSession, actor: Actor, now: datetime, *, number: str, purpose: Purpose, key: UUID
) -> Found:
    """The same for a volunteer's number: where an objection, a repair, or hours of theirs wait for the office.

    Raises: NotFound for a number that is not known, and for one that nothing waits of: the two answer alike.
    """
    spelled = read_number(number)
    if spelled is None:
        raise NotFound(_NO_OPEN_CASE, field="value")
    request = {"number": spelled, "purpose": purpose.value}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="look_up", request=request)
    whose = await papers.reveal_by_number(session, number=spelled, purpose=purpose.value)
    if whose is None:
        raise NotFound(_NO_OPEN_CASE, field="value")
    return await _opened(session, actor, now, whose=whose, purpose=purpose, key=None if earlier is not None else key)


async def _opened(
    session: AsyncSession, actor: Actor, now: datetime, *, whose: Whose, purpose: Purpose, key: UUID | None
) -> Found:
    """Whom the officer sees now; the person sees who looked, and why. Without a key it was asked before."""
    found = Found(
        citizen_id=whose.citizen_id, person_id=whose.person_id, volunteer_id=whose.volunteer_id, purpose=purpose
    )
    why = PURPOSE_WORDS[purpose]
    what = words(
        f"办理您的事项时查看了“{why.zh}”所需的档案。",
        f"Opened what {why.en} needs of your file, while working on your case.",
    )
    if key is None:
        await note_look(session, actor, now, found=found, what=what)
        return found
    await note_look_up(session, actor, now, found=found, what=what)
    await idempotency.bind(session, actor, key=key, result={"person": whose.person_id})
    return found


_OTHER_PURPOSE: Final = words(
    "查看目的与该事项不符。请选择与该事项一致的目的。",
    "The purpose is not that of the case. Name the one that fits it.",
)
_NO_OPEN_CASE: Final = words(
    "没有该市民的未结办件。请市民在手机上出示到场码。",
    "There is no open case of such a citizen. Ask the citizen to show the presence code on their phone.",
)
