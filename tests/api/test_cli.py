"""The commands, as processes: what they print, how they end, and what they say when they cannot start."""

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import BENEFITS, Running, copy_wheel, eventually, fetch, is_alive, running, wait_until_gone

from api.embedded import urls
from api.embedded.cluster import Host, find_host, status
from api.embedded.folder import socket_folder
from seeds.loader import PROGRAMMES

NOWHERE = {
    "DATABASE_URL": "postgresql://app@127.0.0.1:1/benefits",
    "DATABASE_WORKER_URL": "postgresql://worker@127.0.0.1:1/benefits",
    "DATABASE_OWNER_URL": "postgresql://owner@127.0.0.1:1/benefits",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cli")


@pytest.fixture(scope="module")
def demo(folder: Path) -> Iterator[Running]:
    """A demo that runs for all tests of this file; stopped in good order."""
    with running([*BENEFITS, "demo", "--port", "0", "--data", str(folder / "my data")], folder / "demo") as demo:
        demo.line("ready")
        yield demo
        assert demo.end() == 0
        assert demo.errors == ""


def refusal(folder: Path, *arguments: str, environment: dict[str, str] | None = None, status: int = 1) -> str:
    """What a command that cannot start says: one line, with status 1 and without a result."""
    with running([*BENEFITS, *arguments], folder / "refused", environment=environment) as command:
        assert command.process.wait(30) == status, command.errors
        assert command.output == ""
        assert command.errors.count("\n") == 1
        return command.errors.strip().removeprefix("benefits: ")


def get(url: str) -> object:
    with urllib.request.urlopen(url, timeout=10) as response:  # noqa: S310 - an address of our own
        return json.load(response)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("ledger chek", 'Unknown command "chek". Did you mean "check"? Available commands: check.'),
        ("serve --port many", 'Invalid value for --port: unable to convert "many" into int.'),
        ("serve --prot 1", "Unknown option: --prot. Did you mean --port?"),
        ("import", 'Command "import" parameter FILE requires an argument.'),
    ],
)
def test_what_was_mistyped_is_told_in_one_sentence(typed: str, said: str, tmp_path: Path) -> None:
    command = typed.split()[0]
    assert refusal(tmp_path, *typed.split(), status=2) == f"{said} `benefits {command} --help` says what it takes."


def test_whoever_has_read_enough_ends_a_command_without_complaint() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    root = Path(__file__).parents[2]
    ended = subprocess.run([*BENEFITS, "schema"], stdout=writing, stderr=subprocess.PIPE, cwd=root, check=False)
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (1, b"")


def test_a_ready_demo_answers_at_the_address_that_it_prints(demo: Running) -> None:
    address = demo.line("ready")
    assert address.startswith("http://127.0.0.1:")
    assert get(f"{address}/healthz") == {"status": "ok"}
    assert get(f"{address}/readyz") == {"status": "ready"}


def test_a_second_demo_on_the_same_folder_is_refused(demo: Running, folder: Path, tmp_path: Path) -> None:
    said = refusal(tmp_path, "demo", "--port", "0", "--data", str(folder / "my data"))
    assert said == (
        f"The folder {folder / 'my data'} is in use by a running program (process {demo.process.pid}): "
        "stop that one, or name another folder with --data DIR."
    )


def test_a_running_demo_is_not_erased(demo: Running, folder: Path, tmp_path: Path) -> None:
    said = refusal(tmp_path, "demo", "--port", "0", "--fresh", "--data", str(folder / "my data"))
    assert "is in use by a running program" in said
    assert get(f"{demo.line('ready')}/readyz") == {"status": "ready"}


def test_a_server_joins_a_running_demo(demo: Running, folder: Path, tmp_path: Path) -> None:
    with running([*BENEFITS, "serve", "--port", "0", "--data", str(folder / "my data")], tmp_path) as server:
        address = server.line("ready")
        assert address != demo.line("ready")
        assert get(f"{address}/readyz") == {"status": "ready"}
        assert server.end(signal.SIGINT) == 0


def test_a_worker_joins_a_running_demo(demo: Running, folder: Path, tmp_path: Path) -> None:
    with running([*BENEFITS, "worker", "--data", str(folder / "my data")], tmp_path) as worker:
        worker.line("working")
        assert worker.end() == 0
        assert worker.errors == ""


