"""The doctor finds a sound deployment sound, names each fault by what it is, and says what to do."""

import base64
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from processes import BENEFITS, Running, fetch, running

from api.cli import findings
from api.cli.findings import Finding, Level, RoleFacts, Walls
from api.cli.promised import Grant, Promises
from api.embedded import superuser_url, urls
from api.tokens import generate_signing_key
from api.worker import PERIODIC
from domain.upkeep import Beat, State

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
TODAY = date(2026, 11, 22)
TASKS = ("relay", *(task.name for task in PERIODIC))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("doctor")


@pytest.fixture(scope="module")
def demo(folder: Path) -> Iterator[Running]:
    with running([*BENEFITS, "demo", "--port", "0", "--data", str(folder / "data")], folder / "demo") as demo:
        demo.line("ready")
        yield demo


def examined(folder: Path, *, status: int, data: bool = True, **environment: str) -> list[str]:
    """The lines of the report."""
    options = ["--data", str(folder / "data")] if data else []
    with running([*BENEFITS, "doctor", *options], folder / "doctor", environment=environment) as doctor:
        assert doctor.process.wait(60) == status, doctor.output + doctor.errors
        assert doctor.errors == ""
        return [" ".join(line.split()) for line in doctor.output.splitlines()]


def faults(lines: Sequence[str]) -> list[str]:
    return [line.removeprefix("FAULT ") for line in lines if line.startswith("FAULT ")]


def test_a_sound_deployment_is_found_sound(demo: Running, folder: Path) -> None:
    lines = examined(folder, status=0)
    assert faults(lines) == []
    assert lines[-1] == "Nothing is wrong."
    topics = {line.split()[1] for line in lines[:-1]}
    assert topics >= {"program", "server", "roles", "tables", "grants", "walls", "policies", "guards", "doors"}
    assert topics >= {"vault", "signing", "clock", "worker", "outbox", "days"}
    assert f"well signing the key is the one that {demo.line('ready')} verifies with" in lines
    assert "well vault the key opens what was sealed here" in lines


async def test_tables_behind_the_program_are_to_be_migrated(demo: Running, folder: Path) -> None:
    owner = urls(folder / "data").owner
    step = str(await fetch(owner, "SELECT version_num FROM alembic_version"))
    try:
        await fetch(owner, "UPDATE alembic_version SET version_num = '0008'")
        named = faults(examined(folder, status=1))
    finally:
        await fetch(owner, f"UPDATE alembic_version SET version_num = '{step}'")
    assert f"tables They are at step 0008, this program needs {step}: run `benefits migrate`." in named


def test_foreign_keys_are_told_from_the_right_ones(demo: Running, folder: Path) -> None:
    environment = {
        "VAULT_KEY": base64.b64encode(os.urandom(32)).decode(),
        "TOKEN_SIGNING_KEY": generate_signing_key(),
    }
    named = faults(examined(folder, status=1, **environment))
    assert "vault VAULT_KEY is not the key that this database is sealed with: find that one, and use it." in named
    address = demo.line("ready")
    assert f"signing {address} verifies with other keys: give every process the same TOKEN_SIGNING_KEY." in named


def test_settings_that_no_service_starts_with_are_named(demo: Running, folder: Path) -> None:
    given = urls(folder / "data")
    environment = {"DATABASE_URL": given.app, "DATABASE_WORKER_URL": given.worker, "DATABASE_OWNER_URL": given.owner}
    named = faults(examined(folder, status=1, data=False, **environment))
    assert (
        "settings OIDC_ISSUER is missing, so nobody could sign in: set it to your OpenID provider's address." in named
    )


async def test_every_weakened_role_wall_and_guard_is_named_with_its_remedy(demo: Running, folder: Path) -> None:
    superuser = superuser_url(folder / "data")
    await execute(superuser, "ALTER ROLE benefits_worker BYPASSRLS; GRANT benefits_owner TO benefits_app")
    assert faults(examined(folder, status=1)) == [
        "roles benefits_app may act as benefits_owner: REVOKE benefits_owner FROM benefits_app.",
        "roles benefits_worker is too strong, row policies may not hold: ALTER ROLE benefits_worker NOBYPASSRLS.",
    ]
    await execute(superuser, "ALTER ROLE benefits_worker NOBYPASSRLS; REVOKE benefits_owner FROM benefits_app")
    weaken = """
        REVOKE SELECT ON heartbeat FROM benefits_app;
        GRANT DELETE ON consent TO benefits_app;
        ALTER TABLE score NO FORCE ROW LEVEL SECURITY;
        DROP POLICY score_change_app ON score_change;
        CREATE POLICY wide_open ON score_change USING (true);
        ALTER TABLE transfer DISABLE TRIGGER transfer_append_only;
        DROP FUNCTION waiting_position(bigint);
    """
    await execute(superuser, weaken)
    step = "take its statement from the migrations and run it as the owner"
    assert faults(examined(folder, status=1)) == [
        "grants benefits_app may not SELECT heartbeat: GRANT SELECT ON heartbeat TO benefits_app.",
        "grants benefits_app may DELETE consent, which nothing needs: REVOKE DELETE ON consent FROM benefits_app.",
        "walls row security score is missing: as the owner, ALTER TABLE score FORCE ROW LEVEL SECURITY.",
        f"policies policy score_change_app on score_change is missing: {step}.",
        f"guards trigger transfer_append_only on transfer is missing: {step}.",
        f"doors function waiting_position is missing: {step}.",
        "policies policy wide_open on score_change is none of ours and may open what is closed: drop it.",
    ]


async def execute(url: str, statements: str) -> None:
    for statement in statements.split(";"):
        if statement.strip():
            await fetch(url, statement)


