"""Everything that is held about a person, as JSON, part by part; and what goes when they are erased.

`SEALED` marks what is unreadable in the database: whoever holds the vault opens it. A test compares these parts with
the tables, so that no table with a person's data is forgotten.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

SEALED: Final = "sealed"


def _sealed(column: str, field: str, key: str = "NULL") -> str:
    """A sealed column with the field it was sealed as; the key is the person's own where none is named."""
    return f"""CASE WHEN {column} IS NOT NULL THEN json_build_object(
        '{SEALED}', encode({column}, 'base64'), 'field', '{field}', 'key', encode({key}, 'base64')) END"""


def _rows(shape: str, rest: str) -> str:
    """A part that is a list."""
    return f"SELECT coalesce(json_agg({shape}), '[]') FROM {rest}"


_ITEM: Final = "(SELECT i.code FROM item AS i WHERE i.id = {0}.item_id)"
_ORGANISATION: Final = "(SELECT o.name FROM organisation AS o WHERE o.id = {0})"
_STEPS: Final = f"""(SELECT coalesce(json_agg(json_build_object('at', s.at, 'by', s.by, 'kind', s.kind, 'due_on',
        s.due_on, 'text', {_sealed("s.sealed_text", "case_step")}) ORDER BY s.id), '[]')
        FROM case_step AS s WHERE s.{{0}} = {{1}}.id)"""
_PAPERS: Final = f"""(SELECT coalesce(json_agg(json_build_object('name', {_sealed("p.sealed_name", "file_name")},
        'media_type', p.media_type, 'at', p.at, 'sha256', p.digest, 'base64',
        {_sealed("p.sealed_content", "attachment")}) ORDER BY p.id), '[]') FROM attachment AS p WHERE {{0}})"""

