"""What a demo says when it is ready is true: every address answers, and every sign-in signs in."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from processes import BENEFITS, Running, fetch, running

from api.cli.welcome import VERIFIER
from api.embedded import urls
from domain.actor import PERSON_ROLES, STAFF_ROLES

ROLES = sorted(PERSON_ROLES | STAFF_ROLES)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def demo(folder: Path) -> Iterator[Running]:
    with running([*BENEFITS, "demo", "--port", "0", "--data", str(folder / "my data")], folder / "demo") as demo:
        demo.line("Ctrl-C")
        yield demo


@pytest.fixture(scope="module")
def client() -> Iterator[httpx2.Client]:
    with httpx2.Client(timeout=20) as client:
        yield client


def printed(demo: Running, start: str) -> str:
    """The rest of the first line that begins so, wherever it is indented to."""
    lines = (line.strip() for line in demo.output.splitlines())
    return next(line.removeprefix(start).strip() for line in lines if line.startswith(start))


def test_the_first_line_says_that_it_is_ready_and_nothing_else(demo: Running) -> None:
    assert re.fullmatch(r"ready http://127\.0\.0\.1:\d+", demo.output.splitlines()[0])


def test_every_address_answers(demo: Running, client: httpx2.Client) -> None:
    address = demo.line("ready")
    said = set(re.findall(rf"{address}(/[\w/-]+)(?=[\s,]|$)", demo.output))
    assert said == {"/graphql", "/signin", "/demo-provider", "/healthz", "/readyz", "/metrics", "/signin/token"}
    for path in ("/healthz", "/readyz", "/metrics"):
        assert client.get(address + path).status_code == 200
    assert client.post(f"{address}/graphql", json={"query": "{ programmes { code } }"}).status_code == 200


@pytest.mark.parametrize("role", ROLES)
def test_one_ready_made_sign_in_for_each_role(
    demo: Running, folder: Path, tmp_path: Path, client: httpx2.Client, role: str
) -> None:
    command = printed(demo, f"{role} ")
    assert command == f"benefits token {role} --programme rongcheng --data {shlex.quote(str(folder / 'my data'))}"
    link = next(line.strip() for line in demo.output.splitlines() if f"role={role}&" in line)
    page = client.get(link, follow_redirects=True)
    assert page.status_code == 200
    assert f"rongcheng-{role}-1" in page.text


def test_a_printed_command_makes_a_token_that_the_server_takes(
    demo: Running, tmp_path: Path, client: httpx2.Client
) -> None:
    command = shlex.split(printed(demo, "citizen "))[1:]
    with running([*BENEFITS, *command], tmp_path) as token:
        assert token.process.wait(30) == 0, token.errors
        headers = {"authorization": f"Bearer {token.output.strip()}"}
    answer = client.post(f"{demo.line('ready')}/graphql", json={"query": "{ me { id } }"}, headers=headers)
    assert answer.json()["data"]["me"]["id"]


def test_a_printed_link_ends_with_a_code_that_the_printed_verifier_exchanges(
    demo: Running, client: httpx2.Client
) -> None:
    address = demo.line("ready")
    link = next(line.strip() for line in demo.output.splitlines() if "role=citizen&" in line)
    page = client.get(link, follow_redirects=True)
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page.text))
    chosen = client.post(str(page.url).partition("?")[0], data={**hidden, "subject": "rongcheng-citizen-1"})
    code = client.get(chosen.headers["location"]).json()["code"]
    exchange = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER}
    assert VERIFIER in demo.output
    assert client.post(f"{address}/signin/token", data=exchange).json()["role"] == "citizen"


async def test_a_demo_never_runs_on_a_database_with_people_of_its_own(
    demo: Running, folder: Path, tmp_path: Path
) -> None:
    given = urls(folder / "my data")
    await fetch(
        given.worker,
        "INSERT INTO person (issuer, subject, created_at) VALUES ('https://id.example', 'somebody', '2026-01-01Z')",
    )
    environment = {"DATABASE_URL": given.app, "DATABASE_WORKER_URL": given.worker, "DATABASE_OWNER_URL": given.owner}
    command = [*BENEFITS, "demo", "--port", "0", "--data", str(tmp_path / "data")]
    with running(command, tmp_path / "refused", environment=environment) as second:
        assert second.process.wait(30) == 1
        assert second.output == ""
        assert second.errors == (
            "benefits: The database at its socket holds people of https://id.example, who are not a demo's: "
            "name another database, or start the service with `benefits serve`.\n"
        )
