"""Allowances of a dwelling: what one of its people uses, the others see as used, and no more."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from api.database import Database, WorkerDatabase
from domain.actor import ANONYMOUS, Caller
from domain.errors import AllowanceUsedUp
from domain.incentives import queries as incentives
from domain.incentives.rules.decision import BenefitGroup, Decision, decide
from domain.people.queries.dwellings import keep_dwellings
from domain.redemption.rules.scans import ScanReason
from seeds.loader import PROGRAMMES, read_file
from tests.actions.accounts import CONSENTS, assisted, city_of, claim, confirm, link, product_of, refuse, unlink
from tests.actions.counter import Counter, books_agree, counter, refused
from tests.rules.benefits import money, uses

__all__ = ["counter"]

NOVEMBER = datetime(2026, 11, 26, 2, 0, tzinfo=UTC)
DAY = timedelta(days=1)
SEASON = date(2026, 11, 15)


@pytest.fixture(scope="module")
async def rongcheng(database: Database, worker: WorkerDatabase) -> Counter:
    return await city_of(read_file(PROGRAMMES / "rongcheng.toml"), NOVEMBER, database, worker)


async def live_at(counter: Counter, citizen: Caller, dwelling: str, since: date) -> None:
    """An import has said where somebody lives."""
    rows = await counter.rows("SELECT identity_digest FROM citizen WHERE person_id = :person", person=citizen.person_id)
    async with counter.worker.transaction(ANONYMOUS) as unit:
        await keep_dwellings(
            unit.session,
            programme_id=counter.programme_id,
            identity_digests=[rows[0][0]],
            since=[since],
            dwellings=[counter.worker.vault.digest("dwelling", dwelling)],
        )


async def decision(counter: Counter, citizen: Caller, product_id: int, at: datetime = NOVEMBER) -> Decision:
    """What the citizen's phone shows of a product."""
    catalogue = await counter.catalogue(at)
    async with counter.database.reading(citizen) as unit:
        standing, _ = await incentives.inputs(
            unit.session,
            at,
            citizen_id=unit.actor.citizen_id or 0,
            product_id=product_id,
            organisation_id=None,
            catalogue=catalogue,
        )
    return decide(catalogue.products[product_id], catalogue.rules, standing)


async def heating_of(counter: Counter, citizen: Caller, number: str, at: datetime = NOVEMBER) -> int:
    """Claims the heating relief; gives the sale."""
    product_id = await product_of(counter, "heating-300")
    return await claim(counter, citizen, product_id, await link(counter, citizen, "HEATING", number, at), at)


async def test_the_second_of_a_household_reads_that_the_dwelling_has_used_it_and_no_more(rongcheng: Counter) -> None:
    product_id = await product_of(rongcheng, "heating-300")
    first, second = await assisted(rongcheng), await assisted(rongcheng)
    for one in (first, second):
        await live_at(rongcheng, one, "12 Harbour Road", date(2025, 3, 1))
    number = await heating_of(rongcheng, first, "D-0001")
    account = await link(rongcheng, second, "HEATING", "D-0002", NOVEMBER)
    refusal = await refused(claim(rongcheng, second, product_id, account, NOVEMBER))
    assert isinstance(refusal, AllowanceUsedUp)
    assert (refusal.message.zh, refusal.message.en) == ("这个住所已经使用。", "This dwelling has used it.")
    shown = await decision(rongcheng, second, product_id)
    assert (shown.group, shown.sentence.en) == (BenefitGroup.USED_UP, "This dwelling has used it.")
    # Whoever has used it reads when it renews.
    mine = await decision(rongcheng, first, product_id)
    assert mine.sentence.en == "You have used up this window's allowance; it renews on 2027-04-01."
    await refuse(rongcheng, await rongcheng.cashier("heating"), number, NOVEMBER)
    assert (await decision(rongcheng, second, product_id)).qualified
    await books_agree(rongcheng)


