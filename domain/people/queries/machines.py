"""A department's machine: the key it signs with, and the assertions that it has shown."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_CLIENT = text("SELECT person_id, organisation_id, programme, public_key FROM reveal_client(:client)")
_SHOW = text("""
    INSERT INTO client_assertion (client_id, jti, expires_at) VALUES (:client, :jti, :expires_at)
    ON CONFLICT ON CONSTRAINT client_assertion_pkey DO NOTHING
    RETURNING true
""")
_FORGET = text("DELETE FROM client_assertion WHERE client_id = :client AND expires_at < :now")
_REGISTER = text("""
    INSERT INTO source_client AS c (client_id, person_id, organisation_id, public_key, registered_at)
    VALUES (:client, :person, :organisation, CAST(:public_key AS jsonb), :now)
    ON CONFLICT ON CONSTRAINT source_client_pkey DO UPDATE SET public_key = excluded.public_key
        WHERE c.organisation_id = excluded.organisation_id
    RETURNING true
""")
_STAFF = text("""
    INSERT INTO staff (person_id, role, programme_id, organisation_id, display_name)
    SELECT :person, 'source', o.programme_id, o.id, :client
    FROM organisation AS o
    WHERE o.id = :organisation
    ON CONFLICT ON CONSTRAINT staff_once DO NOTHING
""")
_PERSON = text("SELECT sign_in(:issuer, :client, :now)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A registered machine of a department, and the public key (a JWK) that verifies its assertions."""

    person_id: int
    organisation_id: int
    programme: str
    public_key: Mapping[str, str]


async def machine(session: AsyncSession, *, client_id: str) -> Machine | None:
    """The machine of this name."""
    row = (await session.execute(_CLIENT, params={"client": client_id})).one_or_none()
    return None if row is None else Machine(**row._mapping)


async def show_assertion(session: AsyncSession, *, client_id: str, jti: str, expires_at: datetime) -> bool:
    """Notes an assertion; False when it was shown before."""
    values = {"client": client_id, "jti": jti, "expires_at": expires_at}
    return (await session.execute(_SHOW, params=values)).first() is not None


async def forget_assertions(session: AsyncSession, *, client_id: str, now: datetime) -> None:
    """Deletes those that have expired; `now` is real time."""
    await session.execute(_FORGET, params={"client": client_id, "now": now})


async def machine_person(session: AsyncSession, now: datetime, *, issuer: str, client_id: str) -> int:
    """The person as whom a machine acts."""
    values = {"issuer": issuer, "client": client_id, "now": now}
    return int((await session.execute(_PERSON, params=values)).scalar_one())


async def add_machine(
    session: AsyncSession,
    now: datetime,
    *,
    client_id: str,
    person_id: int,
    organisation_id: int,
    public_key: Mapping[str, str],
) -> bool:
    """Registers a machine, or its next key; False when the name belongs to another organisation."""
    values = {
        "client": client_id,
        "person": person_id,
        "organisation": organisation_id,
        "public_key": json.dumps(public_key),
        "now": now,
    }
    return (await session.execute(_REGISTER, params=values)).first() is not None


async def give_source_role(session: AsyncSession, *, person_id: int, organisation_id: int, name: str) -> None:
    """Lets a person deliver for this organisation."""
    values = {"person": person_id, "organisation": organisation_id, "client": name}
    await session.execute(_STAFF, params=values)
