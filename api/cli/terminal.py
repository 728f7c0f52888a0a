"""What the person at the terminal sees: results on the output, complaints and progress on the error stream."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

Advance = Callable[[int, int], None]


def say(line: str = "") -> None:
    """One line of the result, at once. Whoever reads it may have had enough, as `head` has: then the command ends."""
    try:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def complain(sentence: str) -> None:
    """Why a command did not do what it was asked."""
    sys.stderr.write(f"benefits: {sentence}\n")
    sys.stderr.flush()


@contextmanager
def step(label: str) -> Iterator[Advance]:
    """A long step, with a progress bar when somebody is looking. Yields `advance(done, total)`."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(label, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
