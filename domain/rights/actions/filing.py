"""A person objects, adds papers, takes it back, or asks for a review.

A record is marked in the same transaction: an adverse one counts nothing until it is decided. What was objected to
before is taken in again, and suspends nothing.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from domain import audit, idempotency
from domain.actor import Actor
from domain.errors import AlreadyDecided, CapacityFull, InvalidInput, NotFound, Overlap, TooEarly, TooLate
from domain.redemption.actions import lives
from domain.rights.actions import settling
from domain.rights.actions.working import citizen_of, hang_on, note_step, person_of, sealed
from domain.rights.queries import cases, papers, subjects
from domain.rights.queries.cases import NewObjection
from domain.rights.queries.papers import CaseRef
from domain.rights.rules import clocks
from domain.rights.rules.cases import (
    KEY_PARTS,
    OF_VOLUNTEERS,
    OUTCOMES,
    UNDER_WAY,
    CaseTerms,
    Status,
    Target,
    Wish,
    required_text,
)
from domain.rights.rules.papers import MAX_WAITING, Paper, content_of, digest_of
from domain.rights.rules.wording import Step
from domain.scoring.queries import states
from domain.scoring.states import LIVE
from domain.values import words
from domain.vault import Vault


async def attach(session: AsyncSession, actor: Actor, now: datetime, *, paper: Paper, key: UUID) -> int:
    """Keeps a paper, sealed, for an objection or a repair to come; gives its number.

    Raises: InvalidInput for another type or size, CapacityFull when too many wait already, NotAllowed before joining.
    """
    person_id, programme_id = person_of(actor)
    content = content_of(paper)
    request = {"name": paper.file_name, "type": paper.media_type, "digest": digest_of(content)}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="attach", request=request)
    if earlier is not None:
        return int(str(earlier["id"]))
    vault: Vault = session.info["vault"]
    own = await papers.key_of(session, person_id=person_id)
    attachment_id = await papers.add_attachment(
        session,
        now,
        person_id=person_id,
        programme_id=programme_id,
        sealed={
            "media_type": paper.media_type,
            "sealed_name": vault.seal(own, "file_name", paper.file_name.strip()),
            "sealed_content": vault.seal(own, "attachment", paper.base64),
            "size_bytes": len(content),
            "digest": digest_of(content),
        },
        most=MAX_WAITING,
    )
    if attachment_id is None:
        raise CapacityFull(_TOO_MANY)
    await audit.record(session, actor, now, action="attach", about={"attachment": attachment_id})
    await idempotency.bind(session, actor, key=key, result={"id": attachment_id})
    return attachment_id


async def object_to(
    session: AsyncSession, actor: Actor, now: datetime, *, terms: CaseTerms, wish: Wish, key: UUID
) -> int:
    """Opens an objection; gives its number.

    Raises: NotFound for what is not the caller's, Overlap when one about the same thing is under way, InvalidInput.
    """
    person_id, programme_id = person_of(actor)
    citizen_id = actor.citizen_id
    if wish.target not in OF_VOLUNTEERS:
        _, citizen_id, _ = citizen_of(actor)
    reason = required_text(wish.reason, "reason")
    subject = _subject_of(wish, citizen_id)
    request = {"target": wish.target.value, "subject": subject, "reason": reason, "papers": wish.attachments}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="object_to", request=request)
    if earlier is not None:
        return int(str(earlier["id"]))
    await _require_own(session, actor, now, terms=terms, target=wish.target, subject=subject)
    again = await cases.contested_before(
        session, person_id=person_id, programme_id=programme_id, target=wish.target.value, subject_key=subject
    )
    today = terms.day_of(now)
    due = clocks.objection_due(terms.clocks, today)
    objection_id = await cases.add_objection(
        session,
        now,
        new=NewObjection(
            person_id=person_id,
            programme_id=programme_id,
            citizen_id=citizen_id,
            target=wish.target.value,
            subject_key=subject,
            sealed_reason=await sealed(session, person_id, "reason", reason),
            opened_on=today,
            due=due,
        ),
    )
    if objection_id is None:
        raise Overlap(_UNDER_WAY, field="id")
    case = CaseRef(person_id=person_id, programme_id=programme_id, objection_id=objection_id)
    await hang_on(session, case=case, attachments=wish.attachments)
    await note_step(session, actor, now, case=case, step=Step.OPENED, due=due)
    if wish.target is Target.RECORD:
        step = Step.NOT_MARKED if again else Step.MARKED
        if not again:
            await settling.contest(session, now, terms=terms, subject=subject)
        await note_step(session, actor, now, case=case, step=step)
    elif wish.target is Target.REDEMPTION:
        await lives.contest_claim(session, redemption_id=subject[0], at=now)
    await audit.record(session, actor, now, action="object", about={"objection": objection_id})
    await idempotency.bind(session, actor, key=key, result={"id": objection_id})
    return objection_id


def _subject_of(wish: Wish, citizen_id: int | None) -> list[int]:
    """The key of what it is about. The score needs no id. Raises: NotFound, InvalidInput."""
    given = list(wish.subject_key)
    if wish.target is Target.SCORE and citizen_id is not None and not given:
        given = [citizen_id]
    if len(given) != KEY_PARTS[wish.target]:
        if not given:
            raise InvalidInput(_ID_NEEDED, field="id")
        raise NotFound
    return given


async def _require_own(
    session: AsyncSession, actor: Actor, now: datetime, *, terms: CaseTerms, target: Target, subject: list[int]
) -> None:
    """Raises: NotFound for what is not the caller's, or is gone."""
    if target is not Target.RECORD:
        own = await subjects.is_own(session, actor, target=target, key=subject)
    else:
        own = subject[0] == actor.citizen_id
        if own:
            key = settling.record_key(subject)
            record = await states.record(session, now, key=key, rule_set_id=terms.rule_set_id)
            own = record is not None and record.state in LIVE
    if not own:
        raise NotFound


