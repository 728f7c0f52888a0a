"""Whose linked accounts stand in a provider's register."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_HOLDERS = text("""
    SELECT s.citizen_id, s.digest
    FROM service_account AS s
    WHERE s.digest = ANY (CAST(:digests AS bytea[])) AND s.unlinked_at IS NULL
    ORDER BY s.citizen_id, s.id
""")


async def account_holders(session: AsyncSession, *, digests: Sequence[bytes]) -> list[tuple[int, bytes]]:
    """The citizens who have linked one of these accounts, each with its digest."""
    rows = await session.execute(_HOLDERS, params={"digests": list(digests)})
    return [(row.citizen_id, row.digest) for row in rows]
