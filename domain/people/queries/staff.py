"""SQL over an organisation's staff and tills, as its manager keeps them, and over the invitations to both."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.values import Fragment

_KIND = text("SELECT kind FROM organisation WHERE id = :organisation")
_ADD_STAFF = text("""
    INSERT INTO staff (person_id, role, programme_id, organisation_id, display_name)
    VALUES (:person, :role, :programme, :organisation, :display_name)
    ON CONFLICT ON CONSTRAINT staff_once DO UPDATE SET blocked_at = NULL
    RETURNING id
""")
# An earlier invitation of the same contact to the same post is replaced by the newer one.
_INVITE = text("""
    WITH replaced AS (
        UPDATE invitation SET ended_at = :now
        WHERE organisation_id = :organisation AND role = :role AND contact_digest = :contact_digest AND ended_at IS NULL
    )
    INSERT INTO invitation (organisation_id, programme_id, role, contact_digest, contact_masked, code_mac, invited_at,
        expires_at)
    VALUES (:organisation, :programme, :role, :contact_digest, :contact_masked, :code_mac, :now, :expires_at)
    RETURNING id
""")
_SHOW_INVITATION = text("SELECT set_config('app.invitation', :mac, true)")
_OPEN_INVITATION = text("""
    SELECT i.id, i.organisation_id, i.contact_masked
    FROM invitation AS i
    WHERE i.code_mac = :code_mac
      AND i.programme_id = :programme
      AND i.role = :role
      AND i.ended_at IS NULL
      AND i.expires_at > :now
    FOR UPDATE
""")
_ACCEPT_INVITATION = text("UPDATE invitation SET ended_at = :now, staff_id = :staff WHERE id = :invitation")
_END_INVITATION = text("""
    UPDATE invitation SET ended_at = :now
    WHERE id = :invitation AND organisation_id = :organisation AND ended_at IS NULL
    RETURNING id
""")
_STAFF_OF_INVITATION = text("""
    SELECT staff_id FROM invitation WHERE id = :invitation AND organisation_id = :organisation
""")
_BLOCK_STAFF = text("""
    UPDATE staff SET blocked_at = coalesce(blocked_at, :now)
    WHERE id = :staff AND organisation_id = :organisation
    RETURNING id
""")
_ADD_TERMINAL = text("""
    INSERT INTO terminal (organisation_id, name, pairing_mac) VALUES (:organisation, :name, :pairing_mac) RETURNING id
""")
_TERMINAL_NAMED = text("""
    SELECT id, blocked_at IS NOT NULL AS blocked FROM terminal
    WHERE organisation_id = :organisation AND name = :name
    ORDER BY id
    LIMIT 1
    FOR UPDATE
""")
_PAIR_AGAIN = text("UPDATE terminal SET pairing_mac = :pairing_mac WHERE id = :terminal")
_BLOCK_TERMINAL = text("""
    UPDATE terminal SET blocked_at = coalesce(blocked_at, :now), pairing_mac = NULL
    WHERE id = :terminal AND organisation_id = :organisation
    RETURNING id
""")
_OWN_NAME = text("""
    SELECT p.sealed_name, k.wrapped_key
    FROM person AS p
    JOIN person_key AS k ON k.person_id = p.id
    WHERE p.id = :person
""")
# An invitation is a member of staff who cannot act yet; once it is accepted, the member stands in its place.
_MEMBER: Final = """json_build_object('kind', 0, 'id', s.id, 'name', s.display_name, 'role', s.role,
            'blocked', s.blocked_at IS NOT NULL, 'invited', false)"""
_INVITED: Final = """json_build_object('kind', 1, 'id', i.id, 'name', i.contact_masked, 'role', i.role,
            'blocked', true, 'invited', i.ended_at IS NULL)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewInvitation:
    """Somebody is asked to take up a post."""

    organisation_id: int
    programme_id: int
    role: str
    contact_digest: bytes
    contact_masked: str
    code_mac: bytes
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenInvitation:
    """An invitation that its code has opened."""

    id: int
    organisation_id: int
    contact_masked: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewStaff:
    """A person takes up a post."""

    person_id: int
    role: str
    programme_id: int
    organisation_id: int
    display_name: str


async def organisation_kind(session: AsyncSession, *, organisation_id: int) -> str:
    """What an organisation is."""
    return str((await session.execute(_KIND, params={"organisation": organisation_id})).scalar_one())


async def add_staff(session: AsyncSession, *, staff: NewStaff) -> int:
    """Gives somebody a post, or gives it back to whoever was blocked in it."""
    values = {
        "person": staff.person_id,
        "role": staff.role,
        "programme": staff.programme_id,
        "organisation": staff.organisation_id,
        "display_name": staff.display_name,
    }
    return int((await session.execute(_ADD_STAFF, params=values)).scalar_one())


async def invite(session: AsyncSession, now: datetime, *, invitation: NewInvitation) -> int:
    """Writes an invitation."""
    values = {
        "organisation": invitation.organisation_id,
        "programme": invitation.programme_id,
        "role": invitation.role,
        "contact_digest": invitation.contact_digest,
        "contact_masked": invitation.contact_masked,
        "code_mac": invitation.code_mac,
        "now": now,
        "expires_at": invitation.expires_at,
    }
    return int((await session.execute(_INVITE, params=values)).scalar_one())


