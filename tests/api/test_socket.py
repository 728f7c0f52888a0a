"""graphql-transport-ws and graphql-sse to the letter: what closes a socket, with which code, and what never does."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute
from starlette.types import Message
from wire import events, socket

from api.database import Database, WorkerDatabase
from api.embedded import Urls
from api.feed import MAX_PER_PERSON, MAX_WAITING, Closing, Feed, Signal, TooSlow
from api.graphql import access, ids
from api.graphql.endpoint import GraphQLEndpoint
from api.graphql.schema import build
from api.graphql.socket import MAX_OPERATIONS, PROTOCOL, Patience, SocketEndpoint
from api.tokens import LEEWAY_S, LIFETIME_S, mint_access_token
from domain import outbox
from domain.actor import ANONYMOUS, Caller, Role
from tests.api.city import City

TAKEN = "subscription { redemptionChanged { id } }"
SCORED = "subscription { scoreChanged { points } }"
POINTS = "{ me { score { points } } }"


@dataclass(frozen=True, kw_only=True)
class Served:
    """A server in this process, with little patience, over the test's database."""

    address: str
    city: City
    feed: Feed

    async def token(self, role: Role = Role.CITIZEN, index: int = 1, *, seconds_left: float | None = None) -> str:
        """A token of one of the invented people; with so long left to live."""
        caller = await self.city.caller(role, index)
        if seconds_left is None:
            return self.city.token(caller)
        minted_at = time.time() - LIFETIME_S - LEEWAY_S + seconds_left
        return mint_access_token(self.city.keyring, caller, now=minted_at)

    async def tell(self, caller: Caller, topic: str, subject: int | None, times: int = 1) -> None:
        """A change is committed and sent on."""
        async with self.city.worker.transaction(ANONYMOUS) as unit:
            for number in range(times):
                about = number if subject is None else subject
                await outbox.publish(
                    unit.session, unit.now, topic=topic, person_id=caller.person_id, subject=str(about)
                )
            await outbox.relay(unit.session, unit.now)

    async def has(self, subscriptions: int) -> None:
        """Waits until there are so many subscriptions in the process."""
        await eventually(lambda: self.feed.open_subscriptions == subscriptions)


async def eventually(question: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not question():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)


@pytest.fixture(scope="module")
async def served(database: Database, worker: WorkerDatabase, urls: Urls) -> AsyncIterator[Served]:
    city = await City(database, worker).seeded()
    feed = Feed(urls.app)
    endpoint = GraphQLEndpoint(build(), database, city.keyring, feed)
    sockets = SocketEndpoint(endpoint.operations, Patience(init_s=0.3, send_s=0.3))
    app = Starlette(routes=[Route("/graphql", endpoint), WebSocketRoute("/graphql", sockets)])
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off", ws_max_size=65_536))
    listening = asyncio.create_task(feed.listen())
    serving = asyncio.create_task(server.serve())
    await eventually(lambda: server.started and feed.is_listening)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield Served(address=f"http://127.0.0.1:{port}", city=city, feed=feed)
    feed.close()
    server.should_exit = True
    await asyncio.gather(listening, serving)


@pytest.mark.parametrize("protocol", ["graphql-ws", None])
async def test_no_older_protocol_is_spoken(served: Served, protocol: str | None) -> None:
    async with socket(served.address, protocol) as client:
        assert await client.closed() == (4406, f"Only {PROTOCOL} is spoken here")


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("42", 4400),
        ("null", 4400),
        ("[]", 4400),
        ('"text"', 4400),
        ("{", 4400),
        ("", 4400),
        ("NaN", 4400),
        ("[" * 30_000, 4400),
        ('{"a":' * 10_000, 4400),
        ("x" * 70_000, 1009),
        (b"{}", 4400),
        ("{}", 4400),
        ('{"type": "start"}', 4400),
        ('{"type": "complete"}', 4400),
        ('{"type": "subscribe", "id": 1}', 4400),
        ('{"type": "subscribe", "id": "1"}', 4401),
        ('{"type": "connection_init", "payload": 1}', 4400),
        ('{"type": "connection_init", "payload": {"Authorization": 1}}', 4400),
        ('{"type": "connection_init", "payload": {"Authorization": "Basic x"}}', 4403),
        ('{"type": "connection_init", "payload": {"Authorization": "Bearer x"}}', 4403),
    ],
)
async def test_what_cannot_be_understood_closes_the_socket_with_a_code(
    served: Served, said: str | bytes, code: int
) -> None:
    async with socket(served.address) as client:
        await client.connection.send(said)
        assert (await client.closed())[0] == code


