"""The score once more, as a plain reading of the design in loops, to hold the one SQL definition against.

Shares nothing with the product but the values of a rule set's document.
"""

import calendar
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime

from domain.programmes.rules.document import Item, RuleSetDocument
from domain.programmes.rules.terms import StartDate, Window

LONGEST_ADVERSE_MONTHS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One record, and what became of it when."""

    source: int
    reference: int
    item: str
    occurred: date
    ended: date | None = None
    determined: date | None = None
    quantity_x100: int | None = None
    document: int | None = None
    recorded: datetime
    events: tuple[tuple[datetime, str], ...] = ()


@dataclass(slots=True, kw_only=True)
class Seen:
    """A fact on its way to points."""

    fact: Fact
    item: Item
    state: str
    start: date
    until: date | None
    raw: int = 0
    points: int = 0
    effect: str = "COUNTED"
    cap: str | None = None

    @property
    def order(self) -> tuple[date, int, int]:
        return self.start, self.fact.source, self.fact.reference

    @property
    def standing(self) -> bool:
        return self.state == "ACTIVE" or (self.state == "CONTESTED" and self.item.merit)


@dataclass(slots=True, kw_only=True)
class Outcome:
    """A score with everything that leads to it."""

    points: int
    gates: dict[str, int]
    lines: list[Seen] = field(default_factory=list)


def judge(facts: Iterable[Fact], rules: RuleSetDocument, day: date, known_at: datetime) -> Outcome:
    """The score of one citizen on a day, by what was known at an instant."""
    seen = [one for one in (see(fact, rules, day, known_at) for fact in facts) if one is not None]
    seen.sort(key=lambda one: one.order)
    counting = settle_states_and_twins(seen)
    for item in rules.items:
        count_item(item, [one for one in counting if one.item is item])
    for one_field in rules.fields:
        merits = [one for one in counting if one.item.field == one_field.code and one.item.merit]
        if one_field.cap_points is not None and one_field.cap_window is not None:
            cut(merits, one_field.cap_points, one_field.cap_window, "FIELD")
    gates = {one.code: gate(seen, rules, one.code) for one in rules.fields}
    gates["general"] = gate(seen, rules, None)
    everything = rules.base_points + sum(one.points for one in seen)
    return Outcome(points=inside(everything, rules), gates=gates, lines=seen)


def see(fact: Fact, rules: RuleSetDocument, day: date, known_at: datetime) -> Seen | None:
    """The fact as it stands, or nothing when it is unknown, gone, unruled, not begun or over."""
    if fact.recorded > known_at:
        return None
    state = "ACTIVE"
    for at, became in sorted(fact.events):
        if at <= known_at:
            state = became
    if state in {"CORRECTED", "WITHDRAWN", "DECLINED", "REPAIRED"}:
        return None
    for item in rules.items:
        if item.code == fact.item:
            break
    else:
        return None
    starts = {
        StartDate.OCCURRED: fact.occurred,
        StartDate.ENDED: fact.ended,
        StartDate.DETERMINED: fact.determined,
    }
    start = starts[item.counts_from]
    if start is None or start > day:
        return None
    months = item.valid_months
    if not item.merit:
        months = min(months, LONGEST_ADVERSE_MONTHS)
    until = months_later(start, months)
    return Seen(fact=fact, item=item, state=state, start=start, until=until) if day < until else None


def months_later(day: date, months: int) -> date:
    """The same day so many months on, or the last day of a month that is shorter."""
    year, month = day.year, day.month
    for _ in range(months):
        month += 1
        if month == 13:
            year, month = year + 1, 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def settle_states_and_twins(seen: list[Seen]) -> list[Seen]:
    """Those that count: not announced, no contested demerit, and one report of each fact, the first that came."""
    counting: list[Seen] = []
    for one in sorted(seen, key=lambda one: (one.fact.recorded, one.order)):
        if not one.standing:
            one.effect = "ANNOUNCED" if one.state == "ANNOUNCED" else "CONTESTED"
        elif any(same_fact(one, other) for other in counting):
            one.effect, one.cap = "CAPPED", "FACT"
        else:
            counting.append(one)
    return sorted(counting, key=lambda one: one.order)


def same_fact(one: Seen, other: Seen) -> bool:
    if one.item is not other.item:
        return False
    for part in one.item.fact_key:
        match part.value:
            case "item":
                same = True
            case "documentId":
                same = one.fact.document is not None and one.fact.document == other.fact.document
            case "quantity":
                same = one.fact.quantity_x100 == other.fact.quantity_x100
            case "occurredOn":
                same = one.fact.occurred == other.fact.occurred
            case "endedOn":
                same = one.fact.ended == other.fact.ended
            case "determinedOn":
                same = one.fact.determined == other.fact.determined
            case _:
                same = one.fact.source == other.fact.source
        if not same:
            return False
    return True


def count_item(item: Item, counting: list[Seen]) -> None:
    """Points of one item: fixed, or by tiers of the quantity that has come together in the window; then its cap."""
    gathered: dict[object, int] = defaultdict(int)
    for one in counting:
        if item.points is not None:
            one.raw = item.points
        else:
            assert item.tier_window is not None
            key = window_key(item.tier_window, one)
            before = gathered[key]
            gathered[key] += one.fact.quantity_x100 or 0
            one.raw = points_for(item, gathered[key]) - points_for(item, before)
        one.points = one.raw
    if item.cap_points is not None and item.cap_window is not None:
        cut(counting, item.cap_points, item.cap_window, "ITEM")


def points_for(item: Item, quantity_x100: int) -> int:
    """f: for each tier the whole points that the part of the quantity inside it makes."""
    points = 0
    for tier in item.tiers:
        inside_x100 = quantity_x100 - 100 * tier.above
        if tier.until is not None:
            inside_x100 = min(inside_x100, 100 * (tier.until - tier.above))
        while inside_x100 >= 100 * tier.per:
            inside_x100 -= 100 * tier.per
            points += 1
    return points


def cut(lines: list[Seen], cap: int, window: Window, why: str) -> None:
    """Gives each line, in order, what is still free under the cap."""
    free: dict[object, int] = defaultdict(lambda: cap)
    for one in lines:
        key = window_key(window, one)
        fits = min(one.points, free[key])
        if fits < one.points:
            one.points, one.effect, one.cap = fits, "CAPPED", why
        free[key] -= fits


def window_key(window: Window, one: Seen) -> object:
    match window:
        case Window.USE:
            return one.order
        case Window.DAY:
            return one.start
        case Window.MONTH:
            return one.start.year, one.start.month
        case Window.CALENDAR_YEAR | Window.SEASON:
            return one.start.year
        case _:
            return "all"


def gate(seen: list[Seen], rules: RuleSetDocument, own: str | None) -> int:
    points = rules.base_points
    for one in seen:
        if one.item.merit or one.item.field == own:
            points += one.points
    return inside(points, rules)


def inside(points: int, rules: RuleSetDocument) -> int:
    if points < rules.floor_points:
        return rules.floor_points
    return min(points, rules.ceiling_points)
