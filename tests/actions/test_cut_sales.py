"""What stays of a settled sale leads to nobody: no number, no instant, no order of rows, no case and no officer."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from api.daily import DAILY, City, Morning, shuffle_yesterdays_looks
from domain.actor import ANONYMOUS, Caller
from domain.people.actions import look_up_by_presence, presence_code_of, show_presence_code
from domain.people.rules import Purpose
from domain.programmes.rules.shapes import AmountOff
from domain.redemption.actions.reserving import reserve_benefit
from domain.redemption.queries.lives import shuffle_uses
from domain.rights.queries.cases import forget_sales
from domain.rights.rules.cases import Status, Target, Wish
from tests.actions.accounts import cut, everything_of
from tests.actions.cases import DOCUMENT, TEN, Cases, cases
from tests.actions.counter import ZONE, Counter, books_agree, day_of, number_of
from tests.rules.benefits import money, uses

__all__ = ["cases"]

DAY = timedelta(days=1)
PEOPLE = 10
SHOP = next(one.code for one in DOCUMENT.organisations if one.kind == "MERCHANT")
JUNE = date(2026, 6, 1)
MIDNIGHT = datetime.fromisoformat("2026-06-15T00:00:00+08:00")
SETTLED = TEN + 61 * DAY


@pytest.fixture
def counter(cases: Cases) -> Counter:
    return Counter(programme_id=cases.programme_id, database=cases.database, worker=cases.worker, document=DOCUMENT)


async def sell_all(counter: Counter, product_id: int, people: Sequence[Caller]) -> list[datetime]:
    """Each reserves, shows a code and takes it, one after the other; gives when each was sold."""
    till, catalogue = await counter.cashier(SHOP), await counter.catalogue(TEN)
    instants = [TEN + timedelta(minutes=5 + number, seconds=13) for number in range(len(people))]
    for citizen in people:
        await counter.act(citizen, reserve_benefit, TEN, catalogue=catalogue, product_id=product_id, key=uuid4())
    for citizen, at in zip(people, instants, strict=True):
        number_of(await counter.redeem(till, counter.code(await counter.present(citizen, product_id, at)), at))
    return instants


async def next_morning(counter: Counter) -> None:
    """The job of the day after the sales."""
    assert shuffle_yesterdays_looks in DAILY
    city = City(programme_id=counter.programme_id, zone=ZONE, products=(), is_new=False)
    async with counter.worker.transaction(ANONYMOUS) as unit:
        await shuffle_yesterdays_looks(unit.session, Morning(city=city, day=day_of(TEN + DAY), now=TEN + DAY))


async def names_of(counter: Counter, people: Sequence[Caller]) -> dict[str, int]:
    """Under what each of them stands in any table."""
    rows = await counter.rows(
        "SELECT person_id, id, pseudonym::text FROM citizen WHERE person_id = ANY (:people)",
        people=[one.person_id for one in people],
    )
    return {
        name: person
        for person, citizen, pseudonym in rows
        for name in (
            f"person_id {person}",
            f"citizen_id {citizen}",
            f"holder {pseudonym}",
            f"principal person:{person}",
        )
    }


def whose(row: Mapping[str, Any], names: Mapping[str, int]) -> int | None:
    found = {names.get(f"{column} {row.get(column)}") for column in ("person_id", "citizen_id", "holder", "principal")}
    return next(iter(found - {None}), None)


async def test_neither_order_nor_instant_of_any_row_leads_from_a_sale_to_its_person(counter: Counter) -> None:
    product_id = await counter.offer(AmountOff(amount_fen=300), allowance=uses(1), budget=money(), provider=SHOP)
    people = [await counter.citizen() for _ in range(PEOPLE)]
    random.Random(2018).shuffle(people)
    instants = await sell_all(counter, product_id, people)
    await next_morning(counter)
    assert await cut(counter, SETTLED, JUNE, SHOP) == PEOPLE

    # The outbox forgets within a day of having sent.
    tables = await everything_of(counter, skip={"outbox"})
    names, sold = await names_of(counter, people), [one.person_id for one in people]
    seen = {}
    for table, rows in tables.items():
        mine = [row for row in rows if whose(row, names) is not None]
        by_number = sorted(mine, key=lambda row: row.get("id") or 0)
        for order in (mine, by_number, by_number[::-1]):
            # Everybody in the order in which the rows first name them: not that of the sales.
            assert list(dict.fromkeys(whose(row, names) for row in order)) != sold, table
        seen[table] = {whose(row, names) for row in mine}
        told = str(mine)
        assert not any(at.isoformat() in told for at in instants), table
    assert seen["access_event"] == seen["allowance_use"] == set(sold)
    assert seen["reservation"] == seen["redemption_holder"] == seen["presentation"] == set()
    operations = {row["operation"] for row in tables["idempotency"] if whose(row, names)}
    assert operations.isdisjoint({"reserveBenefit", "presentBenefit", "redeem"})
    # Of the sales themselves the day is left, in the ledger as well.
    mine = [row["id"] for row in tables["redemption"] if row["product_id"] == product_id]
    ledger = [row["at"] for row in tables["transfer"] if row["redemption_id"] in mine]
    assert {datetime.fromisoformat(at) for at in ledger} == {MIDNIGHT}
    assert len(ledger) == PEOPLE
    await books_agree(counter)


async def test_what_is_given_back_while_uses_are_written_anew_is_given_back(counter: Counter) -> None:
    product_id = await counter.offer(allowance=uses(9), budget=money(), provider=SHOP)
    code = (await counter.rows("SELECT code FROM product WHERE id = :id", id=product_id))[0][0]
    citizen, till = await counter.citizen(), await counter.cashier(SHOP)
    for _ in range(2):
        number = number_of(await counter.redeem(till, counter.code(await counter.present(citizen, product_id))))
    shown = await counter.present(citizen, product_id)
    async with counter.worker.transaction(ANONYMOUS) as unit:
        await shuffle_uses(unit.session, programme_id=counter.programme_id, products=[code])
        undoing = asyncio.create_task(counter.reverse(till, number))
        await asyncio.sleep(0.2)
        assert not undoing.done()
    await undoing
    assert await counter.used(product_id) == [1]
    async with counter.worker.transaction(ANONYMOUS) as unit:
        await shuffle_uses(unit.session, programme_id=counter.programme_id, products=[code])
        selling = asyncio.create_task(counter.redeem(till, counter.code(shown)))
        await asyncio.sleep(0.2)
        assert not selling.done()
    number_of(await selling)
    assert await counter.used(product_id) == [2]
    await books_agree(counter)


async def test_the_looks_of_a_day_keep_their_numbers_and_what_they_say(counter: Counter) -> None:
    product_id = await counter.offer(allowance=uses(1), budget=money(), provider=SHOP)
    citizen, till = await counter.citizen(), await counter.cashier(SHOP)
    await counter.redeem(till, counter.code(await counter.present(citizen, product_id)))
    log = "SELECT to_jsonb(e) FROM access_event AS e WHERE e.person_id = :person"
    before = await counter.rows(log, person=citizen.person_id)
    await next_morning(counter)
    assert await counter.rows(log, person=citizen.person_id) == before
    assert before[0][0]["id"] >= 2**62


async def test_an_objection_keeps_the_number_of_its_sale_only_while_it_goes_on(cases: Cases, counter: Counter) -> None:
    product_id = await counter.offer(allowance=uses(9), budget=money(), provider=SHOP)
    citizen, till = await counter.citizen(), await counter.cashier(SHOP)
    sales = [
        number_of(await counter.redeem(till, counter.code(await counter.present(citizen, product_id))))
        for _ in range(2)
    ]
    late = TEN + 59 * DAY
    decided, open_one = [
        await cases.wish(citizen, Wish(target=Target.REDEMPTION, subject_key=(number,), reason="价格不对"), late)
        for number in sales
    ]
    await cases.decide(await cases.officer(), decided, Status.REJECTED, late)
    assert await cut(counter, SETTLED, JUNE, SHOP) >= 2
    remedy = (await counter.rows("SELECT remedy_until FROM objection WHERE id = :id", id=decided))[0][0]
    kept = "SELECT id, subject_key FROM objection WHERE id = ANY (:ids) ORDER BY id"
    asked = "SELECT (result ->> 'id')::bigint FROM idempotency WHERE operation = 'object_to' AND principal = :principal"
    for today, left in (
        (day_of(SETTLED), sales[0]),
        (remedy, sales[0]),
        (remedy + DAY, 0),
        (remedy + 2 * DAY, 0),
    ):
        async with counter.worker.transaction(ANONYMOUS) as unit:
            await forget_sales(unit.session, programme_id=counter.programme_id, today=today)
        assert await counter.rows(kept, ids=[decided, open_one]) == [(decided, [left]), (open_one, [sales[1]])]
        keys = await counter.rows(asked, principal=f"person:{citizen.person_id}")
        assert {key for (key,) in keys} == ({decided, open_one} if left else {open_one})
    assert await counter.rows("SELECT contested_at FROM redemption WHERE id = ANY (:ids)", ids=sales) == [(None,)] * 2


async def test_the_offices_trail_does_not_name_the_sale_of_whom_it_has_looked_up(counter: Counter) -> None:
    product_id = await counter.offer(allowance=uses(9), budget=money(), provider=SHOP)
    citizen, till = await counter.citizen(), await counter.cashier(SHOP)
    number = number_of(await counter.redeem(till, counter.code(await counter.present(citizen, product_id))))
    officer, key = await cases_of(counter).officer(), uuid4()
    await counter.act(citizen, show_presence_code, TEN, key=key)
    code = presence_code_of(counter.database.vault, citizen.person_id or 0, key)
    await counter.act(officer, look_up_by_presence, TEN, code=code, purpose=Purpose.REVERSAL, key=uuid4())
    await counter.reverse(officer, number, TEN)
    trail = await counter.rows(
        "SELECT action, object FROM audit_event WHERE actor_person_id = :officer ORDER BY id", officer=officer.person_id
    )
    assert [action for action, _ in trail] == ["look_up", "reverse_redemption"]
    assert trail[1][1] == {
        "organisation": till.organisation_id,
        "product": (await counter.rows("SELECT code FROM product WHERE id = :id", id=product_id))[0][0],
    }


def cases_of(counter: Counter) -> Cases:
    return Cases(programme_id=counter.programme_id, database=counter.database, worker=counter.worker)
