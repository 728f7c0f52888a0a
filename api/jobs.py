"""Carries out what is queued: each kind of job step by step, one transaction for each step, and again after a fault."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

import structlog

from api.database import WorkerDatabase
from domain import jobs
from domain.actor import ANONYMOUS
from domain.incentives.actions import releases
from domain.incentives.rules.population import PARTS
from domain.jobs import Job
from domain.notices.actions import tell_of_rules
from domain.programmes.actions.releases import DRY_RUN, ENTITLEMENTS, NOTICES
from domain.rights.actions import figures


class BrokenOff(Exception):
    """Whoever tried this job before was ended each time before it could say why."""


_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How one kind of job is done, and what is noted when nobody tries again."""

    run: Callable[[WorkerDatabase, Job], Awaitable[None]]
    give_up: Callable[[WorkerDatabase, Job], Awaitable[None]] | None = None


async def run_dry_run(database: WorkerDatabase, job: Job) -> None:
    """Every part of the population that is not done yet, each in a transaction that only reads.

    It may take long: what people keep is due at a certain midnight, and goes first.
    """
    async with database.transaction(ANONYMOUS) as unit:
        parts = await releases.dry_run_parts(unit.session, unit.now, dry_run_id=job.subject)
    for part in parts:
        await run_jobs(database, _PRESSING)
        async with database.reading(ANONYMOUS) as unit:
            counts = await releases.assess_part(unit.session, unit.now, dry_run_id=job.subject, part=part)
        async with database.transaction(ANONYMOUS) as unit:
            await releases.note_part(unit.session, dry_run_id=job.subject, part=part, counts=counts)
            await jobs.advance(unit.session, unit.now, job=job, reached=part + 1)
    async with database.transaction(ANONYMOUS) as unit:
        await releases.end_dry_run(unit.session, unit.now, dry_run_id=job.subject)


async def give_up_dry_run(database: WorkerDatabase, job: Job) -> None:
    """The office learns that there will be no result."""
    async with database.transaction(ANONYMOUS) as unit:
        problem = f"the dry run broke off {job.attempts} times; start another one"
        await releases.end_dry_run(unit.session, unit.now, dry_run_id=job.subject, problems=(problem,))


async def run_entitlements(database: WorkerDatabase, job: Job) -> None:
    """What everybody keeps, part by part."""
    for part in range(job.reached, PARTS):
        async with database.transaction(ANONYMOUS) as unit:
            await releases.keep_entitlements(unit.session, unit.now, rule_set_id=job.subject, part=part)
            await jobs.advance(unit.session, unit.now, job=job, reached=part + 1)


async def run_notices(database: WorkerDatabase, job: Job) -> None:
    """Everybody hears of new rules, part by part."""
    for part in range(job.reached, PARTS):
        async with database.transaction(ANONYMOUS) as unit:
            await tell_of_rules(unit.session, unit.now, rule_set_id=job.subject, part=(part, PARTS))
            await jobs.advance(unit.session, unit.now, job=job, reached=part + 1)


async def run_figures(database: WorkerDatabase, job: Job) -> None:
    """What a programme tells about itself: every part of its people, each in a transaction that only reads."""
    counted = figures.Counted()
    for part in range(PARTS):
        async with database.reading(ANONYMOUS) as unit:
            counted.add(await figures.count_part(unit.session, unit.now, programme_id=job.subject, part=part))
        async with database.transaction(ANONYMOUS) as unit:
            await jobs.advance(unit.session, unit.now, job=job, reached=part + 1)
    async with database.transaction(ANONYMOUS) as unit:
        await figures.note_figures(unit.session, unit.now, programme_id=job.subject, counted=counted)


_PRESSING: Final[Mapping[str, Kind]] = {ENTITLEMENTS: Kind(run=run_entitlements)}
KINDS: Final[Mapping[str, Kind]] = {
    DRY_RUN: Kind(run=run_dry_run, give_up=give_up_dry_run),
    NOTICES: Kind(run=run_notices),
    figures.JOB: Kind(run=run_figures),
    **_PRESSING,
}


async def run_jobs(database: WorkerDatabase, kinds: Mapping[str, Kind] = KINDS) -> int:
    """Does what waits until nothing does; gives how many jobs were tried."""
    tried = 0
    while (job := await _claim(database, kinds)) is not None:
        await _try(database, kinds[job.kind], job)
        tried += 1
    return tried


async def _claim(database: WorkerDatabase, kinds: Mapping[str, Kind]) -> Job | None:
    async with database.transaction(ANONYMOUS) as unit:
        return await jobs.claim(unit.session, unit.now, kinds=kinds.keys())


async def _try(database: WorkerDatabase, kind: Kind, job: Job) -> None:
    try:
        if job.attempts > jobs.MAX_ATTEMPTS:
            raise BrokenOff
        await kind.run(database, job)
    except Exception as error:
        fault = type(error).__name__
        _log.exception("job_failed", job=job.id, kind=job.kind, attempt=job.attempts, error=fault)
        async with database.transaction(ANONYMOUS) as unit:
            await jobs.fail(unit.session, unit.now, job=job, fault=fault)
        if job.is_last_attempt and kind.give_up is not None:
            await kind.give_up(database, job)
    else:
        async with database.transaction(ANONYMOUS) as unit:
            await jobs.finish(unit.session, unit.now, job=job)
