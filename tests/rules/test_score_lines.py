"""The one SQL definition of the score against an independent reading of the design, on generated histories.

BENEFITS_HISTORIES sets how many histories each programme gets.
"""

import os
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.database import WorkerDatabase
from domain.actor import ANONYMOUS
from domain.programmes.rules.document import GENERAL, ProgrammeDocument, RuleSetDocument
from domain.programmes.rules.terms import Window
from domain.scoring.rules import Line, gate_points, total
from seeds.loader import PROGRAMMES, read_file
from tests.rules.histories import KNOWN_AT, TODAY, Book, facts, histories, lines_for, publish
from tests.rules.oracle import Fact, Outcome, judge

HISTORIES = int(os.environ.get("BENEFITS_HISTORIES", "250"))
TOGETHER = 10
GENERATED = settings(
    max_examples=max(1, HISTORIES // TOGETHER),
    deadline=None,
    derandomize="BENEFITS_HISTORIES" not in os.environ,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
FEWER = settings(GENERATED, max_examples=max(1, HISTORIES // TOGETHER // 4))
CITIES = sorted(PROGRAMMES.glob("*.toml"))


def with_windows(document: ProgrammeDocument, window: Window) -> ProgrammeDocument:
    """The programme with everything counted in one kind of window, under caps that a few records reach."""
    rules = document.rule_set
    items = tuple(
        replace(
            item,
            tier_window=window if item.tiers else None,
            cap_points=25 if item.merit else None,
            cap_window=window if item.merit else None,
            valid_months=min(item.valid_months, 12),
        )
        for item in rules.items
    )
    with_demerits = {item.field for item in rules.items if not item.merit}
    fields = tuple(
        replace(field, cap_points=15 if field.code in with_demerits else 30, cap_window=window)
        for field in rules.fields
    )
    changed = replace(rules, items=items, fields=fields)
    return replace(document, code=f"{document.code}-{window}", rule_set=changed)


@pytest.fixture
async def book(worker: WorkerDatabase, request: pytest.FixtureRequest) -> AsyncIterator[Book]:
    """A published programme, gone when the test is over."""
    async with worker.reading(ANONYMOUS) as unit:
        yield await publish(unit.session, request.param)


def compare(lines: list[Line], outcome: Outcome, rules: RuleSetDocument) -> None:
    """Every line, the score and every gate are the same by both readings."""
    assert [
        (one.start_on, one.source_id, one.ref_hash, one.item, one.until_on, one.state.value, one.points,
         one.effect.value, one.cap and one.cap.value)
        for one in lines
    ] == [
        (one.start, one.fact.source, one.fact.reference, one.item.code, one.until, one.state, one.points,
         one.effect, one.cap)
        for one in outcome.lines
    ]  # fmt: skip
    score = total(lines, rules)
    assert score.points == outcome.points
    assert rules.base_points + sum(one.points for one in lines) + score.clamp == score.points
    assert {gate: gate_points(lines, rules, gate) for gate in outcome.gates} == outcome.gates


async def check(book: Book, told: list[list[Fact]], day: date) -> None:
    """Each history in the order given and in reverse."""
    read = await lines_for(book, [*told, *(history[::-1] for history in told)], day=day)
    for history, lines in zip([*told, *told], read, strict=True):
        compare(lines, judge(history, book.rules, day, KNOWN_AT), book.rules)


@pytest.mark.parametrize(
    "book", [read_file(path) for path in CITIES], ids=[path.stem for path in CITIES], indirect=True
)
@GENERATED
@given(data=st.data())
async def test_the_lines_are_those_of_the_independent_reading(book: Book, data: st.DataObject) -> None:
    day = TODAY + timedelta(days=data.draw(st.integers(-400, 800)))
    told = data.draw(st.lists(histories(book.rules, day), min_size=TOGETHER, max_size=TOGETHER))
    await check(book, told, day)


EVERY_WINDOW = [with_windows(read_file(PROGRAMMES / "xiamen.toml"), window) for window in Window]


@pytest.mark.parametrize("book", EVERY_WINDOW, ids=list(Window), indirect=True)
@FEWER
@given(data=st.data())
async def test_every_kind_of_window_is_counted_as_it_is_read(book: Book, data: st.DataObject) -> None:
    told = data.draw(st.lists(histories(book.rules, TODAY), min_size=TOGETHER, max_size=TOGETHER))
    await check(book, told, TODAY)


def added(extra: Fact) -> Fact:
    """A record that is reported after everything else."""
    return replace(extra, reference=0, recorded=KNOWN_AT, events=())


@pytest.mark.parametrize(
    "book", [read_file(path) for path in CITIES], ids=[path.stem for path in CITIES], indirect=True
)
@FEWER
@given(data=st.data())
async def test_a_demerit_touches_its_own_field_and_a_merit_closes_nothing(book: Book, data: st.DataObject) -> None:
    rules = book.rules
    extra = facts(rules, TODAY).map(added)
    pairs = data.draw(
        st.lists(st.tuples(histories(rules, TODAY), extra), min_size=TOGETHER, max_size=TOGETHER),
    )
    before = await lines_for(book, [history for history, _ in pairs])
    after = await lines_for(book, [[*history, more] for history, more in pairs])
    for (_, more), then, now in zip(pairs, before, after, strict=True):
        item = next(one for one in rules.items if one.code == more.item)
        for gate in (GENERAL, *(field.code for field in rules.fields)):
            was, is_now = gate_points(then, rules, gate), gate_points(now, rules, gate)
            if item.merit:
                assert is_now >= was
            elif item.field != gate:
                assert is_now == was
