"""The worker: each task in its own time, none ended by another's failure, all ended when asked."""

import asyncio

import pytest
import structlog
from sqlalchemy import text

from api.database import WorkerDatabase
from api.tally import Tally
from api.worker import DEMO, PERIODIC, Periodic, beat, work
from domain.actor import ANONYMOUS
from domain.upkeep import Count


async def beats(worker: WorkerDatabase) -> dict[str, tuple[int, int]]:
    async with worker.reading(ANONYMOUS) as unit:
        rows = await unit.session.execute(text("SELECT name, runs, failures FROM heartbeat"))
        return {row.name: (row.runs, row.failures) for row in rows}


async def test_a_heartbeat_tells_of_every_task_since_the_last_one(worker: WorkerDatabase) -> None:
    async with worker.transaction(ANONYMOUS) as unit:
        await unit.session.execute(text("UPDATE heartbeat SET runs = 0, failures = 0"))
    tally = Tally()
    tally.good("relay")
    tally.bad("days")
    await beat(worker, tally)
    await beat(worker, tally)
    found = await beats(worker)
    assert (found["worker"], found["relay"], found["days"]) == ((2, 0), (1, 0), (0, 1))


async def test_a_heartbeat_that_cannot_be_written_is_counted_with_the_next(worker: WorkerDatabase) -> None:
    nowhere = WorkerDatabase("postgresql+asyncpg://worker@127.0.0.1:1/benefits", worker.vault)
    tally = Tally()
    with pytest.raises(OSError, match="Connect"):
        await beat(nowhere, tally)
    await nowhere.dispose()
    assert tally.take() == {"worker": Count(runs=1)}


async def test_a_failing_task_is_told_and_tried_again_and_ends_no_other(worker: WorkerDatabase) -> None:
    calls: list[str] = []
    stopping = asyncio.Event()

    async def fail(_: WorkerDatabase) -> None:
        calls.append("fail")
        raise ValueError("broken")

    async def succeed(_: WorkerDatabase) -> None:
        calls.append("succeed")
        if calls.count("fail") > 1 and calls.count("succeed") > 1:
            stopping.set()

    tasks = [Periodic(name=task.__name__, interval_s=0.001, run=task) for task in (fail, succeed)]
    with structlog.testing.capture_logs() as logs:
        await asyncio.wait_for(work(worker, stopping, tasks), 5)
    assert calls.count("fail") > 1
    assert calls.count("succeed") > 1
    assert {(log["event"], log["task"], log["error"]) for log in logs} == {("periodic_failed", "fail", "ValueError")}


async def test_a_task_that_waits_for_its_time_does_not_delay_the_end(worker: WorkerDatabase) -> None:
    stopping = asyncio.Event()
    started = asyncio.Event()

    async def start(_: WorkerDatabase) -> None:
        started.set()

    working = asyncio.create_task(work(worker, stopping, [Periodic(name="daily", interval_s=86_400, run=start)]))
    await started.wait()
    stopping.set()
    await asyncio.wait_for(working, 1)


@pytest.mark.parametrize("task", [*PERIODIC, *DEMO], ids=lambda task: task.name)
def test_every_task_takes_its_time(task: Periodic) -> None:
    assert task.interval_s >= 1
