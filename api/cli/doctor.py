"""`benefits doctor`: what the database really grants, and whether it is safe to serve people from it."""

import asyncio
from pathlib import Path

import asyncpg

from api.cli.ground import check_server
from api.cli.places import joined_databases, read_environment
from api.cli.terminal import say
from api.embedded import Urls
from api.settings import role_in

_RECOMMENDED = (18, 6)

_ROLES = """
SELECT rolname AS name,
       rolsuper OR rolbypassrls OR rolcreaterole AS is_too_strong,
       rolsuper,
       rolbypassrls,
       rolcreaterole
  FROM pg_roles
 WHERE rolname = ANY($1)
 ORDER BY rolname
"""

_TABLES = """
SELECT c.relname AS name,
       c.relrowsecurity AND c.relforcerowsecurity AS is_walled,
       (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid) AS policies,
       concat_ws(' ', VARIADIC ARRAY(
           SELECT lower(privilege) FROM unnest($2::text[]) privilege
            WHERE has_table_privilege($1, c.oid, privilege))) AS app,
       concat_ws(' ', VARIADIC ARRAY(
           SELECT lower(privilege) FROM unnest($2::text[]) privilege
            WHERE has_table_privilege($3, c.oid, privilege))) AS worker
  FROM pg_class c
 WHERE c.relnamespace = 'public'::regnamespace
   AND c.relkind IN ('r', 'p')
   AND NOT c.relispartition
 ORDER BY c.relname
"""

_PRIVILEGES = ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE"]


def doctor(*, data: Path | None = None) -> int:
    """Examine the database: version, roles, grants and row security. Status 1 when a role is too strong.

    Parameters
    ----------
    data
        The data folder of a running demo; without it the database of DATABASE_OWNER_URL.
    """
    databases = joined_databases(read_environment(), data)
    return asyncio.run(_examine(databases))


async def _examine(databases: Urls) -> int:
    await check_server(databases.owner)
    connection = await asyncpg.connect(databases.owner.replace("+asyncpg", "", 1), timeout=5)
    try:
        version = connection.get_server_version()
        _tell_version(version.major, version.minor)
        names = [role_in(url) for url in (databases.owner, databases.app, databases.worker)]
        roles = await connection.fetch(_ROLES, names)
        tables = await connection.fetch(_TABLES, names[1], _PRIVILEGES, names[2])
    finally:
        await connection.close()
    _tell_roles(roles)
    _tell_tables(tables)
    is_safe = len(roles) == len(set(names)) and not any(role["is_too_strong"] for role in roles)
    say("The roles are safe." if is_safe else "The roles are NOT safe: see above.")
    return 0 if is_safe else 1


def _tell_version(major: int, minor: int) -> None:
    gap = "" if (major, minor) >= _RECOMMENDED else f"; for a service take {'.'.join(map(str, _RECOMMENDED))} or later"
    say(f"PostgreSQL {major}.{minor}{gap}")


def _tell_roles(roles: list[asyncpg.Record]) -> None:
    for role in roles:
        strong = [name for name in ("rolsuper", "rolbypassrls", "rolcreaterole") if role[name]]
        say(f"role   {role['name']}: {'TOO STRONG: ' + ', '.join(strong) if strong else 'ordinary'}")


def _tell_tables(tables: list[asyncpg.Record]) -> None:
    for table in tables:
        wall = f"row security forced, {table['policies']} policies" if table["is_walled"] else "no row security"
        say(f"table  {table['name']}: {wall}; app: {table['app'] or 'nothing'}; worker: {table['worker'] or 'nothing'}")
