"""Runs the server, the worker, or both in this process, until the process is asked to stop."""

import asyncio
import signal
import socket
from collections.abc import Callable

import uvicorn
from starlette.applications import Starlette

from api.app import create_app, leave
from api.cli.terminal import Advance
from api.database import WorkerDatabase
from api.logs import configure_logs
from api.settings import Settings
from api.worker import DEMO, PERIODIC, work_and_relay
from domain.actor import ANONYMOUS
from domain.vault import Vault
from seeds.demo import programme_codes, seed_programme

_DRAIN_LIMIT_S = 10
_IDLE_LIMIT_S = 0.5
_LOOK_EVERY_S = 0.02
_LONGEST_MESSAGE_BYTES = 65_536


def fill(settings: Settings, advance: Advance) -> None:
    """Loads the demonstration cities, or tops up what time has eaten."""
    asyncio.run(_fill(settings, advance))


async def _fill(settings: Settings, advance: Advance) -> None:
    database = WorkerDatabase(settings.database_worker_url, Vault(settings.vault_key), pool_size=2)
    codes = programme_codes()
    try:
        for done, code in enumerate(codes, start=1):
            async with database.transaction(ANONYMOUS) as unit:
                await seed_programme(unit.session, unit.now, code=code)
            advance(done, len(codes))
    finally:
        await database.dispose()


def serve_until_stopped(
    settings: Settings, listener: socket.socket, *, announce: Callable[[], None], with_worker: bool
) -> None:
    """Serves on the listener; `announce` is called as soon as requests are answered."""
    configure_logs()
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        ws_max_size=_LONGEST_MESSAGE_BYTES,
        timeout_graceful_shutdown=_DRAIN_LIMIT_S,
    )
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(_serve(_Server(config, announce, app), settings, listener, with_worker=with_worker))


def work_until_stopped(settings: Settings) -> None:
    """Runs the worker alone, until the process is asked to stop."""
    configure_logs()
    asyncio.run(_work_until_signalled(settings))


class _Server(uvicorn.Server):
    """Says when it has begun to answer, which its library writes into a log only, and leaves in good order."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None], app: Starlette) -> None:
        super().__init__(config)
        self._announce = announce
        self._app = app

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._announce()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """No more connections; streams, which never end by themselves, are ended; open connections say good-bye.

        A connection that is idle may carry its next request any moment: that one is answered with `connection: close`,
        and only who says nothing for a while is hung up on.
        """
        await asyncio.sleep(0)
        for server in self.servers:
            server.close()
        self.server_state.default_headers = [*self.server_state.default_headers, (b"connection", b"close")]
        await leave(self._app)
        for _ in range(round(_IDLE_LIMIT_S / _LOOK_EVERY_S)):
            if self.server_state.connections:
                await asyncio.sleep(_LOOK_EVERY_S)
        await super().shutdown(sockets)


async def _serve(server: uvicorn.Server, settings: Settings, listener: socket.socket, *, with_worker: bool) -> None:
    stopping = asyncio.Event()
    worker = asyncio.create_task(_work(settings, stopping)) if with_worker else None
    try:
        await server.serve(sockets=[listener])
    finally:
        stopping.set()
        if worker is not None:
            await asyncio.wait({worker}, timeout=_DRAIN_LIMIT_S)


async def _work_until_signalled(settings: Settings) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    await _work(settings, stopping)


async def _work(settings: Settings, stopping: asyncio.Event) -> None:
    database = WorkerDatabase(settings.database_worker_url, Vault(settings.vault_key))
    tasks = (*PERIODIC, *(DEMO if settings.demo else ()))
    try:
        await work_and_relay(database, stopping, tasks)
    finally:
        await database.dispose()
