"""Whether somebody qualifies, why, in which group the product stands, and what is nearest."""

from datetime import date

import pytest

from domain.incentives.rules.decision import BenefitGroup, Decision, decide, not_given, refused, unmet_kinds
from domain.incentives.rules.standing import age_on, baseline_holds, stars_of
from domain.incentives.rules.wording import hours_text
from domain.programmes.rules.codec import from_json, to_json
from domain.programmes.rules.document import Budget, MonthDay, Season
from domain.programmes.rules.shapes import (
    Age,
    GroupMember,
    MinFieldPoints,
    MinGrade,
    MinPoints,
    MinStars,
    MinVolunteerHours,
    Residence,
    Way,
)
from domain.programmes.rules.terms import BudgetUnit, ConditionKind, ConsentPurpose, RegistrationKind, Window
from domain.values import words
from tests.rules.benefits import RULES, TODAY, money, product, standing, uses, with_ways

KIND = ConditionKind
WINTER = Season(opens=MonthDay(month=11, day=25), closes=MonthDay(month=12, day=31))


@pytest.mark.parametrize(
    ("way", "changes", "met", "actual", "missing"),
    [
        ((MinPoints(points=1000),), {}, True, "1000", None),
        ((MinPoints(points=1001),), {}, False, "1000", 1),
        ((MinGrade(band="a"),), {}, True, "A", None),
        ((MinGrade(band="aa"),), {}, False, "A", 30),
        ((MinGrade(band="a"),), {"gate_points": {"general": 900}}, False, "no grade shown", 60),
        ((MinFieldPoints(field="library", points=5),), {"field_points": {"library": 4}}, False, "4", 1),
        ((MinFieldPoints(field="library", points=5),), {"field_points": {"library": 5}}, True, "5", None),
        ((MinVolunteerHours(hours=20),), {"hours_year_x100": 2000}, True, "20", None),
        ((MinVolunteerHours(hours=20),), {"hours_year_x100": 1825}, False, "18.25", 2),
        (
            (MinVolunteerHours(hours=20, within=Window.PROGRAMME),),
            {"hours_total_x100": 2050},
            True,
            "20.5",
            None,
        ),
        ((MinStars(stars=2),), {"hours_total_x100": 29_975}, False, "1", 1),
        ((MinStars(stars=2),), {"hours_total_x100": 30_000}, True, "2", None),
        ((GroupMember(group="donors"),), {}, False, "none", None),
        ((GroupMember(group="donors"),), {"groups": frozenset({"donors"})}, True, "Donors", None),
        ((Age(minimum=65),), {"age": 65}, True, "65", None),
        ((Age(minimum=65),), {"age": 64}, False, "64", None),
        ((Age(maximum=35),), {"age": 36}, False, "36", None),
        ((Age(minimum=18, maximum=35),), {"age": None}, False, "none", None),
        ((Residence(registrations=(RegistrationKind.REGISTERED,)),), {}, True, "registered in the city", None),
        (
            (Residence(registrations=(RegistrationKind.PERMIT,)),),
            {},
            False,
            "registered in the city",
            None,
        ),
        ((MinPoints(points=1),), {"points": None}, False, "none", None),
        ((MinFieldPoints(field="library", points=1),), {"points": None}, False, "none", None),
    ],
)
def test_each_condition_compares_what_it_names(
    way: Way, changes: dict[str, object], met: bool, actual: str, missing: int | None
) -> None:
    decision = decide(with_ways(way), RULES, standing(**changes))
    result = decision.conditions[0]
    assert (result.way, result.kind) == (1, way[0].kind)
    assert (result.met, result.actual.en, result.missing) == (met, actual, missing)
    assert decision.qualified is met


def test_who_meets_one_way_in_full_is_qualified() -> None:
    offered = with_ways((MinPoints(points=2000),), (MinVolunteerHours(hours=10),))
    decision = decide(offered, RULES, standing(hours_year_x100=1000))
    assert decision.qualified
    assert decision.group is BenefitGroup.USABLE_NOW
    assert decision.nearest == ()
    assert decision.sentence.en == "You can use this now."
    ways = {1: [], 2: []}  # type: dict[int, list[bool]]
    for one in decision.conditions:
        ways[one.way].append(one.met)
    assert [all(met) for met in ways.values()] == [False, True]


