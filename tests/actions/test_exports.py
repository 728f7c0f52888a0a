"""A copy of everything held, for its holder only: complete, in plain text, logged, and kept for seven days."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from domain.actor import Caller
from domain.retention import forget_old
from domain.rights.actions import export_my_data
from domain.rights.actions.exporting import FORMAT, KEPT_FOR, MOST_A_DAY
from tests.actions.counter import CODE, MINUTE, TEN, Counter, counter, refused

__all__ = ["counter"]


async def export(counter: Counter, caller: Caller, key: UUID | None = None, at: Any = TEN) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(await counter.act(caller, export_my_data, at, key=key or uuid4()))
    return document


async def test_a_copy_says_whom_it_is_for_and_shows_everything_in_plain_text(counter: Counter) -> None:
    product_id = await counter.offer()
    citizen, _, _ = await counter.sell(product_id, basis=200)
    document = await export(counter, citizen, at=TEN + MINUTE)
    assert document["format"] == FORMAT
    assert document["for"]["en"].startswith("For the holder only.")
    assert (document["person"]["name"], document["person"]["birth_date"]) == ("试人", "1990-05-01")
    (held,) = document["programmes"]
    assert held["programme"] == CODE
    assert {one["purpose"] for one in held["consents"]} == {"score", "benefits"}
    (sale,) = held["redemptions"]
    assert (sale["basis"], sale["relief"], sale["holder_pays"], sale["shop"]["en"]) == (200, 120, 80, "Test shop")
    assert [one["purpose"] for one in held["access_log"]][-1] == "EXPORT"
    assert held["membership"][0]["joined_at"].startswith("2026-06-15")
    assert "wrapped" not in json.dumps(document)


async def test_everybody_gets_their_own_copy_only(counter: Counter) -> None:
    citizen, neighbour = await counter.citizen(), await counter.citizen()
    mine, theirs = await export(counter, citizen), await export(counter, neighbour)
    assert mine["person"]["subject"] != theirs["person"]["subject"]
    assert theirs["person"]["subject"] not in json.dumps(mine)


async def test_the_look_at_everything_is_in_the_persons_access_log(counter: Counter) -> None:
    citizen = await counter.citizen()
    await export(counter, citizen)
    assert [(role, purpose, what) for _, role, purpose, what, _, _ in await counter.looks(citizen)] == [
        ("citizen", "EXPORT", "Exported everything that is held about you.")
    ]


async def test_the_same_request_gives_the_same_copy_for_seven_days_and_then_says_so(counter: Counter) -> None:
    citizen, key = await counter.citizen(), uuid4()
    first = await export(counter, citizen, key)
    assert await export(counter, citizen, key, TEN + KEPT_FOR - MINUTE) == first
    refusal = await refused(export(counter, citizen, key, TEN + KEPT_FOR))
    assert (refusal.code, refusal.field) == ("TOO_LATE", "idempotencyKey")
    mine = "SELECT count(*) FROM export WHERE person_id = :person"
    assert await counter.rows(mine, person=citizen.person_id) == [(1,)]
    async with counter.worker.transaction(Caller(role=citizen.role)) as unit:
        await forget_old(unit.session, TEN + KEPT_FOR)
    assert await counter.rows(mine, person=citizen.person_id) == [(0,)]


async def test_a_sixth_copy_in_a_day_is_refused_and_changes_nothing(counter: Counter) -> None:
    citizen = await counter.citizen()
    for _ in range(MOST_A_DAY):
        await export(counter, citizen)
    looks = await counter.looks(citizen)
    refusal = await refused(export(counter, citizen))
    assert (refusal.code, refusal.retry_after_ms) == ("RATE_LIMITED", 86_400_000)
    assert await counter.looks(citizen) == looks
    await export(counter, citizen, at=TEN + timedelta(days=1, seconds=1))


async def test_a_stored_copy_cannot_be_read_without_its_holders_key(counter: Counter) -> None:
    citizen = await counter.citizen()
    await export(counter, citizen)
    ((sealed, key),) = await counter.rows(
        "SELECT x.sealed_document, k.wrapped_key FROM export AS x JOIN person_key AS k ON k.person_id = x.person_id"
        " WHERE x.person_id = :person",
        person=citizen.person_id,
    )
    assert "试人".encode() not in sealed
    assert "试人" in counter.database.vault.open(key, "export", sealed)
