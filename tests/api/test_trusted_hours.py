"""Attendance by hand, corrections, the office's sample and a guardian's code, over HTTP."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from api.database import Database, WorkerDatabase
from domain.actor import Role
from tests.api.city import City, Client
from tests.api.test_serving import CONFIRM, DESK_SERVICE, FAULT, REGISTER, SIGN_UP, open_event, set_clock

STRETCH = f"... on OrganiserService {{ {DESK_SERVICE} from until }} {FAULT}"
ENTER = f"""mutation ($id: ID!, $number: String!, $from: DateTime!, $until: DateTime!, $key: UUID!) {{
    enterAttendance(eventId: $id, volunteerNumber: $number, from: $from, until: $until, reason: "手机没电",
        idempotencyKey: $key) {{ {STRETCH} }} }}"""
SIGN = (
    f"""mutation ($id: ID!, $key: UUID!) {{ countersignAttendance(id: $id, idempotencyKey: $key) {{ {STRETCH} }} }}"""
)
CORRECT = f"""mutation ($id: ID!, $hours: Float!, $key: UUID!) {{
    correctService(id: $id, hours: $hours, reason: "核对签到表", idempotencyKey: $key) {{ {STRETCH} }} }}"""
SAMPLED = f"""{{ office {{ sampledServices(first: 100) {{ edges {{ node {{ {DESK_SERVICE} }} }} }} }} }}"""
LOG = """{ volunteer { volunteerNumber confirmedHours log { edges { node { status hours reason
    history { by from to hoursBefore hours reason } } } } } }"""
GUARDIAN = f"""mutation ($key: UUID!) {{ guardianCode(idempotencyKey: $key) {{
    ... on GuardianCode {{ code expiresAt }} {FAULT} }} }}"""


@pytest.fixture(scope="module")
async def city(database: Database, worker: WorkerDatabase) -> AsyncIterator[City]:
    city = await City(database, worker).seeded()
    yield city
    await set_clock(city, timedelta())


async def ask(client: Client, document: str, **values: Any) -> Any:
    return await client.ask(document, key=str(uuid4()), **values)


async def test_attendance_by_hand_takes_two_organisers_and_keeps_its_history(city: City) -> None:
    await set_clock(city, timedelta(hours=2))
    event, now = await open_event(city), datetime.now(UTC)
    async with (
        city.client(await city.caller(Role.VOLUNTEER, 2)) as volunteer,
        city.client(await city.caller(Role.ORGANISER, 1)) as first,
        city.client(await city.caller(Role.ORGANISER, 2)) as second,
    ):
        await ask(volunteer, SIGN_UP, id=event["id"])
        number = (await volunteer.ask(LOG))["volunteerNumber"]
        times = {"from": now.isoformat(), "until": (now + timedelta(hours=1, minutes=50)).isoformat()}
        wrong = await ask(first, ENTER, id=event["id"], number="V1", **times)
        assert (wrong["errorCode"], wrong["inputField"]) == ("NOT_FOUND", "volunteerNumber")
        entered = await ask(first, ENTER, id=event["id"], number=number, **times)
        assert (entered["status"], entered["hours"], entered["enteredBy"]) == (
            "AWAITING_COUNTERSIGNATURE",
            1.75,
            "ORGANISER",
        )
        assert (await ask(first, SIGN, id=entered["id"]))["errorCode"] == "SAME_PERSON"
        assert (await ask(second, SIGN, id=entered["id"]))["status"] == "AWAITING_CONFIRMATION"
        [refusal] = (await ask(first, CONFIRM, ids=[entered["id"]]))["refused"]
        assert refusal["error"]["errorCode"] == "SAME_PERSON"
        await set_clock(city, timedelta(hours=5))
        [confirmed] = (await ask(second, CONFIRM, ids=[entered["id"]]))["services"]
        assert confirmed["status"] == "CONFIRMED"
        corrected = await ask(first, CORRECT, id=entered["id"], hours=1.0)
        assert (corrected["status"], corrected["hours"]) == ("CONFIRMED", 1)
        assert (await ask(first, CORRECT, id=entered["id"], hours=1.1))["inputField"] == "hours"
        mine = await volunteer.ask(LOG)
        [entry] = [edge["node"] for edge in mine["log"]["edges"]]
        assert (mine["confirmedHours"], entry["hours"], entry["reason"]) == (1, 1, "核对签到表")
        assert [(step["by"], step["to"], step["hours"], step["reason"]) for step in entry["history"]] == [
            ("organiser", "AWAITING_COUNTERSIGNATURE", 1.75, "手机没电"),
            ("organiser", "AWAITING_CONFIRMATION", 1.75, None),
            ("organiser", "CONFIRMED", 1.75, None),
            ("organiser", "CONFIRMED", 1, "核对签到表"),
        ]


async def test_r04_the_office_decides_about_what_bears_a_signal_without_a_name(city: City) -> None:
    await set_clock(city, timedelta())
    event = await open_event(city)
    check_in = f"""mutation ($code: String!, $key: UUID!) {{
        checkIn(code: $code, device: "one-phone-for-everybody", idempotencyKey: $key) {{
            ... on Service {{ id status }} {FAULT} }} }}"""
    check_out = f"""mutation ($code: String!, $key: UUID!) {{ checkOut(code: $code, idempotencyKey: $key) {{
        ... on Service {{ id hours }} {FAULT} }} }}"""
    code_of = "mutation ($id: ID!) { attendanceCode(eventId: $id) { ... on AttendanceCode { code } } }"
    numbers = []
    async with city.client(await city.caller(Role.ORGANISER, 1)) as organiser:
        for index in (3, 4):
            async with city.client(await city.caller(Role.VOLUNTEER, index)) as volunteer:
                await ask(volunteer, SIGN_UP, id=event["id"])
                await ask(volunteer, check_in, code=(await organiser.ask(code_of, id=event["id"]))["code"])
                numbers.append((await volunteer.ask(LOG))["volunteerNumber"])
        await set_clock(city, timedelta(hours=1))
        for index in (3, 4):
            async with city.client(await city.caller(Role.VOLUNTEER, index)) as volunteer:
                await ask(volunteer, check_out, code=(await organiser.ask(code_of, id=event["id"]))["code"])
        node = "id signals participant { volunteerNumber }"
        desk = f"{{ organiser {{ awaitingConfirmation(first: 100) {{ edges {{ node {{ {node} }} }} }} }} }}"
        waiting = [edge["node"] for edge in (await organiser.ask(desk))["awaitingConfirmation"]["edges"]]
        held = [one for one in waiting if one["participant"]["volunteerNumber"] in numbers]
        assert [one["signals"] for one in held] == [["SHARED_DEVICE"], ["SHARED_DEVICE"]]
        outcome = await ask(organiser, CONFIRM, ids=[one["id"] for one in held])
        assert [one["error"]["errorCode"] for one in outcome["refused"]] == ["RULE_REFUSED", "RULE_REFUSED"]
    async with city.client(await city.caller(Role.OFFICER, 1)) as officer:
        found = [edge["node"] for edge in (await officer.ask(SAMPLED))["sampledServices"]["edges"]]
        ours = [one for one in found if one["participant"]["volunteerNumber"] in numbers]
        assert [(one["participant"]["callName"], one["signals"]) for one in ours] == [("", ["SHARED_DEVICE"])] * 2
        assert len((await ask(officer, CONFIRM, ids=[ours[0]["id"]]))["services"]) == 1
        reject = f"""mutation ($id: ID!, $key: UUID!) {{ rejectService(id: $id, reason: "代签", idempotencyKey: $key) {{
            {STRETCH} }} }}"""
        assert (await ask(officer, reject, id=ours[1]["id"]))["status"] == "REJECTED"
        left = [edge["node"]["id"] for edge in (await officer.ask(SAMPLED))["sampledServices"]["edges"]]
        assert {one["id"] for one in ours}.isdisjoint(left)
    async with city.client(await city.caller(Role.VOLUNTEER, 4)) as volunteer:
        [entry] = [edge["node"] for edge in (await volunteer.ask(LOG))["log"]["edges"]]
        assert (entry["status"], entry["reason"]) == ("REJECTED", "代签")


async def test_a_guardian_gets_a_code_and_the_same_one_for_the_same_key(city: City) -> None:
    key = str(uuid4())
    async with city.client(await city.caller(Role.CITIZEN, 1)) as guardian:
        code = await guardian.ask(GUARDIAN, key=key)
        assert (code["code"][:3], len(code["code"])) == ("GC-", 14)
        assert await guardian.ask(GUARDIAN, key=key) == code


async def test_an_event_is_changed_until_it_begins(city: City) -> None:
    await set_clock(city, timedelta())
    starts = datetime.now(UTC) + timedelta(days=40)
    given = {
        "title": "图书整理",
        "description": "整理归还的图书。",
        "place": "图书馆",
        "startsAt": starts.isoformat(),
        "endsAt": (starts + timedelta(hours=3)).isoformat(),
        "capacity": 2,
        "activityType": "library-help",
        "minimumAge": 16,
    }
    event = f"... on OrganiserEvent {{ id event {{ title capacity minimumAge insured }} }} {FAULT}"
    publish = f"""mutation ($input: EventInput!, $key: UUID!) {{
        publishEvent(input: $input, idempotencyKey: $key) {{ {event} }} }}"""
    change = f"""mutation ($id: ID!, $input: EventInput!, $key: UUID!) {{
        changeEvent(id: $id, input: $input, idempotencyKey: $key) {{ {event} }} }}"""
    async with city.client(await city.caller(Role.ORGANISER, 1)) as organiser:
        published = await ask(organiser, publish, input=given)
        changed = await ask(organiser, change, id=published["id"], input={**given, "capacity": 3, "insured": True})
        assert changed["event"] == {"title": "图书整理", "capacity": 3, "minimumAge": 16, "insured": True}
        refusal = await ask(organiser, change, id=published["id"], input={**given, "capacity": 0})
        assert (refusal["errorCode"], refusal["inputField"]) == ("INVALID_INPUT", "capacity")


async def test_a_member_lets_earlier_hours_count_and_a_stranger_cannot(city: City) -> None:
    say_so = f"""mutation ($key: UUID!) {{ countEarlierHours(idempotencyKey: $key) {{
        ... on EarlierHours {{ stretches }} {FAULT} }} }}"""
    async with city.client(await city.caller(Role.VOLUNTEER, 1)) as stranger:
        assert (await ask(stranger, say_so))["errorCode"] == "NOT_ALLOWED"
    async with city.client(await city.caller(Role.CITIZEN, 7)) as citizen:
        await ask(citizen, REGISTER, name="小林")
        assert await ask(citizen, say_so) == {"stretches": 0}
