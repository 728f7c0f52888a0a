"""SQL over rules on their way into force: drafts, consultations, comments, dry runs."""

import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.programmes.rules.codec import from_json
from domain.programmes.rules.document import RuleSetDocument
from domain.programmes.rules.releases import Release
from domain.values import Fragment

_RELEASE: Final = """
    SELECT r.id, r.programme_id, r.version, r.status, r.effective_from, r.effective_until, r.drafted_by, r.content,
        c.closes_on, coalesce(c.comments, 0) AS comments,
        EXISTS (SELECT FROM dry_run AS d WHERE d.rule_set_id = r.id AND d.status = 'DONE') AS assessed
    FROM rule_set AS r
    LEFT JOIN consultation AS c ON c.rule_set_id = r.id
"""
_BY_VERSION = text(f"{_RELEASE} WHERE r.programme_id = :programme AND r.version = :version FOR UPDATE OF r")
_BY_ID = text(f"{_RELEASE} WHERE r.id = :rule_set")
_BEFORE = text(f"""
    {_RELEASE}
    WHERE r.programme_id = :programme AND r.status = 'PUBLISHED' AND r.effective_until = :day
""")
# Who publishes waits here for whoever is publishing in the same programme.
_LOCK_PUBLISHED = text("""
    SELECT r.id, r.version, r.effective_from
    FROM rule_set AS r
    WHERE r.programme_id = :programme AND r.status = 'PUBLISHED'
    ORDER BY r.id
    FOR UPDATE
""")
_TODAY = text("""
    SELECT CAST(CAST(:now AS timestamptz) AT TIME ZONE (p.content ->> 'timezone') AS date) AS today,
        p.content ->> 'timezone' AS timezone, p.content
    FROM programme AS p
    WHERE p.id = :programme
""")
_MOVE = text("""
    UPDATE rule_set SET status = :target
    WHERE id = :rule_set AND status = :origin
""")
_OPEN = text("""
    INSERT INTO consultation (rule_set_id, opens_on, closes_on) VALUES (:rule_set, :opens_on, :closes_on)
""")
_COUNT_COMMENT = text("""
    UPDATE consultation AS c SET comments = c.comments + 1
    FROM rule_set AS r
    WHERE r.id = c.rule_set_id AND r.id = :rule_set AND r.status = 'IN_CONSULTATION' AND c.closes_on >= :today
      AND (SELECT count(*) FROM rule_comment AS m WHERE m.rule_set_id = r.id AND m.person_id = :person) < :most
    RETURNING c.comments
""")
_COMMENT = text("""
    INSERT INTO rule_comment (rule_set_id, person_id, at, body) VALUES (:rule_set, :person, :now, :body)
""")
_APPROVE = text("""
    UPDATE rule_set SET status = 'APPROVED', approved_by = :person, assessment_id = (
        SELECT max(d.id) FROM dry_run AS d WHERE d.rule_set_id = :rule_set AND d.status = 'DONE')
    WHERE id = :rule_set AND status = 'IN_CONSULTATION'
""")
_ANSWER = text("UPDATE consultation SET answer = :answer WHERE rule_set_id = :rule_set")
_REOPEN = text("""
    UPDATE rule_set SET effective_until = NULL
    WHERE programme_id = :programme AND status = 'PUBLISHED' AND effective_until = :day
""")
_BEGIN_DRY_RUN = text("""
    INSERT INTO dry_run (rule_set_id, against_id, day, at) VALUES (:rule_set, :against, :day, :now)
    ON CONFLICT (rule_set_id) WHERE status IN ('QUEUED', 'RUNNING') DO NOTHING
    RETURNING id
""")
_OPEN_DRY_RUN = text("""
    SELECT d.id FROM dry_run AS d WHERE d.rule_set_id = :rule_set AND d.status IN ('QUEUED', 'RUNNING')
""")
_DRY_RUN = text("""
    SELECT d.id, d.rule_set_id, d.against_id, d.day, d.status, r.programme_id,
        ARRAY(SELECT p.part FROM dry_run_part AS p WHERE p.dry_run_id = d.id ORDER BY p.part) AS parts
    FROM dry_run AS d
    JOIN rule_set AS r ON r.id = d.rule_set_id
    WHERE d.id = :dry_run
""")
_SET_DRY_RUN = text("""
    UPDATE dry_run
    SET status = :status, done_at = CASE WHEN :status IN ('DONE', 'FAILED') THEN CAST(:now AS timestamptz) END,
        problems = CAST(:problems AS text[])
    WHERE id = :dry_run AND status IN ('QUEUED', 'RUNNING')
""")
_ADD_PART = text("""
    INSERT INTO dry_run_part (dry_run_id, part, counts) VALUES (:dry_run, :part, CAST(:counts AS jsonb))
    ON CONFLICT ON CONSTRAINT dry_run_part_pkey DO NOTHING
""")


