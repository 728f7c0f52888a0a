"""What leaves or changes on which day, and what the lines add up to then."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from api.database import WorkerDatabase
from domain.actor import ANONYMOUS
from domain.scoring.queries import lines_cte, score_forecast
from domain.scoring.rules import Tally, total
from seeds.loader import PROGRAMMES, read_file
from tests.rules.histories import KNOWN_AT, TODAY, Book, publish

CITIZEN = 900_000
DAYS = 7
_STORE = text("""
    INSERT INTO credit_record (citizen_id, item_id, source_id, ref_hash, quantity_x100,
        occurred_on, ended_on, recorded_at)
    SELECT :citizen, :item, 1, n, :quantity, d, d, :at
    FROM unnest(CAST(:days AS date[])) WITH ORDINALITY AS u (d, n)
""")


@pytest.fixture
async def book(worker: WorkerDatabase) -> AsyncIterator[Book]:
    async with worker.reading(ANONYMOUS) as unit:
        yield await publish(unit.session, read_file(PROGRAMMES / "wenzhou.toml"))


async def forecast(book: Book, until: date) -> list[tuple[str, int, list[str]]]:
    """Day, points and what leaves."""
    fragment = score_forecast("f", until=until, announced_days=DAYS, timezone="Asia/Shanghai")
    values = {"citizen": CITIZEN, "rule_set": book.rule_set_id, "today": TODAY, "now": KNOWN_AT, **fragment.binds}
    statement = text(f"WITH lines AS ({lines_cte()}) {fragment.sql}")
    rows = (await book.session.execute(statement, values)).scalar_one()
    return [
        (
            row["on"],
            total([Tally(**tally) for tally in row["tallies"]], book.rules).points,
            [f"{one['item']} {one['occurred_on']}" for one in row["leaving"]]
            + [f"+ {one['item']} {one['occurred_on']}" for one in row["beginning"]],
        )
        for row in rows
    ]


async def store(book: Book, item: str, *days: date, quantity: int | None = None) -> None:
    values = {"citizen": CITIZEN, "item": book.item_ids[item], "quantity": quantity, "days": list(days)}
    await book.session.execute(_STORE, {**values, "at": datetime(2026, 1, 1, tzinfo=UTC)})


async def test_a_capped_record_takes_the_place_of_the_one_that_leaves(book: Book) -> None:
    await store(book, "honesty-day-workshop", date(2026, 2, 1), date(2026, 3, 1), date(2026, 3, 1))
    assert await forecast(book, date(2030, 1, 1)) == [
        ("2027-02-01", 103, ["honesty-day-workshop 2026-02-01"]),
        ("2027-03-01", 100, ["honesty-day-workshop 2026-03-01", "honesty-day-workshop 2026-03-01"]),
    ]


async def test_a_forecast_ends_with_the_day_asked_for(book: Book) -> None:
    await store(book, "volunteer-hours", date(2026, 2, 1), date(2026, 3, 1), quantity=2000)
    both, later = (
        ("2028-02-01", 120, ["volunteer-hours 2026-02-01"]),
        ("2028-03-01", 100, ["volunteer-hours 2026-03-01"]),
    )
    assert await forecast(book, date(2028, 3, 1)) == [both, later]
    assert await forecast(book, date(2028, 2, 29)) == [both]
    assert await forecast(book, date(2028, 1, 31)) == []


async def test_an_announced_record_begins_to_count_when_its_notice_ends(worker: WorkerDatabase) -> None:
    async with worker.reading(ANONYMOUS) as unit:
        book = await publish(unit.session, read_file(PROGRAMMES / "suqian.toml"))
        await unit.session.execute(
            text("""
                INSERT INTO credit_record (citizen_id, item_id, source_id, ref_hash, occurred_on, determined_on,
                    recorded_at)
                VALUES (:citizen, :item, 1, 1, :determined, :determined, :at)
            """),
            {"citizen": CITIZEN, "item": book.item_ids["utility-debt"], "determined": date(2026, 6, 1), "at": KNOWN_AT},
        )
        announced = text("""
            INSERT INTO record_event (citizen_id, source_id, ref_hash, at, state)
            VALUES (:citizen, 1, 1, :at, 'ANNOUNCED')
        """)
        await unit.session.execute(announced, {"citizen": CITIZEN, "at": KNOWN_AT})
        begins = KNOWN_AT.astimezone(ZoneInfo("Asia/Shanghai")).date() + timedelta(days=DAYS)
        base = book.rules.base_points
        assert await forecast(book, date(2030, 1, 1)) == [
            (begins.isoformat(), base - 20, ["+ utility-debt 2026-06-01"]),
            ("2028-06-01", base, ["utility-debt 2026-06-01"]),
        ]
        assert await forecast(book, begins - timedelta(days=1)) == []
