"""A benefit from the phone to the counter: previews, redemptions and refusals."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import event

from api.database import Database
from domain.actor import Role
from domain.errors import (
    BasisNeeded,
    IdempotencyConflict,
    InvalidInput,
    NotAllowed,
    NotFound,
    RateLimited,
    TerminalBlocked,
)
from domain.people.settlement import Post
from domain.programmes.rules.shapes import (
    AmountOff,
    DepositWaiver,
    PayRatio,
)
from domain.redemption.actions.presenting import present_benefit
from domain.redemption.actions.scanning import redeem
from domain.redemption.rules.codes import receipt_is_spelled_right
from domain.redemption.rules.scans import Scan, ScanReason
from tests.actions.counter import MINUTE, SECOND, TEN, Counter, books_agree, counter, number_of, refused
from tests.rules.benefits import money, uses

__all__ = ["counter"]

DAY = timedelta(days=1)


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
