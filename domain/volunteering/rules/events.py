"""What an organiser may publish, and who gets a seat."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from domain.errors import AlreadyDecided, CapacityFull, DomainError, InvalidInput, NotFound, RuleRefused, TooLate
from domain.values import Words, words
from domain.volunteering.rules.registration import is_aged
from domain.volunteering.rules.terms import VolunteerTerms

TITLE_LENGTH = 80
TEXT_LENGTH = 2000
PLACE_LENGTH = 200
MOST_SEATS = 1000
LONGEST = timedelta(hours=24)
FURTHEST = timedelta(days=366)
OLDEST = 120
NEAR_METRES = range(1, 100_001)

# Held seats and running stretches: a sign-up in one of these is neither made again nor cancelled twice.
STANDING = frozenset({"SIGNED_UP", "WAITING", "CHECKED_IN"})


@dataclass(frozen=True, slots=True, kw_only=True)
class EventDraft:
    """An event as an organiser describes it."""

    title: str
    description: str
    place: str
    lat: float | None = None
    lon: float | None = None
    starts_at: datetime
    ends_at: datetime
    capacity: int
    activity_type: str
    minimum_age: int | None = None
    insured: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EventState:
    """What decides about an event's seats and attendance."""

    id: int
    programme_id: int
    organisation_id: int
    starts_at: datetime
    ends_at: datetime
    minimum_age: int | None
    cancelled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """A place asked for: used for the answer, never stored."""

    lat: float
    lon: float
    within_metres: int

    def __post_init__(self) -> None:
        if not _on_earth(self.lat, self.lon) or self.within_metres not in NEAR_METRES:
            raise InvalidInput(
                words(
                    "地点或距离无效。请检查经纬度,距离为1至100000米。",
                    "This place or distance is not valid. Check latitude and longitude; distances are 1 to 100000 m.",
                ),
                field="near",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSearch:
    """Events of a programme that are not over by `since` and have begun before `until`."""

    programme_id: int
    since: datetime
    until: datetime | None = None
    activity_type: str | None = None
    near: Near | None = None


def check_draft(draft: EventDraft, now: datetime, terms: VolunteerTerms) -> None:
    """An event lies in the future, has seats and a place, and is volunteering.

    Raises:
        InvalidInput: a value is missing or out of its limits; the field is named.
        RuleRefused: the activity is not on the programme's list of volunteer service.
    """
    check_description(draft, terms)
    if not now < draft.starts_at <= now + FURTHEST:
        raise InvalidInput(
            words(
                "活动须在将来开始,且在一年之内。请更正开始时间。",
                "An event begins in the future, within a year. Correct its start.",
            ),
            field="startsAt",
        )


def check_description(draft: EventDraft, terms: VolunteerTerms) -> None:
    """Everything about a draft that does not depend on the hour of the day it is published."""
    if draft.activity_type not in terms.activity_types:
        raise RuleRefused(
            words(
                "这类活动不在本项目的志愿服务目录内,不得作为志愿服务记录。请从目录中选择。",
                "This activity is not on the programme's list of volunteer service and may not be recorded as such. "
                "Choose one from the list.",
            ),
            field="activityType",
            rule_source="R16",
        )
    if draft.activity_type in terms.insured_types and not draft.insured:
        raise RuleRefused(
            words(
                "这类活动有人身危险,须先为志愿者购买人身意外伤害保险。请投保后再发布。",
                "This activity is risky: volunteers are insured against accidents first. Insure them, then publish.",
            ),
            field="insured",
            rule_source="志愿服务条例 Art. 17",
        )
    for name, text, limit in (
        ("title", draft.title, TITLE_LENGTH),
        ("description", draft.description, TEXT_LENGTH),
        ("place", draft.place, PLACE_LENGTH),
    ):
        if not 0 < len(text.strip()) <= limit:
            raise _out_of_limits(name, words(f"须为1至{limit}个字符", f"has 1 to {limit} characters"))
    if draft.starts_at.tzinfo is None or draft.ends_at.tzinfo is None:
        raise _out_of_limits("startsAt", words("须带时区", "needs a time zone"))
    if not timedelta() < draft.ends_at - draft.starts_at <= LONGEST:
        raise _out_of_limits("endsAt", words("须晚于开始,且不超过24小时", "is after the start, by 24 hours at most"))
    if not 0 < draft.capacity <= MOST_SEATS:
        raise _out_of_limits("capacity", words(f"须为1至{MOST_SEATS}", f"is 1 to {MOST_SEATS}"))
    if draft.minimum_age is not None and not 0 <= draft.minimum_age <= OLDEST:
        raise _out_of_limits("minimumAge", words(f"须为0至{OLDEST}", f"is 0 to {OLDEST}"))
    if (draft.lat is None) != (draft.lon is None) or not _on_earth(draft.lat or 0.0, draft.lon or 0.0):
        raise _out_of_limits("lat", words("和经度须同时给出且有效", "and the longitude come together and are valid"))


def check_may_change(event: EventState, now: datetime) -> None:
    """An event is changed until it begins.

    Raises:
        TooLate: it has begun, or was cancelled.
    """
    if event.cancelled or now >= event.starts_at:
        raise TooLate(
            words("活动已开始或已取消,不能再更改。", "This event has begun or was cancelled, so it stays as it is.")
        )


def too_small() -> CapacityFull:
    """What is said to a capacity below the seats that are taken."""
    return CapacityFull(
        words(
            "名额不能少于已报名的人数。请填写更大的名额。",
            "Capacity cannot fall below the seats that are taken. Enter a larger one.",
        ),
        field="capacity",
    )


def check_open(event: EventState | None, *, programme_id: int | None, now: datetime) -> EventState:
    """The event, if it is of this programme and still to come or going on.

    Raises:
        NotFound: there is none here.
        TooLate: it was cancelled or is over.
    """
    if event is None or event.programme_id != programme_id:
        raise NotFound
    if event.cancelled:
        raise TooLate(words("活动已取消。请选择其他活动。", "This event was cancelled. Please choose another."))
    if now >= event.ends_at:
        raise TooLate(words("活动已结束。请选择其他活动。", "This event is over. Please choose another."))
    return event


def check_may_sign_up(standing: str | None) -> None:
    """Nobody signs up twice.

    Raises:
        AlreadyDecided: a seat or a place on the waiting list is held already.
    """
    if standing in STANDING:
        raise AlreadyDecided(
            words("您已报名该活动。请在“我的报名”中查看。", "You have signed up for this event. See your sign-ups.")
        )


def check_old_enough(event: EventState, birth_date: date | None, day: date) -> None:
    """An event's minimum age holds on its day.

    Raises:
        RuleRefused: too young, or of unknown age.
    """
    if event.minimum_age and (birth_date is None or not is_aged(birth_date, event.minimum_age, day)):
        raise RuleRefused(
            words(
                f"该活动要求年满{event.minimum_age}周岁。请选择其他活动。",
                f"This event asks for an age of {event.minimum_age} or more. Please choose another.",
            ),
            rule_source="R20",
        )


def check_may_cancel(standing: str | None) -> None:
    """Only a standing sign-up is cancelled, and not after check-in.

    Raises:
        NotFound: there is no sign-up.
        AlreadyDecided: cancelled before, or checked in.
    """
    if standing is None:
        raise NotFound(
            words("您没有报名该活动。", "You have not signed up for this event."),
            field="eventId",
        )
    if standing == "CHECKED_IN":
        raise AlreadyDecided(
            words("您已签到,不能再取消报名。请直接签退。", "You have checked in, so check out instead of cancelling.")
        )
    if standing not in STANDING:
        raise AlreadyDecided(words("该报名已取消。", "This sign-up was cancelled before."))


def _on_earth(lat: float, lon: float) -> bool:
    return -90 <= lat <= 90 and -180 <= lon <= 180


def _out_of_limits(name: str, limit: Words) -> DomainError:
    return InvalidInput(words(f"{name} {limit.zh}。请更正。", f"{name} {limit.en}. Please correct it."), field=name)
