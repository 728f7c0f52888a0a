"""What is read from the lines: the fragments of one citizen, and the lines of many."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.scoring.queries.lines import OF_CITIZENS, lines_cte
from domain.scoring.rules import Line, line_of
from domain.values import Fragment

_LINE_KEYS: Final = """
    'source_id', l.source_id, 'ref_hash', l.ref_hash, 'item_id', l.item_id, 'item', i.code, 'field', l.field_code,
    'merit', l.merit, 'occurred_on', l.occurred_on, 'ended_on', l.ended_on, 'determined_on', l.determined_on,
    'start_on', l.start_on, 'until_on', l.until_on, 'quantity_x100', l.quantity_x100, 'state', l.state,
    'raw_points', l.raw_points, 'points', l.points, 'effect', l.effect, 'cap', l.cap"""
LINE_JSON: Final = f"json_build_object({_LINE_KEYS})"
_TOLD_LINE_JSON: Final = f"json_build_object({_LINE_KEYS}, 'source', o.name, 'evidence', d.evidence)"
_TOLD_LINES: Final = """
    lines AS l
    JOIN item AS i ON i.id = l.item_id
    LEFT JOIN organisation AS o ON o.id = l.source_id
    LEFT JOIN record_document AS d
        ON d.citizen_id = l.citizen_id AND d.source_id = l.source_id AND d.ref_hash = l.ref_hash
"""
_CTES: Final = {"lines": lines_cte()}
_LINES_OF: Final = text(f"""
    WITH lines AS ({lines_cte(whose=OF_CITIZENS)})
    SELECT l.citizen_id, {LINE_JSON} AS line
    FROM lines AS l
    JOIN item AS i ON i.id = l.item_id
    ORDER BY l.citizen_id, l.start_on, l.source_id, l.ref_hash
