"""The office works on an objection: asks the department, gets more time once, decides.

Whoever touches a case opens its person's file, and stands in that person's access log for it.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from domain import audit, idempotency
from domain.actor import Actor
from domain.errors import AlreadyDecided, InvalidInput, NotFound, RuleRefused, SamePerson, TooLate
from domain.incentives.rules.standing import Catalogue
from domain.notices import actions as notices
from domain.notices.rules import Kind, NewNotice
from domain.rights.actions import settling
from domain.rights.actions.working import note_reading, note_step, open_case, refuse_own_case, sealed
from domain.rights.queries import cases
from domain.rights.queries.cases import Decided, Question
from domain.rights.queries.papers import Whose
from domain.rights.rules import clocks
from domain.rights.rules.cases import (
    OUTCOMES,
    UNDER_WAY,
    CaseTerms,
    Status,
    Target,
    Verdict,
    required_text,
)
from domain.rights.rules.clocks import Due
from domain.rights.rules.wording import OUTCOME_WORDS, Step
from domain.scoring.queries import states
from domain.values import Words, words


async def hand_over_objection(
    session: AsyncSession, actor: Actor, now: datetime, *, terms: CaseTerms, asked: tuple[int, str], key: UUID
) -> Whose:
    """Puts a question to the department whose record it is. `asked` is the objection and the question.

    Raises: RuleRefused when no department stands behind it, AlreadyDecided when it was asked before or is closed.
    """
    objection_id, given = asked
    question = required_text(given, "question")
    request = {"objection": objection_id, "question": question}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="hand_over", request=request)
    whose = await open_case(session, objection_id=objection_id)
    if earlier is not None:
        return whose
    objection = await _locked(session, actor, objection_id)
    if objection.source_id is not None:
        raise AlreadyDecided(_ASKED_BEFORE, field="id")
    source_id, name = await _department(session, now, terms, objection)
    today = terms.day_of(now)
    due = clocks.handed_over_due(terms.clocks, objection.opened_on, objection.due_on)
    source_due = clocks.source_due(terms.clocks, today, due)
    await cases.hand_over(
        session,
        objection_id=objection_id,
        question=Question(
            source_id=source_id,
            sealed_question=await sealed(session, objection.person_id, "question", question),
            source_due=source_due,
            case_due=due,
        ),
        officer_id=actor.person_id or 0,
    )
    case = settling.case_of(objection)
    await note_step(
        session, actor, now, case=case, step=Step.HANDED_OVER, remark=f"{name.zh}:{question}", due=source_due
    )
    what = words(
        f"把您的异议转交{name.zh}:该部门看到它自己的记录编号和所提问题。",
        f"Handed your objection over to {name.en}, which sees the reference of its own record and the question.",
    )
    await note_reading(session, actor, now, case=case, what=what)
    await _close(session, actor, now, objection_id, action="hand_over_objection", key=key)
    return whose


async def extend_objection(
    session: AsyncSession, actor: Actor, now: datetime, *, terms: CaseTerms, extension: tuple[int, str], key: UUID
) -> Whose:
    """An approver who has not worked on the case gives it more days, once, with a reason the person reads.

    Raises: AlreadyDecided for a second time, SamePerson, TooLate past its day, RuleRefused at the longest clock.
    """
    objection_id, given = extension
    reason = required_text(given, "reason")
    request = {"objection": objection_id, "reason": reason}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="extend_objection", request=request)
    whose = await open_case(session, objection_id=objection_id)
    if earlier is not None:
        return whose
    objection = await _locked(session, actor, objection_id)
    due = _extended(objection, actor, terms, now)
    await cases.extend(session, now, objection_id=objection_id, due=due)
    case = settling.case_of(objection)
    await note_step(session, actor, now, case=case, step=Step.EXTENDED, remark=reason, due=due)
    what = words("批准延长您的异议的办理期限。", "Approved more time for your objection.")
    await note_reading(session, actor, now, case=case, what=what)
    await notices.tell(session, now, notices=[_notice(objection, Kind.OBJECTION_EXTENDED, {"on": due.on.isoformat()})])
    await _close(session, actor, now, objection_id, action="extend_objection", key=key)
    return whose


async def decide_objection(
    session: AsyncSession,
    actor: Actor,
    now: datetime,
    *,
    terms: CaseTerms,
    catalogue: Catalogue,
    verdict: Verdict,
    key: UUID,
) -> Whose:
    """Decides; a record that was wrong is gone, the score follows, and what was missed is offered again.

    Raises: AlreadyDecided, SamePerson for a review by whoever decided first, InvalidInput for no outcome or no text.
    """
    decision = required_text(verdict.decision, "decision")
    if verdict.outcome not in OUTCOMES:
        raise InvalidInput(_NO_OUTCOME, field="outcome")
    objection_id = verdict.case_id
    request = {"objection": objection_id, "outcome": verdict.outcome.value, "decision": decision}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="decide_objection", request=request)
    whose = await open_case(session, objection_id=objection_id)
    if earlier is not None:
        return whose
    objection = await _locked(session, actor, objection_id)
    await _refuse_first_decider(session, actor, objection)
    text = await sealed(session, objection.person_id, "decision", decision)
    await settle(session, actor, now, terms=terms, catalogue=catalogue, case=(objection, verdict.outcome, text))
    what = words("办理并决定您的异议。", "Worked on your objection and decided it.")
    await note_reading(session, actor, now, case=settling.case_of(objection), what=what)
    await _close(session, actor, now, objection_id, action="decide_objection", key=key)
    return whose


async def settle(
    session: AsyncSession,
    actor: Actor,
    now: datetime,
    *,
    terms: CaseTerms,
    catalogue: Catalogue,
    case: tuple[Row[Any], Status, bytes | None],
) -> None:
    """What a decision does, whether an officer or time has made it. `case` is objection, outcome and sealed text."""
    objection, outcome, text = case
    restored: list[int] = []
    if outcome is Status.REJECTED:
        await settling.release(session, now, terms=terms, objection=objection)
    else:
        restored = await settling.remove(session, actor, now, terms=terms, objection=objection, catalogue=catalogue)
    await cases.decide(
        session,
        now,
        objection_id=objection.id,
        decided=Decided(
            outcome=outcome.value,
            officer_id=actor.person_id,
            sealed_decision=text,
            remedy_until=_remedy_until(terms, now, objection, outcome),
            restored=restored,
        ),
    )
    step = Step(outcome.value) if text is not None else Step.OVERDUE
    steps = [step, Step.RECALCULATED] if objection.target == Target.RECORD else [step]
    for one in steps:
        await note_step(session, actor, now, case=settling.case_of(objection), step=one)
    said = OUTCOME_WORDS[outcome.value]
    params = {"outcome": {"zh": said.zh, "en": said.en}}
    await notices.tell(session, now, notices=[_notice(objection, Kind.OBJECTION_DECIDED, params)])


def _remedy_until(terms: CaseTerms, now: datetime, objection: Row[Any], outcome: Status) -> date | None:
    """Whatever was not upheld in full can be challenged, and says until when."""
    if outcome is Status.UPHELD:
        return None
    today = terms.day_of(now)
    if objection.review_of is not None:
        return clocks.reconsideration_until(today)
    return clocks.remedy_until(terms.clocks, today)


async def _locked(session: AsyncSession, actor: Actor, objection_id: int) -> Row[Any]:
    objection = await cases.lock_objection(session, objection_id=objection_id)
    if objection is None:
        raise NotFound
    if objection.status not in UNDER_WAY:
        raise AlreadyDecided(_CLOSED, field="id")
    refuse_own_case(actor, objection)
    return objection


async def _department(session: AsyncSession, now: datetime, terms: CaseTerms, objection: Row[Any]) -> tuple[int, Words]:
    """Whose record it is. Raises: RuleRefused when it is no department's."""
    if objection.target != Target.RECORD:
        raise RuleRefused(_NO_DEPARTMENT, field="id")
    key = settling.record_key(objection.subject_key)
    record = await states.record(session, now, key=key, rule_set_id=terms.rule_set_id)
    if record is None or record.source_kind != "DEPARTMENT":
        raise RuleRefused(_NO_DEPARTMENT, field="id")
    return key.source_id, Words(**record.source_name)


