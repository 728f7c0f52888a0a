"""What a sale costs, and how it ends: deposits, reversals, budgets and the books."""

from datetime import date, timedelta
from uuid import uuid4

from sqlalchemy import text

from domain.actor import ANONYMOUS
from domain.errors import (
    AllowanceUsedUp,
    AlreadyDecided,
    BudgetUsedUp,
    InvalidInput,
    NotFound,
    TooLate,
)
from domain.ledger import queries as ledger
from domain.ledger.actions import budget_account, fund_budget
from domain.ledger.queries import CITY, Account
from domain.programmes.rules.document import Budget
from domain.programmes.rules.shapes import (
    DepositWaiver,
    QuantityFree,
    QuotaUplift,
    TimeFree,
)
from domain.programmes.rules.terms import BudgetUnit, Window
from domain.redemption.actions.ending import Close, Extension, close_redemption, extend_redemption
from domain.redemption.actions.presenting import cancel_presentation
from domain.redemption.queries import sales
from domain.values import words
from tests.actions.counter import MINUTE, TEN, Counter, books_agree, counter, refused
from tests.rules.benefits import measured, money, uses

__all__ = ["counter"]

DAY = timedelta(days=1)
CUBIC = words("立方米", "m³")


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


async def test_a_budget_for_all_time_is_opened_once(counter: Counter) -> None:
    for_ever = Budget(amount=1000, unit=BudgetUnit.FEN, window=Window.PROGRAMME)
    yearly = await counter.offer(budget=money())
    once = await counter.offer(budget=for_ever)
    opened = "SELECT count(*) FROM budget AS b JOIN product AS p ON p.code = b.product_code WHERE p.id = :id"
    assert await counter.rows(opened, id=once) == [(1,)]
    assert await counter.rows(opened, id=yearly) == [(2,)]
