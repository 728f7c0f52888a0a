"""An objection was right: a stretch counts again as it did before it was refused or cut."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from domain.actor import Actor
from domain.scoring.rules.deliveries import ref_hash_of, service_ref
from domain.scoring.services import end_service_record
from domain.volunteering.actions import deciding
from domain.volunteering.actions.deciding import Days
from domain.volunteering.queries import services, trust


async def restore_service(session: AsyncSession, actor: Actor, now: datetime, *, terms: Days, service_id: int) -> None:
    """Confirms a stretch with the time that was taken from it; its points follow, where its volunteer has a score.

    The door to the volunteer is open. Nothing happens when nothing was taken, or when it was given back since.
    """
    found = await services.lock_awaited(
        session, service_ids=[service_id], programme_id=actor.programme_id, organisation_id=None
    )
    service, minutes = found.get(service_id), await trust.minutes_taken(session, service_id=service_id)
    if service is None or minutes is None:
        return
    restored = replace(service, minutes=minutes, revision=service.revision + 1)
    await services.restore(
        session,
        now,
        service_id=service_id,
        minutes=minutes,
        ref_hash=ref_hash_of(service_ref(service_id, restored.revision)),
        person_id=actor.person_id,
    )
    await trust.note(session, actor, now, steps=[deciding.step(service, "CONFIRMED", minutes)])
    citizens = await services.scored(session, service_ids=[service_id], timezone=terms.timezone)
    if service.ref_hash is not None and service_id in citizens:
        await end_service_record(
            session,
            now,
            citizen_id=citizens[service_id],
            source_id=service.organisation_id,
            ref_hash=service.ref_hash,
            state="CORRECTED",
        )
    await deciding.score_revealed(
        session, actor, now, terms=terms, organisation_id=service.organisation_id, confirmed=[restored]
    )
