"""`benefits demo`: everything in one process and on one port, with nothing to install beside it."""

from collections.abc import Iterable
from pathlib import Path

from api.cli.places import beginning, data_folder, listening, read_environment
from api.cli.terminal import say, step
from api.embedded import Embedded, erase, prepare
from api.errors import CannotStart
from api.settings import Environment, Settings, UnsafeSetting, remember_address

_HOST = "127.0.0.1"


def demo(*, port: int = 8000, data: Path | None = None, fresh: bool = False) -> None:
    """Start the whole service with eight demonstration cities.

    Parameters
    ----------
    port
        The port of 127.0.0.1 to serve on; 0 takes a free one.
    data
        The folder that keeps the demo's data from one start to the next.
    fresh
        Forget what an earlier demo kept in that folder.
    """
    environment = read_environment()
    folder = data_folder(environment, data)
    _check_choices(environment, fresh=fresh)
    with listening(_HOST, port) as listener:
        address = f"http://{_HOST}:{listener.getsockname()[1]}"
        if fresh:
            erase(folder)
        prepare(folder)
        with beginning(environment, folder) as database:
            # PostgreSQL starts while these libraries load.
            from api.cli import ground, running, welcome
            from seeds.people import ISSUER

            with step("Starting the database"):
                databases = database.wait() if isinstance(database, Embedded) else database
            ground.check_people(databases.worker, issuer=ISSUER)
            settings = Settings.for_folder(environment, folder, databases, address)
            remember_address(folder, settings.public_url)
            with step("Bringing the tables up to date"):
                ground.bring_forward(databases)
            with step("Filling the demonstration cities") as advance:
                running.fill(settings, advance)
            said = welcome.lines(address, folder, is_usual_folder=folder == data_folder(environment, None))
            running.serve_until_stopped(settings, listener, announce=lambda: _announce(address, said), with_worker=True)


def _check_choices(environment: Environment, *, fresh: bool) -> None:
    if environment.oidc_issuer is not None:
        raise UnsafeSetting(
            "OIDC_ISSUER",
            "is set, and the demo would let anybody in beside it",
            "unset it, or start the service with `benefits serve`",
        )
    if fresh and environment.databases() is not None:
        raise CannotStart(
            "--fresh erases an embedded database only, and DATABASE_URL names another one: empty that one yourself."
        )


def _announce(address: str, said: Iterable[str]) -> None:
    say(f"ready {address}")
    for line in said:
        say(line)
