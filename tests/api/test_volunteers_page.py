"""The volunteer's page over HTTP, for members and for everybody else, and that no place asked for is kept."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from api.database import Database, WorkerDatabase
from domain.actor import Role
from tests.api.city import City, Client, statements
from tests.api.test_printed_records import attended
from tests.api.test_serving import REGISTER, set_clock

PAGE = """volunteerNumber confirmedHours hoursThisYear stars hoursToNextStar
    nextBenefit { missingHours sentence product { id title } }
    log { edges { node { status reason hours points event { title } } } }"""
MEMBER = f"""{{ me {{ volunteering {{ {PAGE} }} benefits(qualified: false) {{
    product {{ id }} decision {{ nearest {{ kind missing }} conditions {{ kind missing met }} }} }} }} }}"""
STRANGER = f"{{ volunteer {{ {PAGE} }} }}"
NEAR = """query ($lat: Float!, $lon: Float!) { events(programme: "rongcheng", first: 100,
    near: { lat: $lat, lon: $lon, withinMetres: 3000 }) { edges { node { title place } } } }"""


@pytest.fixture(scope="module")
async def city(database: Database, worker: WorkerDatabase) -> AsyncIterator[City]:
    city = await City(database, worker).seeded()
    yield city
    await set_clock(city, timedelta())


async def ask(client: Client, document: str, **values: Any) -> Any:
    return await client.ask(document, key=str(uuid4()), **values)


async def test_a_volunteer_who_has_not_joined_sees_hours_stars_and_what_is_missing(city: City) -> None:
    async with (
        city.client(await city.caller(Role.VOLUNTEER, 1)) as volunteer,
        city.client(await city.caller(Role.ORGANISER, 1)) as organiser,
    ):
        before = await volunteer.ask(STRANGER)
        assert (before["confirmedHours"], before["nextBenefit"]["missingHours"]) == (0, 30)
        await attended(city, volunteer, organiser)
        with statements(city.database) as seen:
            mine = await volunteer.ask(STRANGER)
        assert len(seen) == 1
    assert (mine["confirmedHours"], mine["stars"], mine["hoursToNextStar"]) == (2, 0, 98)
    following = mine["nextBenefit"]
    assert following["missingHours"] == 28
    assert following["sentence"] == (
        f"28 more confirmed hours open “{following['product']['title']}” once you have joined. "
        "Hours from before count if you say so."
    )
    [stretch] = [edge["node"] for edge in mine["log"]["edges"]]
    assert (stretch["status"], stretch["reason"], stretch["hours"], stretch["points"]) == ("CONFIRMED", None, 2, None)


async def test_a_member_sees_the_same_and_what_each_stretch_gave(city: City) -> None:
    async with (
        city.client(await city.caller(Role.CITIZEN, 7)) as member,
        city.client(await city.caller(Role.ORGANISER, 1)) as organiser,
    ):
        await ask(member, REGISTER, name="小林")
        before = (await member.ask(MEMBER))["volunteering"]["nextBenefit"]["missingHours"]
        await attended(city, member, organiser)
        me = await member.ask(MEMBER)
        mine, following = me["volunteering"], me["volunteering"]["nextBenefit"]
        assert (mine["confirmedHours"], mine["stars"], mine["hoursToNextStar"]) == (2, 0, 98)
        assert following["missingHours"] == before - 2
        assert following["sentence"].endswith("for you.")
        # The product itself says the same.
        [same] = [one for one in me["benefits"] if one["product"]["id"] == following["product"]["id"]]
        [hours] = [one for one in same["decision"]["conditions"] if one["kind"] == "MIN_VOLUNTEER_HOURS"]
        assert (hours["met"], hours["missing"]) == (False, following["missingHours"])
        [stretch] = [edge["node"] for edge in mine["log"]["edges"]]
        assert (stretch["status"], stretch["hours"]) == ("CONFIRMED", 2)
        score = await member.ask("{ me { score { lines { points reason } } } }")
        [line] = [one for one in score["score"]["lines"] if stretch["event"]["title"] in one["reason"]]
        assert stretch["points"] == line["points"]


async def test_events_near_by_are_found_and_the_place_is_kept_nowhere(city: City) -> None:
    await set_clock(city, timedelta())
    starts = datetime.now(UTC) + timedelta(days=20)
    given = {
        "title": "湿地观鸟",
        "description": "记录越冬候鸟。",
        "place": "湿地北门",
        "lat": 36.915432,
        "lon": 122.107654,
        "startsAt": starts.isoformat(),
        "endsAt": (starts + timedelta(hours=3)).isoformat(),
        "capacity": 5,
        "activityType": "parks-and-beaches",
    }
    publish = """mutation ($input: EventInput!, $key: UUID!) { publishEvent(input: $input, idempotencyKey: $key) {
        ... on OrganiserEvent { id } } }"""
    async with city.client(await city.caller(Role.ORGANISER, 1)) as organiser:
        await ask(organiser, publish, input=given)
    async with city.client(await city.caller(Role.VOLUNTEER, 2)) as volunteer:
        with statements(city.database) as seen:
            near = await volunteer.ask(NEAR, lat=36.921234, lon=122.113456)
        far = await volunteer.ask(NEAR, lat=36.5, lon=121.5)
    assert [edge["node"] for edge in near["edges"]] == [{"title": "湿地观鸟", "place": "湿地北门"}]
    assert far["edges"] == []
    assert [statement.split()[0] for statement in seen] == ["SELECT"]
