"""What lines add up to, and how each is said."""

from dataclasses import replace
from datetime import date

import pytest

from domain.programmes.rules.terms import Window
from domain.scoring.rules import (
    Limit,
    Line,
    LineEffect,
    RecordState,
    Tally,
    Total,
    canonical,
    clamp_reason,
    field_points,
    gate_points,
    line_of,
    reason_of,
    ref_hash_of,
    service_ref,
    total,
    valid_until,
)
from seeds.loader import PROGRAMMES, read_file

RULES = read_file(PROGRAMMES / "weihai.toml").rule_set
COURSE = Line(
    source_id=1,
    ref_hash=-5,
    item_id=3,
    item="museum-guide-course",
    field="culture",
    merit=True,
    occurred_on=date(2026, 5, 1),
    ended_on=None,
    determined_on=None,
    start_on=date(2026, 5, 1),
    until_on=date(2028, 5, 1),
    quantity_x100=None,
    state=RecordState.ACTIVE,
    raw_points=5,
    points=5,
    effect=LineEffect.COUNTED,
    cap=None,
)
DAMAGE = replace(COURSE, item="bike-damage-judgment", field="mobility", merit=False, raw_points=-20, points=-20)
HOURS = replace(COURSE, item="volunteer-hours", field="service", quantity_x100=250, raw_points=2, points=2)


def test_base_and_lines_are_the_points() -> None:
    assert total([COURSE, DAMAGE, HOURS], RULES) == Total(points=987, clamp=0)
    assert total([], RULES) == Total(points=1000, clamp=0)


@pytest.mark.parametrize(
    ("points", "expected"), [(301, (1300, -1)), (300, (1300, 0)), (-1000, (0, 0)), (-1001, (0, 1))]
)
def test_floor_and_ceiling_cut_the_sum_and_the_clamp_says_by_how_much(points: int, expected: tuple[int, int]) -> None:
    result = total([Tally(field="service", merit=points > 0, points=points)], RULES)
    assert (result.points, result.clamp) == expected


@pytest.mark.parametrize(
    ("field", "points"), [("general", 1007), ("mobility", 987), ("culture", 1007), ("service", 1007)]
)
def test_a_gate_sees_all_merits_and_the_demerits_of_its_own_field(field: str, points: int) -> None:
    assert gate_points([COURSE, DAMAGE, HOURS], RULES, field) == points


def test_the_points_of_a_field_have_no_base() -> None:
    assert [field_points([COURSE, DAMAGE, HOURS], field) for field in ("culture", "mobility", "other")] == [5, -20, 0]


def test_the_next_change_is_the_first_day_on_which_a_line_leaves() -> None:
    lines = [replace(COURSE, until_on=until) for until in (None, date(2027, 1, 1), date(2026, 6, 1))]
    assert valid_until(lines, date(2026, 5, 1)) == date(2026, 6, 1)
    assert valid_until(lines, date(2026, 6, 1)) == date(2027, 1, 1)
    assert valid_until(lines, date(2027, 1, 1)) is None


