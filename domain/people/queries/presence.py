"""The short code with which an officer looks up the person in front of them."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_ADD_PRESENCE_CODE = text("""
    INSERT INTO presence_code (person_id, programme_id, code_mac, created_at, expires_at)
    VALUES (:person, :programme, :code_mac, :now, :expires_at)
    RETURNING id
""")
_REVEAL_BY_PRESENCE = text("SELECT reveal_by_presence(:code_mac, :now)")
_USE_PRESENCE_CODE = text("""
    UPDATE presence_code
    SET used_at = :now, used_by = :officer
    WHERE code_mac = :code_mac
      AND used_at IS NULL
      AND expires_at > :now
    RETURNING person_id
""")
_PERSON_OF = text("SELECT person_id FROM citizen WHERE id = :citizen")
_STAFF_NAME = text("SELECT display_name FROM staff WHERE id = :staff")


async def add_presence_code(
    session: AsyncSession, *, person_id: int, programme_id: int, code_mac: bytes, now: datetime, expires_at: datetime
) -> int:
    """Notes a code that lets an officer look this person up, once."""
    values = {"person": person_id, "programme": programme_id, "code_mac": code_mac, "now": now}
    row = await session.execute(_ADD_PRESENCE_CODE, params={**values, "expires_at": expires_at})
    return int(row.scalar_one())


async def reveal_by_presence(session: AsyncSession, *, code_mac: bytes, now: datetime) -> int | None:
    """Opens the door to the citizen who shows this code; None when nobody does."""
    row = await session.execute(_REVEAL_BY_PRESENCE, params={"code_mac": code_mac, "now": now})
    citizen_id: int | None = row.scalar_one()
    return citizen_id


async def use_presence_code(session: AsyncSession, *, code_mac: bytes, officer_id: int, now: datetime) -> int | None:
    """Uses the code up; gives the person, or None when it was used before."""
    values = {"code_mac": code_mac, "officer": officer_id, "now": now}
    row = (await session.execute(_USE_PRESENCE_CODE, params=values)).one_or_none()
    return None if row is None else int(row.person_id)


async def person_of(session: AsyncSession, *, citizen_id: int) -> int:
    """The person behind a citizen who has been revealed to this transaction."""
    return int((await session.execute(_PERSON_OF, params={"citizen": citizen_id})).scalar_one())


async def staff_name(session: AsyncSession, *, staff_id: int) -> str:
    """The name that a member of staff works under."""
    name: str = (await session.execute(_STAFF_NAME, params={"staff": staff_id})).scalar_one()
    return name
