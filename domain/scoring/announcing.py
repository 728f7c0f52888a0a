"""An adverse record waits before it counts; its person is told at once what it says, and from when on it counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from domain.notices import actions as notices
from domain.notices.rules import Kind, NewNotice
from domain.programmes.rules.document import RuleSetDocument
from domain.scoring.queries import states


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """Who announces what: the source and the rules by which it is adverse, and the first day on which it counts."""

    programme_id: int
    rule_set_id: int
    source_id: int
    document: RuleSetDocument
    counts_from: date


async def announce(
    session: AsyncSession, now: datetime, *, rules: Announced, citizens: Sequence[int], ref_hashes: Sequence[int]
) -> None:
    """Announces the demerits among the records that these citizens have got in this transaction, at this instant."""
    told = await states.announce(
        session,
        now,
        rule_set_id=rules.rule_set_id,
        source_id=rules.source_id,
        citizens=citizens,
        ref_hashes=ref_hashes,
    )
    titles = {item.code: item.title for item in rules.document.items}
    await notices.tell(
        session,
        now,
        notices=[
            NewNotice(
                person_id=row.person_id,
                programme_id=rules.programme_id,
                kind=Kind.RECORD_ANNOUNCED,
                subject=f"record:{rules.source_id}:{row.ref_hash}",
                params={
                    "item": {"zh": titles[row.item].zh, "en": titles[row.item].en},
                    "source": row.source,
                    "from": rules.counts_from.isoformat(),
                },
            )
            for row in told
        ],
    )


def counting_from(announced_on: date, announced_days: int) -> date:
    """The first day on which a record counts that was announced on this day."""
    return announced_on + timedelta(days=announced_days)
