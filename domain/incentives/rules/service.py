"""Which product the fewest further hours of service would open, by a way that asks for hours and for nothing else."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from domain.programmes.rules.document import Product
from domain.programmes.rules.shapes import MinStars, MinVolunteerHours, Way
from domain.programmes.rules.terms import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class HoursGiven:
    """Confirmed hours, in hundredths: in all, and in this calendar year."""

    total_x100: int
    year_x100: int


def nearest_by_service(
    products: Iterable[tuple[int, Product]], given: HoursGiven, stars_hours: Sequence[int]
) -> tuple[int, int] | None:
    """The number of that product, and what is missing, in hundredths of an hour; None when none is left."""
    missing = [
        (min(missing_of(way, given, stars_hours) for way in ways), number)
        for number, product in products
        if (ways := [way for way in product.ways if by_service_alone(way)])
    ]
    nearest = min((one for one in missing if one[0] > 0), default=None)
    return None if nearest is None else (nearest[1], nearest[0])


def by_service_alone(way: Way) -> bool:
    """Whether a way asks for nothing but hours or stars."""
    return bool(way) and all(isinstance(condition, MinVolunteerHours | MinStars) for condition in way)


def missing_of(way: Way, given: HoursGiven, stars_hours: Sequence[int]) -> int:
    """What is missing to all conditions of such a way; zero or less when they are met."""
    return max(
        stars_hours[condition.stars - 1] * 100 - given.total_x100
        if isinstance(condition, MinStars)
        else _missing_hours(condition, given)
        for condition in way
        if isinstance(condition, MinVolunteerHours | MinStars)
    )


def _missing_hours(condition: MinVolunteerHours, given: HoursGiven) -> int:
    has = given.total_x100 if condition.within is Window.PROGRAMME else given.year_x100
    return condition.hours * 100 - has