def _release(row: Row[tuple[object, ...]]) -> Release:
    values = dict(row._mapping)
    return Release(document=from_json(RuleSetDocument, values.pop("content")), **values)


async def lock_release(session: AsyncSession, *, programme_id: int, version: int) -> Release | None:
    """One version of a programme's rules, locked until this transaction ends."""
    values = {"programme": programme_id, "version": version}
    row = (await session.execute(_BY_VERSION, params=values)).one_or_none()
    return None if row is None else _release(row)


async def release(session: AsyncSession, *, rule_set_id: int) -> Release:
    """One version of the rules by its number."""
    return _release((await session.execute(_BY_ID, params={"rule_set": rule_set_id})).one())


async def release_until(session: AsyncSession, *, programme_id: int, day: date) -> Release | None:
    """The published version that ends on this day."""
    values = {"programme": programme_id, "day": day}
    row = (await session.execute(_BEFORE, params=values)).one_or_none()
    return None if row is None else _release(row)


async def lock_published(session: AsyncSession, *, programme_id: int) -> date | None:
    """Locks what is published; gives the day on which the last of it begins."""
    rows = (await session.execute(_LOCK_PUBLISHED, params={"programme": programme_id})).all()
    return max((row.effective_from for row in rows), default=None)


async def programme_day(session: AsyncSession, now: datetime, *, programme_id: int) -> Row[tuple[Any, ...]]:
    """The local day in a programme, its time zone, and what it says about itself."""
    return (await session.execute(_TODAY, params={"programme": programme_id, "now": now})).one()


async def move(session: AsyncSession, *, rule_set_id: int, origin: str, target: str) -> None:
    """From one status to the next."""
    await session.execute(_MOVE, params={"rule_set": rule_set_id, "origin": origin, "target": target})


async def open_consultation(session: AsyncSession, *, rule_set_id: int, opens_on: date, closes_on: date) -> None:
    """From one day to another, both included, everybody may comment."""
    values = {"rule_set": rule_set_id, "opens_on": opens_on, "closes_on": closes_on}
    await session.execute(_OPEN, params=values)


async def count_comment(session: AsyncSession, *, rule_set_id: int, person_id: int, today: date, most: int) -> bool:
    """Takes one comment's place; False when the consultation is over, or the person has said enough."""
    values = {"rule_set": rule_set_id, "person": person_id, "today": today, "most": most}
    return (await session.execute(_COUNT_COMMENT, params=values)).one_or_none() is not None


async def add_comment(session: AsyncSession, now: datetime, *, rule_set_id: int, person_id: int, body: str) -> None:
    """Keeps what somebody has said."""
    values = {"rule_set": rule_set_id, "person": person_id, "now": now, "body": body}
    await session.execute(_COMMENT, params=values)


async def approve(session: AsyncSession, *, rule_set_id: int, person_id: int) -> None:
    """Approved by a person, on the latest finished dry run."""
    await session.execute(_APPROVE, params={"rule_set": rule_set_id, "person": person_id})


async def answer_comments(session: AsyncSession, *, rule_set_id: int, answer: str) -> None:
    """What the office answers to all comments together."""
    await session.execute(_ANSWER, params={"rule_set": rule_set_id, "answer": answer})


