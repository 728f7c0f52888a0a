"""An officer looks up the citizen whose open case they work on: for that case's purpose and no other, on the record."""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from domain import idempotency
from domain.actor import Actor
from domain.errors import NotAllowed, NotFound
from domain.people import queries as people
from domain.people.actions.looking_up import Found, note_look_up
from domain.people.rules import PURPOSE_WORDS, Purpose
from domain.rights.queries import papers
from domain.values import words

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
    citizen_id = await papers.reveal_by_case(
        session,
        objection_id=number if kind == "objection" else None,
        repair_id=number if kind == "repair" else None,
    )
    if citizen_id is None:
        raise NotFound(_NO_OPEN_CASE, field="value")
    person_id = await people.person_of(session, citizen_id=citizen_id)
    found = Found(citizen_id=citizen_id, person_id=person_id, purpose=purpose)
    if earlier is not None:
        return found
    why = PURPOSE_WORDS[purpose]
    what = words(
        f"办理您的事项时查看了“{why.zh}”所需的档案。",
        f"Opened what {why.en} needs of your file, while working on your case.",
    )
    await note_look_up(session, actor, now, found=found, what=what)
    await idempotency.bind(session, actor, key=key, result={"citizen": citizen_id})
    return found


_OTHER_PURPOSE: Final = words(
    "查看目的与该事项不符。请选择与该事项一致的目的。",
    "The purpose is not that of the case. Name the one that fits it.",
)
_NO_OPEN_CASE: Final = words(
    "没有该市民的未结办件。请市民在手机上出示到场码。",
    "There is no open case of such a citizen. Ask the citizen to show the presence code on their phone.",
)
