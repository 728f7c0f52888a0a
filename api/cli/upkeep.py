"""`benefits migrate`: for those who look after a service."""

from pathlib import Path

from api.cli.ground import bring_forward
from api.cli.places import joined_databases, read_environment
from api.cli.terminal import say, step


def migrate(*, data: Path | None = None) -> None:
    """Bring the tables of the database up to date.

    Parameters
    ----------
    data
        The data folder of a running demo; without it the database of DATABASE_OWNER_URL.
    """
    databases = joined_databases(read_environment(), data)
    with step("Bringing the tables up to date"):
        bring_forward(databases)
    say("The tables are up to date.")
