"""What the API shows of cases, as fragments. Sealed texts come with the key only where the person themselves, or
somebody to whom a door was opened, is the subject of the statement; everybody else sees that a case is there.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final

from domain.values import Fragment


def _steps(column: str, alias: str) -> str:
    return f"""(
            SELECT coalesce(json_agg(json_build_object(
                'at', s.at, 'by', s.by, 'kind', s.kind, 'text', encode(s.sealed_text, 'base64'), 'due_on', s.due_on,
                'provisional', s.provisional) ORDER BY s.id), '[]')
            FROM case_step AS s WHERE s.{column} = {alias}.id)"""


def _attachments(column: str, alias: str) -> str:
    return f"""(
            SELECT coalesce(json_agg({_PAPER} ORDER BY a.id), '[]')
            FROM attachment AS a WHERE a.{column} = {alias}.id)"""


def _key(alias: str) -> str:
    return f"""(
            SELECT encode(k.wrapped_key, 'base64') FROM person_key AS k
            WHERE k.person_id = {alias}.person_id AND {alias}.person_id = :person)"""


_PAPER: Final = """json_build_object('id', a.id, 'media_type', a.media_type, 'name', encode(a.sealed_name, 'base64'),
                'key', (SELECT encode(k.wrapped_key, 'base64') FROM person_key AS k WHERE k.person_id = a.person_id),
                'bytes', a.size_bytes, 'digest', a.digest)"""


def _objection(alias: str) -> str:
    return f"""
        'id', {alias}.id, 'target', {alias}.target, 'subject', {alias}.subject_key, 'status', {alias}.status,
        'key', {_key(alias)}, 'reason', encode({alias}.sealed_reason, 'base64'),
        'opened_at', {alias}.opened_at, 'due_on', {alias}.due_on, 'provisional', {alias}.provisional,
        'decided_at', {alias}.decided_at, 'by_time', {alias}.decided_at IS NOT NULL AND {alias}.decided_by IS NULL,
        'decision', encode({alias}.sealed_decision, 'base64'), 'remedy_until', {alias}.remedy_until,
        'review_of', {alias}.review_of, 'restored', {alias}.restored,
        'attachments', {_attachments("objection_id", alias)}, 'steps', {_steps("objection_id", alias)}"""


_OBJECTION: Final = f"""json_build_object({_objection("o")}, 'first', (
            SELECT json_build_object({_objection("f")}) FROM objection AS f WHERE f.id = o.review_of))"""
_REPAIR: Final = f"""json_build_object(
        'id', r.id, 'record', ARRAY[r.citizen_id, r.source_id, r.ref_hash], 'status', r.status, 'key', {_key("r")},
        'opened_at', r.opened_at, 'due_on', r.due_on, 'provisional', r.provisional, 'decided_at', r.decided_at,
        'by_time', r.decided_at IS NOT NULL AND r.decided_by IS NULL,
        'decision', encode(r.sealed_decision, 'base64'), 'remedy_until', r.remedy_until,
        'statement', encode(r.sealed_statement, 'base64'),
        'attachments', {_attachments("repair_id", "r")}, 'steps', {_steps("repair_id", "r")})"""


def objections_fragment(name: str, *, first: int, before: int | None) -> Fragment:
    """A person's objections, newest first, from before one of them; one more than asked for."""
    return Fragment(
        sql=f"""
        SELECT coalesce(json_agg(p.shape ORDER BY p.id DESC), '[]')
        FROM (
            SELECT o.id, {_OBJECTION} AS shape
            FROM objection AS o
            WHERE o.person_id = :person
              AND o.programme_id = :programme
              AND o.id < :{name}_before
            ORDER BY o.id DESC
            LIMIT :{name}_limit
        ) AS p
        """,
        binds={f"{name}_before": 2**63 - 1 if before is None else before, f"{name}_limit": first + 1},
    )


