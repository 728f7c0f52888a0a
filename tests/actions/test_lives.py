"""Open sales live on: late, released, claimed from the guarantee fund, promised papers, undone by the office, cut."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from domain.actor import ANONYMOUS, Caller, Role
from domain.errors import (
    AllowanceUsedUp,
    AlreadyDecided,
    ConsentRequired,
    InvalidInput,
    NotFound,
    RuleRefused,
    TooLate,
)
from domain.incentives.rules.promises import promise_digest
from domain.people.actions import look_up_by_presence, presence_code_of, show_presence_code
from domain.people.actions.joining import withdraw
from domain.people.rules import Purpose
from domain.people.settlement import Post
from domain.programmes.rules.document import Budget
from domain.programmes.rules.shapes import DepositWaiver, PapersLater, PayLater, QuotaUplift
from domain.programmes.rules.terms import BudgetUnit, Window
from domain.redemption.actions.lives import contest_claim, deny_claim
from domain.values import words
from tests.actions.accounts import cut, everything_of, sign, told, turn
from tests.actions.counter import MINUTE, TEN, Counter, books_agree, counter, refused
from tests.rules.benefits import money, uses

__all__ = ["counter"]

DAY = timedelta(days=1)
DEPOSIT = DepositWaiver(max_deposit_fen=100_000, max_days=30)
PAPERS = PapersLater(papers=(words("产权证", "Deed"),), days=7)


async def status(counter: Counter, redemption_id: int) -> Any:
    rows = await counter.rows("SELECT status FROM redemption WHERE id = :id", id=redemption_id)
    return rows[0][0]


async def moves(counter: Counter, redemption_id: int) -> list[tuple[Any, ...]]:
    """What the ledger has of a sale."""
    return await counter.rows(
        "SELECT d.kind, c.kind, t.amount_fen, t.state FROM transfer AS t JOIN account AS d ON d.id = t.debit_id"
        " JOIN account AS c ON c.id = t.credit_id WHERE t.redemption_id = :id ORDER BY t.id",
        id=redemption_id,
    )


async def test_a_deposit_is_late_past_its_day_and_released_fifteen_days_later(counter: Counter) -> None:
    product_id = await counter.offer(DEPOSIT, allowance=uses(1), budget=money())
    citizen, till, number = await counter.sell(product_id, basis=60_000)
    due = TEN + 30 * DAY
    await turn(counter, due)
    assert await status(counter, number) == "OPEN"
    for _ in range(2):
        await turn(counter, due + DAY)
    assert await status(counter, number) == "LATE"
    assert await told(counter, citizen) == ["SOMETHING_LATE"]
    await turn(counter, due + 14 * DAY)
    assert (await status(counter, number), await counter.budget(product_id)) == ("LATE", (60_000, 0))
    for _ in range(2):
        await turn(counter, due + 15 * DAY)
    assert (await status(counter, number), await counter.budget(product_id)) == ("RELEASED", (0, 0))
    assert await told(counter, citizen) == ["SOMETHING_LATE", "SOMETHING_RELEASED"]
    assert isinstance(await refused(counter.close(till, number, claim=5, reason="损坏")), AlreadyDecided)
    assert isinstance(await refused(counter.extend(till, number, 5)), AlreadyDecided)
    assert await counter.used(product_id) == [1]
    await books_agree(counter)


@pytest.mark.parametrize("shape", [DEPOSIT, PayLater(max_fen=100_000, days=30)])
async def test_what_a_budget_of_pieces_waives_the_city_stands_for(counter: Counter, shape: Any) -> None:
    pieces = Budget(amount=4, unit=BudgetUnit.PIECES, window=Window.CALENDAR_YEAR)
    product_id = await counter.offer(shape, budget=pieces)
    kept = [("CITY", "GUARANTEE", 60_000, "PENDING")]
    _, till, returned = await counter.sell(product_id, basis=60_000)
    assert (await moves(counter, returned), await counter.budget(product_id)) == (kept, (1, 0))
    await counter.close(till, returned)
    assert await moves(counter, returned) == [*kept, ("CITY", "GUARANTEE", 0, "VOIDED")]
    _, till, undone = await counter.sell(product_id, basis=60_000)
    await counter.reverse(till, undone)
    assert await counter.budget(product_id) == (0, 1)
    _, till, damaged = await counter.sell(product_id, basis=60_000)
    _, _, forgotten = await counter.sell(product_id, basis=60_000)
    await counter.close(till, damaged, claim=45_000, reason="损坏")
    await turn(counter, TEN + 9 * DAY)
    assert await moves(counter, damaged) == [
        *kept,
        ("CITY", "GUARANTEE", 45_000, "POSTED"),
        ("GUARANTEE", "PAYABLE", 45_000, "POSTED"),
    ]
    assert await counter.budget(product_id) == (1, 2)
    await turn(counter, TEN + 31 * DAY)
    await turn(counter, TEN + 46 * DAY)
    assert (await status(counter, forgotten), await counter.budget(product_id)) == ("RELEASED", (0, 3))
    assert await counter.rows(
        "SELECT count(*) FROM account AS a JOIN product AS p ON a.owner LIKE p.code || '/%' WHERE p.id = :id",
        id=product_id,
    ) == [(0,)]
    await books_agree(counter)


async def test_more_time_brings_a_late_one_back_and_it_can_be_late_again(counter: Counter) -> None:
    product_id = await counter.offer(DEPOSIT, budget=money())
    citizen, till, number = await counter.sell(product_id, basis=60_000)
    await turn(counter, TEN + 31 * DAY)
    await counter.extend(till, number, 10, TEN + 31 * DAY)
    assert await status(counter, number) == "OPEN"
    await turn(counter, TEN + 41 * DAY)
    assert await told(counter, citizen) == ["SOMETHING_LATE", "SOMETHING_LATE"]
    await counter.close(till, number, TEN + 41 * DAY)
    assert await status(counter, number) == "COMPLETED"
    await books_agree(counter)


async def test_books_that_are_never_brought_back_are_let_go_without_money(counter: Counter) -> None:
    books = QuotaUplift(quantity=8, unit=words("册", "books"), loan_days=90)
    product_id = await counter.offer(books)
    _, _, number = await counter.sell(product_id, basis=8)
    await turn(counter, TEN + 91 * DAY)
    await turn(counter, TEN + 105 * DAY)
    assert await status(counter, number) == "RELEASED"
    assert await moves(counter, number) == []
    await books_agree(counter)


@pytest.mark.parametrize("shape", [DEPOSIT, PayLater(max_fen=100_000, days=10)])
async def test_a_claim_is_paid_after_five_working_days_up_to_what_was_waived(counter: Counter, shape: Any) -> None:
    product_id = await counter.offer(shape, budget=money())
    citizen, till, number = await counter.sell(product_id, basis=60_000)
    await counter.close(till, number, claim=45_000, reason="损坏")
    # A Monday; the 19th of June is a holiday.
    assert await counter.rows("SELECT claim_until FROM redemption WHERE id = :id", id=number) == [(date(2026, 6, 23),)]
    assert await told(counter, citizen) == ["FUND_CLAIMED"]
    await turn(counter, TEN + 8 * DAY)
    assert (await status(counter, number), await counter.budget(product_id)) == ("CLAIM_PENDING", (60_000, 0))
    for _ in range(2):
        await turn(counter, TEN + 9 * DAY)
    assert (await status(counter, number), await counter.budget(product_id)) == ("CLAIMED", (0, 45_000))
    assert await moves(counter, number) == [
        ("BUDGET", "GUARANTEE", 60_000, "PENDING"),
        ("BUDGET", "GUARANTEE", 45_000, "POSTED"),
        ("GUARANTEE", "PAYABLE", 45_000, "POSTED"),
    ]
    assert await told(counter, citizen) == ["FUND_CLAIMED", "FUND_PAID"]
    assert isinstance(await refused(counter.reverse(till, number)), AlreadyDecided)
    # Never a point: nothing of it is a record of anybody.
    assert await counter.rows(
        "SELECT count(*) FROM credit_record AS r JOIN citizen AS c ON c.id = r.citizen_id WHERE c.person_id = :person",
        person=citizen.person_id,
    ) == [(0,)]
    await books_agree(counter)


async def test_a_claim_that_somebody_objects_to_waits_until_that_is_decided(counter: Counter) -> None:
    product_id = await counter.offer(DEPOSIT, budget=money())
    sold = [await counter.sell(product_id, basis=60_000) for _ in range(2)]
    for citizen, till, number in sold:
        await counter.close(till, number, claim=45_000, reason="损坏")
        async with counter.database.transaction(citizen) as unit:
            assert await contest_claim(unit.session, redemption_id=number, at=TEN)
    await turn(counter, TEN + 30 * DAY)
    rejected, upheld = (number for _, _, number in sold)
    assert [await status(counter, one) for one in (rejected, upheld)] == ["CLAIM_PENDING", "CLAIM_PENDING"]
    async with counter.worker.transaction(ANONYMOUS) as unit:
        await deny_claim(unit.session, TEN + 30 * DAY, redemption_id=upheld)
        assert await contest_claim(unit.session, redemption_id=rejected, at=None)
        assert not await contest_claim(unit.session, redemption_id=upheld, at=None)
    await turn(counter, TEN + 30 * DAY)
    assert [await status(counter, one) for one in (rejected, upheld)] == ["CLAIMED", "RELEASED"]
    assert await counter.budget(product_id) == (0, 45_000)
    await books_agree(counter)


async def test_leaving_the_programme_never_makes_an_open_one_due(counter: Counter) -> None:
    product_id = await counter.offer(DEPOSIT, budget=money())
    citizen, till, number = await counter.sell(product_id, basis=60_000)
    await counter.act(citizen, withdraw, TEN, key=uuid4())
    await turn(counter, TEN + DAY)
    assert await counter.rows("SELECT status, due_on FROM redemption WHERE id = :id", id=number) == [
        ("OPEN", date(2026, 7, 15))
    ]
    await counter.close(till, number, TEN + 2 * DAY)
    assert await status(counter, number) == "COMPLETED"
    await books_agree(counter)


async def test_papers_may_follow_for_whoever_has_promised_them(counter: Counter) -> None:
    product_id = await counter.offer(PAPERS, allowance=uses(3))
    other = await counter.offer()
    citizen, till = await counter.citizen(), await counter.cashier()
    assert isinstance(await refused(counter.present(citizen, product_id)), ConsentRequired)
    digest = promise_digest((await counter.catalogue(TEN)).products[product_id])
    error = await refused(sign(counter, citizen, product_id, "0" * 64, TEN))
    assert isinstance(error, InvalidInput)
    assert error.field == "digest"
    assert isinstance(await refused(sign(counter, citizen, other, digest, TEN)), RuleRefused)
    assert isinstance(await refused(sign(counter, citizen, 10**9, digest, TEN)), NotFound)
    for _ in range(2):
        assert await sign(counter, citizen, product_id, digest, TEN) == product_id
    code = counter.code(await counter.present(citizen, product_id))
    sale = await counter.redeem(till, code, basis=None)
    assert sale.sold is not None
    assert (sale.sold.status, sale.sold.due_on) == ("OPEN", date(2026, 6, 22))
    await counter.close(till, sale.sold.redemption_id, TEN + DAY)
    assert await counter.present(citizen, product_id, TEN + DAY) > 0


async def test_a_broken_promise_ends_that_product_for_its_window_and_makes_no_record(counter: Counter) -> None:
    product_id = await counter.offer(PAPERS, allowance=uses(3))
    other = await counter.offer(PAPERS, allowance=uses(3))
    citizen, till = await counter.citizen(), await counter.cashier()
    digests = {one: promise_digest((await counter.catalogue(TEN)).products[one]) for one in (product_id, other)}
    for one, digest in digests.items():
        await sign(counter, citizen, one, digest, TEN)
    first = TEN - 10 * DAY
    await counter.redeem(till, counter.code(await counter.present(citizen, product_id, first)), first, basis=None)
    await turn(counter, first + 8 * DAY)
    await turn(counter, first + 22 * DAY)
    refusal = await refused(counter.present(citizen, product_id, first + 22 * DAY))
    assert isinstance(refusal, AllowanceUsedUp)
    assert refusal.message.en == "The papers you promised did not come; it is open to you again on 2026-07-01."
    assert await counter.present(citizen, other, first + 22 * DAY) > 0
    july = TEN + 20 * DAY
    assert isinstance(await refused(counter.present(citizen, product_id, july)), ConsentRequired)
    await sign(counter, citizen, product_id, digests[product_id], july)
    assert await counter.present(citizen, product_id, july) > 0
    assert await counter.rows("SELECT count(*) FROM credit_record") == [(0,)]


async def officer_before(counter: Counter, citizen: Caller, at: datetime, purpose: Purpose) -> Caller:
    """An officer who has just looked somebody up with the code on their phone."""
    officer, key = await counter.settle(Role.OFFICER, post=Post(role="officer", organisation=None)), uuid4()
    await counter.act(citizen, show_presence_code, at, key=key)
    code = presence_code_of(counter.database.vault, citizen.person_id or 0, key)
    await counter.act(officer, look_up_by_presence, at, code=code, purpose=purpose, key=uuid4())
    return officer


async def test_the_office_undoes_a_sale_later_for_the_citizen_in_front_of_it(counter: Counter) -> None:
    product_id = await counter.offer(allowance=uses(1), budget=money())
    citizen, till, number = await counter.sell(product_id)
    later = TEN + 20 * DAY
    assert isinstance(await refused(counter.reverse(till, number, later)), TooLate)
    officer = await officer_before(counter, citizen, later, Purpose.REVERSAL)
    assert isinstance(await refused(counter.reverse(officer, number, later, reason=" ")), InvalidInput)
    assert isinstance(await refused(counter.reverse(officer, number, later + 61 * MINUTE)), NotFound)
    key = uuid4()
    for _ in range(2):
        assert await counter.reverse(officer, number, later + MINUTE, reason="商家未提供", key=key) == number
    assert (await status(counter, number), await counter.budget(product_id)) == ("REVERSED", (0, 0))
    assert await counter.used(product_id) == [0]
    assert await moves(counter, number) == [
        ("BUDGET", "PAYABLE", 120, "POSTED"),
        ("PAYABLE", "BUDGET", 120, "POSTED"),
    ]
    assert "SALE_REVERSED" in await told(counter, citizen)
    await books_agree(counter)


async def test_an_officer_reaches_only_sales_of_whom_they_have_looked_up_for_that(counter: Counter) -> None:
    product_id = await counter.offer(budget=money())
    citizen, _, number = await counter.sell(product_id)
    _, _, others = await counter.sell(product_id)
    stranger = await counter.settle(Role.OFFICER, post=Post(role="officer", organisation=None))
    officer = await officer_before(counter, citizen, TEN, Purpose.REVERSAL)
    nosy = await officer_before(counter, citizen, TEN, Purpose.OBJECTION)
    for who, which in ((stranger, number), (officer, others), (nosy, number), (officer, 10**9)):
        assert isinstance(await refused(counter.reverse(who, which, TEN + MINUTE)), NotFound)
    late = TEN + 61 * DAY
    again = await officer_before(counter, citizen, late, Purpose.REVERSAL)
    assert isinstance(await refused(counter.reverse(again, number, late)), TooLate)
    assert await status(counter, number) == "COMPLETED"


async def test_r18_after_settlement_nobody_can_put_sale_and_person_together_again(counter: Counter) -> None:
    product_id = await counter.offer(allowance=uses(1), budget=money())
    waived = await counter.offer(DEPOSIT, budget=money())
    # An instant of its own: joining and consent happen at others.
    citizen, till, number = await counter.sell(product_id, at=TEN + timedelta(minutes=7, seconds=13))
    _, _, reversed_sale = await counter.sell(product_id)
    await counter.reverse(till, reversed_sale)
    holder, _, still_open = await counter.sell(waived, basis=500)
    receipt, code = (
        await counter.rows(
            "SELECT receipt_number, (SELECT p.id FROM presentation AS p WHERE p.redemption_id = r.id)"
            " FROM redemption AS r WHERE r.id = :id",
            id=number,
        )
    )[0]
    citizen_id = (await counter.rows("SELECT id FROM citizen WHERE person_id = :p", p=citizen.person_id))[0][0]
    june = date(2026, 6, 1)
    held = "SELECT count(*) FROM redemption_holder WHERE redemption_id = :id"
    for at, month, shop in (
        (TEN + 60 * DAY, june, "here"),
        (TEN + 61 * DAY, date(2026, 5, 1), "here"),
        (TEN + 61 * DAY, june, "there"),
    ):
        await cut(counter, at, month, shop)
        assert await counter.rows(held, id=number) == [(1,)]
    assert await cut(counter, TEN + 61 * DAY, june, "here") >= 2
    assert await cut(counter, TEN + 61 * DAY, june, "here") == 0

    assert await counter.rows(held, id=number) == [(0,)]
    assert await counter.rows("SELECT count(*) FROM redemption_holder WHERE redemption_id = :id", id=still_open) == [
        (1,)
    ]
    midnight = "2026-06-14T16:00:00+00:00"
    sales = await counter.rows(
        "SELECT at = CAST(:midnight AS timestamptz), match_number, terminal_id FROM redemption WHERE id = ANY (:ids)",
        midnight=datetime.fromisoformat(midnight),
        ids=[number, reversed_sale],
    )
    assert sales == [(True, None, None)] * 2

    # The outbox forgets within a day of having sent.
    tables = await everything_of(counter, skip={"outbox"})
    sale_side = {"redemption", "transfer"}
    sale = [row for row in tables["redemption"] if row["id"] == number]
    sale += [row for row in tables["transfer"] if row["redemption_id"] == number]
    traces = {str(row[column]) for row in sale for column in ("at", "changed_at", "receipt_number") if row.get(column)}
    traces -= {row["at"] for row in sale if row.get("receipt_number")}
    mine = [
        (name, row)
        for name, rows in tables.items()
        for row in rows
        if name not in sale_side
        and (
            citizen_id in (row.get("citizen_id"),)
            or citizen.person_id in (row.get("person_id"), row.get("actor_person_id"))
        )
    ]
    assert mine != []
    for name, row in mine:
        values = {str(value) for value in row.values()}
        assert values.isdisjoint(traces), name
        assert receipt not in str(row)
        assert not {"redemption_id", "redemption"} & row.keys() or row.get("redemption_id") is None, name
    # Not with the server's key either: the number from which the receipt follows is nowhere.
    assert code not in [row["id"] for row in tables["presentation"]]
    kept = {(row["operation"], row["result"].get("id")) for row in tables["idempotency"] if row["result"]}
    assert kept.isdisjoint({("redeem", number), ("presentBenefit", code)})
    assert [row for row in tables["audit_event"] if row["actor_person_id"] == citizen.person_id] == []
    assert [row for row in tables["notice"] if f"sale:{number}:" in row["subject"]] == []
    # What stays is that a shop has checked a product on a day.
    looks = [row for row in tables["access_event"] if row["person_id"] == citizen.person_id]
    assert [(row["purpose"], row["at"], row["actor_person_id"]) for row in looks] == [("SHOP_CHECK", midnight, None)]
    assert holder.person_id is not None
    assert isinstance(await refused(counter.reverse(till, number, TEN + 61 * DAY)), TooLate)
    await books_agree(counter)
