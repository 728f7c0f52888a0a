"""What bad input gets: a typed answer that names the field, and not one row of the database is another afterwards."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from api.database import Database, WorkerDatabase
from domain.actor import Role
from domain.errors import AlreadyDecided, BasisNeeded, DomainError, InvalidInput, NotFound, TooLate
from domain.people.actions import look_up_by_presence, presence_code_of, show_presence_code
from domain.people.rules import Purpose
from domain.people.settlement import Post
from domain.programmes.rules.shapes import (
    DepositWaiver,
    FastReview,
    HelpInKind,
    PayLater,
    PayRatio,
    QuantityFree,
    Shape,
    TermsUplift,
)
from domain.values import words
from seeds.loader import PROGRAMMES, read_file
from tests.actions.accounts import assisted, city_of, claim, confirm, everything_of, link, product_of, refuse, unlink
from tests.actions.counter import TEN, Counter, counter, refused
from tests.actions.test_accounts import OPEN
from tests.rules.benefits import money

__all__ = ["counter"]

DAY = timedelta(days=1)
DEPOSIT = DepositWaiver(max_deposit_fen=100_000, max_days=30)
BOOKS = words("册", "books")


@pytest.fixture(scope="module")
async def rongcheng(database: Database, worker: WorkerDatabase) -> Counter:
    return await city_of(read_file(PROGRAMMES / "rongcheng.toml"), OPEN - DAY, database, worker)


async def answers(counter: Counter, doing: Callable[[], Awaitable[Any]], error: type[DomainError], field: Any) -> None:
    """What is done is refused in this way, and nothing at all has changed."""
    before = await everything_of(counter, skip=set())
    refusal = await refused(doing())
    assert (type(refusal), refusal.field) == (error, field)
    assert refusal.message.zh
    assert refusal.message.en
    assert await everything_of(counter, skip=set()) == before


@pytest.mark.parametrize(
    ("shape", "basis", "error"),
    [
        (PayRatio(pay_percent=40, max_relief_fen=600), None, BasisNeeded),
        (PayRatio(pay_percent=40, max_relief_fen=600), 0, InvalidInput),
        (PayRatio(pay_percent=40, max_relief_fen=600), -200, InvalidInput),
        (QuantityFree(quantity=30, unit=BOOKS, unit_price_fen=0), None, BasisNeeded),
        (QuantityFree(quantity=30, unit=BOOKS, unit_price_fen=0), -1, InvalidInput),
        # Above what can be paid later; a rate in another unit than 0.01 %; a price for what has none.
        (PayLater(max_fen=100_000, days=10), 100_001, InvalidInput),
        (TermsUplift(rate_percent=70), 10_001, InvalidInput),
        (TermsUplift(rate_percent=70), None, BasisNeeded),
        (FastReview(working_days=3), 200, InvalidInput),
        (HelpInKind(service=words("陪诊", "an escort"), quantity=1, unit=BOOKS), 1, InvalidInput),
        (TermsUplift(extra_months=6), 350, InvalidInput),
    ],
)
async def test_a_number_that_is_missing_negative_or_of_another_unit(
    counter: Counter, shape: Shape, basis: int | None, error: type[DomainError]
) -> None:
    product_id = await counter.offer(shape)
    citizen, till = await counter.citizen(), await counter.cashier()
    code = counter.code(await counter.present(citizen, product_id))
    await answers(counter, lambda: counter.redeem(till, code, basis=basis), error, "basis")
    if basis is not None:
        await answers(counter, lambda: counter.preview(till, code, basis=basis), error, "basis")


async def test_what_is_closed_is_not_closed_extended_claimed_or_undone_again(counter: Counter) -> None:
    product_id = await counter.offer(DEPOSIT, budget=money())
    _, till, closed = await counter.sell(product_id, basis=60_000)
    _, other_till, claimed = await counter.sell(product_id, basis=60_000)
    _, third_till, undone = await counter.sell(product_id, basis=60_000)
    await counter.close(till, closed)
    await counter.close(other_till, claimed, claim=500, reason="损坏")
    await counter.reverse(third_till, undone)
    for number in (closed, claimed, undone):
        await answers(counter, lambda number=number: counter.close(till, number), AlreadyDecided, None)
        await answers(
            counter, lambda number=number: counter.close(till, number, claim=5, reason="损坏"), AlreadyDecided, None
        )
        await answers(counter, lambda number=number: counter.extend(till, number, 5), AlreadyDecided, None)
    for number in (claimed, undone):
        await answers(counter, lambda number=number: counter.reverse(till, number), AlreadyDecided, None)


async def test_a_reversal_after_the_shops_day_and_after_the_offices_sixty(counter: Counter) -> None:
    citizen, till, number = await counter.sell(await counter.offer(budget=money()))
    await answers(counter, lambda: counter.reverse(till, number, TEN + DAY), TooLate, None)
    officer, key, late = await counter.settle(Role.OFFICER, post=Post(role="officer")), uuid4(), TEN + 60 * DAY
    await counter.act(citizen, show_presence_code, late, key=key)
    code = presence_code_of(counter.database.vault, citizen.person_id or 0, key)
    await counter.act(officer, look_up_by_presence, late, code=code, purpose=Purpose.REVERSAL, key=uuid4())
    await answers(counter, lambda: counter.reverse(officer, number, late), TooLate, None)
    await answers(counter, lambda: counter.reverse(till, number, reason=" "), InvalidInput, "reason")


async def test_a_sale_of_another_shop_is_not_there(counter: Counter) -> None:
    _, _, number = await counter.sell(await counter.offer(DEPOSIT, budget=money()), basis=60_000)
    stranger = await counter.cashier("there")
    for doing in (
        lambda: counter.reverse(stranger, number),
        lambda: counter.close(stranger, number),
        lambda: counter.close(stranger, number, claim=5, reason="损坏"),
        lambda: counter.extend(stranger, number, 5),
    ):
        await answers(counter, doing, NotFound, None)


async def test_a_foreign_account_is_not_there_and_one_of_another_kind_does_not_do(rongcheng: Counter) -> None:
    heating = await product_of(rongcheng, "heating-300")
    citizen, stranger = await assisted(rongcheng), await assisted(rongcheng)
    water = await link(rongcheng, citizen, "WATER", "BAD-0001", OPEN)
    theirs = await link(rongcheng, stranger, "HEATING", "BAD-0002", OPEN)
    await answers(rongcheng, lambda: claim(rongcheng, citizen, heating, theirs, OPEN), NotFound, None)
    await answers(rongcheng, lambda: claim(rongcheng, citizen, heating, 10**9, OPEN), NotFound, None)
    await answers(rongcheng, lambda: claim(rongcheng, citizen, heating, water, OPEN), InvalidInput, "accountId")
    await answers(rongcheng, lambda: unlink(rongcheng, citizen, theirs, OPEN), NotFound, None)


async def test_a_bill_that_is_none_and_a_claim_of_another_provider(rongcheng: Counter) -> None:
    heating, citizen = await product_of(rongcheng, "heating-300"), await assisted(rongcheng)
    account = await link(rongcheng, citizen, "HEATING", "BAD-0003", OPEN)
    number = await claim(rongcheng, citizen, heating, account, OPEN)
    provider, other = await rongcheng.cashier("heating"), await rongcheng.cashier("water")
    for basis in (0, -5):
        await answers(rongcheng, lambda b=basis: confirm(rongcheng, provider, number, b, OPEN), InvalidInput, "basis")
    for ref in (" ", "x" * 65):
        doing = partial(confirm, rongcheng, provider, number, 5, OPEN, ref=ref)
        await answers(rongcheng, doing, InvalidInput, "merchantRef")
    await answers(rongcheng, lambda: confirm(rongcheng, other, number, 5, OPEN), NotFound, None)
    await answers(rongcheng, lambda: refuse(rongcheng, other, number, OPEN), NotFound, None)
    await refuse(rongcheng, provider, number, OPEN)
    await answers(rongcheng, lambda: confirm(rongcheng, provider, number, 5, OPEN), AlreadyDecided, None)
