"""What bad input gets over HTTP: a typed error with a sentence in the caller's language, and nothing changed."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from api.database import Database, WorkerDatabase
from domain.actor import Role
from tests.api.city import City, Client
from tests.api.phone import read_picture
from tests.api.test_fraud import HOUR, MINUTE, PUBLISH, begin, end, event
from tests.api.test_serving import CHECK_IN, CHECK_OUT, CODE, SIGN_UP, set_clock

STATE = """{ volunteer { signUps { status event { id free } }
    log { edges { node { id status from until hours history { to } } } } } }"""


@pytest.fixture(scope="module")
async def city(database: Database, worker: WorkerDatabase) -> AsyncIterator[City]:
    city = await City(database, worker).seeded()
    yield city
    await set_clock(city, timedelta())


async def refused(client: Client, document: str, **values: Any) -> tuple[str, str | None]:
    """Code and field of a refusal, which says what happened in whole sentences."""
    answer = await client.ask(document, key=str(uuid4()), **values)
    assert answer["message"].rstrip().endswith((".", "。")), answer
    return answer["errorCode"], answer["inputField"]


@pytest.mark.parametrize(("index", "spoken"), [(1, "en"), (2, "zh")])
async def test_bad_codes_and_bad_times_are_refused_and_change_nothing(city: City, index: int, spoken: str) -> None:
    async with (
        city.client(await city.caller(Role.ORGANISER, 1)) as shore,
        city.client(await city.caller(Role.ORGANISER, 3)) as warm,
        city.client(await city.caller(Role.VOLUNTEER, index), **{"accept-language": spoken}) as volunteer,
    ):
        here = await event(city, shore, starts=HOUR, hours=4)
        there = await event(city, warm, starts=HOUR, hours=4)
        foreign = await event(city, warm, starts=HOUR, hours=4)
        for one in (here, there):
            await volunteer.ask(SIGN_UP, id=one, key=str(uuid4()))
        before = await volunteer.ask(STATE)

        await set_clock(city, HOUR)
        shown = await shore.ask(CODE, id=here)
        # What a camera reads off the organiser's phone is the code itself.
        assert read_picture(shown["svg"]) == shown["code"]
        stale, elsewhere = shown["code"], await warm.ask(CODE, id=foreign)
        wrong = stale[:-1] + ("0" if stale[-1] != "0" else "1")
        for code in (wrong, "", "12345678", "https://example.test", elsewhere["digits"]):
            assert await refused(volunteer, CHECK_IN, code=code) == ("INVALID_INPUT", "code")
        assert await refused(volunteer, CHECK_IN, code=elsewhere["code"]) == ("NOT_ALLOWED", "code")
        assert await refused(volunteer, CHECK_OUT, code=stale) == ("TOO_EARLY", None)
        await set_clock(city, HOUR + 2 * MINUTE)
        assert await refused(volunteer, CHECK_IN, code=stale) == ("TOO_LATE", "code")
        assert await volunteer.ask(STATE) == before

        assert (await begin(city, volunteer, shore, here, HOUR + 3 * MINUTE))["status"] == "CHECKED_IN"
        before = await volunteer.ask(STATE)
        again, across = (await shore.ask(CODE, id=here))["code"], (await warm.ask(CODE, id=there))["code"]
        assert await refused(volunteer, CHECK_IN, code=again) == ("ALREADY_DECIDED", None)
        assert await refused(volunteer, CHECK_IN, code=across) == ("OVERLAP", None)
        assert await volunteer.ask(STATE) == before

        await end(city, volunteer, shore, here, 2 * HOUR)
        before = await volunteer.ask(STATE)
        again = (await shore.ask(CODE, id=here))["code"]
        assert await refused(volunteer, CHECK_OUT, code=again) == ("ALREADY_DECIDED", None)
        await set_clock(city, 6 * HOUR)
        late = (await warm.ask(CODE, id=there))["code"]
        assert await refused(volunteer, CHECK_IN, code=late) == ("TOO_LATE", None)
        assert await refused(volunteer, SIGN_UP, id=foreign) == ("TOO_LATE", None)
        assert await volunteer.ask(STATE) == before
        await set_clock(city, timedelta())


async def test_an_event_in_the_past_is_not_published(city: City) -> None:
    await set_clock(city, timedelta())
    begins = datetime.now(UTC) - HOUR
    given = {
        "title": "昨日之事",
        "description": "已经开始。",
        "place": "敬老院",
        "startsAt": begins.isoformat(),
        "endsAt": (begins + 3 * HOUR).isoformat(),
        "capacity": 5,
        "activityType": "elder-visits",
    }
    mine = "{ organiser { events(first: 100) { edges { node { id } } } } }"
    async with city.client(await city.caller(Role.ORGANISER, 2)) as organiser:
        before = await organiser.ask(mine)
        assert await refused(organiser, PUBLISH, input=given) == ("INVALID_INPUT", "startsAt")
        ends = {**given, "startsAt": given["endsAt"], "endsAt": given["startsAt"]}
        assert await refused(organiser, PUBLISH, input=ends) == ("INVALID_INPUT", "endsAt")
        assert await organiser.ask(mine) == before
