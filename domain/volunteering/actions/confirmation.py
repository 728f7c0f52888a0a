"""Confirming by somebody else: a confirmed stretch becomes a credit record of whoever has joined and consented."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from domain import audit, idempotency, outbox
from domain.actor import Actor, Role
from domain.consent import actions as consent
from domain.errors import DomainError, NotAllowed
from domain.programmes import queries as programmes
from domain.scoring import actions as scoring
from domain.scoring.rules.deliveries import ServiceRecord, ref_hash_of, service_ref
from domain.values import Words, words
from domain.vault import Vault
from domain.volunteering.queries import services
from domain.volunteering.rules import services as rules
from domain.volunteering.rules.services import AwaitedService
from domain.volunteering.rules.terms import VolunteerTerms

PURPOSE = "service confirmation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """What became of a bulk confirmation, in the order asked for: confirmed stretches, and why the others were not."""

    confirmed: tuple[int, ...]
    refused: Mapping[int, DomainError]


async def confirm_services(
    session: AsyncSession,
    actor: Actor,
    now: datetime,
    *,
    terms: VolunteerTerms,
    service_ids: Sequence[int],
    key: UUID,
) -> Confirmation:
    """Confirms stretches of the organiser's own organisation, one by one; each refusal is told apart.

    Raises:
        InvalidInput: none or too many at once.
    """
    ids = list(dict.fromkeys(service_ids))
    rules.check_batch(ids)
    organisation_id = _organiser(actor)
    savepoint = await session.begin_nested()
    earlier = await idempotency.claim(
        session, actor, now, key=key, operation="confirmServices", request={"services": ids}
    )
    if earlier is not None:
        await savepoint.commit()
        return _repeated(earlier)
    awaited = await services.lock_awaited(session, service_ids=ids, organisation_id=organisation_id)
    codes = {one: rules.refusal_to_decide(awaited.get(one), actor.person_id) for one in ids}
    refused = {one: code for one, code in codes.items() if code is not None}
    confirmed = [awaited[one] for one in ids if one not in refused]
    if not confirmed:
        # Nothing happened, so the key stays free.
        await savepoint.rollback()
    else:
        await _confirm(session, actor, now, terms=terms, confirmed=confirmed)
        result = {"confirmed": [one.id for one in confirmed], "refused": {str(k): v for k, v in refused.items()}}
        await idempotency.bind(session, actor, key=key, result=result)
        await savepoint.commit()
    return _outcome([one.id for one in confirmed], refused)


async def reject_service(
    session: AsyncSession, actor: Actor, now: datetime, *, service_id: int, reason: str, key: UUID
) -> int:
    """Rejects a stretch, with a reason that only its volunteer can read; gives its id.

    Raises:
        InvalidInput: no reason.
        NotFound, TooEarly, AlreadyDecided, SamePerson: as for confirming.
    """
    organisation_id = _organiser(actor)
    request = {"service": service_id, "reason": reason}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="rejectService", request=request)
    if earlier is not None:
        return int(str(earlier["id"]))
    clean = rules.check_reason(reason)
    awaited = await services.lock_awaited(session, service_ids=[service_id], organisation_id=organisation_id)
    service = awaited.get(service_id)
    code = rules.refusal_to_decide(service, actor.person_id)
    if service is None or code is not None:
        raise rules.refusal(code or "NOT_FOUND")
    vault: Vault = session.info["vault"]
    sealed = None if service.wrapped_key is None else vault.seal(service.wrapped_key, "reason", clean)
    await services.reject(session, service_id=service_id, person_id=actor.person_id, sealed_reason=sealed, now=now)
    organisation = await services.organisation_name(session, organisation_id=organisation_id)
    await _tell(session, actor, now, about=[service], organisation=organisation)
    await audit.record(session, actor, now, action="reject_service", about={"service": service_id})
    await idempotency.bind(session, actor, key=key, result={"id": service_id})
    return service_id


async def _confirm(
    session: AsyncSession, actor: Actor, now: datetime, *, terms: VolunteerTerms, confirmed: Sequence[AwaitedService]
) -> None:
    ids = [one.id for one in confirmed]
    await services.confirm(
        session, ref_hashes={one: ref_hash_of(service_ref(one)) for one in ids}, person_id=actor.person_id, now=now
    )
    organisation = await services.organisation_name(session, organisation_id=confirmed[0].organisation_id)
    await _score(session, actor, now, terms=terms, confirmed=confirmed, organisation=organisation)
    await _tell(session, actor, now, about=confirmed, organisation=organisation)
    await audit.record(session, actor, now, action="confirm_services", about={"services": ids})


async def _score(
    session: AsyncSession,
    actor: Actor,
    now: datetime,
    *,
    terms: VolunteerTerms,
    confirmed: Sequence[AwaitedService],
    organisation: Words,
) -> None:
    """Hours of those who joined, from the day they joined, become credit records; nobody else's leave a trace."""
    await services.reveal(session, service_ids=[one.id for one in confirmed])
    citizens = await services.scored(session, service_ids=[one.id for one in confirmed], timezone=terms.timezone)
    records = [
        ServiceRecord(
            citizen_id=citizens[one.id],
            service_id=one.id,
            hours_x100=(one.minutes or 0) * 100 // 60,
            served_on=terms.day_of(one.started_at),
            about=f"{one.title} · {organisation.zh}",
        )
        for one in confirmed
        if one.id in citizens
    ]
    rules_now = await programmes.rule_set_on(session, programme_id=confirmed[0].programme_id, day=terms.day_of(now))
    if records and rules_now is not None:
        await scoring.record_services(
            session,
            actor,
            now,
            programme_id=confirmed[0].programme_id,
            source_id=confirmed[0].organisation_id,
            rule_set_id=rules_now.id,
            services=records,
        )


async def _tell(
    session: AsyncSession, actor: Actor, now: datetime, *, about: Sequence[AwaitedService], organisation: Words
) -> None:
    """Whose stretch was decided learns of it, and sees in their log who read their call name for it."""
    for one in about:
        await consent.record_access(
            session,
            actor,
            now,
            person_id=one.volunteer_person_id,
            actor_name=organisation,
            purpose=PURPOSE,
            what=words("志愿者编号、称呼和这段服务", "Volunteer number, call name and this stretch of service"),
        )
        await outbox.publish(session, now, topic="service", person_id=one.volunteer_person_id, subject=str(one.id))


def _organiser(actor: Actor) -> int:
    if actor.role is not Role.ORGANISER or actor.organisation_id is None:
        raise NotAllowed(
            words(
                "只有活动组织者可以确认服务。请以组织者身份登录。",
                "Only organisers confirm service. Please sign in as one.",
            )
        )
    return actor.organisation_id


def _repeated(earlier: Mapping[str, object]) -> Confirmation:
    refused = cast("dict[str, str]", earlier["refused"])
    return _outcome(cast("list[int]", earlier["confirmed"]), {int(one): code for one, code in refused.items()})


def _outcome(confirmed: Sequence[int], refused: Mapping[int, str]) -> Confirmation:
    return Confirmation(confirmed=tuple(confirmed), refused={one: rules.refusal(code) for one, code in refused.items()})
