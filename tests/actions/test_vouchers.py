"""Packs of vouchers, counted kind by kind, and pools of a partner's one-time codes."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from domain.actor import ANONYMOUS, Caller
from domain.errors import AllowanceUsedUp, InvalidInput, NotFound, ProductUnavailable
from domain.programmes.rules.document import Allowance, Budget
from domain.programmes.rules.shapes import VoucherKind, VoucherPack
from domain.programmes.rules.terms import BudgetUnit, Window
from domain.redemption.actions.partner_codes import FIELD, LOW, RUN_OUT, load_codes
from domain.redemption.queries.partner_codes import Pool
from domain.redemption.rules.scans import ScanReason
from domain.values import words
from tests.actions.counter import Counter, books_agree, counter, number_of, refused

__all__ = ["counter"]

PACK = VoucherPack(
    vouchers=(
        VoucherKind(code="tea", title=words("茶饮券", "Tea"), count=2, price_fen=800),
        VoucherKind(code="film", title=words("电影券", "Cinema"), count=1, price_fen=2500),
    )
)
ONE_PACK = Allowance(quantity=1, unit=words("套", "packs"), window=Window.CALENDAR_YEAR)
PIECES = Budget(amount=1000, unit=BudgetUnit.PIECES, window=Window.CALENDAR_YEAR)


async def used(counter: Counter, product_id: int) -> dict[str, int]:
    rows = await counter.rows(
        "SELECT split_part(u.product_code, '/', 2), u.used FROM allowance_use AS u"
        " JOIN product AS p ON p.code = split_part(u.product_code, '/', 1) WHERE p.id = :id",
        id=product_id,
    )
    return dict(rows)  # type: ignore[arg-type]  # two columns


async def draw(counter: Counter, citizen: Caller, cashier: Caller, product_id: int, kind: str) -> int:
    shown = await counter.present(citizen, product_id, voucher=kind)
    return number_of(await counter.redeem(cashier, counter.code(shown), basis=None))


async def test_each_kind_of_a_pack_is_counted_by_itself(counter: Counter) -> None:
    product_id = await counter.offer(PACK, allowance=ONE_PACK, budget=PIECES)
    citizen, cashier = await counter.citizen(), await counter.cashier()
    await draw(counter, citizen, cashier, product_id, "tea")
    await draw(counter, citizen, cashier, product_id, "film")
    assert isinstance(await refused(counter.present(citizen, product_id, voucher="film")), AllowanceUsedUp)
    await draw(counter, citizen, cashier, product_id, "tea")
    assert await used(counter, product_id) == {"tea": 2, "film": 1}
    assert isinstance(await refused(counter.present(citizen, product_id, voucher="tea")), AllowanceUsedUp)
    await books_agree(counter)


async def test_a_second_code_of_the_last_voucher_is_not_valid_and_lives_on(counter: Counter) -> None:
    product_id = await counter.offer(PACK, allowance=ONE_PACK, budget=None)
    citizen, cashier = await counter.citizen(), await counter.cashier()
    first = await counter.present(citizen, product_id, voucher="film")
    await counter.redeem(cashier, counter.code(first), basis=None)
    tea = await counter.present(citizen, product_id, voucher="tea")
    await counter.change("UPDATE presentation SET voucher_kind = 'film' WHERE id = :id", id=tea)
    outcome = await counter.redeem(cashier, counter.code(tea), basis=None)
    assert outcome.reason is ScanReason.NOT_VALID
    assert (await counter.presentation(tea))[0] == "REFUSED"
    assert await used(counter, product_id) == {"film": 1}


async def test_a_reversed_voucher_can_be_drawn_again(counter: Counter) -> None:
    product_id = await counter.offer(PACK, allowance=ONE_PACK, budget=PIECES)
    citizen, cashier = await counter.citizen(), await counter.cashier()
    await counter.reverse(cashier, await draw(counter, citizen, cashier, product_id, "film"))
    assert await used(counter, product_id) == {"film": 0}
    await draw(counter, citizen, cashier, product_id, "film")
    await books_agree(counter)


@pytest.fixture
async def online(counter: Counter) -> int:
    """A product that gives a partner's codes; nothing is in its pool yet."""
    return await counter.offer(PACK, allowance=ONE_PACK, budget=None, partner_codes=True)


async def load(counter: Counter, product_id: int, codes: list[str]) -> int:
    rows = await counter.rows("SELECT code FROM product WHERE id = :id", id=product_id)
    pool = Pool(programme_id=counter.programme_id, product_code=rows[0][0] if rows else "none")
    async with counter.worker.transaction(ANONYMOUS) as unit:
        return await load_codes(unit.session, unit.actor, unit.now, pool=pool, codes=codes)


