"""Runs of imports: how far each delivery has come, and what has become of its lines."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.values import Fragment

_RUN: Final = "id, taken_bytes, taken_lines, refusal_bytes, accepted, duplicates, refused"
_OPEN: Final = text(f"""
    SELECT {_RUN}
    FROM import_run
    WHERE source_id = :source AND kind = :kind AND digest = :digest AND finished_at IS NULL
""")
_BEGIN: Final = text(f"""
    INSERT INTO import_run (source_id, kind, at, digest)
    VALUES (:source, :kind, :now, :digest)
    ON CONFLICT (source_id, kind, digest) WHERE finished_at IS NULL DO NOTHING
    RETURNING {_RUN}
""")
_ADVANCE: Final = text(f"""
    UPDATE import_run
    SET taken_bytes = :taken_bytes, taken_lines = :taken_lines, refusal_bytes = :refusal_bytes,
        accepted = accepted + :accepted, duplicates = duplicates + :duplicates, refused = refused + :refused
    WHERE id = :run AND taken_bytes = :from_bytes AND taken_lines = :from_lines AND finished_at IS NULL
    RETURNING {_RUN}
""")
_FINISH: Final = text("UPDATE import_run SET finished_at = :now WHERE id = :run AND finished_at IS NULL")
_BATCH: Final = text("""
    INSERT INTO import_run (source_id, kind, at, taken_lines, accepted, duplicates, refused, refusals, finished_at)
    VALUES (:source, 'records', :now, :lines, :accepted, :duplicates, :refused, CAST(:refusals AS jsonb), :now)
    RETURNING id
""")

# Whoever had no stored score yet is given the base, as out of date as the others.
_OUTDATE: Final = text("""
    INSERT INTO score AS k (citizen_id, rule_set_id, points, as_of, valid_until, computed_at)
    SELECT c.id, s.id, s.base_points, CAST(:today AS date), CAST(:today AS date), :now
    FROM citizen AS c
    JOIN rule_set AS s ON s.id = :rule_set
    WHERE c.id = ANY (CAST(:citizens AS integer[]))
    ORDER BY c.id
    ON CONFLICT ON CONSTRAINT score_pkey DO UPDATE SET valid_until = excluded.valid_until
        WHERE k.valid_until IS DISTINCT FROM excluded.valid_until
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How far an import has come: the place behind the last line taken, and what became of the lines up to it."""

    id: int
    taken_bytes: int
    taken_lines: int
    refusal_bytes: int
    accepted: int
    duplicates: int
    refused: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one transaction has taken: how far it reaches now, and how many lines of each kind are new."""

    taken_bytes: int
    taken_lines: int
    refusal_bytes: int
    accepted: int
    duplicates: int
    refused: int


async def open_run(session: AsyncSession, *, source_id: int, kind: str, digest: bytes) -> Run | None:
    """The import of this file that was begun and not finished."""
    values = {"source": source_id, "kind": kind, "digest": digest}
    return _run((await session.execute(_OPEN, params=values)).one_or_none())


async def begin_run(
    session: AsyncSession, now: datetime, *, source_id: int, kind: str, digest: bytes | None
) -> Run | None:
    """Notes that an import begins; None when one of the same file is under way."""
    values = {"source": source_id, "kind": kind, "digest": digest, "now": now}
    return _run((await session.execute(_BEGIN, params=values)).one_or_none())


async def advance_run(session: AsyncSession, *, run: Run, step: Step) -> Run | None:
    """Notes what was taken; None when somebody else has taken it, or the run is at an end."""
    values = {
        "run": run.id,
        "from_bytes": run.taken_bytes,
        "from_lines": run.taken_lines,
        "taken_bytes": step.taken_bytes,
        "taken_lines": step.taken_lines,
        "refusal_bytes": step.refusal_bytes,
        "accepted": step.accepted,
        "duplicates": step.duplicates,
        "refused": step.refused,
    }
    return _run((await session.execute(_ADVANCE, params=values)).one_or_none())


async def outdate_scores(
    session: AsyncSession, now: datetime, *, citizens: Sequence[int], rule_set_id: int, today: date
) -> None:
    """The stored scores of these citizens are good for nothing until they are worked out again."""
    values = {"citizens": list(citizens), "rule_set": rule_set_id, "today": today, "now": now}
    await session.execute(_OUTDATE, params=values)


async def finish_run(session: AsyncSession, now: datetime, *, run_id: int) -> None:
    """Notes that the end of the file was reached."""
    await session.execute(_FINISH, params={"run": run_id, "now": now})


async def add_batch(
    session: AsyncSession,
    now: datetime,
    *,
    source_id: int,
    counts: Mapping[str, int],
    refusals: Sequence[Mapping[str, object]],
) -> int:
    """Notes a whole call: `counts` holds lines, accepted, duplicates and refused."""
    values = {"source": source_id, "now": now, "refusals": json.dumps(refusals, ensure_ascii=False), **counts}
    return int((await session.execute(_BATCH, params=values)).scalar_one())


_RUN_JSON: Final = """json_build_object('id', r.id, 'at', r.at, 'accepted', r.accepted, 'duplicates', r.duplicates,
    'refused', r.refused)"""


def runs_fragment(name: str, *, source_id: int, first: int, before: int | None) -> Fragment:
    """One page of a department's imports, the latest first."""
    sql = f"""
        SELECT coalesce(json_agg(p.run ORDER BY p.id DESC), '[]')
        FROM (
            SELECT r.id, {_RUN_JSON} AS run
            FROM import_run AS r
            WHERE r.source_id = :{name}_source AND (CAST(:{name}_before AS bigint) IS NULL OR r.id < :{name}_before)
            ORDER BY r.id DESC
            LIMIT CAST(:{name}_first AS integer) + 1
        ) AS p
    """
    return Fragment(sql=sql, binds={f"{name}_source": source_id, f"{name}_before": before, f"{name}_first": first})


def run_fragment(name: str, *, source_id: int, run_id: int) -> Fragment:
    """One import of a department, with what a call was refused; null when it is not there."""
    sql = f"""
        SELECT json_build_object('run', {_RUN_JSON}, 'refusals', r.refusals)
        FROM import_run AS r
        WHERE r.id = :{name}_run AND r.source_id = :{name}_source
    """
    return Fragment(sql=sql, binds={f"{name}_run": run_id, f"{name}_source": source_id})


def _run(row: Row[tuple[object, ...]] | None) -> Run | None:
    return None if row is None else Run(**row._mapping)