async def test_a_linked_heating_account_stands_for_a_dwelling_that_nobody_has_named(rongcheng: Counter) -> None:
    product_id = await product_of(rongcheng, "water-30")
    first, second = await assisted(rongcheng), await assisted(rongcheng)
    for one in (first, second):
        await link(rongcheng, one, "HEATING", "D-0100", NOVEMBER)
    mine = await link(rongcheng, first, "WATER", "W-0100", NOVEMBER)
    theirs = await link(rongcheng, second, "WATER", "W-0101", NOVEMBER)
    number = await claim(rongcheng, first, product_id, mine, NOVEMBER)
    await confirm(rongcheng, await rongcheng.cashier("water"), number, 20, NOVEMBER)
    other = await claim(rongcheng, second, product_id, theirs, NOVEMBER)
    await confirm(rongcheng, await rongcheng.cashier("water"), other, 25, NOVEMBER)
    assert await rongcheng.rows("SELECT relief, holder_pays FROM redemption WHERE id = :id", id=other) == [(10, 15)]
    for one in (first, second):
        assert (await decision(rongcheng, one, product_id)).sentence.en == "This dwelling has used it."
    await books_agree(rongcheng)


async def test_a_move_counts_from_the_next_season(rongcheng: Counter) -> None:
    product_id = await product_of(rongcheng, "heating-300")
    stays, moves = await assisted(rongcheng), await assisted(rongcheng)
    for one in (stays, moves):
        await live_at(rongcheng, one, "1 Old Street", date(2024, 1, 1))
    await heating_of(rongcheng, stays, "D-0200")
    await live_at(rongcheng, moves, "2 New Street", SEASON + DAY)
    account = await link(rongcheng, moves, "HEATING", "D-0201", NOVEMBER)
    assert isinstance(await refused(claim(rongcheng, moves, product_id, account, NOVEMBER)), AllowanceUsedUp)
    next_season = datetime(2027, 11, 26, 2, 0, tzinfo=UTC)
    holders = "SELECT holder_of(c.id, 'heating-300', :start) = :digest FROM citizen AS c WHERE c.person_id = :person"
    digest = rongcheng.worker.vault.digest("dwelling", "2 New Street")
    assert await rongcheng.rows(
        holders, start=next_season.date() - 11 * DAY, digest=digest, person=moves.person_id
    ) == [(True,)]
    assert await rongcheng.rows(holders, start=SEASON, digest=digest, person=moves.person_id) == [(False,)]


async def test_another_account_or_a_forgotten_dwelling_opens_nothing_twice(rongcheng: Counter) -> None:
    product_id = await product_of(rongcheng, "heating-300")
    citizen = await assisted(rongcheng)
    await live_at(rongcheng, citizen, "3 Quiet Lane", date(2024, 1, 1))
    await heating_of(rongcheng, citizen, "D-0300")
    await rongcheng.change(
        "DELETE FROM household AS h USING citizen AS c WHERE c.id = h.citizen_id AND c.person_id = :person",
        person=citizen.person_id,
    )
    other = await link(rongcheng, citizen, "HEATING", "D-0301", NOVEMBER)
    assert isinstance(await refused(claim(rongcheng, citizen, product_id, other, NOVEMBER)), AllowanceUsedUp)
    renter = await assisted(rongcheng)
    first = await link(rongcheng, renter, "HEATING", "D-0302", NOVEMBER)
    await claim(rongcheng, renter, product_id, first, NOVEMBER)
    await unlink(rongcheng, renter, first, NOVEMBER + DAY)
    second = await link(rongcheng, renter, "HEATING", "D-0303", NOVEMBER + DAY)
    refusal = await refused(claim(rongcheng, renter, product_id, second, NOVEMBER + DAY))
    assert isinstance(refusal, AllowanceUsedUp)
    await books_agree(rongcheng)


async def test_at_a_counter_a_dwelling_is_counted_in_the_same_way(counter: Counter) -> None:
    allowance = replace(uses(1), per_household=True)
    product_id = await counter.offer(allowance=allowance, budget=money())
    first, second, alone = [await counter.citizen(CONSENTS) for _ in range(3)]
    till = await counter.cashier()
    for one in (first, second):
        await live_at(counter, one, "4 Market Square", date(2024, 1, 1))
    early = [await counter.present(one, product_id) for one in (first, second)]
    assert (await counter.redeem(till, counter.code(early[0]))).allowed
    # The other's code was shown before: it is refused at the till, and the phone says why.
    assert (await counter.redeem(till, counter.code(early[1]))).reason is ScanReason.NOT_VALID
    assert (await counter.presentation(early[1]))[1]["sentence"]["en"] == "This dwelling has used it."
    assert (await counter.redeem(till, counter.code(await counter.present(alone, product_id)))).allowed
    assert await counter.used(product_id) == [1, 1]
    await books_agree(counter)
