"""A manager invites and blocks people and tills; whoever is invited takes up the post when signing in.

Codes follow from the key of the request: the same key shows the same code again, and no table holds it.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from domain import audit, idempotency
from domain.actor import Actor, Role
from domain.errors import AlreadyDecided, InvalidInput, NotAllowed, NotFound, SamePerson
from domain.people.queries import staff as queries
from domain.people.queries.staff import NewInvitation, NewStaff
from domain.values import typed, words
from domain.vault import Vault

INVITATION_LIFE: Final = timedelta(days=7)
MAX_CONTACT: Final = 100
MAX_NAME: Final = 60
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CODE_CHARS: Final = 12
# Which posts an organisation of each kind may fill: a shop confirms no service, and a school redeems no code.
_POSTS: Final[Mapping[str, frozenset[str]]] = {
    "MERCHANT": frozenset({"cashier", "manager"}),
    "UTILITY": frozenset({"cashier", "manager"}),
    "VOLUNTEER_BODY": frozenset({"organiser", "manager"}),
    "SCHOOL": frozenset({"organiser", "manager"}),
    "DEPARTMENT": frozenset({"source", "manager"}),
}


async def invite_staff(
    session: AsyncSession, actor: Actor, now: datetime, *, role: str, contact: str, key: UUID
) -> int:
    """Asks somebody to take up a post within seven days; gives the number of the invitation.

    Raises: InvalidInput for a post that the organisation does not have, or for no contact at all.
    """
    organisation_id, programme_id = place_of(actor)
    wanted, reach = role.strip().lower(), contact.strip()
    if not 3 <= len(reach) <= MAX_CONTACT:
        raise InvalidInput(
            words("请填写手机号或邮箱。", "Please give a phone number or an e-mail address."), field="contact"
        )
    posts = _POSTS[await queries.organisation_kind(session, organisation_id=organisation_id)]
    if wanted not in posts:
        raise InvalidInput(
            words(
                f"本机构没有这个岗位。可选:{'、'.join(sorted(posts))}。",
                f"Your organisation has no such post. Choose one of {', '.join(sorted(posts))}.",
            ),
            field="role",
        )
    vault: Vault = session.info["vault"]
    digest = vault.digest("contact", reach.casefold())
    request = {"role": wanted, "contact": digest.hex()}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="inviteStaff", request=request)
    if earlier is not None:
        return int(str(earlier["id"]))
    invitation = NewInvitation(
        organisation_id=organisation_id,
        programme_id=programme_id,
        role=wanted,
        contact_digest=digest,
        contact_masked=_masked(reach),
        code_mac=invitation_mac(vault, code_of(vault, actor, key)),
        expires_at=now + INVITATION_LIFE,
    )
    number = await queries.invite(session, now, invitation=invitation)
    await audit.record(session, actor, now, action="invite_staff", about={"invitation": number, "role": wanted})
    await idempotency.bind(session, actor, key=key, result={"id": number})
    return number


async def accept_invitation(session: AsyncSession, actor: Actor, now: datetime, *, code: str, name: str | None) -> int:
    """Whoever is signing in takes up the post that the code stands for; gives the number of the organisation.

    Raises: NotAllowed for a code that is wrong, used, taken back, too old, or for another role or programme.
    """
    vault: Vault = session.info["vault"]
    mac = invitation_mac(vault, code)
    await queries.show_invitation(session, code_mac=mac)
    invitation = await queries.open_invitation(
        session, now, code_mac=mac, role=actor.role.value, programme_id=actor.programme_id or 0
    )
    if invitation is None or actor.person_id is None:
        raise NotAllowed(_NO_SUCH_CODE)
    staff = NewStaff(
        person_id=actor.person_id,
        role=actor.role.value,
        programme_id=actor.programme_id or 0,
        organisation_id=invitation.organisation_id,
        display_name=name or invitation.contact_masked,
    )
    staff_id = await queries.add_staff(session, staff=staff)
    await queries.accept_invitation(session, now, invitation_id=invitation.id, staff_id=staff_id)
    about = {"invitation": invitation.id, "staff": staff_id}
    await audit.record(session, actor, now, action="accept_invitation", about=about)
    return invitation.organisation_id


async def block_staff(
    session: AsyncSession, actor: Actor, now: datetime, *, member: tuple[int, int], key: UUID
) -> None:
    """Ends a post at once, or takes an invitation back. `member` is (0, staff) or (1, invitation).

    Raises: NotFound, or SamePerson for the manager's own post.
    """
    organisation_id, _ = place_of(actor)
    request = {"kind": member[0], "id": member[1]}
    if await idempotency.claim(session, actor, now, key=key, operation="blockStaff", request=request) is not None:
        return
    kind, number = member
    staff_id: int | None = number
    if kind == 1:
        staff_id = await queries.staff_of_invitation(session, invitation_id=number, organisation_id=organisation_id)
    if staff_id is None:
        found = await queries.end_invitation(session, now, invitation_id=number, organisation_id=organisation_id)
    elif staff_id == actor.staff_id:
        raise SamePerson(
            words(
                "不能停用自己的岗位。请由另一位店长操作。", "You cannot block yourself. Ask another manager to do it."
            )
        )
    else:
        found = await queries.block_staff(session, now, staff_id=staff_id, organisation_id=organisation_id)
    if not found:
        raise NotFound
    await audit.record(session, actor, now, action="block_staff", about=request)
    await idempotency.bind(session, actor, key=key, result=request)


async def register_terminal(session: AsyncSession, actor: Actor, now: datetime, *, name: str, key: UUID) -> int:
    """A new till, or a new pairing code for the till of this name; gives its number.

    Raises: InvalidInput for the name, AlreadyDecided when the till of this name is blocked.
    """
    organisation_id, _ = place_of(actor)
    called = name.strip()
    if not 0 < len(called) <= MAX_NAME:
        raise InvalidInput(
            words(f"请给终端起名,最多 {MAX_NAME} 个字符。", f"Please name the terminal, in {MAX_NAME} characters."),
            field="name",
        )
    earlier = await idempotency.claim(
        session, actor, now, key=key, operation="registerTerminal", request={"name": called}
    )
    if earlier is not None:
        return int(str(earlier["id"]))
    vault: Vault = session.info["vault"]
    mac = pairing_mac(vault, code_of(vault, actor, key))
    found = await queries.terminal_named(session, organisation_id=organisation_id, name=called)
    if found is not None and found[1]:
        raise AlreadyDecided(
            words("同名终端已停用。请换一个名称。", "The terminal of this name is blocked. Choose another name."),
            field="name",
        )
    if found is None:
        number = await queries.add_terminal(session, organisation_id=organisation_id, name=called, pairing_mac=mac)
    else:
        number = found[0]
        await queries.pair_again(session, terminal_id=number, pairing_mac=mac)
    await audit.record(session, actor, now, action="register_terminal", about={"terminal": number})
    await idempotency.bind(session, actor, key=key, result={"id": number})
    return number


async def block_terminal(session: AsyncSession, actor: Actor, now: datetime, *, terminal_id: int, key: UUID) -> None:
    """Ends a till at once: whoever is signed in at it can do nothing more. Raises: NotFound."""
    organisation_id, _ = place_of(actor)
    request = {"terminal": terminal_id}
    if await idempotency.claim(session, actor, now, key=key, operation="blockTerminal", request=request) is not None:
        return
    if not await queries.block_terminal(session, now, terminal_id=terminal_id, organisation_id=organisation_id):
        raise NotFound
    await audit.record(session, actor, now, action="block_terminal", about=request)
    await idempotency.bind(session, actor, key=key, result={"id": terminal_id})


async def appoint_applicant(session: AsyncSession, actor: Actor, *, organisation_id: int, unnamed: str) -> None:
    """Whoever applies for an organisation becomes its first manager."""
    person_id, programme_id = actor.person_id or 0, actor.programme_id or 0
    sealed = await queries.own_name(session, person_id=person_id)
    vault: Vault = session.info["vault"]
    name = unnamed if sealed is None else vault.open(sealed[1], "name", sealed[0])
    staff = NewStaff(
        person_id=person_id,
        role=Role.MANAGER.value,
        programme_id=programme_id,
        organisation_id=organisation_id,
        display_name=name,
    )
    await queries.add_staff(session, staff=staff)


def code_of(vault: Vault, actor: Actor, key: UUID) -> str:
    """The one-time code that belongs to a request of this person, such as 7F3K-92MQ-XPA3."""
    number = int.from_bytes(vault.digest("one-time code", str(actor.person_id), str(key))[:8])
    letters = "".join(_ALPHABET[number >> 5 * place & 31] for place in range(_CODE_CHARS))
    return "-".join(letters[start : start + 4] for start in range(0, _CODE_CHARS, 4))


def pairing_mac(vault: Vault, code: str) -> bytes:
    """What is stored of a terminal's pairing code; blanks, hyphens and case do not matter."""
    return vault.digest("pairing", typed(code))


def invitation_mac(vault: Vault, code: str) -> bytes:
    """What is stored of an invitation's code; blanks, hyphens and case do not matter."""
    return vault.digest("invitation", typed(code))


def place_of(actor: Actor) -> tuple[int, int]:
    """Organisation and programme of a manager. Raises: NotFound for who has none."""
    if actor.organisation_id is None or actor.programme_id is None:
        raise NotFound
    return actor.organisation_id, actor.programme_id


def _masked(contact: str) -> str:
    """Enough to recognise whom one has invited, and too little to reach them."""
    shown = 1 if len(contact) < 8 else 3
    return f"{contact[:shown]}***{contact[-2:]}"


_NO_SUCH_CODE = words(
    "邀请码不正确、已使用或已过期。请联系邀请您的店长。",
    "This invitation is wrong, used or too old. Please ask the manager who invited you.",
)
