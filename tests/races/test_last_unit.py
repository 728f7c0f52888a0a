"""Many at once: the last unit goes to one, and one key has one effect."""

import asyncio
from collections import Counter as Tally
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import uuid4

import pytest
from sqlalchemy import text

from api.database import Database
from api.embedded import Urls
from domain.actor import ANONYMOUS, Caller
from domain.errors import DomainError, IdempotencyConflict
from domain.programmes.rules.shapes import DepositWaiver
from domain.redemption.actions.scanning import redeem
from domain.redemption.rules.scans import Scan, ScanOutcome, ScanReason
from domain.vault import Vault
from tests.actions.counter import TEN, Counter, books_agree, counter
from tests.rules.benefits import money, uses

__all__ = ["counter"]

MANY = 50
TERMINALS = 10


@pytest.fixture
async def servers(urls: Urls, vault: Vault, counter: Counter) -> AsyncIterator[tuple[Counter, Counter]]:
    """The same city seen through two pools, as by two server processes."""
    second = Database(urls.app, vault)
    both = counter, replace(counter, database=second)
    # Connections are there before anybody races for them.
    await asyncio.gather(*(warmed(server.database) for server in both for _ in range(TERMINALS)))
    yield both
    await second.dispose()


async def warmed(database: Database) -> None:
    async with database.reading(ANONYMOUS) as unit:
        await unit.session.execute(text("SELECT pg_sleep(0.2)"))


async def cashiers(counter: Counter) -> list[Caller]:
    return [await counter.cashier() for _ in range(TERMINALS)]


async def test_of_fifty_at_the_last_unit_exactly_one_wins(servers: tuple[Counter, Counter]) -> None:
    one, _ = servers
    product_id = await one.offer(allowance=uses(1), budget=money(120))
    tills = await cashiers(one)
    shown = [await one.present(await one.citizen(), product_id) for _ in range(MANY)]
    catalogue = await one.catalogue(TEN)
    outcomes = await asyncio.gather(
        *(
            servers[number % 2].redeem(tills[number % TERMINALS], one.code(presentation), catalogue=catalogue)
            for number, presentation in enumerate(shown)
        )
    )
    assert Tally(outcome.reason for outcome in outcomes) == {ScanReason.OK: 1, ScanReason.NOT_VALID: MANY - 1}
    assert await one.budget(product_id) == (0, 120)
    assert await one.used(product_id) == [1]
    sold = await one.rows("SELECT count(*), sum(owed_fen) FROM redemption WHERE product_id = :id", id=product_id)
    assert sold == [(1, 120)]
    states = Tally([(await one.presentation(presentation))[0] for presentation in shown])
    assert states == {"REDEEMED": 1, "REFUSED": MANY - 1}
    await books_agree(one)

    # The losers' codes are not burnt: with new money the next of them goes through.
    await one.top_up(product_id, 120)
    loser = next(number for number, outcome in enumerate(outcomes) if not outcome.allowed)
    assert (await one.redeem(tills[0], one.code(shown[loser]))).allowed
    await books_agree(one)


async def test_who_loses_the_money_to_a_sale_that_commits_first_is_refused_cleanly(
    servers: tuple[Counter, Counter],
) -> None:
    one, two = servers
    product_id = await one.offer(allowance=uses(1), budget=money(120))
    first, second = await one.cashier(), await one.cashier()
    mine, theirs = [await one.present(await one.citizen(), product_id) for _ in range(2)]
    catalogue = await one.catalogue(TEN)
    scan = Scan(code=one.code(mine), terminal_id=first.terminal_id or 0, basis=200)
    async with one.database.transaction(first) as unit:
        won = await redeem(unit.session, unit.actor, TEN, catalogue=catalogue, scan=scan, key=uuid4())
        loser = asyncio.create_task(two.redeem(second, one.code(theirs), catalogue=catalogue))
        await somebody_waits(one)
    assert won.allowed
    assert (await loser).reason is ScanReason.NOT_VALID
    status, refusal = await one.presentation(theirs)
    assert status == "REFUSED"
    assert refusal["sentence"]["en"].startswith("What is left of the budget does not cover this relief.")
    assert await one.used(product_id) == [1]
    assert await one.budget(product_id) == (0, 120)
    await books_agree(one)


