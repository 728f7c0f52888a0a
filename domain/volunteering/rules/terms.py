"""What a programme sets for its volunteers, and the stars that hours lead to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from domain.programmes.rules.document import ActivityType
from domain.values import midnight, next_midnight


class Settings(Protocol):
    """The part of a programme's document that is about volunteers."""

    @property
    def timezone(self) -> str: ...
    @property
    def volunteer_minimum_age(self) -> int: ...
    @property
    def volunteer_daily_hours(self) -> int: ...
    @property
    def volunteer_yearly_hours(self) -> int: ...
    @property
    def confirm_working_days(self) -> int: ...
    @property
    def stars_hours(self) -> tuple[int, ...]: ...
    @property
    def activity_types(self) -> tuple[ActivityType, ...]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class VolunteerTerms:
    """Ages in whole years, caps in hours, thresholds of the stars in confirmed hours.

    `insured_types` are risky: whoever organises them insures the volunteers first.
    """

    timezone: str
    minimum_age: int
    daily_hours: int
    yearly_hours: int
    confirm_working_days: int
    stars_hours: tuple[int, ...]
    activity_types: frozenset[str]
    insured_types: frozenset[str] = frozenset()

    def day_of(self, instant: datetime) -> date:
        """The local date of an instant."""
        return instant.astimezone(ZoneInfo(self.timezone)).date()

    def day_and_year(self, instant: datetime) -> tuple[datetime, datetime, datetime, datetime]:
        """When the local day and the local year of an instant begin and end."""
        day = self.day_of(instant)
        return *self.between(day, day), *self.between(date(day.year, 1, 1), date(day.year, 12, 31))

    def between(self, first: date, last: date) -> tuple[datetime, datetime]:
        """When the first of these local dates begins, and when the last one ends."""
        zone = ZoneInfo(self.timezone)
        return midnight(first, zone), next_midnight(last, zone)


def terms_of(settings: Settings) -> VolunteerTerms:
    """The terms of a programme, out of its document."""
    return VolunteerTerms(
        timezone=settings.timezone,
        minimum_age=settings.volunteer_minimum_age,
        daily_hours=settings.volunteer_daily_hours,
        yearly_hours=settings.volunteer_yearly_hours,
        confirm_working_days=settings.confirm_working_days,
        stars_hours=settings.stars_hours,
        activity_types=frozenset(one.code for one in settings.activity_types),
        insured_types=frozenset(one.code for one in settings.activity_types if one.insurance_needed),
    )


def stars(minutes: int, thresholds: Sequence[int]) -> int:
    """How many stars so many confirmed minutes have earned."""
    return sum(minutes >= hours * 60 for hours in thresholds)


def minutes_to_next_star(minutes: int, thresholds: Sequence[int]) -> int | None:
    """What is missing to the next star; None with all of them."""
    return min((hours * 60 - minutes for hours in thresholds if hours * 60 > minutes), default=None)
