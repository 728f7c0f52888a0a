"""Starts PostgreSQL, watches it, starts it again when it dies, and stops it in good order."""

import os
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import IO

from api.embedded.cluster import HAS_PROC, Host, end_leftovers, ensure_cluster, find_host, last_words, status
from api.embedded.folder import EmbeddedError, Urls, claimed, sockets_of, unusable, urls

_START_LIMIT_S = 600.0
_PREDECESSOR_LIMIT_S = 10.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 5.0
_LOG_LIMIT_BYTES = 10_000_000

_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "checkpoint_timeout": "15min",
    "jit": "off",
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Details and statements hold values of persons: the log names neither.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_checkpoints": "off",
}


class Embedded:
    """One cluster in one folder, running from `start` (or `begin` and `wait`) until `stop`.

    The kernel ties a child to the thread that made it: one thread makes every child and outlives it.
    """

    def __init__(self, folder: Path, *, watch_by_pipe: bool = not HAS_PROC) -> None:
        self.folder = folder.expanduser().resolve()
        self._watch_by_pipe = watch_by_pipe
        self._settled = threading.Event()
        self._stopping = threading.Event()
        self._failure: EmbeddedError | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._supervise, name="postgres", daemon=True)

    def start(self) -> Urls:
        """Starts the database and returns when it answers. Raises EmbeddedError."""
        self.begin()
        return self.wait()

    def begin(self) -> None:
        """Starts the database in the background, unless it was started before."""
        if self._thread.ident is None:
            self._thread.start()

    def wait(self) -> Urls:
        """Returns when the database answers. Raises EmbeddedError."""
        self._settled.wait()
        if self._failure is not None:
            raise self._failure
        return urls(self.folder)

    def stop(self) -> None:
        """Ends all connections and writes everything down; insists when PostgreSQL takes too long."""
        self._stopping.set()
        for number, patience_s in ((signal.SIGINT, 30.0), (signal.SIGQUIT, 8.0), (signal.SIGKILL, 5.0)):
            if not self._thread.is_alive():
                return
            if self._process is not None:
                self._process.send_signal(number)
            self._thread.join(patience_s)

    @property
    def postmaster(self) -> int:
        """The process number of the running server. Raises IndexError when none runs."""
        return int(status(self._cluster)[0])

    @property
    def _cluster(self) -> Path:
        return self.folder / "postgres"

    def _supervise(self) -> None:
        lifeline, held = os.pipe()
        try:
            with claimed(self.folder), _log_in(self.folder) as log:
                host = find_host(self._cluster, lifeline if self._watch_by_pipe else None)
                end_leftovers(self._cluster, patience_s=_PREDECESSOR_LIMIT_S)
                ensure_cluster(host, log)
                with sockets_of(self.folder, host.uid, host.gid) as sockets:
                    self._run(host, sockets, log)
        except EmbeddedError as error:
            self._failure = error
        except OSError as error:
            self._failure = unusable(self.folder, error)
        finally:
            os.close(held)
            os.close(lifeline)
            self._settled.set()

    def _run(self, host: Host, sockets: Path, log: IO[bytes]) -> None:
        """Keeps the server running until told to stop: at once after the first end, then in growing steps."""
        try:
            if not self._launch(host, sockets, log):
                raise EmbeddedError(f"PostgreSQL did not start: {last_words(Path(log.name))}")
            self._settled.set()
            pause_s = 0.0
            while not self._is_over(pause_s):
                came_up = self._launch_again(host, sockets, log)
                pause_s = 0.0 if came_up else min(max(_FIRST_PAUSE_S, pause_s * 2), _LONGEST_PAUSE_S)
        finally:
            self._end()

    def _is_over(self, pause_s: float) -> bool:
        """Waits until the server has ended and a pause more; whether it was asked to end."""
        if self._process is not None:
            self._process.wait()
        return self._stopping.wait(pause_s)

    def _launch_again(self, host: Host, sockets: Path, log: IO[bytes]) -> bool:
        try:
            # The server is gone for certain; what it left behind would only hold up its successor.
            end_leftovers(host.cluster, patience_s=0.0)
            return self._launch(host, sockets, log)
        except OSError as error:
            log.write(f"the supervisor could not start the server: {error}\n".encode())
            return False

    def _launch(self, host: Host, sockets: Path, log: IO[bytes]) -> bool:
        """Whether the server came up. While it lives it is waited for, as crash recovery takes its time."""
        options = [f"-c{name}={value}" for name, value in _SETTINGS.items()]
        place = f"-cunix_socket_directories={sockets}"
        process = host.spawn("postgres", "-D", host.seen(host.cluster), place, *options, cwd=host.cluster, output=log)
        self._process = process
        if self._stopping.is_set():
            process.send_signal(signal.SIGINT)
        deadline = time.monotonic() + _START_LIMIT_S
        while process.poll() is None and time.monotonic() < deadline:
            if status(host.cluster)[7:] == ["ready"]:
                return True
            time.sleep(0.01)
        return False

    def _end(self) -> None:
        """Leaves no server behind, whatever went wrong on the way."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()


def _log_in(folder: Path) -> IO[bytes]:
    """PostgreSQL's own log; the previous one is kept once it has grown large."""
    log = folder / "postgres.log"
    if log.exists() and log.stat().st_size > _LOG_LIMIT_BYTES:
        log.replace(folder / "postgres.log.1")
    return log.open("ab", buffering=0)
