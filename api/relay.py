"""Sends on what the outbox holds: one notification for all changes of a tenth of a second.

A NOTIFY inside each business transaction would let only one of them commit at a time.
"""

import asyncio
from contextlib import suppress
from typing import Final

import structlog

from api.database import WorkerDatabase
from api.tally import Tally
from domain import outbox
from domain.actor import ANONYMOUS

NAME: Final = "relay"
_PACE_S: Final = 0.1
_RETRY_S: Final = 1.0
_log = structlog.get_logger(__name__)


async def relay(database: WorkerDatabase, stopping: asyncio.Event, tally: Tally) -> None:
    """Relays until `stopping` is set. Of several workers each sends what the others have not claimed."""
    while not stopping.is_set():
        try:
            sent = await _send(database)
            tally.good(NAME)
            # A full batch means that more waits.
            pause = 0.0 if sent == outbox.MAX_BATCH else _PACE_S
        except Exception as error:
            tally.bad(NAME)
            _log.exception("relay_failed", error=type(error).__name__)
            pause = _RETRY_S
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), pause)


async def _send(database: WorkerDatabase) -> int:
    async with database.transaction(ANONYMOUS) as unit:
        return await outbox.relay(unit.session, unit.now)


async def forget(database: WorkerDatabase) -> None:
    """Deletes what was sent more than a day ago."""
    async with database.transaction(ANONYMOUS) as unit:
        await outbox.forget_sent(unit.session, unit.now)