def objection_fragment(name: str, *, objection_id: int) -> Fragment:
    """One objection of the programme, as far as this transaction may see it."""
    return Fragment(
        sql=f"""
        SELECT {_OBJECTION}
        FROM objection AS o
        WHERE o.programme_id = :programme AND o.id = :{name}_id
        """,
        binds={f"{name}_id": objection_id},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFilter:
    """Which cases an office looks for: of one status, and those whose day has passed or has not."""

    status: str | None = None
    overdue: bool | None = None


def _filtered(name: str, alias: str) -> str:
    return f"""{alias}.programme_id = :programme
              AND (CAST(:{name}_status AS text) IS NULL OR {alias}.status = CAST(:{name}_status AS text))
              AND (CAST(:{name}_overdue AS boolean) IS NULL OR CAST(:{name}_overdue AS boolean)
                  = ({alias}.decided_at IS NULL AND {alias}.status <> 'WITHDRAWN' AND {alias}.due_on < :today))"""


def office_objections_fragment(
    name: str, *, wanted: CaseFilter, first: int, after: tuple[date, int] | None
) -> Fragment:
    """A programme's objections, the most urgent first; the key of a page is due date and number."""
    return Fragment(
        sql=f"""
        SELECT coalesce(json_agg(p.shape ORDER BY p.due_on, p.id), '[]')
        FROM (
            SELECT o.id, o.due_on, {_OBJECTION} AS shape
            FROM objection AS o
            WHERE {_filtered(name, "o")}
              AND (CAST(:{name}_on AS date) IS NULL
                  OR (o.due_on, o.id) > (CAST(:{name}_on AS date), CAST(:{name}_after AS bigint)))
            ORDER BY o.due_on, o.id
            LIMIT :{name}_limit
        ) AS p
        """,
        binds={
            f"{name}_status": wanted.status,
            f"{name}_overdue": wanted.overdue,
            f"{name}_on": None if after is None else after[0],
            f"{name}_after": None if after is None else after[1],
            f"{name}_limit": first + 1,
        },
    )


def repairs_fragment() -> Fragment:
    """A person's repairs, newest first, at most a hundred."""
    return Fragment(
        sql=f"""
        SELECT coalesce(json_agg(p.shape ORDER BY p.id DESC), '[]')
        FROM (
            SELECT r.id, {_REPAIR} AS shape
            FROM repair AS r
            WHERE r.person_id = :person
              AND r.programme_id = :programme
            ORDER BY r.id DESC
            LIMIT 100
        ) AS p
        """
    )


def repair_fragment(name: str, *, repair_id: int) -> Fragment:
    """One repair of the programme, as far as this transaction may see it."""
    return Fragment(
        sql=f"""
        SELECT {_REPAIR}
        FROM repair AS r
        WHERE r.programme_id = :programme AND r.id = :{name}_id
        """,
        binds={f"{name}_id": repair_id},
    )


def office_repairs_fragment(name: str, *, wanted: CaseFilter) -> Fragment:
    """A programme's repairs, the most urgent first, at most a hundred."""
    return Fragment(
        sql=f"""
        SELECT coalesce(json_agg(p.shape ORDER BY p.due_on, p.id), '[]')
        FROM (
            SELECT r.id, r.due_on, {_REPAIR} AS shape
            FROM repair AS r
            WHERE {_filtered(name, "r")}
            ORDER BY r.due_on, r.id
            LIMIT 100
        ) AS p
        """,
        binds={f"{name}_status": wanted.status, f"{name}_overdue": wanted.overdue},
    )


def attachment_fragment(name: str, *, attachment_id: int) -> Fragment:
    """One attachment of the subject's."""
    return Fragment(
        sql=f"""
        SELECT {_PAPER}
        FROM attachment AS a
        WHERE a.person_id = :person AND a.programme_id = :programme AND a.id = :{name}_id
        """,
        binds={f"{name}_id": attachment_id},
    )


def contents_fragment() -> Fragment:
    """The sealed contents of the subject's newest attachments, by number; nobody else's."""
    return Fragment(
        sql="""
        SELECT coalesce(json_object_agg(p.id, json_build_object('content', encode(p.sealed_content, 'base64'),
            'key', encode(k.wrapped_key, 'base64'))), '{}')
        FROM (
            SELECT a.id, a.person_id, a.sealed_content
            FROM attachment AS a
            WHERE a.person_id = :person AND a.programme_id = :programme
            ORDER BY a.id DESC
            LIMIT 20
        ) AS p
        JOIN person_key AS k ON k.person_id = p.person_id
        """
    )


def contested_accesses_fragment() -> Fragment:
    """The entries of the access log that the subject has objected to."""
    return Fragment(
        sql="""
        SELECT coalesce(json_agg(json_build_object('id', a.id, 'at', a.at, 'actor', a.actor, 'role', a.role,
            'purpose', a.purpose, 'what', a.what)), '[]')
        FROM access_event AS a
        WHERE a.person_id = :person AND a.programme_id = :programme
          AND a.id IN (
              SELECT o.subject_key[1] FROM objection AS o
              WHERE o.person_id = :person AND o.programme_id = :programme AND o.target = 'ACCESS')
        """
    )


_QUESTION: Final = """json_build_object('id', q.objection_id, 'source_ref', q.source_ref, 'item_id', q.item_id,
            'question', encode(q.sealed_question, 'base64'), 'key', encode(q.wrapped_key, 'base64'),
            'due_on', q.due_on)"""


def questions_fragment(name: str, *, overdue: bool | None) -> Fragment:
    """The questions that wait for this department's answer, the most urgent first."""
    return Fragment(
        sql=f"""
        SELECT coalesce(json_agg({_QUESTION} ORDER BY q.due_on, q.objection_id), '[]')
        FROM department_questions() AS q
        WHERE NOT q.answered
          AND (CAST(:{name}_overdue AS boolean) IS NULL OR CAST(:{name}_overdue AS boolean) = (q.due_on < :today))
        """,
        binds={f"{name}_overdue": overdue},
    )


def question_fragment(name: str, *, objection_id: int) -> Fragment:
    """One question that was put to this department."""
    return Fragment(
        sql=f"""
        SELECT {_QUESTION}
        FROM department_questions() AS q
        WHERE q.objection_id = :{name}_id
        """,
        binds={f"{name}_id": objection_id},
    )
