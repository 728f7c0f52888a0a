"""`benefits doctor`: names what is wrong with a deployment, one line each, and what to do about it."""

import asyncio
import json
import platform
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import asyncpg

from api.cli import findings
from api.cli.findings import Finding, Level, RoleFacts, Walls, fault, note, well
from api.cli.ground import check_server
from api.cli.places import joined_databases, joined_settings, read_environment
from api.cli.promised import Grant, Promises, promises_for
from api.cli.terminal import say
from api.database import Database
from api.embedded import Urls
from api.errors import CannotStart
from api.settings import Settings, role_in
from api.tokens import Keyring, TokenRefused, mint_access_token, verify_access_token
from domain import upkeep
from domain.actor import ANONYMOUS, Caller, Role
from domain.vault import Vault

_PROGRAM = "citizen-credit-benefits"
_ANSWER_LIMIT_S = 2.0

_ROLES = """
SELECT r.rolname AS name,
       array_remove(ARRAY[
           CASE WHEN r.rolsuper THEN 'SUPERUSER' END,
           CASE WHEN r.rolbypassrls THEN 'BYPASSRLS' END,
           CASE WHEN r.rolcreaterole THEN 'CREATEROLE' END,
           CASE WHEN r.rolreplication THEN 'REPLICATION' END], NULL) AS strengths,
       ARRAY(SELECT o.rolname::text FROM pg_roles AS o
              WHERE o.oid <> r.oid AND o.rolname <> 'pg_database_owner' AND NOT r.rolsuper
                AND pg_has_role(r.oid, o.oid, 'MEMBER')
              ORDER BY 1) AS may_become
  FROM pg_roles AS r
 WHERE r.rolname = ANY($1)
"""
_GRANTS = """
SELECT g.role, p.privilege, c.relname AS table, has_table_privilege(g.role, c.oid, p.privilege) AS is_whole
  FROM pg_class AS c, unnest($1::text[]) AS g (role), unnest($2::text[]) AS p (privilege)
 WHERE c.relnamespace = 'public'::regnamespace
   AND c.relkind IN ('r', 'p')
   AND NOT c.relispartition
   AND (has_table_privilege(g.role, c.oid, p.privilege)
        OR (p.privilege IN ('SELECT', 'INSERT', 'UPDATE') AND has_any_column_privilege(g.role, c.oid, p.privilege)))
"""
_WALLED = """
SELECT c.relname AS name FROM pg_class AS c
 WHERE c.relnamespace = 'public'::regnamespace AND c.relrowsecurity AND c.relforcerowsecurity
"""
_POLICIES = "SELECT tablename AS table, policyname AS name FROM pg_policies WHERE schemaname = 'public'"
_GUARDS = """
SELECT c.relname AS table, t.tgname AS name FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
 WHERE c.relnamespace = 'public'::regnamespace AND NOT t.tgisinternal AND t.tgenabled <> 'D'
"""
_DOORS = "SELECT proname AS name FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
_STEP = "SELECT version_num FROM alembic_version"
_CANARY = "SELECT wrapped_key, sealed FROM canary"


_GRANTS_LATER = note("grants", "Not looked at: put the roles right first.")


def doctor(*, data: Path | None = None) -> int:
    """Examine a deployment: versions, roles and grants, walls, clocks, keys, worker and relay. Status 1 for a fault.

    Parameters
    ----------
    data
        The data folder of a running demo; without it the deployment that the environment describes.
    """
    databases = joined_databases(read_environment(), data)
    found = asyncio.run(_examine(databases, data))
    for finding in found:
        say(f"{finding.level:5}  {finding.topic:9} {finding.says}")
    faults = sum(map(is_fault, found))
    say("Nothing is wrong." if not faults else f"{faults} to put right: see each FAULT above.")
    return 1 if faults else 0


def is_fault(finding: Finding) -> bool:
    """Whether it has to be put right."""
    return finding.level is Level.FAULT


def has_fault(found: list[Finding]) -> bool:
    """Whether anything has to be put right."""
    return any(map(is_fault, found))


async def _examine(databases: Urls, data: Path | None) -> list[Finding]:
    await check_server(databases.owner)
    promised = await asyncio.to_thread(promises_for, databases)
    connection = await asyncpg.connect(databases.owner.replace("+asyncpg", "", 1), timeout=5)
    try:
        server = connection.get_server_version()
        found = [
            well("program", f"{_PROGRAM} {version(_PROGRAM)} on Python {platform.python_version()}"),
            findings.of_server(server.major, server.minor),
            *await _roles(connection, databases),
        ]
        step = await _step(connection)
        found.append(findings.of_migrations(step, promised))
        if step is not None:
            found += await _walls(connection, databases, promised, roles_hold=not has_fault(found))
        canary = await connection.fetchrow(_CANARY) if step == promised.head else None
    finally:
        await connection.close()
    settings = _settings(data)
    if isinstance(settings, Finding):
        found.append(settings)
    else:
        found += await asyncio.to_thread(lambda: [*_keys(settings, canary)])
    if step == promised.head:
        found += await _life(databases, is_demo=isinstance(settings, Settings) and settings.demo)
    return found


