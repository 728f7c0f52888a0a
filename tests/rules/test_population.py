"""What is counted of a population, what is hidden of it, and what somebody keeps from earlier rules."""

from collections import Counter
from dataclasses import replace
from datetime import date
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.incentives.rules.decision import BenefitGroup, decide, meets_a_way, unmet_kinds
from domain.incentives.rules.population import (
    FEWEST,
    KEPT_DAYS,
    Person,
    added,
    assess,
    hidden,
    kept_until,
    rests_on_score,
    written,
)
from domain.incentives.rules.standing import Catalogue
from domain.programmes.rules.shapes import MinGrade, MinPoints, MinVolunteerHours
from domain.programmes.rules.terms import ConditionKind, ConsentPurpose, Window
from tests.rules.benefits import NO_LIMIT, RULES, TODAY, money, product, standing, uses, with_ways

CATALOGUE = Catalogue(today=TODAY, zone=ZoneInfo("Asia/Shanghai"), rule_set_id=1, rules=RULES, products={})
PERSON = Person(citizen_id=1, cohort=1980, registration="PERMIT")
BEYOND = with_ways((MinPoints(points=1200),))


@pytest.mark.parametrize(
    ("counts", "shown"),
    [
        ([], []),
        ([0, 0, 45], [None, None, 45]),
        ([12, 20, 30], [12, 20, 30]),
        # The rest could be worked out from a known sum: the smallest of the others is hidden as well.
        ([3, 20, 30], [None, None, 30]),
        ([9, 1, 30], [None, None, 30]),
        ([4, 5, 30, 40], [None, None, None, 40]),
        ([3], [None]),
    ],
)
def test_counts_under_ten_are_hidden_and_cannot_be_worked_out(counts: list[int], shown: list[int | None]) -> None:
    assert hidden(counts) == shown


@given(st.lists(st.integers(0, 40), max_size=8))
def test_what_is_hidden_is_nobody_or_ten_and_more_or_everything(counts: list[int]) -> None:
    shown = hidden(counts)
    rest = sum(count for count, one in zip(counts, shown, strict=True) if one is None)
    assert rest == 0 or rest >= FEWEST or all(one is None for one in shown)
    assert all(one is None or (one == count and one >= FEWEST) for count, one in zip(counts, shown, strict=True))


@pytest.mark.parametrize(("points", "change"), [(1001, "gaining"), (999, "losing"), (1000, "unchanged")])
def test_a_person_is_counted_once_in_every_table(points: int, change: str) -> None:
    gate = {"general": points, "library": points, "transit": points}
    after = standing(points=points, gate_points=gate)
    gated = with_ways((MinPoints(points=1001),))
    counts = Counter(
        assess(PERSON, before=(CATALOGUE, standing()), after=(CATALOGUE, after), products=[gated, product(code="all")])
    )
    expected = {
        ("people",): 1,
        (change,): 1,
        ("cohort", "1980", "people"): 1,
        ("cohort", "1980", change): 1,
        ("registration", "PERMIT", "people"): 1,
        ("registration", "PERMIT", change): 1,
        ("band", "before", "a"): 1,
        ("band", "after", "a"): 1,
        ("product", "all", "before"): 1,
        ("product", "all", "after"): 1,
    }
    if change == "gaining":
        expected["product", gated.code, "after"] = 1
    assert counts == expected


def test_who_has_no_score_is_not_in_the_population() -> None:
    nobody = (CATALOGUE, standing(points=None))
    assert list(assess(PERSON, before=nobody, after=nobody, products=[product()])) == []


def test_sums_are_stored_and_added_up_without_loss() -> None:
    one, other = Counter({("people",): 2, ("band", "after", "a"): 1}), Counter({("people",): 3})
    assert added([written(one), written(other)]) == one + other


