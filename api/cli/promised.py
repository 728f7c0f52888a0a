"""What the migrations promise about roles, walls and guards: read off the very SQL that they run."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import StringIO
from typing import Final

from alembic import command
from alembic.script import ScriptDirectory

import migrations
from api.embedded import Urls
from api.settings import role_in

_NAMES: Final = r"([\w, ]+?)"
_GRANT: Final = re.compile(rf'^GRANT ([A-Z, ]+?)( \([\w, ]+\))? ON {_NAMES} TO ("[^;]+");', re.MULTILINE)
_POLICY: Final = re.compile(r"^\s*(CREATE|DROP) POLICY (\w+) ON (\w+)", re.MULTILINE)
_WALL: Final = re.compile(r"^\s*ALTER TABLE (\w+) FORCE ROW LEVEL SECURITY", re.MULTILINE)
_GUARD: Final = re.compile(r"^\s*(CREATE|DROP) TRIGGER (\w+)[^;]*?\bON (\w+)", re.MULTILINE)
_DOOR: Final = re.compile(r"^\s*(CREATE(?: OR REPLACE)?|DROP) FUNCTION (\w+)", re.MULTILINE)
_GONE: Final = re.compile(r"^\s*DROP TABLE (\w+)", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One privilege of one role on one table, on the whole of it or on some columns."""

    role: str
    privilege: str
    table: str
    is_whole: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Promises:
    """Everything that must be there once the newest step has run."""

    head: str
    grants: frozenset[Grant] = field(repr=False)
    walls: frozenset[str] = field(repr=False)
    policies: frozenset[tuple[str, str]] = field(repr=False)
    guards: frozenset[tuple[str, str]] = field(repr=False)
    doors: frozenset[str] = field(repr=False)


def promises_for(databases: Urls) -> Promises:
    """What the program's own steps promise for the roles of these addresses."""
    written = StringIO()
    roles = {"app_role": role_in(databases.app), "worker_role": role_in(databases.worker)}
    configuration = migrations.configuration(databases.owner, **roles)
    configuration.output_buffer = written
    command.upgrade(configuration, "head", sql=True)
    script = written.getvalue()
    gone = set(_GONE.findall(script))
    return Promises(
        head=ScriptDirectory.from_config(configuration).get_current_head() or "",
        grants=frozenset(grant for grant in _grants(script) if grant.table not in gone),
        walls=frozenset(set(_WALL.findall(script)) - gone),
        policies=frozenset((table, name) for name, table in _left(_POLICY, script) if table not in gone),
        guards=frozenset((table, name) for name, table in _left(_GUARD, script) if table not in gone),
        doors=frozenset(name for (name,) in _left(_DOOR, script)),
    )


def _grants(script: str) -> Iterator[Grant]:
    for privileges, columns, tables, roles in _GRANT.findall(script):
        for role in re.findall(r'"([^"]+)"', roles):
            for table in tables.split(","):
                for privilege in privileges.split(","):
                    if not table.strip().startswith("SEQUENCE"):
                        yield Grant(role=role, privilege=privilege.strip(), table=table.strip(), is_whole=not columns)


def _left(form: re.Pattern[str], script: str) -> set[tuple[str, ...]]:
    """What was created and not dropped again, in the order of the script."""
    left: set[tuple[str, ...]] = set()
    for verb, *names in form.findall(script):
        if verb == "DROP":
            left.discard(tuple(names))
        else:
            left.add(tuple(names))
    return left
