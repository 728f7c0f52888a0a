"""Benefits that go to an account: linking, claiming inside the window, the provider's queue, and its answer."""

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest

from api.database import Database, WorkerDatabase
from domain.errors import (
    AllowanceUsedUp,
    AlreadyDecided,
    BudgetUsedUp,
    ConsentRequired,
    IdempotencyConflict,
    InvalidInput,
    NotFound,
    ProductUnavailable,
    RuleRefused,
)
from domain.incentives.rules.accounts import masked, number_of
from domain.redemption.rules.claims import ClaimRefusal
from seeds.loader import PROGRAMMES, read_file
from tests.actions.accounts import (
    assisted,
    city_of,
    claim,
    confirm,
    link,
    product_of,
    queue,
    refuse,
    told,
    turn,
    unlink,
)
from tests.actions.counter import Counter, books_agree, refused

# Ten o'clock in Shanghai: the heating season has begun, its claim window opens a day later.
BEFORE = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
OPEN = datetime(2026, 11, 26, 2, 0, tzinfo=UTC)
DAY = timedelta(days=1)
PROVIDER = {"heating-300": "heating", "water-30": "water", "parking": "city-parking"}


@pytest.fixture(scope="module")
async def rongcheng(database: Database, worker: WorkerDatabase) -> Counter:
    return await city_of(read_file(PROGRAMMES / "rongcheng.toml"), BEFORE, database, worker)


@pytest.fixture(scope="module")
async def yiwu(database: Database, worker: WorkerDatabase) -> Counter:
    return await city_of(read_file(PROGRAMMES / "yiwu.toml"), BEFORE, database, worker)


async def provider(counter: Counter, organisation: str) -> object:
    return await counter.cashier(organisation)


STATE = "SELECT status, basis, relief, holder_pays, owed_fen, budget_taken FROM redemption WHERE id = :id"


async def budget(counter: Counter, product_id: int, at: datetime = OPEN) -> tuple[int, int]:
    return await counter.budget(product_id, at)


async def used(counter: Counter, redemption_id: int) -> int:
    """What the holder of a sale has used in its window."""
    rows = await counter.rows(
        "SELECT u.used FROM allowance_use AS u JOIN redemption_holder AS h ON h.holder = u.holder"
        " AND h.allowance_window = u.window_start JOIN redemption AS r ON r.id = h.redemption_id"
        " AND r.product_code = u.product_code AND r.programme_id = u.programme_id WHERE r.id = :id",
        id=redemption_id,
    )
    return int(rows[0][0])


async def test_rongchengs_heating_runs_from_the_claim_to_the_bill(rongcheng: Counter) -> None:
    product_id = await product_of(rongcheng, "heating-300")
    citizen, heating = await assisted(rongcheng), await rongcheng.cashier("heating")
    account = await link(rongcheng, citizen, "HEATING", "rc 2026-0001", BEFORE)
    refusal = await refused(claim(rongcheng, citizen, product_id, account, BEFORE))
    assert isinstance(refusal, ProductUnavailable)
    assert refusal.message.en == "It opens on 2026-11-25."
    reserved, spent = await budget(rongcheng, product_id)
    number = await claim(rongcheng, citizen, product_id, account, OPEN)
    assert await rongcheng.rows(STATE, id=number) == [("CLAIM_SENT", None, None, None, 30_000, 30_000)]
    assert await budget(rongcheng, product_id) == (reserved + 30_000, spent)
    assert await used(rongcheng, number) == 1
    await books_agree(rongcheng)
    # Ten working days from a Thursday.
    assert (number, "RC20260001", date(2026, 12, 10)) in await queue(rongcheng, heating, OPEN)
    await confirm(rongcheng, heating, number, 25_000, OPEN + DAY, ref="账单 7")
    assert await rongcheng.rows(STATE, id=number) == [("COMPLETED", 25_000, 25_000, 0, 25_000, 25_000)]
    assert await budget(rongcheng, product_id) == (reserved, spent + 25_000)
    assert await rongcheng.rows(
        "SELECT d.kind, c.kind, t.amount_fen, t.state FROM transfer AS t JOIN account AS d ON d.id = t.debit_id"
        " JOIN account AS c ON c.id = t.credit_id WHERE t.redemption_id = :id ORDER BY t.id",
        id=number,
    ) == [("BUDGET", "PAYABLE", 30_000, "PENDING"), ("BUDGET", "PAYABLE", 25_000, "POSTED")]
    assert await told(rongcheng, citizen) == ["CLAIM_CONFIRMED"]
    assert isinstance(await refused(claim(rongcheng, citizen, product_id, account, OPEN + DAY)), AllowanceUsedUp)
    await books_agree(rongcheng)


