"""Writing objections: one function, one statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.rights.rules.clocks import Due

_CONTESTED_BEFORE: Final = text("""
    SELECT EXISTS (
        SELECT FROM objection
        WHERE person_id = :person AND programme_id = :programme AND target = :target
          AND subject_key = CAST(:subject_key AS bigint[]))
""")
_ADD: Final = text("""
    INSERT INTO objection (person_id, citizen_id, programme_id, target, subject_key, sealed_reason, opened_at,
        opened_on, due_on, provisional, review_of, eve)
    VALUES (:person, :citizen, :programme, :target, CAST(:subject_key AS bigint[]), :sealed_reason, :now,
        :opened_on, :due_on, :provisional, :review_of, coalesce(CAST(:eve AS timestamptz), :now))
    ON CONFLICT DO NOTHING
    RETURNING id
""")
_COLUMNS: Final = """id, person_id, citizen_id, programme_id, target, subject_key, status, opened_at, opened_on,
        due_on, review_of, eve, extended_at, source_id, handled_by, decided_at, decided_by, remedy_until"""
_LOCK: Final = text(f"SELECT {_COLUMNS} FROM objection WHERE id = :id FOR UPDATE")
_OVERDUE: Final = text(f"""
    SELECT {_COLUMNS}
    FROM objection
    WHERE programme_id = :programme AND decided_at IS NULL AND due_on < CAST(:today AS date)
      AND status IN ('OPEN', 'WITH_SOURCE', 'EXTENDED')
    ORDER BY due_on, id
    LIMIT :limit
    FOR UPDATE SKIP LOCKED
""")
_WITHDRAW: Final = text("UPDATE objection SET status = 'WITHDRAWN' WHERE id = :id")
_WITHDRAW_ALL: Final = text("""
    UPDATE objection SET status = 'WITHDRAWN'
    WHERE person_id = :person AND programme_id = :programme AND status IN ('OPEN', 'WITH_SOURCE', 'EXTENDED')
    RETURNING id, target, subject_key
""")
# A case that is over, and can be taken no further, keeps no number of a sale that is cut from its person, nor the
# digest of a request that named it.
_FORGET_SALES: Final = text("""
    WITH cut AS (
        UPDATE objection AS o SET subject_key = '{0}'
        WHERE o.programme_id = :programme AND o.target = 'REDEMPTION' AND o.subject_key <> '{0}'
          AND o.status NOT IN ('OPEN', 'WITH_SOURCE', 'EXTENDED')
          AND (o.remedy_until IS NULL OR o.remedy_until < CAST(:today AS date))
          AND NOT EXISTS (SELECT FROM redemption_holder AS h WHERE h.redemption_id = o.subject_key[1])
        RETURNING o.id, o.person_id
    )
    DELETE FROM idempotency AS i USING cut AS c
    WHERE i.principal = 'person:' || c.person_id AND i.operation = 'object_to' AND i.result ->> 'id' = c.id::text
""")
_HAND_OVER: Final = text("""
    UPDATE objection
    SET status = 'WITH_SOURCE', source_id = :source, source_due_on = :source_due_on, sealed_question = :sealed_question,
        due_on = :due_on, provisional = :provisional, handled_by = :officer
    WHERE id = :id
""")
_ANSWER: Final = text("""
    UPDATE objection
    SET status = CASE WHEN extended_at IS NULL THEN 'OPEN' ELSE 'EXTENDED' END, finding = :finding,
        answered_at = :now
    WHERE id = :id
""")
_EXTEND: Final = text("""
    UPDATE objection
    SET status = CASE WHEN status = 'WITH_SOURCE' THEN status ELSE 'EXTENDED' END, extended_at = :now,
        due_on = :due_on, provisional = :provisional
    WHERE id = :id
""")
_DECIDE: Final = text("""
    UPDATE objection
    SET status = :outcome, decided_at = :now, decided_by = :officer, sealed_decision = :sealed_decision,
        remedy_until = :remedy_until, restored = CAST(:restored AS bigint[])
    WHERE id = :id
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewObjection:
    """An objection to store. `eve` is from when on something may have been missed: that of the first objection."""

    person_id: int
    citizen_id: int | None
    programme_id: int
    target: str
    subject_key: Sequence[int]
    sealed_reason: bytes
    opened_on: date
    due: Due
    review_of: int | None = None
    eve: datetime | None = None


