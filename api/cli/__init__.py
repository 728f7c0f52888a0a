"""The command line. Each command is loaded when it is called, so that none waits for the others' libraries."""

import signal
import sys
from types import FrameType

from cyclopts import App

from api.cli.terminal import complain
from api.errors import CannotStart

app = App(name="benefits", help="Citizen Credit Benefits: a benefits-only citizen credit programme.")
app.command("api.cli.demo:demo")
app.command("api.cli.serve:serve")
app.command("api.cli.serve:worker")
app.command("api.cli.upkeep:migrate")
app.command("api.cli.doctor:doctor")

rules = App(name="rules", help="Look at programme files.")
rules.command("api.cli.papers:check")
app.command(rules)


def main() -> None:
    """Runs one command. What keeps it from starting is told in one sentence, with status 1."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    try:
        app()
    except CannotStart as refusal:
        complain(str(refusal))
        sys.exit(1)


def _leave(_: int, __: FrameType | None) -> None:
    """Ends the program on the ordinary way out, on which the database is stopped in good order."""
    sys.exit(0)
