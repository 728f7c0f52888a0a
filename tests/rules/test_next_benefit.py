"""Which benefit the fewest further hours of service would open."""

import pytest

from domain.incentives.rules.service import HoursGiven, by_service_alone, nearest_by_service
from domain.programmes.rules.shapes import Condition, MinPoints, MinStars, MinVolunteerHours
from domain.programmes.rules.terms import Window
from tests.rules.benefits import product, with_ways

STARS = (100, 300, 600)
YEAR_20 = with_ways((MinPoints(points=1010),), (MinVolunteerHours(hours=20),))
EVER_60 = with_ways((MinVolunteerHours(hours=60, within=Window.PROGRAMME),), (MinStars(stars=1),))
POINTS = with_ways((MinPoints(points=1010),), (MinVolunteerHours(hours=1), MinPoints(points=1000)))
OFFERED = [(1, EVER_60), (2, YEAR_20), (3, POINTS), (4, product())]


@pytest.mark.parametrize(
    ("total_x100", "year_x100", "nearest"),
    [
        (0, 0, (2, 2000)),
        (5500, 1400, (1, 500)),
        (5500, 1575, (2, 425)),
        (5500, 2000, (1, 500)),
        (6000, 2000, None),
    ],
)
def test_the_nearest_is_what_the_fewest_hours_open(
    total_x100: int, year_x100: int, nearest: tuple[int, int] | None
) -> None:
    given = HoursGiven(total_x100=total_x100, year_x100=year_x100)
    assert nearest_by_service(OFFERED, given, STARS) == nearest


def test_a_star_is_missing_by_its_threshold() -> None:
    starred = [(7, with_ways((MinStars(stars=2), MinVolunteerHours(hours=10))))]
    assert nearest_by_service(starred, HoursGiven(total_x100=29_000, year_x100=0), STARS) == (7, 1000)
    assert nearest_by_service(starred, HoursGiven(total_x100=28_950, year_x100=900), STARS) == (7, 1050)


@pytest.mark.parametrize("way", [(), (MinPoints(points=1),), (MinStars(stars=1), MinPoints(points=1))])
def test_a_way_that_asks_for_something_else_is_none_of_service(way: tuple[Condition, ...]) -> None:
    assert not by_service_alone(way)
