"""Whoever opens a list of volunteers stands in the access log of each of them: over HTTP, as desks and phones do it."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from api.database import Database, WorkerDatabase
from domain.actor import Role
from tests.api.city import City, Client
from tests.api.test_fraud import HOUR, ask, begin, end, event
from tests.api.test_serving import DESK, REGISTER, SIGN_UP, set_clock
from tests.api.test_trusted_hours import SAMPLED

ROSTER = "{ organiser { events(first: 5) { edges { node { id roster { participant { callName } } } } } } }"
EMPTY = "{ organiser { organisation { name } } }"
LOG = "{ me { accessLog { edges { node { actor role purpose what } } } } }"
LOOK = {
    "role": "organiser",
    "purpose": "EVENT_ROSTER",
    "what": "Volunteer number, call name, and service in its events",
}


@pytest.fixture(scope="module")
async def city(database: Database, worker: WorkerDatabase) -> AsyncIterator[City]:
    city = await City(database, worker).seeded()
    yield city
    await set_clock(city, timedelta())


async def looks(phone: Client) -> list[dict[str, str]]:
    return [edge["node"] for edge in (await phone.ask(LOG))["accessLog"]["edges"]]


async def test_an_organisers_look_at_a_roster_is_told_once_a_day_to_everybody_on_it(city: City) -> None:
    async with (
        city.client(await city.caller(Role.ORGANISER, 1)) as organiser,
        city.client(await city.caller(Role.CITIZEN, 7)) as member,
        city.client(await city.caller(Role.CITIZEN, 8)) as elsewhere,
    ):
        for phone in (member, elsewhere):
            await ask(phone, REGISTER, name="小林")
        here = await event(city, organiser, starts=HOUR, hours=3)
        await ask(member, SIGN_UP, id=here)
        await organiser.ask(EMPTY)
        assert await looks(member) == []
        for _ in range(2):
            await organiser.ask(ROSTER)
        [look] = await looks(member)
        assert {name: look[name] for name in LOOK} == LOOK
        assert look["actor"] == (await organiser.ask(EMPTY))["organisation"]["name"]
        assert await looks(elsewhere) == []
        await set_clock(city, timedelta(days=1))
        await organiser.ask(ROSTER)
        assert len(await looks(member)) == 2


async def test_the_offices_look_at_hours_is_told_to_whoever_gave_them(city: City) -> None:
    async with (
        city.client(await city.caller(Role.ORGANISER, 1)) as organiser,
        city.client(await city.caller(Role.VOLUNTEER, 2)) as volunteer,
        city.client(await city.caller(Role.OFFICER, 1)) as officer,
    ):
        await ask(volunteer, REGISTER, name="小周")
        here = await event(city, organiser, starts=HOUR, hours=10)
        await ask(volunteer, SIGN_UP, id=here)
        await begin(city, volunteer, organiser, here, HOUR)
        await end(city, volunteer, organiser, here, 11 * HOUR)
        await organiser.ask(DESK)
        assert [one["purpose"] for one in await looks(volunteer)] == ["EVENT_ROSTER"]
        await officer.ask(SAMPLED)
        [look, _] = await looks(volunteer)
        assert (look["actor"], look["purpose"]) == ("Programme office", "SERVICE_SAMPLE")
