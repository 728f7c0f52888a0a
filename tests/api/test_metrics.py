"""Counts, logs and good-byes: what the people who look after a service see of it, and what they never see."""

import asyncio
import json
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from phone import Phone, fresh_key, sign_in
from processes import BENEFITS, Running, eventually, running
from prometheus_client.parser import text_string_to_metric_families

from api.app import create_app
from api.embedded import Urls
from api.request_ids import new_request_id
from tests.api.test_app import settings_for

CITY = "rongcheng"
POINTS = "{ me { score { points } displayName } }"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("metrics")


@pytest.fixture(scope="module")
def demo(folder: Path) -> Iterator[Running]:
    with running([*BENEFITS, "demo", "--port", "0", "--data", str(folder / "data")], folder / "demo") as demo:
        demo.line("ready")
        yield demo


@pytest.fixture(scope="module")
def phone(demo: Running) -> Iterator[Phone]:
    address = demo.line("ready")
    with sign_in(address, programme=CITY, role="citizen", subject=f"{CITY}-citizen-1") as phone:
        yield phone


def samples(phone: Phone) -> dict[tuple[str, frozenset[str]], float]:
    """Every number of the page, by its name and the values of its labels."""
    page = phone.client.get("/metrics")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, frozenset(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(page.text)
        for sample in family.samples
    }


def test_operations_are_counted_by_kind_field_and_outcome(phone: Phone) -> None:
    before = samples(phone)
    phone.ask(POINTS)
    phone.ask(POINTS)
    refused = phone.ask(
        """mutation ($key: UUID!) { cancelPresentation(id: "x", idempotencyKey: $key) {
            ... on UserError { errorCode } } }""",
        key=fresh_key(),
    )
    phone.answer("{ me { __typename } programmes { code } }")
    phone.answer("{ desk { merchant { id } } }")
    after = samples(phone)

    def grown(name: str, *labels: str) -> float:
        key = (name, frozenset(labels))
        return after.get(key, 0) - before.get(key, 0)

    assert refused["errorCode"] == "NOT_FOUND"
    assert grown("benefits_requests_total", "query", "me", "ok") == 2
    assert grown("benefits_request_seconds_count", "query", "me") == 2
    assert grown("benefits_requests_total", "query", "several", "ok") == 1
    assert grown("benefits_requests_total", "mutation", "cancelPresentation", "error") == 1
    assert grown("benefits_requests_total", "query", "desk", "error") == 1
    assert grown("benefits_errors_total", "NOT_FOUND") == 1
    assert grown("benefits_errors_total", "NOT_ALLOWED") == 1


def test_pool_relay_and_jobs_are_on_the_page(phone: Phone) -> None:
    def found(name: str, *labels: str) -> float | None:
        return samples(phone).get((name, frozenset(labels)))

    eventually(lambda: found("benefits_job_runs_total", "relay"))
    assert found("benefits_database_up") == 1
    assert found("benefits_feed_listening") == 1
    assert found("benefits_pool_size") == 10
    assert found("benefits_pool_used") == 0
    assert found("benefits_outbox_waiting") == 0
    assert found("benefits_outbox_lag_seconds") == 0
    assert abs((found("benefits_job_last_success_timestamp_seconds", "worker") or 0) - time.time()) < 30
    assert found("benefits_job_failures_total", "worker") == 0


def test_no_number_is_about_a_person(phone: Phone) -> None:
    me = phone.ask("{ me { id displayName } }")
    page = phone.client.get("/metrics").text
    labels = set(re.findall(r"(\w+)=\"", page))
    assert labels <= {"operation", "field", "outcome", "code", "job", "le", "programme", "product"}
    assert me["id"] not in page
    assert me["displayName"] not in page


def test_unknown_fields_and_names_make_no_new_label(phone: Phone) -> None:
    phone.answer("query Hostile { nothingOfOurs }")
    assert "nothingOfOurs" not in phone.client.get("/metrics").text
    assert "Hostile" not in phone.client.get("/metrics").text


async def test_without_its_database_a_server_still_tells_its_counts() -> None:
    nowhere = "postgresql+asyncpg://app@127.0.0.1:1/benefits"
    app = create_app(settings_for(Urls(app=nowhere, worker=nowhere, owner=nowhere)))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
        page = await client.get("/metrics")
    assert page.status_code == 200
    assert "benefits_database_up 0.0" in page.text
    assert "benefits_outbox_waiting" not in page.text


@pytest.mark.parametrize("given", ["a", "abc-1.2_3", "0" * 64])
def test_a_harmless_request_id_is_kept(phone: Phone, given: str) -> None:
    for path in ("/healthz", "/metrics", "/nowhere", "/signin"):
        assert phone.client.get(path, headers={"x-request-id": given}).headers["x-request-id"] == given
    answer = phone.client.post("/graphql", json={"query": POINTS}, headers={"x-request-id": given})
    assert answer.headers.get_list("x-request-id") == [given]


