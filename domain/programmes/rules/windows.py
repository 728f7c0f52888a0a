"""Half-open stretches of days: in which window a use falls, and whether a product can be taken on a day."""

import calendar
from datetime import date, timedelta

from domain.programmes.rules.document import MonthDay, Product, Season
from domain.programmes.rules.terms import Window
from domain.values import add_months

ONE_DAY = timedelta(days=1)


def day_in(year: int, day: MonthDay) -> date:
    """That day of that year, or the month's last day."""
    return date(year, day.month, min(day.day, calendar.monthrange(year, day.month)[1]))


def _stretch(season: Season, year: int) -> tuple[date, date]:
    """The season that opens in that year, as [start, end)."""
    start, last = day_in(year, season.opens), day_in(year, season.closes)
    return start, (last if last >= start else day_in(year + 1, season.closes)) + ONE_DAY


def season_of(season: Season, day: date) -> tuple[date, date]:
    """The stretch of the season that holds the day, or else the next one: [start, end)."""
    stretches = [_stretch(season, year) for year in (day.year - 1, day.year, day.year + 1)]
    return next((start, end) for start, end in stretches if day < end)


def window_of(window: Window, day: date, season: Season | None = None) -> tuple[date, date | None]:
    """The window [start, end) into which a use on this day falls; PROGRAMME has no end.

    Nothing adds up in a USE window: its quantity limits one use. Outside a season, the next one is meant.
    """
    match window:
        case Window.USE | Window.DAY:
            return day, day + ONE_DAY
        case Window.MONTH:
            first = day.replace(day=1)
            return first, add_months(first, 1)
        case Window.SEASON:
            if season is None:
                raise ValueError("a SEASON window needs a season")
            return season_of(season, day)
        case Window.CALENDAR_YEAR:
            return date(day.year, 1, 1), date(day.year + 1, 1, 1)
        case Window.ROLLING_YEAR:
            return add_months(day + ONE_DAY, -12), day + ONE_DAY
        case _:
            return date.min, None


def open_on(product: Product, day: date) -> bool:
    """Whether the product can be presented or claimed on this day."""
    if product.available_from is not None and day < product.available_from:
        return False
    if product.available_until is not None and day >= product.available_until:
        return False
    stretch = product.claim_window or product.season
    return stretch is None or season_of(stretch, day)[0] <= day


def next_opening(product: Product, day: date) -> date | None:
    """The first day from this one on which the product is open; None when it never opens again."""
    start = max(day, product.available_from or day)
    stretch = product.claim_window or product.season
    if stretch is not None:
        start = max(start, season_of(stretch, start)[0])
    return start if open_on(product, start) else None
