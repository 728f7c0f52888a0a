"""A department at the other end of the wire: its desk over GraphQL, and its machine with a signed assertion."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import text
from starlette.applications import Starlette
from starlette.middleware import Middleware

from api.assertions import ASSERTION_TYPE, LIFETIME_S, registered_key
from api.body_limit import MAX_BODY_BYTES, BodyLimit
from api.machines import MAX_DELIVERY_BYTES, NDJSON, RECORDS_PATH, TOKEN_PATH, Machines, body_limit
from api.timing import CLASS_S
from api.tokens import public_jwk
from domain.actor import ANONYMOUS, Caller, Role
from domain.errors import AlreadyDecided
from domain.people.actions.machines import register_machine
from domain.people.settlement import caller_of
from tests.actions.department import BASE, CIVIL, CULTURE, ISSUER, Departments, city
from tests.api.city import ADDRESS, City

__all__ = ["city"]

KEY = ec.generate_private_key(ec.SECP256R1())
REFUSAL = "... on UserError { errorCode message inputField ruleSource }"
IMPORT = f"""mutation ($records: [RecordInput!]!, $key: UUID!) {{
    importRecords(records: $records, idempotencyKey: $key) {{
        ... on ImportReport {{ run {{ id at accepted duplicates refused }}
        refused {{ index error {{ errorCode inputField message }} }} }} {REFUSAL} }} }}"""
CORRECT = f"""mutation ($ref: String!, $record: RecordInput!, $reason: String!, $key: UUID!) {{
    correctRecord(sourceRef: $ref, record: $record, reason: $reason, idempotencyKey: $key) {{
        ... on SourceRecord {{ sourceRef state }} {REFUSAL} }} }}"""
WITHDRAW = f"""mutation ($ref: String!, $reason: String!, $key: UUID!) {{
    withdrawRecord(sourceRef: $ref, reason: $reason, idempotencyKey: $key) {{
        ... on SourceRecord {{ sourceRef state }} {REFUSAL} }} }}"""
DESK = """query ($first: Int!, $after: String) { source {
    department { name } catalogue { code items { code } }
    imports(first: $first, after: $after) { edges { node { id accepted duplicates refused } }
        pageInfo { hasNextPage endCursor } } } }"""
DECLINE = """mutation ($id: ID!, $key: UUID!) {
    declineRecord(recordId: $id, idempotencyKey: $key) { ... on Declined { at } ... on UserError { message } } }"""
LEAVE = """mutation ($key: UUID!) {
    withdraw(idempotencyKey: $key) { ... on Withdrawal { at } ... on UserError { message } } }"""
RUN = "query ($id: ID!) { node(id: $id) { __typename ... on ImportRun { accepted duplicates refused } } }"


@pytest.fixture(scope="module")
def server(city: Departments) -> City:
    """The GraphQL server over the same database."""
    return City(city.database, city.worker)


# The desk


async def test_a_call_is_taken_refused_line_by_line_and_answered_again(city: Departments, server: City) -> None:
    clerk, person, key = await city.clerk(), await city.person(), str(uuid4())
    records = [city.record(person), city.record(person, item="first-aid-course"), city.record(person, evidence=" ")]
    async with server.client(clerk) as client:
        report = await client.ask(IMPORT, records=records, key=key)
        assert (report["run"]["accepted"], report["run"]["duplicates"], report["run"]["refused"]) == (1, 0, 2)
        assert [(one["index"], one["error"]["errorCode"], one["error"]["inputField"]) for one in report["refused"]] == [
            (1, "NOT_ALLOWED", "item"),
            (2, "INVALID_INPUT", "evidence"),
        ]
        assert await client.ask(IMPORT, records=records, key=key) == report
        again = await client.ask(IMPORT, records=records[:1], key=str(uuid4()))
        assert (again["run"]["accepted"], again["run"]["duplicates"]) == (0, 1)
        conflict = await client.ask(IMPORT, records=records[:1], key=key)
        assert conflict["errorCode"] == "IDEMPOTENCY_CONFLICT"
    assert await city.points(person) == BASE + 1


async def test_a_record_is_corrected_and_withdrawn(city: Departments, server: City) -> None:
    clerk, person = await city.clerk(), await city.person()
    record = city.record(person)
    reference = record["sourceRef"]
    async with server.client(clerk) as client:
        await client.ask(IMPORT, records=[record], key=str(uuid4()))
        right = record | {"item": "overdue-book-returned"}
        corrected = await client.ask(CORRECT, ref=reference, record=right, reason="录入有误", key=str(uuid4()))
        assert corrected == {"sourceRef": reference, "state": "CORRECTED"}
        assert await city.points(person) == BASE + 2
        withdrawn = await client.ask(WITHDRAW, ref=reference, reason="不应报送", key=str(uuid4()))
        assert withdrawn == {"sourceRef": reference, "state": "WITHDRAWN"}
        assert await city.points(person) == BASE
        again = await client.ask(WITHDRAW, ref=reference, reason="不应报送", key=str(uuid4()))
        assert again["errorCode"] == "ALREADY_DECIDED"
        unknown = await client.ask(WITHDRAW, ref=str(uuid4()), reason="不应报送", key=str(uuid4()))
        assert (unknown["errorCode"], unknown["inputField"]) == ("NOT_FOUND", "sourceRef")


async def test_a_stored_score_that_is_out_of_date_is_shown_to_nobody(city: Departments, server: City) -> None:
    clerk, person = await city.clerk(), await city.person()
    async with server.client(clerk) as client:
        await client.ask(IMPORT, records=[city.record(person)], key=str(uuid4()))
    async with city.worker.transaction(ANONYMOUS) as unit:
        stale = text("""
            UPDATE score SET points = 7, as_of = as_of - 9, valid_until = as_of - 1
            FROM citizen AS c JOIN person AS p ON p.id = c.person_id
            WHERE c.id = citizen_id AND p.subject = :subject
            RETURNING c.person_id
        """)
        [number] = (await unit.session.execute(stale, {"subject": person})).scalars()
    citizen = Caller(role=Role.CITIZEN, person_id=number, programme="rongcheng")
    async with server.client(citizen) as client:
        assert (await client.ask("{ me { score { points } } }"))["score"]["points"] == BASE + 1


async def test_the_desk_shows_the_departments_own_catalogue_and_deliveries(city: Departments, server: City) -> None:
    clerk, other, person = await city.clerk(CIVIL), await city.clerk(), await city.person()
    async with server.client(clerk) as client:
        reports = [
            await client.ask(IMPORT, records=[city.record(person, item="first-aid-course")], key=str(uuid4()))
            for _ in range(3)
        ]
        desk = await client.ask(DESK, first=2)
        assert {entry["code"] for entry in desk["catalogue"]} == {"RC-01", "RC-03"}
        shown = [edge["node"]["id"] for edge in desk["imports"]["edges"]]
        assert shown == [report["run"]["id"] for report in reversed(reports[1:])]
        assert desk["imports"]["pageInfo"]["hasNextPage"] is True
        rest = await client.ask(DESK, first=2, after=desk["imports"]["pageInfo"]["endCursor"])
        assert rest["imports"]["edges"][0]["node"]["id"] == reports[0]["run"]["id"]
        node = await client.ask(RUN, id=shown[0])
        assert node == {"__typename": "ImportRun", "accepted": 1, "duplicates": 0, "refused": 0}
    async with server.client(other) as client:
        assert await client.ask(RUN, id=shown[0]) is None
        assert shown[0] not in json.dumps(await client.ask(DESK, first=100))


async def bytes_about(server: City, clerk: Caller, record: dict[str, Any], between: Any) -> list[bytes]:
    """Everything that a department is answered about one person, without ids, instants and the reference."""
    report = "... on ImportReport { run { accepted duplicates refused } refused { index error { errorCode message } } }"
    take = f"""mutation ($records: [RecordInput!]!, $key: UUID!) {{
        importRecords(records: $records, idempotencyKey: $key) {{ {report} {REFUSAL} }} }}"""
    other, ref = record | {"evidence": "另一份"}, record["sourceRef"]
    asked = [
        (take, {"records": [record]}),
        (take, {"records": [record, record | {"quantity": -1}, other]}),
        (CORRECT, {"ref": ref, "record": other, "reason": "录入有误"}),
        (WITHDRAW, {"ref": ref, "reason": "不应报送"}),
    ]
    told = []
    async with server.client(clerk) as client:
        for number, (query, values) in enumerate(asked):
            body = {"query": query, "variables": {**values, "key": str(uuid4())}}
            told.append((await client.http.post("/graphql", json=body)).content.replace(ref.encode(), b"REF"))
            if number == 0:
                await between()
    return told


async def test_r09_every_answer_is_to_the_byte_the_same_whoever_has_joined_declined_or_left(
    city: Departments, server: City
) -> None:
    clerk = await city.clerk()
    people = {kind: await city.person() for kind in ("member", "declined", "left")}
    people |= {"never joined": await city.person(joined=False), "unknown": str(uuid4())}

    async def of(kind: str) -> Any:
        async with city.worker.reading(ANONYMOUS) as unit:
            values = {"issuer": ISSUER, "subject": people[kind], "role": Role.CITIZEN, "programme": "rongcheng"}
            return await caller_of(unit.session, **values)

    async def nothing() -> None:
        return None

    async def decline() -> None:
        async with server.client(await of("declined")) as phone:
            records = await phone.ask("{ me { records { edges { node { id } } } } }")
            [record] = [edge["node"]["id"] for edge in records["records"]["edges"]]
            assert "at" in await phone.ask(DECLINE, id=record, key=str(uuid4()))

    async def leave() -> None:
        async with server.client(await of("left")) as phone:
            assert "at" in await phone.ask(LEAVE, key=str(uuid4()))

    done = {"declined": decline, "left": leave}
    asked = [bytes_about(server, clerk, city.record(one), done.get(kind, nothing)) for kind, one in people.items()]
    answers = dict(zip(people, await asyncio.gather(*asked), strict=True))
    assert [
        word in told
        for word, told in zip(
            (b'"accepted":1', b'"duplicates":1', b"CORRECTED", b"WITHDRAWN"), answers["member"], strict=True
        )
    ] == [True] * 4
    assert answers == dict.fromkeys(people, answers["member"])


async def test_the_time_of_an_answer_tells_nothing(city: Departments, server: City) -> None:
    clerk = await city.clerk()
    async with server.client(clerk) as client:
        for person in (await city.person(), await city.person(joined=False)):
            begun = time.monotonic()
            await client.ask(IMPORT, records=[city.record(person)], key=str(uuid4()))
            assert (time.monotonic() - begun) // CLASS_S >= 1


def test_departments_may_send_more_than_phones(server: City) -> None:
    def limit(path: str, token: str) -> int | None:
        headers = [(b"authorization", f"Bearer {token}".encode())]
        return body_limit(server.keyring, {"type": "http", "path": path, "headers": headers})

    source = server.token(Caller(role=Role.SOURCE, person_id=1, programme="rongcheng", organisation_id=1))
    citizen = server.token(Caller(role=Role.CITIZEN, person_id=1, programme="rongcheng"))
    assert limit("/graphql", citizen) == MAX_BODY_BYTES
    assert limit("/graphql", "nonsense") == MAX_BODY_BYTES
    assert limit("/graphql", source) == 2_000_000
    assert limit("/signin/token", source) == MAX_BODY_BYTES
    assert limit(RECORDS_PATH, "") is None


# The machine


@pytest.fixture
async def machine(city: Departments) -> str:
    """A registered machine of the culture office; gives its name."""
    name = f"library-{uuid4().hex[:8]}"
    async with city.worker.transaction(ANONYMOUS) as unit:
        await register_machine(
            unit.session,
            unit.actor,
            unit.now,
            client_id=name,
            organisation_id=city.sources[CULTURE],
            public_key=public_jwk(KEY.public_key()),
        )
    return name


@pytest.fixture
async def wire(city: Departments, server: City) -> AsyncIterator[httpx.AsyncClient]:
    """The machines' routes, behind the limit of bodies."""
    routes = Machines(city.database, server.keyring, public_url=ADDRESS).routes()
    app = Starlette(routes=routes, middleware=[Middleware(BodyLimit, limit=partial(body_limit, server.keyring))])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ADDRESS) as client:
        yield client


