"""`benefits import`: takes a department's file into a running demo or a service."""

import asyncio
from pathlib import Path
from typing import Literal

from api.cli.ground import check
from api.cli.places import joined_settings
from api.cli.terminal import Advance, say, step
from api.database import WorkerDatabase
from api.errors import CannotStart
from api.importing import FileImport
from api.settings import Settings
from domain.actor import ANONYMOUS
from domain.errors import DomainError
from domain.programmes import queries as programmes
from domain.scoring.queries.imports import Run
from domain.vault import Vault


def import_file(
    file: Path,
    /,
    *,
    programme: str,
    source: str,
    kind: Literal["records", "dwellings", "accounts"] = "records",
    data: Path | None = None,
) -> None:
    """Take a department's file; api/cli/formats.py says what stands in it.

    Parameters
    ----------
    file
        The file to take.
    programme
        The programme's code, such as rongcheng.
    source
        The code of the organisation that delivers, such as culture.
    kind
        What the lines are.
    data
        The data folder of a running demo; without it the database of DATABASE_WORKER_URL.
    """
    settings = joined_settings(data)
    check(settings.database_worker_url)
    try:
        with step(f"Importing {file.name}") as advance:
            run, refusals = asyncio.run(_import(settings, file, (programme, source), kind, advance))
    except DomainError as refused:
        raise CannotStart(str(refused)) from refused
    except OSError as problem:
        raise CannotStart(
            f"{problem.filename or file} cannot be used ({problem.strerror}): check the path."
        ) from problem
    lines = run.accepted + run.duplicates + run.refused
    say(f"{lines} lines: {run.accepted} accepted, {run.duplicates} duplicates, {run.refused} refused")
    if run.refused:
        say(f"What was refused, and why, stands in {refusals}")


async def _import(
    settings: Settings, file: Path, codes: tuple[str, str], kind: str, advance: Advance
) -> tuple[Run, Path]:
    database = WorkerDatabase(settings.database_worker_url, Vault(settings.vault_key), pool_size=1)
    try:
        source_id = await organisation_id(database, *codes)
        delivery = FileImport(database, path=file, source_id=source_id, kind=kind)
        return await delivery.run(advance), delivery.refusals
    finally:
        await database.dispose()


async def organisation_id(database: WorkerDatabase, programme: str, code: str) -> int:
    """The number behind the two codes. Raises: CannotStart."""
    async with database.reading(ANONYMOUS) as unit:
        known = {row.code: row.id for row in await programmes.programmes(unit.session)}
        places = await programmes.organisations(unit.session)
    if programme not in known:
        raise CannotStart(f"There is no programme {programme!r}: take one of {', '.join(sorted(known))}.")
    here = [place for place in places if place.programme_id == known[programme]]
    for place in here:
        if place.code == code:
            return int(place.id)
    departments = ", ".join(sorted(place.code for place in here if place.kind == "DEPARTMENT"))
    raise CannotStart(f"{programme} has no organisation {code!r}: its departments are {departments}.")
