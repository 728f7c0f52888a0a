"""What a day does with cases and announcements of one programme: its part of the daily jobs."""

from datetime import date, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from api.graphql.reference import KnownProgramme, load
from domain.notices.actions import warn_of_expiry
from domain.rights.actions import decide_overdue
from domain.rights.queries.due import is_anything_due
from domain.rights.rules.cases import CaseTerms
from domain.scoring.states import InForce, activate_announced


async def turn_cases(session: AsyncSession, now: datetime, *, programme_id: int, today: date) -> None:
    """Warns of what will expire; decides what is overdue for its people; lets count what was announced long enough."""
    await warn_of_expiry(session, now, programme_id=programme_id, today=today)
    if not await is_anything_due(session, now, programme_id=programme_id, today=today):
        return
    known = (await load(session, 0)).programmes[programme_id]
    terms = case_terms(known, today)
    await decide_overdue(session, now, terms=terms, catalogue=known.catalogue(today))
    await activate_announced(
        session,
        now,
        programme_id=programme_id,
        rules=InForce(rule_set_id=terms.rule_set_id, today=today),
        announced_days=known.settings.announced_days,
        timezone=known.settings.timezone,
    )


def case_terms(known: KnownProgramme, today: date) -> CaseTerms:
    """What judging a case has to know of a programme on a day."""
    rule_set = known.rule_set_on(today)
    return CaseTerms(
        programme_id=known.id,
        zone=known.zone,
        clocks=known.settings.clocks,
        rule_set_id=rule_set.id,
        rules=rule_set.document,
    )
