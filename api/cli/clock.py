"""`benefits clock`: moves the business time of a demo forward."""

import asyncio
import re
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from api.cli.places import joined_settings
from api.cli.terminal import say
from api.database import WorkerDatabase
from api.errors import CannotStart
from api.settings import Settings
from domain import clock as business
from domain.actor import ANONYMOUS
from domain.errors import InvalidInput
from domain.vault import Vault

_STEP = re.compile(r"\+(\d{1,5})([mhd])")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_ZONE = ZoneInfo("Asia/Shanghai")


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
    try:
        moved = asyncio.run(_move(settings, None if by is None else _step(by), until))
    except InvalidInput as refused:
        raise CannotStart(str(refused)) from refused
    say(f"It is {moved.astimezone(_ZONE):%Y-%m-%d %H:%M} in the demo's cities.")


def _step(by: str) -> timedelta:
    match = _STEP.fullmatch(by)
    if match is None:
        raise CannotStart(f"{by!r} is no stretch of time: write +30m, +3h or +40d.")
    return int(match[1]) * _UNITS[match[2]]


async def _move(settings: Settings, by: timedelta | None, until: date | None) -> datetime:
    database = WorkerDatabase(settings.database_worker_url, Vault(settings.vault_key), pool_size=1)
    try:
        async with database.transaction(ANONYMOUS) as unit:
            if until is not None:
                by = datetime.combine(until, time(), _ZONE).astimezone(UTC) - unit.now
            return unit.now if by is None else await business.move(unit.session, unit.now, by=by)
    finally:
        await database.dispose()
