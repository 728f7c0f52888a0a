"""The volunteer's way over HTTP: register, sign up, check in and out, be confirmed, and see what it gave."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from api.database import Database, WorkerDatabase
from domain.actor import ANONYMOUS, Role
from tests.api.city import City, statements

EVENT = "id title organisation activityType startsAt endsAt capacity free status mySignUp { status waitingPosition }"
FAULT = "... on UserError { errorCode message inputField ruleSource }"
REGISTER = f"""mutation ($name: String!, $key: UUID!) {{
    registerVolunteer(programme: "rongcheng", callName: $name,
        consents: [{{ purpose: "volunteering", version: 2 }}], idempotencyKey: $key) {{
        ... on Volunteering {{ id volunteerNumber confirmedHours stars hoursToNextStar
            signUps {{ status }} }} {FAULT} }} }}"""
SIGN_UP = f"""mutation ($id: ID!, $key: UUID!) {{ signUp(eventId: $id, idempotencyKey: $key) {{
    ... on SignUp {{ status waitingPosition event {{ {EVENT} }} }} {FAULT} }} }}"""
CANCEL = f"""mutation ($id: ID!, $key: UUID!) {{ cancelSignUp(eventId: $id, idempotencyKey: $key) {{
    ... on SignUp {{ status event {{ free }} }} {FAULT} }} }}"""
CODE = f"""mutation ($id: ID!) {{ attendanceCode(eventId: $id) {{
    ... on AttendanceCode {{ code digits svg expiresAt }} {FAULT} }} }}"""
SERVICE = f"... on Service {{ id status hours from until points confirmBy event {{ title }} }} {FAULT}"
CHECK_IN = (
    f"""mutation ($code: String!, $key: UUID!) {{ checkIn(code: $code, idempotencyKey: $key) {{ {SERVICE} }} }}"""
)
CHECK_OUT = (
    f"""mutation ($code: String!, $key: UUID!) {{ checkOut(code: $code, idempotencyKey: $key) {{ {SERVICE} }} }}"""
)
DESK_SERVICE = """id participant { volunteerNumber callName minor } event { title } hours status enteredBy signals
    confirmBy"""
CONFIRM = f"""mutation ($ids: [ID!]!, $key: UUID!) {{ confirmServices(ids: $ids, idempotencyKey: $key) {{
    ... on ConfirmedServices {{ services {{ {DESK_SERVICE} }} refused {{ id error {{ errorCode }} }} }} {FAULT} }} }}"""
DESK = f"""{{ organiser {{ organisation {{ name }}
    events(first: 100) {{ edges {{ node {{ id event {{ {EVENT} }}
        roster {{ participant {{ volunteerNumber callName minor }} status service {{ id hours }} }} }} }} }}
    awaitingConfirmation(first: 100) {{ edges {{ node {{ {DESK_SERVICE} }} }} pageInfo {{ hasNextPage }} }} }} }}"""
MINE = f"""{{ me {{ volunteering {{ volunteerNumber confirmedHours hoursThisYear stars hoursToNextStar
    signUps {{ status event {{ {EVENT} }} }}
    log(first: 5) {{ edges {{ node {{ id status hours points event {{ title organisation }} }} }} }} }} }} }}"""


@pytest.fixture(scope="module")
async def city(database: Database, worker: WorkerDatabase) -> AsyncIterator[City]:
    city = await City(database, worker).seeded()
    yield city
    await set_clock(city, timedelta())


async def set_clock(city: City, ahead: timedelta) -> None:
    """Moves business time."""
    async with city.worker.transaction(ANONYMOUS) as unit:
        await unit.session.execute(text("UPDATE clock SET ahead = :ahead"), {"ahead": ahead})


async def open_event(city: City) -> dict[str, Any]:
    async with city.client() as anybody:
        query = f'{{ events(programme: "rongcheng", first: 100) {{ edges {{ node {{ {EVENT} }} }} }} }}'
        page = await anybody.ask(query)
    events = [edge["node"] for edge in page["edges"]]
    return next(event for event in events if event["title"].startswith("常设"))


def waiting_of(desk: dict[str, Any], number: str) -> list[dict[str, Any]]:
    """What waits for confirmation of one volunteer."""
    services = [edge["node"] for edge in desk["awaitingConfirmation"]["edges"]]
    return [one for one in services if one["participant"]["volunteerNumber"] == number]


async def test_the_first_and_the_last_day_there_is_are_no_limit(city: City) -> None:
    asked = '{{ events(programme: "rongcheng", first: 100{}) {{ edges {{ node {{ id }} }} }} }}'
    async with city.client() as anybody:
        assert await anybody.ask(asked.format(', from: "0001-01-01", until: "9999-12-31"')) == await anybody.ask(
            asked.format("")
        )


async def test_a_citizen_volunteers_and_sees_what_it_gave(city: City) -> None:
    event = await open_event(city)
    assert (event["status"], event["mySignUp"]) == ("OPEN", None)
    async with (
        city.client(await city.caller(Role.CITIZEN, 7)) as citizen,
        city.client(await city.caller(Role.ORGANISER, 1)) as organiser,
    ):
        before = await citizen.ask(MINE)
        assert before["volunteering"]["volunteerNumber"] == ""
        registered = await citizen.ask(REGISTER, name="小林", key=str(uuid4()))
        number = registered["volunteerNumber"]
        assert (registered["confirmedHours"], registered["stars"], registered["hoursToNextStar"]) == (0, 0, 100)
        signed = await citizen.ask(SIGN_UP, id=event["id"], key=str(uuid4()))
        assert (signed["status"], signed["event"]["free"]) == ("SIGNED_UP", event["free"] - 1)
        assert signed["event"]["mySignUp"] == {"status": "SIGNED_UP", "waitingPosition": None}

        code = await organiser.ask(CODE, id=event["id"])
        assert (code["code"][:4], len(code["digits"]), code["svg"][:4]) == ("AT1:", 8, "<svg")
        begun = await citizen.ask(CHECK_IN, code=code["code"], key=str(uuid4()))
        assert (begun["status"], begun["hours"], begun["event"]["title"]) == ("CHECKED_IN", None, event["title"])
        await set_clock(city, timedelta(hours=2, minutes=50))
        code = await organiser.ask(CODE, id=event["id"])
        ended = await citizen.ask(CHECK_OUT, code=code["digits"], key=str(uuid4()))
        assert (ended["id"], ended["status"], ended["hours"], ended["points"]) == (
            begun["id"],
            "AWAITING_CONFIRMATION",
            2.75,
            None,
        )

        desk = await organiser.ask(DESK)
        [waiting] = waiting_of(desk, number)
        assert waiting["participant"] == {"volunteerNumber": number, "callName": "小林", "minor": False}
        [mine] = [edge["node"] for edge in desk["events"]["edges"] if edge["node"]["event"]["id"] == event["id"]]
        assert [
            (one["status"], one["service"]) for one in mine["roster"] if one["participant"]["volunteerNumber"] == number
        ] == [("CHECKED_IN", {"id": waiting["id"], "hours": 2.75})]
        confirmed = await organiser.ask(CONFIRM, ids=[waiting["id"], "forged"], key=str(uuid4()))
        assert [one["status"] for one in confirmed["services"]] == ["CONFIRMED"]
        assert confirmed["refused"] == [{"id": "forged", "error": {"errorCode": "NOT_FOUND"}}]

        after = (await citizen.ask(MINE))["volunteering"]
        assert (after["confirmedHours"], after["hoursThisYear"]) == (2.75, 2.75)
        assert (after["stars"], after["hoursToNextStar"]) == (0, 97.25)
        [entry] = [edge["node"] for edge in after["log"]["edges"]]
        assert (entry["status"], entry["hours"], entry["event"]["title"]) == ("CONFIRMED", 2.75, event["title"])
        assert isinstance(entry["points"], int)
        log = await citizen.ask("{ me { accessLog(first: 1) { edges { node { purpose role } } } } }")
        assert log["accessLog"]["edges"][0]["node"]["purpose"] == "service confirmation"


async def test_a_volunteer_without_membership_has_hours_and_no_points(city: City) -> None:
    await set_clock(city, timedelta())
    event = await open_event(city)
    async with (
        city.client(await city.caller(Role.VOLUNTEER, 1)) as volunteer,
        city.client(await city.caller(Role.ORGANISER, 1)) as organiser,
    ):
        await volunteer.ask(SIGN_UP, id=event["id"], key=str(uuid4()))
        await volunteer.ask(CHECK_IN, code=(await organiser.ask(CODE, id=event["id"]))["code"], key=str(uuid4()))
        await set_clock(city, timedelta(hours=1))
        code = (await organiser.ask(CODE, id=event["id"]))["code"]
        await volunteer.ask(CHECK_OUT, code=code, key=str(uuid4()))
        hours = "{ volunteer { id volunteerNumber confirmedHours log { edges { node { id hours points status } } } } }"
        number = (await volunteer.ask(hours))["volunteerNumber"]
        ids = [one["id"] for one in waiting_of(await organiser.ask(DESK), number)]
        await organiser.ask(CONFIRM, ids=ids, key=str(uuid4()))
        mine = await volunteer.ask(hours)
        [entry] = [edge["node"] for edge in mine["log"]["edges"]]
        assert (mine["confirmedHours"], entry["hours"], entry["points"]) == (1, 1, None)
        node = await volunteer.ask("query ($id: ID!) { node(id: $id) { ... on Service { hours } } }", id=entry["id"])
        assert node == {"hours": 1}
    async with city.client(await city.caller(Role.VOLUNTEER, 2)) as other:
        query = "query ($id: ID!) { node(id: $id) { ... on Service { hours } } }"
        assert await other.ask(query, id=entry["id"]) is None
        volunteering = "query ($id: ID!) { node(id: $id) { ... on Volunteering { stars } } }"
        assert await other.ask(volunteering, id=mine["id"]) is None
        assert (await other.ask(CHECK_OUT, code=code, key=str(uuid4())))["errorCode"] == "NOT_ALLOWED"


async def test_a_rejected_stretch_says_why_to_its_volunteer_only(city: City) -> None:
    await set_clock(city, timedelta())
    event = await open_event(city)
    reject = f"""mutation ($id: ID!, $key: UUID!) {{ rejectService(id: $id, reason: "提前离开", idempotencyKey: $key) {{
        ... on OrganiserService {{ id status hours }} {FAULT} }} }}"""
    async with (
        city.client(await city.caller(Role.VOLUNTEER, 5)) as volunteer,
        city.client(await city.caller(Role.ORGANISER, 2)) as organiser,
    ):
        await volunteer.ask(SIGN_UP, id=event["id"], key=str(uuid4()))
        code = (await organiser.ask(CODE, id=event["id"]))["code"]
        for step in (CHECK_IN, CHECK_OUT):
            await volunteer.ask(step, code=code, key=str(uuid4()))
        mine = "{ volunteer { volunteerNumber log { edges { node { status reason } } } } }"
        [waiting] = waiting_of(await organiser.ask(DESK), (await volunteer.ask(mine))["volunteerNumber"])
        rejected = await organiser.ask(reject, id=waiting["id"], key=str(uuid4()))
        assert rejected == {"id": waiting["id"], "status": "REJECTED", "hours": 0}
        node = "query ($id: ID!) { node(id: $id) { ... on OrganiserService { status } } }"
        assert await organiser.ask(node, id=waiting["id"]) == {"status": "REJECTED"}
        assert (await organiser.ask(reject, id=waiting["id"], key=str(uuid4())))["errorCode"] == "ALREADY_DECIDED"
        [entry] = (await volunteer.ask(mine))["log"]["edges"]
        assert entry["node"] == {"status": "REJECTED", "reason": "提前离开"}


async def test_an_event_is_published_listed_and_called_off(city: City) -> None:
    await set_clock(city, timedelta())
    starts = datetime.now(UTC) + timedelta(days=30)
    given = {
        "title": "潮间带清洁",
        "description": "退潮后清理海滩。",
        "place": "成山头",
        "lat": 37.39,
        "lon": 122.7,
        "startsAt": starts.isoformat(),
        "endsAt": (starts + timedelta(hours=3)).isoformat(),
        "capacity": 1,
        "activityType": "parks-and-beaches",
    }
    publish = f"""mutation ($input: EventInput!, $key: UUID!) {{ publishEvent(input: $input, idempotencyKey: $key) {{
        ... on OrganiserEvent {{ id event {{ {EVENT} }} roster {{ status }} }} {FAULT} }} }}"""
    call_off = f"""mutation ($id: ID!, $key: UUID!) {{ cancelEvent(id: $id, reason: "大风", idempotencyKey: $key) {{
        ... on OrganiserEvent {{ event {{ status }} }} {FAULT} }} }}"""
    near = '{ events(programme: "rongcheng", near: { lat: 37.39, lon: 122.7 }) { edges { node { id } } } }'
    async with city.client(await city.caller(Role.ORGANISER, 1)) as organiser, city.client() as anybody:
        error = await organiser.ask(publish, input={**given, "activityType": "debt-collection"}, key=str(uuid4()))
        assert (error["errorCode"], error["ruleSource"], error["inputField"]) == (
            "RULE_REFUSED",
            "R16",
            "activityType",
        )
        key = str(uuid4())
        published = await organiser.ask(publish, input=given, key=key)
        assert published == await organiser.ask(publish, input=given, key=key)
        event_id = published["event"]["id"]
        assert (published["event"]["free"], published["roster"]) == (1, [])
        assert [edge["node"]["id"] for edge in (await anybody.ask(near))["edges"]] == [event_id]
        async with (
            city.client(await city.caller(Role.VOLUNTEER, 3)) as first,
            city.client(await city.caller(Role.VOLUNTEER, 4)) as second,
        ):
            await first.ask(SIGN_UP, id=event_id, key=str(uuid4()))
            waiting = await second.ask(SIGN_UP, id=event_id, key=str(uuid4()))
            assert (waiting["status"], waiting["waitingPosition"], waiting["event"]["status"]) == ("WAITING", 1, "FULL")
            await first.ask(CANCEL, id=event_id, key=str(uuid4()))
            mine = await second.ask("{ volunteer { signUps { status event { id } } } }")
            assert mine["signUps"] == [{"status": "SIGNED_UP", "event": {"id": event_id}}]
        assert (await organiser.ask(CODE, id=published["id"]))["errorCode"] == "TOO_EARLY"
        assert (await organiser.ask(call_off, id=published["id"], key=str(uuid4())))["event"]["status"] == "CANCELLED"
        assert (await anybody.ask(near))["edges"] == []


async def test_a_log_is_one_statement_and_a_desk_one_more_that_writes_the_look_down(city: City) -> None:
    await set_clock(city, timedelta())
    async with (
        city.client(await city.caller(Role.ORGANISER, 1)) as organiser,
        city.client(await city.caller(Role.CITIZEN, 7)) as citizen,
    ):
        for client, query, run in ((organiser, DESK, 2), (citizen, MINE, 1)):
            await client.ask(query)
            with statements(city.database) as seen:
                await client.ask(query)
            assert len(seen) == run
