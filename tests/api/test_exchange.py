"""Records of service to and from other platforms: the format, claims that somebody else confirms, and their limits."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from starlette.applications import Starlette

from api import exchange
from api.database import Database, WorkerDatabase
from domain.actor import Caller, Role
from domain.volunteering.rules import exchange as rules
from tests.api.city import ADDRESS, City
from tests.api.test_serving import CONFIRM, DESK, set_clock, waiting_of

NUMBER = "{ volunteer { volunteerNumber confirmedHours } }"


@pytest.fixture(scope="module")
async def city(database: Database, worker: WorkerDatabase) -> AsyncIterator[City]:
    city = await City(database, worker).seeded()
    yield city
    await set_clock(city, timedelta())


def client(city: City, caller: Caller | None) -> httpx.AsyncClient:
    headers = {} if caller is None else {"authorization": f"Bearer {city.token(caller)}"}
    app = Starlette(routes=exchange.routes(city.database, city.keyring))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ADDRESS, headers=headers)


def line(number: str, **values: Any) -> dict[str, Any]:
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(days=3)
    activity = {"title": "社区图书整理", "type": "library-help", "place": "社区图书室"}
    service = {"activity": activity, "from": start.isoformat(), "until": (start + timedelta(hours=2)).isoformat()}
    made = {
        "format": "volunteer-service/1",
        "platform": "national",
        "ref": str(uuid4()),
        "personal": {"volunteerNumber": number},
        "service": service,
        "training": [],
        "awards": [],
        "evaluation": None,
    }
    return {**made, **values}


async def post(browser: httpx.AsyncClient, *lines: Any, key: str | None = None) -> Any:
    body = "\n".join(one if isinstance(one, str) else json.dumps(one) for one in lines)
    answer = await browser.post(exchange.PATH, content=body, headers={"idempotency-key": key or str(uuid4())})
    return answer.json()


async def number_of(city: City, index: int) -> str:
    async with city.client(await city.caller(Role.VOLUNTEER, index)) as volunteer:
        return str((await volunteer.ask(NUMBER))["volunteerNumber"])


async def test_hours_of_another_platform_are_claims_until_somebody_else_confirms_them(city: City) -> None:
    number, first = await number_of(city, 1), await city.caller(Role.ORGANISER, 1)
    given, key = line(number), str(uuid4())
    async with client(city, first) as browser:
        taken = await post(browser, given, key=key)
        assert taken == {"accepted": 1, "duplicates": 0, "refused": []}
        assert await post(browser, given, key=key) == taken
        assert await post(browser, given) == {"accepted": 0, "duplicates": 1, "refused": []}
        later = await post(browser, line(number))
        assert [(one["line"], one["code"]) for one in later["refused"]] == [(1, "OVERLAP")]
    async with city.client(await city.caller(Role.VOLUNTEER, 1)) as volunteer:
        assert (await volunteer.ask(NUMBER))["confirmedHours"] == 0
    async with city.client(first) as organiser:
        [waiting] = waiting_of(await organiser.ask(DESK), number)
        assert (waiting["enteredBy"], waiting["hours"], waiting["status"]) == ("IMPORT", 2, "AWAITING_CONFIRMATION")
        own = await organiser.ask(CONFIRM, ids=[waiting["id"]], key=str(uuid4()))
        assert [one["error"]["errorCode"] for one in own["refused"]] == ["SAME_PERSON"]
    async with city.client(await city.caller(Role.ORGANISER, 2)) as other:
        assert len((await other.ask(CONFIRM, ids=[waiting["id"]], key=str(uuid4())))["services"]) == 1
    async with city.client(await city.caller(Role.VOLUNTEER, 1)) as volunteer:
        assert (await volunteer.ask(NUMBER))["confirmedHours"] == 2
    async with client(city, first) as browser:
        answer = await browser.get(exchange.PATH)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-ndjson")
        records = [json.loads(text) for text in answer.text.splitlines()]
        [mine] = [one for one in records if one["personal"]["volunteerNumber"] == number]
        # The law's record groups, and no name.
        assert set(mine) == set(given)
        assert (mine["format"], mine["personal"]) == ("volunteer-service/1", {"volunteerNumber": number})
        activity = mine["service"]["activity"]
        assert activity.pop("organiser")["zh"] == "海岸志愿服务队(示例)"
        assert activity == given["service"]["activity"]
        state = (mine["service"]["hours"], mine["service"]["status"], mine["service"]["enteredBy"])
        assert state == (2, "CONFIRMED", "IMPORT")
        everything = await browser.get(exchange.PATH, params={"from": "0001-01-01", "until": "9999-12-31"})
        assert everything.text == answer.text
        nothing = await browser.get(exchange.PATH, params={"until": "2020-01-01"})
        assert (nothing.status_code, nothing.text) == (200, "")


async def test_each_line_that_is_refused_says_why_and_the_others_are_taken(city: City) -> None:
    number = await number_of(city, 2)
    good = line(number)
    service = good["service"]
    future = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    bad = [
        ("{", "INVALID_INPUT", ""),
        ({**good, "format": "other/1"}, "INVALID_INPUT", "format"),
        ({**good, "personal": {"volunteerNumber": "V1"}}, "INVALID_INPUT", "personal.volunteerNumber"),
        ({**good, "personal": {"volunteerNumber": "V000-000-0000"}}, "NOT_FOUND", "personal.volunteerNumber"),
        ({**good, "service": {**service, "until": future}}, "INVALID_INPUT", "endsAt"),
        ({**good, "service": {**service, "from": "yesterday"}}, "INVALID_INPUT", "service.from"),
        ({**good, "service": {**service, "from": "2026-01-01T00:00:00"}}, "INVALID_INPUT", "service.from"),
        ({**good, "service": {**service, "activity": None}}, "INVALID_INPUT", "service.activity"),
        ({**good, "ref": "x" * 101}, "INVALID_INPUT", "ref"),
        (
            {**good, "service": {**service, "activity": {**service["activity"], "type": "debt-collection"}}},
            "RULE_REFUSED",
            "activityType",
        ),
    ]
    async with client(city, await city.caller(Role.ORGANISER, 1)) as browser:
        answer = await post(browser, *(one for one, _, _ in bad), good)
        assert (answer["accepted"], answer["duplicates"]) == (1, 0)
        assert [(one["code"], one["field"]) for one in answer["refused"]] == [(code, field) for _, code, field in bad]


async def test_only_an_organiser_exchanges_records(city: City) -> None:
    for caller in (None, await city.caller(Role.VOLUNTEER, 1), await city.caller(Role.OFFICER, 1)):
        async with client(city, caller) as browser:
            assert (await browser.get(exchange.PATH)).status_code == 403
            assert (await post(browser, line("V1")))["code"] == "NOT_ALLOWED"
    async with client(city, await city.caller(Role.ORGANISER, 1)) as browser:
        assert (await post(browser, key="no-key"))["field"] == "Idempotency-Key"
        assert (await post(browser))["code"] == "INVALID_INPUT"
        assert (await post(browser, *["{}"] * 201))["code"] == "INVALID_INPUT"
        assert (await browser.get(exchange.PATH, params={"from": "May"})).json()["field"] == "from"
        assert (await browser.get(exchange.PATH, params={"after": "-1"})).json()["field"] == "after"


async def test_a_further_page_stands_in_a_header(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    number = await number_of(city, 3)
    monkeypatch.setattr(exchange, "MOST_EXPORTED", 1)
    monkeypatch.setattr(rules, "MOST_EXPORTED", 1)
    async with client(city, await city.caller(Role.ORGANISER, 1)) as browser:
        assert (await post(browser, line(number)))["accepted"] == 1
        page = await browser.get(exchange.PATH, params={"from": "2020-01-01"})
        assert len(page.text.splitlines()) == 1
        further = page.headers["link"].removeprefix("<").removesuffix('>; rel="next"')
        assert (await browser.get(further)).text != page.text


async def test_what_is_no_token_or_no_text_is_refused(city: City) -> None:
    async with client(city, await city.caller(Role.ORGANISER, 1)) as browser:
        broken = await browser.post(exchange.PATH, content=b"\xff", headers={"idempotency-key": str(uuid4())})
        assert broken.json()["field"] == "lines"
        forged = await browser.get(exchange.PATH, headers={"authorization": "Bearer forged"})
        assert (forged.status_code, forged.json()["code"]) == (403, "NOT_ALLOWED")
