"""A city with volunteers and organisers: what the tests of volunteering have in common."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from api.database import Database, WorkerDatabase
from api.graphql.view import Subject, compose
from domain.actor import ANONYMOUS, Caller, Role
from domain.errors import DomainError
from domain.people.settlement import Membership, Post, Settler, caller_of, settle
from domain.programmes.actions import publish_programme
from domain.volunteering import actions
from domain.volunteering.actions import Registration
from domain.volunteering.rules import attendance
from domain.volunteering.rules.attendance import Stamp
from domain.volunteering.rules.events import EventDraft
from domain.volunteering.rules.terms import terms_of
from seeds.loader import PROGRAMMES, read_file

DOCUMENT = read_file(PROGRAMMES / "rongcheng.toml")
TERMS = terms_of(DOCUMENT)
ISSUER = "test-volunteering"
# Sunday noon in Shanghai.
NOON = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
CONSENTS = (("volunteering", 2),)


@dataclass(frozen=True, kw_only=True)
class City:
    """A loaded programme, and the two ways into its database."""

    programme_id: int
    database: Database
    worker: WorkerDatabase

    async def settle(self, role: Role, **values: Any) -> Caller:
        """A new person, as they would be after signing in."""
        subject = str(uuid4())
        settler = Settler(
            **{"subject": subject, "name": "试人", "birth_date": date(1990, 5, 1), "identity_ref": subject, **values}
        )
        async with self.worker.transaction(ANONYMOUS) as unit:
            await settle(
                unit.session,
                NOON,
                issuer=ISSUER,
                programme=(self.programme_id, DOCUMENT.code),
                settlers=[settler],
            )
            caller = await caller_of(unit.session, issuer=ISSUER, subject=subject, role=role, programme=DOCUMENT.code)
        assert caller is not None
        return caller

    async def organiser(self, organisation: str = "shore-volunteers") -> Caller:
        return await self.settle(Role.ORGANISER, post=Post(role="organiser", organisation=organisation))

    async def volunteer(self, **values: Any) -> Caller:
        """Somebody who has registered."""
        caller = await self.settle(Role.VOLUNTEER, **values)
        await self.register(caller)
        return caller

    async def member(self, since: datetime) -> Caller:
        """A volunteer who has joined as a citizen."""
        consents = ("score", "benefits", "volunteering")
        return await self.volunteer(
            membership=Membership(since=since, registration_kind="REGISTERED", consents=consents)
        )

    async def act(self, caller: Caller, action: Any, at: datetime, **values: Any) -> Any:
        """One action in one transaction, as the server does it."""
        async with self.database.transaction(caller) as unit:
            return await action(unit.session, unit.actor, at, **values)

    async def register(self, caller: Caller, *, at: datetime = NOON, **wish: Any) -> Any:
        registration = Registration(**{"call_name": "小林", "consents": CONSENTS, **wish})
        return await self.act(caller, actions.register_volunteer, at, terms=TERMS, wish=registration, key=uuid4())

    async def publish(self, organiser: Caller, *, at: datetime = NOON, **values: Any) -> int:
        """An event from one to four hours after noon."""
        draft = EventDraft(**{**EVENT, **values})
        event_id: int = await self.act(organiser, actions.publish_event, at, terms=TERMS, draft=draft, key=uuid4())
        return event_id

    async def sign_up(self, caller: Caller, event_id: int, *, at: datetime = NOON) -> Any:
        return await self.act(caller, actions.sign_up, at, terms=TERMS, event_id=event_id, key=uuid4())

    async def cancel(self, caller: Caller, event_id: int, *, at: datetime = NOON) -> Any:
        return await self.act(caller, actions.cancel_sign_up, at, event_id=event_id, key=uuid4())

    async def check_in(self, caller: Caller, code: str, at: datetime, *, scanned_at: datetime | None = None) -> Any:
        return kept(await self.act(caller, actions.check_in, at, code=code, scanned_at=scanned_at, key=uuid4()))

    async def check_out(self, caller: Caller, code: str, at: datetime, *, scanned_at: datetime | None = None) -> Any:
        return kept(await self.act(caller, actions.check_out, at, terms=TERMS, scan=(code, scanned_at), key=uuid4()))

    async def confirm(self, caller: Caller, service_ids: Sequence[int], *, at: datetime) -> Any:
        return await self.act(caller, actions.confirm_services, at, terms=TERMS, service_ids=service_ids, key=uuid4())

    async def served(self, caller: Caller, event_id: int, *, start: datetime, end: datetime) -> int:
        """A whole stretch, waiting for confirmation."""
        await self.sign_up(caller, event_id, at=start - HOUR)
        await self.check_in(caller, self.code(event_id, start), start)
        service_id: int = await self.check_out(caller, self.code(event_id, end), end)
        return service_id

    def code(self, event_id: int, at: datetime) -> str:
        return attendance.code_text(self.database.vault, Stamp(event_id=event_id, step=attendance.step_at(at)))

    def digits(self, event_id: int, at: datetime) -> str:
        return attendance.digits_text(self.database.vault, Stamp(event_id=event_id, step=attendance.step_at(at)))

    async def rows(self, sql: str, **values: object) -> list[tuple[Any, ...]]:
        """What the database holds, as the worker sees it."""
        async with self.worker.reading(ANONYMOUS) as unit:
            return [tuple(row) for row in await unit.session.execute(text(sql), values)]

    async def state(self, *events: int) -> list[Any]:
        """Everything about some events that an action could change, and how many keys are bound."""
        return [
            await self.rows(
                "SELECT id, taken, cancelled_at FROM event WHERE id = ANY (:ids) ORDER BY 1", ids=[*events]
            ),
            await self.rows(
                "SELECT event_id, volunteer_id, status FROM sign_up WHERE event_id = ANY (:ids) ORDER BY 1, 2",
                ids=[*events],
            ),
            await self.rows(
                "SELECT id, status, ended_at, minutes, decided_at FROM service WHERE event_id = ANY (:ids) ORDER BY 1",
                ids=[*events],
            ),
            await self.rows("SELECT count(*) FROM idempotency"),
            await self.rows("SELECT count(*) FROM outbox"),
        ]

    async def read(self, caller: Caller, fragment: Any, *, at: datetime = NOON) -> Any:
        """What a fragment shows this caller."""
        async with self.database.reading(caller) as unit:
            subject = Subject(
                citizen=unit.actor.citizen_id,
                person=unit.actor.person_id,
                volunteer=unit.actor.volunteer_id,
                programme=unit.actor.programme_id,
                rule_set=None,
                today=TERMS.day_of(at),
                now=at,
            )
            return (await unit.session.execute(*compose([fragment], subject))).scalar_one()


EVENT: dict[str, Any] = {
    "title": "海岸清洁",
    "description": "沿海岸捡拾垃圾,提供手套。",
    "place": "成山头停车场",
    "starts_at": NOON + HOUR,
    "ends_at": NOON + 4 * HOUR,
    "capacity": 5,
    "activity_type": "parks-and-beaches",
}


ANONYMOUS_HERE = Caller(role=Role.ANONYMOUS, programme=DOCUMENT.code)


@pytest.fixture(scope="module")
async def city(database: Database, worker: WorkerDatabase) -> City:
    async with worker.transaction(ANONYMOUS) as unit:
        programme_id = await publish_programme(unit.session, document=DOCUMENT, today=date(2026, 11, 22))
    return City(programme_id=programme_id, database=database, worker=worker)


def kept(outcome: Any) -> Any:
    """The outcome; a refusal that was given back is raised."""
    if isinstance(outcome, DomainError):
        raise outcome
    return outcome


async def refused(doing: Any) -> DomainError:
    with pytest.raises(DomainError) as caught:
        await doing
    return caught.value
