"""Working out everybody's score again, part by part; it can be broken off and taken up on the same day."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from domain.programmes import queries as programmes
from domain.scoring.actions import rescore
from domain.scoring.queries import rescoring as queries
from domain.values import words

BATCH: Final = 2000
_CAUSE: Final = words("重新计算", "Worked out again")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalculation:
    """One programme's recalculation: by which rules, as of which day, and the parts still open."""

    programme_id: int
    rule_set_id: int
    day: date
    citizens: int
    parts: dict[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """How far a part has come: the last citizen, how many there were, and whether that was the end."""

    citizen_id: int
    count: int
    finished: bool


async def begin(session: AsyncSession, now: datetime, *, programme: str | None) -> list[Recalculation]:
    """Starts over with one programme or all, or finds what is left of a recalculation of the same day and rules."""
    begun = []
    for row in await programmes.programmes(session):
        if programme not in (None, row.code):
            continue
        today = now.astimezone(ZoneInfo(str(row.content["timezone"]))).date()
        rules = await programmes.rule_set_on(session, programme_id=row.id, day=today)
        if rules is None:
            continue
        await queries.begin_parts(session, programme_id=row.id, rule_set_id=rules.id, day=today)
        begun.append(
            Recalculation(
                programme_id=row.id,
                rule_set_id=rules.id,
                day=today,
                citizens=await queries.scored(session, programme_id=row.id),
                parts=await queries.open_parts(session, programme_id=row.id),
            )
        )
    return begun


async def rescore_batch(session: AsyncSession, now: datetime, *, work: Recalculation, part: int, after: int) -> Reached:
    """The next citizens of a part: only a score that differs is written, and only one that moves has a change."""
    citizens = await queries.batch(session, programme_id=work.programme_id, part=part, after=after, limit=BATCH)
    await rescore(session, now, citizens=citizens, rule_set_id=work.rule_set_id, today=work.day, cause=_CAUSE)
    reached = Reached(
        citizen_id=citizens[-1] if citizens else after, count=len(citizens), finished=len(citizens) < BATCH
    )
    await queries.reach(
        session, programme_id=work.programme_id, part=part, reached=reached.citizen_id, finished=reached.finished
    )
    return reached