async def test_a_heating_bill_above_the_relief_leaves_the_rest_to_its_holder(rongcheng: Counter) -> None:
    product_id = await product_of(rongcheng, "heating-300")
    citizen, heating = await assisted(rongcheng), await rongcheng.cashier("heating")
    number = await claim(
        rongcheng, citizen, product_id, await link(rongcheng, citizen, "HEATING", "RC-0002", OPEN), OPEN
    )
    await confirm(rongcheng, heating, number, 45_000, OPEN)
    assert await rongcheng.rows(STATE, id=number) == [("COMPLETED", 45_000, 30_000, 15_000, 30_000, 30_000)]
    late = datetime(2027, 1, 5, 2, 0, tzinfo=UTC)
    other = await assisted(rongcheng)
    account = await link(rongcheng, other, "HEATING", "RC-0003", late)
    assert isinstance(await refused(claim(rongcheng, other, product_id, account, late)), ProductUnavailable)
    await books_agree(rongcheng)


async def test_rongchengs_water_is_claimed_in_several_goes_until_thirty_are_used(rongcheng: Counter) -> None:
    product_id = await product_of(rongcheng, "water-30")
    citizen, water = await assisted(rongcheng), await rongcheng.cashier("water")
    account = await link(rongcheng, citizen, "WATER", "W-778899", OPEN)
    first = await claim(rongcheng, citizen, product_id, account, OPEN)
    # All that is left is kept ready until the bill is there.
    assert await used(rongcheng, first) == 30
    assert isinstance(await refused(claim(rongcheng, citizen, product_id, account, OPEN)), AllowanceUsedUp)
    await confirm(rongcheng, water, first, 12, OPEN)
    assert await used(rongcheng, first) == 12
    second = await claim(rongcheng, citizen, product_id, account, OPEN)
    await confirm(rongcheng, water, second, 25, OPEN)
    assert await rongcheng.rows(STATE, id=first) == [("COMPLETED", 12, 12, 0, 0, 0)]
    assert await rongcheng.rows(STATE, id=second) == [("COMPLETED", 25, 18, 7, 0, 0)]
    assert await used(rongcheng, second) == 30
    await books_agree(rongcheng)


async def test_yiwus_parking_goes_to_the_plate(yiwu: Counter) -> None:
    rows = await yiwu.rows(
        "SELECT code FROM product WHERE programme_id = :id AND content ->> 'account_kind' = 'PLATE'",
        id=yiwu.programme_id,
    )
    product_id = await product_of(yiwu, rows[0][0])
    citizen, parking = await assisted(yiwu), await yiwu.cashier("city-parking")
    account = await link(yiwu, citizen, "PLATE", "浙G·12345", OPEN)
    number = await claim(yiwu, citizen, product_id, account, OPEN)
    # At most 10 yuan of relief at 80 %.
    assert await yiwu.rows(STATE, id=number) == [("CLAIM_SENT", None, None, None, 1_000, 1_000)]
    assert await queue(yiwu, parking, OPEN) == [(number, "浙G12345", date(2026, 12, 10))]
    await confirm(yiwu, parking, number, 1_999, OPEN)
    assert await yiwu.rows(STATE, id=number) == [("COMPLETED", 1_999, 399, 1_600, 399, 399)]
    assert await budget(yiwu, product_id) == (0, 399)
    again = await claim(yiwu, citizen, product_id, account, OPEN)
    await refuse(yiwu, parking, again, OPEN, ClaimRefusal.UNKNOWN_ACCOUNT)
    assert await budget(yiwu, product_id) == (0, 399)
    assert await used(yiwu, number) == 1
    await books_agree(yiwu)


