"""The worker: each task in its own time, none ended by another's failure, all ended when asked."""

import asyncio

import pytest
import structlog

from api.database import WorkerDatabase
from api.worker import PERIODIC, Periodic, work


async def test_the_heartbeat_reaches_the_database(worker: WorkerDatabase) -> None:
    heartbeat = next(task for task in PERIODIC if task.name == "heartbeat")
    await heartbeat.run(worker)
    assert heartbeat.interval_s == 30


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


@pytest.mark.parametrize("task", PERIODIC, ids=lambda task: task.name)
def test_every_task_takes_its_time(task: Periodic) -> None:
    assert task.interval_s >= 1
