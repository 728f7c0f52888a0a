"""What becomes of a record after it is stored, with the score brought up to date in the same transaction.

turn_record(session, now, *, key, state, rules, cause)       contested, active again, withdrawn, repaired
activate_announced(session, now, *, programme_id, rules, announced_days, timezone)   daily: what has waited counts
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from domain.scoring.actions import rescore
from domain.scoring.queries import states
from domain.scoring.queries.states import RecordKey
from domain.scoring.rules import RecordState
from domain.values import Words, words

WITHDRAWN: Final = "WITHDRAWN"
REPAIRED: Final = "REPAIRED"
DECLINED: Final = "DECLINED"
LIVE: Final = frozenset(state.value for state in RecordState)
COUNTS_NOW: Final = words("公告期满的记录", "A record that had been announced")


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """The rules by which scores are worked out, and the local day."""

    rule_set_id: int
    today: date


async def turn_record(
    session: AsyncSession,
    now: datetime,
    *,
    key: RecordKey,
    state: str,
    rules: InForce,
    cause: Words,
    reason: str | None = None,
) -> None:
    """Writes down what a record has become, and works the score out again."""
    await states.turn(session, now, key=key, state=state, reason=reason)
    citizens = [key.citizen_id]
    await rescore(session, now, citizens=citizens, rule_set_id=rules.rule_set_id, today=rules.today, cause=cause)


async def activate_announced(
    session: AsyncSession, now: datetime, *, programme_id: int, rules: InForce, announced_days: int, timezone: str
) -> int:
    """Lets everything count that was announced so many days ago and not touched since. Runs daily as the worker."""
    citizens = await states.activate(
        session, now, programme_id=programme_id, timezone=timezone, days=announced_days, today=rules.today
    )
    await rescore(session, now, citizens=citizens, rule_set_id=rules.rule_set_id, today=rules.today, cause=COUNTS_NOW)
    return len(citizens)