CAPPED = replace(COURSE, item="library-on-time", effect=LineEffect.CAPPED, raw_points=2, points=0)
REASONS = (
    (COURSE, "2026年5月1日{}:+5 分。", "{}, 2026-05-01: +5 points."),
    (replace(COURSE, evidence="签到表"), "2026年5月1日{}(签到表):+5 分。", "{}, 2026-05-01 (签到表): +5 points."),
    (DAMAGE, "2026年5月1日{}:-20 分。", "{}, 2026-05-01: -20 points."),
    (
        HOURS,
        "2026年5月1日{}:2.5 小时,按每年累进阶梯计 +2 分。",
        "{}, 2026-05-01: 2.5 hours; by the steps in a calendar year, +2 points.",
    ),
    (
        replace(HOURS, quantity_x100=None, points=0),
        "2026年5月1日{}:0 小时,按每年累进阶梯计 +0 分。",
        "{}, 2026-05-01: 0 hours; by the steps in a calendar year, +0 points.",
    ),
    (
        replace(DAMAGE, effect=LineEffect.CONTESTED, state=RecordState.CONTESTED, points=0),
        "2026年5月1日{}:您已提出异议,决定之前不计分(原为 -20 分)。",
        "{}, 2026-05-01: you have objected; it counts 0 instead of -20 until that is decided.",
    ),
    (
        replace(DAMAGE, effect=LineEffect.ANNOUNCED, state=RecordState.ANNOUNCED, points=0),
        "2026年5月1日{}:仅为告知,目前不计分。",
        "{}, 2026-05-01: only announced so far; it does not count yet.",
    ),
    (
        replace(CAPPED, cap=Limit.ITEM, points=1),
        "2026年5月1日{}:应计 2 分;本项每年最多 10 分,计入 1 分。",
        "{}, 2026-05-01: worth 2, but the item gives at most 10 points in a calendar year: 1 point.",
    ),
    (
        replace(CAPPED, cap=Limit.FIELD),
        "2026年5月1日{}:应计 2 分;“{field}”类每年最多 20 分,计入 0 分。",
        "{}, 2026-05-01: worth 2, but the field “{field}” gives at most 20 points in a calendar year: 0 points.",
    ),
    (
        replace(CAPPED, cap=Limit.FACT),
        "2026年5月1日{}:同一事实已有记录计分,一事只计一次,本条不再计分。",
        "{}, 2026-05-01: another record of the same fact counts already; one fact counts once.",
    ),
)


@pytest.mark.parametrize(("line", "zh", "en"), REASONS, ids=range(len(REASONS)))
def test_a_line_says_in_words_why_it_gives_its_points(line: Line, zh: str, en: str) -> None:
    title = next(item.title for item in RULES.items if item.code == line.item)
    field = next(field.title for field in RULES.fields if field.code == line.field)
    reason = reason_of(line, RULES)
    assert (reason.zh, reason.en) == (zh.format(title.zh, field=field.zh), en.format(title.en, field=field.en))


@pytest.mark.parametrize("window", Window)
def test_every_window_can_be_said(window: Window) -> None:
    items = tuple(replace(item, cap_points=1, cap_window=window) for item in RULES.items)
    reason = reason_of(replace(CAPPED, cap=Limit.ITEM), replace(RULES, items=items))
    assert "1" in reason.en


def test_a_clamp_says_which_end_of_the_scale_was_reached() -> None:
    assert clamp_reason(Total(points=1000, clamp=0), RULES) is None
    high, low = (clamp_reason(Total(points=0, clamp=clamp), RULES) for clamp in (-5, 5))
    assert high is not None
    assert low is not None
    assert (high.en, low.en) == ("The score ends at 1300 points.", "The score never falls below 0 points.")


def test_a_line_is_read_from_json() -> None:
    row = {
        "source_id": 1, "ref_hash": -5, "item_id": 3, "item": "museum-guide-course", "field": "culture", "merit": True,
        "occurred_on": "2026-05-01", "ended_on": None, "determined_on": None, "start_on": "2026-05-01",
        "until_on": "2028-05-01", "quantity_x100": None, "state": "ACTIVE", "raw_points": 5, "points": 5,
        "effect": "COUNTED", "cap": None,
    }  # fmt: skip
    assert line_of(row) == COURSE
    told = line_of(
        {**row, "source": {"zh": "馆", "en": "Museum"}, "evidence": "签到表", "cap": "ITEM", "quantity_x100": 5}
    )
    assert (told.source and told.source.en, told.evidence, told.cap, told.quantity_x100) == (
        "Museum", "签到表", Limit.ITEM, 5,
    )  # fmt: skip


def test_a_receipt_does_not_depend_on_the_order_of_lines() -> None:
    result = total([COURSE, HOURS], RULES)
    assert canonical([COURSE, HOURS], result) == canonical([HOURS, COURSE], result)
    assert canonical([COURSE, HOURS], result) != canonical([COURSE, replace(HOURS, points=3)], result)


def test_references_are_stored_as_the_head_of_their_digest() -> None:
    # printf 'service:1' | sha256sum: the first 16 digits, as a signed number of 64 bits.
    assert ref_hash_of(service_ref(1)) == int.from_bytes(bytes.fromhex(HEAD_OF_SERVICE_1), signed=True)


HEAD_OF_SERVICE_1 = "89997a025972d761"
