"""`benefits clock`: moves the business time of a demo forward, and waits for what the skipped days bring."""

import asyncio
import re
from datetime import date, datetime, timedelta
from pathlib import Path

from api.cli.places import joined_settings
from api.cli.terminal import Advance, say, step
from api.daily import outstanding_days, run_days
from api.database import WorkerDatabase
from api.errors import CannotStart
from api.settings import Settings
from domain import clock as business
from domain.actor import ANONYMOUS
from domain.errors import InvalidInput
from domain.values import midnight
from domain.vault import Vault
from seeds.demo import top_up_all

_STEP = re.compile(r"\+(\d{1,5})([mhd])")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_LONGEST = timedelta(days=10 * 366)
_LOOK_EVERY_S = 0.1


def clock(by: str | None = None, *, until: date | None = None, data: Path | None = None) -> None:
    """Move a demo's business time forward, or say what it is.

    Parameters
    ----------
    by
        How far, such as +30m, +3h or +40d.
    until
        The day on whose first minute it shall be, such as 2027-01-01.
    data
        The folder of the running demo.
    """
    settings = joined_settings(data)
    if not settings.demo:
        raise CannotStart("OIDC_ISSUER is set, so this is no demo: a city's time is the time.")
    if by is not None and until is not None:
        raise CannotStart("A stretch and a day are two answers to one question: give +40d, or --until 2027-01-01.")
    stretch = None if by is None else _step(by)
    try:
        with step("Running the jobs of the skipped days") as advance:
            moved = asyncio.run(_move(settings, stretch, until, advance))
    except InvalidInput as refused:
        raise CannotStart(str(refused)) from refused
    say(f"It is {moved.astimezone(business.ZONE):%Y-%m-%d %H:%M} in the demo's cities.")


def _step(by: str) -> timedelta:
    match = _STEP.fullmatch(by)
    if match is None:
        raise CannotStart(f"{by!r} is no stretch of time: write +30m, +3h or +40d.")
    return int(match[1]) * _UNITS[match[2]]


async def _move(settings: Settings, by: timedelta | None, until: date | None, advance: Advance) -> datetime:
    """Every process has taken the new time over with its next transaction; what days bring takes longer."""
    database = WorkerDatabase(settings.database_worker_url, Vault(settings.vault_key), pool_size=2)
    try:
        async with database.transaction(ANONYMOUS) as unit:
            if until is not None:
                by = midnight(until, business.ZONE) - unit.now
            if by is None:
                return unit.now
            if by > _LONGEST:
                raise CannotStart("That is more than ten years ahead: move the clock in smaller steps.")
            await business.move(unit.session, unit.now, by=by)
        await _live_through(database, advance)
        async with database.transaction(ANONYMOUS) as unit:
            await top_up_all(unit.session, unit.now)
            return unit.now
    finally:
        await database.dispose()


async def _live_through(database: WorkerDatabase, advance: Advance) -> None:
    """Runs the skipped days, or waits for the worker that has begun to."""
    total = len(await outstanding_days(database))
    while not await run_days(database, advance):
        left = len(await outstanding_days(database))
        advance(total - left, total)
        await asyncio.sleep(_LOOK_EVERY_S)
