"""What a service notes about itself: which tasks are alive, which days are done, and which key seals its secrets."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.vault import Vault

_CANARY: Final = "canary"

# Upkeep is told in real time: business time less what a demo's clock runs ahead.
_BEAT = text("""
    INSERT INTO heartbeat AS h (name, at, runs, failures)
    SELECT t.name, CASE WHEN t.runs > 0 THEN CAST(:now AS timestamptz) - c.ahead ELSE to_timestamp(0) END,
        t.runs, t.failures
    FROM clock AS c, unnest(CAST(:names AS text[]), CAST(:runs AS bigint[]), CAST(:failures AS bigint[]))
        AS t (name, runs, failures)
    ORDER BY t.name
    ON CONFLICT ON CONSTRAINT heartbeat_pkey DO UPDATE
        SET at = greatest(h.at, excluded.at),
            runs = h.runs + excluded.runs, failures = h.failures + excluded.failures
""")
_LAST_DAY = text("SELECT max(d.day) FROM daily_run AS d")
_DONE = text("""
    INSERT INTO daily_run (day, done_at) SELECT CAST(:day AS date), CAST(:now AS timestamptz) - c.ahead FROM clock AS c
""")
_KEEP_CANARY = text("""
    INSERT INTO canary (wrapped_key, sealed) VALUES (:wrapped_key, :sealed)
    ON CONFLICT ON CONSTRAINT canary_pkey DO NOTHING
""")


_BEATS = text("SELECT h.name, h.at, h.runs, h.failures FROM heartbeat AS h ORDER BY h.name")
_WAITING = text("SELECT w.waiting, w.since FROM outbox_waiting() AS w")
_AHEAD = text("SELECT c.ahead FROM clock AS c")


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """One task of the worker: when it last ended well, in real time, and how often it did and did not."""

    name: str
    at: datetime
    runs: int
    failures: int


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What the database knows of the worker. `real_now` is its own clock, `ahead` what a demo's clock runs ahead."""

    beats: tuple[Beat, ...]
    waiting: int
    lag_s: float
    last_day: date | None
    real_now: datetime
    ahead: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How often a task has ended well and badly since this was last written down."""

    runs: int = 0
    failures: int = 0


async def beat(session: AsyncSession, now: datetime, *, counts: Mapping[str, Count]) -> None:
    """Notes that these tasks are alive; one that has only failed keeps its last good time."""
    values = {
        "now": now,
        "names": list(counts),
        "runs": [count.runs for count in counts.values()],
        "failures": [count.failures for count in counts.values()],
    }
    await session.execute(_BEAT, params=values)


async def state(session: AsyncSession, now: datetime) -> State:
    """How worker and relay are doing."""
    beats = tuple(Beat(**row._mapping) for row in await session.execute(_BEATS))
    outbox = (await session.execute(_WAITING)).one()
    ahead: timedelta = (await session.execute(_AHEAD)).scalar_one()
    return State(
        beats=beats,
        waiting=outbox.waiting,
        lag_s=0.0 if outbox.since is None else max((now - outbox.since).total_seconds(), 0.0),
        last_day=await last_day_done(session),
        real_now=now - ahead,
        ahead=ahead,
    )


async def last_day_done(session: AsyncSession) -> date | None:
    """The newest local day whose jobs have all run."""
    day: date | None = (await session.execute(_LAST_DAY)).scalar_one()
    return day


async def note_day(session: AsyncSession, now: datetime, *, day: date) -> None:
    """Writes down that the jobs of this day have run. A day that is noted already violates `daily_run_pkey`."""
    await session.execute(_DONE, params={"day": day, "now": now})


async def keep_canary(session: AsyncSession) -> None:
    """Seals a word under the vault's key, once in the life of a database."""
    vault: Vault = session.info["vault"]
    wrapped_key = vault.new_data_key()
    values = {"wrapped_key": wrapped_key, "sealed": vault.seal(wrapped_key, _CANARY, _CANARY)}
    await session.execute(_KEEP_CANARY, params=values)


def opens_canary(vault: Vault, *, wrapped_key: bytes, sealed: bytes) -> bool:
    """Whether this vault's key is the one that the database's secrets are sealed under."""
    try:
        return vault.open(wrapped_key, _CANARY, sealed) == _CANARY
    except ValueError:
        return False