async def somebody_waits(counter: Counter) -> None:
    """Until one transaction stands in front of another's lock."""
    for _ in range(200):
        if await counter.rows("SELECT 1 FROM pg_locks WHERE NOT granted LIMIT 1"):
            return
        await asyncio.sleep(0.02)
    raise AssertionError("nobody waits")


async def test_of_many_codes_of_one_citizen_one_use_is_taken(servers: tuple[Counter, Counter]) -> None:
    one, _ = servers
    product_id = await one.offer(allowance=uses(1), budget=money())
    tills, citizen = await cashiers(one), await one.citizen()
    shown = [await one.present(citizen, product_id) for _ in range(TERMINALS)]
    outcomes = await asyncio.gather(
        *(
            servers[number % 2].redeem(tills[number], one.code(presentation))
            for number, presentation in enumerate(shown)
        )
    )
    assert sum(outcome.allowed for outcome in outcomes) == 1
    assert await one.used(product_id) == [1]
    assert await one.budget(product_id) == (0, 120)
    await books_agree(one)


async def test_one_code_at_many_terminals_is_redeemed_once(servers: tuple[Counter, Counter]) -> None:
    one, _ = servers
    product_id = await one.offer(budget=money())
    tills = await cashiers(one)
    code = one.code(await one.present(await one.citizen(), product_id))
    outcomes = await asyncio.gather(*(servers[number % 2].redeem(till, code) for number, till in enumerate(tills)))
    assert Tally(outcome.reason for outcome in outcomes) == {
        ScanReason.OK: 1,
        ScanReason.CODE_USED: TERMINALS - 1,
    }
    assert await one.budget(product_id) == (0, 120)


async def test_one_key_fifty_times_at_once_is_one_effect_and_one_answer(servers: tuple[Counter, Counter]) -> None:
    one, _ = servers
    product_id = await one.offer(budget=money())
    till, key = await one.cashier(), uuid4()
    code = one.code(await one.present(await one.citizen(), product_id))
    answers = await asyncio.gather(*(servers[number % 2].redeem(till, code, key=key) for number in range(MANY)))
    assert len(set(answers)) == 1
    assert answers[0].allowed
    assert await one.budget(product_id) == (0, 120)
    await books_agree(one)


async def test_one_key_for_two_codes_at_once_takes_one_and_refuses_the_other(servers: tuple[Counter, Counter]) -> None:
    one, _ = servers
    product_id = await one.offer(budget=money())
    till, key = await one.cashier(), uuid4()
    codes = [one.code(await one.present(await one.citizen(), product_id)) for _ in range(2)]
    answers: list[ScanOutcome | BaseException] = await asyncio.gather(
        *(servers[number].redeem(till, code, key=key) for number, code in enumerate(codes)), return_exceptions=True
    )
    assert sum(isinstance(answer, ScanOutcome) and answer.allowed for answer in answers) == 1
    assert sum(isinstance(answer, IdempotencyConflict) for answer in answers) == 1
    assert await one.budget(product_id) == (0, 120)


async def test_a_reversal_many_times_at_once_gives_back_once(servers: tuple[Counter, Counter]) -> None:
    one, _ = servers
    product_id = await one.offer(DepositWaiver(max_deposit_fen=1000, max_days=5), allowance=uses(1), budget=money())
    _, till, redemption_id = await one.sell(product_id, basis=500)
    answers = await asyncio.gather(
        *(servers[number % 2].reverse(till, redemption_id) for number in range(TERMINALS)), return_exceptions=True
    )
    assert sum(answer == redemption_id for answer in answers) == 1
    assert sum(isinstance(answer, DomainError) for answer in answers) == TERMINALS - 1
    assert await one.budget(product_id) == (0, 0)
    assert await one.used(product_id) == [0]
    await books_agree(one)


async def test_one_code_previewed_at_many_terminals_is_held_by_one(servers: tuple[Counter, Counter]) -> None:
    one, _ = servers
    product_id = await one.offer()
    tills = await cashiers(one)
    code = one.code(await one.present(await one.citizen(), product_id))
    outcomes = await asyncio.gather(*(servers[number % 2].preview(till, code) for number, till in enumerate(tills)))
    assert Tally(outcome.reason for outcome in outcomes) == {
        ScanReason.OK: 1,
        ScanReason.TRY_AGAIN: TERMINALS - 1,
    }