def claims(name: str, **given: Any) -> dict[str, Any]:
    """What an assertion says; None leaves a claim out."""
    now = int(time.time())
    usual = {"iss": name, "sub": name, "aud": ADDRESS + TOKEN_PATH, "iat": now, "exp": now + 60, "jti": str(uuid4())}
    return {key: value for key, value in (usual | given).items() if value is not None}


def assertion(name: str, **given: Any) -> str:
    return jwt.encode(claims(name, **given), KEY, algorithm="ES256")


async def ask_token(wire: httpx.AsyncClient, signed: str, **given: str) -> httpx.Response:
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": signed,
        **given,
    }
    return await wire.post(TOKEN_PATH, data=form)


async def token(wire: httpx.AsyncClient, name: str) -> str:
    answer = await ask_token(wire, assertion(name))
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 900)
    return str(body["access_token"])


async def send(wire: httpx.AsyncClient, bearer: str, content: Any, **headers: str) -> httpx.Response:
    return await wire.post(
        RECORDS_PATH, content=content, headers={"authorization": f"Bearer {bearer}", "content-type": NDJSON, **headers}
    )


async def test_a_machine_delivers_a_stream_and_hears_of_each_refused_line(
    city: Departments, wire: httpx.AsyncClient, machine: str
) -> None:
    person = await city.person()
    records = [city.record(person) for _ in range(2500)]
    lines = [json.dumps(record).encode() for record in records]
    lines[1] = b"\xff"
    lines[2000] = b"x" * 10_000_000
    lines.append(json.dumps(city.record(person, item="first-aid-course")).encode())

    async def stream() -> AsyncIterator[bytes]:
        for line in lines:
            yield line + b"\n"

    answer = await send(wire, await token(wire, machine), stream())
    assert answer.status_code == 200, answer.text
    counts, *refused = [json.loads(line) for line in answer.text.splitlines()]
    assert counts == {"accepted": 2498, "duplicates": 0, "refused": 3}
    assert [(one["line"], one.get("field")) for one in refused] == [(2, None), (2001, None), (2501, "item")]
    assert await city.records(person) == 2498
    again = await send(wire, await token(wire, machine), b"\n".join(lines[2400:2499]))
    assert again.json() == {"accepted": 0, "duplicates": 99, "refused": 0}


