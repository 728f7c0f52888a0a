"""Training, awards and evaluations: what may be written down about somebody who took part.

They give no points and are never added up: an award is no merit, and an evaluation is words, which rank nobody.

Source: Order 67 of the Ministry of Civil Affairs, Art. 8-13.
"""

import json
from dataclasses import asdict, dataclass
from datetime import date
from enum import StrEnum

from domain.calendar import add_working_days
from domain.errors import AlreadyDecided, DomainError, InvalidInput, NotFound, RuleRefused, SamePerson, TooLate
from domain.values import Words, add_months, words
from domain.vault import Vault
from domain.volunteering.rules.entries import minutes_of

TITLE_LENGTH = 100
TEXT_LENGTH = 1000
BODY_LENGTH = 100
MOST_HOURS = 500
OLDEST_MONTHS = 60
# 优秀, A+ and 5/5 are grades; a sentence is not.
LETTERS_OF_A_SENTENCE = 6


class Kind(StrEnum):
    """The record groups of the law beside personal basics and service."""

    TRAINING = "TRAINING"
    AWARD = "AWARD"
    EVALUATION = "EVALUATION"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordDraft:
    """What an organiser writes down. `body`: who trained, awarded or evaluated, when it was somebody else."""

    kind: Kind
    volunteer_number: str
    title: str
    on: date
    text: str | None = None
    hours: float | None = None
    body: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What is sealed of it."""

    title: str
    text: str | None
    minutes: int | None
    body: str | None

    def to_json(self) -> str:
        """As it is sealed."""
        return json.dumps(asdict(self), ensure_ascii=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taker:
    """The volunteer of a number, and whether they took part in the organisation's events, and on that day."""

    id: int
    person_id: int
    wrapped_key: bytes | None
    took_part: bool
    served_that_day: bool


def content_of(text: str) -> Content:
    """The inverse of `to_json`."""
    return Content(**json.loads(text))


def check_draft(draft: RecordDraft, today: date) -> Content:
    """What may be sealed of it.

    Raises:
        InvalidInput: a value is missing or out of its limits; the field is named.
        RuleRefused: an evaluation that is a grade or a figure.
    """
    title = _text("title", draft.title, TITLE_LENGTH)
    text = None if draft.text is None else _text("text", draft.text, TEXT_LENGTH)
    body = None if draft.body is None else _text("body", draft.body, BODY_LENGTH)
    if text is None and draft.kind is not Kind.AWARD:
        raise _unfit("text", words("须写明内容", "says what it was about"))
    if draft.kind is Kind.EVALUATION and sum(sign.isalpha() for sign in text or "") < LETTERS_OF_A_SENTENCE:
        raise RuleRefused(
            words(
                "评价须用文字写明,不得打分或评级。请写一句话。",
                "An evaluation is words, never a grade or a figure. Write a sentence.",
            ),
            field="text",
            rule_source="R24",
        )
    if (draft.kind is Kind.TRAINING) != (draft.hours is not None):
        raise _unfit("hours", words("培训须有时长,其他不填", "stands with a training and nothing else"))
    minutes = None if draft.hours is None else minutes_of(draft.hours)
    if minutes is not None and not 0 < minutes <= MOST_HOURS * 60:
        raise _unfit("hours", words(f"须大于0且不超过{MOST_HOURS}", f"is above 0 and up to {MOST_HOURS}"))
    if not add_months(today, -OLDEST_MONTHS) < draft.on <= today:
        raise _unfit("on", words("不晚于今天、不早于五年前", "lies within the last five years"))
    return Content(title=title, text=text, minutes=minutes, body=body)


def check_in_time(draft: RecordDraft, today: date, working_days: int) -> None:
    """An evaluation is recorded within the programme's working days after the activity.

    Raises:
        TooLate: they are over.
    """
    if draft.kind is Kind.EVALUATION and today > add_working_days(draft.on, working_days)[0]:
        raise TooLate(
            words(
                f"评价须在活动后{working_days}个工作日内记录。",
                f"An evaluation is recorded within {working_days} working days after the activity.",
            ),
            field="on",
            rule_source="民政部令第67号 Art. 11",
        )


def check_taker(taker: Taker | None, draft: RecordDraft, person_id: int | None) -> Taker:
    """Only about somebody who took part in the organisation's events, and never about oneself.

    Raises:
        NotFound: nobody of this number took part, or not on the day of the evaluation, or they have not consented; one
            is as good as another.
        SamePerson: it is the organiser.
    """
    on_the_day = draft.kind is Kind.EVALUATION
    if taker is None or not (taker.served_that_day if on_the_day else taker.took_part):
        raise NotFound(_NOT_THAT_DAY if on_the_day else _NOBODY, field="volunteerNumber")
    if taker.person_id == person_id:
        raise SamePerson(
            words("不能为自己记录。请由其他组织者记录。", "Nobody records anything about themselves."),
            rule_source="R17",
        )
    return taker


def fact_of(vault: Vault, draft: RecordDraft, *, organisation_id: int, volunteer_id: int) -> bytes:
    """What tells the same fact again."""
    title = " ".join(draft.title.split()).casefold()
    parts = (str(organisation_id), str(volunteer_id), draft.kind.value, draft.on.isoformat(), title)
    return vault.digest("volunteer record", *parts)[:16]


def known_already() -> AlreadyDecided:
    """What is said to a fact that is recorded, and to one that its volunteer does not want to be kept."""
    return AlreadyDecided(
        words("这条记录已有,或志愿者不同意保留。", "This is recorded already, or its volunteer does not want it kept."),
        field="title",
    )


def _text(name: str, typed: str, limit: int) -> str:
    clean = typed.strip()
    if not 0 < len(clean) <= limit or "\0" in clean:
        raise _unfit(name, words(f"须为1至{limit}个字符", f"has 1 to {limit} characters"))
    return clean


def _unfit(name: str, limit: Words) -> DomainError:
    return InvalidInput(words(f"{name} {limit.zh}。请更正。", f"{name} {limit.en}. Please correct it."), field=name)


_NOBODY = words(
    "没有这个编号的志愿者参加过贵单位的活动。请核对编号。",
    "Nobody of this number took part in your events. Check the number.",
)
_NOT_THAT_DAY = words(
    "这个编号的志愿者当日没有在贵单位服务。请核对编号和日期。",
    "Nobody of this number served with you on that day. Check number and date.",
)
