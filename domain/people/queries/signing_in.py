"""What is asked of and written to the tables of people: one function, one statement.

Signing in first, since nobody has an identity before it.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.actor import Caller, Role

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