async def test_a_machine_is_a_department_at_its_desk(
    city: Departments, server: City, wire: httpx.AsyncClient, machine: str
) -> None:
    person = await city.person()
    headers = {"authorization": f"Bearer {await token(wire, machine)}"}
    async with server.client() as client:
        body = {"query": IMPORT, "variables": {"records": [city.record(person)], "key": str(uuid4())}}
        answer = await client.http.post("/graphql", json=body, headers=headers)
    assert answer.json()["data"]["importRecords"]["run"]["accepted"] == 1


OTHER = ec.generate_private_key(ec.SECP256R1())
UNBELIEVED: dict[str, Any] = {
    "another key": lambda name: jwt.encode(claims(name), OTHER, algorithm="ES256"),
    "no signature": lambda name: jwt.encode(claims(name), "", algorithm="none"),
    "a shared secret": lambda name: jwt.encode(claims(name), "s" * 32, algorithm="HS256"),
    "an unknown machine": lambda name: jwt.encode(claims("nobody"), KEY, algorithm="ES256"),
    "another issuer": lambda name: assertion(name, iss="somebody"),
    "another audience": lambda name: assertion(name, aud="https://elsewhere.test"),
    "several audiences": lambda name: assertion(name, aud=[ADDRESS, "https://elsewhere.test"]),
    "no jti": lambda name: assertion(name, jti=None),
    "a jti of blanks": lambda name: assertion(name, jti=" "),
    "no end": lambda name: assertion(name, exp=None),
    "expired": lambda name: assertion(name, exp=int(time.time()) - 31),
    "too long a life": lambda name: assertion(name, exp=int(time.time()) + LIFETIME_S + 60),
    "not yet": lambda name: assertion(name, nbf=int(time.time()) + 60),
    "from the future": lambda name: assertion(name, iat=int(time.time()) + 60),
    "an end that is no number": lambda name: assertion(name, jti="x").replace(".", ".e30.", 1).rsplit(".", 1)[0],
    "a critical header": lambda name: jwt.encode(claims(name), KEY, algorithm="ES256", headers={"crit": ["b64"]}),
    "garbage": lambda name: "garbage",
    "nothing": lambda name: "",
    "no claims": lambda name: jwt.api_jws.encode(b"[]", KEY, algorithm="ES256"),
    "no JSON": lambda name: jwt.api_jws.encode(b"x", KEY, algorithm="ES256"),
}


