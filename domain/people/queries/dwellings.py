"""Where citizens live, as a keyed digest, for benefits that are counted by household."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

# Only of those who are in the programme and have agreed to it.
_KEEP = text("""
    INSERT INTO household AS h (citizen_id, since, dwelling)
    SELECT DISTINCT ON (c.id, d.since) c.id, d.since, d.dwelling
    FROM unnest(CAST(:identity_digests AS bytea[]), CAST(:since AS date[]), CAST(:dwellings AS bytea[]))
        WITH ORDINALITY AS d (identity_digest, since, dwelling, place)
    JOIN citizen AS c ON c.programme_id = :programme AND c.identity_digest = d.identity_digest AND c.left_at IS NULL
    JOIN consent AS a ON a.person_id = c.person_id AND a.programme_id = c.programme_id
        AND a.purpose = 'household' AND a.withdrawn_at IS NULL
    ORDER BY c.id, d.since, d.place DESC
    ON CONFLICT ON CONSTRAINT household_pkey DO UPDATE SET dwelling = excluded.dwelling
        WHERE h.dwelling <> excluded.dwelling
""")
_KEEP_OF_CITIZENS = text("""
    INSERT INTO household AS h (citizen_id, since, dwelling)
    SELECT DISTINCT ON (c.id, d.since) c.id, d.since, d.dwelling
    FROM unnest(CAST(:citizens AS integer[]), CAST(:since AS date[]), CAST(:dwellings AS bytea[]))
        WITH ORDINALITY AS d (citizen_id, since, dwelling, place)
    JOIN citizen AS c ON c.id = d.citizen_id AND c.left_at IS NULL
    JOIN consent AS a ON a.person_id = c.person_id AND a.programme_id = c.programme_id
        AND a.purpose = 'household' AND a.withdrawn_at IS NULL
    ORDER BY c.id, d.since, d.place DESC
    ON CONFLICT ON CONSTRAINT household_pkey DO UPDATE SET dwelling = excluded.dwelling
        WHERE h.dwelling <> excluded.dwelling
""")
_FORGET = text("DELETE FROM household WHERE citizen_id = :citizen")


async def keep_dwellings(
    session: AsyncSession,
    *,
    programme_id: int,
    identity_digests: Sequence[bytes],
    since: Sequence[date],
    dwellings: Sequence[bytes],
) -> None:
    """Links citizens to dwellings, all by digest; of two lines for one day the later stands."""
    values = {
        "programme": programme_id,
        "identity_digests": list(identity_digests),
        "since": list(since),
        "dwellings": list(dwellings),
    }
    await session.execute(_KEEP, params=values)


async def keep_dwellings_of_citizens(
    session: AsyncSession, *, citizens: Sequence[int], since: Sequence[date], dwellings: Sequence[bytes]
) -> None:
    """The same for citizens who are known by number."""
    values = {"citizens": list(citizens), "since": list(since), "dwellings": list(dwellings)}
    await session.execute(_KEEP_OF_CITIZENS, params=values)


async def forget_dwellings(session: AsyncSession, *, citizen_id: int) -> None:
    """Deletes where a citizen has lived, when they leave or take back the consent to it."""
    await session.execute(_FORGET, params={"citizen": citizen_id})
