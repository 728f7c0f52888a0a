"""Objections and repairs as requests: what they may be about, who may decide, and what can be done next."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from domain.errors import InvalidInput
from domain.programmes.rules.document import Clocks, RuleSetDocument
from domain.values import Words, words

MAX_TEXT: Final = 2000


class Target(StrEnum):
    """What an objection is about."""

    RECORD = "RECORD"
    SCORE = "SCORE"
    DECISION = "DECISION"
    REDEMPTION = "REDEMPTION"
    SERVICE = "SERVICE"
    ACCESS = "ACCESS"
    HOUSEHOLD = "HOUSEHOLD"
    VOLUNTEER_RECORD = "VOLUNTEER_RECORD"


class Status(StrEnum):
    """How far a case has come."""

    OPEN = "OPEN"
    WITH_SOURCE = "WITH_SOURCE"
    EXTENDED = "EXTENDED"
    UPHELD = "UPHELD"
    PARTLY_UPHELD = "PARTLY_UPHELD"
    REJECTED = "REJECTED"
    WITHDRAWN = "WITHDRAWN"


class Finding(StrEnum):
    """What a department says of its own record."""

    STANDS = "STANDS"
    WRONG = "WRONG"
    CANNOT_TELL = "CANNOT_TELL"


UNDER_WAY: Final = frozenset({Status.OPEN, Status.WITH_SOURCE, Status.EXTENDED})
OUTCOMES: Final = frozenset({Status.UPHELD, Status.PARTLY_UPHELD, Status.REJECTED})
REPAIR_OUTCOMES: Final = frozenset({Status.UPHELD, Status.REJECTED})
# What a volunteer may object to who has not joined as a citizen.
OF_VOLUNTEERS: Final = frozenset({Target.SERVICE, Target.VOLUNTEER_RECORD, Target.ACCESS})
# How many parts the id of each subject has; a household is the person's only one, and so is the score.
KEY_PARTS: Final[Mapping[Target, int]] = {
    Target.RECORD: 3,
    Target.SCORE: 1,
    Target.DECISION: 2,
    Target.REDEMPTION: 1,
    Target.SERVICE: 1,
    Target.ACCESS: 1,
    Target.HOUSEHOLD: 0,
    Target.VOLUNTEER_RECORD: 1,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseTerms:
    """What judging a case has to know of the programme: its clocks, its day, and the rules in force."""

    programme_id: int
    zone: ZoneInfo
    clocks: Clocks
    rule_set_id: int
    rules: RuleSetDocument

    @property
    def timezone(self) -> str:
        """The name of the zone."""
        return self.zone.key

    def day_of(self, at: datetime) -> date:
        """The local date."""
        return at.astimezone(self.zone).date()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """An objection as somebody raises it: what it is about, by the parts of the subject's id, and why."""

    target: Target
    subject_key: tuple[int, ...]
    reason: str
    attachments: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A decision of the office, with its reasons."""

    case_id: int
    outcome: Status
    decision: str


def required_text(value: str, field: str) -> str:
    """The text without blanks around it. Raises: InvalidInput for an empty or endless one."""
    plain = value.strip()
    if not 1 <= len(plain) <= MAX_TEXT or "\x00" in plain:
        raise InvalidInput(words(f"请填写 1 到 {MAX_TEXT} 个字。", f"Write 1 to {MAX_TEXT} characters."), field=field)
    return plain


def next_remedy(*, is_review: bool, until: date) -> Words:
    """What can be done against a decision that did not follow the objection in full."""
    day = until.isoformat()
    if is_review:
        return words(
            f"如不服复核决定,可在 {day} 前依法申请行政复议,或依法提起诉讼。",
            f"Against this review you can ask for administrative reconsideration until {day}, or go to court.",
        )
    return words(
        f"如不服,可在 {day} 前申请复核,由未参与本次决定的人员办理。",
        f"You can ask for a review until {day}; somebody who did not decide here decides it.",
    )


def next_remedy_of_repair(until: date) -> Words:
    """What can be done against a repair that was refused."""
    day = until.isoformat()
    return words(
        f"如不服,可在 {day} 前对该记录提出异议;补齐材料后也可以随时重新申请修复。",
        f"You can object to the record until {day}, and ask for its repair again at any time with what was missing.",
    )