async def test_a_refused_claim_gives_everything_back_and_says_why(rongcheng: Counter) -> None:
    product_id = await product_of(rongcheng, "heating-300")
    citizen, heating = await assisted(rongcheng), await rongcheng.cashier("heating")
    account = await link(rongcheng, citizen, "HEATING", "RC-0004", OPEN)
    before = await budget(rongcheng, product_id)
    number, key = await claim(rongcheng, citizen, product_id, account, OPEN), uuid4()
    await refuse(rongcheng, heating, number, OPEN, key=key)
    await refuse(rongcheng, heating, number, OPEN, key=key)
    assert await rongcheng.rows(STATE, id=number) == [("REFUSED", None, None, None, 30_000, 30_000)]
    assert await budget(rongcheng, product_id) == before
    assert await used(rongcheng, number) == 0
    params = await rongcheng.rows(
        "SELECT params -> 'reason' ->> 'en' FROM notice WHERE person_id = :person", person=citizen.person_id
    )
    assert params == [("nothing is due on this account",)]
    for answer in (refuse(rongcheng, heating, number, OPEN), confirm(rongcheng, heating, number, 5, OPEN)):
        assert isinstance(await refused(answer), AlreadyDecided)
    assert await claim(rongcheng, citizen, product_id, account, OPEN) > number
    await books_agree(rongcheng)


async def test_a_provider_reads_an_account_number_and_the_citizen_sees_that_once(rongcheng: Counter) -> None:
    product_id = await product_of(rongcheng, "heating-300")
    citizen, heating = await assisted(rongcheng), await rongcheng.cashier("heating")
    stranger = await rongcheng.cashier("water")
    account = await link(rongcheng, citizen, "HEATING", "RC-0005", OPEN)
    number = await claim(rongcheng, citizen, product_id, account, OPEN)
    assert await rongcheng.looks(citizen) == []
    assert number not in [one[0] for one in await queue(rongcheng, stranger, OPEN)]
    assert await rongcheng.looks(citizen) == []
    for _ in range(2):
        assert number in [one[0] for one in await queue(rongcheng, heating, OPEN)]
    midnight = datetime(2026, 11, 25, 16, 0, tzinfo=UTC)
    assert await rongcheng.looks(citizen) == [
        ("A provider", "cashier", "ACCOUNT_CLAIM", "Read your account number for “Heating bill relief”", midnight, None)
    ]
    for answer in (
        refuse(rongcheng, stranger, number, OPEN),
        confirm(rongcheng, stranger, number, 5, OPEN),
        rongcheng.reverse(stranger, number, OPEN),
    ):
        assert isinstance(await refused(answer), NotFound)
    assert await rongcheng.rows("SELECT status FROM redemption WHERE id = :id", id=number) == [("CLAIM_SENT",)]
    await confirm(rongcheng, heating, number, 100, OPEN)
    assert number not in [one[0] for one in await queue(rongcheng, heating, OPEN)]


async def test_the_queue_shows_the_most_urgent_first_and_logs_only_what_it_shows(yiwu: Counter) -> None:
    rows = await yiwu.rows(
        "SELECT code FROM product WHERE programme_id = :id AND content ->> 'account_kind' = 'PLATE'",
        id=yiwu.programme_id,
    )
    product_id, parking = await product_of(yiwu, rows[0][0]), await yiwu.cashier("city-parking")
    sooner, later = await assisted(yiwu), await assisted(yiwu)
    second = await claim(yiwu, later, product_id, await link(yiwu, later, "PLATE", "G0002", OPEN), OPEN + DAY)
    first = await claim(yiwu, sooner, product_id, await link(yiwu, sooner, "PLATE", "G0001", OPEN), OPEN)
    assert [one[0] for one in await queue(yiwu, parking, OPEN, first=0)] == [first]
    assert await yiwu.looks(later) == []
    assert [one[0] for one in await queue(yiwu, parking, OPEN)] == [first, second]
    assert len(await yiwu.looks(later)) == 1


async def test_silence_past_its_date_goes_to_the_office(rongcheng: Counter) -> None:
    product_id = await product_of(rongcheng, "heating-300")
    citizen, heating = await assisted(rongcheng), await rongcheng.cashier("heating")
    number = await claim(
        rongcheng, citizen, product_id, await link(rongcheng, citizen, "HEATING", "RC-0006", OPEN), OPEN
    )
    escalated = "SELECT escalated_at IS NOT NULL FROM account_claim WHERE redemption_id = :id"
    last = datetime(2026, 12, 10, 2, 0, tzinfo=UTC)
    await turn(rongcheng, last)
    assert await rongcheng.rows(escalated, id=number) == [(False,)]
    for _ in range(2):
        await turn(rongcheng, last + DAY)
    assert await rongcheng.rows(escalated, id=number) == [(True,)]
    assert await told(rongcheng, citizen) == ["CLAIM_UNANSWERED"]
    await confirm(rongcheng, heating, number, 10_000, last + DAY)
    assert await rongcheng.rows(STATE, id=number) == [("COMPLETED", 10_000, 10_000, 0, 10_000, 10_000)]
    await books_agree(rongcheng)


