"""The clocks of objections and repairs: working days of the Chinese calendar, city by city."""

from dataclasses import replace
from datetime import date

import pytest

from domain.errors import InvalidInput
from domain.programmes.rules.document import Clocks
from domain.programmes.rules.terms import EvidenceMark, RepairClass
from domain.rights.rules import clocks
from domain.rights.rules.cases import next_remedy, next_remedy_of_repair, required_text
from domain.rights.rules.clocks import Due
from domain.rights.rules.wording import sentence_of
from seeds.loader import PROGRAMMES, read_file

MONDAY = date(2026, 6, 15)
# The 1st to the 7th of October are holidays in 2026, and Saturday the 10th is worked.
BEFORE_OCTOBER = date(2026, 9, 30)


def of(code: str) -> Clocks:
    return read_file(PROGRAMMES / f"{code}.toml").clocks


@pytest.mark.parametrize("code", ["rongcheng", "weihai", "weifang"])
def test_shandong_decides_in_three_working_days_and_in_seven_when_another_body_must_check(code: str) -> None:
    own = of(code)
    # The dragon boat festival falls on Friday the 19th.
    assert clocks.objection_due(own, MONDAY) == Due(on=date(2026, 6, 18), provisional=False)
    assert clocks.handed_over_due(own, MONDAY, date(2026, 6, 18)) == Due(on=date(2026, 6, 25), provisional=False)


@pytest.mark.parametrize("code", ["yiwu", "wenzhou"])
def test_zhejiang_decides_in_five_working_days_and_in_twenty_at_most(code: str) -> None:
    own = of(code)
    due = clocks.objection_due(own, MONDAY)
    assert due == Due(on=date(2026, 6, 23), provisional=False)
    assert clocks.extended_due(own, MONDAY, due.on) == Due(on=date(2026, 7, 14), provisional=False)
    assert clocks.extended_due(replace(own, extension_days=90), MONDAY, due.on).on == date(2026, 7, 14)


def test_huizhou_follows_the_clock_of_shenzhen_one_two_and_three_days() -> None:
    own = of("huizhou")
    assert clocks.objection_due(own, MONDAY).on == date(2026, 6, 16)
    handed_over = clocks.handed_over_due(own, MONDAY, date(2026, 6, 16))
    assert handed_over.on == date(2026, 6, 18)
    assert clocks.source_due(own, MONDAY, handed_over).on == date(2026, 6, 17)
    assert clocks.extended_due(own, MONDAY, handed_over.on).on == date(2026, 6, 24)


@pytest.mark.parametrize("code", ["suqian", "xiamen"])
def test_suqian_and_xiamen_follow_the_clock_of_shanghai(code: str) -> None:
    own = of(code)
    assert clocks.objection_due(own, MONDAY).on == date(2026, 6, 23)
    assert clocks.handed_over_due(own, MONDAY, date(2026, 6, 23)).on == date(2026, 6, 25)


def test_holidays_do_not_count_and_an_adjusted_saturday_does() -> None:
    assert clocks.objection_due(of("rongcheng"), BEFORE_OCTOBER).on == date(2026, 10, 10)


def test_a_year_whose_calendar_is_not_out_yet_makes_the_day_provisional() -> None:
    assert clocks.objection_due(of("rongcheng"), date(2030, 5, 1)) == Due(on=date(2030, 5, 6), provisional=True)
    assert clocks.objection_due(of("rongcheng"), date(2026, 12, 30)).provisional


def test_a_department_never_has_longer_than_the_case() -> None:
    case_due = Due(on=date(2026, 6, 16), provisional=False)
    assert clocks.source_due(of("rongcheng"), MONDAY, case_due) == case_due


def test_handing_over_never_shortens_a_case() -> None:
    assert clocks.handed_over_due(of("rongcheng"), MONDAY, date(2026, 7, 15)).on == date(2026, 7, 15)


def test_the_last_day_is_in_time_and_the_next_is_not() -> None:
    assert [clocks.is_overdue(MONDAY, MONDAY), clocks.is_overdue(MONDAY, date(2026, 6, 16))] == [False, True]


@pytest.mark.parametrize(
    ("kind", "opens"),
    [
        (RepairClass.MINOR, date(2026, 6, 15)),
        (RepairClass.GENERAL, date(2026, 9, 15)),
        (RepairClass.SERIOUS, date(2027, 6, 15)),
    ],
)
def test_a_repair_waits_by_the_class_of_its_record(kind: RepairClass, opens: date) -> None:
    assert clocks.repairable_from(of("rongcheng"), kind, MONDAY) == opens


def test_a_repair_is_decided_in_the_programmes_working_days() -> None:
    assert clocks.repair_due(of("rongcheng"), MONDAY).on == date(2026, 6, 18)
    assert clocks.review_due(of("yiwu"), MONDAY).on == date(2026, 6, 23)


def test_every_clock_says_where_it_comes_from() -> None:
    for code, marks in {
        "rongcheng": {"clocks.objection_days": EvidenceMark.PUBLISHED, "clocks.review_days": EvidenceMark.ILLUSTRATIVE},
        "yiwu": {"clocks.longest_days": EvidenceMark.PUBLISHED, "clocks.repair_days": EvidenceMark.ILLUSTRATIVE},
        "huizhou": {"clocks.objection_days": EvidenceMark.BACKGROUND},
        "xiamen": {"clocks.general_wait_months": EvidenceMark.PUBLISHED},
    }.items():
        found = {mark.key: mark.evidence for mark in read_file(PROGRAMMES / f"{code}.toml").sources}
        assert marks.items() <= found.items()


def test_every_rejection_names_the_next_remedy_and_its_day() -> None:
    until = clocks.remedy_until(of("rongcheng"), MONDAY)
    assert until == date(2026, 7, 14)
    assert next_remedy(is_review=False, until=until).en.startswith("You can ask for a review until 2026-07-14")
    assert next_remedy_of_repair(until).zh.startswith("如不服,可在 2026-07-14 前")
    beyond = clocks.reconsideration_until(MONDAY)
    assert beyond == date(2026, 8, 14)
    assert next_remedy(is_review=True, until=beyond).en.endswith("until 2026-08-14, or go to court.")


def test_a_step_says_what_happened_what_was_said_and_that_a_day_is_provisional() -> None:
    said = sentence_of("EXTENDED", due_on=date(2030, 5, 6), provisional=True, remark="The archive is closed.")
    assert said.en == (
        "Extended once, with approval. The archive is closed. (Due 2030-05-06, provisional: the holidays of that year"
        " are not published yet.)"
    )
    assert said.zh.endswith("(期限:2030-05-06,暂定:当年节假日安排尚未公布)")
    assert sentence_of("WITHDRAWN", due_on=None, provisional=False, remark=None).en == "Taken back."


@pytest.mark.parametrize("value", ["", "  ", "x" * 2001, "a\x00b"])
def test_a_text_has_one_to_two_thousand_characters(value: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        required_text(value, "reason")
    assert refused.value.field == "reason"
