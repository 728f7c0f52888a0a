"""What hangs on a case: attachments and steps; and the doors to the person whose case it is."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.values import Words

_KEY: Final = text("SELECT wrapped_key FROM person_key WHERE person_id = :person")
_ADD_ATTACHMENT: Final = text("""
    INSERT INTO attachment (person_id, programme_id, at, media_type, sealed_name, sealed_content, size_bytes, digest)
    SELECT :person, :programme, :now, :media_type, :sealed_name, :sealed_content, :size_bytes, :digest
    WHERE :most > (
        SELECT count(*) FROM attachment AS a
        WHERE a.person_id = :person AND a.objection_id IS NULL AND a.repair_id IS NULL)
    RETURNING id
""")
_LINK: Final = text("""
    UPDATE attachment
    SET objection_id = :objection, repair_id = :repair
    WHERE id = ANY (CAST(:ids AS bigint[])) AND person_id = :person AND programme_id = :programme
      AND objection_id IS NULL AND repair_id IS NULL
    RETURNING id
""")
_ADD_STEP: Final = text("""
    INSERT INTO case_step
        (person_id, programme_id, objection_id, repair_id, at, by, kind, sealed_text, due_on, provisional)
    VALUES (:person, :programme, :objection, :repair, :now, CAST(:by AS jsonb), :kind, :sealed_text, :due_on,
        :provisional)
""")
_ORGANISATION_NAME: Final = text("SELECT name FROM organisation WHERE id = :organisation")
_REVEAL_CASE: Final = text("SELECT person_id, citizen_id, volunteer_id FROM reveal_case(:objection, :repair)")
_REVEAL_BY_NUMBER: Final = text("""
    SELECT person_id, citizen_id, volunteer_id FROM reveal_by_volunteer_number(:number, :purpose)
""")
_CASE_IS_HERE: Final = text("""
    SELECT EXISTS (SELECT FROM objection WHERE id = CAST(:objection AS bigint) AND programme_id = identity_programme())
        OR EXISTS (SELECT FROM repair WHERE id = CAST(:repair AS bigint) AND programme_id = identity_programme())
""")
_REVEAL_BY_QUESTION: Final = text("SELECT reveal_by_question(:objection)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Whose:
    """To whom a case has opened the door, for this transaction: a person, and who they are in the programme."""

    person_id: int
    citizen_id: int | None
    volunteer_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRef:
    """One case of one person: an objection or a repair."""

    person_id: int
    programme_id: int
    objection_id: int | None = None
    repair_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewStep:
    """Something that has happened to a case."""

    kind: str
    by: Words
    sealed_text: bytes | None = None
    due_on: date | None = None
    provisional: bool = False
    params: Mapping[str, object] = field(default_factory=dict)


async def key_of(session: AsyncSession, *, person_id: int) -> bytes:
    """The wrapped key of a person who is the caller, or revealed."""
    return bytes((await session.execute(_KEY, params={"person": person_id})).scalar_one())


async def add_attachment(
    session: AsyncSession, now: datetime, *, person_id: int, programme_id: int, sealed: Mapping[str, object], most: int
) -> int | None:
    """Keeps an attachment for a case to come; None when too many wait already."""
    values = {"person": person_id, "programme": programme_id, "now": now, "most": most, **sealed}
    number: int | None = (await session.execute(_ADD_ATTACHMENT, params=values)).scalar_one_or_none()
    return number


async def link_attachments(session: AsyncSession, *, case: CaseRef, ids: Sequence[int]) -> int:
    """Hangs attachments on a case; gives how many, which are fewer when one is not the person's, or used already."""
    values = {
        "ids": list(ids),
        "person": case.person_id,
        "programme": case.programme_id,
        "objection": case.objection_id,
        "repair": case.repair_id,
    }
    return len((await session.execute(_LINK, params=values)).all())


async def add_step(session: AsyncSession, now: datetime, *, case: CaseRef, step: NewStep) -> None:
    """Writes down what has happened to a case."""
    values = {
        "person": case.person_id,
        "programme": case.programme_id,
        "objection": case.objection_id,
        "repair": case.repair_id,
        "now": now,
        "by": json.dumps({"zh": step.by.zh, "en": step.by.en}, ensure_ascii=False),
        "kind": step.kind,
        "sealed_text": step.sealed_text,
        "due_on": step.due_on,
        "provisional": step.provisional,
    }
    await session.execute(_ADD_STEP, params=values)


async def organisation_name(session: AsyncSession, *, organisation_id: int) -> Words:
    """What a department is called."""
    row: Row[Any] = (await session.execute(_ORGANISATION_NAME, params={"organisation": organisation_id})).one()
    return Words(**row.name)


async def reveal_case(session: AsyncSession, *, objection_id: int | None, repair_id: int | None) -> Whose | None:
    """Opens the door to whoever has this case; None when it is no case of this office, or is closed."""
    row = (await session.execute(_REVEAL_CASE, params={"objection": objection_id, "repair": repair_id})).one()
    return None if row.person_id is None else Whose(**row._mapping)


async def reveal_by_number(session: AsyncSession, *, number: str, purpose: str) -> Whose | None:
    """The same by a volunteer's number, where a case of theirs waits for this purpose."""
    row = (await session.execute(_REVEAL_BY_NUMBER, params={"number": number, "purpose": purpose})).one()
    return None if row.person_id is None else Whose(**row._mapping)


async def case_is_here(session: AsyncSession, *, objection_id: int | None, repair_id: int | None) -> bool:
    """Whether this office has such a case, open or closed."""
    values = {"objection": objection_id, "repair": repair_id}
    return bool((await session.execute(_CASE_IS_HERE, params=values)).scalar_one())


async def reveal_by_question(session: AsyncSession, *, objection_id: int) -> int | None:
    """Opens the door to the citizen whose record this department was asked about."""
    row = await session.execute(_REVEAL_BY_QUESTION, params={"objection": objection_id})
    citizen_id: int | None = row.scalar_one()
    return citizen_id
