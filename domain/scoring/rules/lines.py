"""What lines add up to, and how each is said to the citizen. Pure: the lines themselves come from `lines_cte`."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final, Protocol, cast

from domain.programmes.rules.document import GENERAL, Item, RuleSetDocument
from domain.programmes.rules.terms import Window
from domain.values import Words, words


class LineEffect(StrEnum):
    """What became of a record's points. CLAMP is the line that cuts the sum off at floor or ceiling."""

    COUNTED = "COUNTED"
    CAPPED = "CAPPED"
    CONTESTED = "CONTESTED"
    ANNOUNCED = "ANNOUNCED"
    CLAMP = "CLAMP"


class Limit(StrEnum):
    """What capped a line: its item's cap, its field's, or another report of the same fact."""

    ITEM = "ITEM"
    FIELD = "FIELD"
    FACT = "FACT"


class RecordState(StrEnum):
    """Where a record stands that is not gone."""

    ANNOUNCED = "ANNOUNCED"
    ACTIVE = "ACTIVE"
    CONTESTED = "CONTESTED"


class Counted(Protocol):
    """What sums need to know: a line, or a sum of lines of one kind."""

    @property
    def field(self) -> str: ...
    @property
    def merit(self) -> bool: ...
    @property
    def points(self) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One record by one rule set on one day. `raw_points` is what it gives before any limit."""

    source_id: int
    ref_hash: int
    item_id: int
    item: str
    field: str
    merit: bool
    occurred_on: date
    ended_on: date | None
    determined_on: date | None
    start_on: date
    until_on: date | None
    quantity_x100: int | None
    state: RecordState
    raw_points: int
    points: int
    effect: LineEffect
    cap: Limit | None
    source: Words | None = None
    evidence: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """The sum of the lines of one field and sign."""

    field: str
    merit: bool
    points: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """A score; `clamp` is what floor or ceiling added or took, 0 inside the scale."""

    points: int
    clamp: int


def line_of(row: Mapping[str, object]) -> Line:
    """A line from its JSON, in which dates are ISO strings."""
    source = cast("Mapping[str, str] | None", row.get("source"))
    return Line(
        source_id=_int(row["source_id"]),
        ref_hash=_int(row["ref_hash"]),
        item_id=_int(row["item_id"]),
        item=str(row["item"]),
        field=str(row["field"]),
        merit=bool(row["merit"]),
        occurred_on=date.fromisoformat(str(row["occurred_on"])),
        ended_on=_date(row["ended_on"]),
        determined_on=_date(row["determined_on"]),
        start_on=date.fromisoformat(str(row["start_on"])),
        until_on=_date(row["until_on"]),
        quantity_x100=None if row["quantity_x100"] is None else _int(row["quantity_x100"]),
        state=RecordState(str(row["state"])),
        raw_points=_int(row["raw_points"]),
        points=_int(row["points"]),
        effect=LineEffect(str(row["effect"])),
        cap=None if row["cap"] is None else Limit(str(row["cap"])),
        source=None if source is None else Words(**source),
        evidence=cast("str | None", row.get("evidence")),
    )


def total(lines: Iterable[Counted], rules: RuleSetDocument) -> Total:
    """Base plus all lines, within floor and ceiling."""
    summed = rules.base_points + sum(line.points for line in lines)
    points = _clamped(summed, rules)
    return Total(points=points, clamp=points - summed)


def gate_points(lines: Iterable[Counted], rules: RuleSetDocument, field: str) -> int:
    """What a product of this field compares: base, all merits, and the demerits of its own field only.

    A product of the general field sees no demerit.
    """
    seen = (line.points for line in lines if line.merit or (line.field == field and field != GENERAL))
    return _clamped(rules.base_points + sum(seen), rules)


def field_points(lines: Iterable[Counted], field: str) -> int:
    """The lines of one field, without the base."""
    return sum(line.points for line in lines if line.field == field)


def valid_until(lines: Iterable[Line], day: date) -> date | None:
    """The next day on which a line leaves, and others may change with it; None when nothing will."""
    return min((line.until_on for line in lines if line.until_on is not None and line.until_on > day), default=None)


def canonical(lines: Iterable[Line], result: Total) -> str:
    """Everything that a score's receipt stands for, in one text: the points, and what each record gave."""
    told = sorted(
        (line.start_on.isoformat(), line.source_id, line.ref_hash, line.item, line.effect.value, line.points)
        for line in lines
    )
    return json.dumps({"points": result.points, "clamp": result.clamp, "lines": told}, separators=(",", ":"))


