"""Scores worked out by hand, one table per programme: what the rules say, in figures."""

import tomllib
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from api.database import WorkerDatabase
from domain.actor import ANONYMOUS
from domain.scoring.rules import gate_points, total
from seeds.loader import PROGRAMMES, read_file
from tests.rules.histories import KNOWN_AT, TODAY, Book, lines_for, publish
from tests.rules.oracle import Fact, judge

GOLDEN = Path(__file__).parent / "golden"
CITIES = sorted(path.stem for path in PROGRAMMES.glob("*.toml"))
RECORDED = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.fixture
async def book(worker: WorkerDatabase, request: pytest.FixtureRequest) -> AsyncIterator[Book]:
    """A city's rules, published for one test."""
    async with worker.reading(ANONYMOUS) as unit:
        yield await publish(unit.session, read_file(PROGRAMMES / f"{request.param}.toml"))


def table(city: str) -> dict[str, Any]:
    return tomllib.loads((GOLDEN / f"{city}.toml").read_text(encoding="utf-8"))


def fact_of(number: int, record: dict[str, Any]) -> Fact:
    """`on` is all three dates, unless one of them is named."""
    state = record.get("state")
    quantity = record.get("quantity")
    return Fact(
        source=record.get("source", 1),
        reference=number,
        item=record["item"],
        occurred=record["on"],
        ended=record.get("ended", record["on"]),
        determined=record.get("determined", record["on"]),
        quantity_x100=None if quantity is None else round(quantity * 100),
        document=record.get("document", 1000 + number),
        recorded=RECORDED,
        events=() if state is None else ((KNOWN_AT, state),),
    )


async def judged(book: Book, case: dict[str, Any]) -> None:
    day: date = case.get("day", TODAY)
    facts = [fact_of(number, record) for number, record in enumerate(case["records"])]
    [lines] = await lines_for(book, [facts], day=day)
    score = total(lines, book.rules)
    assert [line.points for line in lines] == case["lines"], case["name"]
    assert [line.effect.value for line in lines] == case.get("effects", [line.effect.value for line in lines]), case[
        "name"
    ]
    assert (score.points, score.clamp) == (case["points"], case.get("clamp", 0)), case["name"]
    gates = case.get("gates", {})
    assert {gate: gate_points(lines, book.rules, gate) for gate in gates} == gates, case["name"]
    assert judge(facts, book.rules, day, KNOWN_AT).points == case["points"], case["name"]


@pytest.mark.parametrize(("book", "city"), [(city, city) for city in CITIES], ids=CITIES, indirect=["book"])
async def test_the_cases_of_the_table_come_out_as_worked_out_by_hand(book: Book, city: str) -> None:
    for case in table(city)["cases"]:
        await judged(book, case)


@pytest.mark.parametrize(("book", "city"), [(city, city) for city in CITIES], ids=CITIES, indirect=["book"])
async def test_hours_of_one_year_give_the_points_of_the_table_however_they_are_split(book: Book, city: str) -> None:
    item = book.rules.volunteer_item().code
    hours_and_points: list[list[int]] = table(city)["volunteer_hours"]
    together, split = [], []
    for hours, _ in hours_and_points:
        parts = [hours / 2, hours / 4, hours / 4]
        together.append([fact_of(0, {"item": item, "on": date(2026, 3, 1), "quantity": hours})])
        split.append(
            [fact_of(n, {"item": item, "on": date(2026, 3, 1), "quantity": part}) for n, part in enumerate(parts)]
        )
    for histories in (together, split):
        read = await lines_for(book, histories)
        assert [sum(line.points for line in lines) for lines in read] == [points for _, points in hours_and_points]