def test_the_tables_of_a_running_demo_are_migrated_again_without_change(
    demo: Running, folder: Path, tmp_path: Path
) -> None:
    with running([*BENEFITS, "migrate", "--data", str(folder / "my data")], tmp_path) as migrate:
        assert migrate.process.wait(30) == 0
        assert migrate.output == "The tables are up to date.\n"


async def test_another_database_replaces_the_embedded_one_and_nothing_else_changes(
    demo: Running, folder: Path, tmp_path: Path
) -> None:
    given = urls(folder / "my data")
    environment = {
        "DATABASE_URL": given.app,
        "DATABASE_WORKER_URL": given.worker,
        "DATABASE_OWNER_URL": given.owner,
    }
    command = [*BENEFITS, "demo", "--port", "0", "--data", str(tmp_path / "data")]
    with running(command, tmp_path / "demo", environment=environment) as second:
        assert get(f"{second.line('ready')}/readyz") == {"status": "ready"}
        assert not (tmp_path / "data" / "postgres").exists()
        assert second.end() == 0
    assert get(f"{demo.line('ready')}/readyz") == {"status": "ready"}


async def test_a_later_start_loses_nothing_and_a_fresh_one_everything(tmp_path: Path) -> None:
    data = tmp_path / "data"
    kept = "SELECT to_regclass('kept') IS NOT NULL"
    command = [*BENEFITS, "demo", "--port", "0", "--data", str(data)]
    with running(command, tmp_path / "first") as first:
        address = first.line("ready")
        await fetch(urls(data).owner, "CREATE TABLE kept ()")
        postmaster = int(status(data / "postgres")[0])
        first.end(signal.SIGKILL)
        wait_until_gone(postmaster)
    with running(command, tmp_path / "second") as second:
        assert second.line("ready") != address
        assert await fetch(urls(data).owner, kept) is True
        assert second.end(signal.SIGINT) == 0
    assert (data / "postgres.log").read_text().rstrip().endswith("database system is shut down")
    with running([*command, "--fresh"], tmp_path / "third") as third:
        third.line("ready")
        assert await fetch(urls(data).owner, kept) is False


def test_a_demo_ends_when_the_wrapper_that_started_it_is_killed(tmp_path: Path) -> None:
    wrapper = tmp_path / "uv"
    wrapper.write_text('#!/bin/sh\n"$@" &\nwait\n')
    wrapper.chmod(0o755)
    data = tmp_path / "data"
    with running([str(wrapper), *BENEFITS, "demo", "--port", "0", "--data", str(data)], tmp_path / "demo") as demo:
        demo.line("ready")
        server, postmaster = int((data / ".lock").read_text()), int(status(data / "postgres")[0])
        demo.end(signal.SIGKILL)
        wait_until_gone(server)
        assert not is_alive(postmaster)


def test_the_schema_is_printed_in_the_schema_language(tmp_path: Path) -> None:
    with running([*BENEFITS, "schema"], tmp_path) as schema:
        assert schema.process.wait(30) == 0
        assert "\ntype Query" in schema.output


def test_a_sound_programme_file_may_be_loaded_and_another_is_told_its_faults(tmp_path: Path) -> None:
    sound, broken = PROGRAMMES / "rongcheng.toml", tmp_path / "broken.toml"
    broken.write_text("code = ")
    with running([*BENEFITS, "rules", "check", str(sound), str(broken)], tmp_path / "check") as check:
        assert check.process.wait(30) == 1
        assert check.output == f"{sound}: may be loaded\n"
        assert check.errors.startswith("benefits: broken.toml: ")


def test_a_taken_port_is_told_in_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        said = refusal(tmp_path, "demo", "--port", str(port), "--data", str(tmp_path / "data"))
    assert said == (
        f"Port {port} is taken by another program: stop that one, or name another port with --port (0: any)."
    )
    assert not (tmp_path / "data").exists()


def test_a_port_that_is_none_is_told_in_one_sentence(tmp_path: Path) -> None:
    said = refusal(tmp_path, "demo", "--port", "99999", "--data", str(tmp_path / "data"))
    assert said == "Port 99999 of 127.0.0.1 cannot be used (ports are 0 to 65535): name another one with --port."


