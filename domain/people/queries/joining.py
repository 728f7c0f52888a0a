"""Joining a programme and leaving it."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_CITIZEN_HERE = text("""
    SELECT c.id, c.left_at, c.scored_from
    FROM citizen AS c
    WHERE c.person_id = :person
      AND c.programme_id = :programme
    FOR UPDATE
""")
_PROFILE = text("""
    SELECT p.sealed_name, p.sealed_birth_date, p.sealed_identity_ref, k.wrapped_key
    FROM person AS p
    LEFT JOIN person_key AS k ON k.person_id = p.id
    WHERE p.id = :person
""")
_PROGRAMME_CODE = text("SELECT code, content ->> 'timezone' AS timezone FROM programme WHERE id = :programme")
# Who comes back is the same citizen with the same pseudonym: what was used stays used.
_JOIN = text("""
    INSERT INTO citizen (person_id, programme_id, identity_digest, pseudonym, scored_from, birth_cohort,
        registration_kind, joined_at)
    VALUES (:person, :programme, :identity_digest, :pseudonym, :scored_from, :cohort, :registration_kind, :now)
    ON CONFLICT ON CONSTRAINT citizen_person_programme_key DO UPDATE
        SET scored_from = excluded.scored_from, joined_at = excluded.joined_at, left_at = NULL
        WHERE citizen.left_at IS NOT NULL
    RETURNING id
""")
_LEAVE = text("""
    UPDATE citizen
    SET left_at = :now, scored_from = NULL
    WHERE id = :citizen
      AND left_at IS NULL
    RETURNING id
""")
_START_SCORE = text("UPDATE citizen SET scored_from = :today WHERE id = :citizen AND scored_from IS NULL")
_END_SCORE = text("UPDATE citizen SET scored_from = NULL WHERE id = :citizen")
_ERASE_SCORE = text("SELECT erase_score(:citizen)")
_SHOW_CITIZEN = text("SELECT set_config('app.citizens', '{' || CAST(:citizen AS integer) || '}', true)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What is known of a person, sealed; without a key nobody can read it any more."""

    name: bytes | None
    birth_date: bytes | None
    identity_ref: bytes | None
    wrapped_key: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCitizen:
    """A person about to join: digests in place of who they are."""

    identity_digest: bytes
    pseudonym: bytes
    scored_from: date | None
    cohort: int
    registration_kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CitizenHere:
    """A person's row in a programme, whether they are in it or have left."""

    id: int
    joined: bool


async def lock_citizen(session: AsyncSession, *, person_id: int, programme_id: int) -> CitizenHere | None:
    """The person's row in the programme, locked; None when they never joined."""
    wanted = {"person": person_id, "programme": programme_id}
    row = (await session.execute(_CITIZEN_HERE, params=wanted)).one_or_none()
    return None if row is None else CitizenHere(id=row.id, joined=row.left_at is None)


async def profile(session: AsyncSession, *, person_id: int) -> Profile:
    """What the issuer has said about the person."""
    row = (await session.execute(_PROFILE, params={"person": person_id})).one()
    return Profile(
        name=row.sealed_name,
        birth_date=row.sealed_birth_date,
        identity_ref=row.sealed_identity_ref,
        wrapped_key=row.wrapped_key,
    )


async def programme_place(session: AsyncSession, *, programme_id: int) -> tuple[str, str]:
    """The programme's code and time zone."""
    row = (await session.execute(_PROGRAMME_CODE, params={"programme": programme_id})).one()
    return row.code, row.timezone


async def add_citizen(
    session: AsyncSession, *, person_id: int, programme_id: int, citizen: NewCitizen, now: datetime
) -> int | None:
    """Joins, or joins again after leaving; None when the person is in already."""
    values = {
        "person": person_id,
        "programme": programme_id,
        "identity_digest": citizen.identity_digest,
        "pseudonym": citizen.pseudonym,
        "scored_from": citizen.scored_from,
        "cohort": citizen.cohort,
        "registration_kind": citizen.registration_kind,
        "now": now,
    }
    row = (await session.execute(_JOIN, params=values)).one_or_none()
    return None if row is None else int(row.id)


async def leave(session: AsyncSession, *, citizen_id: int, now: datetime) -> bool:
    """Ends the membership; False when it has ended before."""
    return (await session.execute(_LEAVE, params={"citizen": citizen_id, "now": now})).one_or_none() is not None


async def show_citizen(session: AsyncSession, *, citizen_id: int) -> None:
    """Lets this transaction see the caller's own rows as a citizen, who has only just become one."""
    await session.execute(_SHOW_CITIZEN, params={"citizen": citizen_id})


async def start_score(session: AsyncSession, *, citizen_id: int, today: date) -> None:
    """Records may be kept of this citizen from today on."""
    await session.execute(_START_SCORE, params={"citizen": citizen_id, "today": today})


async def end_score(session: AsyncSession, *, citizen_id: int) -> None:
    """No record may be kept of this citizen any more."""
    await session.execute(_END_SCORE, params={"citizen": citizen_id})


async def erase_score(session: AsyncSession, *, citizen_id: int) -> None:
    """Erases the citizen's records, lines, score and its history, for good."""
    await session.execute(_ERASE_SCORE, params={"citizen": citizen_id})
