"""Time that people enter by hand: attendance where there was no phone, and hours that are put right."""

import math
from dataclasses import dataclass
from datetime import datetime

from domain.actor import Role
from domain.calendar import add_working_days
from domain.errors import AlreadyDecided, InvalidInput, NotAllowed, SamePerson, TooEarly, TooLate
from domain.values import words
from domain.volunteering.rules.attendance import EARLY, LATE, minutes_given
from domain.volunteering.rules.events import EventState
from domain.volunteering.rules.services import ATTENDING, AwaitedService
from domain.volunteering.rules.terms import VolunteerTerms

CORRECTABLE = frozenset(
    {"AWAITING_CONFIRMATION", "AWAITING_COUNTERSIGNATURE", "ESCALATED", "CONFIRMED", "LAPSED"},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Attendance as an organiser writes it down."""

    event_id: int
    volunteer_number: str
    started_at: datetime
    ended_at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What a correction makes of a stretch; `gives_less` when it is confirmed and stays so."""

    status: str
    minutes: int
    gives_less: bool


def check_entry(entry: Entry, event: EventState, now: datetime, terms: VolunteerTerms) -> int:
    """The minutes of an attendance that may be entered now.

    Raises:
        InvalidInput: the times are not within the event, or in the future, or under a quarter of an hour.
        TooLate: the event was cancelled, or the days in which service is recorded are over.
    """
    if event.cancelled:
        raise TooLate(words("活动已取消。", "This event was cancelled."), field="eventId")
    if not event.starts_at - EARLY <= entry.started_at < event.ends_at:
        raise InvalidInput(
            words("开始时间不在活动时间内。请更正。", "The start lies outside the event. Correct it."), field="from"
        )
    if not entry.started_at < entry.ended_at <= min(now, event.ends_at + LATE):
        raise InvalidInput(
            words(
                "结束时间须晚于开始,不晚于现在和活动结束后30分钟。请更正。",
                "The end lies after the start, not in the future, and at most half an hour after the event.",
            ),
            field="until",
        )
    last_day, _ = add_working_days(terms.day_of(event.ends_at), terms.confirm_working_days)
    if terms.day_of(now) > last_day:
        raise TooLate(
            words(
                f"服务须在活动后{terms.confirm_working_days}个工作日内记录。请联系项目办公室。",
                f"Service is recorded within {terms.confirm_working_days} working days. Please ask the office.",
            )
        )
    minutes = minutes_given(entry.started_at, entry.ended_at)
    if minutes == 0:
        raise InvalidInput(words("不足一刻钟,不能记录。", "Under a quarter of an hour counts nothing."), field="until")
    return minutes


def check_seat(standing: str | None) -> None:
    """Only whoever signed up of their own will can be entered.

    Raises:
        NotAllowed: no seat is held.
    """
    if standing not in ATTENDING:
        raise NotAllowed(
            words(
                "该志愿者没有报名本活动。志愿服务出于自愿,请由本人先报名。",
                "This volunteer holds no place in the event. Volunteering is voluntary: they sign up themselves.",
            ),
            field="volunteerNumber",
            rule_source="R16",
        )


def check_countersign(service: AwaitedService, person_id: int | None) -> None:
    """A second organiser, who is neither the volunteer nor whoever entered it.

    Raises:
        AlreadyDecided: nothing waits for a signature.
        SamePerson: it is the same account, or the volunteer.
    """
    if service.status != "AWAITING_COUNTERSIGNATURE":
        raise AlreadyDecided(words("这段服务无须会签,或已会签。", "This stretch needs no second signature any more."))
    if person_id in (service.volunteer_person_id, service.entered_by_person):
        raise SamePerson(
            words(
                "会签须由录入者和志愿者以外的另一位组织者完成。",
                "The second signature comes from another organiser than the one who entered it, nor the volunteer.",
            ),
            rule_source="R17",
        )


def minutes_of(hours: float) -> int:
    """Hours as minutes.

    Raises:
        InvalidInput: not whole quarters of an hour.
    """
    minutes = hours * 60
    if not math.isfinite(hours) or hours < 0 or minutes % 15 != 0:
        raise InvalidInput(
            words("时长按一刻钟计,例如1.25。请更正。", "Hours come in quarters, such as 1.25. Correct them."),
            field="hours",
        )
    return int(minutes)


def corrected(service: AwaitedService, minutes: int, *, person_id: int | None, role: Role) -> Correction:
    """What a correction makes of a stretch.

    More hours have to be confirmed by somebody else again; fewer hold at once; none takes the stretch away.

    Raises:
        TooEarly: it still goes on.
        AlreadyDecided: it was rejected or taken away before.
        SamePerson: one's own service.
        InvalidInput: the same hours, more than there was time for, or none for a stretch that is not confirmed.
    """
    if service.status == "CHECKED_IN":
        raise TooEarly(words("志愿者还没有签退。", "The volunteer has not checked out yet."))
    if service.status not in CORRECTABLE:
        raise AlreadyDecided(words("这段服务已有结论,不能更正。", "This stretch was decided before."))
    if person_id == service.volunteer_person_id:
        raise SamePerson(
            words("不能更正自己的服务。请由其他组织者更正。", "Nobody corrects their own service."), rule_source="R17"
        )
    most = minutes_given(service.started_at, service.event_ends_at + LATE)
    if minutes > most or minutes == service.minutes:
        raise InvalidInput(
            words(
                f"时长须与原来不同,且不超过活动时间({most / 60:g}小时)。请更正。",
                f"Hours differ from before and fit into the event, up to {most / 60:g}. Correct them.",
            ),
            field="hours",
        )
    if service.status == "CONFIRMED" and minutes < (service.minutes or 0):
        status = "CONFIRMED" if minutes else "CORRECTED"
        return Correction(status=status, minutes=minutes, gives_less=True)
    if minutes == 0:
        raise InvalidInput(
            words("未确认的服务请直接驳回,并写明原因。", "What is not confirmed yet is rejected, with a reason."),
            field="hours",
        )
    signed = service.status != "AWAITING_COUNTERSIGNATURE"
    status = "AWAITING_CONFIRMATION" if signed else "AWAITING_COUNTERSIGNATURE"
    return Correction(status=status, minutes=minutes, gives_less=False)
