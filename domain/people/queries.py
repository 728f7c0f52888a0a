"""What is asked of and written to the tables of people: one function, one statement.

Signing in first, since nobody has an identity before it.
"""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.actor import Caller, Role
from domain.values import Fragment

# Signing in: who somebody is at their issuer.

_SIGN_IN = text("SELECT sign_in(:issuer, :subject, :now)")
# A key is never replaced: what was sealed under it would be lost.
_ENSURE_PERSON_KEY = text("""
    WITH made AS (
        INSERT INTO person_key (person_id, wrapped_key)
        VALUES (:person_id, :fresh_key)
        ON CONFLICT ON CONSTRAINT person_key_pkey DO NOTHING
        RETURNING wrapped_key
    )
    SELECT wrapped_key FROM made
    UNION ALL
    SELECT wrapped_key FROM person_key WHERE person_id = :person_id
    LIMIT 1
""")
# What the issuer leaves out this time is kept from an earlier sign-in.
_KEEP_PROFILE = text("""
    UPDATE person
    SET sealed_name = coalesce(:name, sealed_name),
        sealed_birth_date = coalesce(:birth_date, sealed_birth_date),
        sealed_identity_ref = coalesce(:identity_ref, sealed_identity_ref),
        identity_digest = coalesce(:identity_digest, identity_digest)
    WHERE id = :person_id
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedProfile:
    """What the issuer says about a person, readable only with the person's key."""

    name: bytes | None
    birth_date: bytes | None
    identity_ref: bytes | None
    identity_digest: bytes | None


async def person_signing_in(session: AsyncSession, *, issuer: str, subject: str, now: datetime) -> int:
    """The person behind an issuer's subject, found or created; from here on this transaction is theirs."""
    result = await session.execute(_SIGN_IN, {"issuer": issuer, "subject": subject, "now": now})
    return int(result.scalar_one())


async def ensure_person_key(session: AsyncSession, *, person_id: int, fresh_key: bytes) -> bytes:
    """The person's wrapped data key: the one that stands, or else the fresh one."""
    result = await session.execute(_ENSURE_PERSON_KEY, {"person_id": person_id, "fresh_key": fresh_key})
    return bytes(result.scalar_one())


async def keep_profile(session: AsyncSession, *, person_id: int, profile: SealedProfile) -> None:
    """Stores what the issuer says now."""
    sealed = {
        "name": profile.name,
        "birth_date": profile.birth_date,
        "identity_ref": profile.identity_ref,
        "identity_digest": profile.identity_digest,
    }
    await session.execute(_KEEP_PROFILE, {"person_id": person_id, **sealed})


# Signing in: which post somebody holds.

_STAFF_POST = text("""
    SELECT s.organisation_id, t.id AS terminal_id
    FROM staff AS s
    LEFT JOIN terminal AS t
        ON t.id = s.terminal_id
        AND t.organisation_id = s.organisation_id
        AND t.blocked_at IS NULL
    WHERE s.person_id = :person_id
        AND s.role = :role
        AND s.programme_id = :programme_id
        AND s.blocked_at IS NULL
        AND (CAST(:organisation_id AS bigint) IS NULL OR s.organisation_id = :organisation_id)
    ORDER BY s.id
    LIMIT 1
""")
# Pairing burns the code, and only for a cashier of the shop that the terminal stands in.
_PAIR_TERMINAL = text("""
    UPDATE terminal AS t
    SET pairing_mac = NULL
    FROM staff AS s
    WHERE t.pairing_mac = :pairing_mac
        AND t.blocked_at IS NULL
        AND s.organisation_id = t.organisation_id
        AND s.person_id = :person_id
        AND s.role = 'cashier'
        AND s.programme_id = :programme_id
        AND s.blocked_at IS NULL
    RETURNING t.organisation_id, t.id AS terminal_id
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """Where somebody works: an office has no organisation, only a till has a terminal."""

    organisation_id: int | None
    terminal_id: int | None


async def staff_post(
    session: AsyncSession,
    *,
    person_id: int,
    role: Role,
    programme_id: int,
    organisation_id: int | None = None,
) -> Post | None:
    """The person's post in this role, not blocked; the oldest when there are several and none is named."""
    wanted = {"role": role.value, "programme_id": programme_id, "organisation_id": organisation_id}
    row = (await session.execute(_STAFF_POST, {"person_id": person_id, **wanted})).one_or_none()
    return None if row is None else Post(organisation_id=row.organisation_id, terminal_id=row.terminal_id)


async def pair_terminal(session: AsyncSession, *, person_id: int, programme_id: int, pairing_mac: bytes) -> Post | None:
    """Binds a cashier to the terminal that shows this code; the code is used up by it."""
    wanted = {"programme_id": programme_id, "pairing_mac": pairing_mac}
    row = (await session.execute(_PAIR_TERMINAL, {"person_id": person_id, **wanted})).one_or_none()
    return None if row is None else Post(organisation_id=row.organisation_id, terminal_id=row.terminal_id)


# Signing in: the session that refreshing keeps alive. Its times are real time.

_SHOW_SESSION = text("SELECT set_config('app.refresh_family', CAST(:session_id AS text), true)")
_ADD_SESSION = text("""
    INSERT INTO refresh_session (
        id, person_id, role, programme_code, organisation_id, terminal_id, secret_hash, issued_at, expires_at
    )
    VALUES (
        :session_id, :person_id, :role, :programme, :organisation_id, :terminal_id,
        :secret_hash, :at, :expires_at
    )
""")
# The whole of rotation: of two that present the same secret, the second finds another one and hits no row.
_ROTATE_SESSION = text("""
    UPDATE refresh_session
    SET secret_hash = :new_hash,
        rotated_at = :at,
        expires_at = coalesce(:expires_at, expires_at)
    WHERE id = :session_id
        AND secret_hash = :secret_hash
        AND ended_at IS NULL
        AND expires_at > :at
    RETURNING person_id, role, programme_code, organisation_id, terminal_id
""")
_END_SESSION = text("""
    UPDATE refresh_session
    SET ended_at = :at,
        ended_reason = :reason
    WHERE id = :session_id
        AND ended_at IS NULL
        AND expires_at > :at
    RETURNING id
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A new session and the digest of the secret that opens it, for as long as the ticket says."""

    session_id: UUID
    secret_hash: bytes
    at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """The digests of a presented secret and of its successor; a new end, if the session gets one."""

    session_id: UUID
    secret_hash: bytes
    new_hash: bytes
    expires_at: datetime | None = None


async def show_session(session: AsyncSession, *, session_id: UUID) -> None:
    """Lets this transaction see the one session whose token was presented."""
    await session.execute(_SHOW_SESSION, {"session_id": str(session_id)})


async def add_session(session: AsyncSession, *, caller: Caller, ticket: Ticket) -> None:
    """Opens a session for a caller; so far only the one-time code of the ticket leads into it."""
    await session.execute(
        _ADD_SESSION,
        {
            "session_id": ticket.session_id,
            "person_id": caller.person_id,
            "role": caller.role.value,
            "programme": caller.programme,
            "organisation_id": caller.organisation_id,
            "terminal_id": caller.terminal_id,
            "secret_hash": ticket.secret_hash,
            "at": ticket.at,
            "expires_at": ticket.expires_at,
        },
    )


async def rotate_session(session: AsyncSession, *, rotation: Rotation, at: datetime) -> Caller | None:
    """Replaces the secret, if it is the current one of a live session; None otherwise."""
    change = {
        "session_id": rotation.session_id,
        "secret_hash": rotation.secret_hash,
        "new_hash": rotation.new_hash,
        "expires_at": rotation.expires_at,
    }
    row = (await session.execute(_ROTATE_SESSION, {**change, "at": at})).one_or_none()
    if row is None:
        return None
    return Caller(
        role=Role(row.role),
        person_id=row.person_id,
        programme=row.programme_code,
        organisation_id=row.organisation_id,
        terminal_id=row.terminal_id,
    )


async def end_session(session: AsyncSession, *, session_id: UUID, at: datetime, reason: str) -> bool:
    """Ends a live session for good; False if there is none."""
    ending = {"session_id": session_id, "at": at, "reason": reason}
    return (await session.execute(_END_SESSION, ending)).one_or_none() is not None


# Joining, and being looked up with a code.

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
    VALUES (:person, :programme, :identity_digest, :pseudonym, :today, :cohort, :registration_kind, :now)
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
_SHOW_CITIZEN = text("SELECT set_config('app.citizens', '{' || CAST(:citizen AS integer) || '}', true)")
_ADD_PRESENCE_CODE = text("""
    INSERT INTO presence_code (person_id, programme_id, code_mac, created_at, expires_at)
    VALUES (:person, :programme, :code_mac, :now, :expires_at)
    RETURNING id
""")
_REVEAL_BY_PRESENCE = text("SELECT reveal_by_presence(:code_mac, :now)")
_USE_PRESENCE_CODE = text("""
    UPDATE presence_code
    SET used_at = :now
    WHERE code_mac = :code_mac
      AND used_at IS NULL
      AND expires_at > :now
    RETURNING person_id
""")
_STAFF_NAME = text("SELECT display_name FROM staff WHERE id = :staff")


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
    today: date
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
        "today": citizen.today,
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


async def add_presence_code(
    session: AsyncSession, *, person_id: int, programme_id: int, code_mac: bytes, now: datetime, expires_at: datetime
) -> int:
    """Notes a code that lets an officer look this person up, once."""
    values = {"person": person_id, "programme": programme_id, "code_mac": code_mac, "now": now}
    row = await session.execute(_ADD_PRESENCE_CODE, params={**values, "expires_at": expires_at})
    return int(row.scalar_one())


async def reveal_by_presence(session: AsyncSession, *, code_mac: bytes, now: datetime) -> int | None:
    """Opens the door to the citizen who shows this code; None when nobody does."""
    row = await session.execute(_REVEAL_BY_PRESENCE, params={"code_mac": code_mac, "now": now})
    citizen_id: int | None = row.scalar_one()
    return citizen_id


async def use_presence_code(session: AsyncSession, *, code_mac: bytes, now: datetime) -> int | None:
    """Uses the code up; gives the person, or None when somebody was quicker."""
    row = (await session.execute(_USE_PRESENCE_CODE, params={"code_mac": code_mac, "now": now})).one_or_none()
    return None if row is None else int(row.person_id)


async def staff_name(session: AsyncSession, *, staff_id: int) -> str:
    """The name that a member of staff works under."""
    name: str = (await session.execute(_STAFF_NAME, params={"staff": staff_id})).scalar_one()
    return name


# Reading one person.


def person_fragment() -> Fragment:
    """The sealed name of a person with the key it is sealed under; null for nobody."""
    return Fragment(
        sql="""
        SELECT json_build_object('name', encode(p.sealed_name, 'hex'), 'key', encode(k.wrapped_key, 'hex'))
        FROM person AS p
        LEFT JOIN person_key AS k ON k.person_id = p.id
        WHERE p.id = :person
        """
    )


def memberships_fragment() -> Fragment:
    """The programmes a person is in, and since when."""
    return Fragment(
        sql="""
        SELECT coalesce(json_agg(json_build_object('programme', c.programme_id, 'joined_at', c.joined_at)
            ORDER BY c.programme_id), '[]')
        FROM citizen AS c
        WHERE c.person_id = :person
          AND c.left_at IS NULL
        """
    )


def presence_code_fragment(name: str, *, code_id: int) -> Fragment:
    """How long a presence code of this person lives."""
    return Fragment(
        sql=f"""
        SELECT json_build_object('id', p.id, 'expires_at', p.expires_at)
        FROM presence_code AS p
        WHERE p.person_id = :person
          AND p.id = :{name}_id
        """,
        binds={f"{name}_id": code_id},
    )
