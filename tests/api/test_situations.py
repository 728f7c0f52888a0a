"""The demo's situations hold at any date: a fresh demo on this day has its five citizens as promised."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from api.database import Database, WorkerDatabase
from domain.actor import ANONYMOUS, Role
from seeds.demo import programme_codes
from seeds.people import CONTESTABLE, EVERYTHING, MINOR, NOT_JOINED, ONE_SHORT
from tests.api.city import City

ZONE = ZoneInfo("Asia/Shanghai")
DAYS = ("2026-11-30", "2026-12-31", "2027-01-01", "2027-07-15", "2028-02-29")
ME = """{ me { score { points lines { points effect } } benefits {
    group product { code redeemedBy } decision { qualified conditions { way kind met missing } } } } }"""
EVENTS = (
    """query ($p: String!) { events(programme: $p, first: 1) { edges { node { startsAt endsAt free status } } } }"""
)
ENROL = """mutation ($p: String!) { enrol(programme: $p, consents: [{ purpose: "score", version: 1 }],
    idempotencyKey: "00000000-0000-4000-8000-000000000001") { ... on UserError { errorCode } } }"""


@pytest.fixture(params=DAYS)
async def day(request: pytest.FixtureRequest, fresh: None, worker: WorkerDatabase) -> datetime:
    """A morning on which somebody starts a fresh demo."""
    morning = datetime.fromisoformat(f"{request.param}T08:30").replace(tzinfo=ZONE)
    async with worker.transaction(ANONYMOUS) as unit:
        await unit.session.execute(text("UPDATE clock SET ahead = :ahead"), {"ahead": morning - unit.now})
    return morning


async def test_the_five_citizens_are_as_promised(day: datetime, database: Database, worker: WorkerDatabase) -> None:
    for code in programme_codes():
        city = await City(database, worker, code).seeded()
        me = {index: await ask(city, index) for index in (EVERYTHING, ONE_SHORT, CONTESTABLE, NOT_JOINED, MINOR)}
        groups = {benefit["group"] for benefit in me[EVERYTHING]["benefits"]}
        assert groups <= {"USABLE_NOW", "NOT_IN_SEASON"}, (code, me[EVERYTHING]["benefits"])
        assert one_point_short(me[ONE_SHORT]) != set(), code
        assert [line["effect"] for line in me[CONTESTABLE]["score"]["lines"] if line["points"] < 0] == ["COUNTED"]
        assert (me[NOT_JOINED]["score"], me[MINOR]["score"]) == (None, None)
        async with city.client(await city.caller(Role.CITIZEN, MINOR)) as phone:
            assert (await phone.ask(ENROL, p=code))["errorCode"] == "RULE_REFUSED"
            listed = await phone.ask(EVENTS, p=code)
        event = listed["edges"][0]["node"]
        begun, ends = (datetime.fromisoformat(event[name]) for name in ("startsAt", "endsAt"))
        assert begun < day
        assert (ends - day).total_seconds() >= 4 * 3600
        assert event["free"] > 0


async def ask(city: City, index: int) -> Any:
    async with city.client(await city.caller(Role.CITIZEN, index)) as phone:
        return await phone.ask(ME)


def one_point_short(me: Any) -> set[str]:
    """Products of the counter that are closed for one point only."""
    return {
        benefit["product"]["code"]
        for benefit in me["benefits"]
        if not benefit["decision"]["qualified"] and benefit["product"]["redeemedBy"] == "COUNTER"
        for condition in benefit["decision"]["conditions"]
        if condition["kind"] in ("MIN_POINTS", "MIN_GRADE") and condition["missing"] == 1
    }