PERSON: Final = f"""
    SELECT json_build_object('issuer', p.issuer, 'subject', p.subject, 'first_signed_in', p.created_at,
        'name', {_sealed("p.sealed_name", "name")}, 'birth_date', {_sealed("p.sealed_birth_date", "birth_date")},
        'identity_reference', {_sealed("p.sealed_identity_ref", "identity_ref")},
        'sign_ins', ({
    _rows(
        "json_build_object('role', f.role, 'programme', f.programme_code, 'at', f.issued_at, 'ended_at', f.ended_at)"
        " ORDER BY f.issued_at",
        "refresh_session AS f WHERE f.person_id = p.id",
    )
}),
        'posts', ({
    _rows(
        "json_build_object('role', s.role, 'name', s.display_name, 'blocked_at', s.blocked_at) ORDER BY s.id",
        "staff AS s WHERE s.person_id = p.id",
    )
}))
    FROM person AS p WHERE p.id = :person
"""
_OF_PERSON: Final = "person_id = :person AND {0}.programme_id = :programme"
_OF_CITIZEN: Final = "citizen_id = ANY (CAST(:citizens AS integer[]))"
_OF_VOLUNTEER: Final = "volunteer_id = ANY (CAST(:volunteers AS bigint[]))"
PARTS: Final[Mapping[str, str]] = {
    "membership": _rows(
        """json_build_object('joined_at', c.joined_at, 'left_at', c.left_at, 'scored_from', c.scored_from,
            'birth_cohort', c.birth_cohort, 'registration', c.registration_kind, 'groups', c.groups)""",
        "citizen AS c WHERE c.id = ANY (CAST(:citizens AS integer[]))",
    ),
    "consents": _rows(
        """json_build_object('purpose', a.purpose, 'version', a.version, 'given_at', a.given_at,
            'withdrawn_at', a.withdrawn_at) ORDER BY a.id""",
        f"consent AS a WHERE a.{_OF_PERSON.format('a')}",
    ),
    "access_log": _rows(
        """json_build_object('at', e.at, 'actor', e.actor, 'role', e.role, 'purpose', e.purpose, 'what', e.what)
            ORDER BY e.at, e.id""",
        f"access_event AS e WHERE e.{_OF_PERSON.format('e')}",
    ),
    "notices": _rows(
        """json_build_object('at', n.at, 'kind', n.kind, 'about', n.params, 'read_at', n.read_at) ORDER BY n.id""",
        f"notice AS n WHERE n.{_OF_PERSON.format('n')}",
    ),
    "score": _rows(
        """json_build_object('points', k.points, 'as_of', k.as_of, 'rule_set_version',
            (SELECT r.version FROM rule_set AS r WHERE r.id = k.rule_set_id))""",
        f"score AS k WHERE k.{_OF_CITIZEN}",
    ),
    "score_changes": _rows(
        "json_build_object('at', h.at, 'before', h.before, 'after', h.after, 'cause', h.cause) ORDER BY h.id",
        f"score_change AS h WHERE h.{_OF_CITIZEN}",
    ),
    # What has ended is called that, whatever ended it: nothing shows that somebody declined.
    "records": _rows(
        f"""json_build_object('item', {_ITEM.format("r")}, 'source', {_ORGANISATION.format("r.source_id")},
            'quantity_x100', r.quantity_x100, 'occurred_on', r.occurred_on, 'ended_on', r.ended_on,
            'determined_on', r.determined_on, 'recorded_at', r.recorded_at,
            'reference', d.source_ref, 'document', d.document_id, 'evidence', d.evidence,
            'events', (SELECT coalesce(json_agg(json_build_object('at', v.at, 'state', CASE WHEN v.state
                IN ('ANNOUNCED', 'ACTIVE', 'CONTESTED') THEN v.state ELSE 'ENDED' END) ORDER BY v.at), '[]')
                FROM record_event AS v WHERE v.citizen_id = r.citizen_id AND v.source_id = r.source_id
                AND v.ref_hash = r.ref_hash)) ORDER BY r.recorded_at, r.ref_hash""",
        f"""credit_record AS r LEFT JOIN record_document AS d ON d.citizen_id = r.citizen_id
            AND d.source_id = r.source_id AND d.ref_hash = r.ref_hash WHERE r.{_OF_CITIZEN}""",
    ),
    "objections": _rows(
        f"""json_build_object('target', o.target, 'reason', {_sealed("o.sealed_reason", "reason")},
            'status', o.status, 'opened_at', o.opened_at, 'due_on', o.due_on, 'question',
            {_sealed("o.sealed_question", "question")}, 'finding', o.finding, 'decided_at', o.decided_at, 'decision',
            {_sealed("o.sealed_decision", "decision")}, 'steps', {_STEPS.format("objection_id", "o")},
            'attachments', {_PAPERS.format("p.objection_id = o.id")}) ORDER BY o.id""",
        f"objection AS o WHERE o.{_OF_PERSON.format('o')}",
    ),
    "repairs": _rows(
        f"""json_build_object('statement', {_sealed("r.sealed_statement", "statement")}, 'status', r.status,
            'opened_at', r.opened_at, 'due_on', r.due_on, 'decided_at', r.decided_at, 'decision',
            {_sealed("r.sealed_decision", "decision")}, 'steps', {_STEPS.format("repair_id", "r")},
            'attachments', {_PAPERS.format("p.repair_id = r.id")}) ORDER BY r.id""",
        f"repair AS r WHERE r.{_OF_PERSON.format('r')}",
    ),
    "attachments_waiting": f"""
        SELECT {
        _PAPERS.format(
            "p.person_id = :person AND p.programme_id = :programme AND p.objection_id IS NULL AND p.repair_id IS NULL"
        )
    }
    """,
    "comments": _rows(
        "json_build_object('at', m.at, 'text', m.body) ORDER BY m.id",
        """rule_comment AS m JOIN rule_set AS s ON s.id = m.rule_set_id
            WHERE m.person_id = :person AND s.programme_id = :programme""",
    ),
    "redemptions": _rows(
        f"""json_build_object('receipt_number', r.receipt_number, 'product', r.product_code, 'shop',
            {_ORGANISATION.format("r.organisation_id")}, 'at', r.at, 'status', r.status, 'basis', r.basis,
            'relief', r.relief, 'holder_pays', r.holder_pays, 'due_on', r.due_on, 'allowance_window',
            h.allowance_window, 'allowance_taken', h.allowance_taken, 'partner_code', (SELECT
            {_sealed("q.sealed_code", "partner_code", "q.wrapped_key")} FROM partner_code AS q
            WHERE q.redemption_id = r.id), 'account_claim', (SELECT json_build_object('answer_by', q.answer_by,
            'answered_at', q.answered_at) FROM account_claim AS q WHERE q.redemption_id = r.id)) ORDER BY r.id""",
        f"""redemption_holder AS h JOIN redemption AS r ON r.id = h.redemption_id
            WHERE h.{_OF_CITIZEN} AND r.programme_id = :programme""",
    ),
    "codes_shown": _rows(
        """json_build_object('product', (SELECT g.code FROM product AS g WHERE g.id = p.product_id), 'at',
            p.created_at, 'status', p.status, 'refusal', p.refusal) ORDER BY p.id""",
        f"presentation AS p WHERE p.{_OF_CITIZEN}",
    ),
    "allowances": _rows(
        """json_build_object('product', u.product_code, 'window_start', u.window_start, 'window_end', u.window_end,
            'used', u.used) ORDER BY u.product_code, u.window_start""",
        """allowance_use AS u WHERE u.programme_id = :programme AND u.holder IN (SELECT c.pseudonym
            FROM citizen AS c WHERE c.id = ANY (CAST(:citizens AS integer[])))""",
    ),
    "entitlements": _rows(
        "json_build_object('product', t.product_code, 'since', t.since, 'until', t.until) ORDER BY t.product_code",
        f"entitlement AS t WHERE t.{_OF_CITIZEN}",
    ),
    "reservations": _rows(
        """json_build_object('product', v.product_code, 'status', v.status, 'at', v.created_at, 'expires_at',
            v.expires_at, 'ended_at', v.ended_at) ORDER BY v.id""",
        f"reservation AS v WHERE v.{_OF_CITIZEN}",
    ),
    "promises": _rows(
        """json_build_object('product', q.product_code, 'signed_at', q.signed_at, 'broken_at', q.broken_at)
            ORDER BY q.signed_at""",
        f"paper_promise AS q WHERE q.{_OF_CITIZEN}",
    ),
    "accounts": _rows(
        f"""json_build_object('kind', s.kind, 'number', {_sealed("s.sealed_number", "account")}, 'linked_at',
            s.linked_at, 'unlinked_at', s.unlinked_at) ORDER BY s.id""",
        f"service_account AS s WHERE s.{_OF_CITIZEN}",
    ),
    "dwellings": _rows(
        "json_build_object('since', w.since, 'digest', encode(w.dwelling, 'hex')) ORDER BY w.since",
        f"household AS w WHERE w.{_OF_CITIZEN}",
    ),
    "volunteering": _rows(
        f"""json_build_object('number', v.number, 'call_name',
            {_sealed("v.sealed_call_name", "call_name", "v.wrapped_key")}, 'minor_until', v.minor_until,
            'registered_at', v.registered_at, 'left_at', v.left_at)""",
        "volunteer AS v WHERE v.id = ANY (CAST(:volunteers AS bigint[]))",
    ),
    "sign_ups": _rows(
        """json_build_object('event', (SELECT e.title FROM event AS e WHERE e.id = s.event_id), 'at', s.at,
            'status', s.status) ORDER BY s.at, s.event_id""",
        f"sign_up AS s WHERE s.{_OF_VOLUNTEER}",
    ),
    "services": _rows(
        f"""json_build_object('event', (SELECT e.title FROM event AS e WHERE e.id = s.event_id), 'organisation',
            {_ORGANISATION.format("s.organisation_id")}, 'from', s.started_at, 'until', s.ended_at, 'minutes',
            s.minutes, 'status', s.status, 'entered_by', s.entered_by, 'signals', s.signals, 'reason',
            {_sealed("s.sealed_reason", "reason", "v.wrapped_key")}, 'history', (SELECT coalesce(json_agg(
            json_build_object('at', h.at, 'role', h.role, 'from', h.from_status, 'to', h.to_status, 'from_minutes',
            h.from_minutes, 'to_minutes', h.to_minutes, 'reason',
            {_sealed("h.sealed_reason", "reason", "v.wrapped_key")}) ORDER BY h.id), '[]')
            FROM service_event AS h WHERE h.service_id = s.id)) ORDER BY s.id""",
        f"service AS s JOIN volunteer AS v ON v.id = s.volunteer_id WHERE s.{_OF_VOLUNTEER}",
    ),
    "volunteer_records": _rows(
        f"""json_build_object('kind', r.kind, 'organisation', {_ORGANISATION.format("r.organisation_id")}, 'on',
            r.dated_on, 'recorded_at', r.recorded_at, 'corrected_at', r.corrected_at, 'content',
            {_sealed("r.sealed_content", "volunteer record", "v.wrapped_key")}) ORDER BY r.id""",
        f"""volunteer_record AS r JOIN volunteer AS v ON v.id = r.volunteer_id
            WHERE r.{_OF_VOLUNTEER} AND r.declined_at IS NULL""",
    ),
    # Without its check code: what could be verified by somebody else is not part of this.
    "certificates": _rows(
        f"""json_build_object('from', c.from_on, 'until', c.until_on, 'issued_on', c.issued_on, 'minutes', c.minutes,
            'revoked_at', c.revoked_at, 'content', {_sealed("c.sealed_content", "certificate", "v.wrapped_key")},
            'reason', {_sealed("c.sealed_reason", "reason", "v.wrapped_key")}) ORDER BY c.id""",
        f"certificate AS c JOIN volunteer AS v ON v.id = c.volunteer_id WHERE c.{_OF_VOLUNTEER}",
    ),
    "guardian_codes": _rows(
        "json_build_object('made_at', g.created_at, 'used_at', g.used_at) ORDER BY g.id",
        f"guardian_code AS g WHERE g.{_OF_PERSON.format('g')}",
    ),
    "presence_codes": _rows(
        "json_build_object('made_at', q.created_at, 'used_at', q.used_at) ORDER BY q.id",
        f"presence_code AS q WHERE q.{_OF_PERSON.format('q')}",
    ),
}
_PERSON: Final = text(PERSON)
_HELD: Final = text("SELECT json_build_object(" + ", ".join(f"'{name}', ({sql})" for name, sql in PARTS.items()) + ")")
# Wherever a person has been: what is left of it is found by their number.
_PLACES: Final = text("""
    SELECT g.id, g.code,
        ARRAY(SELECT c.id FROM citizen AS c WHERE c.person_id = :person AND c.programme_id = g.id) AS citizens,
        ARRAY(SELECT v.id FROM volunteer AS v WHERE v.person_id = :person AND v.programme_id = g.id) AS volunteers,
        EXISTS (SELECT FROM citizen AS c
            WHERE c.person_id = :person AND c.programme_id = g.id AND c.left_at IS NULL) AS joined,
        EXISTS (SELECT FROM volunteer AS v
            WHERE v.person_id = :person AND v.programme_id = g.id AND v.left_at IS NULL) AS registered
    FROM programme AS g
    WHERE EXISTS (SELECT FROM citizen AS c WHERE c.person_id = :person AND c.programme_id = g.id)
       OR EXISTS (SELECT FROM volunteer AS v WHERE v.person_id = :person AND v.programme_id = g.id)
       OR EXISTS (SELECT FROM consent AS a WHERE a.person_id = :person AND a.programme_id = g.id)
       OR EXISTS (SELECT FROM access_event AS e WHERE e.person_id = :person AND e.programme_id = g.id)
       OR g.id = :programme
    ORDER BY g.id
""")
_ENTER: Final = text("""
    SELECT set_config('app.programme', CAST(CAST(:programme AS smallint) AS text), true),
        set_config('app.citizens', CAST(CAST(:citizens AS integer[]) AS text), true),
        set_config('app.volunteer', CAST(CAST(:volunteer AS bigint) AS text), true)
""")
_ADD: Final = text("""
    INSERT INTO export (person_id, at, expires_at, sealed_document)
    SELECT :person, :now, :expires_at, :document
    WHERE :most > (SELECT count(*) FROM export AS x WHERE x.person_id = :person AND x.at > :since)
    RETURNING id
""")
_EXPORT: Final = text("SELECT sealed_document FROM export WHERE id = :id AND expires_at > :now")
_HOLDS_POST: Final = text("SELECT EXISTS (SELECT FROM staff WHERE person_id = :person AND blocked_at IS NULL)")
_ERASE: Final = text("SELECT erase_person(:key)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A programme in which something is held about the person, and who they are or were there."""

    programme_id: int
    code: str
    citizens: tuple[int, ...]
    volunteers: tuple[int, ...]
    joined: bool
    registered: bool


async def places(session: AsyncSession, *, person_id: int, programme_id: int) -> list[Place]:
    """The programmes in which something is held about the person; the one they act in among them."""
    rows = await session.execute(_PLACES, {"person": person_id, "programme": programme_id})
    return [
        Place(
            programme_id=row.id,
            code=row.code,
            citizens=tuple(row.citizens),
            volunteers=tuple(row.volunteers),
            joined=row.joined,
            registered=row.registered,
        )
        for row in rows
    ]


async def enter(session: AsyncSession, *, place: Place) -> None:
    """From here on this transaction sees the caller's own rows of that programme, also those from before leaving."""
    volunteer = place.volunteers[0] if place.volunteers else None
    values = {"programme": place.programme_id, "citizens": list(place.citizens), "volunteer": volunteer}
    await session.execute(_ENTER, values)


async def about_person(session: AsyncSession, *, person_id: int) -> dict[str, Any]:
    """What is held about a person apart from any programme."""
    return dict((await session.execute(_PERSON, {"person": person_id})).scalar_one())


async def held(session: AsyncSession, *, person_id: int, place: Place) -> dict[str, Any]:
    """Everything that one programme holds about the person, part by part."""
    values = {
        "person": person_id,
        "programme": place.programme_id,
        "citizens": list(place.citizens),
        "volunteers": list(place.volunteers),
    }
    return dict((await session.execute(_HELD, values)).scalar_one())


async def add_export(
    session: AsyncSession, now: datetime, *, person_id: int, document: bytes, ends: Sequence[datetime], most: int
) -> int | None:
    """Keeps a sealed export; None when there were too many. `ends` is when it goes, and since when they are counted."""
    expires_at, since = ends
    values = {"person": person_id, "now": now, "expires_at": expires_at, "document": document}
    return (await session.execute(_ADD, {**values, "since": since, "most": most})).scalar_one_or_none()


async def export(session: AsyncSession, now: datetime, *, export_id: int) -> bytes | None:
    """A sealed export; None when its time is over."""
    document: bytes | None = (await session.execute(_EXPORT, {"id": export_id, "now": now})).scalar_one_or_none()
    return document


async def holds_post(session: AsyncSession, *, person_id: int) -> bool:
    """Whether the person works for an organisation or the office."""
    return bool((await session.execute(_HOLDS_POST, {"person": person_id})).scalar_one())


async def erase_person(session: AsyncSession, *, key: UUID) -> None:
    """Destroys the caller's key and what goes with it, for good. `key` is that of the request."""
    await session.execute(_ERASE, {"key": key})
