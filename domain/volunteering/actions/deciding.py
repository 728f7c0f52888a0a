"""What every decision about a stretch has in common: who may decide, whom to tell, and the points that follow."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from domain import outbox
from domain.actor import Actor, Role
from domain.consent import actions as consent
from domain.errors import NotAllowed
from domain.notices import actions as notices
from domain.notices.rules import Kind, NewNotice
from domain.programmes import queries as programmes
from domain.scoring import actions as scoring
from domain.scoring.rules.deliveries import ServiceRecord
from domain.scoring.services import EndState, end_service_record
from domain.values import Words, words
from domain.vault import Vault
from domain.volunteering.queries import services, trust
from domain.volunteering.queries.trust import Step
from domain.volunteering.rules.services import AwaitedService
from domain.volunteering.rules.terms import VolunteerTerms


class Days(Protocol):
    """What has to be known of a programme to tell its days."""

    @property
    def timezone(self) -> str: ...
    def day_of(self, at: datetime, /) -> date: ...


_OFFICE = words("项目办公室", "Programme office")


def desk_of(actor: Actor) -> int | None:
    """The organisation whose stretches this caller decides about; None for the office, which has no single one.

    Raises:
        NotAllowed: neither organiser nor officer.
    """
    if actor.role is Role.ORGANISER and actor.organisation_id is not None:
        return actor.organisation_id
    if actor.role is Role.OFFICER:
        return None
    raise NotAllowed(
        words(
            "只有活动组织者和项目办公室可以确认服务。请以相应身份登录。",
            "Only organisers and the programme office confirm service. Please sign in as one.",
        )
    )


async def lock(session: AsyncSession, actor: Actor, *, service_ids: Sequence[int]) -> dict[int, AwaitedService]:
    """The named stretches that this caller may decide about at all, locked."""
    return await services.lock_awaited(
        session,
        service_ids=service_ids,
        programme_id=actor.programme_id,
        organisation_id=desk_of(actor),
    )


def sealed(session: AsyncSession, service: AwaitedService, reason: str) -> bytes | None:
    """A reason that only its volunteer can read."""
    vault: Vault = session.info["vault"]
    return None if service.wrapped_key is None else vault.seal(service.wrapped_key, "reason", reason)


def step(service: AwaitedService, status: str, minutes: int | None = None, sealed_reason: bytes | None = None) -> Step:
    """What this decision adds to the history; minutes stay as they were unless they are given."""
    return Step(
        service_id=service.id,
        from_status=service.status,
        to_status=status,
        from_minutes=service.minutes,
        to_minutes=service.minutes if minutes is None else minutes,
        sealed_reason=sealed_reason,
    )


async def tell(
    session: AsyncSession,
    actor: Actor,
    now: datetime,
    *,
    about: Sequence[AwaitedService],
    purpose: str,
    kind: Kind | None = None,
) -> None:
    """Whose stretch was decided learns of it, and sees in their log who read their call name for it.

    `kind`: a notice as well, for what nobody should have to look for.
    """
    names: dict[int, Words] = {}
    for one in about:
        if actor.role is not Role.OFFICER and one.organisation_id not in names:
            names[one.organisation_id] = await services.organisation_name(session, organisation_id=one.organisation_id)
        await consent.record_access(
            session,
            actor,
            now,
            person_id=one.volunteer_person_id,
            actor_name=names.get(one.organisation_id, _OFFICE),
            purpose=purpose,
            what=words("志愿者编号、称呼和这段服务", "Volunteer number, call name and this stretch of service"),
        )
        await outbox.publish(session, now, topic="service", person_id=one.volunteer_person_id, subject=str(one.id))
    if kind is not None:
        told = [
            NewNotice(
                person_id=one.volunteer_person_id,
                programme_id=one.programme_id,
                kind=kind,
                subject=f"service:{one.id}:{now.isoformat()}",
                params={"title": one.title},
            )
            for one in about
        ]
        await notices.tell(session, now, notices=told)


async def score(
    session: AsyncSession, actor: Actor, now: datetime, *, terms: VolunteerTerms, confirmed: Sequence[AwaitedService]
) -> None:
    """Hours of those who joined, from the day they joined, become credit records; nobody else's leave a trace."""
    of_organisation: dict[int, list[AwaitedService]] = defaultdict(list)
    for one in confirmed:
        of_organisation[one.organisation_id].append(one)
    for organisation_id, group in of_organisation.items():
        await _score(session, actor, now, terms=terms, organisation_id=organisation_id, confirmed=group)


