"""The command line. Each command is loaded when it is called, so that none waits for the others' libraries."""

import signal
import sys
from types import FrameType

from cyclopts import App, CycloptsError

from api.cli.formats import IMPORT
from api.cli.terminal import complain
from api.cli.wrapper import follow_wrapper
from api.errors import CannotStart

app = App(name="benefits", help="Citizen Credit Benefits: a benefits-only citizen credit programme.")
app.command("api.cli.demo:demo", help="Start the whole service with eight demonstration cities.")
app.command("api.cli.serve:serve", help="Serve the API.")
app.command("api.cli.serve:worker", help="Run the jobs that nobody waits for.")
app.command("api.cli.upkeep:migrate", help="Bring the tables of the database up to date.")
app.command("api.cli.sdl:schema", help="Print the schema of the API.")
app.command("api.cli.doctor:doctor", help="Examine the database: version, roles, grants, row security.")
app.command("api.cli.who:token", help="Print an access token for one of the demo's invented people.")
app.command("api.cli.imports:import_file", name="import", help=IMPORT)
app.command("api.cli.machine:machine", help="Register the machine with which a department delivers.")
app.command("api.cli.partner_codes:partner_codes", name="partner-codes", help="Load a partner's one-time codes.")
app.command("api.cli.rescore:rescore", help="Work out everybody's score again.")
app.command("api.cli.clock:clock", help="Move the business time of a demo forward.")

rules = App(name="rules", help="Look at programme files.")
rules.command("api.cli.papers:check", help="Say what is wrong with programme files.")
app.command(rules)

ledger = App(name="ledger", help="Look at the books.")
ledger.command("api.cli.ledger:check", help="Prove the books from their rows; name the first that does not fit.")
app.command(ledger)

bench = App(name="bench", help="Measure this machine. Prints ratios; nothing depends on them.")
bench.command("api.cli.bench:scan", help="Scans of one hot budget against pgbench of the same statements.")
bench.command("api.cli.bench_dry_run:dry_run", name="dry-run", help="Drafted rules over generated people.")
app.command(bench)


def main() -> None:
    """Runs one command. What keeps it from starting is told in one sentence, with status 1; 2 for what was typed."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    follow_wrapper()
    try:
        app(exit_on_error=False, print_error=False)
    except CycloptsError as mistake:
        command = " ".join(("benefits", *(mistake.command_chain or ())))
        said = str(mistake)
        complain(f"{said}{'' if said[-1:] in '.?' else '.'} `{command} --help` says what it takes.")
        sys.exit(2)
    except CannotStart as refusal:
        complain(str(refusal))
        sys.exit(1)


def _leave(_: int, __: FrameType | None) -> None:
    """Ends the program on the ordinary way out, on which the database is stopped in good order."""
    sys.exit(0)
