"""The data folder: whose it is, who may use it now, and where its database is reached."""

import fcntl
import hashlib
import os
import shutil
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from api.errors import CannotStart

SUPERUSER = "benefits_cluster"
OWNER, APP, WORKER = "benefits_owner", "benefits_app", "benefits_worker"
DATABASE = "benefits"

_MARKER = ".citizen-credit-benefits"
_LOCK = ".lock"
_SOCKETS = Path("/tmp")  # noqa: S108 - a socket's path has at most 107 bytes, so it cannot lie in the data folder
_PORT = 5432


class EmbeddedError(CannotStart):
    """The embedded database cannot start or be joined: one sentence for the person at the terminal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Urls:
    """Where the three roles reach the database."""

    app: str
    worker: str
    owner: str


def urls(folder: Path) -> Urls:
    """Where a database in this folder is reached, running or not."""
    return Urls(app=_url(folder, APP), worker=_url(folder, WORKER), owner=_url(folder, OWNER))


def superuser_url(folder: Path, database: str = DATABASE) -> str:
    """For tests that clone databases; no other part of the program may use it."""
    return _url(folder, SUPERUSER, database)


def join(folder: Path) -> Urls:
    """Where the running database of this folder is reached. Raises EmbeddedError when none answers."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(socket_folder(folder) / f".s.PGSQL.{_PORT}"))
        except PermissionError as error:
            raise EmbeddedError(
                f"The database in {folder} was started by another user: run this as that user."
            ) from error
        except OSError as error:
            raise EmbeddedError(
                f"No database is running in {folder}: start it with `benefits demo --data {quote(str(folder))}`."
            ) from error
    return urls(folder)


def is_ours(folder: Path) -> bool:
    """Whether this folder was made by this program, and may therefore be emptied by it."""
    return (folder / _MARKER).is_file()


def prepare(folder: Path) -> None:
    """Makes the folder, or finds it made earlier. Raises EmbeddedError when it cannot be used."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not is_ours(folder) and any(folder.iterdir()):
            raise EmbeddedError(
                f"The folder {folder} holds something else: name an empty or a new one with --data DIR."
            )
        with (folder / _MARKER).open("a"):
            """The marker says that the folder is ours, and opening it for writing that we may write here."""
        with (folder / _LOCK).open("a"):
            """The same for the lock."""
    except OSError as error:
        raise unusable(folder, error) from error


def erase(folder: Path) -> None:
    """Empties a folder of ours that nobody is using. Raises EmbeddedError."""
    with claimed(folder):
        for entry in folder.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            elif entry.name not in {_MARKER, _LOCK}:
                entry.unlink()


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Holds the folder for this program alone; the system lets go of it when the program ends in any way."""
    prepare(folder)
    with (folder / _LOCK).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise EmbeddedError(_in_use(folder)) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        try:
            yield
        except OSError as error:
            raise unusable(folder, error) from error


def socket_folder(folder: Path) -> Path:
    """A short path of its own for each data folder."""
    return _SOCKETS / f"benefits-{hashlib.sha256(os.fsencode(folder.expanduser().resolve())).hexdigest()[:16]}"


@contextmanager
def sockets_of(folder: Path, uid: int, gid: int) -> Iterator[Path]:
    """The socket's folder, which only this user may enter."""
    path = socket_folder(folder)
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
        os.chown(path, uid, gid)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid or stat.S_IMODE(found.st_mode) != 0o700:
        raise EmbeddedError(f"The folder {path} belongs to somebody else: remove it and start again.")
    try:
        yield path
    finally:
        with suppress(OSError):
            path.rmdir()


def unusable(folder: Path, error: OSError) -> EmbeddedError:
    """The system's refusal, as a sentence that says what to do."""
    place = f" at {error.filename}" if error.filename and str(error.filename) != str(folder) else ""
    return EmbeddedError(
        f"The folder {folder} cannot be used ({error.strerror}{place}): name another one with --data DIR."
    )


def _in_use(folder: Path) -> str:
    holder = (folder / _LOCK).read_text().strip()
    return (
        f"The folder {folder} is in use by a running program (process {holder}): "
        "stop that one, or name another folder with --data DIR."
    )


def _url(folder: Path, role: str, database: str = DATABASE) -> str:
    # The port is named, or a PGPORT in the environment would be taken.
    return f"postgresql+asyncpg://{role}@/{database}?host={socket_folder(folder)}&port={_PORT}"