async def test_the_last_money_goes_to_one_claim_and_nothing_of_the_other_stays(rongcheng: Counter) -> None:
    product_id = await product_of(rongcheng, "heating-300")
    one, other = await assisted(rongcheng), await assisted(rongcheng)
    mine = await link(rongcheng, one, "HEATING", "RC-0007", OPEN)
    theirs = await link(rongcheng, other, "HEATING", "RC-0008", OPEN)
    rows = await rongcheng.rows(
        "SELECT total, reserved + spent FROM budget WHERE programme_id = :id AND product_code = 'heating-300'"
        " ORDER BY window_start LIMIT 1",
        id=rongcheng.programme_id,
    )
    total, gone = rows[0]
    squeeze = (
        "UPDATE budget SET spent = spent + :by WHERE programme_id = :id AND product_code = 'heating-300'"
        " AND window_start = '2026-11-15'"
    )
    await rongcheng.change(squeeze, by=total - gone - 30_000, id=rongcheng.programme_id)
    number = await claim(rongcheng, one, product_id, mine, OPEN)
    refusal = await refused(claim(rongcheng, other, product_id, theirs, OPEN))
    assert isinstance(refusal, BudgetUsedUp)
    assert refusal.message.en.startswith("The budget is used up; it renews on ")
    await rongcheng.change(squeeze, by=-5, id=rongcheng.programme_id)
    refusal = await refused(claim(rongcheng, other, product_id, theirs, OPEN))
    assert refusal.message.en == "What is left of the budget does not cover this claim."
    assert await rongcheng.rows(
        "SELECT count(*) FROM redemption_holder AS h JOIN citizen AS c ON c.id = h.citizen_id"
        " WHERE c.person_id = :person",
        person=other.person_id,
    ) == [(0,)]
    await rongcheng.change(squeeze, by=-(total - gone - 30_000) + 5, id=rongcheng.programme_id)
    assert number > 0
    await books_agree(rongcheng)


async def test_whose_account_it_is_and_of_which_kind_is_checked(rongcheng: Counter) -> None:
    product_id = await product_of(rongcheng, "heating-300")
    bus = await product_of(rongcheng, "bus-40")
    citizen, stranger = await assisted(rongcheng), await assisted(rongcheng)
    mine = await link(rongcheng, citizen, "HEATING", "RC-0009", OPEN)
    theirs = await link(rongcheng, stranger, "HEATING", "RC-0010", OPEN)
    water = await link(rongcheng, citizen, "WATER", "RC-0011", OPEN)
    for account, refusal in ((theirs, NotFound), (10**9, NotFound), (water, InvalidInput)):
        error = await refused(claim(rongcheng, citizen, product_id, account, OPEN))
        assert isinstance(error, refusal)
        assert error.field == ("accountId" if refusal is InvalidInput else None)
    assert isinstance(await refused(claim(rongcheng, citizen, bus, mine, OPEN)), ProductUnavailable)
    assert isinstance(await refused(claim(rongcheng, citizen, 10**9, mine, OPEN)), NotFound)
    await unlink(rongcheng, citizen, mine, OPEN)
    assert isinstance(await refused(claim(rongcheng, citizen, product_id, mine, OPEN)), NotFound)
    assert isinstance(await refused(unlink(rongcheng, citizen, mine, OPEN)), AlreadyDecided)
    assert isinstance(await refused(unlink(rongcheng, citizen, theirs, OPEN)), NotFound)


@pytest.mark.parametrize(("basis", "ref", "field"), [(0, "B", "basis"), (-5, "B", "basis"), (5, " ", "merchantRef")])
async def test_a_bill_of_nothing_and_one_without_a_number_are_refused(
    rongcheng: Counter, basis: int, ref: str, field: str
) -> None:
    product_id = await product_of(rongcheng, "heating-300")
    citizen, heating = await assisted(rongcheng), await rongcheng.cashier("heating")
    account = await link(rongcheng, citizen, "HEATING", f"BAD-{field}{basis + 9}", OPEN)
    number = await claim(rongcheng, citizen, product_id, account, OPEN)
    refusal = await refused(confirm(rongcheng, heating, number, basis, OPEN, ref=ref))
    assert isinstance(refusal, InvalidInput)
    assert refusal.field == field
    assert isinstance(await refused(confirm(rongcheng, heating, number, 5, OPEN, ref="x" * 65)), InvalidInput)
    assert await rongcheng.rows("SELECT status FROM redemption WHERE id = :id", id=number) == [("CLAIM_SENT",)]
    await refuse(rongcheng, heating, number, OPEN)


