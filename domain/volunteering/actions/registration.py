"""Registering as a volunteer: no score is asked for, only consent, an age and a name to be called by."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from domain import idempotency, outbox
from domain.actor import Actor
from domain.consent import actions as consent
from domain.errors import ConsentRequired
from domain.people.queries import joining as people
from domain.values import words
from domain.vault import Vault
from domain.volunteering.queries import volunteers
from domain.volunteering.rules import registration
from domain.volunteering.rules.terms import VolunteerTerms

PURPOSE = "volunteering"


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What somebody says when registering; consents are purposes with the version of the text that was read."""

    call_name: str
    consents: Sequence[tuple[str, int]]
    guardian_code: str | None = None


async def register_volunteer(
    session: AsyncSession, actor: Actor, now: datetime, *, terms: VolunteerTerms, wish: Registration, key: UUID
) -> int:
    """Registers the caller, or lets them come back under their old number; gives the volunteer's id.

    Raises:
        InvalidInput: the call name.
        RuleRefused: the age.
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
    minor_until = registration.minor_until(await birth_date(session, person_id=person_id), terms.day_of(now), terms)
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
    sealed = _sealed(session.info["vault"], before, name, minor_until)
    if before is None:
        volunteer_id = await _add(session, now, person_id=person_id, programme_id=programme_id, sealed=sealed)
    else:
        volunteer_id = int(before.id)
        await volunteers.renew(session, volunteer_id=volunteer_id, sealed=sealed)
    await volunteers.act_as(session, volunteer_id=volunteer_id)
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


def _sealed(
    vault: Vault, before: Row[Any] | None, name: str, minor_until: date | None
) -> tuple[bytes, bytes, date | None]:
    key = None if before is None else before.wrapped_key
    wrapped_key = key or vault.new_data_key()
    return wrapped_key, vault.seal(wrapped_key, "call_name", name), minor_until


async def _add(
    session: AsyncSession,
    now: datetime,
    *,
    person_id: int,
    programme_id: int,
    sealed: tuple[bytes, bytes, date | None],
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
