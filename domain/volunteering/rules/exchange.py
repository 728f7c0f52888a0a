"""The format in which records of service are exchanged: one JSON object a line, in the record groups of the law.

Order 67 of the Ministry of Civil Affairs, Art. 4-10: personal basics, service, training, awards, evaluation. A line has
one stretch of service or none, and what belongs to it of the other groups. Persons go by their volunteer number; no
name, birth date or identity number is exchanged.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from domain.errors import DomainError, InvalidInput
from domain.values import words
from domain.volunteering.rules.attendance import minutes_given
from domain.volunteering.rules.events import EventDraft, check_description
from domain.volunteering.rules.records import Content, Kind, RecordDraft
from domain.volunteering.rules.registration import read_number
from domain.volunteering.rules.terms import VolunteerTerms

FORMAT: Final = "volunteer-service/1"
MOST_LINES: Final = 200
MOST_EXPORTED: Final = 5000
REF_LENGTH: Final = 100
MOST_OF_A_GROUP: Final = 20
OLDEST: Final = timedelta(days=5 * 365)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Hours that another platform says somebody has given."""

    platform: str
    ref: str
    volunteer_number: str
    draft: EventDraft
    minutes: int

    @property
    def event_ref(self) -> str:
        """Under which reference the same claim is known again."""
        return f"import:{self.platform}:{self.ref}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What one line says: hours that somebody else has yet to confirm, and records of the other groups."""

    claim: Claim | None
    records: tuple[RecordDraft, ...]


def delivered_by(line: str, now: datetime, terms: VolunteerTerms) -> Delivered:
    """One line of an import, checked.

    Raises:
        InvalidInput: it is not of the format, or a value is out of its limits; the field is named.
        RuleRefused: the activity is not on the programme's list of volunteer service.
    """
    parsed = _object(line)
    if parsed.get("format") != FORMAT:
        raise _unfit("format", FORMAT)
    number = read_number(_text(_group(parsed, "personal"), "volunteerNumber", "personal.volunteerNumber"))
    if number is None:
        raise _unfit("personal.volunteerNumber", "V123-456-7890")
    records = tuple(_records(parsed, number))
    claim = None if parsed.get("service") is None and records else _claim(parsed, number, now, terms)
    return Delivered(claim=claim, records=records)


def _claim(parsed: Mapping[str, object], number: str, now: datetime, terms: VolunteerTerms) -> Claim:
    service = _group(parsed, "service")
    activity = _group(service, "activity", "service.activity")
    starts_at, ends_at = (_instant(service, name, f"service.{name}") for name in ("from", "until"))
    draft = EventDraft(
        title=_text(activity, "title", "service.activity.title"),
        description=_text(activity, "title", "service.activity.title"),
        place=_text(activity, "place", "service.activity.place"),
        starts_at=starts_at,
        ends_at=ends_at,
        capacity=1,
        activity_type=_text(activity, "type", "service.activity.type"),
        insured=True,
    )
    check_description(draft, terms)
    minutes = minutes_given(starts_at, ends_at)
    if not now - OLDEST < starts_at or ends_at > now or minutes == 0:
        raise InvalidInput(
            words(
                "时间须已过去、不早于五年前,且不少于一刻钟。请更正。",
                "The time is over, began within five years, and lasted a quarter of an hour or more. Correct it.",
            ),
            field="service.until",
        )
    return Claim(
        platform=_short(parsed, "platform"),
        ref=_short(parsed, "ref"),
        volunteer_number=number,
        draft=draft,
        minutes=minutes,
    )


def groups_of(kind: Kind, content: Content, on: date, organisation: str) -> dict[str, object]:
    """A record of one of the other groups, as it stands in a line."""
    one: dict[str, object] = {
        "name": content.title,
        "content": content.text,
        "body": content.body or organisation,
        "date": on.isoformat(),
    }
    if content.minutes is not None:
        one["hours"] = content.minutes / 60
    groups: dict[str, object] = {"training": [], "awards": [], "evaluation": None}
    group = _GROUPS[kind]
    return groups | {group: one if kind is Kind.EVALUATION else [one]}


def _records(parsed: Mapping[str, object], number: str) -> Iterator[RecordDraft]:
    for kind, group in _GROUPS.items():
        listed = parsed.get(group) or []
        if kind is Kind.EVALUATION and isinstance(listed, dict):
            listed = [listed]
        if not isinstance(listed, list) or len(listed) > MOST_OF_A_GROUP:
            raise _unfit(group, f"[{{…}}], 0-{MOST_OF_A_GROUP}")
        for place, one in enumerate(listed):
            yield _record(kind, one, number, f"{group}[{place}]")


def _record(kind: Kind, one: object, number: str, path: str) -> RecordDraft:
    if not isinstance(one, dict):
        raise _unfit(path, "{…}")
    hours = one.get("hours")
    if hours is not None and (isinstance(hours, bool) or not isinstance(hours, int | float)):
        raise _unfit(f"{path}.hours", "1.5")
    try:
        on = date.fromisoformat(_text(one, "date", f"{path}.date"))
    except ValueError as error:
        raise _unfit(f"{path}.date", "2026-01-31") from error
    return RecordDraft(
        kind=kind,
        volunteer_number=number,
        title=_text(one, "name", f"{path}.name"),
        on=on,
        text=None if one.get("content") is None else _text(one, "content", f"{path}.content"),
        hours=hours,
        body=None if one.get("body") is None else _text(one, "body", f"{path}.body"),
    )


def told(error: DomainError) -> dict[str, str | None]:
    """A refusal as it is sent back."""
    return {"code": error.code, "field": error.field, "zh": error.message.zh, "en": error.message.en}


def _object(line: str) -> Mapping[str, object]:
    try:
        parsed = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _unfit("", "{…}") from error
    if not isinstance(parsed, dict):
        raise _unfit("", "{…}")
    return parsed


def _group(parsed: Mapping[str, object], name: str, path: str | None = None) -> Mapping[str, object]:
    group = parsed.get(name)
    if not isinstance(group, dict):
        raise _unfit(path or name, "{…}")
    return group


def _text(parsed: Mapping[str, object], name: str, path: str) -> str:
    value = parsed.get(name)
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise _unfit(path, "text")
    return value.strip()


def _short(parsed: Mapping[str, object], name: str) -> str:
    value = _text(parsed, name, name)
    if len(value) > REF_LENGTH or not value.isprintable():
        raise _unfit(name, f"1-{REF_LENGTH}")
    return value


def _instant(parsed: Mapping[str, object], name: str, path: str) -> datetime:
    try:
        value = datetime.fromisoformat(_text(parsed, name, path))
    except ValueError as error:
        raise _unfit(path, "2026-01-31T09:00:00+08:00") from error
    if value.tzinfo is None:
        raise _unfit(path, "2026-01-31T09:00:00+08:00")
    return value


def _unfit(field: str, example: str) -> InvalidInput:
    return InvalidInput(
        words(
            f"此行不符合交换格式,应为 {example}。请更正。", f"This line is not of the format: {example} is expected."
        ),
        field=field,
    )


_GROUPS: Final = {Kind.TRAINING: "training", Kind.AWARD: "awards", Kind.EVALUATION: "evaluation"}
