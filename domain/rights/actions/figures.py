"""What a programme tells about itself, worked out once a day, part by part of its people. Runs as the worker.

queue_figures(session, now, *, programme_id)         daily
count_part(session, now, *, programme_id, part)      one part of the people
note_figures(session, now, *, programme_id, counted) when all parts are counted
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from domain import jobs
from domain.incentives import queries as incentives
from domain.incentives.queries import population
from domain.incentives.rules.population import qualifies
from domain.incentives.rules.standing import Catalogue, Rules
from domain.programmes import queries as programmes
from domain.programmes.queries import releases
from domain.programmes.rules.codec import from_json
from domain.programmes.rules.document import Group, RuleSetDocument
from domain.rights.queries import figures as queries
from domain.rights.rules.figures import Figures, ProductFigures, Year, year_of

JOB: Final = "FIGURES"
AT_ONCE: Final = 250


@dataclass(slots=True, kw_only=True)
class Counted:
    """Sums over the parts of a population that have been counted so far."""

    never_used: Counter[str] = field(default_factory=Counter)
    records: int = 0
    recorded: int = 0

    def add(self, other: "Counted") -> None:
        """One part more."""
        self.never_used.update(other.never_used)
        self.records += other.records
        self.recorded += other.recorded


async def queue_figures(session: AsyncSession, now: datetime, *, programme_id: int) -> None:
    """Asks for the day's figures, unless they wait to be worked out already."""
    await jobs.enqueue_once(session, kind=JOB, subject=programme_id, not_before=now)


async def count_part(session: AsyncSession, now: datetime, *, programme_id: int, part: int) -> Counted:
    """One part of the people: who could use what and never has, and how many records came in this year."""
    await population.only_read(session)
    year, day = await _year(session, now, programme_id)
    catalogue = await _catalogue(session, now, programme_id=programme_id, day=day)
    products = await incentives.published(session, programme_id=programme_id)
    sums = Counted(never_used=Counter({product.code: 0 for product in products}))
    after = 0
    while catalogue is not None and (
        people := await population.people(session, programme_id=programme_id, part=part, after=after, limit=AT_ONCE)
    ):
        after = people[-1].citizen_id
        numbers = [person.citizen_id for person in people]
        used = await queries.used(session, citizens=numbers)
        standings = await incentives.standings(session, now, citizens=numbers, catalogue=catalogue)
        for citizen, standing in standings.items():
            for product in products:
                if (citizen, product.code) not in used and qualifies(product, catalogue, standing):
                    sums.never_used[product.code] += 1
        came_in = await queries.records(session, citizens=numbers, year=year)
        sums.records += came_in.records
        sums.recorded += came_in.people
    return sums


async def note_figures(session: AsyncSession, now: datetime, *, programme_id: int, counted: Counted) -> None:
    """Writes the year as it stands. What was once counted stays counted, when a sale is cut from its person."""
    year, day = await _year(session, now, programme_id)
    people = await queries.people(session, programme_id=programme_id, year=year)
    sales = await queries.sales(session, programme_id=programme_id, year=year)
    users = await queries.beneficiaries(session, programme_id=programme_id, year=year)
    before = await queries.saved(session, programme_id=programme_id, year=year.number) or Figures()
    figures = Figures(
        **people._mapping,
        records=counted.records,
        recorded=counted.recorded,
        beneficiaries=max(users.get(None, 0), before.beneficiaries or 0),
        redemptions=sum(one.redemptions for one in sales),
        relief_fen=int(sum(one.relief_fen for one in sales)),
        deposits_waived_fen=int(sum(one.deposits_fen for one in sales)),
        by_product=_by_product(counted.never_used, {one.product_code: one for one in sales}, users, before),
    )
    await queries.save(session, programme_id=programme_id, year=year.number, day=day, figures=figures)
    await queries.save_uptake(session, programme_id=programme_id, day=day, counts=counted.never_used)


def _by_product(
    never_used: Mapping[str, int], sales: Mapping[str, Any], users: Mapping[str | None, int], before: Figures
) -> tuple[ProductFigures, ...]:
    earlier = {one.code: one.beneficiaries or 0 for one in before.by_product}
    return tuple(
        ProductFigures(
            code=code,
            beneficiaries=max(users.get(code, 0), earlier.get(code, 0)),
            eligible_never_used=never_used.get(code),
            **_sales_of(sales.get(code)),
        )
        for code in sorted(never_used.keys() | sales.keys() | earlier.keys())
    )


def _sales_of(row: Any) -> dict[str, int]:
    """The sums over a product's sales; zeros where there were none."""
    sums = ("redemptions", "relief_fen", "deposits_fen", "largest_fen")
    return {name: 0 if row is None else int(getattr(row, name)) for name in sums}


async def _year(session: AsyncSession, now: datetime, programme_id: int) -> tuple[Year, date]:
    row = await releases.programme_day(session, now, programme_id=programme_id)
    return year_of(row.today.year, ZoneInfo(row.timezone)), row.today


async def _catalogue(session: AsyncSession, now: datetime, *, programme_id: int, day: date) -> Catalogue | None:
    """What decides on a day; None before the first rules."""
    row = await releases.programme_day(session, now, programme_id=programme_id)
    rules = await programmes.rule_set_on(session, programme_id=programme_id, day=day)
    if rules is None:
        return None
    return Catalogue(
        today=day,
        zone=ZoneInfo(row.timezone),
        rule_set_id=rules.id,
        rules=Rules(
            rule_set=from_json(RuleSetDocument, rules.content),
            groups=tuple(from_json(Group, one) for one in row.content["groups"]),
            stars_hours=tuple(row.content["stars_hours"]),
            baseline_valid_months=row.content["baseline_valid_months"],
        ),
        products={},
    )
