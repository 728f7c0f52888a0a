"""What is wrong with a deployment, judged from what was found there; each fault says what to do."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from api.cli.promised import Grant, Promises
from api.worker import DEMO, HEARTBEAT_S, PERIODIC
from domain.clock import ZONE
from domain.upkeep import Beat, State

RECOMMENDED: Final = (18, 6)
PRIVILEGES: Final = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE")
_SKEW_FAULT_S: Final = 5.0
_SILENT_S: Final = 60.0
_WAITING_S: Final = 60.0
_RELAY_S: Final = 1.0
# A task is first written down with the beat after it ran, so a worker that has just begun is given some of them.
_BEATS_OF_GRACE: Final = 3
_DAY_LATE: Final = timedelta(minutes=30)


class Level(StrEnum):
    """How much a finding matters."""

    WELL = "well"
    NOTE = "note"
    FAULT = "FAULT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the report."""

    level: Level
    topic: str
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleFacts:
    """What a role of the database can do."""

    name: str
    strengths: tuple[str, ...]
    may_become: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Walls:
    """What stands around the tables."""

    grants: frozenset[Grant]
    walls: frozenset[str]
    policies: frozenset[tuple[str, str]]
    guards: frozenset[tuple[str, str]]
    doors: frozenset[str]


def well(topic: str, says: str) -> Finding:
    """As it should be."""
    return Finding(level=Level.WELL, topic=topic, says=says)


def note(topic: str, says: str) -> Finding:
    """Worth knowing."""
    return Finding(level=Level.NOTE, topic=topic, says=says)


def fault(topic: str, says: str) -> Finding:
    """To be put right."""
    return Finding(level=Level.FAULT, topic=topic, says=says)


def of_server(major: int, minor: int) -> Finding:
    """The database's own version."""
    if (major, minor) < RECOMMENDED:
        better = ".".join(map(str, RECOMMENDED))
        return note("server", f"PostgreSQL {major}.{minor}: for a service take {better} or later.")
    return well("server", f"PostgreSQL {major}.{minor}")


def of_migrations(found: str | None, promised: Promises) -> Finding:
    """How far the tables are."""
    if found == promised.head:
        return well("tables", f"at step {found}, the newest of this program")
    if found is None:
        return fault("tables", "There are none yet: run `benefits migrate`.")
    if found < promised.head:
        return fault("tables", f"They are at step {found}, this program needs {promised.head}: run `benefits migrate`.")
    return fault("tables", f"They are at step {found}, which this program does not know: install the newer program.")


def of_roles(names: Mapping[str, str], roles: Sequence[RoleFacts]) -> Iterator[Finding]:
    """The three roles; `names` says which is meant for what."""
    known = {role.name: role for role in roles}
    for purpose, name in names.items():
        role = known.get(name)
        if role is None:
            yield fault("roles", f"{name}, the {purpose}'s role, does not exist: create it.")
        elif role.strengths:
            taken = " ".join(f"NO{strength}" for strength in role.strengths)
            yield fault("roles", f"{name} is too strong, row policies may not hold: ALTER ROLE {name} {taken}.")
        elif purpose != "owner" and role.may_become:
            others = ", ".join(role.may_become)
            yield fault("roles", f"{name} may act as {others}: REVOKE {others} FROM {name}.")
        else:
            yield well("roles", f"{name}: ordinary, for the {purpose}")


def of_walls(promised: Promises, found: Walls) -> Iterator[Finding]:
    """Row security, policies, triggers and functions against what the migrations promise."""
    for topic, what, there, needed in (
        ("walls", "row security", found.walls, promised.walls),
        ("policies", "policy", _spelt(found.policies), _spelt(promised.policies)),
        ("guards", "trigger", _spelt(found.guards), _spelt(promised.guards)),
        ("doors", "function", found.doors, promised.doors),
    ):
        for name in sorted(needed - there):
            yield fault(topic, f"{what} {name} is missing: {_REMEDIES.get(topic, _STEP).format(name=name)}.")
        if needed <= there:
            yield well(topic, f"all {len(needed)} are there")
    for name in sorted(_spelt(found.policies) - _spelt(promised.policies)):
        yield fault("policies", f"policy {name} is none of ours and may open what is closed: drop it.")


