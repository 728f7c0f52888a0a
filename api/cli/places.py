"""Where a command finds its settings, its data folder, its database and its port."""

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from api.embedded import Embedded, Urls, join
from api.errors import CannotStart
from api.settings import Environment, Settings, remembered_address


def read_environment() -> Environment:
    """The environment, or one sentence about what in it cannot be read."""
    try:
        return Environment()
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).upper()
        raise CannotStart(f"{name} cannot be read ({first['msg']}): correct it or unset it.") from error


def data_folder(environment: Environment, data: Path | None) -> Path:
    """The folder named, or the usual one."""
    return (data or environment.folder).expanduser().resolve()


def joined_databases(environment: Environment, data: Path | None) -> Urls:
    """The databases of the environment, or those of a demo that is running."""
    return environment.databases() or join(data_folder(environment, data))


def joined_settings(data: Path | None) -> Settings:
    """The settings of a running demo when a folder is named or no database is, else those of a service."""
    environment = read_environment()
    if data is None and environment.databases() is not None:
        return Settings.for_service(environment)
    folder = data_folder(environment, data)
    databases = joined_databases(environment, data)
    return Settings.for_folder(environment, folder, databases, remembered_address(folder))


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """The port, taken before anything long is begun; 0 takes a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except (OSError, OverflowError) as error:
            raise CannotStart(_port_sentence(host, port, error)) from error
        yield listener


@contextmanager
def beginning(environment: Environment, folder: Path) -> Iterator[Embedded | Urls]:
    """The databases of the environment, or an embedded one that starts in the background and ends with the block."""
    databases = environment.databases()
    if databases is not None:
        yield databases
        return
    embedded = Embedded(folder)
    embedded.begin()
    try:
        yield embedded
    finally:
        embedded.stop()


def _port_sentence(host: str, port: int, error: OSError | OverflowError) -> str:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return f"Port {port} is taken by another program: stop that one, or name another port with --port (0: any)."
    reason = error.strerror if isinstance(error, OSError) else "ports are 0 to 65535"
    return f"Port {port} of {host} cannot be used ({reason}): name another one with --port."
