"""Joining a programme, agreeing to one purpose at a time, taking it back, and leaving."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from domain import audit, idempotency
from domain.actor import Actor
from domain.consent import actions as consent
from domain.consent.actions import whose
from domain.errors import AlreadyDecided, ConsentRequired, NotAllowed, RuleRefused
from domain.people import queries
from domain.people.queries import NewCitizen, dwellings
from domain.people.rules import check_age, cohort_of
from domain.values import words
from domain.vault import Vault

SCORE = "score"
VOLUNTEERING = "volunteering"
HOUSEHOLD = "household"
# What the issuer does not say is taken as the weaker of the two.
_REGISTRATION = "PERMIT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """Consents that have ended, and when."""

    at: datetime
    purposes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Person:
    """What joining needs to know of a person, for this moment only."""

    birth_date: date
    identity_ref: str


async def enrol(
    session: AsyncSession, actor: Actor, now: datetime, *, consents: Sequence[tuple[str, int]], key: UUID
) -> int:
    """The person joins the programme with these consents, purpose and version; gives the citizen.

    Raises: ConsentRequired without any consent, RuleRefused under 18, AlreadyDecided for who is in already.
    """
    person_id, programme_id = whose(actor)
    request = {"programme": programme_id, "consents": sorted(consents)}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="enrol", request=request)
    if earlier is not None:
        return _number(earlier["id"])
    if not consents:
        raise ConsentRequired(_NO_CONSENT, field="consents")
    citizen = await _new_citizen(session, actor, now, scored=any(purpose == SCORE for purpose, _ in consents))
    try:
        citizen_id = await queries.add_citizen(
            session, person_id=person_id, programme_id=programme_id, citizen=citizen, now=now
        )
    except IntegrityError as problem:
        raise NotAllowed(_SOMEBODY_ELSE) from problem
    if citizen_id is None:
        raise AlreadyDecided(_JOINED)
    await queries.show_citizen(session, citizen_id=citizen_id)
    await consent.give(session, actor, now, consents=consents)
    await audit.record(session, actor, now, action="enrol", about={"citizen": citizen_id})
    await idempotency.bind(session, actor, key=key, result={"id": citizen_id})
    return citizen_id


async def give_consent(
    session: AsyncSession, actor: Actor, now: datetime, *, purpose: str, version: int, key: UUID
) -> int:
    """The person agrees to one more purpose; gives the consent. Consent to the score starts one, for adults.

    Raises: NotAllowed before joining, InvalidInput for an older text, RuleRefused under 18.
    """
    request = {"programme": actor.programme_id, "purpose": purpose, "version": version}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="give_consent", request=request)
    if earlier is not None:
        return _number(earlier["id"])
    if actor.citizen_id is None and not (purpose == VOLUNTEERING and actor.volunteer_id is not None):
        raise NotAllowed(_JOIN_FIRST)
    given = await consent.give(session, actor, now, consents=[(purpose, version)])
    if purpose == SCORE and actor.citizen_id is not None:
        start = await _new_citizen(session, actor, now, scored=True)
        await queries.start_score(session, citizen_id=actor.citizen_id, today=start.scored_from or now.date())
    await idempotency.bind(session, actor, key=key, result={"id": given[purpose]})
    return given[purpose]


async def withdraw_consent(session: AsyncSession, actor: Actor, now: datetime, *, purpose: str, key: UUID) -> Ended:
    """The person takes one consent back; without consent to a score, everything it rests on is erased."""
    request = {"programme": actor.programme_id, "purpose": purpose}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="withdraw_consent", request=request)
    if earlier is not None:
        return _ended(earlier)
    purposes = await consent.take_back(session, actor, now, purposes=[purpose])
    if purpose == SCORE:
        await _forget_score(session, actor)
    if purpose == HOUSEHOLD and actor.citizen_id is not None:
        await dwellings.forget_dwellings(session, citizen_id=actor.citizen_id)
    return await _bind_end(session, actor, now, key=key, purposes=purposes)


async def withdraw(session: AsyncSession, actor: Actor, now: datetime, *, key: UUID) -> Ended:
    """The citizen leaves: score, records and lines are erased, consents end; nothing stands in the way.

    What was used stays used: allowance rows outlive the membership until their window ends. Volunteering needs no
    membership, so the consent to it stays.
    """
    person_id, programme_id = whose(actor)
    request = {"programme": programme_id}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="withdraw", request=request)
    if earlier is not None:
        return _ended(earlier)
    here = await queries.lock_citizen(session, person_id=person_id, programme_id=programme_id)
    if here is None or not here.joined:
        raise NotAllowed(_JOIN_FIRST)
    purposes = await leave(session, actor, now, citizen_id=here.id)
    await audit.record(session, actor, now, action="withdraw", about={"citizen": here.id})
    return await _bind_end(session, actor, now, key=key, purposes=purposes)


async def leave(session: AsyncSession, actor: Actor, now: datetime, *, citizen_id: int) -> list[str]:
    """Ends a membership and every consent but that to volunteering; gives the purposes that had stood."""
    await _forget_score(session, actor)
    await dwellings.forget_dwellings(session, citizen_id=citizen_id)
    await queries.leave(session, citizen_id=citizen_id, now=now)
    standing = await consent.standing(session, actor)
    return await consent.take_back(
        session, actor, now, purposes=[purpose for purpose in standing if purpose != VOLUNTEERING]
    )


async def _new_citizen(session: AsyncSession, actor: Actor, now: datetime, *, scored: bool) -> NewCitizen:
    """What is kept of a person who joins. Raises: RuleRefused under 18, or when no birthday is known."""
    person_id, programme_id = whose(actor)
    code, timezone = await queries.programme_place(session, programme_id=programme_id)
    today = now.astimezone(ZoneInfo(timezone)).date()
    person = await _open(session, person_id)
    check_age(person.birth_date, today)
    vault: Vault = session.info["vault"]
    return NewCitizen(
        identity_digest=vault.digest("citizen", code, person.identity_ref),
        pseudonym=vault.digest("pseudonym", code, person.identity_ref),
        scored_from=today if scored else None,
        cohort=cohort_of(person.birth_date),
        registration_kind=_REGISTRATION,
    )


async def _open(session: AsyncSession, person_id: int) -> _Person:
    vault: Vault = session.info["vault"]
    sealed = await queries.profile(session, person_id=person_id)
    if sealed.wrapped_key is None or sealed.birth_date is None or sealed.identity_ref is None:
        raise RuleRefused(_UNKNOWN_AGE, rule_source="R20")
    return _Person(
        birth_date=date.fromisoformat(vault.open(sealed.wrapped_key, "birth_date", sealed.birth_date)),
        identity_ref=vault.open(sealed.wrapped_key, "identity_ref", sealed.identity_ref),
    )


async def _forget_score(session: AsyncSession, actor: Actor) -> None:
    if actor.citizen_id is not None:
        await queries.end_score(session, citizen_id=actor.citizen_id)
        await queries.erase_score(session, citizen_id=actor.citizen_id)


async def _bind_end(session: AsyncSession, actor: Actor, now: datetime, *, key: UUID, purposes: Sequence[str]) -> Ended:
    await idempotency.bind(session, actor, key=key, result={"at": now, "purposes": " ".join(purposes)})
    return Ended(at=now, purposes=tuple(purposes))


def _ended(earlier: dict[str, object]) -> Ended:
    return Ended(at=datetime.fromisoformat(str(earlier["at"])), purposes=tuple(str(earlier["purposes"]).split()))


def _number(value: object) -> int:
    return int(str(value))


_NO_CONSENT = words(
    "加入需要至少同意一项用途。请阅读同意书后逐项同意。",
    "Joining needs consent to at least one purpose. Please read the texts and consent to each you want.",
)
_JOINED = words("您已加入本项目,无需再次加入。", "You have joined this programme already; nothing more is needed.")
_JOIN_FIRST = words("您尚未加入本项目。请先加入。", "You have not joined this programme. Please join first.")
_UNKNOWN_AGE = words(
    "登录服务没有提供出生日期,无法确认年满 18 周岁。请在登录服务补充后重试。",
    "Your sign-in did not tell a birth date, so we cannot see that you are 18. Add it there and sign in again.",
)
_SOMEBODY_ELSE = words(
    "此身份已用另一登录方式加入。请用原来的登录方式,或联系项目办公室。",
    "This identity has joined with another sign-in. Please use that one, or ask the programme office.",
)