async def reopen(session: AsyncSession, *, programme_id: int, day: date) -> None:
    """The version that was to end on this day goes on."""
    await session.execute(_REOPEN, params={"programme": programme_id, "day": day})


async def begin_dry_run(session: AsyncSession, now: datetime, *, rule_set_id: int, against_id: int, day: date) -> int:
    """A new dry run; 0 when one of this version is under way."""
    values = {"rule_set": rule_set_id, "against": against_id, "day": day, "now": now}
    return (await session.execute(_BEGIN_DRY_RUN, params=values)).scalar_one_or_none() or 0


async def open_dry_run(session: AsyncSession, *, rule_set_id: int) -> int:
    """The dry run of this version that is under way."""
    return int((await session.execute(_OPEN_DRY_RUN, params={"rule_set": rule_set_id})).scalar_one())


async def dry_run(session: AsyncSession, *, dry_run_id: int) -> Row[tuple[Any, ...]]:
    """What a dry run compares, and which parts of the population it has done."""
    return (await session.execute(_DRY_RUN, params={"dry_run": dry_run_id})).one()


async def set_dry_run(
    session: AsyncSession, now: datetime, *, dry_run_id: int, status: str, problems: tuple[str, ...] = ()
) -> None:
    """How far a dry run is."""
    values = {"dry_run": dry_run_id, "status": status, "now": now, "problems": list(problems)}
    await session.execute(_SET_DRY_RUN, params=values)


async def add_dry_run_part(session: AsyncSession, *, dry_run_id: int, part: int, counts: Mapping[str, object]) -> None:
    """The sums of one part, once."""
    await session.execute(_ADD_PART, params={"dry_run": dry_run_id, "part": part, "counts": json.dumps(counts)})


def consultations_fragment() -> Fragment:
    """Every consultation of every programme, the latest first."""
    return Fragment(
        sql="""
        SELECT coalesce(json_agg(json_build_object('programme', r.programme_id, 'rule_set', r.id,
            'opens_on', c.opens_on, 'closes_on', c.closes_on, 'comments', c.comments, 'answer', c.answer,
            'assessment', (SELECT json_agg(p.counts) FROM dry_run_part AS p WHERE p.dry_run_id = r.assessment_id))
            ORDER BY r.programme_id, r.version DESC), '[]')
        FROM consultation AS c
        JOIN rule_set AS r ON r.id = c.rule_set_id
        """
    )


def comments_fragment(name: str, *, version: int, first: int, after: int | None) -> Fragment:
    """One page of what people have said about a version of the caller's programme, oldest first, without who."""
    sql = f"""
        SELECT coalesce(json_agg(json_build_object('id', p.id, 'at', p.at, 'body', p.body) ORDER BY p.id), '[]')
        FROM (
            SELECT m.id, m.at, m.body
            FROM rule_comment AS m
            JOIN rule_set AS r ON r.id = m.rule_set_id
            WHERE r.programme_id = :programme AND r.version = :{name}_version
              AND (CAST(:{name}_after AS bigint) IS NULL OR m.id > :{name}_after)
            ORDER BY m.id
            LIMIT CAST(:{name}_first AS integer) + 1
        ) AS p
    """
    return Fragment(sql=sql, binds={f"{name}_version": version, f"{name}_after": after, f"{name}_first": first})


def dry_run_fragment(name: str, *, dry_run_id: int) -> Fragment:
    """One dry run of the caller's programme with the sums of its parts; null when there is none."""
    sql = f"""
        SELECT json_build_object('id', d.id, 'rule_set', d.rule_set_id, 'version', r.version, 'status', d.status,
            'problems', d.problems,
            'parts', (SELECT coalesce(json_agg(p.counts), '[]') FROM dry_run_part AS p WHERE p.dry_run_id = d.id))
        FROM dry_run AS d
        JOIN rule_set AS r ON r.id = d.rule_set_id
        WHERE d.id = :{name}_id AND r.programme_id = :programme
    """
    return Fragment(sql=sql, binds={f"{name}_id": dry_run_id})
