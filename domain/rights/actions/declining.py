"""A citizen does not want a positive record kept. Nothing anywhere shows that somebody did.

No trail, no notice and no entry of the access log is written, the cause in the history is one that other endings
share, and the department that delivered the record gets the answers it would have got.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from domain import idempotency
from domain.actor import Actor
from domain.errors import NotFound, RuleRefused
from domain.rights.actions.working import citizen_of
from domain.rights.rules.cases import CaseTerms
from domain.scoring.actions import DAY_TURNED
from domain.scoring.queries import states
from domain.scoring.queries.states import RecordKey
from domain.scoring.queries.writing import lock_scores
from domain.scoring.states import DECLINED, LIVE, InForce, turn_record
from domain.values import words


async def decline_record(
    session: AsyncSession, actor: Actor, now: datetime, *, terms: CaseTerms, record: RecordKey, key: UUID
) -> datetime:
    """Takes a merit out of the score for good; gives when.

    Raises: NotFound for what is not the caller's or is gone, RuleRefused for a demerit.
    """
    _, citizen_id, _ = citizen_of(actor)
    if record.citizen_id != citizen_id:
        raise NotFound
    request = {"record": record.binds()}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="decline_record", request=request)
    if earlier is not None:
        return datetime.fromisoformat(str(earlier["at"]))
    await lock_scores(session, citizens=[citizen_id])
    found = await states.record(session, now, key=record, rule_set_id=terms.rule_set_id)
    if found is None or found.state not in LIVE:
        raise NotFound
    if found.merit is False:
        raise RuleRefused(_ADVERSE, field="recordId")
    rules = InForce(rule_set_id=terms.rule_set_id, today=terms.day_of(now))
    await turn_record(session, now, key=record, state=DECLINED, rules=rules, cause=DAY_TURNED)
    await idempotency.bind(session, actor, key=key, result={"at": now})
    return now


_ADVERSE = words(
    "只能拒绝保留加分记录。认为这条记录有误的,请提出异议;已改正的,到期后可申请修复。",
    "Only a positive record can be declined. If this one is wrong, object to it; if you have put it right, ask for its"
    " repair.",
)
