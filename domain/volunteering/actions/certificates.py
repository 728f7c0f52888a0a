"""Issuing a printed record of confirmed hours, checking one, and revoking it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from domain import audit, guesses, idempotency, outbox
from domain.actor import Actor, Role
from domain.consent import actions as consent
from domain.errors import AlreadyDecided, NotFound
from domain.notices import actions as notices
from domain.notices.rules import Kind, NewNotice
from domain.people.queries import joining as people
from domain.values import words
from domain.vault import Vault
from domain.volunteering.actions import deciding
from domain.volunteering.actions.sign_ups import volunteer_of
from domain.volunteering.queries import certificates, services, volunteers
from domain.volunteering.queries.certificates import NewCertificate, StaffCertificate, StoredCertificate
from domain.volunteering.rules import certificates as rules
from domain.volunteering.rules.certificates import Certified, Content, Heading
from domain.volunteering.rules.services import check_reason
from domain.volunteering.rules.terms import VolunteerTerms

PURPOSE = "certificate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A record with its content, for its holder or for whoever has number and check code."""

    number: str
    from_on: date
    until_on: date
    issued_on: date
    minutes: int
    is_certificate: bool
    revoked: bool
    content: Content


async def issue_certificate(
    session: AsyncSession,
    actor: Actor,
    now: datetime,
    *,
    terms: VolunteerTerms,
    period: tuple[date, date],
    heading: Heading,
    key: UUID,
) -> int:
    """Puts the confirmed hours of a period on record; gives the record's id.

    Asking again gives the same record while nothing has changed, and one with a new number in its place when
    something has.

    Raises:
        NotAllowed: not registered as a volunteer.
        InvalidInput: the period.
        RuleRefused: no confirmed hours, or no name known.
    """
    volunteer_id, person_id = volunteer_of(actor)
    request = {"from": period[0], "until": period[1]}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="issueCertificate", request=request)
    if earlier is not None:
        return int(str(earlier["id"]))
    rules.check_period(*period, terms.day_of(now))
    await volunteers.lock(session, volunteer_id=volunteer_id)
    between = terms.between(*period)
    stretches = await certificates.certified(session, volunteer_id=volunteer_id, between=between)
    rules.check_stretches(stretches)
    certificate_id = await _standing(
        session,
        now,
        volunteer=(volunteer_id, person_id),
        period=period,
        found=stretches,
        is_certificate=heading.is_certificate,
    )
    if certificate_id is None:
        holder = await _name(session, person_id=person_id)
        content = rules.compose(holder, stretches, heading)
        certificate_id = await _issue(
            session,
            actor,
            terms.day_of(now),
            period=period,
            found=stretches,
            content=content,
            is_certificate=heading.is_certificate,
        )
        await audit.record(session, actor, now, action="issue_certificate", about={"certificate": certificate_id})
        await outbox.publish(session, now, topic="certificate", person_id=person_id, subject=str(certificate_id))
    await idempotency.bind(session, actor, key=key, result={"id": certificate_id})
    return certificate_id


async def check_certificate(
    session: AsyncSession, now: datetime, *, number: str, code: str, address: str
) -> Opened | None:
    """What was issued under this number, for whoever has its check code; wrong ones are as good as none.

    `address`: where the question comes from; only a digest is kept, until the minute is over.

    Raises:
        RateLimited: too many wrong ones from there within a minute.
    """
    vault: Vault = session.info["vault"]
    kept = rules.address_digest(vault, address, now.date())
    wait_ms = await guesses.take(session, now, guesser=kept, most=rules.WRONG_CHECKS_A_MINUTE)
    if wait_ms is not None:
        raise rules.too_many_checks(wait_ms)
    found = await certificates.by_check(session, check_mac=rules.check_mac(vault, number, code))
    if found is None:
        return None
    await guesses.give_back(session, now, guesser=kept)
    return _opened(vault, found)


async def own_certificate(session: AsyncSession, *, certificate_id: int) -> Opened | None:
    """One of the caller's own records, for printing."""
    found = await certificates.own(session, certificate_id=certificate_id)
    return None if found is None else _opened(session.info["vault"], found)


