"""What becomes of the record of a stretch of service that is corrected or no longer stands."""

from datetime import datetime
from typing import Final, Literal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

EndState = Literal["CORRECTED", "WITHDRAWN"]

_END: Final = text("""
    INSERT INTO record_event (citizen_id, source_id, ref_hash, at, state)
    SELECT r.citizen_id, r.source_id, r.ref_hash, :now, :state
    FROM credit_record AS r
    WHERE r.citizen_id = :citizen AND r.source_id = :source AND r.ref_hash = :ref_hash
    RETURNING citizen_id
""")


async def end_service_record(
    session: AsyncSession, now: datetime, *, citizen_id: int, source_id: int, ref_hash: int, state: EndState
) -> bool:
    """Takes the record of a service out of every line, from now on; whether there was one.

    The citizen has been revealed to this transaction. The score is worked out by whoever calls: once, at the end.
    """
    values = {"citizen": citizen_id, "source": source_id, "ref_hash": ref_hash, "state": state, "now": now}
    return (await session.execute(_END, params=values)).one_or_none() is not None