def test_a_demerit_of_another_field_does_not_close_a_gate_and_the_sentence_says_why() -> None:
    offered = with_ways((MinPoints(points=1000),))
    decision = decide(offered, RULES, standing(points=940))
    assert decision.qualified
    assert decision.conditions[0].sentence.en == (
        "Needs 1000 points; you have 1000. "
        "This differs from your score of 940, since no demerit counts for this product."
    )


def test_a_demerit_counts_for_products_of_its_own_field() -> None:
    offered = product(field="transit", ways=((MinGrade(band="a"),),))
    decision = decide(
        offered, RULES, standing(points=930, gate_points={"general": 1000, "library": 1000, "transit": 950})
    )
    assert not decision.qualified
    assert decision.conditions[0].sentence.en == (
        "Needs grade A (from 960 points); you have 950. This differs from your score of 930, "
        "since only demerits of its own field count for this product."
    )
    assert [(step.kind, step.missing) for step in decision.nearest] == [(KIND.MIN_GRADE, 10)]


def test_without_consent_to_the_score_the_other_ways_stay_open() -> None:
    offered = with_ways((MinPoints(points=1),), (Age(minimum=18),))
    decision = decide(offered, RULES, standing(points=None, gate_points={}))
    assert decision.qualified
    assert not decision.conditions[0].met


def test_without_consent_to_benefits_nothing_can_be_used() -> None:
    decision = decide(product(), RULES, standing(consents=frozenset({ConsentPurpose.SCORE})))
    assert not decision.qualified
    assert decision.group is BenefitGroup.WITHIN_REACH
    assert unmet_kinds(decision) == {KIND.CONSENT}
    assert [step.kind for step in decision.nearest] == [KIND.CONSENT]


def test_a_used_up_allowance_says_when_it_renews() -> None:
    decision = decide(
        product(allowance=uses(2)), RULES, standing(used={("bus", date(2026, 6, 1)): 2, ("bus", date(2026, 5, 1)): 9})
    )
    assert not decision.qualified
    assert decision.group is BenefitGroup.USED_UP
    assert [(step.kind, step.by) for step in decision.nearest] == [(KIND.ALLOWANCE_LEFT, date(2026, 7, 1))]
    assert decision.sentence.en == "You have used up this window's allowance; it renews on 2026-07-01."


def test_an_empty_budget_says_when_it_renews() -> None:
    decision = decide(product(budget=money()), RULES, standing(money={("bus", date(2026, 1, 1)): 0}))
    assert decision.group is BenefitGroup.USED_UP
    assert [(step.kind, step.by) for step in decision.nearest] == [(KIND.BUDGET_LEFT, date(2027, 1, 1))]


def test_a_budget_for_all_time_never_renews() -> None:
    once = Budget(amount=5, unit=BudgetUnit.PIECES, window=Window.PROGRAMME)
    decision = decide(product(budget=once), RULES, standing(money={}))
    assert (decision.sentence.en, decision.nearest) == ("The budget is used up.", ())


def test_a_budget_that_was_never_funded_is_empty() -> None:
    decision = decide(product(budget=money()), RULES, standing(money={}))
    assert unmet_kinds(decision) == {KIND.BUDGET_LEFT}


def test_out_of_season_the_next_opening_is_named() -> None:
    decision = decide(product(season=WINTER), RULES, standing())
    assert decision.group is BenefitGroup.NOT_IN_SEASON
    assert [(step.kind, step.by) for step in decision.nearest] == [(KIND.WINDOW_OPEN, date(2026, 11, 25))]
    assert decide(product(season=WINTER), RULES, standing(today=date(2026, 12, 31))).qualified


def test_a_product_that_is_over_is_near_to_nobody() -> None:
    decision = decide(product(available_until=date(2026, 6, 1)), RULES, standing())
    assert decision.group is BenefitGroup.NOT_IN_SEASON
    assert decision.nearest == ()
    assert decision.sentence.en == "This benefit is over."


