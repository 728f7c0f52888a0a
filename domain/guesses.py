"""How often somebody may guess at a code within a minute of real time.

A guess is counted before it is looked at, so that of many at once none slips through, and given back when it was right.
Who guesses is kept as a keyed digest, until the minute is over.
"""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_TAKE = text("""
    INSERT INTO guess AS g (guesser, minute, wrong)
    SELECT :guesser, date_trunc('minute', CAST(:now AS timestamptz) - c.ahead), 1 FROM clock AS c
    ON CONFLICT ON CONSTRAINT guess_pkey DO UPDATE SET wrong = g.wrong + 1 WHERE g.wrong < :most
    RETURNING true
""")
_WAIT = text("""
    SELECT CAST(60000 - 1000 * extract(second FROM CAST(:now AS timestamptz) - c.ahead) AS integer) FROM clock AS c
""")
_GIVE_BACK = text("""
    UPDATE guess AS g SET wrong = g.wrong - 1
    FROM clock AS c
    WHERE g.guesser = :guesser AND g.minute = date_trunc('minute', CAST(:now AS timestamptz) - c.ahead)
""")
_FORGET = text("""
    DELETE FROM guess AS g USING clock AS c WHERE g.minute < date_trunc('minute', CAST(:now AS timestamptz) - c.ahead)
""")


async def take(session: AsyncSession, now: datetime, *, guesser: bytes, most: int) -> int | None:
    """Takes one of the guesses of this minute; how many milliseconds to wait when there is none left."""
    if (await session.execute(_TAKE, {"guesser": guesser, "now": now, "most": most})).one_or_none() is not None:
        return None
    return int((await session.execute(_WAIT, {"now": now})).scalar_one())


async def give_back(session: AsyncSession, now: datetime, *, guesser: bytes) -> None:
    """It was none."""
    await session.execute(_GIVE_BACK, {"guesser": guesser, "now": now})


async def forget(session: AsyncSession, now: datetime) -> None:
    """Deletes the counts of the minutes that are over. Runs as the worker, and bears being run at any time."""
    await session.execute(_FORGET, {"now": now})
