"""What people do: sign in, stay signed in, sign out.

Whoever signs in has no identity yet: the transaction is nobody's until the issuer's word has been taken.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from domain import audit
from domain.actor import PERSON_ROLES, Actor, Caller, Role
from domain.errors import NotAllowed
from domain.people import queries
from domain.people.actions.staff import accept_invitation, pairing_mac
from domain.people.queries import Post, Rotation, SealedProfile, Ticket
from domain.values import words
from domain.vault import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What the issuer says about somebody. Only issuer and subject are always there."""

    issuer: str
    subject: str
    name: str | None = None
    birth_date: date | None = None
    identity_ref: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """As what somebody wants to sign in.

    A cashier may show the code of the terminal they stand at, and whoever is invited to a post the invitation's code.
    """

    role: Role
    programme: str
    pairing_code: str | None = None
    invitation_code: str | None = None


async def sign_in(
    session: AsyncSession, actor: Actor, now: datetime, *, identity: Identity, wish: Wish, ticket: Ticket
) -> Caller:
    """Finds or makes the person, keeps what the issuer says, and opens a session in the role asked for.

    Every person may be a citizen or a volunteer; any other role needs a row of our own, not a claim.

    Raises:
        NotAllowed: the role is not held in this programme, or the till or the invitation is not known.
    """
    person_id = await recognise_person(session, actor, now, identity=identity)
    actor = replace(actor, person_id=person_id, role=wish.role)
    invited_by = None
    if wish.invitation_code is not None:
        invited_by = await accept_invitation(session, actor, now, code=wish.invitation_code, name=identity.name)
    post = await _post(session, actor, wish=wish, organisation_id=invited_by)
    caller = Caller(
        role=wish.role,
        person_id=person_id,
        programme=wish.programme,
        organisation_id=post.organisation_id,
        terminal_id=post.terminal_id,
    )
    await queries.add_session(session, caller=caller, ticket=ticket)
    await audit.record(session, actor, now, action="sign_in", about={"session": ticket.session_id})
    return caller


async def recognise_person(session: AsyncSession, actor: Actor, now: datetime, *, identity: Identity) -> int:
    """Finds or makes the person, and seals the issuer's word under the person's own key.

    What was sealed before and is not said this time is kept.
    """
    vault: Vault = session.info["vault"]
    person_id = await queries.person_signing_in(session, issuer=identity.issuer, subject=identity.subject, now=now)
    key = await queries.ensure_person_key(session, person_id=person_id, fresh_key=vault.new_data_key())
    birth_date = None if identity.birth_date is None else identity.birth_date.isoformat()
    profile = SealedProfile(
        name=_sealed(vault, key, "name", identity.name),
        birth_date=_sealed(vault, key, "birth_date", birth_date),
        identity_ref=_sealed(vault, key, "identity_ref", identity.identity_ref),
        identity_digest=None if identity.identity_ref is None else vault.digest("identity", identity.identity_ref),
    )
    await queries.keep_profile(session, person_id=person_id, profile=profile)
    return person_id


async def refresh_session(session: AsyncSession, actor: Actor, now: datetime, *, rotation: Rotation) -> Caller | None:
    """Exchanges the current secret of a session for the next one, once. `now` is real time here.

    None means that the secret is not the current one: if the session was alive, it has ended, since somebody
    else may hold its newer secret. This is an answer and not an exception, so that the end of the session is
    committed. Two refreshes at the same moment are not told from a theft.
    """
    await queries.show_session(session, session_id=rotation.session_id)
    caller = await queries.rotate_session(session, rotation=rotation, at=now)
    if caller is None:
        await _end(session, actor, now, session_id=rotation.session_id, reason="REUSED")
    return caller


async def end_session(session: AsyncSession, actor: Actor, now: datetime, *, session_id: UUID, reason: str) -> None:
    """Ends a session; ending an ended one is no mistake. `now` is real time here."""
    await queries.show_session(session, session_id=session_id)
    await _end(session, actor, now, session_id=session_id, reason=reason)


async def _end(session: AsyncSession, actor: Actor, now: datetime, *, session_id: UUID, reason: str) -> None:
    if await queries.end_session(session, session_id=session_id, at=now, reason=reason):
        about = {"session": session_id, "reason": reason}
        await audit.record(session, actor, now, action="end_session", about=about)


async def _post(session: AsyncSession, actor: Actor, *, wish: Wish, organisation_id: int | None) -> Post:
    """Where the person works in this role; a citizen or volunteer works nowhere."""
    if wish.role in PERSON_ROLES:
        return Post(organisation_id=None, terminal_id=None)
    if actor.person_id is None or actor.programme_id is None:
        raise NotAllowed(_NO_POST)
    if wish.role is Role.CASHIER and wish.pairing_code is not None:
        post = await queries.pair_terminal(
            session,
            person_id=actor.person_id,
            programme_id=actor.programme_id,
            pairing_mac=pairing_mac(session.info["vault"], wish.pairing_code),
        )
        refusal = _NO_SUCH_CODE
    else:
        post = await queries.staff_post(
            session,
            person_id=actor.person_id,
            role=wish.role,
            programme_id=actor.programme_id,
            organisation_id=organisation_id,
        )
        refusal = _NO_POST
    if post is None:
        raise NotAllowed(refusal)
    if wish.role is Role.CASHIER and post.terminal_id is None:
        raise NotAllowed(_NO_TERMINAL)
    return post


def _sealed(vault: Vault, key: bytes, field: str, content: str | None) -> bytes | None:
    return None if content is None else vault.seal(key, field, content)


_NO_POST = words(
    "您在此项目中没有这个岗位,或已被停用。请联系管理员。",
    "You do not hold this role here, or it was blocked. Please ask your manager.",
)
_NO_SUCH_CODE = words(
    "配对码不正确或已使用。请在终端上生成新的配对码。",
    "This pairing code is wrong or was used. Please make a new one for the terminal.",
)
_NO_TERMINAL = words(
    "收银员须绑定一台终端。请输入终端的配对码。",
    "A cashier works at one terminal. Please enter the pairing code of the terminal.",
)
