"""What nobody has decided in time is decided for the person: the office's silence costs nobody anything (R12)."""

from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from domain import audit
from domain.actor import Actor, Role
from domain.incentives.rules.standing import Catalogue
from domain.rights.actions.office import settle
from domain.rights.actions.repairs import settle_repair
from domain.rights.queries import cases, repairs
from domain.rights.rules.cases import CaseTerms, Status

AT_ONCE: Final = 100


async def decide_overdue(session: AsyncSession, now: datetime, *, terms: CaseTerms, catalogue: Catalogue) -> int:
    """Decides the objections and repairs of a programme whose day has passed; gives how many. Runs as the worker."""
    actor = Actor(role=Role.WORKER, programme_id=terms.programme_id)
    programme_id, today = terms.programme_id, terms.day_of(now)
    done = 0
    while overdue := await cases.lock_overdue(session, programme_id=programme_id, today=today, limit=AT_ONCE):
        for objection in overdue:
            case = (objection, Status.UPHELD, None)
            await settle(session, actor, now, terms=terms, catalogue=catalogue, case=case)
            await audit.record(session, actor, now, action="decide_overdue", about={"objection": objection.id})
        done += len(overdue)
    while late := await repairs.lock_overdue(session, programme_id=programme_id, today=today, limit=AT_ONCE):
        for repair in late:
            await settle_repair(session, actor, now, terms=terms, case=(repair, Status.UPHELD, None))
            await audit.record(session, actor, now, action="decide_overdue", about={"repair": repair.id})
        done += len(late)
    return done
