"""`benefits machine`: registers the machine with which a department delivers, by its public key."""

import asyncio
from pathlib import Path

from api.assertions import is_client_id, registered_key
from api.cli.ground import check
from api.cli.imports import organisation_id
from api.cli.places import joined_settings
from api.cli.terminal import say
from api.database import WorkerDatabase
from api.errors import CannotStart
from api.machines import TOKEN_PATH
from api.settings import Settings
from domain.actor import ANONYMOUS
from domain.errors import DomainError
from domain.people.actions.machines import register_machine
from domain.vault import Vault


def machine(name: str, key: Path, /, *, programme: str, source: str, data: Path | None = None) -> None:
    """Register a department's machine, or the next key of one.

    Parameters
    ----------
    name
        How the machine calls itself: small letters, digits, dot, hyphen and underscore.
    key
        A file with its public key, a JWK of type EC and curve P-256.
    programme
        The programme's code, such as rongcheng.
    source
        The code of the organisation that delivers, such as culture.
    data
        The data folder of a running demo; without it the database of DATABASE_WORKER_URL.
    """
    if not is_client_id(name):
        raise CannotStart(f"{name!r} is no name for a machine: take small letters, digits, dot, hyphen, underscore.")
    try:
        public_key = registered_key(key.read_text())
    except (OSError, ValueError) as problem:
        raise CannotStart(f"{key} holds no key to register ({problem}): give a public P-256 key as JWK.") from problem
    settings = joined_settings(data)
    check(settings.database_worker_url)
    try:
        asyncio.run(_register(settings, name, public_key, (programme, source)))
    except DomainError as refused:
        raise CannotStart(str(refused)) from refused
    say(f"{name} may now get tokens from {settings.public_url}{TOKEN_PATH}")


async def _register(settings: Settings, name: str, public_key: dict[str, str], codes: tuple[str, str]) -> None:
    database = WorkerDatabase(settings.database_worker_url, Vault(settings.vault_key), pool_size=1)
    try:
        number = await organisation_id(database, *codes)
        async with database.transaction(ANONYMOUS) as unit:
            await register_machine(
                unit.session,
                unit.actor,
                unit.now,
                client_id=name,
                organisation_id=number,
                public_key=public_key,
            )
    finally:
        await database.dispose()
