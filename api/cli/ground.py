"""The ground a service stands on: a database that answers, is new enough, and has its tables up to date."""

import asyncio
import os
from urllib.parse import urlsplit

import asyncpg

import migrations
from api.embedded import Urls
from api.errors import CannotStart
from api.settings import role_in

_OLDEST_SERVER = 18
_CONNECT_LIMIT_S = 5.0


def bring_forward(databases: Urls) -> None:
    """Migrates the database to the newest step, if it is one that we can use."""
    check(databases.owner)
    migrations.upgrade(databases.owner, app_role=role_in(databases.app), worker_role=role_in(databases.worker))


def check(url: str) -> None:
    """Raises CannotStart when the database does not answer or is too old."""
    asyncio.run(check_server(url))


async def check_server(url: str) -> None:
    """Raises CannotStart when the database does not answer or is too old."""
    place = _place(url)
    try:
        connection = await asyncpg.connect(url.replace("+asyncpg", "", 1), timeout=_CONNECT_LIMIT_S)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        raise CannotStart(
            f"The database at {place} refuses {role_in(url)} ({error}): check the address and the password."
        ) from error
    except (OSError, TimeoutError) as error:
        raise CannotStart(
            f"The database at {place} cannot be reached ({_reason(error)}): check the address and that it runs."
        ) from error
    version = connection.get_server_version()
    await connection.close()
    if version.major < _OLDEST_SERVER:
        raise CannotStart(f"The database is PostgreSQL {version.major}: this program needs 18 or later, so upgrade it.")


def check_people(url: str, *, issuer: str) -> None:
    """Raises CannotStart when the database holds people whom another issuer knows: they are real."""
    strangers = asyncio.run(_other_issuers(url, issuer))
    if strangers:
        raise CannotStart(
            f"The database at {_place(url)} holds people of {', '.join(strangers)}, who are not a demo's: "
            "name another database, or start the service with `benefits serve`."
        )


async def _other_issuers(url: str, issuer: str) -> list[str]:
    await check_server(url)
    connection = await asyncpg.connect(url.replace("+asyncpg", "", 1), timeout=_CONNECT_LIMIT_S)
    try:
        rows = await connection.fetch("SELECT DISTINCT issuer FROM person WHERE issuer <> $1 LIMIT 3", issuer)
    except asyncpg.UndefinedTableError:
        return []
    finally:
        await connection.close()
    return [row["issuer"] for row in rows]


def _place(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2] or "its socket"


def _reason(error: OSError) -> str:
    """The system's word for it; a name that cannot be looked up has a negative number and words of its own."""
    if error.errno is None:
        return "no answer in time"
    return os.strerror(error.errno) if error.errno > 0 else str(error.strerror)
