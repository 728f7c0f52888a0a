"""What an organiser does with events: publish, call off, show the attendance code."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from domain import audit, idempotency, outbox
from domain.actor import Actor, Role
from domain.errors import NotAllowed, NotFound, TooLate
from domain.notices import actions as notices
from domain.notices.rules import Kind, NewNotice
from domain.values import words
from domain.volunteering.queries import events
from domain.volunteering.rules import attendance, services
from domain.volunteering.rules.attendance import Stamp
from domain.volunteering.rules.events import (
    EventDraft,
    EventState,
    check_description,
    check_draft,
    check_may_change,
    too_small,
)
from domain.volunteering.rules.terms import VolunteerTerms


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownCode:
    """The attendance code of this half minute; at `expires_at` the next one takes over."""

    code: str
    digits: str
    expires_at: datetime


async def publish_event(
    session: AsyncSession, actor: Actor, now: datetime, *, terms: VolunteerTerms, draft: EventDraft, key: UUID
) -> int:
    """Puts an event of the organiser's own organisation on the public list; gives its id.

    Raises:
        InvalidInput: a value is out of its limits.
        RuleRefused: this is not volunteering.
    """
    programme_id, organisation_id = organiser_of(actor)
    earlier = await idempotency.claim(session, actor, now, key=key, operation="publishEvent", request=asdict(draft))
    if earlier is not None:
        return int(str(earlier["id"]))
    check_draft(draft, now, terms)
    event_id = await events.add_event(
        session,
        programme_id=programme_id,
        organisation_id=organisation_id,
        person_id=actor.person_id,
        draft=draft,
    )
    await audit.record(session, actor, now, action="publish_event", about={"event": event_id})
    await outbox.publish(session, now, topic="event", person_id=None, subject=str(event_id))
    await idempotency.bind(session, actor, key=key, result={"id": event_id})
    return event_id


async def change_event(
    session: AsyncSession,
    actor: Actor,
    now: datetime,
    *,
    terms: VolunteerTerms,
    change: tuple[int, EventDraft],
    key: UUID,
) -> int:
    """Describes an event anew until it begins, and tells everybody who signed up; gives its id.

    `change`: the event, and what it shall be. New seats go to whoever has waited longest.

    Raises:
        NotFound: no event of this organisation.
        TooLate: it has begun, or was called off.
        CapacityFull: more seats are taken than it would have.
        InvalidInput, RuleRefused: as for publishing.
    """
    event_id, draft = change
    organiser_of(actor)
    request = {"event": event_id, **asdict(draft)}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="changeEvent", request=request)
    if earlier is not None:
        return int(str(earlier["id"]))
    event = own_event(await events.lock_event(session, event_id=event_id), actor)
    check_may_change(event, now)
    check_draft(draft, now, terms)
    if not await events.change_event(session, event_id=event_id, draft=draft):
        raise too_small()
    people = await events.signed_up(session, event_id=event_id)
    await _tell(session, now, event=event, people=people, kind=Kind.EVENT_CHANGED, params={"title": draft.title})
    seated = await events.seat_waiting(session, event_id=event_id)
    await _tell(session, now, event=event, people=seated, kind=Kind.EVENT_SEAT, params={"title": draft.title})
    await audit.record(session, actor, now, action="change_event", about={"event": event_id})
    await idempotency.bind(session, actor, key=key, result={"id": event_id})
    return event_id


async def cancel_event(
    session: AsyncSession, actor: Actor, now: datetime, *, event_id: int, reason: str, key: UUID
) -> int:
    """Calls an event off and tells everybody who signed up; gives its id.

    Raises:
        NotFound: no event of this organisation.
        TooLate: it is over, or was called off before.
    """
    organiser_of(actor)
    earlier = await idempotency.claim(
        session, actor, now, key=key, operation="cancelEvent", request={"event": event_id, "reason": reason}
    )
    if earlier is not None:
        return int(str(earlier["id"]))
    event = own_event(await events.lock_event(session, event_id=event_id), actor)
    if event.cancelled or now >= event.ends_at:
        raise TooLate(words("活动已结束或已取消。", "This event is over, or was cancelled before."))
    clean = services.check_reason(reason)
    title = await events.cancel_event(session, event_id=event_id, reason=clean, now=now)
    people = await events.cancel_sign_ups(session, event_id=event_id)
    told = {"title": title, "reason": clean}
    await _tell(session, now, event=event, people=people, kind=Kind.EVENT_CANCELLED, params=told)
    await audit.record(session, actor, now, action="cancel_event", about={"event": event_id})
    await idempotency.bind(session, actor, key=key, result={"id": event_id})
    return event_id


async def show_attendance_code(session: AsyncSession, actor: Actor, now: datetime, *, event_id: int) -> ShownCode:
    """The code that volunteers scan to check in and out, as of this half minute.

    Raises:
        NotFound: no event of this organisation.
        TooEarly: more than half an hour before it.
        TooLate: it was called off, or ended over two hours ago.
    """
    organiser_of(actor)
    event = own_event(await events.event(session, event_id=event_id), actor)
    if event.cancelled:
        raise TooLate(words("活动已取消。", "This event was cancelled."))
    attendance.check_code_hours(event.starts_at, event.ends_at, now)
    stamp = Stamp(event_id=event_id, step=attendance.step_at(now))
    vault = session.info["vault"]
    return ShownCode(
        code=attendance.code_text(vault, stamp),
        digits=attendance.digits_text(vault, stamp),
        expires_at=attendance.step_ends(stamp.step),
    )


async def import_events(
    session: AsyncSession,
    actor: Actor,
    now: datetime,
    *,
    programme_id: int,
    terms: VolunteerTerms,
    drafts: Mapping[tuple[int, str], EventDraft],
) -> Sequence[int]:
    """Takes over events that are published elsewhere, past ones too, each under its organisation and reference.

    Taking the same ones over again changes nothing; a new end or capacity is followed. Gives the ids of those that
    are new or changed.

    Raises:
        NotAllowed: not a job of the city's own.
        InvalidInput, RuleRefused: as for publishing.
    """
    if actor.role is not Role.WORKER:
        raise NotAllowed(_NOT_AN_ORGANISER)
    for draft in drafts.values():
        check_description(draft, terms)
    rows = [
        {"organisation_id": organisation_id, "ref": ref, **events.draft_values(draft)}
        for (organisation_id, ref), draft in drafts.items()
    ]
    added = await events.add_events(session, programme_id=programme_id, events=rows)
    await audit.record(session, actor, now, action="import_events", about={"events": list(added)})
    return added


async def _tell(
    session: AsyncSession,
    now: datetime,
    *,
    event: EventState,
    people: Sequence[int],
    kind: Kind,
    params: Mapping[str, object],
) -> None:
    """Everybody who signed up hears of it, on the phone and in their notices."""
    for person_id in people:
        await outbox.publish(session, now, topic=kind.value.lower(), person_id=person_id, subject=str(event.id))
    told = [
        NewNotice(
            person_id=person_id,
            programme_id=event.programme_id,
            kind=kind,
            subject=f"event:{event.id}:{now.isoformat()}",
            params=params,
        )
        for person_id in people
    ]
    await notices.tell(session, now, notices=told)


def organiser_of(actor: Actor) -> tuple[int, int]:
    """Programme and organisation of whoever acts as an organiser.

    Raises:
        NotAllowed: somebody else.
    """
    if actor.role is not Role.ORGANISER or actor.programme_id is None or actor.organisation_id is None:
        raise NotAllowed(_NOT_AN_ORGANISER)
    return actor.programme_id, actor.organisation_id


def own_event(event: EventState | None, actor: Actor) -> EventState:
    """The event, if it is of the organiser's own organisation.

    Raises:
        NotFound: there is none.
    """
    if event is None or event.organisation_id != actor.organisation_id:
        raise NotFound
    return event


_NOT_AN_ORGANISER = words(
    "只有活动组织者可以这样做。请以组织者身份登录。", "Only organisers may do this. Please sign in as one."
)