async def own_codes(counter: Counter, caller: Caller) -> list[str]:
    """The codes that somebody's own transaction can read and open."""
    async with counter.database.reading(caller) as unit:
        rows = await unit.session.execute(
            text("SELECT sealed_code, wrapped_key FROM partner_code WHERE redemption_id IS NOT NULL ORDER BY id")
        )
        return [counter.database.vault.open(row.wrapped_key, FIELD, row.sealed_code) for row in rows]


async def status(counter: Counter, product_id: int) -> tuple[Any, ...]:
    return (await counter.rows("SELECT status, status_reason FROM product WHERE id = :id", id=product_id))[0]


async def test_one_code_goes_with_each_sale_to_its_holder_alone(counter: Counter, online: int) -> None:
    assert await load(counter, online, ["TEA-1", "TEA-2", "TEA-1"]) == 2
    assert await load(counter, online, ["TEA-2"]) == 0
    citizen, stranger, cashier = await counter.citizen(), await counter.citizen(), await counter.cashier()
    shown = await counter.present(citizen, online, voucher="tea")
    assert await own_codes(counter, citizen) == []
    await counter.preview(cashier, counter.code(shown))
    assert await own_codes(counter, citizen) == []
    key = uuid4()
    for _ in range(2):
        await counter.redeem(cashier, counter.code(shown), basis=None, key=key)
    assert await own_codes(counter, citizen) == ["TEA-1"]
    assert await own_codes(counter, stranger) == []
    assert await own_codes(counter, cashier) == []
    stored = await counter.rows("SELECT sealed_code FROM partner_code")
    assert not any(b"TEA" in bytes(row[0]) for row in stored)


async def test_the_last_code_suspends_the_product_and_new_ones_bring_it_back(counter: Counter, online: int) -> None:
    await load(counter, online, ["ONLY"])
    citizen, late, cashier = await counter.citizen(), await counter.citizen(), await counter.cashier()
    waiting = await counter.present(late, online, voucher="tea")
    await draw(counter, citizen, cashier, online, "tea")
    assert await status(counter, online) == ("SUSPENDED", RUN_OUT)
    refusal = await counter.redeem(cashier, counter.code(waiting), basis=None)
    assert refusal.reason is ScanReason.NOT_VALID
    assert (await counter.presentation(waiting))[0] == "REFUSED"
    assert isinstance(await refused(counter.present(late, online, voucher="tea")), ProductUnavailable)
    await load(counter, online, ["NEXT"])
    assert await status(counter, online) == ("PUBLISHED", None)
    assert number_of(await counter.redeem(cashier, counter.code(waiting), basis=None)) > 0


async def test_without_a_code_nothing_is_sold(counter: Counter, online: int) -> None:
    citizen, cashier = await counter.citizen(), await counter.cashier()
    shown = await counter.present(citizen, online, voucher="tea")
    outcome = await counter.redeem(cashier, counter.code(shown), basis=None)
    assert outcome.reason is ScanReason.NOT_VALID
    assert await used(counter, online) == {}
    assert await status(counter, online) == ("SUSPENDED", RUN_OUT)


async def test_the_office_hears_once_that_few_are_left(counter: Counter, online: int) -> None:
    await load(counter, online, [f"CODE-{number}" for number in range(LOW + 2)])
    cashier = await counter.cashier()
    for _ in range(4):
        await draw(counter, await counter.citizen(), cashier, online, "film")
    heard = await counter.rows("SELECT action FROM audit_event WHERE action LIKE 'partner_codes%' ORDER BY id")
    assert heard[-1:] == [("partner_codes_low",)]
    said = await counter.rows("SELECT count(*) FROM outbox WHERE topic = 'partner_codes' AND subject LIKE '%low:%'")
    assert said == [(1,)]


async def test_whoever_draws_at_the_same_moment_gets_another_code(counter: Counter, online: int) -> None:
    await load(counter, online, [f"RACE-{number}" for number in range(5)])
    people = [await counter.citizen() for _ in range(5)]
    tills = [await counter.cashier() for _ in range(5)]
    await asyncio.gather(
        *(draw(counter, citizen, till, online, "tea") for citizen, till in zip(people, tills, strict=True))
    )
    drawn = [code for citizen in people for code in await own_codes(counter, citizen)]
    assert sorted(drawn) == [f"RACE-{number}" for number in range(5)]


async def test_codes_go_only_to_products_that_give_them(counter: Counter) -> None:
    plain = await counter.offer(PACK, allowance=ONE_PACK, budget=None)
    assert isinstance(await refused(load(counter, plain, ["X"])), InvalidInput)
    assert isinstance(await refused(load(counter, 10**9, ["X"])), NotFound)
    assert isinstance(await refused(load(counter, plain, ["X" * 201])), InvalidInput)
