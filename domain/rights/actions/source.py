"""A department answers the question about its own record; whose record it is, it is not told."""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from domain import audit, idempotency
from domain.actor import Actor
from domain.errors import AlreadyDecided, NotFound
from domain.rights.actions import settling
from domain.rights.actions.working import note_step
from domain.rights.queries import cases, papers
from domain.rights.rules.cases import Finding, Status, required_text
from domain.rights.rules.wording import Step
from domain.values import words


async def answer_objection(
    session: AsyncSession, actor: Actor, now: datetime, *, objection_id: int, answer: tuple[Finding, str], key: UUID
) -> None:
    """Notes what the department has found, with its statement. Raises: NotFound, AlreadyDecided when answered."""
    finding, given = answer
    statement = required_text(given, "statement")
    request = {"objection": objection_id, "finding": finding.value, "statement": statement}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="answer_objection", request=request)
    if earlier is not None:
        return
    if await papers.reveal_by_question(session, objection_id=objection_id) is None:
        raise NotFound
    objection = await cases.lock_objection(session, objection_id=objection_id)
    if objection is None:
        raise NotFound
    if objection.status != Status.WITH_SOURCE:
        raise AlreadyDecided(_ANSWERED, field="id")
    await cases.answer(session, now, objection_id=objection_id, finding=finding.value)
    case = settling.case_of(objection)
    await note_step(session, actor, now, case=case, step=Step(finding.value), remark=statement)
    await audit.record(session, actor, now, action="answer_objection", about={"objection": objection_id})
    await idempotency.bind(session, actor, key=key, result={"id": objection_id})


_ANSWERED: Final = words("该问题已答复或已办结。", "This question was answered already, or its case is closed.")