@pytest.mark.parametrize("given", ["", "-", "a b", "a\tb", "0" * 65, "ä".encode(), "a/../b"])
def test_any_other_request_id_is_replaced(phone: Phone, given: str | bytes) -> None:
    answer = phone.client.get("/healthz", headers={"x-request-id": given})
    assert re.fullmatch(r"[0-9a-f]{16}", answer.headers["x-request-id"])


def lines(demo: Running, request_id: str) -> list[dict[str, Any]]:
    """What the log says of a request, as soon as it says anything."""
    return eventually(
        lambda: [entry for entry in map(json.loads, demo.errors.splitlines()) if entry.get("request_id") == request_id]
    )


def test_each_request_is_one_line_with_its_id_and_without_its_person(demo: Running, phone: Phone) -> None:
    request_id = new_request_id()
    me = phone.client.post("/graphql", json={"query": POINTS}, headers={"x-request-id": request_id}).json()
    (line,) = lines(demo, request_id)
    assert {name: line[name] for name in ("event", "method", "path", "status", "operation", "field", "role")} == {
        "event": "request",
        "method": "POST",
        "path": "/graphql",
        "status": 200,
        "operation": "query",
        "field": "me",
        "role": "citizen",
    }
    assert line["codes"] == []
    assert line["duration_ms"] > 0
    assert me["data"]["me"]["displayName"] not in demo.errors
    assert str(phone.client.headers["authorization"]).removeprefix("Bearer ") not in demo.errors


def test_a_path_that_leads_nowhere_and_a_query_string_stay_out_of_the_log(demo: Running, phone: Phone) -> None:
    lost, asked = new_request_id(), new_request_id()
    phone.client.get("/secret-of-somebody", headers={"x-request-id": lost})
    phone.client.get("/signin", params={"programme": "secret-of-somebody"}, headers={"x-request-id": asked})
    assert [line["path"] for line in lines(demo, lost)] == ["unknown"]
    assert [line["path"] for line in lines(demo, asked)] == ["/signin"]
    assert "secret-of-somebody" not in demo.errors


def test_machines_that_look_every_few_seconds_fill_no_log(demo: Running, phone: Phone) -> None:
    request_id = new_request_id()
    for path in ("/healthz", "/readyz", "/metrics"):
        phone.client.get(path, headers={"x-request-id": request_id})
    last = new_request_id()
    phone.client.post("/graphql", json={"query": POINTS}, headers={"x-request-id": last})
    assert lines(demo, last)
    assert request_id not in demo.errors


def test_what_a_library_says_is_a_line_like_any_other(demo: Running) -> None:
    host, _, port = demo.line("ready").removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"no request\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 400 ")
    said = eventually(lambda: [line for line in demo.errors.splitlines() if "Invalid HTTP request" in line])
    assert json.loads(said[0])["level"] == "warning"


class Caller(threading.Thread):
    """Asks again and again over one connection, until the server takes no more."""

    def __init__(self, address: str, token: str) -> None:
        super().__init__()
        self.answers: list[int] = []
        self.end: Exception | None = None
        self._address = address
        self._token = token

    def run(self) -> None:
        headers = {"authorization": self._token}
        with httpx.Client(base_url=self._address, headers=headers, timeout=20) as client:
            while self.end is None:
                try:
                    answer = client.post("/graphql", json={"query": POINTS})
                    assert answer.json()["data"]["me"]["score"]["points"] > 0
                    self.answers.append(answer.status_code)
                except httpx.TransportError as error:
                    self.end = error


def test_a_server_that_stops_answers_every_request_that_it_has_begun(
    demo: Running, phone: Phone, folder: Path, tmp_path: Path
) -> None:
    command = [*BENEFITS, "serve", "--port", "0", "--data", str(folder / "data")]
    with running(command, tmp_path) as server:
        callers = [Caller(server.line("ready"), str(phone.client.headers["authorization"])) for _ in range(6)]
        for caller in callers:
            caller.start()
        eventually(lambda: all(len(caller.answers) >= 3 for caller in callers))
        assert server.end(signal.SIGTERM) == 0
        for caller in callers:
            caller.join(30)
    # Each last request met a closed door: none was begun and then dropped.
    assert [type(caller.end) for caller in callers] == [httpx.ConnectError] * len(callers)
    assert {status for caller in callers for status in caller.answers} == {200}


async def test_a_request_under_way_outlasts_the_signal(
    demo: Running, folder: Path, phone: Phone, tmp_path: Path
) -> None:
    command = [*BENEFITS, "serve", "--port", "0", "--data", str(folder / "data")]
    with running(command, tmp_path) as server:
        port = int(server.line("ready").rpartition(":")[2])
        body = json.dumps({"query": "{ programmes { code } }"}).encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        fields = ["host: x", "content-type: application/json", f"content-length: {len(body)}"]
        head = "\r\n".join(["POST /graphql HTTP/1.1", *fields, "", ""])
        writer.write(head.encode() + body[:10])
        await writer.drain()
        await asyncio.sleep(0.1)
        server.process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.8)
        writer.write(body[10:])
        answer = (await asyncio.wait_for(reader.read(), 10)).decode()
        writer.close()
        assert answer.startswith("HTTP/1.1 200 ")
        assert CITY in answer
        assert await asyncio.to_thread(server.process.wait, 20) == 0