""")


async def lines_of(
    session: AsyncSession, *, citizens: Sequence[int], rule_set_id: int, day: date, known_at: datetime
) -> dict[int, list[Line]]:
    """The lines of each of these citizens that this transaction may see."""
    values = {"citizens": list(citizens), "rule_set": rule_set_id, "today": day, "now": known_at}
    lines: dict[int, list[Line]] = defaultdict(list)
    for row in await session.execute(_LINES_OF, params=values):
        lines[row.citizen_id].append(line_of(row.line))
    return lines


def score_lines() -> Fragment:
    """Every line of the citizen, oldest first; null for who has no score: not joined, left, or without consent."""
    sql = f"""
        SELECT CASE WHEN EXISTS (SELECT FROM citizen AS c WHERE c.id = :citizen AND c.scored_from IS NOT NULL) THEN (
            SELECT coalesce(json_agg({_TOLD_LINE_JSON} ORDER BY l.start_on, l.source_id, l.ref_hash), '[]')
            FROM {_TOLD_LINES}
        ) END
    """
    return Fragment(sql=sql, ctes=_CTES)


def score_record(name: str, *, source_id: int, ref_hash: int) -> Fragment:
    """One record by its key, as in `score_lines`; null when it is gone."""
    sql = f"""
        SELECT {_TOLD_LINE_JSON}
        FROM {_TOLD_LINES}
        WHERE l.source_id = CAST(:{name}_source AS bigint) AND l.ref_hash = CAST(:{name}_ref AS bigint)
    """
    return Fragment(sql=sql, binds={f"{name}_source": source_id, f"{name}_ref": ref_hash}, ctes=_CTES)


def last_change() -> Fragment:
    """The instant of the last change that a score contains: as known then, the lines are the same."""
    return Fragment(
        sql="""
        SELECT to_json(greatest(c.joined_at,
            (SELECT max(r.recorded_at) FROM credit_record AS r WHERE r.citizen_id = c.id AND r.recorded_at <= :now),
            (SELECT max(e.at) FROM record_event AS e WHERE e.citizen_id = c.id AND e.at <= :now)))
        FROM citizen AS c
        WHERE c.id = :citizen
        """
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Then:
    """An earlier state of affairs: by these rules, on that day, as known at an instant."""

    rule_set_id: int
    day: date
    known_at: datetime


def lines_known(name: str, *, then: Then) -> Fragment:
    """The lines by these rules on that day, as they were known at an instant, and since when the score is kept."""
    lines = lines_cte(rule_set=f":{name}_rule_set", day=f":{name}_day", known_at=f":{name}_known_at")
    sql = f"""
        SELECT json_build_object(
            'scored_from', c.scored_from, 'joined_at', c.joined_at,
            'lines', (SELECT coalesce(json_agg({LINE_JSON}), '[]')
                FROM ({lines}) AS l JOIN item AS i ON i.id = l.item_id))
        FROM citizen AS c
        WHERE c.id = :citizen
    """
    binds = {f"{name}_rule_set": then.rule_set_id, f"{name}_day": then.day, f"{name}_known_at": then.known_at}
    return Fragment(sql=sql, binds=binds)


def score_records(name: str, *, first: int, after: tuple[date, int, int] | None = None) -> Fragment:
    """The records that are not gone, newest first: those with a line."""
    on, source, reference = after or (None, None, None)
    sql = f"""
        SELECT coalesce(json_agg(p.record ORDER BY p.start_on DESC, p.source_id DESC, p.ref_hash DESC), '[]')
        FROM (
            SELECT l.start_on, l.source_id, l.ref_hash, {_TOLD_LINE_JSON} AS record
            FROM {_TOLD_LINES}
            WHERE CAST(:{name}_on AS date) IS NULL
                OR (l.start_on, l.source_id, l.ref_hash)
                    < (CAST(:{name}_on AS date), CAST(:{name}_source AS bigint), CAST(:{name}_ref AS bigint))
            ORDER BY l.start_on DESC, l.source_id DESC, l.ref_hash DESC
            LIMIT CAST(:{name}_first AS integer) + 1
        ) AS p
    """
    values = {f"{name}_on": on, f"{name}_source": source, f"{name}_ref": reference, f"{name}_first": first}
    return Fragment(sql=sql, binds=values, ctes=_CTES)


def score_history(name: str, *, first: int, after: tuple[int] | None = None) -> Fragment:
    """Every change of the stored points with its cause, newest first."""
    sql = f"""
        SELECT coalesce(json_agg(p.change ORDER BY p.id DESC), '[]')
        FROM (
            SELECT h.id, json_build_object(
                'id', h.id, 'at', h.at, 'before', h.before, 'after', h.after, 'cause', h.cause) AS change
            FROM score_change AS h
            WHERE h.citizen_id = :citizen
                AND (CAST(:{name}_id AS bigint) IS NULL OR h.id < CAST(:{name}_id AS bigint))
            ORDER BY h.id DESC
            LIMIT CAST(:{name}_first AS integer) + 1
        ) AS p
    """
    return Fragment(sql=sql, binds={f"{name}_id": after[0] if after else None, f"{name}_first": first})


def score_forecast(name: str, *, until: date, announced_days: int, timezone: str) -> Fragment:
    """For each day up to and with `until` on which a line leaves, or an announced one begins to count: which ones, and
    what the lines add up to then.
    """
    begins = f"CAST(e.at AT TIME ZONE CAST(:{name}_zone AS text) AS date) + CAST(:{name}_days AS integer)"
    by_then = f"CASE WHEN e.state = 'ANNOUNCED' AND {begins} <= f.day THEN 'ACTIVE' ELSE e.state END"
    sql = f"""
        SELECT coalesce(json_agg(json_build_object(
            'on', f.day, 'leaving', f.leaving, 'beginning', f.beginning, 'tallies', t.tallies) ORDER BY f.day), '[]')
        FROM (
            SELECT c.day,
                coalesce(json_agg(c.told ORDER BY c.start_on, c.source_id, c.ref_hash)
                    FILTER (WHERE NOT c.begins), '[]') AS leaving,
                coalesce(json_agg(c.told ORDER BY c.start_on, c.source_id, c.ref_hash)
                    FILTER (WHERE c.begins), '[]') AS beginning
            FROM (
                SELECT k.day, k.begins, l.start_on, l.source_id, l.ref_hash,
                    json_build_object('item', i.code, 'occurred_on', l.occurred_on) AS told
                FROM lines AS l
                JOIN item AS i ON i.id = l.item_id
                CROSS JOIN LATERAL (
                    SELECT l.until_on, false
                    UNION ALL
                    SELECT max({begins}), true
                    FROM record_event AS e
                    WHERE l.state = 'ANNOUNCED' AND e.citizen_id = l.citizen_id AND e.source_id = l.source_id
                        AND e.ref_hash = l.ref_hash AND e.state = 'ANNOUNCED' AND e.at <= :now
                ) AS k (day, begins)
                WHERE k.day > CAST(:today AS date) AND k.day <= CAST(:{name}_until AS date)
            ) AS c
            GROUP BY c.day
        ) AS f
        CROSS JOIN LATERAL (
            SELECT coalesce(json_agg(
                json_build_object('field', s.field_code, 'merit', s.merit, 'points', s.points)), '[]') AS tallies
            FROM (
                SELECT n.field_code, n.merit, sum(n.points) AS points
                FROM ({lines_cte(day="f.day", state=by_then)}) AS n
                GROUP BY n.field_code, n.merit
            ) AS s
        ) AS t
    """
    binds = {f"{name}_until": until, f"{name}_days": announced_days, f"{name}_zone": timezone}
    return Fragment(sql=sql, binds=binds, ctes=_CTES)