async def revoke_certificate(
    session: AsyncSession, actor: Actor, now: datetime, *, number: str, reason: str, key: UUID
) -> StaffCertificate:
    """Revokes a record, by an organisation that it names or by the office; its holder learns why.

    Raises:
        NotFound: no such record here.
        AlreadyDecided: it was revoked before.
        InvalidInput: no reason.
    """
    deciding.desk_of(actor)
    request = {"number": number, "reason": reason}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="revokeCertificate", request=request)
    found = await certificates.for_staff(session, number=number)
    if found is None:
        raise NotFound(field="number")
    if earlier is not None:
        return found
    clean, vault = check_reason(reason), session.info["vault"]
    sealed = None if found.wrapped_key is None else vault.seal(found.wrapped_key, "reason", clean)
    if not await certificates.revoke(session, number=number, sealed_reason=sealed, now=now):
        raise AlreadyDecided(words("该记录已撤销。", "This record was revoked before."), field="number")
    await _tell(session, actor, now, certificate=found)
    await audit.record(session, actor, now, action="revoke_certificate", about={"certificate": found.id})
    await idempotency.bind(session, actor, key=key, result={"id": found.id})
    revoked = await certificates.for_staff(session, number=number)
    return revoked or found


async def _standing(
    session: AsyncSession,
    now: datetime,
    *,
    volunteer: tuple[int, int],
    period: tuple[date, date],
    found: Sequence[Certified],
    is_certificate: bool,
) -> int | None:
    """The record that says the same already; one that says something else makes room."""
    volunteer_id, person_id = volunteer
    standing = await certificates.valid(session, volunteer_id=volunteer_id, period=period)
    if standing is None:
        return None
    certificate_id, *said = standing
    if said == [[one.id for one in found], sum(one.minutes for one in found), is_certificate]:
        return certificate_id
    await certificates.replace(session, certificate_id=certificate_id, person_id=person_id, now=now)
    return None


async def _issue(
    session: AsyncSession,
    actor: Actor,
    today: date,
    *,
    period: tuple[date, date],
    found: Sequence[Certified],
    content: Content,
    is_certificate: bool,
) -> int:
    """Numbers that are taken are passed over; with eleven digits that is rare."""
    vault: Vault = session.info["vault"]
    volunteer_id, _ = volunteer_of(actor)
    wrapped_key = await certificates.holder_key(session, volunteer_id=volunteer_id)
    if wrapped_key is None:
        raise NotFound
    service_ids = [one.id for one in found]
    sealed_content = vault.seal(wrapped_key, "certificate", content.to_json())
    attempt, certificate_id = 0, None
    while certificate_id is None:
        number = rules.new_number(
            vault,
            volunteer_id=volunteer_id,
            service_ids=service_ids,
            period=f"{period[0]}/{period[1]}/{today}",
            attempt=attempt,
        )
        certificate_id = await certificates.add(
            session,
            new=NewCertificate(
                programme_id=actor.programme_id,
                volunteer_id=volunteer_id,
                number=number,
                check_mac=rules.check_mac(vault, number, rules.check_code(vault, number)),
                period=period,
                issued_on=today,
                minutes=sum(one.minutes for one in found),
                service_ids=service_ids,
                organisation_ids=sorted({one.organisation_id for one in found}),
                sealed_content=sealed_content,
                is_certificate=is_certificate,
            ),
        )
        attempt += 1
    return certificate_id


async def _name(session: AsyncSession, *, person_id: int) -> str:
    """The holder's own name, opened for this record."""
    profile = await people.profile(session, person_id=person_id)
    if profile.name is None or profile.wrapped_key is None:
        return rules.holder_name(None)
    vault: Vault = session.info["vault"]
    return rules.holder_name(vault.open(profile.wrapped_key, "name", profile.name))


async def _tell(session: AsyncSession, actor: Actor, now: datetime, *, certificate: StaffCertificate) -> None:
    name = words("项目办公室", "Programme office")
    if actor.role is Role.ORGANISER and actor.organisation_id is not None:
        name = await services.organisation_name(session, organisation_id=actor.organisation_id)
    await consent.record_access(
        session,
        actor,
        now,
        person_id=certificate.person_id,
        actor_name=name,
        purpose=PURPOSE,
        what=words("一份志愿服务记录的编号、时间和时长", "Number, period and hours of a volunteer record"),
    )
    told = NewNotice(
        person_id=certificate.person_id,
        programme_id=actor.programme_id or 0,
        kind=Kind.CERTIFICATE_REVOKED,
        subject=f"certificate:{certificate.number}",
        params={"number": certificate.number},
    )
    await notices.tell(session, now, notices=[told])


def _opened(vault: Vault, stored: StoredCertificate) -> Opened | None:
    """None when the holder's key was erased: then nobody can read it any more."""
    if stored.wrapped_key is None:
        return None
    return Opened(
        number=stored.number,
        from_on=stored.from_on,
        until_on=stored.until_on,
        issued_on=stored.issued_on,
        minutes=stored.minutes,
        is_certificate=stored.is_certificate,
        revoked=stored.revoked,
        content=rules.content_of(vault.open(stored.wrapped_key, "certificate", stored.sealed_content)),
    )
