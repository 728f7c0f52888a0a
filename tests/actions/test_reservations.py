"""Scarce budgets: a hold that runs out, a line that nobody jumps, and what becomes free goes to the next."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from domain.actor import ANONYMOUS, Caller
from domain.errors import (
    AllowanceUsedUp,
    AlreadyDecided,
    BudgetUsedUp,
    ConsentRequired,
    NotFound,
    NotQualified,
    ProductUnavailable,
)
from domain.incentives.rules.holds import HOLD, held_amount
from domain.programmes.rules.document import Allowance, Budget
from domain.programmes.rules.shapes import (
    AmountOff,
    DepositWaiver,
    HelpInKind,
    MinPoints,
    PayLater,
    PayRatio,
    QuantityFree,
    Shape,
    TimeFree,
    VoucherKind,
    VoucherPack,
)
from domain.programmes.rules.terms import BudgetUnit, RedeemPath, ServiceAccountKind, Window
from domain.redemption.actions.reserving import cancel_reservation, reserve_benefit, turn_reservations
from domain.redemption.rules.scans import ScanReason
from domain.values import words
from tests.actions.counter import TEN, ZONE, Counter, books_agree, counter, number_of, refused
from tests.rules.benefits import product

__all__ = ["counter"]

ESCORT = HelpInKind(service=words("陪诊", "an escort"), quantity=1, unit=words("次", "times"))
ONE = Budget(amount=1, unit=BudgetUnit.PIECES, window=Window.CALENDAR_YEAR)
FREELY = Allowance(quantity=9, unit=words("次", "times"), window=Window.CALENDAR_YEAR)


async def scarce(counter: Counter, **changes: Any) -> int:
    return await counter.offer(ESCORT, **{"budget": ONE, "allowance": FREELY, **changes})


async def reserve(counter: Counter, caller: Caller, product_id: int, at: datetime = TEN, **values: Any) -> int:
    wanted = {"catalogue": await counter.catalogue(at), "key": uuid4(), **values}
    number: int = await counter.act(caller, reserve_benefit, at, product_id=product_id, **wanted)
    return number


async def cancel(counter: Counter, caller: Caller, number: int, at: datetime = TEN) -> None:
    await counter.act(caller, cancel_reservation, at, reservation_id=number, key=uuid4())


async def turn(counter: Counter, at: datetime) -> int:
    async with counter.worker.transaction(ANONYMOUS) as unit:
        return await turn_reservations(unit.session, at)


async def status(counter: Counter, number: int) -> str:
    return str((await counter.rows("SELECT status FROM reservation WHERE id = :id", id=number))[0][0])


async def place(counter: Counter, caller: Caller, number: int) -> Any:
    async with counter.database.reading(caller) as unit:
        asked = text("SELECT place_in_line(:id, CAST('2026-06-15' AS date))")
        return (await unit.session.execute(asked, {"id": number})).scalar_one()


async def sale(counter: Counter, caller: Caller, product_id: int, at: datetime = TEN) -> Any:
    cashier = await counter.cashier()
    return await counter.redeem(cashier, counter.code(await counter.present(caller, product_id, at)), at, basis=None)


async def test_a_hold_keeps_the_last_piece_for_its_citizen(counter: Counter) -> None:
    product_id = await scarce(counter)
    holder, other = await counter.citizen(), await counter.citizen()
    number = await reserve(counter, holder, product_id)
    assert await status(counter, number) == "HELD"
    assert await counter.budget(product_id) == (1, 0)
    await books_agree(counter)
    assert isinstance(await refused(counter.present(other, product_id)), BudgetUsedUp)
    number_of(await sale(counter, holder, product_id))
    assert await status(counter, number) == "USED"
    assert await counter.budget(product_id) == (0, 1)
    await books_agree(counter)


async def test_who_comes_later_waits_and_the_next_in_line_gets_what_is_given_back(counter: Counter) -> None:
    product_id = await scarce(counter)
    people = [await counter.citizen() for _ in range(3)]
    first, second, third = [await reserve(counter, one, product_id) for one in people]
    ends = (TEN + HOLD).astimezone(ZONE).date().isoformat()
    assert await place(counter, people[1], second) == {"position": 1, "expected_on": ends}
    assert await place(counter, people[2], third) == {"position": 2, "expected_on": "2027-01-01"}
    assert await place(counter, people[0], second) is None
    await cancel(counter, people[0], first)
    assert await turn(counter, TEN + timedelta(seconds=30)) == 1
    assert [await status(counter, one) for one in (first, second, third)] == ["RETURNED", "HELD", "WAITING"]
    assert (await place(counter, people[2], third))["position"] == 1
    told = await counter.rows("SELECT kind FROM notice WHERE person_id = :id", id=people[1].person_id)
    assert told == [("RESERVATION_HELD",)]
    assert await turn(counter, TEN + timedelta(seconds=60)) == 0
    await books_agree(counter)


async def test_a_hold_that_is_not_used_in_time_goes_to_the_next(counter: Counter) -> None:
    product_id = await scarce(counter)
    holder, waiting = await counter.citizen(), await counter.citizen()
    first, second = await reserve(counter, holder, product_id), await reserve(counter, waiting, product_id)
    assert await turn(counter, TEN + HOLD - timedelta(seconds=1)) == 0
    assert await turn(counter, TEN + HOLD) == 1
    assert [await status(counter, one) for one in (first, second)] == ["EXPIRED", "HELD"]
    assert await counter.budget(product_id) == (1, 0)
    assert isinstance(await refused(cancel(counter, holder, first)), AlreadyDecided)


async def test_nobody_overtakes_those_who_wait(counter: Counter) -> None:
    product_id = await scarce(counter)
    people = [await counter.citizen() for _ in range(3)]
    first, second = [await reserve(counter, one, product_id) for one in people[:2]]
    await cancel(counter, people[0], first)
    late = await reserve(counter, people[2], product_id)
    assert await status(counter, late) == "WAITING"
    await turn(counter, TEN)
    assert (await status(counter, second), await status(counter, late)) == ("HELD", "WAITING")


async def test_a_reversed_sale_frees_its_piece_for_the_next(counter: Counter) -> None:
    product_id = await scarce(counter)
    buyer, waiting, cashier = await counter.citizen(), await counter.citizen(), await counter.cashier()
    shown = counter.code(await counter.present(buyer, product_id))
    number = number_of(await counter.redeem(cashier, shown, basis=None))
    reserved = await reserve(counter, waiting, product_id)
    assert await status(counter, reserved) == "WAITING"
    await counter.reverse(cashier, number)
    assert await turn(counter, TEN) == 1
    assert await status(counter, reserved) == "HELD"
    await books_agree(counter)


async def test_money_is_held_at_its_most_and_what_was_not_needed_is_free_again(counter: Counter) -> None:
    budget = Budget(amount=30_000, unit=BudgetUnit.FEN, window=Window.CALENDAR_YEAR)
    product_id = await counter.offer(AmountOff(amount_fen=20_000), budget=budget, allowance=FREELY)
    holder, cashier = await counter.citizen(), await counter.cashier()
    await reserve(counter, holder, product_id)
    assert await counter.budget(product_id) == (20_000, 0)
    await books_agree(counter)
    code = counter.code(await counter.present(holder, product_id))
    number_of(await counter.redeem(cashier, code, basis=5_000))
    assert await counter.budget(product_id) == (0, 5_000)
    await books_agree(counter)


async def test_leaving_gives_everything_back(counter: Counter) -> None:
    product_id = await scarce(counter)
    holder, waiting = await counter.citizen(), await counter.citizen()
    held, second = await reserve(counter, holder, product_id), await reserve(counter, waiting, product_id)
    await counter.change(
        "UPDATE citizen SET left_at = :now, scored_from = NULL WHERE person_id = :id", now=TEN, id=holder.person_id
    )
    assert await status(counter, held) == "RETURNED"
    assert await counter.budget(product_id) == (0, 0)
    assert await turn(counter, TEN) == 1
    assert await status(counter, second) == "HELD"


async def test_one_citizen_reserves_once_and_the_same_key_reserves_nothing_more(counter: Counter) -> None:
    product_id = await scarce(counter)
    citizen, key = await counter.citizen(), uuid4()
    number = await reserve(counter, citizen, product_id, key=key)
    assert await reserve(counter, citizen, product_id, key=key) == number
    assert isinstance(await refused(reserve(counter, citizen, product_id)), AlreadyDecided)
    assert await counter.budget(product_id) == (1, 0)


async def test_who_could_not_use_it_reserves_nothing(counter: Counter) -> None:
    citizen = await counter.citizen()
    gated = await scarce(counter, ways=((MinPoints(points=1300),),), field="culture")
    assert isinstance(await refused(reserve(counter, citizen, gated)), NotQualified)
    plenty = await scarce(counter, budget=None)
    assert isinstance(await refused(reserve(counter, citizen, plenty)), ProductUnavailable)
    once = await scarce(
        counter, allowance=Allowance(quantity=1, unit=words("次", "times"), window=Window.CALENDAR_YEAR)
    )
    number_of(await sale(counter, citizen, once))
    assert isinstance(await refused(reserve(counter, citizen, once)), AllowanceUsedUp)
    assert isinstance(await refused(reserve(counter, citizen, 10**9)), NotFound)
    stranger = await counter.citizen()
    await counter.change(
        "UPDATE citizen SET left_at = :now, scored_from = NULL WHERE person_id = :id", now=TEN, id=stranger.person_id
    )
    assert isinstance(await refused(reserve(counter, stranger, once)), ConsentRequired)
    assert (
        await counter.rows(
            "SELECT id FROM reservation WHERE citizen_id IN (SELECT id FROM citizen WHERE person_id = :id)",
            id=citizen.person_id,
        )
        == []
    )


async def test_money_is_reserved_for_the_most_that_one_sale_may_take_and_the_rest_comes_back(counter: Counter) -> None:
    shape = PayRatio(pay_percent=40, max_relief_fen=900)
    money = Budget(amount=1_000, unit=BudgetUnit.FEN, window=Window.CALENDAR_YEAR)
    product_id = await counter.offer(shape, budget=money, allowance=FREELY)
    holder, waiting = await counter.citizen(), await counter.citizen()
    first = await reserve(counter, holder, product_id)
    assert (await status(counter, first), await counter.budget(product_id)) == ("HELD", (900, 0))
    second = await reserve(counter, waiting, product_id)
    assert await status(counter, second) == "WAITING"
    cashier = await counter.cashier()
    number_of(await counter.redeem(cashier, counter.code(await counter.present(holder, product_id)), basis=150))
    assert (await status(counter, first), await counter.budget(product_id)) == ("USED", (0, 90))
    assert await turn(counter, TEN) == 1
    assert (await status(counter, second), await counter.budget(product_id)) == ("HELD", (900, 90))
    await books_agree(counter)


async def test_what_one_sale_may_take_whole_is_not_reserved_and_the_answer_says_so(counter: Counter) -> None:
    product_id = await counter.offer(PayRatio(pay_percent=40), budget=FEN, allowance=FREELY)
    refusal = await refused(reserve(counter, await counter.citizen(), product_id))
    assert isinstance(refusal, ProductUnavailable)
    assert refusal.message.en.startswith("Nothing says how much one use may take at most")
    assert await counter.budget(product_id) == (0, 0)


async def test_somebody_elses_reservation_is_not_there(counter: Counter) -> None:
    product_id = await scarce(counter)
    number = await reserve(counter, await counter.citizen(), product_id)
    assert isinstance(await refused(cancel(counter, await counter.citizen(), number)), NotFound)
    assert await status(counter, number) == "HELD"


async def test_of_twenty_who_reserve_at_once_exactly_as_many_hold_as_there_is(counter: Counter) -> None:
    product_id = await scarce(counter, budget=Budget(amount=3, unit=BudgetUnit.PIECES, window=Window.CALENDAR_YEAR))
    people = [await counter.citizen() for _ in range(20)]
    numbers = await asyncio.gather(*(reserve(counter, one, product_id) for one in people))
    await turn(counter, TEN)
    states = [await status(counter, one) for one in numbers]
    assert (states.count("HELD"), states.count("WAITING")) == (3, 17)
    assert await counter.budget(product_id) == (3, 0)
    shop = await refused(counter.present(await counter.citizen(), product_id))
    assert isinstance(shop, BudgetUsedUp)
    assert ScanReason.OK not in states


FEN = Budget(amount=10**6, unit=BudgetUnit.FEN, window=Window.CALENDAR_YEAR)
TEA = VoucherPack(
    vouchers=(
        VoucherKind(code="tea", title=words("茶", "Tea"), count=1, price_fen=800),
        VoucherKind(code="film", title=words("电影", "Film"), count=1, price_fen=2500),
    )
)


@pytest.mark.parametrize(
    ("shape", "most"),
    [
        (PayRatio(pay_percent=40), None),
        (PayRatio(pay_percent=40, max_relief_fen=900), 900),
        (AmountOff(amount_fen=300), 300),
        (QuantityFree(quantity=30, unit=words("吨", "t"), unit_price_fen=5), 150),
        (QuantityFree(quantity=30, unit=words("吨", "t"), unit_price_fen=0), None),
        (DepositWaiver(max_deposit_fen=700, max_days=3), 700),
        (PayLater(max_fen=600, days=3), 600),
        (TEA, 2500),
        (TimeFree(minutes=30), None),
    ],
)
def test_money_is_held_for_the_most_that_one_use_can_take(shape: Shape, most: int | None) -> None:
    assert held_amount(product(shape, budget=FEN)) == most
    pieces = product(shape, budget=ONE)
    assert held_amount(pieces) == 1
    account = product(shape, budget=ONE, redeemed_by=RedeemPath.ACCOUNT, account_kind=ServiceAccountKind.HEATING)
    assert held_amount(account) is None
    assert held_amount(product(shape, budget=None)) is None


async def test_a_hold_never_outlives_the_window_whose_money_it_holds(counter: Counter) -> None:
    product_id = await scarce(counter)
    late = datetime(2026, 12, 31, 2, 0, tzinfo=UTC)
    number = await reserve(counter, await counter.citizen(), product_id, late)
    rows = await counter.rows("SELECT expires_at FROM reservation WHERE id = :id", id=number)
    assert rows == [(datetime(2026, 12, 31, 16, 0, tzinfo=UTC),)]
