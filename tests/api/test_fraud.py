"""Bought and invented hours over HTTP: each case is refused, held back or flagged with its signal, and counts nothing.

One phone for several volunteers stands in test_trusted_hours.py, beside what the office then decides.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from api.daily import run_days
from api.database import Database, WorkerDatabase
from api.graphql import ids
from domain.actor import Role
from domain.volunteering.rules.trust import is_sampled
from tests.api.city import City, Client
from tests.api.test_exchange import client as exchange_client
from tests.api.test_exchange import line, number_of, post
from tests.api.test_serving import (
    CHECK_IN,
    CHECK_OUT,
    CODE,
    CONFIRM,
    DESK_SERVICE,
    FAULT,
    REGISTER,
    SIGN_UP,
    set_clock,
    waiting_of,
)
from tests.api.test_trusted_hours import ENTER, SAMPLED, SIGN

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
PUBLISH = f"""mutation ($input: EventInput!, $key: UUID!) {{ publishEvent(input: $input, idempotencyKey: $key) {{
    ... on OrganiserEvent {{ id }} {FAULT} }} }}"""
REFUSED = f"""mutation ($ids: [ID!]!, $key: UUID!) {{ confirmServices(ids: $ids, idempotencyKey: $key) {{
    ... on ConfirmedServices {{ services {{ id }}
        refused {{ error {{ errorCode message ruleSource }} }} }} {FAULT} }} }}"""
REJECT = f"""mutation ($id: ID!, $key: UUID!) {{ rejectService(id: $id, reason: "没有到场", idempotencyKey: $key) {{
    ... on OrganiserService {{ status }} {FAULT} }} }}"""
DESK = f"{{ organiser {{ awaitingConfirmation(first: 100) {{ edges {{ node {{ {DESK_SERVICE} }} }} }} }} }}"
ROSTER = """{ organiser { events(first: 100) { edges { node { id roster { service { id status signals } } } } } } }"""
LOG = "{ volunteer { volunteerNumber confirmedHours log { edges { node { status hours reason points } } } } }"
MEMBER = """{ me { score { points } notices { edges { node { kind body } } }
    volunteering { volunteerNumber confirmedHours log { edges { node { status reason points } } } } } }"""


@pytest.fixture(scope="module")
async def city(database: Database, worker: WorkerDatabase) -> AsyncIterator[City]:
    city = await City(database, worker).seeded()
    yield city
    await set_clock(city, timedelta())


async def ask(client: Client, document: str, **values: Any) -> Any:
    return await client.ask(document, key=str(uuid4()), **values)


async def event(city: City, organiser: Client, *, starts: timedelta, hours: int, **place: float) -> str:
    """An event so long from now."""
    await set_clock(city, timedelta())
    begins = datetime.now(UTC) + starts
    given = {
        "title": "陪伴老人",
        "description": "陪老人聊天。",
        "place": "敬老院",
        "startsAt": begins.isoformat(),
        "endsAt": (begins + hours * HOUR).isoformat(),
        "capacity": 50,
        "activityType": "elder-visits",
        **place,
    }
    return str((await ask(organiser, PUBLISH, input=given))["id"])


async def begin(city: City, volunteer: Client, organiser: Client, event_id: str, at: timedelta) -> Any:
    await set_clock(city, at)
    code = (await organiser.ask(CODE, id=event_id))["code"]
    return await ask(volunteer, CHECK_IN, code=code)


async def end(city: City, volunteer: Client, organiser: Client, event_id: str, at: timedelta) -> Any:
    await set_clock(city, at)
    code = (await organiser.ask(CODE, id=event_id))["code"]
    return await ask(volunteer, CHECK_OUT, code=code)


async def held(organiser: Client, number: str) -> tuple[list[str], str, str]:
    """The signals of a volunteer's only waiting stretch, and what is said to whoever confirms it."""
    [waiting] = waiting_of((await organiser.ask(DESK)), number)
    outcome = await ask(organiser, REFUSED, ids=[waiting["id"]])
    assert outcome["services"] == []
    [refusal] = outcome["refused"]
    assert refusal["error"]["ruleSource"] == "R17"
    return waiting["signals"], refusal["error"]["errorCode"], refusal["error"]["message"]


async def test_nobody_serves_two_organisations_at_once(city: City) -> None:
    async with (
        city.client(await city.caller(Role.ORGANISER, 1)) as shore,
        city.client(await city.caller(Role.ORGANISER, 3)) as warm,
        city.client(await city.caller(Role.VOLUNTEER, 1)) as volunteer,
    ):
        here = await event(city, shore, starts=HOUR, hours=4)
        there = await event(city, warm, starts=HOUR, hours=4)
        for one in (here, there):
            await ask(volunteer, SIGN_UP, id=one)
        assert (await begin(city, volunteer, shore, here, HOUR + MINUTE))["status"] == "CHECKED_IN"
        refused = await begin(city, volunteer, warm, there, 2 * HOUR)
        assert (refused["errorCode"], refused["ruleSource"]) == ("OVERLAP", "R17")
        log = (await volunteer.ask(LOG))["log"]["edges"]
        assert [one["node"]["status"] for one in log] == ["CHECKED_IN"]
        await end(city, volunteer, shore, here, 3 * HOUR)


