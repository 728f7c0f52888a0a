"""One statement for each root field, whatever is asked below it and however it is spelled."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import text

from api.database import Database, WorkerDatabase
from api.graphql.schema import build
from api.graphql.view import Section, Subject, View, compose
from domain.actor import ANONYMOUS, Role
from domain.values import Fragment
from tests.api.city import City, statements

SUBJECT = Subject(
    citizen=1,
    person=2,
    volunteer=None,
    programme=3,
    rule_set=4,
    today=date(2026, 1, 1),
    now=datetime(2026, 1, 1, tzinfo=UTC),
)


@pytest.fixture(scope="module")
async def city(database: Database, worker: WorkerDatabase) -> City:
    return await City(database, worker).seeded()


async def add_access_events(city: City, person_id: int, count: int) -> None:
    async with city.worker.transaction(ANONYMOUS) as unit:
        await unit.session.execute(
            text("""
                INSERT INTO access_event (person_id, programme_id, at, actor, role, purpose, what)
                SELECT :person, p.id, CAST(:now AS timestamptz) + n * interval '1 second',
                    '{"zh": "王", "en": "Wang"}', 'officer', 'OBJECTION',
                    json_build_object('zh', n::text, 'en', n::text)
                FROM programme AS p, generate_series(1, CAST(:count AS integer)) AS n
                WHERE p.code = :code
            """),
            {"person": person_id, "now": unit.now, "count": count, "code": city.code},
        )


async def test_the_number_of_statements_does_not_grow_with_the_page(city: City) -> None:
    caller = await city.caller(Role.CITIZEN, 7)
    await add_access_events(city, caller.person_id or 0, 40)
    counts = {}
    async with city.client(caller) as phone:
        await phone.ask("{ me { id } }")
        for first in (1, 40):
            with statements(city.database) as seen:
                me = await phone.ask(
                    "query ($n: Int) { me { accessLog(first: $n) { edges { node { id } } } consents { id } } }", n=first
                )
            assert len(me["accessLog"]["edges"]) == first
            counts[first] = len(seen)
    assert counts == {1: 1, 40: 1}


async def test_pages_of_a_log_follow_each_other_newest_first(city: City) -> None:
    caller = await city.caller(Role.CITIZEN, 8)
    await add_access_events(city, caller.person_id or 0, 5)
    query = """query ($after: String) { me { accessLog(first: 2, after: $after) {
        edges { cursor node { what } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }"""
    seen, after = [], None
    async with city.client(caller) as phone:
        for has_next in (True, True, False):
            page = (await phone.ask(query, after=after))["accessLog"]
            seen += [edge["node"]["what"] for edge in page["edges"]]
            assert page["pageInfo"]["hasNextPage"] == has_next
            assert page["pageInfo"]["hasPreviousPage"] == (after is not None)
            assert page["pageInfo"]["startCursor"] == page["edges"][0]["cursor"]
            after = page["pageInfo"]["endCursor"]
    assert seen == ["5", "4", "3", "2", "1"]


async def test_aliases_literals_variables_fragments_and_conditions_are_told_apart(city: City) -> None:
    caller = await city.caller(Role.CITIZEN, 9)
    await add_access_events(city, caller.person_id or 0, 4)
    query = """
      query ($n: Int = 2, $yes: Boolean!, $no: Boolean!) {
        one: me { log: accessLog(first: 1) { ...Lines } }
        me {
          ...All @include(if: $yes)
          memberships @include(if: $no) { joinedOn }
          consents @skip(if: $yes) { id }
          ... on Citizen { three: accessLog(first: 3) { ...Lines } }
          ... @include(if: $no) { four: accessLog(first: 4) { ...Lines } }
        }
      }
      fragment All on Citizen { accessLog(first: $n) { ...Lines } accessLog(first: $n) { pageInfo { hasNextPage } } }
      fragment Lines on AccessConnection { edges { node { what } } }
    """
    async with city.client(caller) as phone:
        with statements(city.database) as seen:
            answer = await phone.answer(query, yes=True, no=False)
    assert "errors" not in answer
    shown = {name: lines(log) for name, log in answer["data"]["me"].items()}
    assert shown == {"accessLog": ["4", "3"], "three": ["4", "3", "2"]}
    assert answer["data"]["me"]["accessLog"]["pageInfo"] == {"hasNextPage": True}
    assert lines(answer["data"]["one"]["log"]) == ["4"]
    assert len(seen) == 2


def lines(log: dict[str, Any]) -> list[str]:
    return [edge["node"]["what"] for edge in log["edges"]]


async def test_a_citizen_reads_their_own_node_and_nobody_elses(city: City) -> None:
    own, other = await city.caller(Role.CITIZEN, 1), await city.caller(Role.CITIZEN, 2)
    query = "query ($id: ID!) { node(id: $id) { __typename id ... on Consent { purpose } } }"
    async with city.client(own) as phone, city.client(other) as stranger, city.client() as nobody:
        me = await phone.ask("{ me { id consents { id purpose } } }")
        for identifier, kind in ((me["id"], "Citizen"), (me["consents"][0]["id"], "Consent")):
            found = await phone.ask(query, id=identifier)
            assert (found["__typename"], found["id"]) == (kind, identifier)
            assert await stranger.ask(query, id=identifier) is None
            assert await nobody.ask(query, id=identifier) is None
        programme = await nobody.ask('{ programme(code: "rongcheng") { id ruleSet { id } products { id } } }')
        for identifier in (programme["id"], programme["ruleSet"]["id"], programme["products"][0]["id"]):
            assert (await nobody.ask(query, id=identifier))["id"] == identifier


def test_common_table_expressions_of_one_name_stand_once() -> None:
    lines_cte = {"lines": "SELECT 1 AS points"}
    fragments = [
        Fragment(sql="SELECT json_agg(points) FROM lines WHERE :q0_n > 0", binds={"q0_n": 1}, ctes=lines_cte),
        Fragment(sql="SELECT :person", ctes=lines_cte),
    ]
    statement, values = compose(fragments, SUBJECT)
    assert str(statement).count("lines AS (") == 1
    assert values == {"q0_n": 1, "person": 2}


def test_a_section_for_a_field_that_does_not_exist_is_a_mistake() -> None:
    section: Section[None] = Section(
        "Citizen", "rank", build=lambda asked: Fragment(sql="SELECT 1"), read=lambda value, asked: None
    )
    with pytest.raises(ValueError, match=r"Citizen\.rank"):
        View(build().schema, [section])