def test_what_passes_by_itself_does_not_hide_that_somebody_qualifies() -> None:
    used_up = standing(used={("bus", date(2026, 6, 1)): 9})
    spent = product(allowance=uses(9), ways=((MinPoints(points=900),),))
    assert not decide(spent, RULES, used_up).qualified
    assert meets_a_way(spent, RULES, used_up)
    assert not meets_a_way(BEYOND, RULES, standing())
    assert not meets_a_way(product(), RULES, standing(consents=frozenset({ConsentPurpose.SCORE})))


@given(
    st.integers(900, 1300),
    st.integers(0, 700),
    st.sampled_from([frozenset(ConsentPurpose), frozenset({ConsentPurpose.SCORE}), frozenset()]),
    st.booleans(),
)
def test_whoever_qualifies_does_so_by_the_decision_of_every_day(
    points: int, hours: int, consents: frozenset[ConsentPurpose], scored: bool
) -> None:
    one = standing(
        points=points if scored else None,
        gate_points={"general": points},
        hours_total_x100=hours * 100,
        hours_year_x100=hours * 100,
        consents=consents,
    )
    for gated in (
        product(),
        BEYOND,
        with_ways((MinPoints(points=1000), MinVolunteerHours(hours=200)), (MinGrade(band="aa"),)),
        replace(BEYOND, allowance=uses(1), budget=money(0)),
    ):
        waits = {ConditionKind.ALLOWANCE_LEFT, ConditionKind.BUDGET_LEFT}
        assert meets_a_way(gated, RULES, one) == (unmet_kinds(decide(gated, RULES, one)) <= waits)


def test_what_is_kept_is_one_more_way_that_asks_for_nothing_of_its_own() -> None:
    without, kept = standing(), standing(entitled=frozenset({BEYOND.code}))
    assert not decide(BEYOND, RULES, without).qualified
    decided = decide(BEYOND, RULES, kept)
    assert (decided.qualified, decided.group, decided.nearest) == (True, BenefitGroup.USABLE_NOW, ())
    assert [(one.way, one.kind, one.met) for one in decided.conditions] == [
        (1, ConditionKind.MIN_POINTS, False),
        (1, ConditionKind.CONSENT, True),
        (2, ConditionKind.CONSENT, True),
    ]
    assert unmet_kinds(decided) == frozenset()


def test_what_is_kept_still_needs_consent_and_something_left() -> None:
    kept = standing(entitled=frozenset({BEYOND.code}), consents=frozenset({ConsentPurpose.SCORE}))
    assert unmet_kinds(decide(BEYOND, RULES, kept)) == {ConditionKind.CONSENT}
    limited = replace(BEYOND, allowance=uses(1, Window.CALENDAR_YEAR))
    kept = standing(entitled=frozenset({BEYOND.code}), used={(BEYOND.code, date(TODAY.year, 1, 1)): 1})
    decided = decide(limited, RULES, kept)
    assert (decided.qualified, decided.group) == (False, BenefitGroup.USED_UP)


@pytest.mark.parametrize(
    ("allowance", "until"),
    [
        (uses(1, Window.MONTH), date(2026, 7, 1)),
        (uses(1, Window.CALENDAR_YEAR), date(2027, 1, 1)),
        (uses(1, Window.DAY), date(2026, 6, 16)),
        (uses(1, Window.USE), date(2026, 6, 15) + KEPT_DAYS),
        (uses(1, Window.PROGRAMME), date(2026, 6, 15) + KEPT_DAYS),
        (NO_LIMIT, date(2026, 6, 15) + KEPT_DAYS),
    ],
)
def test_it_is_kept_to_the_end_of_the_window_or_for_ninety_days(allowance: object, until: date) -> None:
    assert kept_until(product(allowance=allowance), date(2026, 6, 15)) == until


def test_only_what_rests_on_a_score_can_be_lost_to_new_rules() -> None:
    assert rests_on_score(with_ways((MinVolunteerHours(hours=3),), (MinGrade(band="a"),)))
    assert not rests_on_score(with_ways((MinVolunteerHours(hours=3),)))
