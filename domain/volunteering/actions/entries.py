"""Attendance by hand, where there was no phone: one organiser enters it with a reason, a second one countersigns."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from domain import audit, idempotency
from domain.actor import Actor
from domain.calendar import add_working_days
from domain.errors import AlreadyDecided, NotFound
from domain.values import words
from domain.vault import Vault
from domain.volunteering.actions import deciding
from domain.volunteering.actions.events import organiser_of, own_event
from domain.volunteering.queries import events, trust
from domain.volunteering.queries.trust import NewService, Seated, Step
from domain.volunteering.rules import entries as rules
from domain.volunteering.rules import services
from domain.volunteering.rules import trust as trusted
from domain.volunteering.rules.attendance import minutes_given
from domain.volunteering.rules.entries import Entry
from domain.volunteering.rules.registration import read_number
from domain.volunteering.rules.terms import VolunteerTerms

PURPOSE = "attendance by hand"


async def enter_attendance(
    session: AsyncSession, actor: Actor, now: datetime, *, terms: VolunteerTerms, entry: Entry, key: UUID
) -> int:
    """Writes down attendance that no code has proved; it counts nothing before two others have acted. Gives its id.

    Raises:
        InvalidInput: no reason, or times outside the event.
        NotFound: no event of this organisation, or no volunteer of this number in it.
        NotAllowed: the volunteer has not signed up.
        SamePerson: one's own attendance.
        TooLate: cancelled, or past the days in which service is recorded.
        AlreadyDecided, Overlap: this time is recorded already.
    """
    request = {name: getattr(entry, name) for name in Entry.__dataclass_fields__}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="enterAttendance", request=request)
    if earlier is not None:
        return int(str(earlier["id"]))
    event = own_event(await events.event(session, event_id=entry.event_id), actor)
    reason = services.check_reason(entry.reason)
    minutes = rules.check_entry(entry, event, now, terms)
    volunteer = await _volunteer(session, actor, entry)
    signals = await _signals(session, actor, now, entry=entry, volunteer=volunteer, terms=terms)
    vault: Vault = session.info["vault"]
    sealed = None if volunteer.wrapped_key is None else vault.seal(volunteer.wrapped_key, "reason", reason)
    service_id = await trust.enter(
        session,
        new=NewService(
            event_id=event.id,
            volunteer_id=volunteer.id,
            started_at=entry.started_at,
            ended_at=entry.ended_at,
            minutes=minutes,
            status="AWAITING_COUNTERSIGNATURE",
            entered_by="ORGANISER",
            person_id=actor.person_id,
            sealed_reason=sealed,
            confirm_by=add_working_days(terms.day_of(event.ends_at), terms.confirm_working_days)[0],
            signals=signals,
        ),
    )
    if service_id is None:
        raise AlreadyDecided(words("这段服务已有记录。", "This stretch is recorded already."), field="from")
    await events.set_standing(session, event_id=event.id, volunteer_id=volunteer.id, status="CHECKED_IN")
    step = Step(
        service_id=service_id,
        from_status=None,
        to_status="AWAITING_COUNTERSIGNATURE",
        to_minutes=minutes,
        sealed_reason=sealed,
    )
    await trust.note(session, actor, now, steps=[step])
    awaited = (await deciding.lock(session, actor, service_ids=[service_id]))[service_id]
    await deciding.tell(session, actor, now, about=[awaited], purpose=PURPOSE)
    await audit.record(session, actor, now, action="enter_attendance", about={"service": service_id})
    await idempotency.bind(session, actor, key=key, result={"id": service_id})
    return service_id


async def countersign_attendance(
    session: AsyncSession, actor: Actor, now: datetime, *, service_id: int, key: UUID
) -> int:
    """A second organiser stands for an attendance; it then waits for confirmation like any other. Gives its id.

    Raises:
        NotFound: no stretch of this organisation.
        AlreadyDecided: nothing waits for a signature.
        SamePerson: whoever entered it, or the volunteer.
    """
    organiser_of(actor)
    request = {"service": service_id}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="countersignAttendance", request=request)
    if earlier is not None:
        return int(str(earlier["id"]))
    service = (await deciding.lock(session, actor, service_ids=[service_id])).get(service_id)
    if service is None:
        raise NotFound
    rules.check_countersign(service, actor.person_id)
    await trust.countersign(session, service_id=service_id, person_id=actor.person_id)
    await trust.note(session, actor, now, steps=[deciding.step(service, "AWAITING_CONFIRMATION")])
    await deciding.tell(session, actor, now, about=[service], purpose=PURPOSE)
    await audit.record(session, actor, now, action="countersign_attendance", about={"service": service_id})
    await idempotency.bind(session, actor, key=key, result={"id": service_id})
    return service_id


async def _volunteer(session: AsyncSession, actor: Actor, entry: Entry) -> Seated:
    """The volunteer of the number, if they hold a seat; one number is as unknown as another."""
    found = await trust.lock_seated(
        session,
        event_id=entry.event_id,
        number=read_number(entry.volunteer_number),
        programme_id=actor.programme_id,
    )
    if found is None:
        raise NotFound(
            words("没有这个编号的志愿者报名。请核对编号。", "Nobody of this number has signed up. Check the number."),
            field="volunteerNumber",
        )
    rules.check_seat(found.status)
    if found.person_id == actor.person_id:
        raise services.refusal("SAME_PERSON")
    return found


async def _signals(
    session: AsyncSession, actor: Actor, now: datetime, *, entry: Entry, volunteer: Seated, terms: VolunteerTerms
) -> list[str]:
    elsewhere = await trust.elsewhere(
        session,
        volunteer_id=volunteer.id,
        service_id=None,
        event_id=entry.event_id,
        between=(entry.started_at, entry.ended_at),
        terms=terms,
    )
    if elsewhere.overlaps:
        raise services.overlap()
    minutes = minutes_given(entry.started_at, entry.ended_at)
    lately = await trust.entered_lately(session, person_id=actor.person_id, since=now - trusted.BURST_WINDOW)
    return trusted.signals_of_time(elsewhere, minutes, terms) + trusted.signals_of_entering(lately)
