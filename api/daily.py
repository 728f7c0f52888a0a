"""What each local day of business time brings: its jobs run once, in the order of the days, each as of that morning.

A day is done when every job of every programme is. One process at a time works on days, whoever it is: a worker, or
the command that has just moved a demo's clock.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from api.case_days import turn_cases
from api.database import WorkerDatabase
from domain import upkeep
from domain.actor import ANONYMOUS
from domain.clock import ZONE
from domain.consent.queries import shuffle_looks
from domain.incentives.actions import budget_windows, open_windows
from domain.incentives.queries import published
from domain.programmes import queries as programmes
from domain.programmes.rules.document import Product
from domain.redemption.actions.lives import cut_paid_months, turn_sales
from domain.redemption.actions.upkeep import expire_presentations
from domain.rights.actions.figures import queue_figures
from domain.rights.queries.cases import forget_sales
from domain.scoring.actions import rescore_due
from domain.scoring.queries.due import programmes_due
from domain.values import midnight
from domain.volunteering.actions.upkeep import escalate_overdue

MORNING: Final = time(0, 5)
_LOCK: Final = {"lock": 0x64617973}
_TAKE: Final = text("SELECT pg_try_advisory_lock(:lock)")
_LEAVE: Final = text("SELECT pg_advisory_unlock(:lock)")


@dataclass(frozen=True, slots=True, kw_only=True)
class City:
    """A programme as the days find it. `is_new` when it has just been read: then nothing is taken as done."""

    programme_id: int
    zone: ZoneInfo
    products: Sequence[Product]
    is_new: bool

    def morning(self, day: date, now: datetime) -> datetime:
        """The time at which the jobs of a day act. Never ahead of the clock: today it may be a minute past midnight."""
        return min(datetime.combine(day, MORNING, self.zone), now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Morning:
    """The beginning of a day in one programme."""

    city: City
    day: date
    now: datetime


class Job(Protocol):
    """One job of a day in one programme. A day that was broken off runs it again."""

    def __call__(self, session: AsyncSession, morning: Morning, /) -> Awaitable[None]: ...


async def give_budgets(session: AsyncSession, morning: Morning) -> None:
    """The budgets of windows that begin; most days none does."""
    city, day = morning.city, morning.day
    windows = budget_windows(city.products, day)
    if city.is_new or windows != budget_windows(city.products, day - timedelta(days=1)):
        await open_windows(session, morning.now, programme_id=city.programme_id, windows=windows)


async def turn_lives(session: AsyncSession, morning: Morning) -> None:
    """What becomes late, is let go, paid or handed to the office today; and what is settled is cut from its person."""
    number, day = morning.city.programme_id, morning.day
    await turn_sales(session, morning.now, programme_id=number, today=day)
    await cut_paid_months(session, morning.now, programme_id=number, today=day)
    await forget_sales(session, programme_id=number, today=day)


async def shuffle_yesterdays_looks(session: AsyncSession, morning: Morning) -> None:
    """Nobody shall match the log of who has looked with the sales of that day in the order of both."""
    city = morning.city
    yesterday = midnight(morning.day - timedelta(days=1), city.zone)
    await shuffle_looks(session, programme_id=city.programme_id, day=yesterday)


async def turn_scores(database: WorkerDatabase, city: City, rule_set_id: int, day: date) -> None:
    """The scores from which something has left by date; so many in a transaction that nobody waits for it long."""
    after: int | None = 0
    while after is not None:
        async with database.transaction(ANONYMOUS) as unit:
            after = await rescore_due(
                unit.session,
                city.morning(day, unit.now),
                programme_id=city.programme_id,
                rule_set_id=rule_set_id,
                today=day,
                after=after,
            )


async def hand_over_services(session: AsyncSession, morning: Morning) -> None:
    """The stretches of service that nobody has confirmed in time go to the office."""
    await escalate_overdue(session, morning.now, programme_id=morning.city.programme_id, today=morning.day)


async def ask_for_figures(session: AsyncSession, morning: Morning) -> None:
    """What the programme tells about itself is worked out while nobody waits."""
    await queue_figures(session, morning.now, programme_id=morning.city.programme_id)


DAILY: Final[Sequence[Job]] = (give_budgets, turn_lives, shuffle_yesterdays_looks, hand_over_services, ask_for_figures)

Advance = Callable[[int, int], None]


async def run_days(database: WorkerDatabase, advance: Advance, jobs: Sequence[Job] = DAILY) -> bool:
    """Runs the days that are outstanding; False when another process is at it."""
    async with _alone(database) as alone:
        if not alone:
            return False
        days = await outstanding_days(database)
        version, cities = -1, list[City]()
        for number, day in enumerate(days, start=1):
            version, cities = await _cities(database, version, cities)
            await _run_day(database, cities, day, jobs)
            advance(number, len(days))
    return True


async def outstanding_days(database: WorkerDatabase) -> list[date]:
    """The days up to today whose jobs have not run, in order. The first day of all is the one a service begins on."""
    async with database.reading(ANONYMOUS) as unit:
        last = await upkeep.last_day_done(unit.session)
        today = unit.now.astimezone(ZONE).date()
    begun = today if last is None else last + timedelta(days=1)
    return [begun + timedelta(days=number) for number in range((today - begun).days + 1)]


async def _cities(database: WorkerDatabase, version: int, known: list[City]) -> tuple[int, list[City]]:
    """The programmes, read again when something has been published since."""
    async with database.reading(ANONYMOUS) as unit:
        if unit.catalogue_version == version:
            return version, [replace(city, is_new=False) for city in known]
        found = [
            City(
                programme_id=row.id,
                zone=ZoneInfo(row.content["timezone"]),
                products=await published(unit.session, programme_id=row.id),
                is_new=True,
            )
            for row in await programmes.programmes(unit.session)
        ]
        return unit.catalogue_version, found


async def _run_day(database: WorkerDatabase, cities: Sequence[City], day: date, jobs: Sequence[Job]) -> None:
    async with database.transaction(ANONYMOUS) as unit:
        for city in cities:
            morning = Morning(city=city, day=day, now=city.morning(day, unit.now))
            for job in jobs:
                await job(unit.session, morning)
        if cities:
            await turn_cases(unit.session, cities[0].morning(day, unit.now), today=day)
        await expire_presentations(unit.session, unit.now)
        rules = {row.programme_id: row.rule_set_id for row in await programmes_due(unit.session, today=day)}
    for city in cities:
        if city.programme_id in rules:
            await turn_scores(database, city, rules[city.programme_id], day)
    async with database.transaction(ANONYMOUS) as unit:
        await upkeep.note_day(unit.session, unit.now, day=day)


@asynccontextmanager
async def _alone(database: WorkerDatabase) -> AsyncIterator[bool]:
    """Whether this process alone works on days meanwhile; a process that is killed lets go."""
    async with database.engine.connect() as plain:
        connection = await plain.execution_options(isolation_level="AUTOCOMMIT")
        alone = bool((await connection.execute(_TAKE, _LOCK)).scalar_one())
        try:
            yield alone
        finally:
            if alone:
                await connection.execute(_LEAVE, _LOCK)
