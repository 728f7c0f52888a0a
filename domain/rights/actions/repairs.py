"""An adverse record is repaired: asked for after the waiting time of its class, with statement and proof.

Nothing here takes hours, blood or money (R16): a repair rests on what was put right, and nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from domain import audit, idempotency
from domain.actor import Actor
from domain.errors import AlreadyDecided, InvalidInput, NotFound, Overlap, RuleRefused, TooEarly, TooLate
from domain.notices import actions as notices
from domain.notices.rules import Kind, NewNotice
from domain.programmes.rules.terms import RepairClass
from domain.rights.actions import settling
from domain.rights.actions.working import (
    Whose,
    citizen_of,
    hang_on,
    note_reading,
    note_step,
    open_case,
    refuse_own_case,
    sealed,
)
from domain.rights.queries import repairs
from domain.rights.queries.cases import Decided
from domain.rights.queries.papers import CaseRef
from domain.rights.rules import clocks
from domain.rights.rules.cases import REPAIR_OUTCOMES, UNDER_WAY, CaseTerms, Status, Verdict, required_text
from domain.rights.rules.wording import OUTCOME_WORDS, Step
from domain.scoring.queries import states
from domain.scoring.queries.states import RecordKey
from domain.scoring.states import LIVE
from domain.values import words


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairWish:
    """A repair as somebody asks for it: which record, what was put right, and the papers that prove it."""

    record: RecordKey
    statement: str
    attachments: tuple[int, ...] = ()


async def request_repair(
    session: AsyncSession, actor: Actor, now: datetime, *, terms: CaseTerms, wish: RepairWish, key: UUID
) -> int:
    """Opens a repair; gives its number.

    Raises: NotFound for what is not the caller's, RuleRefused for a merit, TooEarly before the class's waiting time is
    over, Overlap when one is under way, InvalidInput without a statement.
    """
    person_id, citizen_id, programme_id = citizen_of(actor)
    statement = required_text(wish.statement, "statement")
    if wish.record.citizen_id != citizen_id:
        raise NotFound
    request = {"record": wish.record.binds(), "statement": statement, "papers": wish.attachments}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="request_repair", request=request)
    if earlier is not None:
        return int(str(earlier["id"]))
    record = await states.record(session, now, key=wish.record, rule_set_id=terms.rule_set_id)
    if record is None or record.state not in LIVE:
        raise NotFound
    _require_time(record, terms, now)
    due = clocks.repair_due(terms.clocks, terms.day_of(now))
    repair_id = await repairs.add_repair(
        session,
        now,
        whose=(person_id, programme_id),
        key=wish.record,
        sealed_statement=await sealed(session, person_id, "statement", statement),
        due=due,
    )
    if repair_id is None:
        raise Overlap(_UNDER_WAY, field="recordId")
    case = CaseRef(person_id=person_id, programme_id=programme_id, repair_id=repair_id)
    await hang_on(session, case=case, attachments=wish.attachments)
    await note_step(session, actor, now, case=case, step=Step.OPENED, due=due)
    await audit.record(session, actor, now, action="request_repair", about={"repair": repair_id})
    await idempotency.bind(session, actor, key=key, result={"id": repair_id})
    return repair_id


def _require_time(record: Row[Any], terms: CaseTerms, now: datetime) -> None:
    """Raises: RuleRefused for a merit, TooEarly before the class's waiting time is over."""
    if record.merit is not False:
        raise RuleRefused(_NOTHING_TO_REPAIR, field="recordId", rule_source="国办发〔2025〕22号")
    item = next(one for one in terms.rules.items if one.code == record.item)
    kind = item.repair_class or RepairClass.SERIOUS
    opens = clocks.repairable_from(terms.clocks, kind, record.start_on)
    if terms.day_of(now) < opens:
        raise TooEarly(
            words(
                f"此类记录自 {opens} 起可以申请修复。请在该日之后申请;认为记录有误的,现在就可以提出异议。",
                f"The repair of such a record can be asked for from {opens} on. Come back then; if the record is"
                " wrong, you can object to it now.",
            ),
            field="recordId",
            rule_source="国办发〔2025〕22号",
        )


async def extend_repair(
    session: AsyncSession, actor: Actor, now: datetime, *, terms: CaseTerms, extension: tuple[int, str], key: UUID
) -> Whose:
    """An approver gives a repair more days, once, with a reason the person reads.

    Raises: AlreadyDecided for a second time, SamePerson for one's own, TooLate past its day.
    """
    repair_id, given = extension
    reason = required_text(given, "reason")
    request = {"repair": repair_id, "reason": reason}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="extend_repair", request=request)
    whose = await open_case(session, repair_id=repair_id)
    if earlier is not None:
        return whose
    repair = await _locked(session, actor, repair_id)
    if repair.extended_at is not None:
        raise AlreadyDecided(_EXTENDED_BEFORE, field="id")
    if clocks.is_overdue(repair.due_on, terms.day_of(now)):
        raise TooLate(_PAST_ITS_DAY, field="id")
    due = clocks.extended_repair_due(terms.clocks, repair.due_on)
    await repairs.extend(session, now, repair_id=repair_id, due=due)
    case = settling.case_of_repair(repair)
    await note_step(session, actor, now, case=case, step=Step.EXTENDED, remark=reason, due=due)
    what = words("批准延长您的信用修复申请的办理期限。", "Approved more time for your repair.")
    await note_reading(session, actor, now, case=case, what=what)
    await notices.tell(session, now, notices=[_notice(repair, Kind.REPAIR_EXTENDED, {"on": due.on.isoformat()})])
    await audit.record(session, actor, now, action="extend_repair", about={"repair": repair_id})
    await idempotency.bind(session, actor, key=key, result={"id": repair_id})
    return whose


