"""Ending a record by the reference under which it was delivered, and noting what has become of the reference."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_LOCK: Final = text("""
    SELECT content, ended, revision
    FROM delivery
    WHERE source_id = :source AND reference = :reference
    FOR UPDATE
""")
_REVISE: Final = text("""
    UPDATE delivery SET content = :content, revision = :revision WHERE source_id = :source AND reference = :reference
""")
_CLOSE: Final = text("UPDATE delivery SET ended = :ended WHERE source_id = :source AND reference = :reference")
_REVEAL_DELIVERY: Final = text("SELECT reveal_by_delivery(CAST(:digests AS bytea[]))")
_REVEAL_REFERENCE: Final = text("SELECT reveal_by_reference(:ref_hash, CAST(:digests AS bytea[]))")
# What the record was until now is told as well: whoever is rid of it stays rid of it.
_END: Final = text("""
    WITH ended AS (
        INSERT INTO record_event (citizen_id, source_id, ref_hash, at, state, reason)
        SELECT r.citizen_id, r.source_id, r.ref_hash, :now, :state, :reason
        FROM credit_record AS r
        WHERE r.ref_hash = :ref_hash AND r.source_id = :source
        RETURNING citizen_id, source_id, ref_hash
    )
    SELECT r.citizen_id, r.item_id, (
        SELECT v.state
        FROM record_event AS v
        WHERE v.citizen_id = r.citizen_id AND v.source_id = r.source_id AND v.ref_hash = r.ref_hash
        ORDER BY v.at DESC
        LIMIT 1
    ) AS state
    FROM ended AS e
    JOIN credit_record AS r
        ON r.citizen_id = e.citizen_id AND r.source_id = e.source_id AND r.ref_hash = e.ref_hash
""")
_CONTINUE: Final = text("""
    INSERT INTO record_event (citizen_id, source_id, ref_hash, at, state)
    SELECT r.citizen_id, r.source_id, r.ref_hash, :now, :state
    FROM credit_record AS r
    WHERE r.ref_hash = :ref_hash AND r.source_id = :source
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """What a reference stands for: the mark of its content, how often it was corrected, and whether it has ended."""

    content: int
    ended: str | None
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A record that has just ended: whose, of which item, and its last state before; None for ACTIVE."""

    citizen_id: int
    item_id: int
    state: str | None


async def lock_delivery(session: AsyncSession, *, source_id: int, reference: int) -> Noted | None:
    """What the reference stands for; nobody else changes it until this transaction ends."""
    row = (await session.execute(_LOCK, params={"source": source_id, "reference": reference})).one_or_none()
    return None if row is None else Noted(content=row.content, ended=row.ended, revision=row.revision)


async def revise_delivery(
    session: AsyncSession, *, source_id: int, reference: int, content: int, revision: int
) -> None:
    """From now on the reference stands for this content."""
    values = {"source": source_id, "reference": reference, "content": content, "revision": revision}
    await session.execute(_REVISE, params=values)


async def close_delivery(session: AsyncSession, *, source_id: int, reference: int, ended: str) -> None:
    """From now on the reference stands for nothing."""
    await session.execute(_CLOSE, params={"source": source_id, "reference": reference, "ended": ended})


async def reveal_by_delivery(session: AsyncSession, *, digests: Sequence[bytes]) -> None:
    """Opens the citizens of these digests to a department that delivers about them; for the worker it does nothing."""
    await session.execute(_REVEAL_DELIVERY, params={"digests": list(digests)})


async def reveal_by_reference(session: AsyncSession, *, ref_hash: int, digests: Sequence[bytes]) -> None:
    """Opens the citizen of a department's own record, and those of these digests."""
    await session.execute(_REVEAL_REFERENCE, params={"ref_hash": ref_hash, "digests": list(digests)})


async def end_record(
    session: AsyncSession, now: datetime, *, source_id: int, ref_hash: int, state: str, reason: str
) -> Ended | None:
    """Ends the source's record of this hash; None when none was kept."""
    values = {"source": source_id, "ref_hash": ref_hash, "state": state, "reason": reason, "now": now}
    row = (await session.execute(_END, params=values)).one_or_none()
    return None if row is None else Ended(citizen_id=row.citizen_id, item_id=row.item_id, state=row.state)


async def continue_state(session: AsyncSession, now: datetime, *, source_id: int, ref_hash: int, state: str) -> None:
    """Gives the record of this hash, if it was kept, the state of the one that it corrects."""
    await session.execute(_CONTINUE, params={"source": source_id, "ref_hash": ref_hash, "state": state, "now": now})
