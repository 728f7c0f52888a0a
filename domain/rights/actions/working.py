"""What every action on a case leans on: whose it is, who acts, sealing, steps, and the log of who has read it."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from domain.actor import Actor, Role
from domain.consent import actions as consent
from domain.errors import AlreadyDecided, InvalidInput, NotAllowed, NotFound, SamePerson
from domain.people import queries as people
from domain.people.rules import Purpose
from domain.rights.queries import papers
from domain.rights.queries.papers import CaseRef, NewStep, Whose
from domain.rights.rules.clocks import Due
from domain.rights.rules.papers import MAX_PER_CASE
from domain.rights.rules.wording import Step
from domain.values import Words, words
from domain.vault import Vault

YOURSELF: Final = words("本人", "yourself")
THE_SERVICE: Final = words("系统", "the service itself")


def person_of(actor: Actor) -> tuple[int, int]:
    """Person and programme of the caller, who is a citizen or a volunteer. Raises: NotAllowed otherwise."""
    if actor.person_id is None or actor.programme_id is None or (actor.citizen_id or actor.volunteer_id) is None:
        raise NotAllowed(_JOIN_FIRST)
    return actor.person_id, actor.programme_id


def citizen_of(actor: Actor) -> tuple[int, int, int]:
    """Person, citizen and programme of the caller. Raises: NotAllowed before joining."""
    if actor.person_id is None or actor.citizen_id is None or actor.programme_id is None:
        raise NotAllowed(_JOIN_FIRST)
    return actor.person_id, actor.citizen_id, actor.programme_id


async def author(session: AsyncSession, actor: Actor) -> Words:
    """Who acts, as the person whose case it is may know it."""
    if actor.role is Role.WORKER:
        return THE_SERVICE
    if actor.role is Role.SOURCE:
        return await papers.organisation_name(session, organisation_id=actor.organisation_id or 0)
    if actor.staff_id is None:
        return YOURSELF
    name = await people.staff_name(session, staff_id=actor.staff_id)
    return words(name, name)


async def sealed(session: AsyncSession, person_id: int, field: str, text: str) -> bytes:
    """A text about a person, readable only with that person's key."""
    vault: Vault = session.info["vault"]
    return vault.seal(await papers.key_of(session, person_id=person_id), field, text)


async def note_step(
    session: AsyncSession,
    actor: Actor,
    now: datetime,
    *,
    case: CaseRef,
    step: Step,
    remark: str | None = None,
    due: Due | None = None,
) -> None:
    """Writes a step down, with what was said and until when the next one is due."""
    remark_sealed = None if remark is None else await sealed(session, case.person_id, "case_step", remark)
    new = NewStep(
        kind=step.value,
        by=await author(session, actor),
        sealed_text=remark_sealed,
        due_on=None if due is None else due.on,
        provisional=due is not None and due.provisional,
    )
    await papers.add_step(session, now, case=case, step=new)


async def open_case(session: AsyncSession, *, objection_id: int | None = None, repair_id: int | None = None) -> Whose:
    """The office opens the door to whoever has this case. Raises: NotFound for a foreign one, AlreadyDecided."""
    whose = await papers.reveal_case(session, objection_id=objection_id, repair_id=repair_id)
    if whose is None:
        if await papers.case_is_here(session, objection_id=objection_id, repair_id=repair_id):
            raise AlreadyDecided(_CLOSED, field="id")
        raise NotFound
    return whose


async def note_reading(session: AsyncSession, actor: Actor, now: datetime, *, case: CaseRef, what: Words) -> None:
    """Puts the office's work on a case into its person's access log."""
    await consent.record_access(
        session,
        actor,
        now,
        person_id=case.person_id,
        actor_name=await author(session, actor),
        purpose=(Purpose.OBJECTION if case.repair_id is None else Purpose.REPAIR).value,
        what=what,
    )


def refuse_own_case(actor: Actor, case: Row[Any]) -> None:
    """Nobody works on their own case. Raises: SamePerson."""
    if actor.person_id == case.person_id:
        raise SamePerson(_OWN_CASE)


async def hang_on(session: AsyncSession, *, case: CaseRef, attachments: tuple[int, ...]) -> None:
    """Hangs attachments on a new case. Raises: InvalidInput for too many, NotFound for one that is not to be had."""
    wanted = sorted(set(attachments))
    if len(wanted) > MAX_PER_CASE:
        raise InvalidInput(_TOO_MANY_PAPERS, field="attachments")
    if wanted and await papers.link_attachments(session, case=case, ids=wanted) < len(wanted):
        raise NotFound(_NO_SUCH_PAPER, field="attachments")


_JOIN_FIRST: Final = words("您尚未加入本项目。请先加入。", "You have not joined this programme. Please join first.")
_OWN_CASE: Final = words(
    "不能办理自己的事项。请由其他人员办理。", "Nobody works on their own case. Please leave it to somebody else."
)
_CLOSED: Final = words("该事项已办结。", "This case is closed already.")
_TOO_MANY_PAPERS: Final = words(
    f"每件最多 {MAX_PER_CASE} 个附件。请减少附件。", f"A case has at most {MAX_PER_CASE} attachments. Leave some out."
)
_NO_SUCH_PAPER: Final = words(
    "有附件没有找到,或已用于另一件。请重新上传。",
    "One of the attachments is not there, or belongs to another case already. Send it again.",
)
