"""Working days of the Chinese calendar: public holidays rest, adjusted weekend days work.

The State Council publishes one year at a time; beyond the published years weekdays stand in, and the answer says so.
"""

from datetime import date, timedelta
from typing import Final

from chinese_calendar.constants import holidays, workdays

_DAY: Final = timedelta(days=1)
_FIRST_YEAR: Final[int] = min(holidays).year
_LAST_YEAR: Final[int] = max(holidays).year


def is_published(day: date) -> bool:
    """Whether the holidays of that day's year are known."""
    return _FIRST_YEAR <= day.year <= _LAST_YEAR


def is_working_day(day: date) -> bool:
    """Whether offices work on this day; for a year not yet published, whether it is a weekday."""
    weekday = day.weekday() < 5
    if not is_published(day):
        return weekday
    return day not in holidays if weekday else day in workdays


def add_working_days(day: date, count: int) -> tuple[date, bool]:
    """The last of so many working days after this day, and whether that is provisional.

    Provisional means that one of the days lies in a year whose holidays are not published yet.
    """
    for _ in range(count):
        day += _DAY
        while not is_working_day(day):
            day += _DAY
    return day, not is_published(day)