@pytest.mark.parametrize("fault", UNBELIEVED)
async def test_an_assertion_that_is_not_exactly_right_gets_no_token(
    wire: httpx.AsyncClient, machine: str, fault: str
) -> None:
    answer = await ask_token(wire, UNBELIEVED[fault](machine))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client"), answer.text


async def test_an_assertion_works_once(wire: httpx.AsyncClient, machine: str) -> None:
    signed = assertion(machine)
    assert (await ask_token(wire, signed)).status_code == 200
    answer = await ask_token(wire, signed)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert (await ask_token(wire, assertion(machine, aud=[ADDRESS]))).status_code == 200


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"client_assertion_type": "other"}, 401, "invalid_client"),
        ({"client_id": "other"}, 401, "invalid_client"),
    ],
)
async def test_a_request_for_a_token_names_grant_assertion_and_machine(
    wire: httpx.AsyncClient, machine: str, change: dict[str, str], status: int, error: str
) -> None:
    answer = await ask_token(wire, assertion(machine), **change)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


@pytest.mark.parametrize(
    "request_",
    [
        {"json": {}},
        {"content": b"\xff=1", "headers": {"content-type": "application/x-www-form-urlencoded"}},
        {"content": b"a=1&a=2", "headers": {"content-type": "application/x-www-form-urlencoded"}},
    ],
)
async def test_a_form_that_cannot_be_read_is_refused(wire: httpx.AsyncClient, request_: dict[str, Any]) -> None:
    answer = await wire.post(TOKEN_PATH, **request_)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_only_departments_deliver(city: Departments, server: City, wire: httpx.AsyncClient, machine: str) -> None:
    citizen = server.token(Caller(role=Role.CITIZEN, person_id=1, programme="rongcheng"))
    foreign = server.token(
        Caller(role=Role.SOURCE, person_id=1, programme="rongcheng", organisation_id=city.sources[CIVIL])
    )
    answers = [await send(wire, bearer, b"{}") for bearer in ("garbage", citizen, foreign)]
    assert [answer.status_code for answer in answers] == [401, 403, 403]
    without = await wire.post(RECORDS_PATH, content=b"{}", headers={"content-type": NDJSON})
    assert (without.status_code, without.headers["www-authenticate"]) == (401, "Bearer")