def _extended(objection: Row[Any], actor: Actor, terms: CaseTerms, now: datetime) -> Due:
    if objection.extended_at is not None:
        raise AlreadyDecided(_EXTENDED_BEFORE, field="id")
    if objection.handled_by == actor.person_id:
        raise SamePerson(_OTHER_APPROVER)
    if clocks.is_overdue(objection.due_on, terms.day_of(now)):
        raise TooLate(_PAST_ITS_DAY, field="id")
    due = clocks.extended_due(terms.clocks, objection.opened_on, objection.due_on)
    if due.on <= objection.due_on:
        raise RuleRefused(_LONGEST, field="id", rule_source="R12")
    return due


async def _refuse_first_decider(session: AsyncSession, actor: Actor, objection: Row[Any]) -> None:
    if objection.review_of is None:
        return
    first = await cases.lock_objection(session, objection_id=objection.review_of)
    if first is not None and first.decided_by == actor.person_id:
        raise SamePerson(_DECIDED_FIRST)


async def _close(
    session: AsyncSession, actor: Actor, now: datetime, objection_id: int, *, action: str, key: UUID
) -> None:
    await audit.record(session, actor, now, action=action, about={"objection": objection_id})
    await idempotency.bind(session, actor, key=key, result={"id": objection_id})


def _notice(objection: Row[Any], kind: Kind, params: Mapping[str, object]) -> NewNotice:
    return NewNotice(
        person_id=objection.person_id,
        programme_id=objection.programme_id,
        kind=kind,
        subject=f"objection:{objection.id}",
        params=params,
    )


_NO_OUTCOME: Final = words(
    "决定只能是支持、部分支持或不支持。请选择其一。",
    "A decision is UPHELD, PARTLY_UPHELD or REJECTED. Choose one of them.",
)
_CLOSED: Final = words("该异议已办结。", "This objection is closed already.")
_ASKED_BEFORE: Final = words("已转交过部门,请等待或查看其答复。", "The department was asked before. See its answer.")
_NO_DEPARTMENT: Final = words(
    "只有部门报送的记录才能转交部门核查。请由办公室自行核查后决定。",
    "Only a department's own record can be handed over. Check this one here and decide.",
)
_EXTENDED_BEFORE: Final = words(
    "每件异议只能延期一次。请按期决定。", "An objection is extended once. Decide it in time."
)
_OTHER_APPROVER: Final = words(
    "经办人不能批准自己经办事项的延期。请由其他审批员批准。",
    "Whoever works on a case does not approve more time for it. Please ask another approver.",
)
_PAST_ITS_DAY: Final = words(
    "期限已过,不能再延期;系统将按申请人的请求办理。",
    "Its day has passed, so that it can no longer be extended; it is decided in the person's favour.",
)
_LONGEST: Final = words("已达最长期限,不能再延期。", "This is the longest that it may take. Decide it in time.")
_DECIDED_FIRST: Final = words(
    "复核须由未参与首次决定的人员办理。请由其他人员决定。",
    "A review is decided by somebody who did not decide first. Please leave it to somebody else.",
)