def of_grants(promised: frozenset[Grant], found: frozenset[Grant]) -> Iterator[Finding]:
    """What the two roles may do with tables: not less than they need, and not more."""
    whole = frozenset(grant for grant in found if grant.is_whole)
    missing = [grant for grant in promised - found if replace(grant, is_whole=True) not in whole]
    for grant in sorted(missing, key=str):
        remedy = _STEP if not grant.is_whole else f"GRANT {grant.privilege} ON {grant.table} TO {grant.role}"
        yield fault("grants", f"{grant.role} may not {grant.privilege} {grant.table}: {remedy}.")
    for grant in sorted(whole - promised, key=str):
        remedy = f"REVOKE {grant.privilege} ON {grant.table} FROM {grant.role}"
        yield fault("grants", f"{grant.role} may {grant.privilege} {grant.table}, which nothing needs: {remedy}.")
    if not missing and whole <= promised:
        yield well("grants", f"all {len(promised)} are there, and no more")


def _spelt(names: frozenset[tuple[str, str]]) -> frozenset[str]:
    return frozenset(f"{name} on {table}" for table, name in names)


def of_clock(state: State, *, is_demo: bool, skew_s: float) -> Iterator[Finding]:
    """Business time and the two real clocks."""
    if abs(skew_s) > _SKEW_FAULT_S:
        yield fault("clock", f"This machine is {skew_s:+.1f} s from the database: let NTP set both clocks.")
    else:
        yield well("clock", f"this machine is {skew_s:+.1f} s from the database")
    if state.ahead and not is_demo:
        yield fault(
            "clock", f"Business time runs {state.ahead} ahead of a city's: as the owner, UPDATE clock SET ahead = '0'."
        )
    elif state.ahead:
        yield note("clock", f"the demo's time runs {state.ahead} ahead")


def of_worker(state: State, *, is_demo: bool) -> Iterator[Finding]:
    """Heartbeats of the worker, its relay and its tasks."""
    beats = {beat.name: beat for beat in state.beats}
    heart = beats.get("worker")
    if heart is None or _age_s(heart, state) > _SILENT_S:
        silent = "has never been" if heart is None else f"was last heard of {_age_s(heart, state):.0f} s ago"
        yield fault("worker", f"No worker is alive, it {silent}: start `benefits worker`.")
        return
    yield well("worker", f"alive {_age_s(heart, state):.0f} s ago")
    tasks = {task.name: task.interval_s for task in (*PERIODIC, *(DEMO if is_demo else ()))}
    for name, interval_s in {"relay": _RELAY_S, **tasks}.items():
        beat = beats.get(name)
        patience_s = max(3 * interval_s, _SILENT_S) + HEARTBEAT_S
        if beat is None:
            if heart.runs > _BEATS_OF_GRACE:
                yield fault(name, "It has never run: stop the worker, look at its log, and start it again.")
        elif _age_s(beat, state) > patience_s:
            yield fault(name, f"It last ended well {_age_s(beat, state):.0f} s ago: look for it in the worker's log.")
        else:
            yield well(name, f"ended well {_age_s(beat, state):.0f} s ago; {beat.failures} of {_times(beat)} failed")


def of_work(state: State, now: datetime) -> Iterator[Finding]:
    """What waits to be sent, and the days that wait to be lived."""
    if state.waiting and state.lag_s > _WAITING_S:
        yield fault(
            "outbox",
            f"{state.waiting} changes wait, the oldest for {state.lag_s:.0f} s: see whether the worker's relay runs.",
        )
    else:
        yield well("outbox", f"{state.waiting} changes wait")
    due = (now - _DAY_LATE).astimezone(ZONE).date()
    if state.last_day is None:
        yield note("days", "No day has been lived yet: a worker begins with today.")
    elif state.last_day < due:
        yield fault(
            "days", f"The daily jobs have run up to {state.last_day}, not {due}: look for `days` in the worker's log."
        )
    else:
        yield well("days", f"the daily jobs have run up to {state.last_day}")


def _age_s(beat: Beat, state: State) -> float:
    return max((state.real_now - beat.at).total_seconds(), 0.0)


def _times(beat: Beat) -> int:
    return beat.runs + beat.failures


_STEP: Final = "take its statement from the migrations and run it as the owner"
_REMEDIES: Final = {"walls": "as the owner, ALTER TABLE {name} FORCE ROW LEVEL SECURITY"}
