"""Every change happens once: a key made by the client is bound by its first successful effect.

The row lives in the same transaction as the effect, so that a refusal binds nothing. A second request with the same
key waits for the first and then gets the reference to what it did; the reply is computed again from there.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.actor import Actor
from domain.errors import IdempotencyConflict

_CLAIM = text("""
    INSERT INTO idempotency (principal, key, request_hash, operation, at)
    VALUES (:principal, :key, :request_hash, :operation, :now)
    ON CONFLICT ON CONSTRAINT idempotency_pkey DO NOTHING
    RETURNING true
""")
_EARLIER = text("SELECT request_hash, result FROM idempotency WHERE principal = :principal AND key = :key")
_BIND = text("UPDATE idempotency SET result = CAST(:result AS jsonb) WHERE principal = :principal AND key = :key")


def request_hash(operation: str, request: Mapping[str, object]) -> bytes:
    """A digest of what was asked, independent of the order of its parts."""
    canonical = json.dumps([operation, request], sort_keys=True, default=_plain, ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).digest()


async def claim(
    session: AsyncSession,
    actor: Actor,
    now: datetime,
    *,
    key: UUID,
    operation: str,
    request: Mapping[str, object],
) -> dict[str, object] | None:
    """None when the key is new and now belongs to this transaction; else what its first effect led to.

    Raises: IdempotencyConflict when the key stands for another request.
    """
    digest = request_hash(operation, request)
    values = {"principal": actor.principal, "key": key}
    row = await session.execute(_CLAIM, params={**values, "request_hash": digest, "operation": operation, "now": now})
    if row.first() is not None:
        return None
    earlier = (await session.execute(_EARLIER, params=values)).one()
    if earlier.request_hash != digest:
        raise IdempotencyConflict
    return dict(earlier.result)


async def bind(session: AsyncSession, actor: Actor, *, key: UUID, result: Mapping[str, object]) -> None:
    """Keep the reference to what this key has led to."""
    canonical = json.dumps(result, default=_plain)
    await session.execute(_BIND, params={"principal": actor.principal, "key": key, "result": canonical})


def _plain(value: object) -> object:
    if isinstance(value, UUID | date | datetime):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be part of a request")
