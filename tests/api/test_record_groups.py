"""Training, awards and evaluations over HTTP: recorded, seen, put right, declined, exported and imported."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from api import exchange
from api.daily import run_days
from api.database import Database, WorkerDatabase
from domain.actor import Role
from tests.api.city import City, Client
from tests.api.test_exchange import client as exchange_client
from tests.api.test_exchange import line, number_of, post
from tests.api.test_printed_records import attended, served
from tests.api.test_rights import DECIDE
from tests.api.test_serving import FAULT, REGISTER, set_clock

RECORD = f"""... on VolunteerRecord {{
    id kind volunteerNumber organisation on title text hours body correctedAt }} {FAULT}"""
ADD = f"""mutation ($input: VolunteerRecordInput!, $key: UUID!) {{
    addVolunteerRecord(input: $input, idempotencyKey: $key) {{ {RECORD} }} }}"""
CORRECT = f"""mutation ($id: ID!, $input: VolunteerRecordInput!, $key: UUID!) {{
    correctVolunteerRecord(id: $id, input: $input, idempotencyKey: $key) {{ {RECORD} }} }}"""
DECLINE = f"""mutation ($id: ID!, $key: UUID!) {{
    declineVolunteerRecord(id: $id, idempotencyKey: $key) {{ {RECORD} }} }}"""
MINE = "{ volunteer { volunteerNumber records { kind title text hours body organisation } } }"
DESK = "{ organiser { volunteerRecords { edges { node { id volunteerNumber title } } } } }"
OBJECT = f"""mutation ($id: ID!, $key: UUID!) {{ objectTo(target: VOLUNTEER_RECORD, id: $id,
    reason: "我没有得到这次表彰。", idempotencyKey: $key) {{
    ... on Objection {{ id target subject {{ id ... on VolunteerRecord {{ title }} }} }} {FAULT} }} }}"""
LOOK_UP = f"""mutation ($id: String!, $key: UUID!) {{
    lookUpCitizen(by: CASE, value: $id, purpose: OBJECTION, idempotencyKey: $key) {{
    ... on CitizenFile {{ objections {{ subject {{ ... on VolunteerRecord {{ title }} }} }} }} {FAULT} }} }}"""
OWN = "{ me { volunteering { records { id title } } } }"
NODE = "query ($id: ID!) { node(id: $id) { ... on VolunteerRecord { title } } }"


@pytest.fixture(scope="module")
async def city(database: Database, worker: WorkerDatabase) -> AsyncIterator[City]:
    city = await City(database, worker).seeded()
    yield city
    await set_clock(city, timedelta())


async def ask(client: Client, document: str, **values: Any) -> Any:
    return await client.ask(document, key=str(uuid4()), **values)


def today() -> str:
    """The day on which the volunteer served, where the city is."""
    return datetime.now(UTC).astimezone(ZoneInfo("Asia/Shanghai")).date().isoformat()


async def test_records_of_a_volunteer_are_seen_put_right_and_declined(city: City) -> None:
    await served(city, 1)
    number, served_on = await number_of(city, 1), today()
    async with (
        city.client(await city.caller(Role.VOLUNTEER, 1)) as volunteer,
        city.client(await city.caller(Role.VOLUNTEER, 2)) as stranger,
        city.client(await city.caller(Role.ORGANISER, 1)) as organiser,
        city.client(await city.caller(Role.ORGANISER, 3)) as elsewhere,
    ):
        training = {"kind": "TRAINING", "volunteerNumber": number, "title": "急救", "on": served_on}
        wrong = await ask(organiser, ADD, input=training)
        assert (wrong["errorCode"], wrong["inputField"]) == ("INVALID_INPUT", "text")
        training |= {"text": "心肺复苏", "hours": 2.5, "body": "红十字会"}
        added = await ask(organiser, ADD, input=training)
        assert (added["hours"], added["correctedAt"]) == (2.5, None)
        grade = {"kind": "EVALUATION", "volunteerNumber": number, "title": "常设", "on": served_on, "text": "优秀"}
        refusal = await ask(organiser, ADD, input=grade)
        assert (refusal["errorCode"], refusal["inputField"], refusal["ruleSource"]) == ("RULE_REFUSED", "text", "R24")
        corrected = await ask(organiser, CORRECT, id=added["id"], input={**training, "hours": 3.0})
        assert (corrected["id"], corrected["hours"], corrected["correctedAt"] is None) == (added["id"], 3, False)
        assert (await volunteer.ask(MINE))["records"] == [
            {
                "kind": "TRAINING",
                "title": "急救",
                "text": "心肺复苏",
                "hours": 3,
                "body": "红十字会",
                "organisation": "Shore Volunteers (example)",
            }
        ]
        assert await volunteer.ask(NODE, id=added["id"]) == {"title": "急救"}
        assert await organiser.ask(NODE, id=added["id"]) == {"title": "急救"}
        assert await stranger.ask(NODE, id=added["id"]) is None
        assert await elsewhere.ask(NODE, id=added["id"]) is None
        assert (await elsewhere.ask(DESK))["volunteerRecords"]["edges"] == []
        assert (await ask(elsewhere, CORRECT, id=added["id"], input=training))["errorCode"] == "NOT_FOUND"
        assert (await ask(stranger, DECLINE, id=added["id"]))["errorCode"] == "NOT_FOUND"
        assert (await volunteer.ask("{ volunteer { confirmedHours stars } }"))["confirmedHours"] == 2
        edges = (await organiser.ask(DESK))["volunteerRecords"]["edges"]
        assert [edge["node"] for edge in edges] == [{"id": added["id"], "volunteerNumber": number, "title": "急救"}]

        declined = await ask(volunteer, DECLINE, id=added["id"])
        assert (declined["title"], declined["text"], declined["hours"]) == ("", None, None)
        assert (await volunteer.ask(MINE))["records"] == []
        assert (await organiser.ask(DESK))["volunteerRecords"]["edges"] == []
        assert await organiser.ask(NODE, id=added["id"]) is None
        assert (await ask(organiser, ADD, input=training))["errorCode"] == "ALREADY_DECIDED"


async def test_a_member_objects_to_a_record_that_is_wrong_and_to_nobody_elses(city: City) -> None:
    async with (
        city.client(await city.caller(Role.CITIZEN, 7)) as member,
        city.client(await city.caller(Role.CITIZEN, 1)) as stranger,
        city.client(await city.caller(Role.ORGANISER, 1)) as organiser,
    ):
        number = (await ask(member, REGISTER, name="小林"))["volunteerNumber"]
        await attended(city, member, organiser)
        award = {"kind": "AWARD", "volunteerNumber": number, "title": "年度志愿者", "on": today()}
        added = await ask(organiser, ADD, input=award)
        assert (await ask(stranger, OBJECT, id=added["id"]))["errorCode"] == "NOT_FOUND"
        opened = await ask(member, OBJECT, id=added["id"])
        subject = {"id": added["id"], "title": "年度志愿者"}
        assert (opened["target"], opened["subject"]) == ("VOLUNTEER_RECORD", subject)
        assert (await ask(member, OBJECT, id=added["id"]))["errorCode"] == "OVERLAP"
        other = await ask(organiser, ADD, input={**award, "title": "季度志愿者"})
        async with city.client(await city.caller(Role.OFFICER, 1)) as officer:
            file = await ask(officer, LOOK_UP, id=opened["id"])
            assert [one["subject"] for one in file["objections"]] == [{"title": "年度志愿者"}]
            decided = await ask(officer, DECIDE, id=opened["id"], outcome="UPHELD", decision="查无此次表彰。")
            assert decided["status"] == "UPHELD", decided
        # The objection was right, so what the record said is gone; the other one stays.
        assert [one["title"] for one in (await member.ask(OWN))["volunteering"]["records"]] == ["季度志愿者"]
        assert await organiser.ask(NODE, id=added["id"]) is None
        assert await organiser.ask(NODE, id=other["id"]) == {"title": "季度志愿者"}


async def test_silence_of_the_office_decides_for_the_volunteer(city: City) -> None:
    async with (
        city.client(await city.caller(Role.CITIZEN, 7)) as member,
        city.client(await city.caller(Role.ORGANISER, 1)) as organiser,
    ):
        [kept] = (await member.ask(OWN))["volunteering"]["records"]
        opened = await ask(member, OBJECT, id=kept["id"])
        assert opened["subject"]["id"] == kept["id"]
        await set_clock(city, timedelta(days=40))
        await run_days(city.worker, lambda done, total: None)
        assert (await member.ask(OWN))["volunteering"]["records"] == []
        assert await organiser.ask(NODE, id=kept["id"]) is None
        await set_clock(city, timedelta())


async def test_records_come_in_with_hours_of_another_platform_and_go_out_again(city: City) -> None:
    number, first = await number_of(city, 3), await city.caller(Role.ORGANISER, 1)
    day = (datetime.now(UTC) - timedelta(days=3)).astimezone(ZoneInfo("Asia/Shanghai")).date().isoformat()
    training = {"name": "手语入门", "content": "日常用语", "hours": 4.0, "body": "聋人协会", "date": day}
    award = {"name": "优秀志愿者", "body": "街道", "date": day}
    evaluation = {"name": "社区图书整理", "content": "分类细致,主动帮助读者。", "body": "社区", "date": day}
    given = line(number, training=[training], awards=[award], evaluation=evaluation)
    async with exchange_client(city, first) as browser:
        early = await post(browser, line(number, service=None, awards=[award]))
        assert [(one["line"], one["code"]) for one in early["refused"]] == [(1, "NOT_FOUND")]
        assert await post(browser, given) == {"accepted": 1, "duplicates": 0, "refused": []}
        assert await post(browser, {**given, "ref": given["ref"]}) == {"accepted": 0, "duplicates": 1, "refused": []}
        alone = line(number, service=None, awards=[{**award, "name": "年度志愿者"}])
        assert (await post(browser, alone))["accepted"] == 1
        answer = await browser.get(exchange.RECORDS, params={"from": day, "until": day})
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-ndjson")
        groups = [json.loads(text) for text in answer.text.splitlines()]
        assert [(one["service"], one["personal"]) for one in groups] == [(None, {"volunteerNumber": number})] * 4
        assert [one["training"] for one in groups if one["training"]] == [[training]]
        assert [one["awards"][0]["name"] for one in groups if one["awards"]] == ["优秀志愿者", "年度志愿者"]
        assert [one["evaluation"] for one in groups if one["evaluation"]] == [evaluation]
        assert (await browser.get(exchange.RECORDS, params={"until": "2020-01-01"})).text == ""
        # What goes out comes in again as known.
        assert (await post(browser, *groups))["duplicates"] == 4
    async with exchange_client(city, await city.caller(Role.VOLUNTEER, 3)) as volunteer:
        assert (await volunteer.get(exchange.RECORDS)).status_code == 403
    async with city.client(await city.caller(Role.VOLUNTEER, 3)) as volunteer:
        mine = await volunteer.ask(MINE)
    assert {one["title"] for one in mine["records"]} == {"手语入门", "优秀志愿者", "年度志愿者", "社区图书整理"}
