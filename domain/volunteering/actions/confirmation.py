"""Confirming by somebody else: a confirmed stretch becomes a credit record of whoever has joined and consented."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from domain import audit, idempotency
from domain.actor import Actor, Role
from domain.errors import DomainError
from domain.notices.rules import Kind
from domain.scoring.rules.deliveries import ref_hash_of, service_ref
from domain.vault import Vault
from domain.volunteering.actions import deciding
from domain.volunteering.queries import services, trust
from domain.volunteering.rules import services as rules
from domain.volunteering.rules.services import AwaitedService
from domain.volunteering.rules.terms import VolunteerTerms
from domain.volunteering.rules.trust import BURST_WINDOW, is_sampled, signals_of_confirming

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

    The office confirms what waits for it: overdue, held back, or confirmed already and drawn as a sample.

    Raises:
        InvalidInput: none or too many at once.
    """
    ids = list(dict.fromkeys(service_ids))
    rules.check_batch(ids)
    deciding.desk_of(actor)
    savepoint = await session.begin_nested()
    earlier = await idempotency.claim(
        session, actor, now, key=key, operation="confirmServices", request={"services": ids}
    )
    if earlier is not None:
        await savepoint.commit()
        return _repeated(earlier)
    awaited = await deciding.lock(session, actor, service_ids=ids)
    codes = {one: rules.refusal_to_confirm(awaited.get(one), actor.person_id, actor.role) for one in ids}
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
    session: AsyncSession,
    actor: Actor,
    now: datetime,
    *,
    terms: VolunteerTerms,
    service_id: int,
    reason: str,
    key: UUID,
) -> int:
    """Rejects a stretch, with a reason that only its volunteer can read; gives its id.

    The office also rejects what was confirmed and drawn as a sample; its points go with it.

    Raises:
        InvalidInput: no reason.
        NotFound, TooEarly, AlreadyDecided, SamePerson: as for confirming.
    """
    deciding.desk_of(actor)
    request = {"service": service_id, "reason": reason}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="rejectService", request=request)
    if earlier is not None:
        return int(str(earlier["id"]))
    clean = rules.check_reason(reason)
    service = (await deciding.lock(session, actor, service_ids=[service_id])).get(service_id)
    code = rules.refusal_to_decide(service, actor.person_id, actor.role)
    if service is None or code is not None:
        raise rules.refusal(code or "NOT_FOUND")
    sealed = deciding.sealed(session, service, clean)
    await services.reject(session, service_id=service_id, person_id=actor.person_id, sealed_reason=sealed, now=now)
    await trust.note(session, actor, now, steps=[deciding.step(service, "REJECTED", sealed_reason=sealed)])
    kind = Kind.SERVICE_REJECTED
    if service.status == "CONFIRMED":
        kind = Kind.SERVICE_VOIDED
        await deciding.unscore(session, actor, now, terms=terms, service=service, gone=True)
        await deciding.revoke_certificates(session, now, service=service, sealed_reason=sealed)
    await deciding.tell(session, actor, now, about=[service], purpose=PURPOSE, kind=kind)
    await audit.record(session, actor, now, action="reject_service", about={"service": service_id})
    await idempotency.bind(session, actor, key=key, result={"id": service_id})
    return service_id


async def _confirm(
    session: AsyncSession, actor: Actor, now: datetime, *, terms: VolunteerTerms, confirmed: Sequence[AwaitedService]
) -> None:
    fresh = [one for one in confirmed if one.status != "CONFIRMED"]
    reviewed = [one.id for one in confirmed if one.status == "CONFIRMED"]
    if reviewed:
        await services.review(session, service_ids=reviewed, person_id=actor.person_id, now=now)
    if fresh:
        await services.confirm(
            session,
            ref_hashes={one.id: ref_hash_of(service_ref(one.id, one.revision)) for one in fresh},
            signals=await _signals(session, actor, now, confirmed=fresh),
            person_id=actor.person_id,
            by_office=actor.role is Role.OFFICER,
            now=now,
        )
        await trust.note(session, actor, now, steps=[deciding.step(one, "CONFIRMED") for one in fresh])
        await deciding.score(session, actor, now, terms=terms, confirmed=fresh)
    await deciding.tell(session, actor, now, about=confirmed, purpose=PURPOSE)
    await audit.record(
        session, actor, now, action="confirm_services", about={"services": [one.id for one in confirmed]}
    )


async def _signals(
    session: AsyncSession, actor: Actor, now: datetime, *, confirmed: Sequence[AwaitedService]
) -> dict[int, list[str]]:
    """What an organiser's way of confirming says, and which stretches the office draws; none of its own."""
    if actor.role is Role.OFFICER:
        return {one.id: [] for one in confirmed}
    vault: Vault = session.info["vault"]
    lately = await trust.confirmed_lately(session, person_id=actor.person_id, since=now - BURST_WINDOW)
    return {
        one.id: signals_of_confirming(one.ended_at, now, confirmed_lately=lately + len(confirmed))
        + (["SAMPLED"] if is_sampled(vault, one.id) else [])
        for one in confirmed
    }


def _repeated(earlier: Mapping[str, object]) -> Confirmation:
    refused = cast("dict[str, str]", earlier["refused"])
    return _outcome(cast("list[int]", earlier["confirmed"]), {int(one): code for one, code in refused.items()})


def _outcome(confirmed: Sequence[int], refused: Mapping[int, str]) -> Confirmation:
    return Confirmation(confirmed=tuple(confirmed), refused={one: rules.refusal(code) for one, code in refused.items()})