def test_an_allowance_for_all_time_is_never_near_again() -> None:
    once = product(allowance=uses(1, Window.PROGRAMME))
    decision = decide(once, RULES, standing(used={("bus", date.min): 1}))
    assert (decision.group, decision.nearest) == (BenefitGroup.USED_UP, ())
    assert decision.sentence.en == "You have used up what you may have."


def test_nearest_offers_every_way_that_lacks_one_thing() -> None:
    offered = with_ways(
        (MinPoints(points=1010),),
        (MinVolunteerHours(hours=10),),
        (MinPoints(points=1020), MinVolunteerHours(hours=5)),
    )
    decision = decide(offered, RULES, standing(hours_year_x100=700))
    assert [(step.kind, step.missing) for step in decision.nearest] == [
        (KIND.MIN_POINTS, 10),
        (KIND.MIN_VOLUNTEER_HOURS, 3),
        (KIND.MIN_POINTS, 20),
    ]
    assert decision.group is BenefitGroup.WITHIN_REACH


def test_nearest_names_all_steps_of_the_shortest_way() -> None:
    offered = with_ways(
        (MinPoints(points=1010), MinVolunteerHours(hours=10)),
        (MinPoints(points=1010), MinVolunteerHours(hours=10), GroupMember(group="donors")),
    )
    decision = decide(offered, RULES, standing())
    assert [step.kind for step in decision.nearest] == [KIND.MIN_POINTS, KIND.MIN_VOLUNTEER_HOURS]
    assert decision.nearest[0].sentence.en == "10 more points would do. Needs 1010 points; you have 1000."


def test_nearest_is_never_about_protected_facts() -> None:
    offered = with_ways(
        (Age(minimum=65), MinPoints(points=1010)), (Residence(registrations=(RegistrationKind.PERMIT,)),)
    )
    decision = decide(offered, RULES, standing())
    assert decision.nearest == ()
    assert decision.sentence.en == (
        "You do not meet the conditions of Bus at 40 % at present. Each of them is explained below."
    )


def test_joining_a_group_is_a_step_with_its_own_words() -> None:
    decision = decide(with_ways((GroupMember(group="donors"),)), RULES, standing())
    assert [step.sentence.en for step in decision.nearest] == ["For: Donors. How to join: Register at the bank."]


def test_what_everybody_waits_for_comes_with_what_is_missing() -> None:
    offered = product(ways=((MinPoints(points=1001),),), season=WINTER)
    decision = decide(offered, RULES, standing())
    assert decision.group is BenefitGroup.WITHIN_REACH
    assert [step.kind for step in decision.nearest] == [KIND.MIN_POINTS, KIND.WINDOW_OPEN]


def test_a_decision_can_be_kept_and_read_again() -> None:
    decision = decide(product(ways=((MinPoints(points=1001),),), season=WINTER), RULES, standing())
    assert from_json(Decision, to_json(decision)) == decision


def test_a_qualified_person_can_be_refused_for_another_reason() -> None:
    decision = decide(product(), RULES, standing())
    other = refused(decision, words("本产品已暂停。", "This product is suspended."))
    assert (decision.qualified, other.qualified, other.conditions) == (True, False, decision.conditions)
    assert unmet_kinds(decision) == frozenset()


def test_what_nobody_gives_is_no_step_away_for_anybody() -> None:
    for offered in (product(), product(ways=((MinPoints(points=1010),),))):
        decision = not_given(decide(offered, RULES, standing()))
        assert (decision.qualified, decision.group, decision.nearest) == (False, BenefitGroup.NOT_GIVEN, ())
        assert decision.sentence.en == "This benefit is not given at present. Look again later, or pick another one."
        assert decision.conditions == decide(offered, RULES, standing()).conditions


def test_small_facts() -> None:
    assert [stars_of((100, 300, 600), hours * 100) for hours in (0, 99, 100, 300, 5000)] == [0, 0, 1, 2, 3]
    assert [hours_text(value) for value in (0, 25, 150, 1075, 2000)] == ["0", "0.25", "1.5", "10.75", "20"]
    assert age_on(date(2000, 2, 29), date(2026, 2, 28)) == 25
    assert age_on(date(2000, 2, 29), date(2026, 3, 1)) == 26
    assert baseline_holds(date(2025, 6, 16), 12, TODAY)
    assert not baseline_holds(date(2025, 6, 15), 12, TODAY)
