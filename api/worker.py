"""What happens without anybody asking: the relay, and periodic tasks, each in its own time, until told to stop."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog

from api.daily import run_days
from api.database import WorkerDatabase
from api.jobs import run_jobs
from api.relay import forget, relay
from api.tally import Tally
from domain import guesses, upkeep
from domain.actor import ANONYMOUS
from domain.audit_chain import BATCH, chain_events
from domain.redemption.actions.reserving import turn_reservations
from domain.redemption.actions.upkeep import expire_presentations
from domain.retention import forget_old
from seeds.demo import top_up_all

HEARTBEAT_S = 5.0
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Periodic:
    """One task and how often it runs. It must bear being run twice, since there may be several workers."""

    name: str
    interval_s: float
    run: Callable[[WorkerDatabase], Awaitable[None]]


async def turn_days(database: WorkerDatabase) -> None:
    """The jobs of the days that have begun."""
    await run_days(database, lambda done, total: None)


async def do_jobs(database: WorkerDatabase) -> None:
    """What has been queued."""
    await run_jobs(database)


async def end_codes(database: WorkerDatabase) -> None:
    """The codes that nobody has redeemed."""
    async with database.transaction(ANONYMOUS) as unit:
        await expire_presentations(unit.session, unit.now)


async def forget_guesses(database: WorkerDatabase) -> None:
    """Who guessed at codes, as soon as the minute is over."""
    async with database.transaction(ANONYMOUS) as unit:
        await guesses.forget(unit.session, unit.now)


async def move_lines(database: WorkerDatabase) -> None:
    """What has become free goes to who has waited longest."""
    async with database.transaction(ANONYMOUS) as unit:
        await turn_reservations(unit.session, unit.now)


async def chain_audit(database: WorkerDatabase) -> None:
    """What was done since the last time is chained to what was done before, one batch in a transaction."""
    linked = BATCH
    while linked == BATCH:
        async with database.transaction(ANONYMOUS) as unit:
            linked = await chain_events(unit.session)


async def seal_canary(database: WorkerDatabase) -> None:
    """What tells a wrong vault key later."""
    async with database.transaction(ANONYMOUS) as unit:
        await upkeep.keep_canary(unit.session)


async def refresh_demo(database: WorkerDatabase) -> None:
    """Events to come, as time passes."""
    async with database.transaction(ANONYMOUS) as unit:
        await top_up_all(unit.session, unit.now)


async def forget_what_is_old(database: WorkerDatabase) -> None:
    """What has been kept long enough goes, a batch at a time."""
    async with database.transaction(ANONYMOUS) as unit:
        await forget_old(unit.session, unit.now)


PERIODIC: tuple[Periodic, ...] = (
    Periodic(name="canary", interval_s=600, run=seal_canary),
    Periodic(name="days", interval_s=5, run=turn_days),
    Periodic(name="jobs", interval_s=2, run=do_jobs),
    Periodic(name="codes", interval_s=30, run=end_codes),
    Periodic(name="guesses", interval_s=60, run=forget_guesses),
    Periodic(name="reservations", interval_s=10, run=move_lines),
    Periodic(name="audit", interval_s=10, run=chain_audit),
    Periodic(name="outbox", interval_s=600, run=forget),
    Periodic(name="retention", interval_s=600, run=forget_what_is_old),
)
DEMO: tuple[Periodic, ...] = (Periodic(name="demo", interval_s=1800, run=refresh_demo),)


async def work_and_relay(database: WorkerDatabase, stopping: asyncio.Event, tasks: Sequence[Periodic]) -> None:
    """Everything that a worker does, until `stopping` is set."""
    tally = Tally()
    heart = Periodic(name="worker", interval_s=HEARTBEAT_S, run=lambda one: beat(one, tally))
    async with asyncio.TaskGroup() as group:
        group.create_task(relay(database, stopping, tally), name="relay")
        group.create_task(work(database, stopping, (heart, *tasks), tally), name="periodic")


async def work(
    database: WorkerDatabase, stopping: asyncio.Event, tasks: Sequence[Periodic], tally: Tally | None = None
) -> None:
    """Runs every task in its own time until `stopping` is set; what is running then is finished."""
    counted = tally or Tally()
    async with asyncio.TaskGroup() as group:
        for task in tasks:
            group.create_task(_repeat(database, stopping, task, counted), name=task.name)


async def beat(database: WorkerDatabase, tally: Tally) -> None:
    """Writes down which tasks have run since the last time, this one among them."""
    tally.good("worker")
    counts = tally.take()
    try:
        async with database.transaction(ANONYMOUS) as unit:
            await upkeep.beat(unit.session, unit.now, counts=counts)
    except Exception:
        tally.put_back(counts)
        raise


async def _repeat(database: WorkerDatabase, stopping: asyncio.Event, task: Periodic, tally: Tally) -> None:
    while not stopping.is_set():
        try:
            await task.run(database)
            tally.good(task.name)
        except Exception as error:
            # One failure must not end the others: it is told, and tried again in the task's own time.
            tally.bad(task.name)
            _log.exception("periodic_failed", task=task.name, error=type(error).__name__)
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), task.interval_s)
