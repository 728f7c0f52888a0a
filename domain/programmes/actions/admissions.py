"""Organisations apply and sign the credit commitment (信用承诺书); the office admits, suspends and resumes them."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from domain import audit, idempotency
from domain.actor import Actor
from domain.errors import AlreadyDecided, NotFound
from domain.people.actions.staff import appoint_applicant
from domain.programmes.queries import admissions as queries
from domain.programmes.rules.admissions import (
    CATEGORIES,
    Applicant,
    Application,
    check_admission,
    check_resumption,
    check_signature,
    check_suspension,
    checked,
    reason_of,
)
from domain.programmes.rules.codec import from_json
from domain.programmes.rules.document import CommitmentText
from domain.values import words


async def apply_as_organisation(
    session: AsyncSession, actor: Actor, now: datetime, *, application: Application, key: UUID
) -> int:
    """Somebody applies for an organisation and becomes its manager, who can prepare but not take part yet.

    Raises: InvalidInput for what is missing or too long.
    """
    said = checked(application)
    programme_id = actor.programme_id or 0
    request: dict[str, object] = {
        "programme": programme_id,
        "kind": said.kind.value,
        "name": said.name,
        "number": said.registration_number,
        "address": said.address,
    }
    earlier = await idempotency.claim(session, actor, now, key=key, operation="applyAsOrganisation", request=request)
    if earlier is not None:
        return int(str(earlier["id"]))
    organisation_id = await queries.add_application(
        session,
        programme_id=programme_id,
        code=f"applied-{key.hex}",
        said={
            "kind": said.kind.value,
            "name": words(said.name, said.name),
            "category": CATEGORIES[said.kind],
            "address": None if said.address is None else words(said.address, said.address),
            "registration_number": said.registration_number,
        },
        person_id=actor.person_id,
    )
    await appoint_applicant(session, actor, organisation_id=organisation_id, unnamed=said.name)
    about = {"organisation": organisation_id}
    await audit.record(session, actor, now, action="apply_as_organisation", about=about)
    await idempotency.bind(session, actor, key=key, result={"id": organisation_id})
    return organisation_id


async def sign_commitment(
    session: AsyncSession, actor: Actor, now: datetime, *, version: int, digest: str, today: date, key: UUID
) -> int:
    """A manager signs the text in force for the organisation, which is public from then on.

    Raises: InvalidInput for another text, AlreadyDecided when it is signed.
    """
    if actor.organisation_id is None or actor.programme_id is None:
        raise NotFound
    request: dict[str, object] = {"version": version, "digest": digest}
    if await idempotency.claim(session, actor, now, key=key, operation="signCommitment", request=request) is not None:
        return actor.organisation_id
    commitment = await _commitment(session, actor.programme_id)
    check_signature(commitment, version=version, digest=digest)
    signed = await queries.sign(
        session,
        organisation_id=actor.organisation_id,
        commitment=commitment,
        signed_on=today,
        staff_id=actor.staff_id,
    )
    if not signed:
        raise AlreadyDecided(words("该版本承诺书已签署。", "Your organisation has signed this version already."))
    about = {"organisation": actor.organisation_id, "version": version, "digest": commitment.digest}
    await audit.record(session, actor, now, action="sign_commitment", about=about)
    await idempotency.bind(session, actor, key=key, result={"id": actor.organisation_id})
    return actor.organisation_id


async def admit_organisation(
    session: AsyncSession, actor: Actor, now: datetime, *, organisation_id: int, key: UUID
) -> None:
    """From now on the organisation takes part. Raises: NotFound, AlreadyDecided, SamePerson, TooEarly."""
    request: dict[str, object] = {"organisation": organisation_id}
    if await idempotency.claim(session, actor, now, key=key, operation="admitOrganisation", request=request):
        return
    applicant = await _lock(session, actor, organisation_id)
    commitment = await _commitment(session, actor.programme_id or 0)
    check_admission(applicant, commitment, officer=actor.person_id)
    await queries.move(session, organisation_id=organisation_id, status="ADMITTED", reason=None)
    await _done(session, actor, now, action="admit_organisation", about=request, key=key)


async def suspend_organisation(
    session: AsyncSession, actor: Actor, now: datetime, *, organisation_id: int, reason: str, key: UUID
) -> None:
    """Nobody acts for the organisation any more, from the next transaction on; its staff read why.

    Raises: NotFound, InvalidInput for the reason, AlreadyDecided.
    """
    said = reason_of(reason)
    request: dict[str, object] = {"organisation": organisation_id, "reason": said}
    if await idempotency.claim(session, actor, now, key=key, operation="suspendOrganisation", request=request):
        return
    applicant = await _lock(session, actor, organisation_id)
    check_suspension(applicant.status)
    await queries.move(session, organisation_id=organisation_id, status="SUSPENDED", reason=said)
    await _done(session, actor, now, action="suspend_organisation", about=request, key=key)


async def resume_organisation(
    session: AsyncSession, actor: Actor, now: datetime, *, organisation_id: int, key: UUID
) -> None:
    """The organisation takes part again. Raises: NotFound, AlreadyDecided."""
    request: dict[str, object] = {"organisation": organisation_id}
    if await idempotency.claim(session, actor, now, key=key, operation="resumeOrganisation", request=request):
        return
    applicant = await _lock(session, actor, organisation_id)
    check_resumption(applicant.status)
    await queries.move(session, organisation_id=organisation_id, status="ADMITTED", reason=None)
    await _done(session, actor, now, action="resume_organisation", about=request, key=key)


async def take_over_commitments(
    session: AsyncSession, *, programme_id: int, commitment: CommitmentText, today: date
) -> None:
    """A city's organisations have signed on paper before the programme began. Runs as the worker."""
    await queries.sign_for_all(session, programme_id=programme_id, commitment=commitment, signed_on=today)


async def _lock(session: AsyncSession, actor: Actor, organisation_id: int) -> Applicant:
    found = await queries.lock(session, organisation_id=organisation_id, programme_id=actor.programme_id or 0)
    if found is None:
        raise NotFound
    return found


async def _commitment(session: AsyncSession, programme_id: int) -> CommitmentText:
    row = await queries.commitment_text(session, programme_id=programme_id)
    return from_json(CommitmentText, row.signed)


async def _done(
    session: AsyncSession, actor: Actor, now: datetime, *, action: str, about: dict[str, object], key: UUID
) -> None:
    await audit.record(session, actor, now, action=action, about=about)
    await idempotency.bind(session, actor, key=key, result=about)
