"""The office's own trail: who did what to which object. Append-only; a job chains the rows by hash.

No personal data goes in here, only ids, so that erasing a person never breaks the chain.
"""

import json
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.actor import Actor

_RECORD = text("""
    INSERT INTO audit_event (at, programme_id, actor_person_id, role, action, object)
    VALUES (:now, :programme, :person, :role, :action, CAST(:object AS jsonb))
""")


async def record(
    session: AsyncSession, actor: Actor, now: datetime, *, action: str, about: Mapping[str, object]
) -> None:
    """Write down one action, in the transaction that does it."""
    await session.execute(
        _RECORD,
        params={
            "now": now,
            "programme": actor.programme_id,
            "person": actor.person_id,
            "role": actor.role.value,
            "action": action,
            "object": json.dumps(about, default=str, sort_keys=True),
        },
    )
