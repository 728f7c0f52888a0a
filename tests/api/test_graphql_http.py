"""GraphQL over HTTP: what a well-formed request gets, and that hostile ones get one sentence and never a fault."""

import json
from typing import Any

import pytest
from graphql import get_introspection_query

from api.database import Database, WorkerDatabase
from api.graphql.endpoint import GraphQLEndpoint, accepted, language
from api.graphql.schema import build
from api.tokens import Keyring, generate_signing_key, mint_access_token
from domain.actor import Role
from tests.api.city import City, error_of

GRAPHQL = "application/graphql-response+json; charset=utf-8"
JSON = "application/json; charset=utf-8"


@pytest.fixture(scope="module")
async def city(database: Database, worker: WorkerDatabase) -> City:
    return await City(database, worker).seeded()


async def post(city: City, body: bytes | dict[str, Any], **headers: str) -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with city.client(**{"content-type": "application/json", **headers}) as nobody:
        return await nobody.http.post("/graphql", content=content)


async def test_a_query_is_answered_in_the_form_the_client_accepts(city: City) -> None:
    for accept, media_type in (
        ("application/graphql-response+json", GRAPHQL),
        ("application/json", JSON),
        ("*/*", GRAPHQL),
        ("application/*;q=0.5, application/json", JSON),
        ("text/html, application/graphql-response+json;q=0.2", GRAPHQL),
    ):
        response = await post(city, {"query": '{ programme(code: "rongcheng") { code } }'}, accept=accept)
        assert (response.status_code, response.headers["content-type"]) == (200, media_type)
        assert response.json() == {"data": {"programme": {"code": "rongcheng"}}}
        assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("header", "chosen"),
    [
        (None, "application/graphql-response+json"),
        ("application/json;q=0.4, application/graphql-response+json;q=0.3", "application/json"),
        ("application/json;q=0, */*", "application/graphql-response+json"),
        ("application/json;q=high, */*;q=0.1", "application/graphql-response+json"),
    ],
)
def test_the_accepted_type_is_weighed(header: str | None, chosen: str) -> None:
    assert accepted(header) == chosen


@pytest.mark.parametrize(
    ("header", "spoken"),
    [
        (None, "zh"),
        ("en-GB,en;q=0.9", "en"),
        ("fr, de;q=0.5", "zh"),
        ("en;q=0.2, zh-CN;q=0.8", "zh"),
        ("zh;q=0.1, en;q=0.8", "en"),
    ],
)
def test_the_language_is_the_clients_preference_and_chinese_otherwise(header: str | None, spoken: str) -> None:
    assert language(header) == spoken


async def test_texts_come_in_the_language_asked_for(city: City) -> None:
    query = {"query": '{ programme(code: "rongcheng") { name } }'}
    assert (await post(city, query, **{"accept-language": "en"})).json()["data"]["programme"]["name"] != (
        (await post(city, query, **{"accept-language": "zh-CN"})).json()["data"]["programme"]["name"]
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"1",
        b'"query"',
        b"true",
        b"[]",
        b'[{"query": "{ programmes { code } }"}]',
        b"{",
        b'{"query": NaN}',
        b'{"query": "{ programmes { code } }", "variables": {"n": Infinity}}',
        b"\xff\xfe",
        '{"query": "{ programmes { code } }"}'.encode("utf-16"),
        b"[" * 20_000,
        b'{"a":' * 20_000,
        b'{"query": ' + b"9" * 5_000 + b"}",
        b'{"query": null}',
        b'{"query": ""}',
        b'{"query": 1}',
        b"{}",
        b'{"query": "{ programmes { code } }", "variables": []}',
        b'{"query": "{ programmes { code } }", "variables": "x"}',
        b'{"query": "{ programmes { code } }", "extensions": 1}',
        b'{"query": "{ programmes { code } }", "operationName": 1}',
        b'{"query": "{ programmes { code } }", "operationName": "\\ud800"}',
        b'{"query": "query ($c: String!) { programme(code: $c) { code } }", "variables": {"c": "\\u0000"}}',
        b'{"query": "query ($c: String!) { programme(code: $c) { code } }", "variables": {"\\ud800": 1}}',
        b'{"query": "{ programmes { code "}',
        b'{"query": "\\u0007"}',
        b'{"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "00"}}}',
    ],
)
async def test_a_body_that_is_no_request_is_refused_with_one_sentence(city: City, body: bytes) -> None:
    for accept in ("application/json", "application/graphql-response+json"):
        response = await post(city, body, accept=accept)
        assert response.status_code == 400
        (error,) = response.json()["errors"]
        assert response.json().keys() == {"errors"}
        assert error["message"]