def test_a_folder_that_cannot_be_written_is_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = refusal(tmp_path, "demo", "--port", "0", "--data", str(tmp_path / "file" / "data"))
    assert said == (
        f"The folder {tmp_path / 'file' / 'data'} cannot be used (Not a directory): name another one with --data DIR."
    )


def test_a_folder_of_somebody_else_is_neither_used_nor_erased(tmp_path: Path) -> None:
    letters = tmp_path / "letters"
    letters.mkdir()
    (letters / "letter.txt").write_text("dear")
    for option in ("--no-fresh", "--fresh"):
        said = refusal(tmp_path, "demo", "--port", "0", option, "--data", str(letters))
        assert said == f"The folder {letters} holds something else: name an empty or a new one with --data DIR."
    assert [entry.name for entry in letters.iterdir()] == ["letter.txt"]


@pytest.mark.parametrize("command", ["serve", "worker", "doctor", "migrate"])
def test_nothing_joins_a_folder_where_nothing_runs(tmp_path: Path, command: str) -> None:
    said = refusal(tmp_path, command, "--data", str(tmp_path / "my data"))
    assert said == (
        f"No database is running in {tmp_path / 'my data'}: "
        f"start it with `benefits demo --data '{tmp_path / 'my data'}'`."
    )


@pytest.mark.parametrize("command", ["demo", "migrate", "doctor"])
def test_a_database_out_of_reach_is_told_in_one_sentence(tmp_path: Path, command: str) -> None:
    options = ["--port", "0", "--data", str(tmp_path / "data")] if command == "demo" else []
    said = refusal(tmp_path, command, *options, environment=NOWHERE)
    assert said == (
        "The database at 127.0.0.1:1 cannot be reached (Connection refused): check the address and that it runs."
    )


def test_an_erasing_demo_spares_a_database_that_is_not_its_own(tmp_path: Path) -> None:
    said = refusal(tmp_path, "demo", "--port", "0", "--fresh", "--data", str(tmp_path / "data"), environment=NOWHERE)
    assert said.startswith("--fresh erases an embedded database only")


def test_a_demo_beside_a_real_provider_is_refused(tmp_path: Path) -> None:
    environment = {"OIDC_ISSUER": "https://id.example"}
    said = refusal(tmp_path, "demo", "--data", str(tmp_path / "data"), environment=environment)
    assert said.startswith("OIDC_ISSUER is set, and the demo would let anybody in beside it")


def test_an_unsafe_service_does_not_start(tmp_path: Path) -> None:
    assert refusal(tmp_path, "serve", environment=NOWHERE).startswith("OIDC_ISSUER is missing")


def test_too_old_a_database_is_told_in_one_sentence(tmp_path: Path, readable: Path) -> None:
    host = old_host(tmp_path, readable)
    with (tmp_path / "log").open("wb") as log:
        made = host.spawn(
            "initdb", "-D", host.seen(host.cluster), "-A", "trust", "-U", "owner", cwd=host.cluster, output=log
        )
        assert made.wait() == 0
        sockets = socket_folder(host.cluster)
        sockets.mkdir(mode=0o700)
        os.chown(sockets, host.uid, host.gid)
        options = ("-c", "listen_addresses=", "-c", f"unix_socket_directories={sockets}")
        server = host.spawn("postgres", "-D", host.seen(host.cluster), *options, cwd=host.cluster, output=log)
        try:
            eventually(lambda: status(host.cluster)[7:] == ["ready"])
            place = f"@/postgres?host={sockets}&port=5432"
            environment = {name: url.partition("@")[0] + place for name, url in NOWHERE.items()}
            said = refusal(tmp_path, "migrate", environment=environment)
        finally:
            server.send_signal(signal.SIGINT)
            server.wait()
            sockets.rmdir()
    assert said == "The database is PostgreSQL 16: this program needs 18 or later, so upgrade it."


@pytest.fixture
def readable() -> Iterator[Path]:
    """A folder that the user of the database may enter, whoever runs the tests."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def old_host(folder: Path, readable: Path) -> Host:
    """The wheel's older server, run as the embedded one is."""
    host = find_host(folder / "old", None)
    host.cluster.mkdir(mode=0o700)
    os.chown(host.cluster, host.uid, host.gid)
    old = copy_wheel(readable, "pginstall")
    return Host(cluster=host.cluster, uid=host.uid, gid=host.gid, binaries=old, lifeline=None)
