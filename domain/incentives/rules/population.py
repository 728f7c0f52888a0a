"""What a change of rules does to a population: sums over people, added up, and hidden where they tell of a few."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from domain.incentives.rules.decision import meets_a_way
from domain.incentives.rules.standing import Catalogue, Standing, allowance_window
from domain.programmes.rules.document import Product
from domain.programmes.rules.shapes import SCORE_CONDITIONS
from domain.programmes.rules.terms import Window

PARTS: Final = 16
FEWEST: Final = 10
KEPT_DAYS: Final = timedelta(days=90)
_WITHOUT_END: Final = frozenset({Window.USE, Window.PROGRAMME})

PEOPLE: Final = "people"
GAINING: Final = "gaining"
LOSING: Final = "losing"
UNCHANGED: Final = "unchanged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One member of the population, as far as the fairness table may know them."""

    citizen_id: int
    cohort: int
    registration: str


Key = tuple[str, ...]


def assess(
    person: Person,
    *,
    before: tuple[Catalogue, Standing],
    after: tuple[Catalogue, Standing],
    products: Sequence[Product],
) -> Iterable[Key]:
    """Everything to be counted for one person; each key is one more in one sum."""
    old, new = before[1], after[1]
    if old.points is None or new.points is None:
        return
    change = GAINING if new.points > old.points else LOSING if new.points < old.points else UNCHANGED
    for group in ((), ("cohort", str(person.cohort)), ("registration", person.registration)):
        yield (*group, PEOPLE)
        yield (*group, change)
    yield ("band", "before", before[0].rules.rule_set.band_at(old.points).code)
    yield ("band", "after", after[0].rules.rule_set.band_at(new.points).code)
    for product in products:
        if qualifies(product, *before):
            yield ("product", product.code, "before")
        if qualifies(product, *after):
            yield ("product", product.code, "after")


def qualifies(product: Product, catalogue: Catalogue, standing: Standing) -> bool:
    """Whether somebody meets a product's conditions, in whatever season, and whether or not it is used up."""
    return meets_a_way(product, catalogue.rules, standing)


def written(counts: Mapping[Key, int]) -> dict[str, int]:
    """Sums as they are stored."""
    return {"/".join(key): count for key, count in sorted(counts.items())}


def added(parts: Iterable[Mapping[str, int]]) -> Counter[Key]:
    """The sums of all parts together."""
    sums: Counter[Key] = Counter()
    for part in parts:
        for key, count in part.items():
            sums[tuple(key.split("/"))] += count
    return sums


def hidden(counts: Sequence[int]) -> list[int | None]:
    """Counts that add up to a known sum: those under ten are hidden, and more of them until nobody can subtract."""
    shown: list[int | None] = [None if count < FEWEST else count for count in counts]
    while 0 < sum(count for count, one in zip(counts, shown, strict=True) if one is None) < FEWEST:
        rest = [(one, place) for place, one in enumerate(shown) if one is not None]
        if not rest:
            break
        shown[min(rest)[1]] = None
    return shown


def rests_on_score(product: Product) -> bool:
    """Whether new rules can change who qualifies."""
    return any(condition.kind in SCORE_CONDITIONS for way in product.ways for condition in way)


def kept_until(product: Product, day: date) -> date:
    """How long somebody keeps a product from this day on: to the end of its window, or for 90 days."""
    if product.allowance.quantity is None or product.allowance.window in _WITHOUT_END:
        return day + KEPT_DAYS
    return allowance_window(product, day)[1] or day + KEPT_DAYS
