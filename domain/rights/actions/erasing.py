"""A person is erased: everything they have joined ends, their key is destroyed, and the books still add up.

What stays says nothing of them: sums, sales and hours without anybody behind them, the proof of consents and the
access log under a number that leads nowhere. Whoever comes back is somebody new, but what was used stays used: the
pseudonym that allowances are counted by comes from the identity itself.
"""

from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from domain import audit, idempotency
from domain.actor import Actor
from domain.consent import actions as consent
from domain.consent.actions import whose
from domain.errors import InvalidInput, NotAllowed
from domain.people import actions as people
from domain.people.actions import Ended
from domain.people.actions.joining import VOLUNTEERING, leave
from domain.redemption.actions import lives
from domain.redemption.actions.leaving import end_claims
from domain.rights.actions.working import note_step
from domain.rights.queries import cases, holdings, repairs
from domain.rights.queries.holdings import Place
from domain.rights.queries.papers import CaseRef
from domain.rights.rules.cases import Target
from domain.rights.rules.wording import Step
from domain.values import words
from domain.volunteering.actions.sign_ups import stop_volunteering


async def withdraw_consent(session: AsyncSession, actor: Actor, now: datetime, *, purpose: str, key: UUID) -> Ended:
    """The person takes one consent back; what rests on it ends, a registration as a volunteer as well."""
    ended = await people.withdraw_consent(session, actor, now, purpose=purpose, key=key)
    # A request that is repeated ends nothing that was begun anew since.
    if purpose == VOLUNTEERING and VOLUNTEERING not in await consent.standing(session, actor):
        await stop_volunteering(session, actor, now)
    return ended


async def erase_my_data(session: AsyncSession, actor: Actor, now: datetime, *, confirmed: bool, key: UUID) -> Ended:
    """Erases the caller in every programme, for good.

    Raises: InvalidInput unless confirmed, NotAllowed for whoever holds a post.
    """
    person_id, programme_id = whose(actor)
    request = {"confirmed": confirmed}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="erase_my_data", request=request)
    if earlier is not None:
        return Ended(at=datetime.fromisoformat(str(earlier["at"])), purposes=tuple(str(earlier["purposes"]).split()))
    if not confirmed:
        raise InvalidInput(_CONFIRM, field="confirm")
    if await holdings.holds_post(session, person_id=person_id):
        raise NotAllowed(_HOLDS_POST)
    purposes: set[str] = set()
    for place in await holdings.places(session, person_id=person_id, programme_id=programme_id):
        purposes |= await _end(session, actor, now, place=place)
    await audit.record(session, actor, now, action="erase", about={"person": person_id})
    await holdings.erase_person(session, key=key)
    await idempotency.bind(session, actor, key=key, result={"at": now, "purposes": " ".join(sorted(purposes))})
    return Ended(at=now, purposes=tuple(sorted(purposes)))


async def _end(session: AsyncSession, actor: Actor, now: datetime, *, place: Place) -> set[str]:
    """Ends everything in one programme; gives the consents that had stood there."""
    await holdings.enter(session, place=place)
    here = replace(
        actor,
        programme_id=place.programme_id,
        citizen_id=place.citizens[0] if place.joined else None,
        volunteer_id=place.volunteers[0] if place.registered else None,
    )
    await _withdraw_cases(session, here, now)
    for citizen_id in place.citizens:
        await end_claims(session, here, now, citizen_id=citizen_id)
    ended: set[str] = set()
    if here.citizen_id is not None:
        ended |= set(await leave(session, here, now, citizen_id=here.citizen_id))
    await stop_volunteering(session, here, now)
    return ended | set(await consent.take_back(session, here, now, purposes=await consent.standing(session, here)))


async def _withdraw_cases(session: AsyncSession, actor: Actor, now: datetime) -> None:
    """Takes every open case back: its texts can soon be read by nobody. A claim that one had held up goes on."""
    person_id, programme_id = whose(actor)
    whose_case = {"person_id": person_id, "programme_id": programme_id}
    for row in await cases.withdraw_all(session, **whose_case):
        if row.target == Target.REDEMPTION:
            await lives.contest_claim(session, redemption_id=row.subject_key[0], at=None)
        case = CaseRef(**whose_case, objection_id=row.id)
        await note_step(session, actor, now, case=case, step=Step.WITHDRAWN)
    for repair_id in await repairs.withdraw_all(session, now, **whose_case):
        case = CaseRef(**whose_case, repair_id=repair_id)
        await note_step(session, actor, now, case=case, step=Step.WITHDRAWN)


_CONFIRM: Final = words(
    "删除后无法恢复。请先查看退出预览,确认后将 confirm 设为 true。",
    "What is erased cannot be brought back. Read the withdrawal preview first, then send confirm: true.",
)
_HOLDS_POST: Final = words(
    "您目前担任工作岗位,须能追溯您在岗位上的操作。请先由管理员停用您的岗位;退出项目不受影响,随时可以办理。",
    "You hold a post, and what was done in it has to stay attributable. Ask your manager to end it first; leaving the"
    " programme is open to you at any time.",
)
