"""Becomes PostgreSQL, in such a way that PostgreSQL cannot outlive the program that started it.

Run by path, with the standard library only: PARENT UID GID WATCH PROGRAM ARGUMENT…
"""

import ctypes
import os
import select
import signal
import subprocess
import sys
from types import FrameType

UNCHANGED = -1
KERNEL_WATCHES = -1

_PR_SET_PDEATHSIG = 1
# This interpreter may need what the environment says; PostgreSQL needs none of it, and must not obey any.
_ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/bin:/bin"}


def main(arguments: list[str]) -> None:
    """Drops the rights of root, ties this process to its parent and turns into the program."""
    parent, uid, gid, watch = (int(argument) for argument in arguments[:4])
    program = arguments[4:]
    os.umask(0o077)
    _become(uid, gid)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        # Python ignores them, and what is ignored stays ignored in the program that comes after.
        signal.signal(number, signal.SIG_DFL)
    if watch != KERNEL_WATCHES:
        sys.exit(_stay_and_watch(program, watch))
    _die_with(parent)
    os.execve(program[0], program, _ENVIRONMENT)  # noqa: S606 - the supervisor chose the program


def _become(uid: int, gid: int) -> None:
    """Group before user: after the user is given up, the group can no longer be changed."""
    if uid == UNCHANGED:
        return
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def _die_with(parent: int) -> None:
    """Asks the kernel for SIGQUIT when the parent dies; setuid would have cleared it, so it comes after.

    The parent may have died before the kernel was asked: then nobody would ever send the signal.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGQUIT), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "the kernel refused a parent-death signal")
    if os.getppid() != parent:
        sys.exit(1)


def _stay_and_watch(program: list[str], watch: int) -> int:
    """Where the kernel has no such signal: stays in between and reads a pipe that ends with the parent."""
    child = subprocess.Popen(program, env=_ENVIRONMENT)  # noqa: S603 - the supervisor chose the program
    done, told = os.pipe()

    def forward(number: int, _: FrameType | None) -> None:
        child.send_signal(number)

    def child_ended(_: int, __: FrameType | None) -> None:
        os.write(told, b".")

    signal.signal(signal.SIGCHLD, child_ended)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT):
        signal.signal(number, forward)
    while child.poll() is None:
        readable, _, _ = select.select([watch, done], [], [], 1.0)
        if watch in readable:
            child.send_signal(signal.SIGQUIT)
            return child.wait()
    return child.returncode


if __name__ == "__main__":
    main(sys.argv[1:])
