"""`benefits serve` and `benefits worker`: the server and the worker, each as a process of its own."""

from pathlib import Path

from api.cli.places import joined_settings, listening
from api.cli.terminal import say


def serve(*, port: int = 8000, host: str = "127.0.0.1", data: Path | None = None) -> None:
    """Serve the API.

    Parameters
    ----------
    port
        The port to serve on; 0 takes a free one.
    host
        The address to serve on; 0.0.0.0 for all of this machine's.
    data
        The data folder of a running demo to join; without it the database of DATABASE_URL.
    """
    settings = joined_settings(data)
    with listening(host, port) as listener:
        address = f"http://{host}:{listener.getsockname()[1]}"
        from api.cli import ground, running

        ground.check(settings.database_url)
        running.serve_until_stopped(settings, listener, announce=lambda: say(f"ready {address}"), with_worker=False)


def worker(*, data: Path | None = None) -> None:
    """Run the jobs that nobody waits for.

    Parameters
    ----------
    data
        The data folder of a running demo to join; without it the database of DATABASE_URL.
    """
    settings = joined_settings(data)
    from api.cli import ground, running

    ground.check(settings.database_worker_url)
    say("working")
    running.work_until_stopped(settings)