async def decide_repair(
    session: AsyncSession, actor: Actor, now: datetime, *, terms: CaseTerms, verdict: Verdict, key: UUID
) -> Whose:
    """Decides; what is repaired is gone from score, list and explanation. Raises: AlreadyDecided, SamePerson."""
    decision = required_text(verdict.decision, "decision")
    if verdict.outcome not in REPAIR_OUTCOMES:
        raise InvalidInput(_NO_OUTCOME, field="outcome")
    repair_id = verdict.case_id
    request = {"repair": repair_id, "outcome": verdict.outcome.value, "decision": decision}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="decide_repair", request=request)
    whose = await open_case(session, repair_id=repair_id)
    if earlier is not None:
        return whose
    repair = await _locked(session, actor, repair_id)
    text = await sealed(session, repair.person_id, "decision", decision)
    await settle_repair(session, actor, now, terms=terms, case=(repair, verdict.outcome, text))
    what = words("办理并决定您的信用修复申请。", "Worked on your repair and decided it.")
    await note_reading(session, actor, now, case=settling.case_of_repair(repair), what=what)
    await audit.record(session, actor, now, action="decide_repair", about={"repair": repair_id})
    await idempotency.bind(session, actor, key=key, result={"id": repair_id})
    return whose


async def settle_repair(
    session: AsyncSession,
    actor: Actor,
    now: datetime,
    *,
    terms: CaseTerms,
    case: tuple[Row[Any], Status, bytes | None],
) -> None:
    """What a decision does, whether an officer or time has made it. `case` is repair, outcome and sealed text."""
    repair, outcome, text = case
    upheld = outcome is Status.UPHELD
    if upheld:
        await settling.repair_record(session, now, terms=terms, repair=repair)
    await repairs.decide(
        session,
        now,
        repair_id=repair.id,
        decided=Decided(
            outcome=outcome.value,
            officer_id=actor.person_id,
            sealed_decision=text,
            remedy_until=None if upheld else clocks.remedy_until(terms.clocks, terms.day_of(now)),
        ),
    )
    step = Step(outcome.value) if text is not None else Step.OVERDUE
    await note_step(session, actor, now, case=settling.case_of_repair(repair), step=step)
    said = OUTCOME_WORDS[outcome.value]
    params = {"outcome": {"zh": said.zh, "en": said.en}}
    await notices.tell(session, now, notices=[_notice(repair, Kind.REPAIR_DECIDED, params)])


async def _locked(session: AsyncSession, actor: Actor, repair_id: int) -> Row[Any]:
    """A repair under way that is not the caller's own. Raises: NotFound, AlreadyDecided, SamePerson."""
    repair = await repairs.lock_repair(session, repair_id=repair_id)
    if repair is None:
        raise NotFound
    if repair.status not in UNDER_WAY:
        raise AlreadyDecided(_CLOSED, field="id")
    refuse_own_case(actor, repair)
    return repair


def _notice(repair: Row[Any], kind: Kind, params: Mapping[str, object]) -> NewNotice:
    return NewNotice(
        person_id=repair.person_id,
        programme_id=repair.programme_id,
        kind=kind,
        subject=f"repair:{repair.id}",
        params=params,
    )


_UNDER_WAY: Final = words("该记录的修复申请正在办理。", "The repair of this record is under way already.")
_NOTHING_TO_REPAIR: Final = words(
    "只有扣分记录需要修复。对这条记录有不同意见的,可以提出异议。",
    "Only a record that costs points is repaired. If this one is wrong, you can object to it.",
)
_NO_OUTCOME: Final = words(
    "决定只能是同意或不同意。请选择 UPHELD 或 REJECTED。", "A repair is UPHELD or REJECTED. Choose one of them."
)
_CLOSED: Final = words("该修复申请已办结。", "This repair is decided already.")
_EXTENDED_BEFORE: Final = words("每件申请只能延期一次。请按期决定。", "A repair is extended once. Decide it in time.")
_PAST_ITS_DAY: Final = words(
    "期限已过,不能再延期;系统将按申请人的请求办理。",
    "Its day has passed, so that it can no longer be extended; it is decided in the person's favour.",
)