async def _score(
    session: AsyncSession,
    actor: Actor,
    now: datetime,
    *,
    terms: VolunteerTerms,
    organisation_id: int,
    confirmed: Sequence[AwaitedService],
) -> None:
    ids = [one.id for one in confirmed]
    await services.reveal(session, service_ids=ids, to_office=actor.role is Role.OFFICER)
    await score_revealed(session, actor, now, terms=terms, organisation_id=organisation_id, confirmed=confirmed)


async def score_revealed(
    session: AsyncSession,
    actor: Actor,
    now: datetime,
    *,
    terms: Days,
    organisation_id: int,
    confirmed: Sequence[AwaitedService],
) -> None:
    """The same for one organisation, when the citizens have been revealed to this transaction already."""
    ids = [one.id for one in confirmed]
    citizens = await services.scored(session, service_ids=ids, timezone=terms.timezone)
    organisation = await services.organisation_name(session, organisation_id=organisation_id)
    records = [
        ServiceRecord(
            citizen_id=citizens[one.id],
            service_id=one.id,
            hours_x100=(one.minutes or 0) * 100 // 60,
            served_on=terms.day_of(one.started_at),
            about=f"{one.title} · {organisation.zh}",
            revision=one.revision,
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
            source_id=organisation_id,
            rule_set_id=rules_now.id,
            services=records,
        )


async def unscore(
    session: AsyncSession, actor: Actor, now: datetime, *, terms: VolunteerTerms, service: AwaitedService, gone: bool
) -> None:
    """A stretch that no longer stands as it was takes its record out of the score, and the history says so.

    `gone`: nothing comes in its place now, so the score is worked out again here.
    """
    if service.ref_hash is None:
        return
    citizens = await services.reveal(session, service_ids=[service.id], to_office=actor.role is Role.OFFICER)
    citizen_id = citizens.get(service.id)
    rules_now = await programmes.rule_set_on(session, programme_id=service.programme_id, day=terms.day_of(now))
    if citizen_id is None or rules_now is None:
        return
    state: EndState = "WITHDRAWN" if gone else "CORRECTED"
    ended = await end_service_record(
        session,
        now,
        citizen_id=citizen_id,
        source_id=service.organisation_id,
        ref_hash=service.ref_hash,
        state=state,
    )
    if ended and gone:
        organisation = await services.organisation_name(session, organisation_id=service.organisation_id)
        await scoring.rescore(
            session,
            now,
            citizens=[citizen_id],
            rule_set_id=rules_now.id,
            today=terms.day_of(now),
            cause=words(
                f"志愿服务时长已撤销:{service.title} · {organisation.zh}",
                f"Volunteer hours no longer stand: {service.title} · {organisation.en}",
            ),
        )


async def revoke_certificates(
    session: AsyncSession, now: datetime, *, service: AwaitedService, sealed_reason: bytes | None
) -> None:
    """Printed records that hold a stretch which has changed no longer say the truth; their holder learns of it."""
    numbers = await trust.revoke_certificates(session, service_id=service.id, sealed_reason=sealed_reason, now=now)
    told = [
        NewNotice(
            person_id=service.volunteer_person_id,
            programme_id=service.programme_id,
            kind=Kind.CERTIFICATE_REVOKED,
            subject=f"certificate:{number}",
            params={"number": number},
        )
        for number in numbers
    ]
    await notices.tell(session, now, notices=told)
