"""Registering as a volunteer: no score is asked for, only consent, an age and a name to be called by."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from domain import audit, idempotency, outbox
from domain.actor import Actor
from domain.consent import actions as consent
from domain.errors import ConsentRequired
from domain.people.queries import joining as people
from domain.values import words
from domain.vault import Vault
from domain.volunteering.queries import volunteers
from domain.volunteering.queries.volunteers import Sealed
from domain.volunteering.rules import registration
from domain.volunteering.rules.terms import VolunteerTerms

PURPOSE = "volunteering"


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What somebody says when registering; consents are purposes with the version of the text that was read."""

    call_name: str
    consents: Sequence[tuple[str, int]]
    guardian_code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardianConsent:
    """A guardian's code as it is shown, and until when it is good."""

    code: str
    expires_at: datetime


async def register_volunteer(
    session: AsyncSession, actor: Actor, now: datetime, *, terms: VolunteerTerms, wish: Registration, key: UUID
) -> int:
    """Registers the caller, or lets them come back under their old number; gives the volunteer's id.

    Raises:
        InvalidInput: the call name, or a guardian's code that is not good.
        RuleRefused: the age, or no guardian's consent under 18.
        ConsentRequired: no consent to volunteering.
    """
    person_id, programme_id = consent.whose(actor)
    request = {"call_name": wish.call_name, "consents": list(wish.consents), "guardian_code": wish.guardian_code}
    earlier = await idempotency.claim(
        session, actor, now, key=key, operation="registerVolunteer", request={"programme": programme_id, **request}
    )
    if earlier is not None:
        return _known(earlier)
    name = registration.call_name(wish.call_name)
    born, today = await birth_date(session, person_id=person_id), terms.day_of(now)
    guardian_id = None
    if wish.guardian_code is not None and registration.is_minor(born, today):
        guardian_id = await _guardian(session, now, code=wish.guardian_code)
    minor_until = registration.minor_until(born, today, terms, guardian_id=guardian_id)
    if PURPOSE not in {purpose for purpose, _ in wish.consents}:
        raise ConsentRequired(
            words(
                "登记志愿者须同意“志愿服务”用途。请阅读同意书后再登记。",
                "Registering needs your consent to the purpose volunteering. Read its text, then register again.",
            ),
            field="consents",
        )
    await consent.give(session, actor, now, consents=wish.consents)
    await volunteers.lock_person(session, person_id=person_id)
    before = await volunteers.lock_own(session, person_id=person_id, programme_id=programme_id)
    sealed = _sealed(session.info["vault"], before, name, (minor_until, guardian_id))
    if before is None:
        volunteer_id = await _add(session, now, person_id=person_id, programme_id=programme_id, sealed=sealed)
    else:
        volunteer_id = int(before.id)
        await volunteers.renew(session, volunteer_id=volunteer_id, sealed=sealed)
    await volunteers.act_as(session, volunteer_id=volunteer_id)
    if guardian_id is not None:
        await outbox.publish(session, now, topic="guardian_code_used", person_id=guardian_id, subject=str(volunteer_id))
    await outbox.publish(session, now, topic="volunteer", person_id=person_id, subject=str(volunteer_id))
    await idempotency.bind(session, actor, key=key, result={"id": volunteer_id})
    return volunteer_id


async def birth_date(session: AsyncSession, *, person_id: int) -> date | None:
    """The caller's own birth date, opened for one decision and kept nowhere."""
    profile = await people.profile(session, person_id=person_id)
    if profile.birth_date is None or profile.wrapped_key is None:
        return None
    vault: Vault = session.info["vault"]
    return date.fromisoformat(vault.open(profile.wrapped_key, "birth_date", profile.birth_date))


async def make_guardian_code(
    session: AsyncSession, actor: Actor, now: datetime, *, terms: VolunteerTerms, key: UUID
) -> GuardianConsent:
    """An adult consents that a minor registers: the code is used once, within 24 hours.

    Raises:
        RuleRefused: not of full age.
    """
    person_id, programme_id = consent.whose(actor)
    earlier = await idempotency.claim(
        session, actor, now, key=key, operation="guardianCode", request={"programme": programme_id}
    )
    vault: Vault = session.info["vault"]
    code = registration.guardian_code(vault, person_id, str(key))
    if earlier is not None:
        until = await volunteers.guardian_code_until(session, code_id=_known(earlier), person_id=person_id)
        return GuardianConsent(code=code, expires_at=until)
    registration.check_guardian(await birth_date(session, person_id=person_id), terms.day_of(now))
    expires_at = now + registration.GUARDIAN_CODE_LASTS
    code_id = await volunteers.add_guardian_code(
        session,
        person_id=person_id,
        programme_id=programme_id,
        code_mac=registration.guardian_mac(vault, code),
        now=now,
        expires_at=expires_at,
    )
    await audit.record(session, actor, now, action="guardian_code", about={"code": code_id})
    await idempotency.bind(session, actor, key=key, result={"id": code_id})
    return GuardianConsent(code=code, expires_at=expires_at)


async def _guardian(session: AsyncSession, now: datetime, *, code: str) -> int:
    vault: Vault = session.info["vault"]
    code_mac = registration.guardian_mac(vault, code)
    guardian_id = await volunteers.use_guardian_code(session, code_mac=code_mac, now=now)
    if guardian_id is None:
        raise registration.wrong_guardian_code()
    return guardian_id


def _sealed(vault: Vault, before: Row[Any] | None, name: str, minority: tuple[date | None, int | None]) -> Sealed:
    key = None if before is None else before.wrapped_key
    wrapped_key = key or vault.new_data_key()
    minor_until, guardian_id = minority
    return Sealed(
        wrapped_key=wrapped_key,
        call_name=vault.seal(wrapped_key, "call_name", name),
        minor_until=minor_until,
        guardian_id=guardian_id,
    )


async def _add(
    session: AsyncSession,
    now: datetime,
    *,
    person_id: int,
    programme_id: int,
    sealed: Sealed,
) -> int:
    """Numbers that are taken by others are passed over; with nine digits that is rare."""
    vault: Vault = session.info["vault"]
    attempt, volunteer_id = 0, None
    while volunteer_id is None:
        number = registration.new_number(vault, programme_id=programme_id, person_id=person_id, attempt=attempt)
        volunteer_id = await volunteers.add(
            session, person_id=person_id, programme_id=programme_id, number=number, sealed=sealed, now=now
        )
        attempt += 1
    return volunteer_id


def _known(earlier: dict[str, object]) -> int:
    return int(str(earlier["id"]))
