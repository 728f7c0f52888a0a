"""A shop's claim on the guarantee fund waits while its citizen objects to it, and ends as that is decided."""

from datetime import timedelta
from typing import Any

import pytest

from domain.actor import Caller
from domain.programmes.rules.shapes import DepositWaiver
from domain.rights.rules.cases import Status, Target, Wish
from tests.actions.accounts import turn
from tests.actions.cases import DOCUMENT, TEN, Cases, cases
from tests.actions.counter import Counter, books_agree
from tests.rules.benefits import money

__all__ = ["cases"]

DAY = timedelta(days=1)
SHOP = next(one.code for one in DOCUMENT.organisations if one.kind == "MERCHANT")


@pytest.fixture
def counter(cases: Cases) -> Counter:
    return Counter(programme_id=cases.programme_id, database=cases.database, worker=cases.worker, document=DOCUMENT)


async def claimed(counter: Counter) -> tuple[Caller, int, int]:
    """A deposit on which the shop has claimed: citizen, product, sale."""
    shape = DepositWaiver(max_deposit_fen=100_000, max_days=30)
    product_id = await counter.offer(shape, budget=money(), provider=SHOP)
    citizen, till = await counter.citizen(), await counter.cashier(SHOP)
    outcome = await counter.redeem(till, counter.code(await counter.present(citizen, product_id)), basis=60_000)
    assert outcome.sold is not None
    number = outcome.sold.redemption_id
    await counter.close(till, number, claim=45_000, reason="损坏")
    return citizen, product_id, number


async def status(counter: Counter, number: int) -> Any:
    return (await counter.rows("SELECT status FROM redemption WHERE id = :id", id=number))[0][0]


@pytest.mark.parametrize(
    ("outcome", "ends", "budget"),
    [
        (Status.UPHELD, "RELEASED", (0, 0)),
        (Status.PARTLY_UPHELD, "RELEASED", (0, 0)),
        (Status.REJECTED, "CLAIMED", (0, 45_000)),
    ],
)
async def test_a_claim_ends_as_its_objection_is_decided(
    cases: Cases, counter: Counter, outcome: Status, ends: str, budget: tuple[int, int]
) -> None:
    citizen, product_id, number = await claimed(counter)
    wish = Wish(target=Target.REDEMPTION, subject_key=(number,), reason="没有损坏")
    objection = await cases.wish(citizen, wish)
    await turn(counter, TEN + 9 * DAY)
    assert (await status(counter, number), await counter.budget(product_id)) == ("CLAIM_PENDING", (60_000, 0))
    await cases.decide(await cases.officer(), objection, outcome, TEN + 9 * DAY)
    await turn(counter, TEN + 10 * DAY)
    assert (await status(counter, number), await counter.budget(product_id)) == (ends, budget)
    await books_agree(counter)


async def test_an_objection_taken_back_lets_the_claim_be_paid(cases: Cases, counter: Counter) -> None:
    citizen, product_id, number = await claimed(counter)
    wish = Wish(target=Target.REDEMPTION, subject_key=(number,), reason="没有损坏")
    await cases.withdraw(citizen, await cases.wish(citizen, wish))
    await turn(counter, TEN + 9 * DAY)
    assert (await status(counter, number), await counter.budget(product_id)) == ("CLAIMED", (0, 45_000))


async def test_an_objection_to_a_sale_without_a_claim_changes_nothing_of_it(cases: Cases, counter: Counter) -> None:
    product_id = await counter.offer(budget=money(), provider=SHOP)
    citizen, till = await counter.citizen(), await counter.cashier(SHOP)
    outcome = await counter.redeem(till, counter.code(await counter.present(citizen, product_id)))
    assert outcome.sold is not None
    number = outcome.sold.redemption_id
    objection = await cases.wish(citizen, Wish(target=Target.REDEMPTION, subject_key=(number,), reason="价格不对"))
    await cases.decide(await cases.officer(), objection, Status.UPHELD, TEN)
    assert (await status(counter, number), await counter.budget(product_id)) == ("COMPLETED", (0, 120))
    await books_agree(counter)
