"""What becomes of records after they are stored: announced, contested, repaired, gone. One function, one statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

_STATE: Final = """
    SELECT e.state FROM record_event AS e
    WHERE e.citizen_id = r.citizen_id AND e.source_id = r.source_id AND e.ref_hash = r.ref_hash AND e.at <= :now
    ORDER BY e.at DESC LIMIT 1"""
_OF_RECORD: Final = "r.citizen_id = :citizen AND r.source_id = :source AND r.ref_hash = :ref_hash"
_RECORD: Final = text(f"""
    SELECT i.code AS item, u.merit, o.kind AS source_kind, o.name AS source_name, d.source_ref, d.document_id,
        d.evidence, r.quantity_x100, r.occurred_on, r.ended_on, r.determined_on, r.recorded_at,
        CASE u.counts_from
            WHEN 'OCCURRED' THEN r.occurred_on WHEN 'ENDED' THEN r.ended_on ELSE r.determined_on
        END AS start_on,
        coalesce(({_STATE}), 'ACTIVE') AS state,
        (SELECT max(e.at) FROM record_event AS e
            WHERE e.citizen_id = r.citizen_id AND e.source_id = r.source_id AND e.ref_hash = r.ref_hash
              AND e.state = 'ANNOUNCED') AS announced_at
    FROM credit_record AS r
    JOIN item AS i ON i.id = r.item_id
    JOIN organisation AS o ON o.id = r.source_id
    LEFT JOIN rule_item AS u ON u.rule_set_id = :rule_set AND u.item_id = r.item_id
    LEFT JOIN record_document AS d
        ON d.citizen_id = r.citizen_id AND d.source_id = r.source_id AND d.ref_hash = r.ref_hash
    WHERE {_OF_RECORD}
""")
_TURN: Final = text(f"""
    INSERT INTO record_event (citizen_id, source_id, ref_hash, at, state, reason)
    SELECT r.citizen_id, r.source_id, r.ref_hash, :now, :state, :reason
    FROM credit_record AS r
    WHERE {_OF_RECORD}
""")
_ANNOUNCE: Final = text("""
    WITH told AS (
        INSERT INTO record_event (citizen_id, source_id, ref_hash, at, state)
        SELECT r.citizen_id, r.source_id, r.ref_hash, :now, 'ANNOUNCED'
        FROM credit_record AS r
        JOIN rule_item AS u ON u.rule_set_id = :rule_set AND u.item_id = r.item_id
        WHERE r.source_id = :source AND r.citizen_id = ANY (CAST(:citizens AS integer[]))
          AND r.ref_hash = ANY (CAST(:ref_hashes AS bigint[])) AND r.recorded_at = :now AND NOT u.merit
        RETURNING citizen_id, source_id, ref_hash
    )
    SELECT c.person_id, t.ref_hash, i.code AS item, o.name AS source
    FROM told AS t
    JOIN credit_record AS r
        ON r.citizen_id = t.citizen_id AND r.source_id = t.source_id AND r.ref_hash = t.ref_hash
    JOIN item AS i ON i.id = r.item_id
    JOIN organisation AS o ON o.id = t.source_id
    JOIN citizen AS c ON c.id = t.citizen_id
    ORDER BY c.person_id, t.ref_hash
""")
# Announced on a day that is long enough ago, and nothing has happened to the record since.
_ACTIVATE: Final = text("""
    INSERT INTO record_event (citizen_id, source_id, ref_hash, at, state)
    SELECT e.citizen_id, e.source_id, e.ref_hash, :now, 'ACTIVE'
    FROM record_event AS e
    JOIN citizen AS c ON c.id = e.citizen_id
    WHERE e.state = 'ANNOUNCED' AND c.programme_id = :programme
      AND CAST(e.at AT TIME ZONE :timezone AS date) + CAST(:days AS integer) <= CAST(:today AS date)
      AND NOT EXISTS (
          SELECT FROM record_event AS n
          WHERE n.citizen_id = e.citizen_id AND n.source_id = e.source_id AND n.ref_hash = e.ref_hash AND n.at > e.at)
    RETURNING citizen_id
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordKey:
    """One record: whose, whose report, and the hash of its reference."""

    citizen_id: int
    source_id: int
    ref_hash: int

    def binds(self) -> dict[str, int]:
        """The key as the statements here name it."""
        return {"citizen": self.citizen_id, "source": self.source_id, "ref_hash": self.ref_hash}


async def record(session: AsyncSession, now: datetime, *, key: RecordKey, rule_set_id: int) -> Row[Any] | None:
    """One record with its present state and what the rules make of it; None when there is none."""
    values = {**key.binds(), "rule_set": rule_set_id, "now": now}
    return (await session.execute(_RECORD, params=values)).one_or_none()


async def turn(session: AsyncSession, now: datetime, *, key: RecordKey, state: str, reason: str | None) -> None:
    """Writes down what a record has become."""
    await session.execute(_TURN, params={**key.binds(), "now": now, "state": state, "reason": reason})


async def announce(
    session: AsyncSession,
    now: datetime,
    *,
    rule_set_id: int,
    source_id: int,
    citizens: Sequence[int],
    ref_hashes: Sequence[int],
) -> Sequence[Row[Any]]:
    """Lets those of these new records that are adverse wait; gives whom to tell of which item of which source."""
    values = {"rule_set": rule_set_id, "source": source_id, "now": now}
    lists = {"citizens": list(citizens), "ref_hashes": list(ref_hashes)}
    return (await session.execute(_ANNOUNCE, params={**values, **lists})).all()


async def activate(
    session: AsyncSession, now: datetime, *, programme_id: int, timezone: str, days: int, today: date
) -> list[int]:
    """Ends the waiting of every record that was announced so many days ago; gives the citizens."""
    values = {"now": now, "programme": programme_id, "timezone": timezone, "days": days, "today": today}
    return sorted(set((await session.execute(_ACTIVATE, params=values)).scalars()))
