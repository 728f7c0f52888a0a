"""Notices, stored and read: one function, one statement. Nobody but their person reads them."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.values import Fragment

# Nothing is returned: whoever writes a notice about somebody else may not read it.
_ADD: Final = text("""
    INSERT INTO notice (person_id, programme_id, at, kind, subject, params)
    SELECT n.person_id, n.programme_id, :now, n.kind, n.subject, n.params
    FROM jsonb_to_recordset(CAST(:notices AS jsonb))
        AS n (person_id bigint, programme_id smallint, kind text, subject text, params jsonb)
    ON CONFLICT DO NOTHING
""")
_ADD_RULES: Final = text("""
    INSERT INTO notice (person_id, programme_id, at, kind, subject, params)
    SELECT c.person_id, c.programme_id, :now, :kind, 'rules:' || r.version,
        jsonb_build_object('version', r.version, 'from', r.effective_from)
    FROM rule_set AS r
    JOIN citizen AS c ON c.programme_id = r.programme_id
    WHERE r.id = :rule_set AND r.status = 'PUBLISHED' AND c.scored_from IS NOT NULL
      AND satisfies_hash_partition(CAST('credit_record' AS regclass), :parts, :part, c.id)
    ORDER BY c.person_id
    ON CONFLICT DO NOTHING
""")
_ADD_EXPIRIES: Final = text("""
    INSERT INTO notice (person_id, programme_id, at, kind, subject, params)
    SELECT c.person_id, c.programme_id, :now, :kind, 'score:' || k.valid_until,
        jsonb_build_object('on', k.valid_until)
    FROM score AS k
    JOIN citizen AS c ON c.id = k.citizen_id
    WHERE c.scored_from IS NOT NULL
      AND k.valid_until > CAST(:today AS date) AND k.valid_until <= CAST(:until AS date)
    ORDER BY c.person_id
    ON CONFLICT DO NOTHING
""")
_ADD_CHANGED_TEXTS: Final = text("""
    INSERT INTO notice (person_id, programme_id, at, kind, subject, params)
    SELECT c.person_id, c.programme_id, :now, :kind, 'consent:' || t.purpose || ':' || t.version,
        jsonb_build_object('title', t.title, 'version', t.version, 'until', t.since + CAST(:days AS integer))
    FROM consent_text AS t
    JOIN consent AS c ON c.programme_id = t.programme_id AND c.purpose = t.purpose AND c.version < t.version
    WHERE t.since > CAST(:today AS date) - CAST(:days AS integer) AND c.withdrawn_at IS NULL
    ORDER BY c.person_id
    ON CONFLICT DO NOTHING
""")
_MARK_READ: Final = text("""
    UPDATE notice
    SET read_at = :now
    WHERE person_id = :person AND programme_id = :programme
      AND id = ANY (CAST(:ids AS bigint[])) AND read_at IS NULL
""")
_KNOWN: Final = text("""
    SELECT count(*) FROM notice
    WHERE person_id = :person AND programme_id = :programme AND id = ANY (CAST(:ids AS bigint[]))
""")
_FORGET: Final = text("""
    DELETE FROM notice
    WHERE split_part(subject, ':', 1) = :topic
      AND split_part(subject, ':', 2) = ANY (CAST(:numbers AS text[]))
""")
_NOTICE: Final = (
    """json_build_object('id', n.id, 'at', n.at, 'kind', n.kind, 'params', n.params, 'read_at', n.read_at)"""
)


async def add_notices(session: AsyncSession, now: datetime, *, notices: Sequence[Mapping[str, object]]) -> None:
    """Writes notices; of one kind about one thing a person gets one."""
    values = {"now": now, "notices": json.dumps(list(notices), ensure_ascii=False)}
    await session.execute(_ADD, params=values)


async def add_rules(
    session: AsyncSession, now: datetime, *, kind: str, rule_set_id: int, part: tuple[int, int]
) -> None:
    """Writes a notice of a version of the rules to everybody with a score in one part of so many of the people."""
    values = {"now": now, "kind": kind, "rule_set": rule_set_id, "part": part[0], "parts": part[1]}
    await session.execute(_ADD_RULES, params=values)


async def add_expiries(session: AsyncSession, now: datetime, *, kind: str, today: date, until: date) -> None:
    """Writes a notice to everybody whose points change by date up to and with `until`."""
    values = {"now": now, "kind": kind, "today": today, "until": until}
    await session.execute(_ADD_EXPIRIES, params=values)


async def add_changed_texts(session: AsyncSession, now: datetime, *, kind: str, today: date, days: int) -> None:
    """Writes a notice to everybody who agreed to a text of which there is a newer version since a few days."""
    values = {"now": now, "kind": kind, "today": today, "days": days}
    await session.execute(_ADD_CHANGED_TEXTS, params=values)


async def count_known(session: AsyncSession, *, person_id: int, programme_id: int, ids: Sequence[int]) -> int:
    """How many of these are the person's own."""
    values = {"person": person_id, "programme": programme_id, "ids": list(ids)}
    return int((await session.execute(_KNOWN, params=values)).scalar_one())


async def mark_read(
    session: AsyncSession, now: datetime, *, person_id: int, programme_id: int, ids: Sequence[int]
) -> None:
    """Notes that the person has read these."""
    values = {"now": now, "person": person_id, "programme": programme_id, "ids": list(ids)}
    await session.execute(_MARK_READ, params=values)


async def forget(session: AsyncSession, *, topic: str, numbers: Sequence[int]) -> None:
    """Deletes what was told about these things, so that no notice leads to them. Runs as the worker."""
    await session.execute(_FORGET, params={"topic": topic, "numbers": [str(number) for number in numbers]})


def notices_fragment(name: str, *, first: int, before: int | None) -> Fragment:
    """A person's notices, newest first, from before one of them; one more than asked for."""
    return Fragment(
        sql=f"""
        SELECT coalesce(json_agg(p.notice ORDER BY p.id DESC), '[]')
        FROM (
            SELECT n.id, {_NOTICE} AS notice
            FROM notice AS n
            WHERE n.person_id = :person
              AND n.programme_id = :programme
              AND n.id < :{name}_before
            ORDER BY n.id DESC
            LIMIT :{name}_limit
        ) AS p
        """,
        binds={f"{name}_before": 2**63 - 1 if before is None else before, f"{name}_limit": first + 1},
    )


def notice_fragment(name: str, *, notice_id: int) -> Fragment:
    """One of a person's notices."""
    return Fragment(
        sql=f"""
        SELECT {_NOTICE}
        FROM notice AS n
        WHERE n.person_id = :person
          AND n.programme_id = :programme
          AND n.id = :{name}_id
        """,
        binds={f"{name}_id": notice_id},
    )


def unread_fragment() -> Fragment:
    """How many notices a person has not read."""
    return Fragment(
        sql="""
        SELECT to_json(count(*))
        FROM notice AS n
        WHERE n.person_id = :person
          AND n.programme_id = :programme
          AND n.read_at IS NULL
        """
    )
