"""The audit chain: it grows with what is done, its head is the auditor's, and a change to the trail is found."""

from pathlib import Path

import asyncpg
import pytest

from api.database import Database, WorkerDatabase
from api.embedded import superuser_url
from api.worker import chain_audit
from domain import audit
from domain.actor import ANONYMOUS, Role
from domain.audit_chain import first_break
from tests.api.city import City

HEAD = "{ audit { head } }"


@pytest.fixture(scope="module")
async def city(database: Database, worker: WorkerDatabase) -> City:
    return await City(database, worker).seeded()


async def act(worker: WorkerDatabase, *actions: str) -> None:
    async with worker.transaction(ANONYMOUS) as unit:
        for action in actions:
            await audit.record(unit.session, unit.actor, unit.now, action=action, about={"number": 1})
    await chain_audit(worker)


async def broken_at(worker: WorkerDatabase) -> int | None:
    async with worker.reading(ANONYMOUS) as unit:
        return await first_break(unit.session)


async def test_the_head_moves_with_every_event_and_is_for_the_auditor_alone(city: City) -> None:
    async with city.client(await city.caller(Role.AUDITOR)) as desk:
        await act(city.worker, "one")
        first = (await desk.ask(HEAD))["head"]
        await act(city.worker, "two", "three")
        position, _, digest = (await desk.ask(HEAD))["head"].partition(":")
        assert int(position) == int(first.partition(":")[0]) + 2
        assert len(digest) == 64
        await chain_audit(city.worker)
        assert (await desk.ask(HEAD))["head"] == f"{position}:{digest}"
    assert await broken_at(city.worker) is None
    async with city.client(await city.caller(Role.OFFICER)) as officer:
        answer = await officer.answer(HEAD)
        assert answer["data"] == {"audit": None}
        assert answer["errors"][0]["extensions"]["code"] == "NOT_ALLOWED"


async def test_r23_what_was_changed_behind_everybodys_back_is_found(city: City, cluster_folder: Path) -> None:
    await act(city.worker, "four", "five", "six")
    assert await broken_at(city.worker) is None
    connection = await asyncpg.connect(superuser_url(cluster_folder).replace("+asyncpg", ""))
    try:
        await connection.execute("SET session_replication_role = replica")
        await connection.execute("UPDATE audit_event SET action = 'another' WHERE action = 'five'")
        changed = await connection.fetchval(
            "SELECT k.position FROM audit_link AS k JOIN audit_event AS e ON e.id = k.audit_id"
            " WHERE e.action = 'another'"
        )
    finally:
        await connection.close()
    assert await broken_at(city.worker) == changed
