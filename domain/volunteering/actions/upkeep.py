"""What a day brings to volunteering: nobody waits for ever for a confirmation, or for a check-out."""

from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from domain import outbox
from domain.actor import Actor, Role
from domain.notices import actions as notices
from domain.notices.rules import Kind, NewNotice
from domain.volunteering.queries import trust
from domain.volunteering.queries.trust import Step
from domain.volunteering.rules.attendance import CODE_AFTER_END, OFFLINE_WITHIN

# A check-out that was scanned without a network may arrive so long after the last code was shown.
_LAST_SCAN: Final[timedelta] = CODE_AFTER_END + OFFLINE_WITHIN


async def escalate_overdue(session: AsyncSession, now: datetime, *, programme_id: int, today: date) -> int:
    """Hands over to the office what nobody has confirmed in time, and ends what nobody has checked out of or signed.

    Gives how many stretches that were. Runs as the worker; running it again changes nothing.
    """
    overdue = await trust.escalate(session, programme_id=programme_id, today=today)
    overdue += await trust.lapse_forgotten(session, programme_id=programme_id, over_by=now - _LAST_SCAN)
    if not overdue:
        return 0
    steps = [
        Step(
            service_id=one.id,
            from_status=one.before,
            to_status=one.after,
            from_minutes=one.minutes,
            to_minutes=one.minutes,
        )
        for one in overdue
    ]
    await trust.note(session, Actor(role=Role.WORKER, programme_id=programme_id), now, steps=steps)
    for one in overdue:
        await outbox.publish(session, now, topic="service", person_id=one.person_id, subject=str(one.id))
    told = [
        NewNotice(
            person_id=one.person_id,
            programme_id=programme_id,
            kind=Kind.SERVICE_ESCALATED,
            subject=f"service:{one.id}:{now.isoformat()}",
            params={},
        )
        for one in overdue
        if one.after == "ESCALATED"
    ]
    await notices.tell(session, now, notices=told)
    return len(overdue)