async def test_more_hours_than_a_day_has_room_for_wait_for_the_office(city: City) -> None:
    async with (
        city.client(await city.caller(Role.ORGANISER, 1)) as organiser,
        city.client(await city.caller(Role.VOLUNTEER, 2)) as volunteer,
    ):
        long = await event(city, organiser, starts=HOUR, hours=12)
        await ask(volunteer, SIGN_UP, id=long)
        await begin(city, volunteer, organiser, long, HOUR)
        await end(city, volunteer, organiser, long, 9.5 * HOUR)
        number = (await volunteer.ask(LOG))["volunteerNumber"]
        signals, code, message = await held(organiser, number)
        assert (signals, code) == (["DAILY_CAP"], "RULE_REFUSED")
        assert "more hours than the daily cap (DAILY_CAP)" in message
        assert (await volunteer.ask(LOG))["confirmedHours"] == 0


async def test_more_hours_than_a_year_has_room_for_wait_for_the_office(city: City) -> None:
    number, day = await number_of(city, 3), datetime(datetime.now(UTC).year - 1, 3, 1, 1, tzinfo=UTC)
    lines = []
    for index in range(51):
        start = day + timedelta(days=index)
        given = line(number)
        given["service"] |= {"from": start.isoformat(), "until": (start + 8 * HOUR).isoformat()}
        lines.append(given)
    async with exchange_client(city, await city.caller(Role.ORGANISER, 1)) as browser:
        assert (await post(browser, *lines))["accepted"] == 51
    async with city.client(await city.caller(Role.ORGANISER, 2)) as organiser:
        waiting = waiting_of((await organiser.ask(DESK)), number)
        # Fifty days of eight hours are four hundred: the fifty-first is one too many.
        assert [one["signals"] for one in waiting] == [[]] * 50 + [["YEARLY_CAP"]]
        outcome = await ask(organiser, REFUSED, ids=[waiting[-1]["id"]])
        [refusal] = outcome["refused"]
        assert refusal["error"]["errorCode"] == "RULE_REFUSED"
        assert "(YEARLY_CAP)" in refusal["error"]["message"]


async def test_two_places_too_far_apart_in_time_wait_for_the_office(city: City) -> None:
    async with (
        city.client(await city.caller(Role.ORGANISER, 1)) as shore,
        city.client(await city.caller(Role.ORGANISER, 3)) as warm,
        city.client(await city.caller(Role.VOLUNTEER, 4)) as volunteer,
    ):
        # Some 250 km, in twenty minutes.
        here = await event(city, shore, starts=HOUR, hours=2, lat=37.39, lon=122.7)
        there = await event(city, warm, starts=3 * HOUR, hours=2, lat=36.07, lon=120.38)
        for one in (here, there):
            await ask(volunteer, SIGN_UP, id=one)
        await begin(city, volunteer, shore, here, HOUR)
        await end(city, volunteer, shore, here, 3 * HOUR)
        await begin(city, volunteer, warm, there, 3 * HOUR + 20 * MINUTE)
        await end(city, volunteer, warm, there, 5 * HOUR)
        signals, code, message = await held(warm, (await volunteer.ask(LOG))["volunteerNumber"])
        assert (signals, code) == (["DISTANCE"], "RULE_REFUSED")
        assert "no time to get from one place to the other" in message


async def test_a_check_in_without_a_check_out_gives_nothing(city: City) -> None:
    async with (
        city.client(await city.caller(Role.ORGANISER, 1)) as organiser,
        city.client(await city.caller(Role.VOLUNTEER, 5)) as volunteer,
    ):
        short = await event(city, organiser, starts=HOUR, hours=1)
        await ask(volunteer, SIGN_UP, id=short)
        await begin(city, volunteer, organiser, short, HOUR)
        await set_clock(city, timedelta(days=3))
        await run_days(city.worker, lambda done, total: None)
        [mine] = [edge["node"] for edge in (await volunteer.ask(LOG))["log"]["edges"]]
        assert mine == {"status": "LAPSED", "hours": None, "reason": None, "points": None}
        events = [edge["node"] for edge in (await organiser.ask(ROSTER))["events"]["edges"]]
        [entry] = next(one["roster"] for one in events if one["id"] == short)
        assert (entry["service"]["status"], entry["service"]["signals"]) == ("LAPSED", ["NO_CHECK_OUT"])
        [refusal] = (await ask(organiser, REFUSED, ids=[entry["service"]["id"]]))["refused"]
        assert refusal["error"]["errorCode"] == "ALREADY_DECIDED"


