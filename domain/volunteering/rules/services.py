"""One stretch of service: it overlaps no other, is confirmed by somebody else, and counts once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.actor import Role
from domain.errors import (
    AlreadyDecided,
    DomainError,
    InvalidInput,
    NotAllowed,
    NotFound,
    Overlap,
    RuleRefused,
    SamePerson,
    TooEarly,
    TooLate,
)
from domain.values import words
from domain.volunteering.rules.attendance import CODE_AFTER_END, EARLY
from domain.volunteering.rules.events import EventState
from domain.volunteering.rules.trust import held_by, title_of

REASON_LENGTH = 500
MOST_AT_ONCE = 100

AWAITING = frozenset({"AWAITING_CONFIRMATION", "ESCALATED"})
ATTENDING = frozenset({"SIGNED_UP", "CHECKED_IN"})
# Holds no time: rejected, without an end, or taken away.
VOID = frozenset({"REJECTED", "LAPSED", "CORRECTED"})
# A confirmed stretch with one of these waits until the office has looked at it.
REVIEWED_FOR = frozenset({"SHARED_DEVICE", "DISTANCE", "BURST", "SAMPLED"})
_HELD = "HELD:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A volunteer's own time somewhere; without an end while it lasts."""

    id: int
    event_id: int
    organisation_id: int
    event_ends_at: datetime
    started_at: datetime
    ended_at: datetime | None
    minutes: int | None
    status: str

    @property
    def is_open(self) -> bool:
        return self.status == "CHECKED_IN"

    @property
    def is_forgotten(self) -> bool:
        """Lapsed for want of a check-out, which may still arrive late."""
        return self.status == "LAPSED" and self.ended_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitedService:
    """What decides whether somebody may confirm a stretch."""

    id: int
    programme_id: int
    organisation_id: int
    event_id: int
    title: str
    volunteer_id: int
    volunteer_person_id: int
    wrapped_key: bytes | None
    entered_by_person: int | None
    status: str
    started_at: datetime
    ended_at: datetime | None
    event_ends_at: datetime
    minutes: int | None
    signals: Sequence[str] = ()
    revision: int = 1
    ref_hash: int | None = None
    reviewed: bool = False

    @property
    def is_for_review(self) -> bool:
        """Confirmed, and drawn or flagged for the office."""
        return self.status == "CONFIRMED" and not self.reviewed and not REVIEWED_FOR.isdisjoint(self.signals)


def check_may_attend(event: EventState | None, standing: str | None, *, programme_id: int | None) -> EventState:
    """The event, if this volunteer holds a seat in it.

    Raises:
        NotFound: it is no event of this programme.
        TooLate: it was cancelled.
        NotAllowed: no seat is held.
    """
    if event is None or event.programme_id != programme_id:
        raise NotFound(field="code")
    if event.cancelled:
        raise TooLate(words("活动已取消。", "This event was cancelled."), field="code")
    if standing not in ATTENDING:
        raise NotAllowed(
            words(
                "您没有该活动的名额。请先报名,再签到。",
                "You hold no place in this event. Sign up first, then check in.",
            ),
            field="code",
        )
    return event


def check_in_hours(event: EventState, at: datetime) -> None:
    """Check-in is open from half an hour before an event until its end.

    Raises:
        TooEarly: before that.
        TooLate: after that.
    """
    if at < event.starts_at - EARLY:
        raise TooEarly(
            words("活动开始前30分钟才能签到。", "Check-in opens 30 minutes before the event. Please come back then.")
        )
    if at >= event.ends_at:
        raise TooLate(words("活动已结束,不能再签到。", "The event is over, so nobody can check in any more."))


def check_may_begin(stretches: Sequence[Stretch], event_id: int, at: datetime) -> None:
    """Nobody checks in twice, and nobody is in two places at once, whoever organises.

    Raises:
        AlreadyDecided: checked in here already.
        Overlap: another stretch holds this instant.
    """
    for stretch in stretches:
        if stretch.is_open and stretch.event_id == event_id:
            raise AlreadyDecided(
                words("您已签到,不必再次签到。结束时请签退。", "You are checked in already. Check out when you finish.")
            )
    for stretch in stretches:
        if stretch.is_open or _holds(stretch, at):
            raise overlap()


def stretch_to_end(stretches: Sequence[Stretch], event_id: int, at: datetime) -> Stretch:
    """The stretch at this event that a check-out ends.

    Raises:
        AlreadyDecided: checked out already.
        TooEarly: not checked in yet.
    """
    here = [one for one in stretches if one.event_id == event_id and one.status != "REJECTED"]
    for stretch in here:
        if (stretch.is_open or stretch.is_forgotten) and stretch.started_at <= at:
            return stretch
    if any(one.ended_at is not None for one in here):
        raise AlreadyDecided(words("您已签退。", "You have checked out already."))
    raise TooEarly(words("您还没有签到。请先签到,再签退。", "You are not checked in yet. Check in first."))


