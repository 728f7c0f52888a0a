"""A citizen shows a code, or takes it back."""

from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest

from domain.actor import ANONYMOUS, Role
from domain.errors import (
    AllowanceUsedUp,
    AlreadyDecided,
    BudgetUsedUp,
    ConsentRequired,
    IdempotencyConflict,
    InvalidInput,
    NotFound,
    NotQualified,
    ProductUnavailable,
    RateLimited,
)
from domain.programmes.rules.document import MonthDay, Season
from domain.programmes.rules.shapes import (
    Age,
    MinPoints,
    VoucherKind,
    VoucherPack,
)
from domain.programmes.rules.terms import RedeemPath
from domain.redemption.queries import presentations
from domain.redemption.rules import codes
from domain.redemption.rules.scans import ScanReason
from domain.values import words
from tests.actions.counter import SECOND, TEN, Counter, counter, refused
from tests.rules.benefits import money, uses

__all__ = ["counter"]

DAY = timedelta(days=1)
OUT_OF_REACH = ((MinPoints(points=10_000),),)


async def test_a_citizen_can_take_a_code_back_until_it_is_redeemed(counter: Counter) -> None:
    product_id = await counter.offer()
    citizen, cashier = await counter.citizen(), await counter.cashier()
    shown = await counter.present(citizen, product_id)
    await counter.preview(cashier, counter.code(shown))
    assert await counter.cancel(citizen, shown) == shown
    assert (await counter.redeem(cashier, counter.code(shown))).reason is ScanReason.NOT_VALID
    again = await counter.present(citizen, product_id)
    await counter.redeem(cashier, counter.code(again))
    assert isinstance(await refused(counter.cancel(citizen, again)), AlreadyDecided)


async def test_nobody_can_take_back_a_foreign_code(counter: Counter) -> None:
    product_id = await counter.offer()
    citizen, stranger = await counter.citizen(), await counter.citizen()
    shown = await counter.present(citizen, product_id)
    assert isinstance(await refused(counter.cancel(stranger, shown)), NotFound)
    assert (await counter.presentation(shown))[0] == "OPEN"


async def test_presenting_twice_with_one_key_shows_one_code(counter: Counter) -> None:
    product_id, other = await counter.offer(), await counter.offer()
    citizen, key = await counter.citizen(), uuid4()
    shown = await counter.present(citizen, product_id, key=key)
    assert await counter.present(citizen, product_id, key=key) == shown
    assert isinstance(await refused(counter.present(citizen, other, key=key)), IdempotencyConflict)


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"ways": OUT_OF_REACH}, NotQualified),
        ({"season": Season(opens=MonthDay(month=11, day=1), closes=MonthDay(month=12, day=1))}, ProductUnavailable),
        ({"baseline_checked_on": date(2020, 1, 1)}, ProductUnavailable),
        ({"redeemed_by": RedeemPath.ACCOUNT}, ProductUnavailable),
    ],
)
async def test_what_cannot_be_used_cannot_be_presented(
    counter: Counter, changes: dict[str, Any], refusal: type[Exception]
) -> None:
    product_id = await counter.offer(**changes)
    assert isinstance(await refused(counter.present(await counter.citizen(), product_id)), refusal)


async def test_presenting_needs_membership_consent_and_a_product(counter: Counter) -> None:
    product_id = await counter.offer()
    stranger = await counter.settle(Role.CITIZEN)
    assert isinstance(await refused(counter.present(stranger, product_id)), ConsentRequired)
    silent = await counter.citizen(consents=("score",))
    assert isinstance(await refused(counter.present(silent, product_id)), ConsentRequired)
    assert isinstance(await refused(counter.present(silent, 10**9)), NotFound)


