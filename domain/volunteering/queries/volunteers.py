"""SQL over volunteers: who is registered, under which number and sealed name."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

_LOCK_PERSON = text("SELECT id FROM person WHERE id = :person FOR NO KEY UPDATE")
_LOCK_OWN = text("""
    SELECT id, number, wrapped_key, left_at
    FROM volunteer
    WHERE person_id = :person AND programme_id = :programme
    FOR NO KEY UPDATE
""")
_LOCK = text("SELECT id FROM volunteer WHERE id = :volunteer FOR NO KEY UPDATE")
_ADD = text("""
    INSERT INTO volunteer (person_id, programme_id, number, wrapped_key, sealed_call_name, minor_until,
        guardian_person_id, registered_at)
    VALUES (:person, :programme, :number, :wrapped_key, :sealed_call_name, :minor_until, :guardian, :now)
    ON CONFLICT DO NOTHING
    RETURNING id
""")
_RENEW = text("""
    UPDATE volunteer
    SET left_at = NULL, wrapped_key = :wrapped_key, sealed_call_name = :sealed_call_name, minor_until = :minor_until,
        guardian_person_id = coalesce(:guardian, guardian_person_id)
    WHERE id = :volunteer
""")
_LEAVE = text("UPDATE volunteer SET left_at = :now WHERE id = :volunteer AND left_at IS NULL")
_NOTE_LOOKS = text("SELECT note_desk_looks(CAST(:volunteers AS bigint[]), :since, :now)")
_ACT_AS = text("SELECT set_config('app.volunteer', CAST(CAST(:volunteer AS bigint) AS text), true)")
_ADD_GUARDIAN_CODE = text("""
    INSERT INTO guardian_code (person_id, programme_id, code_mac, created_at, expires_at)
    VALUES (:person, :programme, :code_mac, :now, :expires_at)
    RETURNING id
""")
_GUARDIAN_CODE_UNTIL = text("SELECT expires_at FROM guardian_code WHERE id = :code AND person_id = :person")
_USE_GUARDIAN_CODE = text("SELECT use_guardian_code(:code_mac, :now)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """What a registration keeps: the volunteer's key, the call name under it, and who consented until when."""

    wrapped_key: bytes
    call_name: bytes
    minor_until: date | None
    guardian_id: int | None


async def lock_person(session: AsyncSession, *, person_id: int) -> None:
    """Lets a person register on one phone at a time."""
    await session.execute(_LOCK_PERSON, {"person": person_id})


async def lock_own(session: AsyncSession, *, person_id: int, programme_id: int) -> Row[Any] | None:
    """The person's registration, also one that was left; locked."""
    values = {"person": person_id, "programme": programme_id}
    return (await session.execute(_LOCK_OWN, values)).one_or_none()


async def lock(session: AsyncSession, *, volunteer_id: int) -> None:
    """Lets one stretch of a volunteer be written at a time."""
    await session.execute(_LOCK, {"volunteer": volunteer_id})


async def add(
    session: AsyncSession,
    *,
    person_id: int,
    programme_id: int,
    number: str,
    sealed: Sealed,
    now: datetime,
) -> int | None:
    """A new registration; None when the number is taken."""
    values = {
        "person": person_id,
        "programme": programme_id,
        "number": number,
        "wrapped_key": sealed.wrapped_key,
        "sealed_call_name": sealed.call_name,
        "minor_until": sealed.minor_until,
        "guardian": sealed.guardian_id,
        "now": now,
    }
    return (await session.execute(_ADD, values)).scalar_one_or_none()


async def renew(session: AsyncSession, *, volunteer_id: int, sealed: Sealed) -> None:
    """Comes back under the old number, or goes by another name."""
    values = {
        "volunteer": volunteer_id,
        "wrapped_key": sealed.wrapped_key,
        "sealed_call_name": sealed.call_name,
        "minor_until": sealed.minor_until,
        "guardian": sealed.guardian_id,
    }
    await session.execute(_RENEW, values)


async def leave(session: AsyncSession, now: datetime, *, volunteer_id: int) -> None:
    """Ends a registration; the number stays, for coming back."""
    await session.execute(_LEAVE, {"volunteer": volunteer_id, "now": now})


async def note_looks(session: AsyncSession, now: datetime, *, since: datetime, volunteers: Sequence[int]) -> None:
    """Notes who has read about these volunteers, unless they have done so since an instant."""
    await session.execute(_NOTE_LOOKS, {"volunteers": list(volunteers), "since": since, "now": now})


async def act_as(session: AsyncSession, *, volunteer_id: int) -> None:
    """From here on this transaction is also that volunteer's, who is the caller."""
    await session.execute(_ACT_AS, {"volunteer": volunteer_id})


async def add_guardian_code(
    session: AsyncSession, *, person_id: int, programme_id: int, code_mac: bytes, now: datetime, expires_at: datetime
) -> int:
    """Notes a guardian's consent, to be used once."""
    values = {"person": person_id, "programme": programme_id, "code_mac": code_mac, "now": now}
    row = await session.execute(_ADD_GUARDIAN_CODE, {**values, "expires_at": expires_at})
    return int(row.scalar_one())


async def guardian_code_until(session: AsyncSession, *, code_id: int, person_id: int) -> datetime:
    """Until when one's own code is good."""
    until: datetime = (await session.execute(_GUARDIAN_CODE_UNTIL, {"code": code_id, "person": person_id})).scalar_one()
    return until


async def use_guardian_code(session: AsyncSession, *, code_mac: bytes, now: datetime) -> int | None:
    """Uses a code up for the caller; the guardian, or None when it is not good."""
    values = {"code_mac": code_mac, "now": now}
    guardian_id: int | None = (await session.execute(_USE_GUARDIAN_CODE, values)).scalar_one()
    return guardian_id