async def withdraw_objection(
    session: AsyncSession, actor: Actor, now: datetime, *, terms: CaseTerms, objection_id: int, key: UUID
) -> int:
    """Takes an objection back; the record counts again. Raises: NotFound, AlreadyDecided."""
    request = {"objection": objection_id}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="withdraw_objection", request=request)
    if earlier is not None:
        return objection_id
    objection = await cases.lock_objection(session, objection_id=objection_id)
    if objection is None or objection.person_id != actor.person_id:
        raise NotFound
    if objection.status not in UNDER_WAY:
        raise AlreadyDecided(_CLOSED, field="id")
    await cases.withdraw(session, objection_id=objection_id)
    case = settling.case_of(objection)
    await note_step(session, actor, now, case=case, step=Step.WITHDRAWN)
    await settling.release(session, now, terms=terms, objection=objection)
    await audit.record(session, actor, now, action="withdraw_objection", about={"objection": objection_id})
    await idempotency.bind(session, actor, key=key, result={"id": objection_id})
    return objection_id


async def ask_for_review(
    session: AsyncSession, actor: Actor, now: datetime, *, terms: CaseTerms, review: tuple[int, str], key: UUID
) -> int:
    """Opens a review of a decided objection, once; gives its number. `review` is the objection and the reason.

    Raises: TooEarly before the decision, TooLate after the day it named, AlreadyDecided for a review of a review or
    of what was upheld in full, Overlap when it was asked for already.
    """
    objection_id, why = review
    reason = required_text(why, "reason")
    request = {"objection": objection_id, "reason": reason}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="ask_for_review", request=request)
    if earlier is not None:
        return int(str(earlier["id"]))
    first = await cases.lock_objection(session, objection_id=objection_id)
    if first is None or first.person_id != actor.person_id:
        raise NotFound
    today = terms.day_of(now)
    if first.status in UNDER_WAY:
        raise TooEarly(_NOT_DECIDED, field="objectionId")
    if first.status not in OUTCOMES or first.status == Status.UPHELD or first.review_of is not None:
        raise AlreadyDecided(_NOTHING_TO_REVIEW, field="objectionId")
    if today > first.remedy_until:
        raise TooLate(_REMEDY_OVER, field="objectionId")
    due = clocks.review_due(terms.clocks, today)
    review_id = await cases.add_objection(
        session,
        now,
        new=NewObjection(
            person_id=first.person_id,
            citizen_id=first.citizen_id,
            programme_id=first.programme_id,
            target=first.target,
            subject_key=first.subject_key,
            sealed_reason=await sealed(session, first.person_id, "reason", reason),
            opened_on=today,
            due=due,
            review_of=objection_id,
            eve=first.eve,
        ),
    )
    if review_id is None:
        raise Overlap(_REVIEWED, field="objectionId")
    asked = settling.case_of(first)
    await note_step(session, actor, now, case=asked, step=Step.REVIEW_ASKED)
    case = CaseRef(person_id=first.person_id, programme_id=first.programme_id, objection_id=review_id)
    await note_step(session, actor, now, case=case, step=Step.OPENED, due=due)
    await audit.record(session, actor, now, action="ask_for_review", about={"objection": review_id})
    await idempotency.bind(session, actor, key=key, result={"id": review_id})
    return review_id


_TOO_MANY: Final = words(
    f"最多保留 {MAX_WAITING} 个未使用的附件。请先提交异议或修复申请。",
    f"At most {MAX_WAITING} attachments wait for a case. Use them in an objection or a repair first.",
)
_UNDER_WAY: Final = words(
    "同一事项的异议正在办理。可以在其办理过程中查看进展。",
    "An objection to the same thing is under way. Its steps show how far it has come.",
)
_ID_NEEDED: Final = words("请指明对哪一项提出异议。", "Say what you object to, by its id.")
_CLOSED: Final = words("该异议已办结,不能再撤回。", "This objection is closed and can no longer be taken back.")
_NOT_DECIDED: Final = words(
    "该异议尚未作出决定。请等待决定。", "This objection is not decided yet. Wait for the decision."
)
_NOTHING_TO_REVIEW: Final = words(
    "该决定不能再申请复核。决定中写明了您的下一步办法。",
    "This cannot be reviewed any further here. The decision names what you can do next.",
)
_REMEDY_OVER: Final = words(
    "申请复核的期限已过。您仍可依法向有关机关反映。",
    "The time for asking for a review is over. What the law gives you elsewhere remains.",
)
_REVIEWED: Final = words("该决定已申请过复核。", "A review of this decision was asked for already.")
