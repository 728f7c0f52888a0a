"""What the departments of the demo have delivered about its invented citizens, so that each situation holds today."""

import random
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from uuid import NAMESPACE_URL, uuid5

from domain.programmes.rules.document import Item, Product, ProgrammeDocument, RuleSetDocument
from domain.programmes.rules.shapes import Age, Condition, MinGrade, MinPoints, Residence
from domain.programmes.rules.terms import RedeemPath
from domain.scoring.rules import Delivery
from seeds.people import CITIZENS, CONTESTABLE, EVERYTHING, MINOR, ONE_SHORT, subject_of

_DAYS_AGO_OF_EVERYTHING = (25, 115, 205, 295, 385)
_HOURS_OF_EVERYTHING = 120
_ONE_SHORT_DAYS_AGO = 40
_DETERMINED_DAYS_AGO = 60


def deliveries(document: ProgrammeDocument, today: date) -> dict[str, list[Delivery]]:
    """The records of every citizen, by the code of the department that delivers them."""
    departments = {entry.code: entry.department for entry in document.catalogue}
    delivered: dict[str, list[Delivery]] = {}
    for index in range(1, CITIZENS + 1):
        for item, delivery in _of_citizen(document, index, today):
            delivered.setdefault(departments[item.catalogue or ""], []).append(delivery)
    return delivered


def _of_citizen(document: ProgrammeDocument, index: int, today: date) -> Iterator[tuple[Item, Delivery]]:
    subject = subject_of(document.code, "citizen", index)
    rules = document.rule_set
    merits = [item for item in rules.items if item.merit]
    if index == EVERYTHING:
        for item in merits:
            for days_ago in _DAYS_AGO_OF_EVERYTHING:
                yield item, _delivery(subject, item, today - timedelta(days=days_ago), _HOURS_OF_EVERYTHING)
    elif index == ONE_SHORT:
        item = rules.volunteer_item()
        hours = hours_worth(item, points_to_be_one_short(document))
        if hours:
            yield item, _delivery(subject, item, today - timedelta(days=_ONE_SHORT_DAYS_AGO), hours)
    elif index == CONTESTABLE:
        item = next(item for item in rules.items if not item.merit)
        yield item, _delivery(subject, item, today - timedelta(days=_DETERMINED_DAYS_AGO), 1)
    elif index > MINOR:
        draw = random.Random(f"{subject}-records")
        for number in range(draw.randrange(6)):
            item = draw.choice(merits)
            day = today - timedelta(days=30 * number + draw.randrange(1, 30))
            yield item, _delivery(subject, item, day, draw.randrange(1, 40))


def _delivery(subject: str, item: Item, day: date, quantity: int) -> Delivery:
    # A department's own reference tells nobody whose record it is.
    reference = str(uuid5(NAMESPACE_URL, f"{subject}-{item.code}-{day.isoformat()}"))
    return Delivery(
        citizen_ref=f"demo:{subject}",
        item=item.code,
        source_ref=reference,
        occurred_on=day,
        ended_on=day,
        determined_on=day,
        quantity=float(quantity) if item.tiers else None,
        evidence=item.evidence.zh,
        document_id=f"DEMO-{reference}",
    )


def hours_worth(item: Item, points: int) -> int:
    """The fewest whole hours that give so many points by the item's tiers."""
    hours = 0
    for tier in item.tiers:
        width = points * tier.per if tier.until is None else min(points * tier.per, tier.until - tier.above)
        hours += width
        points -= width // tier.per
        if points == 0:
            return hours
    raise ValueError(f"{item.code} never gives that many points")


def points_to_be_one_short(document: ProgrammeDocument) -> int:
    """Points above the base with which exactly one more opens some product of the counter."""
    gaps = [gap for product in document.products for gap in _gaps(document.rule_set, product)]
    item = document.rule_set.volunteer_item()
    within = [gap for gap in gaps if gap >= 0 and (item.cap_points is None or gap < item.cap_points)]
    if not within:
        raise ValueError(f"{document.code} has no product that volunteer hours alone can open")
    return min(within)


def _gaps(rules: RuleSetDocument, product: Product) -> Iterator[int]:
    if product.redeemed_by is not RedeemPath.COUNTER or product.season or product.claim_window:
        return
    if any(_everybody_meets(way) for way in product.ways):
        return
    for way in product.ways:
        if len(way) == 1 and (needed := _points_needed(rules, way[0])) is not None:
            yield needed - 1 - rules.base_points


def _points_needed(rules: RuleSetDocument, condition: Condition) -> int | None:
    if isinstance(condition, MinPoints):
        return condition.points
    if isinstance(condition, MinGrade):
        return next(band.min_points for band in rules.bands if band.code == condition.band)
    return None


def _everybody_meets(way: Sequence[Condition]) -> bool:
    """A way by age or residence alone may be open to the citizen who is meant to be one point short."""
    return all(isinstance(condition, Age | Residence) for condition in way)
