"""The score over HTTP: the sum of its lines, each with its record and reason, on one page or another."""

from datetime import date
from typing import Any

import pytest

from api.database import Database, WorkerDatabase
from domain.actor import Role
from domain.values import add_months
from seeds.people import CONTESTABLE, EVERYTHING, MINOR, NOT_JOINED
from tests.api.city import City, error_of

SCORE = """{ me { score {
    id points asOf band { code label } ruleSet { version basePoints }
    lines { id points effect reason countsUntil item { code } record {
        id source occurredOn countsFrom expiresOn quantity status item { code } } }
    fields { points field { code } }
    receipt { digest ruleSetVersion asOf computedAt }
} } }"""
RECORDS = """query ($after: String) { me { records(first: 2, after: $after) {
    edges { cursor node { id countsFrom } } pageInfo { hasNextPage endCursor } } } }"""
HISTORY = "{ me { score { history(first: 5) { edges { node { at before after cause } } } } } }"
NODE = "query ($id: ID!) { node(id: $id) { id ... on Score { points } ... on Record { occurredOn } } }"


@pytest.fixture(scope="module")
async def city(database: Database, worker: WorkerDatabase) -> City:
    return await City(database, worker).seeded()


async def asked(city: City, query: str, index: int = EVERYTHING, **variables: Any) -> Any:
    async with city.client(await city.caller(Role.CITIZEN, index)) as phone:
        return await phone.ask(query, **variables)


@pytest.mark.parametrize("index", [EVERYTHING, CONTESTABLE, 8, 9])
async def test_r08_base_lines_and_clamp_are_the_points(city: City, index: int) -> None:
    score = (await asked(city, SCORE, index))["score"]
    assert score["ruleSet"]["basePoints"] + sum(line["points"] for line in score["lines"]) == score["points"]
    assert sum(field["points"] for field in score["fields"]) == sum(
        line["points"] for line in score["lines"] if line["effect"] != "CLAMP"
    )


async def test_a_line_says_which_record_gave_what_and_until_when(city: City) -> None:
    score = (await asked(city, SCORE, CONTESTABLE))["score"]
    [line] = score["lines"]
    assert (line["points"], line["effect"], line["item"]["code"]) == (-50, "COUNTED", "utility-debt-judgment")
    assert line["record"]["item"] == line["item"]
    assert line["record"]["status"] == "ACTIVE"
    assert line["countsUntil"] == line["record"]["expiresOn"]
    assert line["reason"].startswith("Water, power or heating debt found by a final judgment, ")
    assert line["reason"].endswith(": -50 points.")


async def test_equal_inputs_give_equal_ids_and_receipts(city: City) -> None:
    assert await asked(city, SCORE) == await asked(city, SCORE)
    one, other = [(await asked(city, SCORE, index))["score"]["receipt"] for index in (EVERYTHING, CONTESTABLE)]
    assert one["digest"] != other["digest"]


@pytest.mark.parametrize("index", [NOT_JOINED, MINOR])
async def test_who_has_not_joined_or_is_under_18_has_no_score_and_no_records(city: City, index: int) -> None:
    assert await asked(city, SCORE, index) == {"score": None}
    assert (await asked(city, RECORDS, index))["records"]["edges"] == []


async def test_the_pages_of_records_are_the_lines_newest_first(city: City) -> None:
    lines = (await asked(city, SCORE))["score"]["lines"]
    nodes: list[dict[str, str]] = []
    after: str | None = None
    while True:
        page = (await asked(city, RECORDS, after=after))["records"]
        nodes += [edge["node"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert {node["id"] for node in nodes} == {line["record"]["id"] for line in lines if line["record"]}
    assert len(nodes) == len({node["id"] for node in nodes})
    assert [node["countsFrom"] for node in nodes] == sorted((node["countsFrom"] for node in nodes), reverse=True)


async def test_every_change_of_points_has_a_cause_in_words(city: City) -> None:
    edges = (await asked(city, HISTORY))["score"]["history"]["edges"]
    points = (await asked(city, SCORE))["score"]["points"]
    assert edges[0]["node"]["after"] == points
    assert edges[0]["node"]["cause"].startswith("New records: ")


async def test_score_and_record_are_found_by_their_ids_and_only_by_their_citizen(city: City) -> None:
    score = (await asked(city, SCORE))["score"]
    record = score["lines"][0]["record"]
    assert await asked(city, NODE, id=score["id"]) == {"id": score["id"], "points": score["points"]}
    assert await asked(city, NODE, id=record["id"]) == {"id": record["id"], "occurredOn": record["occurredOn"]}
    for own in (score["id"], record["id"]):
        assert await asked(city, NODE, CONTESTABLE, id=own) is None


FORECAST = """query ($until: Date!) { me { score { points lines { points countsUntil effect }
    forecast(until: $until) { on points because gains { code } losses { code } } } } }"""


async def test_a_forecast_names_each_day_the_points_after_it_and_why(city: City) -> None:
    today = date.fromisoformat((await asked(city, SCORE))["score"]["asOf"])
    score = (await asked(city, FORECAST, until=str(add_months(today, 60))))["score"]
    days = [day["on"] for day in score["forecast"]]
    assert days == sorted({line["countsUntil"] for line in score["lines"] if line["countsUntil"]})
    assert days[0] > str(today)
    assert all(day["because"].startswith("Comes to its end: ") for day in score["forecast"])
    assert all(not day["gains"] for day in score["forecast"])
    assert any(day["losses"] for day in score["forecast"])


async def test_what_a_demerit_closes_opens_again_when_it_leaves(city: City) -> None:
    today = date.fromisoformat((await asked(city, SCORE))["score"]["asOf"])
    score = (await asked(city, FORECAST, CONTESTABLE, until=str(add_months(today, 60))))["score"]
    [line], [day] = score["lines"], score["forecast"]
    assert (day["on"], day["points"]) == (line["countsUntil"], score["points"] - line["points"])
    assert day["because"].startswith("Comes to its end: Water, power or heating debt found by a final judgment of ")


async def test_a_forecast_needs_a_day_to_come_within_five_years(city: City) -> None:
    today = date.fromisoformat((await asked(city, SCORE))["score"]["asOf"])
    async with city.client(await city.caller(Role.CITIZEN, EVERYTHING)) as phone:
        for wrong in (today, add_months(today, 61)):
            path, code = error_of(await phone.answer(FORECAST, until=str(wrong)))
            assert (path[-1], code) == ("forecast", "INVALID_INPUT")