async def contested_before(
    session: AsyncSession, *, person_id: int, programme_id: int, target: str, subject_key: Sequence[int]
) -> bool:
    """Whether this person has objected to this very thing before."""
    values = {"person": person_id, "programme": programme_id, "target": target, "subject_key": list(subject_key)}
    return bool((await session.execute(_CONTESTED_BEFORE, params=values)).scalar_one())


async def add_objection(session: AsyncSession, now: datetime, *, new: NewObjection) -> int | None:
    """Stores an objection; None when one about the same thing is under way, or reviewed already."""
    values = {
        "person": new.person_id,
        "citizen": new.citizen_id,
        "programme": new.programme_id,
        "target": new.target,
        "subject_key": list(new.subject_key),
        "sealed_reason": new.sealed_reason,
        "now": now,
        "opened_on": new.opened_on,
        "due_on": new.due.on,
        "provisional": new.due.provisional,
        "review_of": new.review_of,
        "eve": new.eve,
    }
    number: int | None = (await session.execute(_ADD, params=values)).scalar_one_or_none()
    return number


async def lock_objection(session: AsyncSession, *, objection_id: int) -> Row[Any] | None:
    """One objection that this transaction may see, locked."""
    return (await session.execute(_LOCK, params={"id": objection_id})).one_or_none()


async def lock_overdue(session: AsyncSession, *, programme_id: int, today: date, limit: int) -> Sequence[Row[Any]]:
    """Objections that nobody has decided in time, locked; those that somebody is deciding now are left to them."""
    values = {"programme": programme_id, "today": today, "limit": limit}
    return (await session.execute(_OVERDUE, params=values)).all()


async def withdraw(session: AsyncSession, *, objection_id: int) -> None:
    """The person has taken it back."""
    await session.execute(_WITHDRAW, params={"id": objection_id})


async def forget_sales(session: AsyncSession, *, programme_id: int, today: date) -> None:
    """Takes the numbers of sales that are cut from their person out of the cases about them. Runs as the worker."""
    await session.execute(_FORGET_SALES, params={"programme": programme_id, "today": today})


async def withdraw_all(session: AsyncSession, *, person_id: int, programme_id: int) -> Sequence[Row[Any]]:
    """Takes everything of one person's that is under way back; gives number, target and subject of each."""
    return (await session.execute(_WITHDRAW_ALL, params={"person": person_id, "programme": programme_id})).all()


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question to the department whose record it is."""

    source_id: int
    sealed_question: bytes
    source_due: Due
    case_due: Due


async def hand_over(session: AsyncSession, *, objection_id: int, question: Question, officer_id: int) -> None:
    """Puts the question to the department."""
    values = {
        "id": objection_id,
        "source": question.source_id,
        "source_due_on": question.source_due.on,
        "sealed_question": question.sealed_question,
        "due_on": question.case_due.on,
        "provisional": question.case_due.provisional,
        "officer": officer_id,
    }
    await session.execute(_HAND_OVER, params=values)


async def answer(session: AsyncSession, now: datetime, *, objection_id: int, finding: str) -> None:
    """Notes what the department has found."""
    await session.execute(_ANSWER, params={"id": objection_id, "now": now, "finding": finding})


async def extend(session: AsyncSession, now: datetime, *, objection_id: int, due: Due) -> None:
    """Gives the case more days."""
    values = {"id": objection_id, "now": now, "due_on": due.on, "provisional": due.provisional}
    await session.execute(_EXTEND, params=values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A decision to store; without an officer it is the one that time has made."""

    outcome: str
    officer_id: int | None
    sealed_decision: bytes | None
    remedy_until: date | None
    restored: Sequence[int] = ()


async def decide(session: AsyncSession, now: datetime, *, objection_id: int, decided: Decided) -> None:
    """Closes a case with a decision."""
    values = {
        "id": objection_id,
        "now": now,
        "outcome": decided.outcome,
        "officer": decided.officer_id,
        "sealed_decision": decided.sealed_decision,
        "remedy_until": decided.remedy_until,
        "restored": list(decided.restored),
    }
    await session.execute(_DECIDE, params=values)