def check_out_hours(event: EventState, at: datetime) -> None:
    """Check-out closes two hours after an event.

    Raises:
        TooLate: after that.
    """
    if at > event.ends_at + CODE_AFTER_END:
        raise TooLate(
            words(
                "活动已结束两小时以上。请联系组织者登记。",
                "The event ended over two hours ago. Please ask the organiser.",
            )
        )


def check_apart(stretches: Sequence[Stretch], own: Stretch, ended_at: datetime) -> None:
    """A finished stretch shares no minute with another.

    Raises:
        Overlap: it does.
    """
    for other in stretches:
        if other.id == own.id or other.ended_at is None or other.status in VOID:
            continue
        if own.started_at < other.ended_at and other.started_at < ended_at:
            raise overlap()


def overlap() -> Overlap:
    """What is said to whoever would be in two places at once."""
    return Overlap(
        words(
            "这段时间与您的另一段服务重叠。请先在那里签退,或核对时间。",
            "This overlaps another stretch of your service. Check out there first, or check the times.",
        ),
        rule_source="R17",
    )


def refusal_to_decide(service: AwaitedService | None, person_id: int | None, role: Role = Role.ORGANISER) -> str | None:
    """Why this person may not reject this stretch; None if they may. A code for `refusal`."""
    if service is None:
        return "NOT_FOUND"
    if service.status == "CHECKED_IN":
        return "TOO_EARLY"
    if service.status == "AWAITING_COUNTERSIGNATURE":
        return "NOT_SIGNED"
    if service.status not in AWAITING and not (role is Role.OFFICER and service.is_for_review):
        return "ALREADY_DECIDED"
    if person_id in (service.volunteer_person_id, service.entered_by_person):
        return "SAME_PERSON"
    return None


def refusal_to_confirm(
    service: AwaitedService | None, person_id: int | None, role: Role = Role.ORGANISER
) -> str | None:
    """The same for confirming: what bears a signal waits for the office."""
    code = refusal_to_decide(service, person_id, role)
    if code is None and service is not None and role is Role.ORGANISER:
        signal = held_by(service.signals)
        return None if signal is None else _HELD + signal
    return code


def refusal(code: str) -> DomainError:
    """The same refusal in words: kept as a code, so that a repeated request hears it again."""
    if code.startswith(_HELD):
        return _held_back(code.removeprefix(_HELD))
    match code:
        case "NOT_SIGNED":
            return TooEarly(
                words(
                    "这段服务由组织者录入,须先由另一位组织者会签。",
                    "An organiser entered this stretch, so another one has to countersign it first.",
                ),
                rule_source="R17",
            )
        case "TOO_EARLY":
            return TooEarly(words("志愿者还没有签退。请等签退后再确认。", "The volunteer has not checked out yet."))
        case "ALREADY_DECIDED":
            return AlreadyDecided(words("这段服务已有结论。", "This stretch was decided before."))
        case "SAME_PERSON":
            return SamePerson(
                words(
                    "不能确认自己的服务或自己录入的服务。请由其他组织者确认。",
                    "Nobody confirms their own service, or what they entered. Another organiser has to.",
                ),
                rule_source="R17",
            )
        case _:
            return NotFound()


def _held_back(signal: str) -> DomainError:
    title = title_of(signal)
    return RuleRefused(
        words(
            f"这段服务因“{title.zh}”({signal})暂缓,由项目办公室核实后决定。",
            f"This stretch is held back: {title.en} ({signal}). The programme office looks into it and decides.",
        ),
        rule_source="R17",
    )


def check_reason(reason: str) -> str:
    """A reason in plain words, cleaned.

    Raises:
        InvalidInput: none, or too long.
    """
    clean = reason.strip()
    if not 0 < len(clean) <= REASON_LENGTH:
        raise InvalidInput(
            words(f"请写明原因,不超过{REASON_LENGTH}字。", f"Say why, in up to {REASON_LENGTH} characters."),
            field="reason",
        )
    return clean


def check_batch(ids: Sequence[int]) -> None:
    """How many stretches are confirmed at once.

    Raises:
        InvalidInput: none or too many.
    """
    if not 0 < len(ids) <= MOST_AT_ONCE:
        raise InvalidInput(
            words(f"一次可确认1至{MOST_AT_ONCE}段服务。", f"Confirm 1 to {MOST_AT_ONCE} stretches at a time."),
            field="ids",
        )


def _holds(stretch: Stretch, at: datetime) -> bool:
    if stretch.status in VOID or stretch.ended_at is None:
        return False
    return stretch.started_at <= at < stretch.ended_at