_WINDOWS: Final[Mapping[Window, Words]] = {
    Window.USE: words("每次", "each time"),
    Window.DAY: words("每天", "in one day"),
    Window.MONTH: words("每月", "in one month"),
    Window.SEASON: words("每年", "in a calendar year"),
    Window.CALENDAR_YEAR: words("每年", "in a calendar year"),
    Window.ROLLING_YEAR: words("任意十二个月内", "in any twelve months"),
    Window.PROGRAMME: words("累计", "in all"),
}


def reason_of(line: Line, rules: RuleSetDocument) -> Words:
    """Why this line gives these points: the record's date and item, then the step of the rule that decided."""
    item = next(one for one in rules.items if one.code == line.item)
    fact, why = _fact(line, item), _why(line, item, rules)
    return words(f"{fact.zh}:{why.zh}", f"{fact.en}: {why.en}")


def clamp_reason(result: Total, rules: RuleSetDocument) -> Words | None:
    """Why the sum is cut off; None when it is not."""
    if result.clamp < 0:
        limit = rules.ceiling_points
        return words(f"分值最高为 {limit} 分。", f"The score ends at {limit} points.")
    if result.clamp > 0:
        limit = rules.floor_points
        return words(f"分值最低为 {limit} 分。", f"The score never falls below {limit} points.")
    return None


def _fact(line: Line, item: Item) -> Words:
    day = line.occurred_on
    about = f"({line.evidence})" if line.evidence else ""
    return words(
        f"{day.year}年{day.month}月{day.day}日{item.title.zh}{about}",
        f"{item.title.en}, {day.isoformat()}{' ' + about if about else ''}",
    )


def _why(line: Line, item: Item, rules: RuleSetDocument) -> Words:
    match line.effect:
        case LineEffect.ANNOUNCED:
            return words("仅为告知,目前不计分。", "only announced so far; it does not count yet.")
        case LineEffect.CONTESTED:
            return words(
                f"您已提出异议,决定之前不计分(原为 {line.raw_points} 分)。",
                f"you have objected; it counts 0 instead of {line.raw_points} until that is decided.",
            )
        case LineEffect.CAPPED:
            return _why_capped(line, item, rules)
        case _:
            return _why_counted(line, item)


def _why_counted(line: Line, item: Item) -> Words:
    points = f"{line.points:+d}"
    if item.tiers and item.unit is not None:
        quantity = f"{(line.quantity_x100 or 0) / 100:g}"
        window = _WINDOWS[item.tier_window or Window.PROGRAMME]
        return words(
            f"{quantity} {item.unit.zh},按{window.zh}累进阶梯计 {points} 分。",
            f"{quantity} {item.unit.en}; by the steps {window.en}, {points} {_unit(line.points)}.",
        )
    return words(f"{points} 分。", f"{points} {_unit(line.points)}.")


def _why_capped(line: Line, item: Item, rules: RuleSetDocument) -> Words:
    if line.cap is Limit.FACT:
        return words(
            "同一事实已有记录计分,一事只计一次,本条不再计分。",
            "another record of the same fact counts already; one fact counts once.",
        )
    if line.cap is Limit.ITEM:
        cap, window, of = item.cap_points, item.cap_window, words("本项", "the item")
    else:
        field = next(one for one in rules.fields if one.code == line.field)
        cap, window = field.cap_points, field.cap_window
        of = words(f"“{field.title.zh}”类", f"the field “{field.title.en}”")
    spoken = _WINDOWS[window or Window.PROGRAMME]
    return words(
        f"应计 {line.raw_points} 分;{of.zh}{spoken.zh}最多 {cap} 分,计入 {line.points} 分。",
        f"worth {line.raw_points}, but {of.en} gives at most {cap} points {spoken.en}: "
        f"{line.points} {_unit(line.points)}.",
    )


def _unit(points: int) -> str:
    return "point" if abs(points) == 1 else "points"


def _clamped(points: int, rules: RuleSetDocument) -> int:
    return max(rules.floor_points, min(points, rules.ceiling_points))


def _int(value: object) -> int:
    return int(cast("int", value))


def _date(value: object) -> date | None:
    return None if value is None else date.fromisoformat(str(value))
