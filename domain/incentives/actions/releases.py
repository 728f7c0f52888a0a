"""What new rules do to people: a dry run over everybody beforehand, and what everybody keeps when they begin.

Both go through the population part by part with the lines and decisions of every day, by two rule sets. Run as the
worker; the caller opens one transaction for each step.
"""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from domain.incentives import queries
from domain.incentives.queries import population
from domain.incentives.queries.population import Kept
from domain.incentives.rules.population import (
    PARTS,
    Key,
    Person,
    assess,
    kept_until,
    qualifies,
    rests_on_score,
    written,
)
from domain.incentives.rules.standing import Catalogue, Rules
from domain.programmes.queries import releases
from domain.programmes.rules.codec import from_json
from domain.programmes.rules.document import Group, Product
from domain.programmes.rules.releases import Release
from domain.values import midnight

AT_ONCE: Final = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One population on one day, by two rule sets."""

    programme_id: int
    before: Catalogue
    after: Catalogue
    products: tuple[Product, ...]


async def dry_run_parts(session: AsyncSession, now: datetime, *, dry_run_id: int) -> list[int]:
    """Marks a dry run as running; gives the parts of the population that it has not done yet."""
    await releases.set_dry_run(session, now, dry_run_id=dry_run_id, status="RUNNING")
    row = await releases.dry_run(session, dry_run_id=dry_run_id)
    return [part for part in range(PARTS) if part not in row.parts]


async def assess_part(session: AsyncSession, now: datetime, *, dry_run_id: int, part: int) -> dict[str, int]:
    """What the drafted rules would change in one part of the population. Touches nothing."""
    await population.only_read(session)
    row = await releases.dry_run(session, dry_run_id=dry_run_id)
    pair = await _comparison(session, now, before=row.against_id, after=row.rule_set_id, day=row.day)
    sums: Counter[Key] = Counter()
    async for people in _people(session, pair.programme_id, part):
        numbers = [person.citizen_id for person in people]
        before = await queries.standings(session, now, citizens=numbers, catalogue=pair.before)
        after = await queries.standings(session, now, citizens=numbers, catalogue=pair.after)
        for person in people:
            each = person.citizen_id
            sums.update(
                assess(
                    person,
                    before=(pair.before, before[each]),
                    after=(pair.after, after[each]),
                    products=pair.products,
                )
            )
    return written(sums)


async def note_part(session: AsyncSession, *, dry_run_id: int, part: int, counts: dict[str, int]) -> None:
    """Keeps what one part came to, so that it need not be done again."""
    await releases.add_dry_run_part(session, dry_run_id=dry_run_id, part=part, counts=counts)


async def end_dry_run(session: AsyncSession, now: datetime, *, dry_run_id: int, problems: Sequence[str] = ()) -> None:
    """The result is complete, or there will be none."""
    status = "FAILED" if problems else "DONE"
    await releases.set_dry_run(session, now, dry_run_id=dry_run_id, status=status, problems=tuple(problems))


async def keep_entitlements(session: AsyncSession, now: datetime, *, rule_set_id: int, part: int) -> int:
    """Whoever of one part qualifies on the eve of new rules keeps that; gives how many entitlements there are.

    Nothing is kept of rules that were withdrawn before they began.
    """
    new = await releases.release(session, rule_set_id=rule_set_id)
    begins = new.effective_from or date.max
    old = await releases.release_until(session, programme_id=new.programme_id, day=begins)
    if old is None:
        return 0
    eve = begins - timedelta(days=1)
    pair = await _comparison(session, now, before=old.id, after=new.id, day=eve)
    known_at = min(now, midnight(begins, pair.before.zone))
    products = [product for product in pair.products if rests_on_score(product)]
    count = 0
    async for people in _people(session, pair.programme_id, part):
        kept = await _kept(session, known_at, people=people, pair=pair, products=products, since=begins)
        await population.keep(session, rule_set_id=rule_set_id, since=begins, kept=kept)
        count += len(kept)
    return count


async def _kept(
    session: AsyncSession,
    known_at: datetime,
    *,
    people: Sequence[Person],
    pair: Comparison,
    products: Sequence[Product],
    since: date,
) -> list[Kept]:
    numbers = [person.citizen_id for person in people]
    standings = await queries.standings(session, known_at, citizens=numbers, catalogue=pair.before)
    return [
        Kept(citizen_id=citizen, product_code=product.code, until=kept_until(product, since))
        for citizen, standing in standings.items()
        for product in products
        if qualifies(product, pair.before, standing)
    ]


async def _people(session: AsyncSession, programme_id: int, part: int) -> AsyncIterator[list[Person]]:
    after = 0
    while people := await population.people(session, programme_id=programme_id, part=part, after=after, limit=AT_ONCE):
        yield people
        after = people[-1].citizen_id


async def _comparison(session: AsyncSession, now: datetime, *, before: int, after: int, day: date) -> Comparison:
    old = await releases.release(session, rule_set_id=before)
    new = await releases.release(session, rule_set_id=after)
    row = await releases.programme_day(session, now, programme_id=old.programme_id)
    return Comparison(
        programme_id=old.programme_id,
        before=_catalogue(old, row, day),
        after=_catalogue(new, row, day),
        products=tuple(await queries.published(session, programme_id=old.programme_id)),
    )


def _catalogue(release: Release, row: Any, day: date) -> Catalogue:
    """The rules of a decision, from a programme as it is stored."""
    rules = Rules(
        rule_set=release.document,
        groups=tuple(from_json(Group, one) for one in row.content["groups"]),
        stars_hours=tuple(row.content["stars_hours"]),
        baseline_valid_months=row.content["baseline_valid_months"],
    )
    return Catalogue(today=day, zone=ZoneInfo(row.timezone), rule_set_id=release.id, rules=rules, products={})
