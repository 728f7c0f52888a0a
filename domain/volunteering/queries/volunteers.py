"""SQL over volunteers: who is registered, under which number and sealed name."""

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
    INSERT INTO volunteer (person_id, programme_id, number, wrapped_key, sealed_call_name, minor_until, registered_at)
    VALUES (:person, :programme, :number, :wrapped_key, :sealed_call_name, :minor_until, :now)
    ON CONFLICT DO NOTHING
    RETURNING id
""")
_RENEW = text("""
    UPDATE volunteer
    SET left_at = NULL, wrapped_key = :wrapped_key, sealed_call_name = :sealed_call_name, minor_until = :minor_until
    WHERE id = :volunteer
""")
_ACT_AS = text("SELECT set_config('app.volunteer', CAST(CAST(:volunteer AS bigint) AS text), true)")


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
    sealed: tuple[bytes, bytes, date | None],
    now: datetime,
) -> int | None:
    """A new registration; None when the number is taken. `sealed`: key, call name, end of minority."""
    wrapped_key, sealed_call_name, minor_until = sealed
    values = {
        "person": person_id,
        "programme": programme_id,
        "number": number,
        "wrapped_key": wrapped_key,
        "sealed_call_name": sealed_call_name,
        "minor_until": minor_until,
        "now": now,
    }
    return (await session.execute(_ADD, values)).scalar_one_or_none()


async def renew(session: AsyncSession, *, volunteer_id: int, sealed: tuple[bytes, bytes, date | None]) -> None:
    """Comes back under the old number, or goes by another name. `sealed`: key, call name, end of minority."""
    wrapped_key, sealed_call_name, minor_until = sealed
    values = {
        "volunteer": volunteer_id,
        "wrapped_key": wrapped_key,
        "sealed_call_name": sealed_call_name,
        "minor_until": minor_until,
    }
    await session.execute(_RENEW, values)


async def act_as(session: AsyncSession, *, volunteer_id: int) -> None:
    """From here on this transaction is also that volunteer's, who is the caller."""
    await session.execute(_ACT_AS, {"volunteer": volunteer_id})
