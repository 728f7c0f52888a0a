"""Small values that every room shares: words in two languages, half-open date ranges, months."""

import calendar
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final, Literal

Language = Literal["zh", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("zh", "en")
# Days beyond these are meant as no limit, and some of them have no instant in every zone.
FIRST_DAY: Final = date(1900, 1, 1)
LAST_DAY: Final = date(9999, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """One sentence or title in both languages of the programme."""

    zh: str
    en: str

    def __post_init__(self) -> None:
        if not self.zh.strip() or not self.en.strip():
            raise ValueError("words need both languages, zh and en")

    def speak(self, language: Language) -> str:
        """The text in the language asked for."""
        return self.zh if language == "zh" else self.en


def words(zh: str, en: str) -> Words:
    """Shorthand for messages written in code."""
    return Words(zh=zh, en=en)


def typed(code: str) -> str:
    """A code as we spell it: full-width signs, blanks, hyphens and case do not matter when somebody types one."""
    plain = unicodedata.normalize("NFKC", code).upper()
    return "".join(sign for sign in plain if not sign.isspace() and unicodedata.category(sign) != "Pd")


def midnight(day: date, zone: tzinfo) -> datetime:
    """The instant at which a day begins there, in UTC."""
    return datetime.combine(min(max(day, FIRST_DAY), LAST_DAY), time(), zone).astimezone(UTC)


def next_midnight(day: date, zone: tzinfo) -> datetime:
    """The instant at which a day ends there, in UTC."""
    return midnight(min(day, LAST_DAY) + timedelta(days=1), zone)


def add_months(day: date, months: int) -> date:
    """The same day of a later month, or that month's last day: PostgreSQL's month arithmetic."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragment:
    """One readable shape as SQL: a scalar sub-select that yields JSON, to be composed with others into one statement.

    Every fragment may use the common binds citizen, person, volunteer, programme, rule_set, today and now; its own
    binds carry the fragment's name. `ctes` are shared by name between the fragments of one statement.
    """

    sql: str
    binds: Mapping[str, object] = field(default_factory=dict)
    ctes: Mapping[str, str] = field(default_factory=dict)