def state(**changes: object) -> State:
    """A worker in good health, with these changes."""
    beats = tuple(Beat(name=name, at=NOW - timedelta(seconds=3), runs=9, failures=0) for name in ("worker", *TASKS))
    values = {"beats": beats, "waiting": 0, "lag_s": 0.0, "last_day": TODAY, "real_now": NOW, "ahead": timedelta()}
    return State(**{**values, **changes})  # type: ignore[arg-type]  # as the test says


def levels(found: Iterator[Finding]) -> list[tuple[str, str]]:
    return [(finding.level.value, finding.topic) for finding in found]


def beats(**ages_s: float) -> tuple[Beat, ...]:
    """The heartbeats of a worker in good health, some of them so old."""
    return tuple(
        Beat(name=name, at=NOW - timedelta(seconds=ages_s.get(name, 3)), runs=9, failures=0)
        for name in ("worker", *TASKS)
        if ages_s.get(name) != float("inf")
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (beats(), []),
        (beats(worker=59), []),
        (beats(worker=61), ["worker"]),
        ((), ["worker"]),
        (beats(relay=64), []),
        (beats(relay=66), ["relay"]),
        (beats(relay=float("inf")), ["relay"]),
        (beats(days=70, outbox=1700), ["days"]),
        (beats(outbox=1900), ["outbox"]),
        ((Beat(name="worker", at=NOW, runs=2, failures=0),), []),
    ],
)
def test_a_silent_worker_relay_or_task_is_a_fault(given: tuple[Beat, ...], expected: list[str]) -> None:
    found = findings.of_worker(state(beats=given), is_demo=False)
    assert [topic for level, topic in levels(found) if level == "FAULT"] == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, [("well", "outbox"), ("well", "days")]),
        ({"waiting": 9, "lag_s": 59.0}, [("well", "outbox"), ("well", "days")]),
        ({"waiting": 9, "lag_s": 61.0}, [("FAULT", "outbox"), ("well", "days")]),
        ({"last_day": None}, [("well", "outbox"), ("note", "days")]),
        ({"last_day": TODAY - timedelta(days=1)}, [("well", "outbox"), ("FAULT", "days")]),
    ],
)
def test_work_that_waits_too_long_is_a_fault(changes: dict[str, object], expected: list[tuple[str, str]]) -> None:
    assert levels(findings.of_work(state(**changes), NOW)) == expected


def test_a_day_is_given_half_an_hour_to_be_lived() -> None:
    midnight = datetime(2026, 11, 22, 16, 0, tzinfo=UTC)
    early = findings.of_work(state(), midnight + timedelta(minutes=29))
    late = findings.of_work(state(), midnight + timedelta(minutes=31))
    assert levels(early)[1] == ("well", "days")
    assert levels(late)[1] == ("FAULT", "days")


@pytest.mark.parametrize(
    ("ahead", "is_demo", "skew_s", "expected"),
    [
        (timedelta(), False, 0.3, ["well"]),
        (timedelta(), False, -5.1, ["FAULT"]),
        (timedelta(days=40), True, 0.0, ["well", "note"]),
        (timedelta(days=40), False, 0.0, ["well", "FAULT"]),
    ],
)
def test_clocks_that_differ_and_a_moved_clock_of_a_city_are_faults(
    ahead: timedelta, is_demo: bool, skew_s: float, expected: list[str]
) -> None:
    found = findings.of_clock(state(ahead=ahead), is_demo=is_demo, skew_s=skew_s)
    assert [level for level, _ in levels(found)] == expected


def promises(**changes: object) -> Promises:
    values = {
        "head": "0009",
        "grants": frozenset({Grant(role="app", privilege="UPDATE", table="t", is_whole=False)}),
        "walls": frozenset[str](),
        "policies": frozenset[tuple[str, str]](),
        "guards": frozenset[tuple[str, str]](),
        "doors": frozenset[str](),
    }
    return Promises(**{**values, **changes})  # type: ignore[arg-type]  # as the test says


def test_a_grant_on_the_whole_table_is_more_than_one_on_a_column() -> None:
    column = promises().grants
    whole = frozenset({Grant(role="app", privilege="UPDATE", table="t")})
    assert levels(findings.of_grants(column, column)) == [("well", "grants")]
    assert [one.says for one in findings.of_grants(column, whole)] == [
        "app may UPDATE t, which nothing needs: REVOKE UPDATE ON t FROM app."
    ]
    assert levels(findings.of_grants(column, frozenset())) == [("FAULT", "grants")]


@pytest.mark.parametrize(("step", "level"), [("0009", "well"), ("0008", "FAULT"), ("0010", "FAULT"), (None, "FAULT")])
def test_only_the_newest_step_is_well(step: str | None, level: str) -> None:
    assert findings.of_migrations(step, promises()).level == level


def test_an_old_server_is_a_note_and_a_missing_role_a_fault() -> None:
    assert findings.of_server(18, 5).level is Level.NOTE
    assert findings.of_server(18, 6).level is Level.WELL
    owner = RoleFacts(name="owner", strengths=(), may_become=("app",))
    found = list(findings.of_roles({"server": "app", "owner": "owner"}, [owner]))
    assert [(one.level.value, one.says) for one in found] == [
        ("FAULT", "app, the server's role, does not exist: create it."),
        ("well", "owner: ordinary, for the owner"),
    ]


def test_walls_that_are_all_there_are_counted() -> None:
    promised = promises(walls=frozenset({"score"}), doors=frozenset({"open_door"}))
    found = Walls(
        grants=promised.grants,
        walls=promised.walls,
        policies=frozenset(),
        guards=frozenset(),
        doors=frozenset({"open_door", "another"}),
    )
    assert {level for level, _ in levels(findings.of_walls(promised, found))} == {"well"}
