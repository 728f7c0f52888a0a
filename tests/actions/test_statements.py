"""A shop's month: what was sold and undone, equal to the ledger, and paid once."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from domain.actor import Caller, Role
from domain.errors import AlreadyDecided, IdempotencyConflict, InvalidInput, NotFound, TooEarly
from domain.ledger import queries as ledger
from domain.ledger.queries import Account
from domain.people.settlement import Post
from domain.programmes.rules.document import Allowance, Budget
from domain.programmes.rules.shapes import AmountOff, DepositWaiver, PayRatio, QuantityFree, TimeFree
from domain.programmes.rules.terms import AllowanceMeasure, BudgetUnit, Window
from domain.redemption.actions.paying import mark_paid
from domain.redemption.queries import statements
from domain.redemption.rules.statements import Statement, month_of
from domain.values import words
from tests.actions.counter import TEN, ZONE, Counter, books_agree, counter, number_of, refused

__all__ = ["counter"]

JUNE = month_of("2026-06", ZONE)
JULY = month_of("2026-07", ZONE)
# The first of July, ten o'clock in Shanghai.
AFTER = datetime(2026, 7, 1, 2, 0, tzinfo=UTC)
MONEY = Budget(amount=10_000_000, unit=BudgetUnit.FEN, window=Window.CALENDAR_YEAR)
SHAPES = {
    "half": (PayRatio(pay_percent=40), {}, 199),
    "off": (AmountOff(amount_fen=30_000), {}, 45_000),
    "water": (
        QuantityFree(quantity=30, unit=words("立方米", "m³"), unit_price_fen=350),
        {
            "allowance": Allowance(
                quantity=30, measure=AllowanceMeasure.RELIEF, unit=words("立方米", "m³"), window=Window.CALENDAR_YEAR
            )
        },
        12,
    ),
    "deposit": (DepositWaiver(max_deposit_fen=100_000, max_days=30), {}, 60_000),
    "parking": (TimeFree(minutes=30), {"budget": None}, 45),
}


async def month(counter: Counter, caller: Caller, which: Any = JUNE, shop: int | None = None) -> Statement | None:
    async with counter.database.reading(caller) as unit:
        number = shop or caller.organisation_id or 0
        return await statements.statement(unit.session, organisation_id=number, month=which)


async def owed(counter: Counter, shop: int | None) -> int:
    async with counter.worker.reading(Caller(role=Role.ANONYMOUS)) as unit:
        account = Account(kind="PAYABLE", owner=str(shop))
        held = await ledger.balance(unit.session, programme_id=counter.programme_id, account=account)
    return held.posted_fen


async def manager(counter: Counter, shop: str) -> Caller:
    return await counter.settle(Role.MANAGER, post=Post(role="manager", organisation=shop))


async def officer(counter: Counter) -> Caller:
    return await counter.settle(Role.OFFICER, post=Post(role="officer"))


async def pay(counter: Counter, by: Caller, shop: int | None, at: datetime = AFTER, **values: Any) -> None:
    wanted = {"month": JUNE, "payment_ref": "BANK-1", "key": uuid4(), **values}
    await counter.act(by, mark_paid, at, organisation_id=shop or 0, **wanted)


async def sold(counter: Counter, cashier: Caller, product: int, basis: int, at: datetime = TEN) -> int:
    citizen = await counter.citizen()
    code = counter.code(await counter.present(citizen, product, at))
    return number_of(await counter.redeem(cashier, code, at, basis=basis))


async def test_a_month_equals_the_ledger_whatever_was_sold_and_undone(counter: Counter) -> None:
    cashier = await counter.cashier("here")
    products: dict[str, int] = {}
    for name, (shape, changes, basis) in SHAPES.items():
        products[name] = await counter.offer(shape, **{"budget": MONEY, **changes})
        first = await sold(counter, cashier, products[name], basis)
        await sold(counter, cashier, products[name], basis)
        if name == "half":
            await counter.reverse(cashier, first)
    found = await month(counter, cashier)
    assert found is not None
    lines = {line.product_id: line for line in found.lines}
    told = {
        name: (line.redemptions, line.reversed, line.relief, line.relief_fen, line.payable_fen)
        for name, number in products.items()
        if (line := lines[number])
    }
    assert told == {
        "half": (2, 1, 119, 119, 119),
        "off": (2, 0, 60_000, 60_000, 60_000),
        "water": (2, 0, 24, 8_400, 8_400),
        "deposit": (2, 0, 120_000, 120_000, 0),
        "parking": (2, 0, 60, 0, 0),
    }
    assert found.payable_fen == await owed(counter, cashier.organisation_id) == 68_519
    assert (found.redemptions, found.reversed, found.relief_fen) == (10, 1, 188_519)
    assert await month(counter, cashier, JULY) is not None
    assert (await month(counter, cashier, JULY)).lines == ()  # type: ignore[union-attr]  # asserted above
    await books_agree(counter)


async def test_a_sale_after_local_midnight_is_the_next_months(counter: Counter) -> None:
    cashier = await counter.cashier("there")
    product = await counter.offer(PayRatio(pay_percent=40), budget=MONEY, provider="there")
    last = JULY.since - timedelta(seconds=1)
    await sold(counter, cashier, product, 200, last)
    later = await sold(counter, cashier, product, 200, JULY.since)
    await counter.reverse(cashier, later, JULY.since + timedelta(hours=1))
    june, july = await month(counter, cashier), await month(counter, cashier, JULY)
    assert june is not None
    assert july is not None
    assert (june.redemptions, june.reversed, june.payable_fen) == (1, 0, 120)
    assert (july.redemptions, july.reversed, july.payable_fen) == (1, 1, 0)


async def test_a_month_is_paid_once_when_it_is_over_and_the_ledger_shows_it(counter: Counter) -> None:
    cashier, by = await counter.cashier("there"), await officer(counter)
    shop, before = cashier.organisation_id, await owed(counter, cashier.organisation_id)
    found = await month(counter, by, JUNE, shop)
    assert found is not None
    assert isinstance(await refused(pay(counter, by, shop, JULY.since - timedelta(seconds=1))), TooEarly)
    assert isinstance(await refused(pay(counter, by, shop, payment_ref=" ")), InvalidInput)
    assert isinstance(await refused(pay(counter, by, 10**9)), NotFound)
    assert isinstance(await refused(pay(counter, by, shop, AFTER + timedelta(days=40), month=JULY)), InvalidInput)
    assert await owed(counter, shop) == before
    key = uuid4()
    await pay(counter, by, shop, key=key)
    await pay(counter, by, shop, key=key)
    assert isinstance(await refused(pay(counter, by, shop, key=key, payment_ref="BANK-2")), IdempotencyConflict)
    assert isinstance(await refused(pay(counter, by, shop)), AlreadyDecided)
    assert await owed(counter, shop) == before - found.payable_fen
    paid = await month(counter, cashier)
    assert paid is not None
    assert (paid.paid_at, paid.payment_ref, paid.payable_fen) == (AFTER, "BANK-1", found.payable_fen)
    await books_agree(counter)


async def test_a_shop_reads_no_other_shops_month(counter: Counter) -> None:
    here, there = await manager(counter, "here"), await manager(counter, "there")
    assert await month(counter, here, JUNE, there.organisation_id) is None
    citizen = await counter.citizen()
    assert await month(counter, citizen, JUNE, there.organisation_id) is None


@pytest.mark.parametrize("text", ["2026-6", "2026-13", "26-06", "2026-06-01", "", "２０２６-06"])
def test_a_month_reads_like_2026_06(text: str) -> None:
    with pytest.raises(InvalidInput):
        month_of(text, ZONE)
