"""Over HTTP and two server processes: the last of a budget, one key many times, and what kill -9 leaves behind.

BENEFITS_RACE_CODES and BENEFITS_CRASH_SALES make it as large as one likes.
"""

import asyncio
import os
import signal
import tempfile
from collections import Counter as Tally
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

import migrations
from api.embedded import Embedded
from tests.actions.counter import TEN, books_agree
from tests.races.servers import Ground, Order, client, insist, settle
from tests.rules.benefits import money, uses

CODES = int(os.environ.get("BENEFITS_RACE_CODES", "40"))
SALES = int(os.environ.get("BENEFITS_CRASH_SALES", "60"))
TILLS = 20
WINNERS = 3
RELIEF = 120


@pytest.fixture(scope="module")
async def embedded() -> AsyncIterator[Embedded]:
    """A database of its own, since parts of these tests kill it."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - the folder is private
    with tempfile.TemporaryDirectory(prefix="benefits-", dir=memory) as folder:
        started = Embedded(Path(folder))
        urls = await asyncio.to_thread(started.start)
        await asyncio.to_thread(migrations.upgrade, urls.owner)
        yield started
        await asyncio.to_thread(started.stop)


@pytest.fixture(scope="module")
async def ground(embedded: Embedded, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ground]:
    ground = await settle(embedded.wait(), tmp_path_factory.mktemp("servers"))
    yield ground
    await ground.counter.database.dispose()
    await ground.counter.worker.dispose()


@pytest.fixture(scope="module")
def addresses(ground: Ground) -> Iterator[list[str]]:
    """Two server processes over one database."""
    with ground.servers(2) as servers:
        yield [address for _, address in servers]


async def orders(ground: Ground, product_id: int, count: int) -> list[Order]:
    """One redemption for each of so many citizens, spread over the tills."""
    tills = [await ground.counter.cashier() for _ in range(TILLS)]
    codes = await ground.shown(product_id, count)
    return [Order(code=code, till=tills[number % TILLS]) for number, code in enumerate(codes)]


def reasons(answers: list[dict[str, Any]]) -> Tally[str]:
    return Tally(answer.get("reason", answer.get("errorCode")) for answer in answers)


async def totals(ground: Ground, product_id: int) -> tuple[int, int, int, int]:
    """Sales, what they came to in all, what the ledger has moved for them, and uses of the allowance."""
    rows = await ground.counter.rows(
        "SELECT count(*), coalesce(sum(r.owed_fen), 0), (SELECT coalesce(sum(t.amount_fen), 0) FROM transfer AS t"
        " WHERE t.redemption_id IN (SELECT s.id FROM redemption AS s WHERE s.product_id = :id)),"
        " (SELECT coalesce(sum(u.used), 0) FROM allowance_use AS u JOIN product AS p ON p.code = u.product_code"
        " WHERE p.id = :id) FROM redemption AS r WHERE r.product_id = :id",
        id=product_id,
    )
    sales, owed, moved, used = (int(one) for one in rows[0])
    return sales, owed, moved, used


async def test_of_many_at_the_last_units_exactly_the_right_number_wins(ground: Ground, addresses: list[str]) -> None:
    product_id = await ground.counter.offer(allowance=uses(1), budget=money(WINNERS * RELIEF))
    placed = await orders(ground, product_id, CODES)
    async with client(CODES) as http:
        answers = await asyncio.gather(*(insist(http, ground, addresses, order) for order in placed))
        assert reasons(answers) == {"OK": WINNERS, "NOT_VALID": CODES - WINNERS}
        fen = WINNERS * RELIEF
        assert await ground.counter.budget(product_id) == (0, fen)
        assert await totals(ground, product_id) == (WINNERS, fen, fen, WINNERS)
        await books_agree(ground.counter)

        # The losers' codes are not burnt: with new money one of them goes through, with another key.
        await ground.counter.top_up(product_id, RELIEF)
        loser = next(order for order, answer in zip(placed, answers, strict=True) if not answer["allowed"])
        again = Order(code=loser.code, till=loser.till)
        assert (await insist(http, ground, addresses, again))["allowed"] is True
    assert await ground.counter.budget(product_id) == (0, fen + RELIEF)
    await books_agree(ground.counter)


async def test_one_key_many_times_is_one_effect_and_one_answer(ground: Ground, addresses: list[str]) -> None:
    product_id = await ground.counter.offer(allowance=uses(1), budget=money())
    (order,) = await orders(ground, product_id, 1)
    async with client(CODES) as http:
        answers = await asyncio.gather(
            *(insist(http, ground, [addresses[number % 2]], order) for number in range(CODES))
        )
        assert [answer for answer in answers if answer != answers[0]] == []
        assert answers[0]["allowed"] is True
        other = Order(code=order.code, till=order.till, basis=300, key=order.key)
        assert await insist(http, ground, addresses, other) == {"errorCode": "IDEMPOTENCY_CONFLICT"}
    assert await totals(ground, product_id) == (1, RELIEF, RELIEF, 1)
    await books_agree(ground.counter)


@pytest.mark.parametrize("victim", ["server", "database"])
async def test_after_kill_9_amid_sales_every_key_has_one_answer_and_the_books_agree(
    ground: Ground, embedded: Embedded, addresses: list[str], victim: str
) -> None:
    product_id = await ground.counter.offer(allowance=uses(1), budget=money(SALES * RELIEF // 2))
    placed = await orders(ground, product_id, SALES)
    with ExitStack() as stack:
        victims = stack.enter_context(ground.servers(1 if victim == "server" else 0))
        asking = [*(address for _, address in victims), *addresses][:2]
        async with client(SALES) as http:
            asked = [asyncio.create_task(insist(http, ground, asking, order)) for order in placed]
            for answered in islice(asyncio.as_completed(asked), SALES // 6):
                await answered
            if victim == "server":
                victims[0][0].process.send_signal(signal.SIGKILL)
                asking[0] = addresses[1]
            else:
                os.kill(embedded.postmaster, signal.SIGKILL)
            answers = await asyncio.gather(*asked)
            assert reasons(answers) == {"OK": SALES // 2, "NOT_VALID": SALES - SALES // 2}
            # Asked once more, each key that has sold something says the same again, and sells nothing more.
            sold = [(order, answer) for order, answer in zip(placed, answers, strict=True) if answer["allowed"]]
            replies = await asyncio.gather(*(insist(http, ground, asking, order) for order, _ in sold))
            assert replies == [answer for _, answer in sold]
    fen = SALES // 2 * RELIEF
    assert await ground.counter.budget(product_id) == (0, fen)
    assert await totals(ground, product_id) == (SALES // 2, fen, fen, SALES // 2)
    await books_agree(ground.counter)
    check = ground.ledger_check()
    assert check.process.returncode == 0, check.errors
    assert check.output.splitlines()[-1] == "The books agree."


async def test_the_check_of_the_books_names_the_first_row_that_does_not_fit(ground: Ground) -> None:
    product_id = await ground.counter.offer(allowance=uses(1), budget=money())
    await ground.counter.sell(product_id, at=TEN)
    spoil = (
        "UPDATE budget AS b SET spent = b.spent + :by FROM product AS p WHERE p.id = :id AND p.code = b.product_code"
    )
    await ground.counter.change(spoil, by=1, id=product_id)
    check = ground.ledger_check()
    await ground.counter.change(spoil, by=-1, id=product_id)
    assert check.process.returncode == 1
    code = (await ground.counter.rows("SELECT code FROM product WHERE id = :id", id=product_id))[0][0]
    assert check.errors.strip() == (
        f"benefits: The books do not agree. budget {code}/2026-01-01: it differs from its account."
    )
