"""SQL over organisations that apply, sign, are admitted and suspended."""

import json
from datetime import date
from typing import Any, Final

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.programmes.rules.admissions import Applicant
from domain.programmes.rules.document import CommitmentText
from domain.values import Fragment, Words

_ADD = text("""
    INSERT INTO organisation (programme_id, code, kind, name, category, address, registration_number, status,
        applied_by)
    VALUES (:programme, :code, :kind, CAST(:name AS jsonb), CAST(:category AS jsonb), CAST(:address AS jsonb),
        :registration_number, 'APPLIED', :person)
    RETURNING id
""")
_SIGN = text("""
    INSERT INTO commitment (organisation_id, version, digest, body, signed_on, signed_by)
    VALUES (:organisation, :version, :digest, CAST(:body AS jsonb), :signed_on, :staff)
    ON CONFLICT ON CONSTRAINT commitment_pkey DO NOTHING
    RETURNING organisation_id
""")
_SIGN_FOR_ALL = text("""
    INSERT INTO commitment (organisation_id, version, digest, body, signed_on)
    SELECT o.id, :version, :digest, CAST(:body AS jsonb), :signed_on
    FROM organisation AS o
    WHERE o.programme_id = :programme
      AND o.status = 'ADMITTED'
      AND NOT EXISTS (SELECT FROM commitment AS c WHERE c.organisation_id = o.id)
""")
_LOCK = text("""
    SELECT o.id, o.status, o.applied_by,
        (SELECT max(c.version) FROM commitment AS c WHERE c.organisation_id = o.id) AS signed_version
    FROM organisation AS o
    WHERE o.id = :organisation
      AND o.programme_id = :programme
    FOR UPDATE
""")
_MOVE = text("UPDATE organisation SET status = :status, status_reason = CAST(:reason AS text) WHERE id = :organisation")
_WHY_SUSPENDED = text("SELECT status_reason FROM organisation WHERE id = :organisation")
_TEXT = text("SELECT content -> 'commitment_text' AS signed FROM programme WHERE id = :programme")
_SHAPE: Final = """json_build_object(
            'id', o.id, 'name', o.name, 'kind', o.kind, 'status', o.status,
            'commitment', (
                SELECT json_build_object('version', c.version, 'digest', c.digest, 'body', c.body,
                    'signed_on', c.signed_on)
                FROM commitment AS c
                WHERE c.organisation_id = o.id
                ORDER BY c.version DESC
                LIMIT 1))"""


async def add_application(
    session: AsyncSession, *, programme_id: int, code: str, said: dict[str, Any], person_id: int | None
) -> int:
    """Writes an organisation that applies. `said` holds kind, name, category, address and registration_number."""
    values = {
        "programme": programme_id,
        "code": code,
        "kind": said["kind"],
        "name": _json(said["name"]),
        "category": _json(said["category"]),
        "address": None if said["address"] is None else _json(said["address"]),
        "registration_number": said["registration_number"],
        "person": person_id,
    }
    return int((await session.execute(_ADD, params=values)).scalar_one())


async def sign(
    session: AsyncSession, *, organisation_id: int, commitment: CommitmentText, signed_on: date, staff_id: int | None
) -> bool:
    """Writes a signature; False when this version is signed already."""
    values = {"organisation": organisation_id, "signed_on": signed_on, "staff": staff_id, **_signed(commitment)}
    return (await session.execute(_SIGN, params=values)).one_or_none() is not None


async def sign_for_all(
    session: AsyncSession, *, programme_id: int, commitment: CommitmentText, signed_on: date
) -> None:
    """Takes over that every admitted organisation without a signature has signed on paper."""
    values = {"programme": programme_id, "signed_on": signed_on, **_signed(commitment)}
    await session.execute(_SIGN_FOR_ALL, params=values)


async def lock(session: AsyncSession, *, organisation_id: int, programme_id: int) -> Applicant | None:
    """One organisation of the programme, locked."""
    values = {"organisation": organisation_id, "programme": programme_id}
    row = (await session.execute(_LOCK, params=values)).one_or_none()
    return None if row is None else Applicant(**row._mapping)


async def move(session: AsyncSession, *, organisation_id: int, status: str, reason: str | None) -> None:
    """Writes a new state and why."""
    await session.execute(_MOVE, params={"organisation": organisation_id, "status": status, "reason": reason})


async def why_suspended(session: AsyncSession, *, organisation_id: int) -> str | None:
    """The office's reason, for the organisation's own staff."""
    return (await session.execute(_WHY_SUSPENDED, params={"organisation": organisation_id})).scalar_one_or_none()


async def commitment_text(session: AsyncSession, *, programme_id: int) -> Row[tuple[dict[str, Any]]]:
    """What organisations of the programme sign, as `signed`."""
    return (await session.execute(_TEXT, params={"programme": programme_id})).one()


def organisation_fragment(name: str, *, organisation_id: int) -> Fragment:
    """One organisation of the programme, whatever its state."""
    return Fragment(
        sql=f"""
        SELECT {_SHAPE}
        FROM organisation AS o
        WHERE o.programme_id = :programme
          AND o.id = :{name}_id
        """,
        binds={f"{name}_id": organisation_id},
    )


def applications_fragment() -> Fragment:
    """The organisations that wait for the office, the oldest application first."""
    return Fragment(
        sql=f"""
        SELECT coalesce(json_agg({_SHAPE} ORDER BY o.id), '[]')
        FROM organisation AS o
        WHERE o.programme_id = :programme
          AND o.status = 'APPLIED'
        """
    )


def _signed(commitment: CommitmentText) -> dict[str, object]:
    return {"version": commitment.version, "digest": commitment.digest, "body": _json(commitment.text)}


def _json(text: Words) -> str:
    return json.dumps({"zh": text.zh, "en": text.en}, ensure_ascii=False)
