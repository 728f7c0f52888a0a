"""Checking in and out with the organiser's code: lock the volunteer, then look at all of their time, then write."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from domain import guesses, idempotency, outbox
from domain.actor import Actor
from domain.calendar import add_working_days
from domain.errors import InvalidInput
from domain.vault import Vault
from domain.volunteering.actions.sign_ups import volunteer_of
from domain.volunteering.queries import events, services, trust, volunteers
from domain.volunteering.rules import attendance
from domain.volunteering.rules import services as rules
from domain.volunteering.rules.attendance import Stamp
from domain.volunteering.rules.events import EventState
from domain.volunteering.rules.services import Stretch
from domain.volunteering.rules.terms import VolunteerTerms
from domain.volunteering.rules.trust import device_digest, signals_of_time

# A stretch lasts a day at most; whatever began earlier cannot touch one that is a day old.
_LOOK_BACK = timedelta(days=3)


async def check_in(
    session: AsyncSession,
    actor: Actor,
    now: datetime,
    *,
    code: str,
    scanned_at: datetime | None,
    key: UUID,
    device: str | None = None,
) -> int | InvalidInput:
    """Begins a stretch of service; gives its id. Wrong digits are not raised but given back, so that they count.

    `device`: what the app calls the phone; two volunteers of one event with one phone are marked.

    Raises:
        InvalidInput: the code is not ours, the scan lies in the future, or the device is no id.
        RateLimited: too many wrong digits within a minute.
        NotAllowed: not registered, or without a seat in the event.
        TooEarly, TooLate: outside the event, a stale code, a scan of over 24 hours ago.
        AlreadyDecided: checked in already.
        Overlap: in service elsewhere at this time, whoever organises.
    """
    begin = partial(_begin, session, actor, now, code=code, scanned_at=scanned_at, key=key, device=device)
    return await _counted(session, actor, now, code=code, doing=begin)


async def _begin(
    session: AsyncSession,
    actor: Actor,
    now: datetime,
    *,
    code: str,
    scanned_at: datetime | None,
    key: UUID,
    device: str | None,
) -> int:
    volunteer_id, person_id = volunteer_of(actor)
    request = {"code": code, "scanned_at": scanned_at, "device": device}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="checkIn", request=request)
    if earlier is not None:
        return int(str(earlier["id"]))
    at = attendance.scan_instant(now, scanned_at)
    event = await _attended(session, actor, code=code, at=at)
    rules.check_in_hours(event, at)
    others = await _own_time(session, volunteer_id=volunteer_id, at=at)
    forgotten = [one.id for one in others if one.is_open and at > one.event_ends_at + attendance.LATE]
    if forgotten:
        await services.lapse(session, service_ids=forgotten)
    rules.check_may_begin([one for one in others if one.id not in forgotten], event.id, at)
    service_id = await services.begin(
        session,
        event=(event.programme_id, event.organisation_id, event.id),
        volunteer_id=volunteer_id,
        at=at,
        entered_by="CODE" if scanned_at is None else "OFFLINE_CODE",
        device=device_digest(session.info["vault"], event.id, device),
    )
    if device is not None:
        await trust.mark_shared_device(session, service_id=service_id)
    await events.set_standing(session, event_id=event.id, volunteer_id=volunteer_id, status="CHECKED_IN")
    await outbox.publish(session, now, topic="service", person_id=person_id, subject=str(service_id))
    await idempotency.bind(session, actor, key=key, result={"id": service_id})
    return service_id


async def check_out(
    session: AsyncSession,
    actor: Actor,
    now: datetime,
    *,
    terms: VolunteerTerms,
    scan: tuple[str, datetime | None],
    key: UUID,
) -> int | InvalidInput:
    """Ends a stretch; time counts in whole quarters of an hour, at most until half an hour after the event.

    `scan`: the code, and when it was scanned where there was no network. Gives the stretch's id, or the refusal of
    wrong digits.

    Raises:
        InvalidInput: the code is not ours, or the scan lies in the future.
        RateLimited: too many wrong digits within a minute.
        NotAllowed: not registered, or without a seat in the event.
        TooEarly: not checked in yet.
        TooLate: over two hours after the event, a stale code, a scan of over 24 hours ago.
        AlreadyDecided: checked out already.
        Overlap: shares time with another stretch.
    """
    finish = partial(_end, session, actor, now, terms=terms, scan=scan, key=key)
    return await _counted(session, actor, now, code=scan[0], doing=finish)


async def _end(
    session: AsyncSession,
    actor: Actor,
    now: datetime,
    *,
    terms: VolunteerTerms,
    scan: tuple[str, datetime | None],
    key: UUID,
) -> int:
    code, scanned_at = scan
    volunteer_id, person_id = volunteer_of(actor)
    earlier = await idempotency.claim(
        session, actor, now, key=key, operation="checkOut", request={"code": code, "scanned_at": scanned_at}
    )
    if earlier is not None:
        return int(str(earlier["id"]))
    at = attendance.scan_instant(now, scanned_at)
    event = await _attended(session, actor, code=code, at=at)
    rules.check_out_hours(event, at)
    others = await _own_time(session, volunteer_id=volunteer_id, at=at)
    own = rules.stretch_to_end(others, event.id, at)
    ended_at = attendance.counted_end(at, event.ends_at)
    rules.check_apart(others, own, ended_at)
    minutes = attendance.minutes_given(own.started_at, ended_at)
    await services.end(
        session,
        service_id=own.id,
        ended_at=ended_at,
        minutes=minutes,
        offline=scanned_at is not None,
        marks=(
            add_working_days(terms.day_of(ended_at), terms.confirm_working_days)[0],
            await _signals(session, volunteer_id=volunteer_id, own=own, ended_at=ended_at, terms=terms),
        ),
    )
    await outbox.publish(session, now, topic="service", person_id=person_id, subject=str(own.id))
    await idempotency.bind(session, actor, key=key, result={"id": own.id})
    return own.id


async def _counted(
    session: AsyncSession, actor: Actor, now: datetime, *, code: str, doing: Callable[[], Awaitable[int]]
) -> int | InvalidInput:
    """Typed digits count as a guess before they are looked at; when they are wrong, only that is kept.

    Raises:
        NotAllowed: not registered.
        RateLimited: no guess is left in this minute.
    """
    if attendance.read_digits(code) is None:
        return await doing()
    guesser = attendance.guesser_of(session.info["vault"], volunteer_of(actor)[0])
    wait_ms = await guesses.take(session, now, guesser=guesser, most=attendance.WRONG_DIGITS_A_MINUTE)
    if wait_ms is not None:
        raise attendance.too_many_digits(wait_ms)
    savepoint = await session.begin_nested()
    try:
        service_id = await doing()
    except InvalidInput as refusal:
        await savepoint.rollback()
        return refusal
    await savepoint.commit()
    await guesses.give_back(session, now, guesser=guesser)
    return service_id


async def _attended(session: AsyncSession, actor: Actor, *, code: str, at: datetime) -> EventState:
    """The event that a code stands for, if it was fresh at this instant and this volunteer has a seat there.

    The sign-up is locked, so that no other phone gives the seat back meanwhile.
    """
    volunteer_id, _ = volunteer_of(actor)
    vault: Vault = session.info["vault"]
    digits = attendance.read_digits(code)
    if digits is not None:
        event_id = await _event_of_digits(session, volunteer_id=volunteer_id, digits=digits, at=at)
    else:
        stamp = attendance.read_code(vault, code)
        if stamp is None:
            raise attendance.wrong_code()
        if not stamp.is_fresh_at(at):
            raise attendance.stale_code()
        event_id = stamp.event_id
    return rules.check_may_attend(
        await events.event(session, event_id=event_id),
        await events.lock_standing(session, event_id=event_id, volunteer_id=volunteer_id),
        programme_id=actor.programme_id,
    )


async def _event_of_digits(session: AsyncSession, *, volunteer_id: int, digits: str, at: datetime) -> int:
    vault: Vault = session.info["vault"]
    on = await events.attendable(
        session,
        volunteer_id=volunteer_id,
        latest_start=at + attendance.EARLY,
        earliest_end=at - attendance.CODE_AFTER_END,
    )
    for event_id in on:
        for step in attendance.live_steps(at):
            if attendance.digits_text(vault, Stamp(event_id=event_id, step=step)) == digits:
                return event_id
    raise attendance.wrong_code()


async def _own_time(session: AsyncSession, *, volunteer_id: int, at: datetime) -> list[Stretch]:
    await volunteers.lock(session, volunteer_id=volunteer_id)
    return await services.stretches(session, volunteer_id=volunteer_id, since=at - _LOOK_BACK)


async def _signals(
    session: AsyncSession, *, volunteer_id: int, own: Stretch, ended_at: datetime, terms: VolunteerTerms
) -> list[str]:
    elsewhere = await trust.elsewhere(
        session,
        volunteer_id=volunteer_id,
        service_id=own.id,
        event_id=own.event_id,
        between=(own.started_at, ended_at),
        terms=terms,
    )
    return signals_of_time(elsewhere, attendance.minutes_given(own.started_at, ended_at), terms)