async def _roles(connection: "asyncpg.Connection[Any]", databases: Urls) -> list[Finding]:
    names = {"server": role_in(databases.app), "worker": role_in(databases.worker), "owner": role_in(databases.owner)}
    rows = await connection.fetch(_ROLES, list(names.values()))
    roles = [
        RoleFacts(name=row["name"], strengths=tuple(row["strengths"]), may_become=tuple(row["may_become"]))
        for row in rows
    ]
    return [*findings.of_roles(names, roles)]


async def _step(connection: "asyncpg.Connection[Any]") -> str | None:
    try:
        step: str | None = await connection.fetchval(_STEP)
    except asyncpg.UndefinedTableError:
        return None
    return step


async def _walls(
    connection: "asyncpg.Connection[Any]", databases: Urls, promised: Promises, *, roles_hold: bool
) -> list[Finding]:
    roles = [role_in(databases.app), role_in(databases.worker)]
    grants = await connection.fetch(_GRANTS, roles, list(findings.PRIVILEGES))
    walls = Walls(
        grants=frozenset(Grant(**row) for row in grants),
        walls=frozenset(row["name"] for row in await connection.fetch(_WALLED)),
        policies=frozenset((row["table"], row["name"]) for row in await connection.fetch(_POLICIES)),
        guards=frozenset((row["table"], row["name"]) for row in await connection.fetch(_GUARDS)),
        doors=frozenset(row["name"] for row in await connection.fetch(_DOORS)),
    )
    # A role that is too strong may do everything: what it was granted tells nothing.
    grants_found = [*findings.of_grants(promised.grants, walls.grants)] if roles_hold else [_GRANTS_LATER]
    return [*grants_found, *findings.of_walls(promised, walls)]


def _settings(data: Path | None) -> Settings | Finding:
    """The settings that the server would run with, or why it would not start."""
    try:
        return joined_settings(data)
    except CannotStart as refusal:
        return fault("settings", str(refusal))


def _keys(settings: Settings, canary: "asyncpg.Record | None") -> Iterator[Finding]:
    """Whether the keys at hand are the ones that this deployment was built with."""
    if canary is None:
        yield note("vault", "No word is sealed yet to try the key on: a worker does it when it first runs.")
    elif upkeep.opens_canary(Vault(settings.vault_key), wrapped_key=canary["wrapped_key"], sealed=canary["sealed"]):
        yield well("vault", "the key opens what was sealed here")
    else:
        yield fault("vault", "VAULT_KEY is not the key that this database is sealed with: find that one, and use it.")
    keyring = Keyring(
        issuer=settings.public_url,
        signing_key=settings.token_signing_key,
        previous_public_keys=settings.token_previous_keys,
    )
    caller = Caller(role=Role.CITIZEN, person_id=1, programme="none")
    try:
        verify_access_token(keyring, mint_access_token(keyring, caller, now=time.time()), time.time())
    except TokenRefused as refused:
        yield fault("signing", f"A token of ours is refused ({refused.reason}): set another TOKEN_SIGNING_KEY.")
        return
    yield _published(settings.public_url, keyring.kid)


def _published(public_url: str, kid: str) -> Finding:
    """Whether the running server verifies with the key that we sign with."""
    try:
        with urllib.request.urlopen(f"{public_url}/.well-known/jwks.json", timeout=_ANSWER_LIMIT_S) as answer:  # noqa: S310
            kids = {key["kid"] for key in json.load(answer)["keys"]}
    except (OSError, ValueError, KeyError):
        return note("signing", f"The key signs and verifies; no server answers at {public_url} to compare it with.")
    if kid in kids:
        return well("signing", f"the key is the one that {public_url} verifies with")
    return fault("signing", f"{public_url} verifies with other keys: give every process the same TOKEN_SIGNING_KEY.")


async def _life(databases: Urls, *, is_demo: bool) -> list[Finding]:
    """Clocks, worker, relay, outbox and days."""
    database = Database(databases.owner, Vault(bytes(32)), pool_size=1)
    try:
        async with database.reading(ANONYMOUS) as unit:
            here = datetime.now(UTC)
            state = await upkeep.state(unit.session, unit.now)
            return [
                *findings.of_clock(state, is_demo=is_demo, skew_s=(here - state.real_now).total_seconds()),
                *findings.of_worker(state, is_demo=is_demo),
                *findings.of_work(state, unit.now),
            ]
    finally:
        await database.dispose()