@pytest.mark.parametrize(
    "content_type",
    [
        "application/jsonp",
        "text/plain",
        "application/graphql",
        "multipart/form-data",
        "application/json; charset=latin-1",
        "",
    ],
)
async def test_only_json_in_utf_8_is_read(city: City, content_type: str) -> None:
    response = await post(city, {"query": "{ programmes { code } }"}, **{"content-type": content_type})
    assert response.status_code == 415


async def test_other_methods_and_types_are_refused_plainly(city: City) -> None:
    async with city.client() as nobody:
        for method in ("GET", "PUT", "DELETE", "PATCH"):
            response = await nobody.http.request(method, "/graphql?query={programmes{code}}")
            assert (response.status_code, response.headers["allow"]) == (405, "POST")
        assert (await nobody.http.post("/graphql", headers={"accept": "text/html"}, json={})).status_code == 406


@pytest.mark.parametrize(
    "query",
    [
        "{ nothing }",
        "{ programmes { nothing } }",
        "query ($x: Int!) { programmes { code } }",
        "query A { programmes { code } } query B { programmes { code } }",
        "fragment F on Programme { code }",
        "{ programmes { ...F } } fragment F on Programme { ...G } fragment G on Programme { ...F }",
        "mutation { nothing }",
        "subscription { nothing }",
        "{ a: __schema { queryType { name } } b: __schema { queryType { name } } c: __schema { queryType { name } } }",
        "query " + " query ".join(f"Q{n} {{ programmes {{ code }} }}" for n in range(11)),
        "{ programmes { " + " ".join(f"a{n}: code" for n in range(100)) + " } }",
        "{ programmes { " + "code " * 990 + " } }",
        "{ programmes { products { " + "current { " * 20 + "id" + "}" * 20 + " } } }",
        "{ programmes { " + "products { provider { " * 6 + "id" + "} }" * 6 + " } }",
        "{ programmes { products { current } } }",
        "{ " + "a {" * 400 + " b " + "}" * 400 + " }",
    ],
)
async def test_a_document_that_cannot_run_gets_422_and_no_data(city: City, query: str) -> None:
    response = await post(city, {"query": query})
    assert response.status_code in (400, 422), response.text
    assert response.json().keys() == {"errors"}
    assert "Did you mean" not in response.text
    plain = await post(city, {"query": query}, accept="application/json")
    assert plain.status_code in (200, 400)
    assert plain.json() == response.json()


async def test_fragments_that_double_themselves_are_measured_in_no_time(city: City) -> None:
    levels = 40
    fragments = " ".join(
        f"fragment F{n} on Product {{ a: current {{ ...F{n + 1} }} b: current {{ ...F{n + 1} }} }}"
        for n in range(levels)
    )
    query = f"{{ programmes {{ products {{ ...F0 }} }} }} {fragments} fragment F{levels} on Product {{ id }}"
    response = await post(city, {"query": query})
    assert (response.status_code, "limited to" in response.text) == (422, True)


async def test_the_usual_introspection_is_served(city: City) -> None:
    response = await post(city, {"query": get_introspection_query()})
    assert response.status_code == 200
    assert "errors" not in response.json()


