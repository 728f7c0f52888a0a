"""Registering the machines with which departments deliver."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from domain import audit
from domain.actor import Actor
from domain.errors import AlreadyDecided
from domain.people.queries import machines as queries
from domain.values import words

ISSUER: Final = "machine"


async def register_machine(
    session: AsyncSession,
    actor: Actor,
    now: datetime,
    *,
    client_id: str,
    organisation_id: int,
    public_key: Mapping[str, str],
) -> None:
    """Registers a department's machine, or the next key of one. Raises: AlreadyDecided for another's name."""
    person_id = await queries.machine_person(session, now, issuer=ISSUER, client_id=client_id)
    registered = await queries.add_machine(
        session,
        now,
        client_id=client_id,
        person_id=person_id,
        organisation_id=organisation_id,
        public_key=public_key,
    )
    if not registered:
        raise AlreadyDecided(
            words(
                "这个名称已属于另一个机构。请换一个。", "This name belongs to another organisation. Choose another one."
            )
        )
    await queries.give_source_role(session, person_id=person_id, organisation_id=organisation_id, name=client_id)
    about = {"client": client_id, "organisation": organisation_id, "key": public_key.get("kid", "")}
    await audit.record(session, actor, now, action="register_machine", about=about)
