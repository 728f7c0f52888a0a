"""The relay: what was committed is sent once, in whole notifications, and what was not is never heard of."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest
from sqlalchemy import text

from api.database import Database, Unit, WorkerDatabase
from api.embedded import Urls
from api.relay import relay
from api.tally import Tally
from domain import outbox
from domain.actor import ANONYMOUS
from domain.outbox import Event, events_of, payloads


@pytest.fixture(autouse=True)
async def empty(worker: WorkerDatabase) -> None:
    """Nothing waits, and nothing has been sent."""
    async with worker.transaction(ANONYMOUS) as unit:
        await unit.session.execute(text("DELETE FROM outbox"))


@pytest.fixture
async def heard(urls: Urls) -> AsyncIterator[list[list[Event]]]:
    """The notifications that a server hears."""
    connection = await asyncpg.connect(urls.app.replace("+asyncpg", "", 1))
    found: list[list[Event]] = []

    def hear(_connection: object, _process: int, _channel: str, payload: object) -> None:
        found.append(events_of(str(payload)))

    await connection.add_listener(outbox.CHANNEL, hear)
    yield found
    await connection.close()


async def publish(unit: Unit, person: int, subject: str = "17") -> None:
    await outbox.publish(unit.session, unit.now, topic="redemption", person_id=person, subject=subject)


async def relay_once(worker: WorkerDatabase, limit: int = outbox.MAX_BATCH) -> int:
    async with worker.transaction(ANONYMOUS) as unit:
        return await outbox.relay(unit.session, unit.now, limit=limit)


async def settle_down() -> None:
    """Long enough for a notification to arrive."""
    await asyncio.sleep(0.1)


async def test_a_batch_is_one_notification_and_is_sent_once(
    database: Database, worker: WorkerDatabase, heard: list[list[Event]]
) -> None:
    for person in (1, 2, 3):
        async with database.transaction(ANONYMOUS) as unit:
            await publish(unit, person)
    assert await relay_once(worker) == 3
    assert await relay_once(worker) == 0
    await settle_down()
    assert [[(event.topic, event.person_id, event.subject) for event in batch] for batch in heard] == [
        [("redemption", 1, "17"), ("redemption", 2, "17"), ("redemption", 3, "17")]
    ]


async def test_a_row_that_commits_after_a_later_number_was_sent_is_sent_as_well(
    database: Database, worker: WorkerDatabase, heard: list[list[Event]]
) -> None:
    async with database.transaction(ANONYMOUS) as slow:
        await publish(slow, 1)
        async with database.transaction(ANONYMOUS) as quick:
            await publish(quick, 2)
        assert await relay_once(worker) == 1
    assert await relay_once(worker) == 1
    await settle_down()
    assert [event.person_id for batch in heard for event in batch] == [2, 1]


async def test_a_change_that_is_undone_is_never_heard_of(
    database: Database, worker: WorkerDatabase, heard: list[list[Event]]
) -> None:
    async with database.reading(ANONYMOUS) as unit:
        await publish(unit, 1)
    assert await relay_once(worker) == 0
    await settle_down()
    assert heard == []


async def test_a_batch_that_is_broken_off_is_sent_by_the_next(
    database: Database, worker: WorkerDatabase, heard: list[list[Event]]
) -> None:
    async with database.transaction(ANONYMOUS) as unit:
        await publish(unit, 1)
    async with worker.reading(ANONYMOUS) as unit:
        assert await outbox.relay(unit.session, unit.now) == 1
    assert await relay_once(worker) == 1
    await settle_down()
    assert len(heard) == 1


async def test_two_workers_share_what_waits_and_send_nothing_twice(
    database: Database, worker: WorkerDatabase, heard: list[list[Event]]
) -> None:
    async with database.transaction(ANONYMOUS) as unit:
        for person in range(1, 21):
            await publish(unit, person)
    async with worker.transaction(ANONYMOUS) as first:
        assert await outbox.relay(first.session, first.now, limit=8) == 8
        assert await relay_once(worker) == 12
    await settle_down()
    assert sorted(event.person_id or 0 for batch in heard for event in batch) == list(range(1, 21))


def test_many_events_fill_several_notifications_of_which_each_fits() -> None:
    events = [Event(id=10**12 + one, topic="redemption", person_id=10**12, subject=str(one)) for one in range(1000)]
    texts = list(payloads(events))
    assert len(texts) > 1
    assert max(len(text.encode()) for text in texts) < 8000
    assert [event for text in texts for event in events_of(text)] == events


def test_nothing_to_send_is_no_notification() -> None:
    assert list(payloads([])) == []


async def test_what_was_sent_is_kept_for_a_day_and_what_waits_for_ever(
    database: Database, worker: WorkerDatabase
) -> None:
    async with database.transaction(ANONYMOUS) as unit:
        await publish(unit, 1)
    await relay_once(worker)
    async with database.transaction(ANONYMOUS) as unit:
        await publish(unit, 2)
    async with worker.transaction(ANONYMOUS) as unit:
        assert await outbox.forget_sent(unit.session, unit.now) == 0
        assert await outbox.forget_sent(unit.session, unit.now + timedelta(hours=23)) == 0
        assert await outbox.forget_sent(unit.session, unit.now + timedelta(days=1, minutes=1)) == 1
        assert await outbox.forget_sent(unit.session, unit.now + timedelta(days=1, minutes=1)) == 0
        left = await unit.session.execute(text("SELECT person_id FROM outbox"))
        assert left.scalars().all() == [2]


async def test_the_server_reads_no_row_of_the_outbox(database: Database) -> None:
    async with database.transaction(ANONYMOUS) as unit:
        await publish(unit, 1)
        allowed = await unit.session.execute(text("SELECT has_table_privilege('benefits_app', 'outbox', 'SELECT')"))
        assert allowed.scalar_one() is False


async def test_the_loop_sends_within_its_pace_and_ends_when_asked(
    database: Database, worker: WorkerDatabase, heard: list[list[Event]]
) -> None:
    stopping, tally = asyncio.Event(), Tally()
    running = asyncio.create_task(relay(worker, stopping, tally))
    async with database.transaction(ANONYMOUS) as unit:
        await publish(unit, 1)
    await asyncio.sleep(0.5)
    assert len(heard) == 1
    stopping.set()
    await asyncio.wait_for(running, 1)
    assert tally.take()["relay"].runs >= 1