async def show_invitation(session: AsyncSession, *, code_mac: bytes) -> None:
    """Lets this transaction see the one invitation whose code was presented."""
    await session.execute(_SHOW_INVITATION, params={"mac": code_mac.hex()})


async def open_invitation(
    session: AsyncSession, now: datetime, *, code_mac: bytes, role: str, programme_id: int
) -> OpenInvitation | None:
    """The invitation behind a code, locked, while it lives."""
    values = {"code_mac": code_mac, "role": role, "programme": programme_id, "now": now}
    row = (await session.execute(_OPEN_INVITATION, params=values)).one_or_none()
    return None if row is None else OpenInvitation(**row._mapping)


async def accept_invitation(session: AsyncSession, now: datetime, *, invitation_id: int, staff_id: int) -> None:
    """The code is used up."""
    await session.execute(_ACCEPT_INVITATION, params={"invitation": invitation_id, "staff": staff_id, "now": now})


async def end_invitation(session: AsyncSession, now: datetime, *, invitation_id: int, organisation_id: int) -> bool:
    """Takes an open invitation back; False when there is none."""
    values = {"invitation": invitation_id, "organisation": organisation_id, "now": now}
    return (await session.execute(_END_INVITATION, params=values)).one_or_none() is not None


async def staff_of_invitation(session: AsyncSession, *, invitation_id: int, organisation_id: int) -> int | None:
    """Who has accepted an invitation of this organisation."""
    values = {"invitation": invitation_id, "organisation": organisation_id}
    return (await session.execute(_STAFF_OF_INVITATION, params=values)).scalar_one_or_none()


async def block_staff(session: AsyncSession, now: datetime, *, staff_id: int, organisation_id: int) -> bool:
    """Ends a post of this organisation; False when there is none."""
    values = {"staff": staff_id, "organisation": organisation_id, "now": now}
    return (await session.execute(_BLOCK_STAFF, params=values)).one_or_none() is not None


async def terminal_named(session: AsyncSession, *, organisation_id: int, name: str) -> tuple[int, bool] | None:
    """Number of a terminal of this name, locked, and whether it is blocked."""
    row = (await session.execute(_TERMINAL_NAMED, params={"organisation": organisation_id, "name": name})).one_or_none()
    return None if row is None else (row.id, row.blocked)


async def add_terminal(session: AsyncSession, *, organisation_id: int, name: str, pairing_mac: bytes) -> int:
    """Writes a terminal that waits to be paired."""
    values = {"organisation": organisation_id, "name": name, "pairing_mac": pairing_mac}
    return int((await session.execute(_ADD_TERMINAL, params=values)).scalar_one())


async def pair_again(session: AsyncSession, *, terminal_id: int, pairing_mac: bytes) -> None:
    """A new pairing code for the same terminal; an unused earlier one is void."""
    await session.execute(_PAIR_AGAIN, params={"terminal": terminal_id, "pairing_mac": pairing_mac})


async def block_terminal(session: AsyncSession, now: datetime, *, terminal_id: int, organisation_id: int) -> bool:
    """Ends a terminal of this organisation; False when there is none."""
    values = {"terminal": terminal_id, "organisation": organisation_id, "now": now}
    return (await session.execute(_BLOCK_TERMINAL, params=values)).one_or_none() is not None


async def own_name(session: AsyncSession, *, person_id: int) -> tuple[bytes, bytes] | None:
    """The caller's sealed name and the key it is sealed under."""
    row = (await session.execute(_OWN_NAME, params={"person": person_id})).one_or_none()
    return None if row is None or row.sealed_name is None else (row.sealed_name, row.wrapped_key)


def staff_fragment(name: str, *, organisation_id: int) -> Fragment:
    """Everybody who works for an organisation, then who is invited. A cashier sees only the own post."""
    return Fragment(
        sql=f"""
        SELECT coalesce(json_agg(m.shape ORDER BY m.kind, m.id), '[]')
        FROM (
            SELECT 0 AS kind, s.id, {_MEMBER} AS shape
            FROM staff AS s
            WHERE s.organisation_id = :{name}_organisation
            UNION ALL
            SELECT 1, i.id, {_INVITED}
            FROM invitation AS i
            WHERE i.organisation_id = :{name}_organisation
              AND i.ended_at IS NULL
              AND i.expires_at > :now
        ) AS m
        """,
        binds={f"{name}_organisation": organisation_id},
    )


def staff_member_fragment(name: str, *, organisation_id: int, invited: bool, number: int) -> Fragment:
    """One member of staff, or whoever is invited; who has accepted is shown as the member they are."""
    member = f"""
        SELECT {_MEMBER} FROM staff AS s
        WHERE s.organisation_id = :{name}_organisation AND s.id = """
    invitation = f"""
        SELECT coalesce(
            ({member} i.staff_id),
            {_INVITED})
        FROM invitation AS i
        WHERE i.organisation_id = :{name}_organisation AND i.id = :{name}_id
    """
    return Fragment(
        sql=invitation if invited else f"{member} :{name}_id",
        binds={f"{name}_organisation": organisation_id, f"{name}_id": number},
    )