async def test_who_says_nothing_is_not_waited_for(served: Served) -> None:
    async with socket(served.address) as client:
        assert await client.closed() == (4408, "Connection initialisation timeout")


async def test_a_second_initialisation_is_one_too_many(served: Served) -> None:
    async with socket(served.address) as client:
        await client.greet()
        await client.say(type="connection_init")
        assert (await client.closed())[0] == 4429


async def test_an_id_in_use_is_not_given_twice(served: Served) -> None:
    async with socket(served.address) as client:
        await client.greet(await served.token())
        await client.subscribe("1", TAKEN)
        await client.subscribe("1", TAKEN)
        assert await client.closed() == (4409, "Subscriber for 1 already exists")
    await served.has(0)


async def test_a_ping_is_answered_and_a_pong_is_not(served: Served) -> None:
    async with socket(served.address) as client:
        await client.greet()
        await client.say(type="pong")
        await client.say(type="ping")
        assert await client.hear() == {"type": "pong"}


async def test_queries_are_answered_once_and_completed(served: Served) -> None:
    async with socket(served.address) as client:
        await client.greet(await served.token())
        await client.subscribe("1", POINTS)
        answer = await client.hear()
        assert (answer["type"], answer["id"]) == ("next", "1")
        assert answer["payload"]["data"]["me"]["score"]["points"] > 0
        assert await client.hear() == {"type": "complete", "id": "1"}


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ({"query": "{"}, "Syntax Error: Expected Name, found <EOF>."),
        ({"query": "{ nobody }"}, "Cannot query field 'nobody' on type 'Query'."),
        ({"query": "subscription { redemptionChanged { score } }"}, None),
        ({"query": "subscription { redemptionChanged { id } scoreChanged { points } }"}, None),
        ({"query": 1}, "`query` must be the text of a document."),
        ({"query": TAKEN, "variables": []}, "`variables` and `extensions` must be objects."),
    ],
)
async def test_a_faulty_document_is_an_error_and_the_socket_lives_on(
    served: Served, payload: dict[str, Any], message: str | None
) -> None:
    async with socket(served.address) as client:
        await client.greet(await served.token())
        await client.say(type="subscribe", id="1", payload=payload)
        answer = await client.hear()
        assert (answer["type"], answer["id"]) == ("error", "1")
        assert message in (None, answer["payload"][0]["message"])
        await client.subscribe("1", POINTS)
        assert (await client.hear())["type"] == "next"


@pytest.mark.parametrize("role", [None, Role.CASHIER, Role.OFFICER, Role.VOLUNTEER])
async def test_nobody_follows_a_code_but_citizens(served: Served, role: Role | None) -> None:
    token = None if role is None else await served.token(role)
    async with socket(served.address) as client:
        await client.greet(token)
        await client.subscribe("1", 'subscription { presentationChanged(id: "x") { status } }')
        answer = await client.hear()
        assert answer["payload"]["errors"][0]["extensions"]["code"] == "NOT_ALLOWED"
        assert await client.hear() == {"type": "complete", "id": "1"}


def test_somebody_has_decided_on_every_subscription() -> None:
    kind = build().schema.subscription_type
    assert kind is not None
    assert set(kind.fields) == set(access.SUBSCRIPTIONS)


