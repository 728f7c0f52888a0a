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
from sqlalchemy.exc import IntegrityError

from api.database import WorkerDatabase
from domain.actor import ANONYMOUS
from domain.incentives.rules.decision import Decision, decide
from domain.incentives.rules.standing import Rules, Standing, budget_window
from domain.programmes.rules.document import GENERAL, ProgrammeDocument, RuleSetDocument
from domain.programmes.rules.terms import ConsentPurpose, RegistrationKind, Window
from domain.scoring.rules import Line, field_points, gate_points, total
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
    """The programme with everything counted in one kind of window, under caps and a scale that a few records reach."""
    rules = document.rule_set
    items = tuple(
        replace(
            item,
            tier_window=window if item.tiers else None,
            cap_points=25 if item.merit else None,
            cap_window=window if item.merit else None,
            valid_months=min(item.valid_months, 12) if item.merit else 60,
        )
        for item in rules.items
    )
    with_demerits = {item.field for item in rules.items if not item.merit}
    fields = tuple(
        replace(field, cap_points=15 if field.code in with_demerits else 30, cap_window=window)
        for field in rules.fields
    )
    # A scale so short that both its ends are met.
    floor, ceiling = rules.base_points - 1, rules.base_points + 20
    changed = replace(rules, items=items, fields=fields, floor_points=floor, ceiling_points=ceiling)
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


def standing_by(told: list[Fact], lines: list[Line], document: ProgrammeDocument) -> Standing:
    """What decisions would know of somebody with these records, and no limit of money or of their own in the way."""
    rules = document.rule_set
    hours = rules.volunteer_item().code
    return Standing(
        today=TODAY,
        points=total(lines, rules).points,
        gate_points={gate: gate_points(lines, rules, gate) for gate in (GENERAL, *(one.code for one in rules.fields))},
        field_points={one.code: field_points(lines, one.code) for one in rules.fields},
        hours_total_x100=sum(fact.quantity_x100 or 0 for fact in told if fact.item == hours),
        hours_year_x100=sum(
            fact.quantity_x100 or 0 for fact in told if fact.item == hours and fact.occurred.year == TODAY.year
        ),
        consents=frozenset(ConsentPurpose),
        registration=RegistrationKind.REGISTERED,
        age=40,
        used={},
        money={
            (product.code, window[0]): 10**9
            for product in document.products
            if (window := budget_window(product, TODAY)) is not None
        },
    )


def verdict(decided: Decision) -> tuple[object, ...]:
    """Everything that follows from a decision; its sentences may tell that the score has become another."""
    conditions = [(one.way, one.kind, one.actual, one.met, one.missing) for one in decided.conditions]
    return decided.qualified, decided.group, conditions, [(one.kind, one.missing, one.by) for one in decided.nearest]


@pytest.mark.parametrize(
    ("book", "document"),
    [(read_file(path), read_file(path)) for path in CITIES],
    ids=[path.stem for path in CITIES],
    indirect=["book"],
)
@FEWER
@given(data=st.data())
async def test_r05_a_demerit_leaves_every_decision_outside_its_field_as_it_was_and_a_merit_closes_nothing(
    book: Book, document: ProgrammeDocument, data: st.DataObject
) -> None:
    rules = rules_of(document)
    extra = st.booleans().flatmap(lambda merit: facts(book.rules, TODAY, merit)).map(added)
    pairs = data.draw(st.lists(st.tuples(histories(book.rules, TODAY), extra), min_size=TOGETHER, max_size=TOGETHER))
    before = await lines_for(book, [history for history, _ in pairs])
    after = await lines_for(book, [[*history, more] for history, more in pairs])
    for (history, more), then, now in zip(pairs, before, after, strict=True):
        item = next(one for one in book.rules.items if one.code == more.item)
        was, is_now = standing_by(history, then, document), standing_by([*history, more], now, document)
        for gate, points in was.gate_points.items():
            assert (
                is_now.gate_points[gate] >= points
                if item.merit
                else item.field == gate or (is_now.gate_points[gate] == points)
            )
        for product in document.products:
            old, new = decide(product, rules, was), decide(product, rules, is_now)
            if item.merit:
                assert new.qualified or not old.qualified, product.code
            elif item.field != product.field:
                assert verdict(new) == verdict(old), product.code


async def test_r05_a_demerit_does_close_a_product_of_its_own_field(worker: WorkerDatabase) -> None:
    document = read_file(PROGRAMMES / "huizhou.toml")
    returned, judged = fact("machine-returned", date(2026, 9, 1)), fact("machine-judgment", date(2026, 10, 1))
    async with worker.reading(ANONYMOUS) as unit:
        book = await publish(unit.session, replace(document, code="own-field"))
        read = await lines_for(book, [[returned], [returned, replace(judged, reference=8)]])
    deposit = next(product for product in document.products if product.code == "machine-deposit")
    people = [standing_by([], lines, document) for lines in read]
    assert [decide(deposit, rules_of(document), one).qualified for one in people] == [True, False]


def rules_of(document: ProgrammeDocument) -> Rules:
    return Rules(
        rule_set=document.rule_set,
        groups=document.groups,
        stars_hours=document.stars_hours,
        baseline_valid_months=document.baseline_valid_months,
    )


def fact(item: str, on: date) -> Fact:
    """A complete record, all of it on one day."""
    known = KNOWN_AT - timedelta(days=1)
    return Fact(source=1, reference=7, item=item, occurred=on, ended=on, determined=on, document=7, recorded=known)


async def test_r13_an_adverse_record_leaves_after_five_years_and_no_table_takes_a_longer_rule(
    worker: WorkerDatabase,
) -> None:
    def lasting(months: int) -> ProgrammeDocument:
        items = tuple(replace(item, valid_months=months) for item in document.rule_set.items)
        return replace(document, code=f"for-{months}", rule_set=replace(document.rule_set, items=items))

    document = read_file(PROGRAMMES / "rongcheng.toml")
    demerit = next(item for item in document.rule_set.items if not item.merit)
    async with worker.reading(ANONYMOUS) as unit:
        book = await publish(unit.session, lasting(60))
        told = [[fact(demerit.code, date(2021, 11, 22))]]
        left = [await lines_for(book, told, day=day) for day in (date(2026, 11, 21), date(2026, 11, 22))]
        assert [len(lines) for [lines] in left] == [1, 0]
        with pytest.raises(IntegrityError, match="rule_item_demerit_ends"):
            await publish(unit.session, lasting(61))
