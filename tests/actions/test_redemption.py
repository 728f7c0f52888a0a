"""A benefit from the phone to the counter and back."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import event, text

from api.database import Database
from domain.actor import ANONYMOUS, Role
from domain.errors import (
    AllowanceUsedUp,
    AlreadyDecided,
    BasisNeeded,
    BudgetUsedUp,
    ConsentRequired,
    IdempotencyConflict,
    InvalidInput,
    NotAllowed,
    NotFound,
    NotQualified,
    ProductUnavailable,
    RateLimited,
    TerminalBlocked,
    TooLate,
)
from domain.ledger import queries as ledger
from domain.ledger.actions import budget_account, fund_budget
from domain.ledger.queries import CITY, Account
from domain.people.settlement import Post
from domain.programmes.rules.document import Budget, MonthDay, Season
from domain.programmes.rules.shapes import (
    Age,
    AmountOff,
    DepositWaiver,
    MinPoints,
    PayRatio,
    QuantityFree,
    QuotaUplift,
    TimeFree,
    VoucherKind,
    VoucherPack,
)
from domain.programmes.rules.terms import BudgetUnit, RedeemPath, Window
from domain.redemption.actions.ending import Close, Extension, close_redemption, extend_redemption
from domain.redemption.actions.presenting import cancel_presentation, present_benefit
from domain.redemption.actions.scanning import redeem
from domain.redemption.queries import presentations, sales
from domain.redemption.rules import codes
from domain.redemption.rules.codes import receipt_is_spelled_right
from domain.redemption.rules.scans import Scan, ScanOutcome, ScanReason
from domain.values import words
from tests.actions.counter import MINUTE, SECOND, TEN, Counter, counter, refused
from tests.rules.benefits import measured, money, uses

__all__ = ["counter"]

DAY = timedelta(days=1)
CUBIC = words("立方米", "m³")
OUT_OF_REACH = ((MinPoints(points=10_000),),)


async def books_agree(counter: Counter) -> None:
    async with counter.worker.reading(ANONYMOUS) as unit:
        assert await ledger.first_fault(unit.session) is None
        assert await sales.first_fault(unit.session) is None


def number_of(outcome: ScanOutcome) -> int:
    assert outcome.sold is not None
    return outcome.sold.redemption_id


async def test_a_bus_ride_is_presented_previewed_and_redeemed(counter: Counter) -> None:
    product_id = await counter.offer(PayRatio(pay_percent=40), allowance=uses(3), budget=money())
    citizen, cashier = await counter.citizen(), await counter.cashier()
    shown = await counter.present(citizen, product_id)

    preview = await counter.preview(cashier, counter.code(shown), basis=199)
    assert (preview.reason, preview.basis, preview.relief, preview.holder_pays) == (ScanReason.OK, 199, 119, 80)
    assert preview.basis_unit is not None
    assert (preview.basis_unit.en, preview.held_until) == ("fen", TEN + timedelta(seconds=90))
    assert await counter.presentation(shown) == ("HELD", None)
    assert await counter.budget(product_id) == (0, 0)
    assert await counter.used(product_id) == []

    sale = await counter.redeem(cashier, counter.code(shown), basis=199, ref="R-1")
    assert (sale.reason, sale.relief, sale.holder_pays) == (ScanReason.OK, 119, 80)
    assert sale.match_number == preview.match_number
    assert 10 <= (sale.match_number or 0) <= 99
    assert await counter.presentation(shown) == ("REDEEMED", None)
    assert await counter.budget(product_id) == (0, 119)
    assert await counter.used(product_id) == [1]
    rows = await counter.rows(
        "SELECT status, basis, relief, holder_pays, owed_fen, merchant_ref, receipt_number FROM redemption"
        " WHERE id = :id",
        id=number_of(sale),
    )
    assert rows[0][:6] == ("COMPLETED", 199, 119, 80, 119, "R-1")
    assert receipt_is_spelled_right(rows[0][6])
    assert await counter.rows(
        "SELECT d.kind, c.kind, t.amount_fen, t.state FROM transfer AS t JOIN account AS d ON d.id = t.debit_id"
        " JOIN account AS c ON c.id = t.credit_id WHERE t.redemption_id = :id",
        id=number_of(sale),
    ) == [("BUDGET", "PAYABLE", 119, "POSTED")]
    await books_agree(counter)


async def test_the_citizen_sees_one_look_by_a_shop_on_that_day(counter: Counter) -> None:
    product_id = await counter.offer()
    citizen, cashier = await counter.citizen(), await counter.cashier()
    shown = await counter.present(citizen, product_id)
    await counter.preview(cashier, counter.code(shown))
    await counter.preview(cashier, counter.code(shown), basis=100)
    await counter.redeem(cashier, counter.code(shown))
    midnight = TEN - timedelta(hours=10)
    assert await counter.looks(citizen) == [
        ("A shop", "cashier", "SHOP_CHECK", "Checked “Bus at 40 %” at a shop", midnight, None)
    ]


async def test_phone_and_outbox_hear_of_the_sale(counter: Counter) -> None:
    product_id = await counter.offer()
    citizen, cashier = await counter.citizen(), await counter.cashier()
    shown = await counter.present(citizen, product_id)
    await counter.preview(cashier, counter.code(shown))
    sale = await counter.redeem(cashier, counter.code(shown))
    told = await counter.rows(
        "SELECT topic, subject FROM outbox WHERE person_id = :person ORDER BY id", person=citizen.person_id
    )
    assert told == [
        ("presentation", str(shown)),
        ("presentation", str(shown)),
        ("redemption", str(number_of(sale))),
    ]


async def test_eight_typed_digits_do_as_well(counter: Counter) -> None:
    product_id = await counter.offer()
    citizen, cashier = await counter.citizen(), await counter.cashier()
    shown = await counter.present(citizen, product_id)
    digits = counter.digits(shown)
    sale = await counter.redeem(cashier, f"{digits[:4]} {digits[4:]}")
    assert sale.allowed
    assert (await counter.redeem(cashier, digits)).reason is ScanReason.CODE_USED


async def test_a_second_scan_says_used_and_the_same_key_gives_the_same_answer(counter: Counter) -> None:
    product_id = await counter.offer(budget=money())
    citizen, cashier = await counter.citizen(), await counter.cashier()
    code, key = counter.code(await counter.present(citizen, product_id)), uuid4()
    first = await counter.redeem(cashier, code, key=key)
    assert (await counter.redeem(cashier, code)).reason is ScanReason.CODE_USED
    assert await counter.redeem(cashier, code, TEN + DAY, key=key) == first
    assert isinstance(await refused(counter.redeem(cashier, code, basis=300, key=key)), IdempotencyConflict)
    assert await counter.budget(product_id) == (0, 120)


async def test_redeeming_one_code_ends_all_live_ones_of_that_product(counter: Counter) -> None:
    product_id, other = await counter.offer(), await counter.offer()
    citizen, cashier = await counter.citizen(), await counter.cashier()
    older, newer = await counter.present(citizen, product_id), await counter.present(citizen, product_id)
    elsewhere = await counter.present(citizen, other)
    assert (await counter.redeem(cashier, counter.code(older))).allowed
    assert (await counter.presentation(newer))[0] == "CANCELLED"
    assert (await counter.redeem(cashier, counter.code(newer))).reason is ScanReason.NOT_VALID
    assert (await counter.redeem(cashier, counter.code(elsewhere))).allowed


async def test_a_newer_code_does_not_end_an_older_one(counter: Counter) -> None:
    product_id = await counter.offer()
    citizen, cashier = await counter.citizen(), await counter.cashier()
    older = await counter.present(citizen, product_id)
    await counter.present(citizen, product_id, TEN + 30 * SECOND)
    assert (await counter.redeem(cashier, counter.code(older), TEN + 59 * SECOND)).allowed


async def test_an_expired_code_is_refused_and_the_budget_stays(counter: Counter) -> None:
    product_id = await counter.offer(budget=money())
    citizen, cashier = await counter.citizen(), await counter.cashier()
    shown = await counter.present(citizen, product_id)
    for code in (counter.code(shown), counter.digits(shown)):
        assert (await counter.redeem(cashier, code, TEN + MINUTE)).reason is ScanReason.CODE_EXPIRED
    assert await counter.budget(product_id) == (0, 0)
    assert len(await counter.looks(citizen)) == 1


async def test_a_held_code_waits_for_its_terminal_and_no_other(counter: Counter) -> None:
    product_id = await counter.offer()
    citizen, cashier, neighbour = await counter.citizen(), await counter.cashier(), await counter.cashier()
    code = counter.code(await counter.present(citizen, product_id))
    assert (await counter.preview(cashier, code, TEN + 50 * SECOND)).allowed
    late = TEN + 120 * SECOND
    assert (await counter.preview(neighbour, code, late)).reason is ScanReason.TRY_AGAIN
    assert (await counter.redeem(neighbour, code, late)).reason is ScanReason.TRY_AGAIN
    assert (await counter.redeem(cashier, code, late)).allowed


async def test_a_hold_ends_after_ninety_seconds(counter: Counter) -> None:
    product_id = await counter.offer()
    citizen, cashier, neighbour = await counter.citizen(), await counter.cashier(), await counter.cashier()
    code = counter.code(await counter.present(citizen, product_id))
    await counter.preview(cashier, code)
    for terminal in (cashier, neighbour):
        outcome = await counter.redeem(terminal, code, TEN + 90 * SECOND)
        assert outcome.reason is ScanReason.CODE_EXPIRED


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


async def test_a_suspended_product_is_refused_and_only_the_phone_says_why(counter: Counter) -> None:
    product_id = await counter.offer(budget=money())
    citizen, cashier = await counter.citizen(), await counter.cashier()
    shown = await counter.present(citizen, product_id)
    await counter.change("UPDATE product SET status = 'SUSPENDED' WHERE id = :id", id=product_id)
    outcome = await counter.redeem(cashier, counter.code(shown))
    assert (outcome.reason, outcome.product_id, outcome.relief) == (ScanReason.NOT_VALID, None, None)
    status, refusal = await counter.presentation(shown)
    assert status == "REFUSED"
    assert refusal["sentence"]["en"] == "This benefit is not given at present. Please try again later."
    assert await counter.budget(product_id) == (0, 0)
    await counter.change("UPDATE product SET status = 'PUBLISHED' WHERE id = :id", id=product_id)
    assert (await counter.redeem(cashier, counter.code(shown))).allowed


async def test_who_withdrew_consent_in_the_meantime_is_refused(counter: Counter) -> None:
    product_id = await counter.offer()
    citizen, cashier = await counter.citizen(), await counter.cashier()
    shown = await counter.present(citizen, product_id)
    await counter.change(
        "UPDATE consent SET withdrawn_at = :at WHERE person_id = :person AND purpose = 'benefits'",
        at=TEN,
        person=citizen.person_id,
    )
    assert (await counter.redeem(cashier, counter.code(shown))).reason is ScanReason.NOT_VALID
    refusal = (await counter.presentation(shown))[1]
    assert [(one["kind"], one["met"]) for one in refusal["conditions"]] == [("CONSENT", False)]
    assert refusal["qualified"] is False


async def test_who_has_left_is_nobody_at_the_counter(counter: Counter) -> None:
    product_id = await counter.offer()
    citizen, cashier = await counter.citizen(), await counter.cashier()
    shown = await counter.present(citizen, product_id)
    await counter.change(
        "UPDATE citizen SET left_at = :at, scored_from = NULL WHERE person_id = :person",
        at=TEN,
        person=citizen.person_id,
    )
    assert (await counter.redeem(cashier, counter.code(shown))).reason is ScanReason.NOT_VALID


async def test_a_shop_that_does_not_give_it_says_wrong_place_and_the_code_lives(counter: Counter) -> None:
    product_id = await counter.offer()
    shared = await counter.offer(also_at=("there",))
    citizen, here, there = await counter.citizen(), await counter.cashier(), await counter.cashier("there")
    shown = await counter.present(citizen, product_id)
    assert (await counter.redeem(there, counter.code(shown))).reason is ScanReason.WRONG_PLACE
    assert await counter.presentation(shown) == ("OPEN", None)
    assert (await counter.redeem(here, counter.code(shown))).allowed
    assert (await counter.redeem(there, counter.code(await counter.present(citizen, shared)))).allowed
    assert len(await counter.looks(citizen)) == 3


@pytest.mark.parametrize("basis", [None, 0, -5])
async def test_a_missing_or_negative_basis_is_refused_and_the_code_lives(counter: Counter, basis: int | None) -> None:
    product_id = await counter.offer(budget=money())
    citizen, cashier = await counter.citizen(), await counter.cashier()
    code, key = counter.code(await counter.present(citizen, product_id)), uuid4()
    refusal = await refused(counter.redeem(cashier, code, basis=basis, key=key))
    assert isinstance(refusal, BasisNeeded if basis is None else InvalidInput)
    assert refusal.field == "basis"
    assert await counter.looks(citizen) == []
    assert (await counter.redeem(cashier, code, key=key)).allowed


async def test_a_preview_without_a_basis_tells_what_to_enter(counter: Counter) -> None:
    product_id = await counter.offer(DepositWaiver(max_deposit_fen=100_000, max_days=30))
    citizen, cashier = await counter.citizen(), await counter.cashier()
    preview = await counter.preview(cashier, counter.code(await counter.present(citizen, product_id)))
    assert (preview.allowed, preview.product_id, preview.basis, preview.relief) == (True, product_id, None, None)
    assert preview.basis_unit is not None


async def test_relief_that_does_not_fit_the_budget_is_refused_whole_and_the_code_lives(counter: Counter) -> None:
    product_id = await counter.offer(AmountOff(amount_fen=30_000), budget=money(40_000))
    citizen, cashier, other = await counter.citizen(), await counter.cashier(), await counter.citizen()
    await counter.redeem(cashier, counter.code(await counter.present(other, product_id)), basis=25_000)
    shown = await counter.present(citizen, product_id)
    assert (await counter.redeem(cashier, counter.code(shown), basis=20_000)).reason is ScanReason.NOT_VALID
    status, refusal = await counter.presentation(shown)
    assert status == "REFUSED"
    assert refusal["sentence"]["en"] == (
        "What is left of the budget does not cover this relief. The code is still good."
    )
    assert await counter.budget(product_id) == (0, 25_000)
    sale = await counter.redeem(cashier, counter.code(shown), basis=15_000)
    assert (sale.relief, await counter.budget(product_id)) == (15_000, (0, 40_000))
    await books_agree(counter)


async def test_free_water_is_counted_in_cubic_metres_over_the_window(counter: Counter) -> None:
    product_id = await counter.offer(
        QuantityFree(quantity=30, unit=CUBIC, unit_price_fen=350),
        allowance=measured(30, Window.CALENDAR_YEAR),
        budget=money(),
    )
    citizen, cashier = await counter.citizen(), await counter.cashier()
    first = await counter.redeem(cashier, counter.code(await counter.present(citizen, product_id)), basis=12)
    second = await counter.redeem(cashier, counter.code(await counter.present(citizen, product_id)), basis=25)
    assert [(one.relief, one.holder_pays) for one in (first, second)] == [(12, 0), (18, 7)]
    assert await counter.used(product_id) == [30]
    assert await counter.budget(product_id) == (0, 30 * 350)
    assert isinstance(await refused(counter.present(citizen, product_id)), AllowanceUsedUp)
    await books_agree(counter)


async def test_a_waived_deposit_stays_open_and_its_money_waits_in_the_guarantee_fund(counter: Counter) -> None:
    product_id = await counter.offer(DepositWaiver(max_deposit_fen=100_000, max_days=30), budget=money())
    _, cashier, redemption_id = await counter.sell(product_id, basis=60_000)
    assert await counter.rows(
        "SELECT status, relief, holder_pays, due_on FROM redemption WHERE id = :id", id=redemption_id
    ) == [("OPEN", 60_000, 0, date(2026, 7, 15))]
    assert await counter.budget(product_id) == (60_000, 0)
    for days in (0, 91):
        assert isinstance(await refused(counter.extend(cashier, redemption_id, days)), InvalidInput)
    await counter.extend(cashier, redemption_id, 10)
    await counter.close(cashier, redemption_id, TEN + 20 * DAY)
    assert await counter.rows("SELECT status, due_on FROM redemption WHERE id = :id", id=redemption_id) == [
        ("COMPLETED", date(2026, 7, 25))
    ]
    assert await counter.budget(product_id) == (0, 0)
    assert isinstance(await refused(counter.close(cashier, redemption_id)), AlreadyDecided)
    assert isinstance(await refused(counter.extend(cashier, redemption_id, 5)), AlreadyDecided)
    await books_agree(counter)


async def test_the_city_stands_for_a_deposit_that_no_budget_pays(counter: Counter) -> None:
    product_id = await counter.offer(DepositWaiver(max_deposit_fen=100_000, max_days=30))
    _, cashier, redemption_id = await counter.sell(product_id, basis=60_000)
    moved = (
        "SELECT d.kind, c.kind, t.amount_fen, t.state FROM transfer AS t JOIN account AS d ON d.id = t.debit_id"
        " JOIN account AS c ON c.id = t.credit_id WHERE t.redemption_id = :id ORDER BY t.id"
    )
    held = ("CITY", "GUARANTEE", 60_000, "PENDING")
    assert await counter.rows(moved, id=redemption_id) == [held]
    await books_agree(counter)
    await counter.close(cashier, redemption_id)
    assert await counter.rows(moved, id=redemption_id) == [held, ("CITY", "GUARANTEE", 0, "VOIDED")]
    await books_agree(counter)


async def test_a_claim_waits_and_goes_no_higher_than_what_was_waived(counter: Counter) -> None:
    product_id = await counter.offer(DepositWaiver(max_deposit_fen=100_000, max_days=30), budget=money())
    _, cashier, redemption_id = await counter.sell(product_id, basis=60_000)
    for claim, reason in ((60_001, "损坏"), (-1, "损坏"), (500, " "), (500, None)):
        refusal = await refused(counter.close(cashier, redemption_id, claim=claim, reason=reason))
        assert isinstance(refusal, InvalidInput)
    await counter.close(cashier, redemption_id, claim=50_000, reason="损坏")
    assert await counter.rows("SELECT status, claim_fen FROM redemption WHERE id = :id", id=redemption_id) == [
        ("CLAIM_PENDING", 50_000)
    ]
    assert await counter.budget(product_id) == (60_000, 0)
    await books_agree(counter)


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


async def test_a_reversal_brings_allowance_and_budget_back_and_the_ledger_shows_both(counter: Counter) -> None:
    product_id = await counter.offer(allowance=uses(1), budget=money())
    citizen, cashier, redemption_id = await counter.sell(product_id)
    key = uuid4()
    await counter.reverse(cashier, redemption_id, TEN + MINUTE, key=key)
    await counter.reverse(cashier, redemption_id, TEN + MINUTE, key=key)
    assert await counter.used(product_id) == [0]
    assert await counter.budget(product_id) == (0, 0)
    assert await counter.rows(
        "SELECT d.kind, c.kind, t.amount_fen, t.reason FROM transfer AS t JOIN account AS d ON d.id = t.debit_id"
        " JOIN account AS c ON c.id = t.credit_id WHERE t.redemption_id = :id ORDER BY t.id",
        id=redemption_id,
    ) == [("BUDGET", "PAYABLE", 120, "redemption"), ("PAYABLE", "BUDGET", 120, "reversal: 收错了")]
    assert await counter.rows("SELECT status, change_reason FROM redemption WHERE id = :id", id=redemption_id) == [
        ("REVERSED", "收错了")
    ]
    told = await counter.rows(
        "SELECT subject FROM outbox WHERE person_id = :person AND topic = 'redemption'", person=citizen.person_id
    )
    assert told == [(str(redemption_id),), (str(redemption_id),)]
    assert isinstance(await refused(counter.reverse(cashier, redemption_id)), AlreadyDecided)
    assert await counter.present(citizen, product_id, TEN + MINUTE) > 0
    await books_agree(counter)


async def test_what_is_never_due_cannot_be_extended(counter: Counter) -> None:
    books = QuotaUplift(quantity=8, unit=words("册", "books"))
    _, cashier, redemption_id = await counter.sell(await counter.offer(books), basis=10)
    assert isinstance(await refused(counter.extend(cashier, redemption_id, 5)), AlreadyDecided)
    await counter.close(cashier, redemption_id)
    assert await counter.rows("SELECT status FROM redemption WHERE id = :id", id=redemption_id) == [("COMPLETED",)]


async def test_pieces_are_counted_and_come_back_with_a_reversal(counter: Counter) -> None:
    pieces = Budget(amount=1, unit=BudgetUnit.PIECES, window=Window.MONTH)
    product_id = await counter.offer(TimeFree(minutes=30), budget=pieces)
    _, cashier, redemption_id = await counter.sell(product_id, basis=45)
    assert await counter.budget(product_id) == (0, 1)
    assert isinstance(await refused(counter.present(await counter.citizen(), product_id)), BudgetUsedUp)
    await books_agree(counter)
    await counter.reverse(cashier, redemption_id)
    assert await counter.budget(product_id) == (0, 0)
    await books_agree(counter)


async def test_a_key_repeats_the_end_of_a_sale_and_fits_no_other(counter: Counter) -> None:
    product_id = await counter.offer(DepositWaiver(max_deposit_fen=100_000, max_days=30))
    citizen, cashier, redemption_id = await counter.sell(product_id, basis=60_000)
    key = uuid4()
    longer = Extension(redemption_id=redemption_id, days=5, reason="出差")
    for _ in range(2):
        await counter.act(cashier, extend_redemption, TEN, extension=longer, key=key)
    assert await counter.rows("SELECT due_on FROM redemption WHERE id = :id", id=redemption_id) == [
        (date(2026, 7, 20),)
    ]
    key, end = uuid4(), Close(redemption_id=redemption_id)
    for _ in range(2):
        await counter.act(cashier, close_redemption, TEN, close=end, key=key)
    shown, key = await counter.present(citizen, product_id), uuid4()
    for _ in range(2):
        assert await counter.act(citizen, cancel_presentation, TEN, presentation_id=shown, key=key) == shown


async def test_the_balance_of_a_budget_is_what_the_city_gave_less_what_was_taken(counter: Counter) -> None:
    product_id = await counter.offer(DepositWaiver(max_deposit_fen=100_000, max_days=30), budget=money(90_000))
    await counter.sell(product_id, basis=60_000)
    code = (await counter.rows("SELECT code FROM product WHERE id = :id", id=product_id))[0][0]
    async with counter.worker.reading(ANONYMOUS) as unit:
        balance = await ledger.balance(
            unit.session,
            programme_id=counter.programme_id,
            account=budget_account(code, date(2026, 1, 1)),
        )
    assert (balance.posted_fen, balance.pending_fen) == (90_000, -60_000)


async def test_a_row_that_does_not_fit_is_named(counter: Counter) -> None:
    product_id = await counter.offer(budget=money(500))
    await counter.sell(product_id)
    async with counter.worker.reading(ANONYMOUS) as unit:
        await unit.session.execute(text("UPDATE budget SET spent = spent + 1 WHERE total = 500"))
        fault = await sales.first_fault(unit.session)
        assert fault is not None
        assert fault[1] == "it differs from its account"
        await fund_budget(
            unit.session,
            TEN,
            programme_id=counter.programme_id,
            budget=Account(kind="PAYABLE", owner="nobody"),
            amount_fen=1,
            reason="test",
        )
        await ledger.post(
            unit.session,
            TEN,
            programme_id=counter.programme_id,
            debit=Account(kind="PAYABLE", owner="nobody"),
            credit=CITY,
            amount_fen=2,
            reason="test",
        )
        broken = await ledger.first_fault(unit.session)
    assert broken is not None
    assert broken.fault == "more has left this account than ever came in"


async def test_a_reversed_deposit_frees_the_guarantee_fund(counter: Counter) -> None:
    product_id = await counter.offer(DepositWaiver(max_deposit_fen=100_000, max_days=30), budget=money())
    _, cashier, redemption_id = await counter.sell(product_id, basis=60_000)
    await counter.reverse(cashier, redemption_id)
    assert await counter.budget(product_id) == (0, 0)
    await books_agree(counter)


async def test_a_shop_reverses_its_own_sales_within_a_day_and_says_why(counter: Counter) -> None:
    product_id = await counter.offer()
    _, cashier, redemption_id = await counter.sell(product_id)
    stranger = await counter.cashier("there")
    assert isinstance(await refused(counter.reverse(stranger, redemption_id)), NotFound)
    assert isinstance(await refused(counter.reverse(cashier, redemption_id, reason="  ")), InvalidInput)
    assert isinstance(await refused(counter.reverse(cashier, redemption_id, TEN + DAY)), TooLate)
    assert await counter.rows("SELECT status FROM redemption WHERE id = :id", id=redemption_id) == [("COMPLETED",)]


async def test_five_wrong_codes_in_a_minute_stop_the_terminal_until_the_minute_is_over(counter: Counter) -> None:
    product_id = await counter.offer()
    citizen, cashier, neighbour = await counter.citizen(), await counter.cashier(), await counter.cashier()
    at = TEN + 15 * SECOND
    for code in ("CB1:" + "0" * 26, "12345678", "nonsense", "CB1:" + "U" * 26):
        assert (await counter.redeem(cashier, code, at)).reason is ScanReason.NOT_VALID
    assert (await counter.preview(cashier, "x" * 500, at)).reason is ScanReason.NOT_VALID
    code = counter.code(await counter.present(citizen, product_id, at))
    refusal = await refused(counter.redeem(cashier, code, at))
    assert isinstance(refusal, RateLimited)
    assert refusal.retry_after_ms == 45_000
    assert isinstance(await refused(counter.preview(cashier, code, at)), RateLimited)
    assert (await counter.redeem(neighbour, code, at)).allowed
    assert (await counter.redeem(cashier, code, TEN + MINUTE)).reason is ScanReason.CODE_USED


async def test_a_blocked_terminal_can_do_nothing(counter: Counter) -> None:
    product_id = await counter.offer(budget=money())
    citizen, cashier = await counter.citizen(), await counter.cashier()
    code = counter.code(await counter.present(citizen, product_id))
    await counter.change("UPDATE terminal SET blocked_at = :at WHERE id = :id", at=TEN, id=cashier.terminal_id)
    assert isinstance(await refused(counter.redeem(cashier, code)), TerminalBlocked)
    assert isinstance(await refused(counter.preview(cashier, code)), TerminalBlocked)
    assert await counter.budget(product_id) == (0, 0)
    assert await counter.looks(citizen) == []


async def test_a_scan_belongs_to_the_terminal_of_its_session(counter: Counter) -> None:
    cashier, neighbour = await counter.cashier(), await counter.cashier()
    manager = await counter.settle(Role.MANAGER, post=Post(role="manager", organisation="here"))
    catalogue = await counter.catalogue(TEN)
    scan = Scan(code="12345678", terminal_id=neighbour.terminal_id or 0)
    for caller, refusal in ((cashier, NotFound), (manager, NotAllowed)):
        doing = counter.act(caller, redeem, TEN, catalogue=catalogue, scan=scan, key=uuid4())
        assert isinstance(await refused(doing), refusal)
    long = Scan(code="12345678", terminal_id=cashier.terminal_id or 0, merchant_ref="x" * 65)
    assert isinstance(
        await refused(counter.act(cashier, redeem, TEN, catalogue=catalogue, scan=long, key=uuid4())), InvalidInput
    )


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


async def test_a_preview_is_refused_for_the_same_reasons(counter: Counter) -> None:
    product_id = await counter.offer(AmountOff(amount_fen=30_000), budget=money(10_000))
    citizen, cashier = await counter.citizen(), await counter.cashier()
    shown = await counter.present(citizen, product_id)
    assert (await counter.preview(cashier, counter.code(shown), basis=20_000)).reason is ScanReason.NOT_VALID
    assert (await counter.presentation(shown))[0] == "REFUSED"
    assert (await counter.preview(cashier, counter.code(shown), basis=9_000)).relief == 9_000
    assert await counter.presentation(shown) == ("HELD", None)
    await counter.change("UPDATE product SET status = 'SUSPENDED' WHERE id = :id", id=product_id)
    assert (await counter.preview(cashier, counter.code(shown))).reason is ScanReason.NOT_VALID


async def test_a_product_published_after_the_request_began_is_tried_again(counter: Counter) -> None:
    product_id = await counter.offer()
    citizen, cashier = await counter.citizen(), await counter.cashier()
    code = counter.code(await counter.present(citizen, product_id))
    older = replace(await counter.catalogue(TEN), products={})
    scan = Scan(code=code, terminal_id=cashier.terminal_id or 0, basis=200)
    outcome = await counter.act(cashier, redeem, TEN, catalogue=older, scan=scan, key=uuid4())
    assert outcome.reason is ScanReason.TRY_AGAIN
    assert isinstance(
        await refused(
            counter.act(
                citizen,
                present_benefit,
                TEN,
                catalogue=older,
                product_id=product_id,
                voucher_kind=None,
                key=uuid4(),
            )
        ),
        NotFound,
    )


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


async def test_a_budget_for_all_time_is_opened_once(counter: Counter) -> None:
    for_ever = Budget(amount=1000, unit=BudgetUnit.FEN, window=Window.PROGRAMME)
    yearly = await counter.offer(budget=money())
    once = await counter.offer(budget=for_ever)
    opened = "SELECT count(*) FROM budget AS b JOIN product AS p ON p.code = b.product_code WHERE p.id = :id"
    assert await counter.rows(opened, id=once) == [(1,)]
    assert await counter.rows(opened, id=yearly) == [(2,)]


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


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """Every statement but those that open and end a transaction and set its identity."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "assume(" not in statement:
            seen.append(statement)

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(database.engine.sync_engine, "before_cursor_execute", note)


async def test_a_scan_is_three_statements(counter: Counter) -> None:
    product_id = await counter.offer(allowance=uses(3), budget=money())
    citizen, cashier = await counter.citizen(), await counter.cashier()
    for number in range(10):
        await counter.present(citizen, await counter.offer(code=f"other-{number}"))
    code = counter.code(await counter.present(citizen, product_id))
    with statements(counter.database) as previewing:
        assert (await counter.preview(cashier, code, basis=200)).allowed
    with statements(counter.database) as redeeming:
        assert (await counter.redeem(cashier, code)).allowed
    with statements(counter.database) as refusing:
        assert (await counter.redeem(cashier, code)).reason is ScanReason.CODE_USED
    assert [len(one) for one in (previewing, redeeming, refusing)] == [3, 3, 2]