async def test_a_named_operation_among_several_runs(city: City) -> None:
    query = "query A { programmes { code } } query B($c: String!) { programme(code: $c) { code } }"
    body = {"query": query, "operationName": "B", "variables": {"c": "rongcheng"}}
    assert (await post(city, body)).json() == {"data": {"programme": {"code": "rongcheng"}}}
    assert (await post(city, {**body, "operationName": "C"})).status_code == 422


async def test_a_token_that_is_not_believed_is_401_and_never_anonymous(city: City) -> None:
    foreign = Keyring(issuer="http://elsewhere", signing_key=generate_signing_key())
    stranger = mint_access_token(foreign, await city.caller(Role.CITIZEN), now=0)
    for header in ("Basic eA==", "Bearer", "Bearer x", f"Bearer {stranger}"):
        response = await post(city, {"query": "{ programmes { code } }"}, authorization=header)
        assert response.status_code == 401
        assert response.headers["www-authenticate"].startswith("Bearer")
        assert response.json()["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED"}


async def test_a_lost_database_is_503_with_a_code_and_memory_still_answers(city: City) -> None:
    nowhere = Database("postgresql+asyncpg://app@127.0.0.1:1/benefits", city.database.vault)
    lost = City(nowhere, city.worker)
    lost.keyring = city.keyring
    assert GraphQLEndpoint(build(), nowhere, city.keyring) is not None
    response = await post(lost, {"query": "{ programmes { code } }"})
    (error,) = response.json()["errors"]
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    assert error["extensions"]["code"] == "UNAVAILABLE"
    assert error["extensions"]["retryable"] is True
    assert (await post(lost, {"query": "{ __typename }"})).json() == {"data": {"__typename": "Query"}}
    await nowhere.dispose()


async def test_page_sizes_and_cursors_out_of_range_are_named(city: City) -> None:
    async with city.client(await city.caller(Role.CITIZEN)) as phone:
        for arguments in ("first: 0", "first: 101", "first: -1", "first: null", 'after: "x"'):
            answer = await phone.answer(f"{{ me {{ accessLog({arguments}) {{ edges {{ cursor }} }} }} }}")
            assert error_of(answer) == (["me", "accessLog"], "INVALID_INPUT")
        elsewhere = await phone.ask('{ merchants(programme: "rongcheng", first: 1) { pageInfo { endCursor } } }')
        cursor = elsewhere["pageInfo"]["endCursor"]
        answer = await phone.answer(f'{{ me {{ accessLog(after: "{cursor}") {{ edges {{ cursor }} }} }} }}')
        assert error_of(answer) == (["me", "accessLog"], "INVALID_INPUT")


async def test_a_refusal_blanks_its_own_field_and_no_other(city: City) -> None:
    response = await post(city, {"query": '{ me { id } programme(code: "rongcheng") { code } }'})
    assert response.status_code == 200
    assert response.json()["data"] == {"me": None, "programme": {"code": "rongcheng"}}
    assert error_of(response.json()) == (["me"], "NOT_ALLOWED")


async def test_pages_of_shops_follow_each_other_without_gap_or_overlap(city: City) -> None:
    query = """query ($after: String, $near: GeoInput) {
      merchants(programme: "rongcheng", first: 2, after: $after, near: $near) {
        edges { node { id name products { code } } } pageInfo { hasNextPage hasPreviousPage endCursor }
      }
    }"""
    async with city.client() as nobody:
        everything = await nobody.ask(query.replace("first: 2", "first: 100"))
        for near in (None, {"lat": 37.16, "lon": 122.49, "withinMetres": None}):
            seen, after = [], None
            while True:
                page = await nobody.ask(query, after=after, near=near)
                seen += [edge["node"]["id"] for edge in page["edges"]]
                assert page["pageInfo"]["hasPreviousPage"] == (after is not None)
                after = page["pageInfo"]["endCursor"]
                if not page["pageInfo"]["hasNextPage"]:
                    break
            assert sorted(seen) == sorted(edge["node"]["id"] for edge in everything["edges"])
        assert all(edge["node"]["products"] for edge in everything["edges"])
