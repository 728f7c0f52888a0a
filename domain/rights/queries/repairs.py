"""Writing repairs: one function, one statement."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.rights.queries.cases import Decided
from domain.rights.rules.clocks import Due
from domain.scoring.queries.states import RecordKey

_ADD: Final = text("""
    INSERT INTO repair (person_id, citizen_id, programme_id, source_id, ref_hash, sealed_statement, opened_at, due_on,
        provisional)
    VALUES (:person, :citizen, :programme, :source, :ref_hash, :sealed_statement, :now, :due_on, :provisional)
    ON CONFLICT DO NOTHING
    RETURNING id
""")
_COLUMNS: Final = """id, person_id, citizen_id, programme_id, source_id, ref_hash, status, due_on, extended_at,
        decided_by"""
_LOCK: Final = text(f"SELECT {_COLUMNS} FROM repair WHERE id = :id FOR UPDATE")
_OVERDUE: Final = text(f"""
    SELECT {_COLUMNS}
    FROM repair
    WHERE programme_id = :programme AND decided_at IS NULL AND due_on < CAST(:today AS date)
    ORDER BY due_on, id
    LIMIT :limit
    FOR UPDATE SKIP LOCKED
""")
_EXTEND: Final = text("""
    UPDATE repair SET status = 'EXTENDED', extended_at = :now, due_on = :due_on, provisional = :provisional
    WHERE id = :id
""")
_DECIDE: Final = text("""
    UPDATE repair
    SET status = :outcome, decided_at = :now, decided_by = :officer, sealed_decision = :sealed_decision,
        remedy_until = :remedy_until
    WHERE id = :id
""")
_WITHDRAW_ALL: Final = text("""
    UPDATE repair SET status = 'WITHDRAWN', decided_at = :now
    WHERE person_id = :person AND programme_id = :programme AND decided_at IS NULL
    RETURNING id
""")
_KEEP_COPY: Final = text("""
    INSERT INTO repaired_record (repair_id, person_id, programme_id, at, wrapped_key, sealed_copy)
    VALUES (:repair, :person, :programme, :now, :wrapped_key, :sealed_copy)
""")


async def add_repair(
    session: AsyncSession, now: datetime, *, whose: tuple[int, int], key: RecordKey, sealed_statement: bytes, due: Due
) -> int | None:
    """Stores a request for repair; None when one for the same record is under way. `whose` is person and programme."""
    values = {
        **key.binds(),
        "person": whose[0],
        "programme": whose[1],
        "sealed_statement": sealed_statement,
        "now": now,
        "due_on": due.on,
        "provisional": due.provisional,
    }
    number: int | None = (await session.execute(_ADD, params=values)).scalar_one_or_none()
    return number


async def lock_repair(session: AsyncSession, *, repair_id: int) -> Row[Any] | None:
    """One repair that this transaction may see, locked."""
    return (await session.execute(_LOCK, params={"id": repair_id})).one_or_none()


async def lock_overdue(session: AsyncSession, *, programme_id: int, today: date, limit: int) -> Sequence[Row[Any]]:
    """Repairs that nobody has decided in time, locked."""
    values = {"programme": programme_id, "today": today, "limit": limit}
    return (await session.execute(_OVERDUE, params=values)).all()


async def extend(session: AsyncSession, now: datetime, *, repair_id: int, due: Due) -> None:
    """Gives a repair more time."""
    values = {"id": repair_id, "now": now, "due_on": due.on, "provisional": due.provisional}
    await session.execute(_EXTEND, params=values)


async def decide(session: AsyncSession, now: datetime, *, repair_id: int, decided: Decided) -> None:
    """Closes a case with a decision."""
    values = {
        "id": repair_id,
        "now": now,
        "outcome": decided.outcome,
        "officer": decided.officer_id,
        "sealed_decision": decided.sealed_decision,
        "remedy_until": decided.remedy_until,
    }
    await session.execute(_DECIDE, params=values)


async def keep_copy(
    session: AsyncSession, now: datetime, *, repair: Row[Any], wrapped_key: bytes, sealed_copy: bytes
) -> None:
    """Keeps what was repaired for the auditor; nobody who writes it can read it again."""
    values = {
        "repair": repair.id,
        "person": repair.person_id,
        "programme": repair.programme_id,
        "now": now,
        "wrapped_key": wrapped_key,
        "sealed_copy": sealed_copy,
    }
    await session.execute(_KEEP_COPY, params=values)


async def withdraw_all(session: AsyncSession, now: datetime, *, person_id: int, programme_id: int) -> Sequence[int]:
    """Takes every repair back that one person has asked for and nobody has decided."""
    values = {"now": now, "person": person_id, "programme": programme_id}
    return (await session.execute(_WITHDRAW_ALL, params=values)).scalars().all()
