"""Commands for those who look after a service: its tables, its schema, its programme files."""

from pathlib import Path

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
    from api.cli import running

    with step("Bringing the tables up to date"):
        running.bring_forward(databases)
    say("The tables are up to date.")