async def test_many_entries_by_hand_within_minutes_wait_for_the_office(city: City) -> None:
    async with (
        city.client(await city.caller(Role.ORGANISER, 3)) as first,
        city.client(await city.caller(Role.ORGANISER, 4)) as second,
        city.client(await city.caller(Role.CITIZEN, 8)) as volunteer,
    ):
        number = (await ask(volunteer, REGISTER, name="小周"))["volunteerNumber"]
        long = await event(city, first, starts=HOUR, hours=6)
        await ask(volunteer, SIGN_UP, id=long)
        await set_clock(city, 7 * HOUR)
        begun, entered = datetime.now(UTC) + HOUR + MINUTE, []
        for index in range(11):
            start = begun + index * 30 * MINUTE
            times = {"from": start.isoformat(), "until": (start + 15 * MINUTE).isoformat()}
            entered.append(await ask(first, ENTER, id=long, number=number, **times))
        assert [one["signals"] for one in entered] == [[]] * 10 + [["BURST"]]
        await ask(second, SIGN, id=entered[-1]["id"])
        [refusal] = (await ask(second, REFUSED, ids=[entered[-1]["id"]]))["refused"]
        assert refusal["error"]["errorCode"] == "RULE_REFUSED"
        assert "many were entered within minutes (BURST)" in refusal["error"]["message"]


async def test_hours_confirmed_within_minutes_are_flagged_and_taken_back_with_their_points(city: City) -> None:
    async with (
        city.client(await city.caller(Role.ORGANISER, 1)) as organiser,
        city.client(await city.caller(Role.OFFICER, 1)) as officer,
        city.client(await city.caller(Role.CITIZEN, 7)) as member,
    ):
        await ask(member, REGISTER, name="小林")
        before = (await member.ask(MEMBER))["score"]["points"]
        short = await event(city, organiser, starts=HOUR, hours=5)
        await ask(member, SIGN_UP, id=short)
        await begin(city, member, organiser, short, HOUR)
        await end(city, member, organiser, short, 6 * HOUR)
        number = (await member.ask(MEMBER))["volunteering"]["volunteerNumber"]
        [waiting] = waiting_of((await organiser.ask(DESK)), number)
        # Five hours, confirmed within two minutes.
        [confirmed] = (await ask(organiser, CONFIRM, ids=[waiting["id"]]))["services"]
        assert (confirmed["status"], "BURST" in confirmed["signals"]) == ("CONFIRMED", True)
        gained = await member.ask(MEMBER)
        assert gained["score"]["points"] > before
        found = [edge["node"] for edge in (await officer.ask(SAMPLED))["sampledServices"]["edges"]]
        [drawn] = [one for one in found if one["participant"]["volunteerNumber"] == number]
        assert (await ask(officer, REJECT, id=drawn["id"]))["status"] == "REJECTED"
        after = await member.ask(MEMBER)
    assert (after["score"]["points"], after["volunteering"]["confirmedHours"]) == (before, 0)
    [mine] = [edge["node"] for edge in after["volunteering"]["log"]["edges"]]
    assert mine == {"status": "REJECTED", "reason": "没有到场", "points": None}
    told = after["notices"]["edges"][0]["node"]
    assert told["kind"] == "SERVICE_VOIDED"
    assert "the points it gave are gone" in told["body"]


async def test_one_confirmed_stretch_in_twenty_goes_to_the_office(city: City) -> None:
    await set_clock(city, timedelta())
    number, day = await number_of(city, 1), datetime(datetime.now(UTC).year - 1, 1, 2, 1, tzinfo=UTC)
    lines = []
    for index in range(200):
        start = day + timedelta(days=index)
        given = line(number)
        given["service"] |= {"from": start.isoformat(), "until": (start + HOUR).isoformat()}
        lines.append(given)
    async with exchange_client(city, await city.caller(Role.ORGANISER, 3)) as browser:
        assert (await post(browser, *lines))["accepted"] == 200
    confirmed, drawn = 0, []
    async with city.client(await city.caller(Role.ORGANISER, 4)) as organiser:
        while confirmed < 200:
            # A hundred within ten minutes is as much as one account confirms without a signal.
            await set_clock(city, confirmed * MINUTE)
            waiting = waiting_of((await organiser.ask(DESK)), number)
            services = (await ask(organiser, CONFIRM, ids=[one["id"] for one in waiting]))["services"]
            assert services != []
            confirmed += len(services)
            assert {signal for one in services for signal in one["signals"]} <= {"SAMPLED"}
            expected = [
                one["id"]
                for one in services
                if is_sampled(city.database.vault, ids.unseal(city.database.vault, "organiser_service", one["id"])[0])
            ]
            assert [one["id"] for one in services if one["signals"]] == expected
            drawn += expected
    assert 1 <= len(drawn) <= 30
    async with city.client(await city.caller(Role.OFFICER, 2)) as officer:
        found = {edge["node"]["id"] for edge in (await officer.ask(SAMPLED))["sampledServices"]["edges"]}
    assert set(drawn) <= found
