"""Hours that were refused: their volunteer objects over HTTP, member or not, and gets them back when it was right."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from api.daily import run_days
from api.database import Database, WorkerDatabase
from domain.actor import Role
from tests.api.city import City, Client
from tests.api.test_fraud import HOUR, REJECT, ask, begin, end, event
from tests.api.test_rights import ATTACH, DECIDE, OBJECT, PNG, REVIEW
from tests.api.test_rights import WITHDRAW as TAKE_BACK
from tests.api.test_serving import DESK, REGISTER, SIGN_UP, set_clock, waiting_of

DAY = timedelta(days=1)
LOG = """{ volunteer { volunteerNumber confirmedHours
    log { edges { node { id status hours points history { from to } } } } } }"""
MINE = """{ me { memberships { joinedOn } notices { edges { node { kind } } }
    accessLog { edges { node { purpose what } } }
    objections { edges { node { id status reason steps { what }
        subject { __typename ... on Service { status } } } } } } }"""
OFFICE = "{ office { objections { edges { node { id target status } } } } }"
LOOK_UP = """mutation ($by: CitizenKey!, $value: String!, $purpose: LookUpPurpose!, $key: UUID!) {
  lookUpCitizen(by: $by, value: $value, purpose: $purpose, idempotencyKey: $key) {
    ... on CitizenFile { displayName score { points } objections { reason status attachments { base64 }
        subject { ... on Service { status hours event { title } history { to } } } } }
    ... on UserError { errorCode inputField }
  }
}"""


@pytest.fixture(scope="module")
async def city(database: Database, worker: WorkerDatabase) -> AsyncIterator[City]:
    city = await City(database, worker).seeded()
    yield city
    await set_clock(city, timedelta())


async def refused_stretch(city: City, volunteer: Client, organiser: Client) -> tuple[str, str]:
    """Three hours that the organiser has refused; the volunteer's id of them, and the volunteer's number."""
    number = (await volunteer.ask(LOG) or {}).get("volunteerNumber")
    if number is None:
        number = (await ask(volunteer, REGISTER, name="小林"))["volunteerNumber"]
    here = await event(city, organiser, starts=HOUR, hours=4)
    await ask(volunteer, SIGN_UP, id=here)
    await begin(city, volunteer, organiser, here, HOUR)
    await end(city, volunteer, organiser, here, 4 * HOUR)
    [waiting] = waiting_of(await organiser.ask(DESK), number)
    assert (await ask(organiser, REJECT, id=waiting["id"]))["status"] == "REJECTED"
    newest = (await volunteer.ask(LOG))["log"]["edges"][0]["node"]
    assert newest["status"] == "REJECTED"
    return newest["id"], number


async def object_to(volunteer: Client, service: str, *papers: str) -> Any:
    wish = {"target": "SERVICE", "id": service, "reason": "我在场,有签到。", "attachments": list(papers)}
    return await ask(volunteer, OBJECT, **wish)


async def test_a_volunteer_who_never_joined_objects_and_gets_the_hours_back(city: City) -> None:
    async with (
        city.client(await city.caller(Role.ORGANISER, 1)) as organiser,
        city.client(await city.caller(Role.VOLUNTEER, 1)) as volunteer,
        city.client(await city.caller(Role.VOLUNTEER, 2)) as stranger,
        city.client(await city.caller(Role.OFFICER, 1)) as officer,
    ):
        service, number = await refused_stretch(city, volunteer, organiser)
        before = (await volunteer.ask(LOG))["confirmedHours"]
        by_number = {"by": "VOLUNTEER_NUMBER", "value": number}
        nobody = {"errorCode": "NOT_FOUND", "inputField": "value"}
        assert await ask(officer, LOOK_UP, **by_number, purpose="OBJECTION") == nobody
        assert (await object_to(stranger, service))["errorCode"] == "NOT_FOUND"

        paper = await ask(volunteer, ATTACH, name="签到.png", type="image/png", base64=PNG)
        opened = await object_to(volunteer, service, paper["id"])
        assert (opened["status"], opened["subject"]["__typename"]) == ("OPEN", "Service")
        assert (await ask(volunteer, OBJECT, target="SCORE", reason="分数不对。"))["errorCode"] == "NOT_ALLOWED"
        assert opened["id"] in [edge["node"]["id"] for edge in (await officer.ask(OFFICE))["objections"]["edges"]]

        file = await ask(officer, LOOK_UP, **by_number, purpose="OBJECTION")
        [case] = file["objections"]
        assert (file["score"], case["reason"], case["attachments"]) == (None, "我在场,有签到。", [{"base64": PNG}])
        assert (case["subject"]["status"], case["subject"]["hours"]) == ("REJECTED", 3)
        for purpose in ("REPAIR", "ASSISTED_SERVICE", "REVERSAL"):
            assert await ask(officer, LOOK_UP, **by_number, purpose=purpose) == nobody
        assert await ask(officer, LOOK_UP, by="VOLUNTEER_NUMBER", value="V000000000", purpose="OBJECTION") == nobody

        decided = await ask(officer, DECIDE, id=opened["id"], outcome="UPHELD", decision="签到属实。")
        assert (decided["status"], decided["reason"]) == ("UPHELD", "我在场,有签到。")
        log = await volunteer.ask(LOG)
        [mine] = [edge["node"] for edge in log["log"]["edges"] if edge["node"]["id"] == service]
        assert (mine["status"], mine["hours"], mine["points"]) == ("CONFIRMED", 3, None)
        assert mine["history"][-1] == {"from": "REJECTED", "to": "CONFIRMED"}
        assert log["confirmedHours"] == before + 3
        me = await volunteer.ask(MINE)
        assert me["memberships"] == []
        [case] = [edge["node"] for edge in me["objections"]["edges"]]
        assert (case["status"], case["subject"]) == ("UPHELD", {"__typename": "Service", "status": "CONFIRMED"})
        assert "OBJECTION_DECIDED" in [edge["node"]["kind"] for edge in me["notices"]["edges"]]
        assert [edge["node"]["purpose"] for edge in me["accessLog"]["edges"]][:2] == ["OBJECTION", "OBJECTION"]
        assert await ask(officer, LOOK_UP, **by_number, purpose="OBJECTION") == nobody


async def test_a_members_points_come_back_with_the_hours(city: City) -> None:
    async with (
        city.client(await city.caller(Role.ORGANISER, 1)) as organiser,
        city.client(await city.caller(Role.CITIZEN, 8)) as member,
        city.client(await city.caller(Role.APPROVER, 1)) as approver,
    ):
        service, _ = await refused_stretch(city, member, organiser)
        opened = await object_to(member, service)
        await ask(approver, DECIDE, id=opened["id"], outcome="UPHELD", decision="签到属实。")
        [mine] = [edge["node"] for edge in (await member.ask(LOG))["log"]["edges"] if edge["node"]["id"] == service]
        assert (mine["status"], mine["hours"]) == ("CONFIRMED", 3)
        assert mine["points"] is not None
        lines = (await member.ask("{ me { score { lines { reason record { item { code } } } } } }"))["score"]["lines"]
        assert any("陪伴老人" in line["reason"] for line in lines)


async def test_silence_gives_the_hours_back_and_a_refusal_names_the_review(city: City) -> None:
    async with (
        city.client(await city.caller(Role.ORGANISER, 1)) as organiser,
        city.client(await city.caller(Role.VOLUNTEER, 3)) as volunteer,
        city.client(await city.caller(Role.OFFICER, 1)) as officer,
    ):
        service, _ = await refused_stretch(city, volunteer, organiser)
        taken_back = await object_to(volunteer, service)
        assert (await ask(volunteer, TAKE_BACK, id=taken_back["id"]))["status"] == "WITHDRAWN"
        opened = await object_to(volunteer, service)
        rejected = await ask(officer, DECIDE, id=opened["id"], outcome="REJECTED", decision="无人见到。")
        assert rejected["nextRemedy"].startswith("You can ask for a review until ")
        review = await ask(volunteer, REVIEW, id=opened["id"], reason="请再看签到记录。")
        assert review["status"] == "OPEN"
        same = await ask(officer, DECIDE, id=review["id"], outcome="REJECTED", decision="同前。")
        assert same["errorCode"] == "SAME_PERSON"
        await set_clock(city, 30 * DAY)
        await run_days(city.worker, lambda done, total: None)
        log = await volunteer.ask(LOG)
        [mine] = [edge["node"] for edge in log["log"]["edges"] if edge["node"]["id"] == service]
        assert (mine["status"], mine["hours"]) == ("CONFIRMED", 3)
