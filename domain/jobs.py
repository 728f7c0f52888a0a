"""What has to be done later, or takes long: queued with the change that asks for it, and carried out by a worker.

A claim is a lease. It is renewed as the job proceeds, and whoever is killed lets go when it has run out; so a job must
bear being done twice.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

LEASE: Final = timedelta(minutes=5)
MAX_ATTEMPTS: Final = 5
_PAUSE: Final = timedelta(seconds=30)
_MAX_FAULT: Final = 200

_ENQUEUE = text("INSERT INTO job (kind, subject, not_before) VALUES (:kind, :subject, :not_before)")
# One that has not begun yet will see what this one would.
_ENQUEUE_ONCE = text("""
    INSERT INTO job (kind, subject, not_before)
    SELECT :kind, :subject, :not_before
    WHERE NOT EXISTS (
        SELECT FROM job AS j
        WHERE j.kind = :kind AND j.subject = :subject AND j.done_at IS NULL AND j.failed_at IS NULL AND j.attempts = 0)
""")
_CLAIM = text("""
    UPDATE job AS j
    SET attempts = j.attempts + 1, claimed_until = :until
    WHERE j.id = (
        SELECT w.id FROM job AS w
        WHERE w.done_at IS NULL AND w.failed_at IS NULL AND w.kind = ANY (CAST(:kinds AS text[]))
          AND w.not_before <= :now AND (w.claimed_until IS NULL OR w.claimed_until <= :now)
        ORDER BY w.not_before, w.id
        LIMIT 1
        FOR UPDATE SKIP LOCKED)
    RETURNING j.id, j.kind, j.subject, j.attempts, j.reached
""")
_ADVANCE = text("""
    UPDATE job SET reached = greatest(reached, :reached), claimed_until = :until
    WHERE id = :job AND done_at IS NULL AND failed_at IS NULL
""")
_FINISH = text("UPDATE job SET done_at = :now, fault = NULL WHERE id = :job AND failed_at IS NULL")
_PUT_BACK = text("UPDATE job SET claimed_until = :until, fault = :fault WHERE id = :job AND done_at IS NULL")
_GIVE_UP = text("UPDATE job SET failed_at = :now, fault = :fault WHERE id = :job AND done_at IS NULL")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One claimed job: what kind, about which row, which attempt this is, and how many steps are done already."""

    id: int
    kind: str
    subject: int
    attempts: int
    reached: int

    @property
    def is_last_attempt(self) -> bool:
        """Whether nobody tries again when this attempt fails."""
        return self.attempts >= MAX_ATTEMPTS


async def enqueue(session: AsyncSession, *, kind: str, subject: int, not_before: datetime) -> None:
    """Queues a job in the transaction of the change that asks for it."""
    await session.execute(_ENQUEUE, params={"kind": kind, "subject": subject, "not_before": not_before})


async def enqueue_once(session: AsyncSession, *, kind: str, subject: int, not_before: datetime) -> None:
    """Queues a job unless the same one waits to begin. Runs as the worker, which may see what waits."""
    await session.execute(_ENQUEUE_ONCE, params={"kind": kind, "subject": subject, "not_before": not_before})


async def claim(session: AsyncSession, now: datetime, *, kinds: Collection[str]) -> Job | None:
    """Takes the job that has waited longest; of several workers each gets another."""
    values = {"now": now, "until": now + LEASE, "kinds": list(kinds)}
    row = (await session.execute(_CLAIM, params=values)).one_or_none()
    return None if row is None else Job(**row._mapping)


async def advance(session: AsyncSession, now: datetime, *, job: Job, reached: int) -> None:
    """Notes how many steps are done, and keeps the claim."""
    await session.execute(_ADVANCE, params={"job": job.id, "reached": reached, "until": now + LEASE})


async def finish(session: AsyncSession, now: datetime, *, job: Job) -> None:
    """Notes that the job is done."""
    await session.execute(_FINISH, params={"job": job.id, "now": now})


async def fail(session: AsyncSession, now: datetime, *, job: Job, fault: str) -> None:
    """Puts the job back for a while, longer each time; after the last attempt, for good."""
    values = {"job": job.id, "fault": fault[:_MAX_FAULT]}
    if job.is_last_attempt:
        await session.execute(_GIVE_UP, params={**values, "now": now})
    else:
        await session.execute(_PUT_BACK, params={**values, "until": now + _PAUSE * job.attempts})
