"""The embedded PostgreSQL: it comes up, stays up, loses nothing, and never outlives its program."""

import asyncio
import importlib
import os
import pwd
import shutil
import signal
import stat
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from processes import PATIENCE_S, copy_wheel, fetch, running, user_of, wait_until_gone

from api.embedded import Embedded, EmbeddedError, child, join, superuser_url
from api.embedded.cluster import find_host
from api.embedded.folder import socket_folder

IS_ROOT = os.geteuid() == 0
HOLD = """
import sys, time
from pathlib import Path
from api.embedded import Embedded
embedded = Embedded(Path(sys.argv[1]), watch_by_pipe=sys.argv[2] == "pipe")
print("url", embedded.start().owner, flush=True)
print("postmaster", embedded.postmaster, flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A path with spaces and other letters, far longer than a socket's path may be."""
    return tmp_path_factory.mktemp("embedded") / "my data 数据" / ("long" * 40)


@pytest.fixture(scope="module")
def embedded(folder: Path) -> Iterator[Embedded]:
    embedded = Embedded(folder)
    try:
        embedded.start()
        yield embedded
    finally:
        embedded.stop()


@pytest.mark.parametrize("role", ["app", "worker", "owner"])
async def test_each_role_reaches_the_database_and_none_is_strong(embedded: Embedded, role: str) -> None:
    url = getattr(embedded.start(), role)
    assert await fetch(url, "SELECT current_user::text") == f"benefits_{role}"
    strong = (
        "SELECT rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb FROM pg_roles WHERE rolname = current_user"
    )
    assert await fetch(url, strong) is False


async def test_the_cluster_is_what_a_service_would_have(embedded: Embedded) -> None:
    url = superuser_url(embedded.folder)
    assert await fetch(url, "SELECT current_setting('server_version_num')::int / 10000") == 18
    assert await fetch(url, "SELECT current_setting('data_checksums')") == "on"
    assert await fetch(url, "SELECT current_setting('fsync')") == "on"
    assert await fetch(url, "SELECT current_setting('listen_addresses')") == ""
    assert await fetch(url, "SELECT current_setting('server_encoding')") == "UTF8"
    provider = "SELECT datlocprovider::text || ' ' || datlocale FROM pg_database WHERE datname = 'benefits'"
    assert await fetch(url, provider) == "b C.UTF-8"
    owner = "SELECT pg_get_userbyid(datdba)::text FROM pg_database WHERE datname = 'benefits'"
    assert await fetch(url, owner) == "benefits_owner"


async def test_a_stranger_to_the_database_is_not_let_in(embedded: Embedded) -> None:
    with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
        await fetch(embedded.start().app.replace("benefits_app@", "somebody@"), "SELECT 1")


def test_only_its_user_enters_the_socket_folder(embedded: Embedded) -> None:
    found = socket_folder(embedded.folder).stat()
    assert stat.S_IMODE(found.st_mode) == 0o700
    assert (found.st_uid != 0) if IS_ROOT else (found.st_uid == os.geteuid())


def test_postgres_never_runs_as_root(embedded: Embedded) -> None:
    uid = user_of(embedded.postmaster)
    assert (uid != 0) if IS_ROOT else (uid == os.geteuid())


def test_a_second_program_is_refused_in_one_sentence(embedded: Embedded, folder: Path) -> None:
    with pytest.raises(EmbeddedError) as refused:
        Embedded(folder).start()
    assert str(refused.value) == (
        f"The folder {folder} is in use by a running program (process {os.getpid()}): "
        "stop that one, or name another folder with --data DIR."
    )


async def test_another_process_joins_a_running_database(embedded: Embedded, folder: Path) -> None:
    assert join(folder) == embedded.start()


def test_nothing_is_joined_where_nothing_runs(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedError, match=r"No database is running in .* start it with `benefits demo --data"):
        join(tmp_path)


async def test_a_killed_postmaster_is_replaced_though_a_session_of_its_still_works(embedded: Embedded) -> None:
    url = embedded.start().owner
    await fetch(url, "CREATE TABLE kept (word text)")
    await fetch(url, "INSERT INTO kept VALUES ('here')")
    busy = await asyncpg.connect(url.replace("+asyncpg", "", 1))
    looping = asyncio.create_task(busy.execute("DO 'BEGIN LOOP END LOOP; END'"))
    await asyncio.sleep(0.1)
    killed = embedded.postmaster
    os.kill(killed, signal.SIGKILL)
    assert await answered(url, "SELECT word FROM kept") == "here"
    assert embedded.postmaster != killed
    with pytest.raises((asyncpg.PostgresError, OSError)):
        await looping
    busy.terminate()
    await fetch(url, "DROP TABLE kept")


async def answered(url: str, statement: str) -> object:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return await fetch(url, statement)
        except (asyncpg.PostgresError, OSError):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("watch", ["kernel", "pipe"] if sys.platform == "linux" else ["pipe"])
