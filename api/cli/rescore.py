"""`benefits rescore`: works out everybody's score again, on two connections."""

import asyncio
from pathlib import Path

from api.cli.ground import check
from api.cli.places import joined_settings
from api.cli.terminal import Advance, say, step
from api.database import WorkerDatabase
from api.errors import CannotStart
from api.settings import Settings
from domain.actor import ANONYMOUS
from domain.scoring import rescoring
from domain.scoring.rescoring import Recalculation
from domain.vault import Vault

_CONNECTIONS = 2


def rescore(*, programme: str | None = None, data: Path | None = None) -> None:
    """Work out everybody's score again; only what differs is written.

    The same command again goes on where it was broken off, as long as day and rules are the same.

    Parameters
    ----------
    programme
        The programme's code, such as rongcheng; all of them without it.
    data
        The data folder of a running demo; without it the database of DATABASE_WORKER_URL.
    """
    settings = joined_settings(data)
    check(settings.database_worker_url)
    with step("Working out scores") as advance:
        count = asyncio.run(_rescore(settings, programme, advance))
    say(f"{count} scores were worked out.")


async def _rescore(settings: Settings, programme: str | None, advance: Advance) -> int:
    database = WorkerDatabase(settings.database_worker_url, Vault(settings.vault_key), pool_size=_CONNECTIONS)
    try:
        async with database.transaction(ANONYMOUS) as unit:
            works = await rescoring.begin(unit.session, unit.now, programme=programme)
        if not works:
            raise CannotStart(f"There is no programme {programme!r} with rules in force: check the code.")
        return await _Crew(database, works, advance).work()
    finally:
        await database.dispose()


class _Crew:
    """As many as there are connections, each taking the next open part."""

    def __init__(self, database: WorkerDatabase, works: list[Recalculation], advance: Advance) -> None:
        self._database = database
        self._open = [(work, part, reached) for work in works for part, reached in work.parts.items()]
        self._total = sum(work.citizens for work in works)
        self._advance = advance
        self._done = 0

    async def work(self) -> int:
        """Works until no part is open; gives how many scores there were."""
        async with asyncio.TaskGroup() as group:
            for _ in range(_CONNECTIONS):
                group.create_task(self._take_parts())
        return self._done

    async def _take_parts(self) -> None:
        while self._open:
            await self._finish(*self._open.pop(0))

    async def _finish(self, work: Recalculation, part: int, after: int) -> None:
        finished = False
        while not finished:
            async with self._database.transaction(ANONYMOUS) as unit:
                reached = await rescoring.rescore_batch(unit.session, unit.now, work=work, part=part, after=after)
            after, finished = reached.citizen_id, reached.finished
            self._done += reached.count
            self._advance(self._done, self._total)