async def test_one_key_is_one_claim_one_link_and_one_answer(rongcheng: Counter) -> None:
    product_id = await product_of(rongcheng, "heating-300")
    citizen, heating = await assisted(rongcheng), await rongcheng.cashier("heating")
    linking, claiming, answering = uuid4(), uuid4(), uuid4()
    account = await link(rongcheng, citizen, "HEATING", "RC-0012", OPEN, linking)
    assert await link(rongcheng, citizen, "HEATING", "rc 0012", OPEN, linking) == account
    assert await link(rongcheng, citizen, "HEATING", "RC0012", OPEN) == account
    number = await claim(rongcheng, citizen, product_id, account, OPEN, claiming)
    assert await claim(rongcheng, citizen, product_id, account, OPEN, claiming) == number
    for _ in range(2):
        await confirm(rongcheng, heating, number, 10_000, OPEN, key=answering)
    assert isinstance(
        await refused(confirm(rongcheng, heating, number, 10_001, OPEN, key=answering)), IdempotencyConflict
    )
    assert await rongcheng.rows(STATE, id=number) == [("COMPLETED", 10_000, 10_000, 0, 10_000, 10_000)]


async def test_linking_needs_its_own_consent_and_ends_with_it(rongcheng: Counter) -> None:
    citizen = await rongcheng.citizen(("score", "benefits"), groups=("assisted",))
    assert isinstance(await refused(link(rongcheng, citizen, "HEATING", "RC-0013", OPEN)), ConsentRequired)
    citizen = await assisted(rongcheng)
    account = await link(rongcheng, citizen, "HEATING", "RC-0013", OPEN)
    await rongcheng.change(
        "UPDATE consent SET withdrawn_at = :at WHERE person_id = :person AND purpose = 'account'",
        at=OPEN,
        person=citizen.person_id,
    )
    product_id = await product_of(rongcheng, "heating-300")
    assert isinstance(await refused(claim(rongcheng, citizen, product_id, account, OPEN)), NotFound)
    assert isinstance(await refused(link(rongcheng, citizen, "HEATING", "RC-0014", OPEN)), ConsentRequired)


async def test_an_unlinked_number_is_forgotten_when_no_claim_waits_for_it(rongcheng: Counter) -> None:
    product_id = await product_of(rongcheng, "heating-300")
    citizen, heating = await assisted(rongcheng), await rongcheng.cashier("heating")
    account = await link(rongcheng, citizen, "HEATING", "RC-0015", OPEN)
    number = await claim(rongcheng, citizen, product_id, account, OPEN)
    await unlink(rongcheng, citizen, account, OPEN)
    kept = "SELECT sealed_number IS NOT NULL FROM service_account WHERE id = :id"
    await turn(rongcheng, OPEN)
    assert await rongcheng.rows(kept, id=account) == [(True,)]
    assert number in [one[0] for one in await queue(rongcheng, heating, OPEN)]
    await refuse(rongcheng, heating, number, OPEN)
    await turn(rongcheng, OPEN)
    assert await rongcheng.rows(kept, id=account) == [(False,)]


async def test_nobody_links_more_than_ten_accounts(rongcheng: Counter) -> None:
    citizen = await assisted(rongcheng)
    for number in range(10):
        await link(rongcheng, citizen, "PLATE", f"PLATE{number}", OPEN)
    assert isinstance(await refused(link(rongcheng, citizen, "PLATE", "PLATE10", OPEN)), RuleRefused)


@pytest.mark.parametrize("number", ["", "   ", "123", "x" * 33, "12;DROP", "a b c"])
def test_a_number_that_is_none_is_refused(number: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        number_of(number)
    assert caught.value.field == "number"


@pytest.mark.parametrize(
    ("number", "shown"),
    [("RC20260001", "*******001"), ("1234", "***4"), ("浙G12345", "*****45"), ("1" * 12, "*" * 8 + "1111")],
)
def test_of_a_number_the_last_few_characters_are_shown(number: str, shown: str) -> None:
    assert masked(number) == shown