async def test_postgres_is_gone_soon_after_its_program_is_killed_and_nothing_is_lost(
    tmp_path: Path, watch: str
) -> None:
    data = tmp_path / "data"
    with running([sys.executable, "-c", HOLD, str(data), watch], tmp_path / "first") as first:
        url, postmaster = first.line("url"), int(first.line("postmaster"))
        await fetch(url, "CREATE TABLE kept (word text)")
        await fetch(url, "INSERT INTO kept VALUES ('here')")
        first.end(signal.SIGKILL)
        wait_until_gone(postmaster)
    embedded = Embedded(data)
    try:
        assert await fetch(embedded.start().owner, "SELECT word FROM kept") == "here"
    finally:
        embedded.stop()


def test_a_lock_file_that_names_a_living_stranger_does_not_keep_it_from_starting(tmp_path: Path) -> None:
    stopped = Embedded(tmp_path)
    stopped.start()
    stopped.stop()
    (tmp_path / "postgres" / "postmaster.pid").write_text(f"{os.getpid()}\n/somewhere\n1\n5432\n/tmp\n\n\nready\n")
    again = Embedded(tmp_path)
    again.start()
    postmaster = again.postmaster
    again.stop()
    assert postmaster != os.getpid()
    assert not socket_folder(tmp_path).exists()
    assert "database system is shut down" in (tmp_path / "postgres.log").read_text()


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(EmbeddedError, match="holds something else: name an empty or a new one with --data DIR"):
        Embedded(tmp_path).start()
    assert [entry.name for entry in tmp_path.iterdir()] == ["letter.txt"]


def test_a_file_in_the_folders_place_is_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EmbeddedError, match=r"cannot be used \(Not a directory\): name another one with --data DIR"):
        Embedded(tmp_path / "file" / "data").start()


def test_data_of_another_version_is_told_in_one_sentence(tmp_path: Path) -> None:
    stopped = Embedded(tmp_path)
    stopped.start()
    stopped.stop()
    (tmp_path / "postgres" / "PG_VERSION").write_text("17\n")
    with pytest.raises(EmbeddedError, match="is of PostgreSQL 17: this program brings 18"):
        Embedded(tmp_path).start()


def test_binaries_that_its_user_cannot_reach_are_copied_to_where_he_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    copy_wheel(closed)
    monkeypatch.syspath_prepend(closed)
    importlib.invalidate_caches()
    host = find_host(tmp_path / "postgres", None)
    copied = not host.binaries.is_relative_to(closed)
    try:
        with (tmp_path / "output").open("wb") as output:
            assert host.spawn("initdb", "--version", cwd=tmp_path, output=output).wait() == 0
        assert (tmp_path / "output").read_text().startswith("initdb (PostgreSQL) 18.")
        assert copied is IS_ROOT
        assert find_host(tmp_path / "postgres", None).binaries == host.binaries
    finally:
        if copied:
            shutil.rmtree(host.binaries.parents[2])


def test_an_ordinary_user_starts_it_in_a_folder_of_his_own() -> None:
    """Root borrows the rights of an ordinary user, who may be unable to reach this Python and these libraries."""
    home = Path(tempfile.mkdtemp())
    user = pwd.getpwnam("daemon").pw_uid if IS_ROOT else None
    home.chmod(0o755)
    data = home / "data"
    data.mkdir()
    if user is not None:
        os.chown(data, user, user)
    python, libraries = copy_python(home), home / "libraries"
    libraries.mkdir()
    copy_wheel(libraries)
    copy_supervisor(libraries)
    try:
        command = [str(python), "-c", HOLD, str(data), "kernel" if sys.platform == "linux" else "pipe"]
        environment = {"PYTHONPATH": str(libraries), "HOME": str(data), "LD_LIBRARY_PATH": str(home / "lib")}
        with running(command, home / "first", environment=environment, user=user) as first:
            postmaster = int(first.line("postmaster"))
            assert user_of(postmaster) == (os.geteuid() if user is None else user)
            assert (data / "postgres").stat().st_uid == (os.geteuid() if user is None else user)
            first.end(signal.SIGKILL)
            wait_until_gone(postmaster)
    finally:
        shutil.rmtree(socket_folder(data), ignore_errors=True)
        shutil.rmtree(home)


def copy_python(home: Path) -> Path:
    """The interpreter and its standard library, in a folder that everybody may read."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    base = Path(sys.base_prefix)
    left_out = shutil.ignore_patterns("site-packages", "dist-packages", "test", "idlelib", "ensurepip", "config-*")
    shutil.copytree(sysconfig.get_path("stdlib"), home / "lib" / version, ignore=left_out, symlinks=True)
    for library in base.glob("lib/libpython*.so*"):
        shutil.copy2(library, home / "lib" / library.name, follow_symlinks=False)
    (home / "bin").mkdir()
    return Path(shutil.copy2(Path(sys.executable).resolve(), home / "bin" / version))


def copy_supervisor(target: Path) -> None:
    """Our own part: it needs nothing but the standard library, and this shows it."""
    source = Path(child.__file__).parents[1]
    shutil.copytree(source / "embedded", target / "api" / "embedded")
    for name in ("__init__.py", "errors.py"):
        shutil.copy2(source / name, target / "api" / name)