async def test_a_blocked_machine_delivers_nothing_from_this_moment(
    city: Departments, wire: httpx.AsyncClient, machine: str
) -> None:
    bearer = await token(wire, machine)
    async with city.worker.transaction(ANONYMOUS) as unit:
        block = text("UPDATE staff SET blocked_at = :now WHERE display_name = :name")
        await unit.session.execute(block, {"now": unit.now, "name": machine})
    assert (await send(wire, bearer, b"{}")).status_code == 403


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "application/json"}, 415),
        ({"content-encoding": "gzip"}, 415),
        ({"content-length": str(MAX_DELIVERY_BYTES + 1)}, 413),
        ({"content-length": "9" * 5000}, 413),
    ],
)
async def test_a_delivery_that_cannot_be_taken_is_refused_before_it_is_read(
    wire: httpx.AsyncClient, machine: str, headers: dict[str, str], status: int
) -> None:
    answer = await send(wire, await token(wire, machine), b"{}", **headers)
    assert answer.status_code == status


async def test_a_delivery_without_end_is_cut_off_at_the_limit(
    wire: httpx.AsyncClient, machine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.machines.MAX_DELIVERY_BYTES", 10_000)

    async def stream() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 1000

    answer = await send(wire, await token(wire, machine), stream())
    assert (answer.status_code, answer.json()["error"]) == (413, "too_large")


async def test_a_name_belongs_to_one_organisation_and_its_key_can_be_replaced(
    city: Departments, wire: httpx.AsyncClient, machine: str
) -> None:
    async def register(organisation: str, key: ec.EllipticCurvePrivateKey) -> None:
        async with city.worker.transaction(ANONYMOUS) as unit:
            await register_machine(
                unit.session,
                unit.actor,
                unit.now,
                client_id=machine,
                organisation_id=city.sources[organisation],
                public_key=public_jwk(key.public_key()),
            )

    with pytest.raises(AlreadyDecided):
        await register(CIVIL, OTHER)
    await register(CULTURE, OTHER)
    assert (await ask_token(wire, assertion(machine))).status_code == 401
    assert (await ask_token(wire, jwt.encode(claims(machine), OTHER, algorithm="ES256"))).status_code == 200


@pytest.mark.parametrize(
    "text_of_key",
    [
        "garbage",
        "[]",
        "{}",
        json.dumps({"kty": "oct", "k": "c2VjcmV0"}),
        json.dumps({**public_jwk(KEY.public_key()), "d": "secret"}),
        json.dumps({**public_jwk(KEY.public_key()), "crv": "P-384"}),
    ],
)
def test_only_a_public_p256_key_is_registered(text_of_key: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        registered_key(text_of_key)


def test_a_registered_key_is_kept_in_one_form() -> None:
    kept = public_jwk(KEY.public_key())
    assert registered_key(json.dumps({**kept, "kid": "its own name", "use": "sig"})) == kept
