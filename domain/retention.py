"""How long what is kept beside the books is kept, in one table; a task of the worker forgets what is older.

Scores and records end by their own rules, sales are cut from their person after settlement, and the audit trail and
the ledger stay. Everything else that grows with use stands here.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

# So many rows of a table at once, so that nobody waits for a deletion.
BATCH: Final = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Rows of one table, from an instant on; `real` for tokens, which live by real time."""

    table: str
    since: str
    days: int
    only: str = "true"
    real: bool = False


KEPT: Final = (
    Kept(table="idempotency", since="at", days=90),
    Kept(table="presentation", since="expires_at", days=30, only="redemption_id IS NULL"),
    Kept(table="presence_code", since="expires_at", days=30),
    Kept(table="guardian_code", since="expires_at", days=30),
    Kept(table="invitation", since="expires_at", days=90),
    Kept(table="scan_attempt", since="minute", days=1),
    Kept(table="attachment", since="at", days=30, only="objection_id IS NULL AND repair_id IS NULL"),
    Kept(table="notice", since="at", days=3 * 365),
    Kept(table="export", since="expires_at", days=0),
    Kept(table="refresh_session", since="expires_at", days=30, real=True),
    Kept(table="client_assertion", since="expires_at", days=1, real=True),
)
# Source: Zhejiang Art. 20, the longest of the provinces' terms for the log of who has read about whom.
ACCESS_LOG_YEARS: Final = 10


def _forget(kept: Kept) -> str:
    return f"""
        DELETE FROM {kept.table} AS t
        WHERE t.ctid = ANY (ARRAY(
            SELECT k.ctid FROM {kept.table} AS k, clock AS c
            WHERE k.{kept.since} <= CAST(:now AS timestamptz) {"- c.ahead" if kept.real else ""}
                - make_interval(days => {kept.days})
              AND {kept.only}
            LIMIT :limit))
    """


_STATEMENTS: Final = tuple(text(_forget(kept)) for kept in KEPT)
_FORGET_ACCESSES: Final = text("SELECT forget_accesses(CAST(:now AS timestamptz) - make_interval(years => :years))")


async def forget_old(session: AsyncSession, now: datetime) -> None:
    """Deletes what has been kept long enough, a batch of each table at a time. Runs as the worker."""
    for statement in _STATEMENTS:
        await session.execute(statement, params={"now": now, "limit": BATCH})
    await session.execute(_FORGET_ACCESSES, params={"now": now, "years": ACCESS_LOG_YEARS})
