"""Hours that arrive late, over HTTP: scanned without a network, and confirmed by nobody in time."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from api.daily import run_days
from api.database import Database, WorkerDatabase
from domain.actor import Role
from tests.api.city import City, Client
from tests.api.test_fraud import HOUR, MINUTE, begin, end, event
from tests.api.test_serving import CODE, CONFIRM, DESK, FAULT, REGISTER, SIGN_UP, set_clock, waiting_of
from tests.api.test_trusted_hours import SAMPLED

LOG = """{ volunteer { volunteerNumber confirmedHours log { edges { node { status hours confirmBy
    history { by from to } } } } } }"""


@pytest.fixture(scope="module")
async def city(database: Database, worker: WorkerDatabase) -> AsyncIterator[City]:
    city = await City(database, worker).seeded()
    yield city
    await set_clock(city, timedelta())


async def scan(client: Client, name: str, code: str, at: datetime) -> Any:
    document = (
        f"mutation ($code: String!, $at: DateTime!, $key: UUID!) {{ {name}(code: $code, scannedAt: $at, "
        f"idempotencyKey: $key) {{ ... on Service {{ status hours }} {FAULT} }} }}"
    )
    return await client.ask(document, code=code, at=at.isoformat(), key=str(uuid4()))


async def test_codes_scanned_without_a_network_are_delivered_within_a_day(city: City) -> None:
    async with (
        city.client(await city.caller(Role.ORGANISER, 1)) as organiser,
        city.client(await city.caller(Role.VOLUNTEER, 1)) as volunteer,
    ):
        here = await event(city, organiser, starts=HOUR, hours=4)
        await volunteer.ask(SIGN_UP, id=here, key=str(uuid4()))
        scans = []
        for ahead in (HOUR, 3 * HOUR):
            await set_clock(city, ahead)
            scanned_at = datetime.now(UTC) + ahead
            scans.append(((await organiser.ask(CODE, id=here))["code"], scanned_at))
        (first, begun), (last, ended) = scans
        await set_clock(city, 25 * HOUR + MINUTE)
        late = await scan(volunteer, "checkIn", first, begun)
        assert (late["errorCode"], late["inputField"]) == ("TOO_LATE", "scannedAt")
        await set_clock(city, 24 * HOUR)
        forged = await scan(volunteer, "checkIn", first, begun + 5 * MINUTE)
        assert (forged["errorCode"], forged["inputField"]) == ("TOO_LATE", "code")
        assert (await scan(volunteer, "checkIn", first, begun))["status"] == "CHECKED_IN"
        delivered = await scan(volunteer, "checkOut", last, ended)
        assert (delivered["status"], delivered["hours"]) == ("AWAITING_CONFIRMATION", 2)
        number = (await volunteer.ask(LOG))["volunteerNumber"]
        [waiting] = waiting_of(await organiser.ask(DESK), number)
        assert (waiting["enteredBy"], waiting["hours"]) == ("OFFLINE_CODE", 2)


async def test_what_nobody_confirms_in_time_goes_to_the_office_and_counts(city: City) -> None:
    async with (
        city.client(await city.caller(Role.ORGANISER, 1)) as organiser,
        city.client(await city.caller(Role.CITIZEN, 7)) as member,
        city.client(await city.caller(Role.OFFICER, 1)) as officer,
    ):
        number = (await member.ask(REGISTER, name="小林", key=str(uuid4())))["volunteerNumber"]
        here = await event(city, organiser, starts=HOUR, hours=4)
        await member.ask(SIGN_UP, id=here, key=str(uuid4()))
        await begin(city, member, organiser, here, HOUR)
        await end(city, member, organiser, here, 4 * HOUR)
        [mine] = [edge["node"] for edge in (await member.ask(LOG))["log"]["edges"]]
        due = datetime.fromisoformat(mine["confirmBy"]).replace(tzinfo=UTC) - datetime.now(UTC)
        await set_clock(city, due + timedelta(days=2))
        await run_days(city.worker, lambda done, total: None)
        [mine] = [edge["node"] for edge in (await member.ask(LOG))["log"]["edges"]]
        assert (mine["status"], mine["history"][-1]) == (
            "ESCALATED",
            {"by": "worker", "from": "AWAITING_CONFIRMATION", "to": "ESCALATED"},
        )
        notices = await member.ask("{ me { notices(first: 1) { edges { node { kind } } } } }")
        assert notices["notices"]["edges"] == [{"node": {"kind": "SERVICE_ESCALATED"}}]
        found = [edge["node"] for edge in (await officer.ask(SAMPLED))["sampledServices"]["edges"]]
        [waiting] = [one for one in found if one["participant"]["volunteerNumber"] == number]
        [confirmed] = (await officer.ask(CONFIRM, ids=[waiting["id"]], key=str(uuid4())))["services"]
        assert confirmed["status"] == "CONFIRMED"
        assert (await member.ask(LOG))["confirmedHours"] == 3