async def test_a_used_up_allowance_and_an_empty_budget_are_said_before_walking_to_the_shop(counter: Counter) -> None:
    once = await counter.offer(allowance=uses(1))
    citizen, cashier = await counter.citizen(), await counter.cashier()
    await counter.redeem(cashier, counter.code(await counter.present(citizen, once)))
    assert isinstance(await refused(counter.present(citizen, once)), AllowanceUsedUp)
    assert await counter.present(citizen, once, TEN + 20 * DAY) > 0
    poor = await counter.offer(budget=money(120))
    await counter.redeem(cashier, counter.code(await counter.present(citizen, poor)))
    assert isinstance(await refused(counter.present(citizen, poor)), BudgetUsedUp)


async def test_a_pack_gives_one_voucher_at_a_time(counter: Counter) -> None:
    pack = VoucherPack(vouchers=(VoucherKind(code="film", title=words("电影票", "Ticket"), count=2, price_fen=3000),))
    product_id = await counter.offer(pack, allowance=uses(2), budget=money())
    citizen, cashier = await counter.citizen(), await counter.cashier()
    assert isinstance(await refused(counter.present(citizen, product_id)), InvalidInput)
    shown = await counter.present(citizen, product_id, voucher="film")
    sale = await counter.redeem(cashier, counter.code(shown), basis=None)
    assert (sale.allowed, sale.basis, await counter.budget(product_id)) == (True, None, (0, 3000))
    plain = await counter.offer()
    assert isinstance(await refused(counter.present(citizen, plain, voucher="film")), InvalidInput)


async def test_another_number_is_taken_when_the_digits_belong_to_a_live_code(
    counter: Counter,
) -> None:
    product_id = await counter.offer()
    shown = await counter.present(await counter.citizen(), product_id)
    await counter.change(
        "UPDATE presentation SET typed_mac = :mac WHERE id = :id",
        mac=codes.macs_of(counter.database.vault, shown + 1).typed,
        id=shown,
    )
    assert await counter.present(await counter.citizen(), product_id) == shown + 2


async def test_who_has_lost_the_key_has_no_known_age(counter: Counter) -> None:
    product_id = await counter.offer(ways=((Age(minimum=18),),))
    citizen = await counter.citizen()
    assert await counter.present(citizen, product_id) > 0
    await counter.change("DELETE FROM person_key WHERE person_id = :person", person=citizen.person_id)
    assert isinstance(await refused(counter.present(citizen, product_id)), NotQualified)


async def test_every_digit_taken_asks_to_try_again(counter: Counter) -> None:
    product_id = await counter.offer()
    citizen = await counter.citizen()
    first = await counter.present(citizen, product_id)
    vault = counter.database.vault
    for _ in range(5):
        await counter.present(await counter.citizen(), product_id)
    newest = (await counter.rows("SELECT max(id) FROM presentation"))[0][0]
    live = await counter.rows("SELECT id FROM presentation WHERE status = 'OPEN' ORDER BY id DESC LIMIT 5")
    for ahead, (number,) in enumerate(live, start=1):
        await counter.change(
            "UPDATE presentation SET typed_mac = :mac WHERE id = :id",
            mac=codes.macs_of(vault, newest + ahead).typed,
            id=number,
        )
    assert isinstance(await refused(counter.present(citizen, product_id)), RateLimited)
    assert await counter.present(citizen, product_id) > first


async def test_sweeping_ends_codes_whose_time_is_over(counter: Counter) -> None:
    product_id = await counter.offer()
    citizen, cashier = await counter.citizen(), await counter.cashier()
    over, held, fresh = [await counter.present(citizen, product_id, TEN + wait * SECOND) for wait in (0, 1, 30)]
    await counter.preview(cashier, counter.code(held), TEN + 40 * SECOND)
    async with counter.worker.transaction(ANONYMOUS) as unit:
        await presentations.sweep(unit.session, TEN + 70 * SECOND)
    states = [(await counter.presentation(one))[0] for one in (over, held, fresh)]
    assert states == ["EXPIRED", "HELD", "OPEN"]
    assert (await counter.redeem(cashier, counter.code(over), TEN + 70 * SECOND)).reason is ScanReason.CODE_EXPIRED