async def test_a_code_that_is_nobodys_and_one_of_another_answer_alike(served: Served) -> None:
    vault = served.city.database.vault
    answers = []
    async with socket(served.address) as client:
        await client.greet(await served.token())
        for code in ("forged", ids.seal(vault, "presentation", 2**40), ids.seal(vault, "redemption", 1)):
            await client.subscribe("1", "subscription ($id: ID!) { presentationChanged(id: $id) { status } }", id=code)
            answers.append(await client.hear())
    assert answers[0] == answers[1] == answers[2]
    assert answers[0]["payload"][0]["extensions"]["code"] == "NOT_FOUND"


async def test_a_change_reaches_its_person_and_nobody_else(served: Served) -> None:
    mine, other = await served.city.caller(Role.CITIZEN, 1), await served.city.caller(Role.CITIZEN, 2)
    async with served.city.database.reading(mine) as unit:
        citizen_id = unit.actor.citizen_id
    async with socket(served.address) as client, socket(served.address) as stranger:
        for each, caller in ((client, mine), (stranger, other)):
            await each.greet(served.city.token(caller))
            await each.subscribe("1", SCORED)
        await served.has(2)
        await served.tell(mine, "scoreChanged", citizen_id)
        assert (await client.hear())["payload"]["data"]["scoreChanged"]["points"] > 0
        await served.tell(mine, "scoreChanged", 2**30)
        await client.silence()
        await stranger.silence()
    await served.has(0)


async def test_an_ended_subscription_waits_for_nothing_more(served: Served) -> None:
    async with socket(served.address) as client:
        await client.greet(await served.token())
        await client.subscribe("1", TAKEN)
        await served.has(1)
        await client.say(type="complete", id="1")
        await served.has(0)
        await client.say(type="complete", id="1")
        await client.subscribe("1", POINTS)
        assert (await client.hear())["type"] == "next"


async def test_a_socket_is_closed_when_its_token_runs_out(served: Served) -> None:
    async with socket(served.address) as client:
        await client.greet(await served.token(seconds_left=1.2))
        await client.subscribe("1", TAKEN)
        await served.has(1)
        code, reason = await client.closed()
        assert (code, reason) == (4403, "The access token has expired. Refresh it and subscribe again.")
    await served.has(0)


async def test_a_stream_of_events_ends_when_its_token_has_run_out(served: Served) -> None:
    caller = await served.city.caller(Role.CITIZEN)
    async with served.city.database.reading(caller) as unit:
        citizen_id = unit.actor.citizen_id
    token = await served.token(seconds_left=1.2)
    async with events(served.address, token, SCORED) as stream:
        await served.has(1)
        await asyncio.sleep(1.3)
        await served.tell(caller, "scoreChanged", citizen_id)
        name, answer = await stream.hear()
        assert (name, answer["errors"][0]["extensions"]["code"]) == ("next", "UNAUTHENTICATED")
        assert await stream.hear() == ("complete", None)


async def test_one_socket_runs_so_many_operations_and_no_more(served: Served) -> None:
    async with socket(served.address) as client:
        await client.greet(await served.token())
        for number in range(MAX_OPERATIONS + 1):
            await client.subscribe(str(number), TAKEN)
        assert await client.closed() == (1013, f"At most {MAX_OPERATIONS} operations run at once")
    await served.has(0)


async def test_one_person_has_so_many_subscriptions_and_no_more(served: Served) -> None:
    token = await served.token()
    async with socket(served.address) as first, socket(served.address) as second:
        await first.greet(token)
        for number in range(MAX_PER_PERSON):
            await first.subscribe(str(number), TAKEN)
        await served.has(MAX_PER_PERSON)
        await second.greet(token)
        await second.subscribe("1", TAKEN)
        answer = await second.hear()
        assert (answer["type"], answer["payload"][0]["extensions"]["code"]) == ("error", "RATE_LIMITED")
    await served.has(0)


