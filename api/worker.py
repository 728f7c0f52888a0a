"""What happens without anybody asking: periodic tasks, each in its own time, until told to stop."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog
from sqlalchemy import text

from api.database import WorkerDatabase

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Periodic:
    """One task and how often it runs. It must bear being run twice, since there may be several workers."""

    name: str
    interval_s: float
    run: Callable[[WorkerDatabase], Awaitable[None]]


async def beat(database: WorkerDatabase) -> None:
    """Finds out that the database is away before a job does."""
    async with database.engine.connect() as connection:
        await connection.execute(text("SELECT 1"))


PERIODIC: tuple[Periodic, ...] = (Periodic(name="heartbeat", interval_s=30, run=beat),)


async def work(database: WorkerDatabase, stopping: asyncio.Event, tasks: Sequence[Periodic] = PERIODIC) -> None:
    """Runs every task in its own time until `stopping` is set; what is running then is finished."""
    async with asyncio.TaskGroup() as group:
        for task in tasks:
            group.create_task(_repeat(database, stopping, task), name=task.name)


async def _repeat(database: WorkerDatabase, stopping: asyncio.Event, task: Periodic) -> None:
    while not stopping.is_set():
        try:
            await task.run(database)
        except Exception as error:
            # One failure must not end the others: it is told, and tried again in the task's own time.
            _log.exception("periodic_failed", task=task.name, error=type(error).__name__)
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), task.interval_s)
