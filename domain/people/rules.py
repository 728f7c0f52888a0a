"""Who may be scored, what is kept of a birthday, and which part of a file a purpose opens."""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Final

from domain.errors import RuleRefused
from domain.values import Words, words

ADULT: Final = 18
COHORT_YEARS: Final = 5


class Purpose(StrEnum):
    """Why an officer looks somebody up."""

    OBJECTION = "OBJECTION"
    REPAIR = "REPAIR"
    ASSISTED_SERVICE = "ASSISTED_SERVICE"
    REVERSAL = "REVERSAL"
    SERVICE_SAMPLE = "SERVICE_SAMPLE"


# The parts of a file that each purpose needs; the others stay shut.
OPENS: Final[Mapping[Purpose, frozenset[str]]] = {
    Purpose.OBJECTION: frozenset({"score", "records", "objections"}),
    Purpose.REPAIR: frozenset({"records", "repairs"}),
    Purpose.ASSISTED_SERVICE: frozenset({"score", "records", "objections", "repairs", "openObligations"}),
    Purpose.REVERSAL: frozenset({"openObligations"}),
    Purpose.SERVICE_SAMPLE: frozenset(),
}
PURPOSE_WORDS: Final[Mapping[Purpose, Words]] = {
    Purpose.OBJECTION: words("异议办理", "an objection"),
    Purpose.REPAIR: words("信用修复办理", "a repair"),
    Purpose.ASSISTED_SERVICE: words("当面协助办理", "help at the desk"),
    Purpose.REVERSAL: words("撤销使用记录", "undoing a use"),
    Purpose.SERVICE_SAMPLE: words("志愿服务抽查", "a check of volunteer time"),
}


def age_on(birth_date: date, day: date) -> int:
    """Whole years on that day."""
    return day.year - birth_date.year - ((day.month, day.day) < (birth_date.month, birth_date.day))


def check_age(birth_date: date, day: date) -> None:
    """Nobody is scored who is not of age on the day of joining. Raises: RuleRefused under 18."""
    if age_on(birth_date, day) < ADULT:
        raise RuleRefused(_UNDER_AGE, rule_source="R20")


def cohort_of(birth_date: date) -> int:
    """The five years in which somebody was born: all that is kept in the clear."""
    return birth_date.year // COHORT_YEARS * COHORT_YEARS


_UNDER_AGE = words(
    "未满 18 周岁不计分,也不能加入;志愿服务不受影响。年满 18 周岁后即可加入。",
    "Nobody under 18 is scored, so you cannot join yet; volunteering is open to you. You may join at 18.",
)
