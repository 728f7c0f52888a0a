"""Fills the demonstration cities, and tops up at each start what time has eaten. Runs as the worker."""

from datetime import date, datetime
from functools import cache
from uuid import NAMESPACE_URL, uuid5
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from domain.actor import Actor, Role
from domain.incentives.actions import open_budgets, publish_products
from domain.people.settlement import settle
from domain.programmes import queries as programmes
from domain.programmes.actions import publish_programme
from domain.programmes.actions.admissions import take_over_commitments
from domain.programmes.rules.document import ProgrammeDocument
from domain.scoring.actions import deliver_records
from domain.volunteering.actions.events import import_events
from domain.volunteering.actions.registration import Registration, register_volunteer
from domain.volunteering.rules.terms import terms_of
from seeds.events import drafts
from seeds.loader import PROGRAMMES, read_file
from seeds.people import ISSUER, VOLUNTEERS, Invented, cast, subject_of
from seeds.records import deliveries

_ANY_DAY = date(2026, 1, 1)


@cache
def programme_codes() -> tuple[str, ...]:
    """The cities of the demo."""
    return tuple(sorted(path.stem for path in PROGRAMMES.glob("*.toml")))


@cache
def document_of(code: str) -> ProgrammeDocument:
    """The programme of one city, read and checked once."""
    return read_file(PROGRAMMES / f"{code}.toml")


def people_of(code: str, today: date = _ANY_DAY) -> tuple[Invented, ...]:
    """Who is who in one city; only their birth dates and memberships depend on the day."""
    return cast(document_of(code), today)


async def seed_programme(session: AsyncSession, now: datetime, *, code: str) -> None:
    """Loads one city, its people and their records; what is there already stays as it is."""
    document = document_of(code)
    today = now.astimezone(ZoneInfo(document.timezone)).date()
    programme_id = await publish_programme(session, document=document, today=today)
    await take_over_commitments(session, programme_id=programme_id, commitment=document.commitment_text, today=today)
    await publish_products(session, programme_id=programme_id, products=document.products)
    invented = people_of(code, today)
    settled = await settle(
        session, now, issuer=ISSUER, programme=(programme_id, code), settlers=[person.settler for person in invented]
    )
    if settled:
        await _deliver(session, now, programme_id=programme_id, document=document, today=today)
        await _register(session, now, programme_id=programme_id, document=document, settled=settled)
    await top_up(session, now, programme_id=programme_id, code=code)


async def top_up_all(session: AsyncSession, now: datetime) -> None:
    """Puts back what time has eaten in every city that has been loaded."""
    for row in await programmes.programmes(session):
        if row.code in programme_codes():
            await top_up(session, now, programme_id=row.id, code=row.code)


async def top_up(session: AsyncSession, now: datetime, *, programme_id: int, code: str) -> None:
    """Puts back what time eats: budgets of the windows that have begun, and events to come."""
    document = document_of(code)
    today = now.astimezone(ZoneInfo(document.timezone)).date()
    await open_budgets(session, now, programme_id=programme_id, today=today)
    places = await _places(session, programme_id)
    await import_events(
        session,
        Actor(role=Role.WORKER, programme_id=programme_id),
        now,
        programme_id=programme_id,
        terms=terms_of(document),
        drafts={(places[body], ref): draft for (body, ref), draft in drafts(document, now).items()},
    )


async def _places(session: AsyncSession, programme_id: int) -> dict[str, int]:
    return {row.code: row.id for row in await programmes.organisations(session) if row.programme_id == programme_id}


async def _deliver(
    session: AsyncSession, now: datetime, *, programme_id: int, document: ProgrammeDocument, today: date
) -> None:
    rule_set = await programmes.rule_set_on(session, programme_id=programme_id, day=today)
    if rule_set is None:
        raise ValueError(f"{document.code} has no rules in force on {today}")
    places = await _places(session, programme_id)
    actor = Actor(role=Role.WORKER, programme_id=programme_id)
    for department, batch in deliveries(document, today).items():
        delivered = await deliver_records(
            session,
            actor,
            now,
            programme_id=programme_id,
            source_id=places[department],
            rule_set_id=rule_set.id,
            deliveries=batch,
            announce=False,
        )
        if delivered.refused:
            raise ValueError(f"{document.code}: {department} delivered a line that is refused: {delivered.refused[0]}")


async def _register(
    session: AsyncSession, now: datetime, *, programme_id: int, document: ProgrammeDocument, settled: dict[str, int]
) -> None:
    consents = [
        (one.purpose.value, one.version) for one in document.consent_texts if one.purpose.value == "volunteering"
    ]
    for index in range(1, VOLUNTEERS + 1):
        subject = subject_of(document.code, "volunteer", index)
        await register_volunteer(
            session,
            Actor(role=Role.VOLUNTEER, person_id=settled[subject], programme_id=programme_id),
            now,
            terms=terms_of(document),
            wish=Registration(call_name=f"志愿者{index}", consents=consents),
            key=uuid5(NAMESPACE_URL, subject),
        )
