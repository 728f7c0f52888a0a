"""Signing up for an event, waiting for a seat, giving one back, and stopping altogether."""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from domain import idempotency, outbox
from domain.actor import Actor
from domain.errors import NotAllowed
from domain.notices.rules import Kind
from domain.values import words
from domain.volunteering.actions.registration import birth_date
from domain.volunteering.queries import events, volunteers
from domain.volunteering.rules import events as rules
from domain.volunteering.rules.terms import VolunteerTerms

GIVEN_BACK: Final = ("SIGNED_UP", "WAITING")


async def sign_up(
    session: AsyncSession, actor: Actor, now: datetime, *, terms: VolunteerTerms, event_id: int, key: UUID
) -> int:
    """Takes a seat, or a place on the waiting list when there is none; gives the event's id.

    Raises:
        NotAllowed: not registered as a volunteer.
        NotFound, TooLate: the event is not here, cancelled or over.
        RuleRefused: too young for it.
        AlreadyDecided: signed up already.
    """
    volunteer_id, person_id = volunteer_of(actor)
    earlier = await idempotency.claim(session, actor, now, key=key, operation="signUp", request={"event": event_id})
    if earlier is not None:
        return int(str(earlier["id"]))
    found = await events.lock_event(session, event_id=event_id)
    event = rules.check_open(found, programme_id=actor.programme_id, now=now)
    if event.minimum_age:
        rules.check_old_enough(event, await birth_date(session, person_id=person_id), terms.day_of(event.starts_at))
    rules.check_may_sign_up(await events.standing(session, event_id=event_id, volunteer_id=volunteer_id))
    status = "SIGNED_UP" if await events.take_seat(session, event_id=event_id) else "WAITING"
    await events.save_sign_up(session, event_id=event_id, volunteer_id=volunteer_id, status=status, now=now)
    await outbox.publish(session, now, topic="sign_up", person_id=person_id, subject=str(event_id))
    await idempotency.bind(session, actor, key=key, result={"id": event_id})
    return event_id


async def cancel_sign_up(session: AsyncSession, actor: Actor, now: datetime, *, event_id: int, key: UUID) -> int:
    """Gives a seat back, which goes at once to whoever has waited longest; gives the event's id.

    Raises:
        NotAllowed: not registered as a volunteer.
        NotFound: no such event, or not signed up.
        TooLate: the event is over.
        AlreadyDecided: cancelled before, or checked in.
    """
    volunteer_id, person_id = volunteer_of(actor)
    earlier = await idempotency.claim(
        session, actor, now, key=key, operation="cancelSignUp", request={"event": event_id}
    )
    if earlier is not None:
        return int(str(earlier["id"]))
    found = await events.lock_event(session, event_id=event_id)
    rules.check_open(found, programme_id=actor.programme_id, now=now)
    standing = await events.lock_standing(session, event_id=event_id, volunteer_id=volunteer_id)
    rules.check_may_cancel(standing)
    await _cancel(session, now, event_id=event_id, volunteer_id=volunteer_id, standing=standing)
    await outbox.publish(session, now, topic="sign_up", person_id=person_id, subject=str(event_id))
    await idempotency.bind(session, actor, key=key, result={"id": event_id})
    return event_id


async def stop_volunteering(session: AsyncSession, actor: Actor, now: datetime) -> None:
    """Ends the caller's registration and gives back every seat and place in line to come; the hours given stay."""
    if actor.volunteer_id is None:
        return
    volunteer_id = actor.volunteer_id
    for event_id in await events.signed_up_for(session, now, volunteer_id=volunteer_id):
        await events.lock_event(session, event_id=event_id)
        standing = await events.lock_standing(session, event_id=event_id, volunteer_id=volunteer_id)
        if standing in GIVEN_BACK:
            await _cancel(session, now, event_id=event_id, volunteer_id=volunteer_id, standing=standing)
    await volunteers.leave(session, now, volunteer_id=volunteer_id)


async def _cancel(
    session: AsyncSession, now: datetime, *, event_id: int, volunteer_id: int, standing: str | None
) -> None:
    await events.set_standing(session, event_id=event_id, volunteer_id=volunteer_id, status="CANCELLED")
    if standing == "SIGNED_UP":
        await _pass_seat_on(session, now, event_id=event_id)


async def _pass_seat_on(session: AsyncSession, now: datetime, *, event_id: int) -> None:
    await events.give_seat_back(session, event_id=event_id)
    moved_up = await events.seat_first_waiting(session, event_id=event_id)
    if moved_up is not None:
        await events.tell_moved_up(
            session,
            now,
            event_id=event_id,
            person_id=moved_up,
            kind=Kind.EVENT_SEAT.value,
            subject=f"event:{event_id}:{now.isoformat()}",
        )


def volunteer_of(actor: Actor) -> tuple[int, int]:
    """The volunteer and the person that act.

    Raises:
        NotAllowed: not registered in this programme.
    """
    if actor.volunteer_id is None or actor.person_id is None:
        raise NotAllowed(
            words(
                "您还没有登记为本项目的志愿者。请先登记。",
                "You are not registered as a volunteer of this programme. Please register first.",
            )
        )
    return actor.volunteer_id, actor.person_id
