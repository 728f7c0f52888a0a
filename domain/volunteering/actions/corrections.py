"""Putting hours right: what they were stays in the history, the points follow, and certificates that say more end."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from domain import audit, idempotency
from domain.actor import Actor, Role
from domain.calendar import add_working_days
from domain.errors import NotFound
from domain.notices.rules import Kind
from domain.scoring.rules.deliveries import ref_hash_of, service_ref
from domain.volunteering.actions import deciding
from domain.volunteering.queries import trust
from domain.volunteering.queries.trust import Corrected
from domain.volunteering.rules import entries as rules
from domain.volunteering.rules import services
from domain.volunteering.rules.entries import Correction
from domain.volunteering.rules.services import AwaitedService
from domain.volunteering.rules.terms import VolunteerTerms

PURPOSE = "service correction"


async def correct_service(
    session: AsyncSession,
    actor: Actor,
    now: datetime,
    *,
    terms: VolunteerTerms,
    correction: tuple[int, float, str],
    key: UUID,
) -> int:
    """Puts the hours of a stretch right; what they were stays in its history. Gives the stretch's id.

    `correction`: the stretch, the hours, the reason.

    Raises:
        InvalidInput: no reason, or hours that cannot be.
        NotFound: no stretch of this organisation.
        TooEarly, AlreadyDecided: it goes on, or does not stand any more.
        SamePerson: one's own service.
        Overlap: the longer time is shared with another stretch.
    """
    service_id, hours, reason = correction
    deciding.desk_of(actor)
    request = {"service": service_id, "hours": hours, "reason": reason}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="correctService", request=request)
    if earlier is not None:
        return int(str(earlier["id"]))
    clean = services.check_reason(reason)
    service = (await deciding.lock(session, actor, service_ids=[service_id])).get(service_id)
    if service is None:
        raise NotFound
    done = rules.corrected(service, rules.minutes_of(hours), person_id=actor.person_id, role=actor.role)
    await _correct(session, actor, now, terms=terms, service=service, done=done, reason=clean)
    await audit.record(session, actor, now, action="correct_service", about={"service": service_id})
    await idempotency.bind(session, actor, key=key, result={"id": service_id})
    return service_id


async def _correct(
    session: AsyncSession,
    actor: Actor,
    now: datetime,
    *,
    terms: VolunteerTerms,
    service: AwaitedService,
    done: Correction,
    reason: str,
) -> None:
    until = service.started_at + timedelta(minutes=done.minutes)
    elsewhere = await trust.elsewhere(
        session,
        volunteer_id=service.volunteer_id,
        service_id=service.id,
        event_id=service.event_id,
        between=(service.started_at, until),
        terms=terms,
    )
    if elsewhere.overlaps and not done.gives_less:
        raise services.overlap()
    was_confirmed = service.status == "CONFIRMED"
    stands = was_confirmed and done.status == "CONFIRMED"
    sealed = deciding.sealed(session, service, reason)
    waits = not done.gives_less
    await trust.correct(
        session,
        done=Corrected(
            service_id=service.id,
            status=done.status,
            minutes=done.minutes,
            gives_less=done.gives_less,
            revised=was_confirmed,
            ref_hash=ref_hash_of(service_ref(service.id, service.revision + 1)) if stands else None,
            sealed_reason=sealed,
            confirm_by=add_working_days(terms.day_of(now), terms.confirm_working_days)[0] if waits else None,
        ),
        person_id=actor.person_id,
        by_office=actor.role is Role.OFFICER,
        now=now,
    )
    await trust.note(session, actor, now, steps=[deciding.step(service, done.status, done.minutes, sealed)])
    kind = Kind.SERVICE_CORRECTED
    if was_confirmed:
        await deciding.unscore(session, actor, now, terms=terms, service=service, gone=not stands)
        await deciding.revoke_certificates(session, now, service=service, sealed_reason=sealed)
        kind = kind if stands or waits else Kind.SERVICE_VOIDED
    if stands:
        anew = (await deciding.lock(session, actor, service_ids=[service.id]))[service.id]
        await deciding.score(session, actor, now, terms=terms, confirmed=[anew])
    await deciding.tell(session, actor, now, about=[service], purpose=PURPOSE, kind=kind)