async def test_a_client_that_leaves_without_a_word_leaves_nothing_behind(served: Served) -> None:
    async with events(served.address, await served.token(), TAKEN):
        await served.has(1)
    await served.has(0)
    async with socket(served.address) as client:
        await client.greet(await served.token())
        await client.subscribe("1", TAKEN)
        await served.has(1)
        client.connection.transport.abort()
        await served.has(0)


async def test_a_client_that_takes_nothing_is_closed(served: Served) -> None:
    """Spoken straight to the application: a real network would hide a slow reader behind its buffers."""
    caller = await served.city.caller(Role.CITIZEN)
    endpoint = GraphQLEndpoint(build(), served.city.database, served.city.keyring, served.feed)
    sockets = SocketEndpoint(endpoint.operations, Patience(send_s=0.1))
    inbox: asyncio.Queue[Message] = asyncio.Queue()
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)
        if '"next"' in str(message.get("text")):
            await asyncio.Event().wait()

    greeting = {"type": "connection_init", "payload": {"authorization": f"Bearer {served.city.token(caller)}"}}
    asked = {"type": "subscribe", "id": "1", "payload": {"query": POINTS}}
    inbox.put_nowait({"type": "websocket.connect"})
    for said in (greeting, asked):
        inbox.put_nowait({"type": "websocket.receive", "text": json.dumps(said)})
    scope = {"type": "websocket", "subprotocols": [PROTOCOL], "headers": [], "path": "/graphql"}
    await asyncio.wait_for(sockets(scope, inbox.get, send), 2)
    assert sent[-1]["type"] == "websocket.close"
    assert sent[-1]["code"] == 1013


async def test_more_changes_than_a_client_takes_close_its_socket(served: Served) -> None:
    signal = Signal("redemption", None)
    for number in range(MAX_WAITING):
        signal.put(str(number))
        signal.put("0")
    assert await signal.next() == "0"
    signal.put("one more")
    assert await signal.next() == "1"
    signal.put("another")
    signal.put("and another")
    with pytest.raises(TooSlow):
        await signal.next()


async def test_a_signal_tells_of_each_object_once_and_then_to_look_again() -> None:
    signal = Signal("redemption", None)
    signal.put("7")
    signal.put("8")
    signal.put("7")
    signal.poke()
    assert [await signal.next(), await signal.next(), await signal.next()] == ["7", "8", None]
    assert await signal.next(0.01) is None
    signal.end()
    with pytest.raises(Closing):
        await signal.next()


async def test_a_signal_for_one_object_hears_of_no_other() -> None:
    signal = Signal("presentation", "7")
    signal.put("8")
    assert await signal.next(0.01) is None
    signal.put("7")
    assert await signal.next() == "7"


async def test_a_faulty_document_is_told_as_an_event(served: Served) -> None:
    for query in ("{", "{ nobody }"):
        async with events(served.address, await served.token(), query) as stream:
            name, answer = await stream.hear()
            assert (name, answer["errors"][0]["extensions"]["code"]) == ("next", "INVALID_REQUEST")
            assert await stream.hear() == ("complete", None)


@pytest.mark.parametrize(
    ("method", "token", "body", "status"),
    [
        ("GET", None, None, 405),
        ("POST", "x", b"{}", 401),
        ("POST", None, b"{", 400),
        ("POST", None, b'{"query": 1}', 400),
    ],
)
async def test_what_is_no_request_for_events_is_refused_by_status(
    served: Served, method: str, token: str | None, body: bytes | None, status: int
) -> None:
    headers = {"accept": "text/event-stream", "content-type": "application/json"}
    if token is not None:
        headers["authorization"] = f"Bearer {token}"
    async with httpx.AsyncClient(base_url=served.address) as client:
        answer = await client.request(method, "/graphql", content=body, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json; charset=utf-8")


async def test_a_subscription_is_not_served_as_one_answer(served: Served) -> None:
    async with served.city.client(await served.city.caller(Role.CITIZEN)) as client:
        answer = await client.answer(TAKEN)
    assert "text/event-stream" in answer["errors"][0]["message"]
    assert "data" not in answer
