"""`benefits bench dry-run`: how long drafted rules take over a generated population, and that they touch nothing."""

import asyncio
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg
from sqlalchemy import text

from api.cli.bench_population import Population, populate
from api.cli.ground import bring_forward
from api.cli.terminal import say, step
from api.embedded import Embedded, prepare, superuser_url
from api.errors import CannotStart
from api.jobs import run_jobs
from domain.actor import ANONYMOUS
from domain.incentives.rules.population import GAINING, LOSING, PEOPLE, UNCHANGED, Key, added

# What a dry run writes: how far it is, and its own sums.
_ITS_OWN: Final = ("dry_run", "dry_run_part", "job")
_TABLES: Final = """
    SELECT c.relname FROM pg_class AS c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
      AND c.relname <> ALL ($1)
    ORDER BY c.relname
"""
_CONTENT: Final = "SELECT count(*), coalesce(sum(hashtextextended(CAST(t AS text), 0)), 0) FROM {} AS t"
_SUMS: Final = text("SELECT p.counts FROM dry_run_part AS p WHERE p.dry_run_id = :dry_run")
_STATUS: Final = text("SELECT d.status FROM dry_run AS d WHERE d.id = :dry_run")
Contents = dict[str, tuple[int, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a dry run came to, how long it took, and every table as it was before and after."""

    sums: dict[Key, int]
    seconds: float
    before: Contents
    after: Contents

    @property
    def touched(self) -> list[str]:
        """Tables that the dry run has changed: none, or it is no dry run."""
        return [name for name, content in self.before.items() if self.after[name] != content]


def dry_run(*, people: int = 100_000) -> None:
    """Generate people with records, and try drafted rules on all of them, on a database of their own.

    Parameters
    ----------
    people
        How many people there are; each has up to 15 records.
    """
    if people < 1:
        raise CannotStart("Name at least one person.")
    with tempfile.TemporaryDirectory(prefix="benefits-bench-") as name:
        folder = Path(name)
        prepare(folder)
        embedded = Embedded(folder)
        try:
            with step("Starting"):
                databases = embedded.start()
                bring_forward(databases)
            outcome = asyncio.run(_measure(embedded, people))
        finally:
            embedded.stop()
    if outcome.touched:
        raise CannotStart(f"The dry run has changed {', '.join(outcome.touched)}: its figures mean nothing.")
    for label in (PEOPLE, GAINING, LOSING, UNCHANGED):
        say(f"{label:10} {outcome.sums.get((label,), 0):10}")
    rate = people / outcome.seconds
    rows = sum(count for count, _ in outcome.after.values())
    say(f"{'time':10} {outcome.seconds:10.1f} s, {rate:.0f} people/s")
    say(f"{'untouched':10} {rows:10} rows of {len(outcome.after)} tables, by count and digest before and after")


async def _measure(embedded: Embedded, people: int) -> Outcome:
    with step("Generating people, records and scores") as advance:
        population = await populate(embedded.wait(), people=people, advance=advance)
    try:
        with step("Dry run"):
            return await try_draft(population, superuser_url(embedded.folder))
    finally:
        await population.dispose()


async def try_draft(population: Population, superuser: str) -> Outcome:
    """Does the dry run that waits; looks at every table before and after."""
    before = await _contents(superuser)
    begun = time.perf_counter()
    await run_jobs(population.worker)
    seconds = time.perf_counter() - begun
    return Outcome(sums=await _sums(population), seconds=seconds, before=before, after=await _contents(superuser))


async def _sums(population: Population) -> dict[Key, int]:
    """Raises: CannotStart when the dry run has not come to an end."""
    async with population.worker.reading(ANONYMOUS) as unit:
        values = {"dry_run": population.dry_run_id}
        status = (await unit.session.execute(_STATUS, values)).scalar_one()
        parts = (await unit.session.execute(_SUMS, values)).scalars().all()
    if status != "DONE":
        raise CannotStart(f"The dry run is {status}: the measurement means nothing.")
    return dict(added(parts))


async def _contents(superuser: str) -> Contents:
    """How many rows every table has, and a digest of them all; only who stands above the policies sees every row."""
    connection = await asyncpg.connect(superuser.replace("+asyncpg", "", 1))
    try:
        names = [row["relname"] for row in await connection.fetch(_TABLES, list(_ITS_OWN))]
        contents = {}
        for name in names:
            count, digest = await connection.fetchrow(_CONTENT.format(name))
            contents[name] = (count, digest)
        return contents
    finally:
        await connection.close()
