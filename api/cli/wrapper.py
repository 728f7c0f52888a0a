"""`uv run` stands between the terminal and this program; when it is killed, nobody would be left to stop us."""

import os
import signal
import subprocess
import threading
import time
from pathlib import Path

_WRAPPER = "uv"
_LOOK_EVERY_S = 0.5
_PROC = Path("/proc")


def follow_wrapper() -> None:
    """Ends this program in good order once the wrapper that started it is gone. Others may leave us running."""
    parent = os.getppid()
    if _name_of(parent) == _WRAPPER:
        threading.Thread(target=_leave_with, args=(parent,), name="wrapper", daemon=True).start()


def _leave_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_EVERY_S)
    os.kill(os.getpid(), signal.SIGTERM)


def _name_of(process: int) -> str:
    """What the system calls the process; nothing where it does not say."""
    try:
        if _PROC.exists():
            return (_PROC / str(process) / "comm").read_text().strip()
        listed = subprocess.run(["/bin/ps", "-o", "ucomm=", "-p", str(process)], capture_output=True, check=False)  # noqa: S603
        return listed.stdout.decode().strip()
    except OSError:
        return ""
