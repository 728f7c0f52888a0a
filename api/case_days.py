"""What a day does with cases and announcements, in all programmes at once: its part of the daily jobs."""

from datetime import date, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from api.graphql.reference import KnownProgramme, load
from domain.consent.queries import RENEWAL_DAYS
from domain.notices.actions import ask_again, warn_of_expiry
from domain.rights.actions import decide_overdue
from domain.rights.queries.due import programmes_due
from domain.rights.rules.cases import CaseTerms
from domain.scoring.states import InForce, activate_announced


async def turn_cases(session: AsyncSession, now: datetime, *, today: date) -> None:
    """Warns of what expires and of changed texts, decides what is overdue, lets count what was announced long ago."""
    await warn_of_expiry(session, now, today=today)
    await ask_again(session, now, today=today, days=RENEWAL_DAYS)
    due = await programmes_due(session, now, today=today)
    if not due:
        return
    reference = await load(session, 0)
    for known in (reference.programmes[programme_id] for programme_id in due):
        terms = case_terms(known, today)
        await decide_overdue(session, now, terms=terms, catalogue=known.catalogue(today))
        await activate_announced(
            session,
            now,
            programme_id=known.id,
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
