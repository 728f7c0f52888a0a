"""What the generated histories hold: a comparison proves nothing about what never occurs in it."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.programmes.rules.document import ProgrammeDocument, RuleSetDocument
from domain.programmes.rules.terms import StartDate, Window
from seeds.loader import read_file
from tests.rules.histories import KNOWN_AT, STATES, TODAY, histories
from tests.rules.oracle import LONGEST_ADVERSE_MONTHS, Fact, Outcome, judge, months_later
from tests.rules.test_score_lines import CITIES, EVERY_WINDOW, FEWER, GENERATED, TOGETHER

GONE = frozenset({"CORRECTED", "WITHDRAWN", "DECLINED", "REPAIRED"})
EVERYTHING = frozenset(
    {
        *("tiers", "capped by its item", "capped by its field", "one fact twice"),
        *(f"counted by {window}" for window in Window),
        *(f"from {start}" for start in StartDate),
        *("without its start date", "not begun", "over", "over after five years", "on its last day"),
        *("contested merit", "contested demerit", "announced", *(f"{state} and gone" for state in GONE)),
        *("reported later", "changed later", "cut at the floor", "cut at the ceiling", "a gate that is not the score"),
    }
)


def of_record(fact: Fact, rules: RuleSetDocument) -> Iterator[str]:
    """What there is to say of a record before it is judged on TODAY."""
    item = next(one for one in rules.items if one.code == fact.item)
    dates = {StartDate.OCCURRED: fact.occurred, StartDate.ENDED: fact.ended, StartDate.DETERMINED: fact.determined}
    start = dates[item.counts_from]
    if fact.recorded > KNOWN_AT:
        yield "reported later"
    if any(at > KNOWN_AT for at, _ in fact.events):
        yield "changed later"
    if (state := last_state(fact)) in GONE:
        yield f"{state} and gone"
    if start is None:
        yield "without its start date"
    elif start > TODAY:
        yield "not begun"
    else:
        until = months_later(start, item.valid_months)
        yield "over" if until <= TODAY else "on its last day" if until == TODAY + timedelta(days=1) else "live"
        if until <= TODAY and not item.merit and item.valid_months == LONGEST_ADVERSE_MONTHS:
            yield "over after five years"


def last_state(fact: Fact) -> str:
    known = [state for at, state in sorted(fact.events) if at <= KNOWN_AT]
    assert set(known) <= set(STATES)
    return known[-1] if known else "ACTIVE"


def of_score(outcome: Outcome, rules: RuleSetDocument) -> Iterator[str]:
    """What there is to say of a score."""
    caps = {"ITEM": "capped by its item", "FIELD": "capped by its field", "FACT": "one fact twice"}
    field_windows = {field.code: field.cap_window for field in rules.fields}
    for line in outcome.lines:
        yield f"from {line.item.counts_from}"
        if line.item.tiers and line.points:
            yield "tiers"
        if line.cap is not None:
            yield caps[line.cap]
        windows = {line.item.tier_window, line.item.cap_window, field_windows[line.item.field]} - {None}
        yield from (f"counted by {window}" for window in windows if line.points > 0)
        if line.state == "CONTESTED":
            yield "contested merit" if line.item.merit else "contested demerit"
        if line.state == "ANNOUNCED":
            yield "announced"
    everything = rules.base_points + sum(line.points for line in outcome.lines)
    if everything != outcome.points:
        yield "cut at the floor" if everything < outcome.points else "cut at the ceiling"
    if set(outcome.gates.values()) != {outcome.points}:
        yield "a gate that is not the score"


def counted(document: ProgrammeDocument, how_many: settings) -> Counter[str]:
    """How often each thing occurs among the histories of a programme."""
    counts: Counter[str] = Counter()
    rules = document.rule_set

    @how_many
    @given(st.lists(histories(rules, TODAY), min_size=TOGETHER, max_size=TOGETHER))
    def look(told: list[list[Fact]]) -> None:
        for history in told:
            counts["histories"] += 1
            outcome = judge(history, rules, TODAY, KNOWN_AT)
            counts.update({one for fact in history for one in of_record(fact, rules)})
            counts.update(set(of_score(outcome, rules)))

    look()
    return counts


def test_the_generated_histories_hold_everything_that_a_score_is_made_of() -> None:
    cities = [counted(read_file(path), FEWER) for path in CITIES]
    together = sum((*cities, *(counted(document, GENERATED) for document in EVERY_WINDOW)), Counter[str]())
    assert EVERYTHING - together.keys() == set()
    # What every programme has is met in every one of them.
    assert {one for one in EVERYTHING if all(city[one] for city in cities)} >= {
        *("tiers", "one fact twice", "without its start date", "over", "not begun", "reported later", "changed later"),
        *("a gate that is not the score", *(f"{state} and gone" for state in GONE)),
    }
