"""`benefits partner-codes`: loads a partner's one-time codes."""

import asyncio
from pathlib import Path

from api.cli.ground import check
from api.cli.places import joined_settings
from api.cli.terminal import say
from api.database import WorkerDatabase
from api.errors import CannotStart
from api.settings import Settings
from domain.actor import ANONYMOUS
from domain.errors import DomainError
from domain.programmes import queries as programmes
from domain.redemption.actions.partner_codes import load_codes
from domain.redemption.queries.partner_codes import Pool
from domain.vault import Vault


def partner_codes(file: Path, /, *, programme: str, product: str, data: Path | None = None) -> None:
    """Load a partner's one-time codes: one a line, in UTF-8. A code that is there already is left as it is.

    The codes are sealed. A product that was suspended because they had run out is offered again.

    Parameters
    ----------
    file
        The file with the codes.
    programme
        The programme's code, such as rongcheng.
    product
        The code of the product that gives them.
    data
        The data folder of a running demo; without it the database of DATABASE_WORKER_URL.
    """
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as problem:
        raise CannotStart(f"{file} cannot be read ({problem}): give one code a line, in UTF-8.") from problem
    codes = list(dict.fromkeys(line for line in lines if line))
    settings = joined_settings(data)
    check(settings.database_worker_url)
    try:
        added = asyncio.run(_load(settings, codes, (programme, product)))
    except DomainError as refused:
        raise CannotStart(str(refused)) from refused
    say(f"{len(codes)} codes: {added} added, {len(codes) - added} known already")


async def _load(settings: Settings, codes: list[str], place: tuple[str, str]) -> int:
    database = WorkerDatabase(settings.database_worker_url, Vault(settings.vault_key), pool_size=1)
    programme, product = place
    try:
        async with database.transaction(ANONYMOUS) as unit:
            known = {row.code: row.id for row in await programmes.programmes(unit.session)}
            if programme not in known:
                raise CannotStart(f"There is no programme {programme!r}: check the code.")
            pool = Pool(programme_id=known[programme], product_code=product)
            return await load_codes(unit.session, unit.actor, unit.now, pool=pool, codes=codes)
    finally:
        await database.dispose()
