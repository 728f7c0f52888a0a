"""An officer looks up the citizen in front of them: with the code on their phone, for one purpose, on the record."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from domain import audit, guesses, idempotency
from domain.actor import Actor
from domain.consent import actions as consent
from domain.consent.actions import whose
from domain.errors import NotAllowed, NotFound, RateLimited
from domain.notices import actions as notices
from domain.notices.rules import Kind, NewNotice
from domain.people import queries
from domain.people.rules import PURPOSE_WORDS, Purpose
from domain.values import Words, typed, words
from domain.vault import Vault

CODE_LIFE: Final = timedelta(minutes=5)
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ALIKE: Final = str.maketrans("OIL", "011")
_CODE_CHARS: Final = 8
WRONG_CODES_A_MINUTE: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Whom an officer has looked up, and why."""

    citizen_id: int | None
    person_id: int
    purpose: Purpose
    volunteer_id: int | None = None


async def show_presence_code(session: AsyncSession, actor: Actor, now: datetime, *, key: UUID) -> int:
    """The citizen shows a short code that opens their file to one officer, once, for five minutes; gives its number.

    Raises: NotAllowed before joining.
    """
    person_id, programme_id = whose(actor)
    if actor.citizen_id is None:
        raise NotAllowed(_JOIN_FIRST)
    request = {"programme": programme_id}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="presence_code", request=request)
    if earlier is not None:
        return int(str(earlier["id"]))
    vault: Vault = session.info["vault"]
    code_id = await queries.add_presence_code(
        session,
        person_id=person_id,
        programme_id=programme_id,
        code_mac=_mac(vault, presence_code_of(vault, person_id, key)),
        now=now,
        expires_at=now + CODE_LIFE,
    )
    await idempotency.bind(session, actor, key=key, result={"id": code_id})
    return code_id


def presence_code_of(vault: Vault, person_id: int, key: UUID) -> str:
    """The code that belongs to a request; asking again gives the same one, and no table holds it."""
    number = int.from_bytes(vault.digest("presence", str(person_id), str(key))[:8])
    return "".join(_ALPHABET[number >> 5 * place & 31] for place in range(_CODE_CHARS))


async def look_up_by_presence(
    session: AsyncSession, actor: Actor, now: datetime, *, code: str, purpose: Purpose, key: UUID
) -> Found | NotFound:
    """Opens one citizen's rows to this transaction. The code is used up; the citizen sees who looked, and why.

    A code that is wrong, used or too old is counted for the officer, so that its refusal is given and not raised.

    Raises: RateLimited after too many wrong codes within a minute.
    """
    officer_id, _ = whose(actor)
    vault: Vault = session.info["vault"]
    guesser = vault.digest("presence guesses", str(officer_id))[:16]
    wait_ms = await guesses.take(session, now, guesser=guesser, most=WRONG_CODES_A_MINUTE)
    if wait_ms is not None:
        raise RateLimited(_TOO_MANY, field="value", retry_after_ms=wait_ms)
    savepoint = await session.begin_nested()
    try:
        found = await _look_up(session, actor, now, code=code, purpose=purpose, key=key)
    except NotFound as refusal:
        await savepoint.rollback()
        return refusal
    await savepoint.commit()
    await guesses.give_back(session, now, guesser=guesser)
    return found


async def _look_up(
    session: AsyncSession, actor: Actor, now: datetime, *, code: str, purpose: Purpose, key: UUID
) -> Found:
    officer_id, _ = whose(actor)
    mac = _mac(session.info["vault"], code)
    request = {"mac": mac.hex(), "purpose": purpose.value}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="look_up", request=request)
    citizen_id = await queries.reveal_by_presence(session, code_mac=mac, now=now)
    if citizen_id is None:
        raise NotFound(_NO_SUCH_CODE, field="value")
    person_id = await queries.person_of(session, citizen_id=citizen_id)
    found = Found(citizen_id=citizen_id, person_id=person_id, purpose=purpose)
    why = PURPOSE_WORDS[purpose]
    what = words(
        f"凭您出示的到场码查看了“{why.zh}”所需的档案。",
        f"Opened what {why.en} needs of your file, with the code that you showed.",
    )
    if earlier is not None:
        await note_look(session, actor, now, found=found, what=what)
        return found
    if await queries.use_presence_code(session, code_mac=mac, officer_id=officer_id, now=now) is None:
        raise NotFound(_NO_SUCH_CODE, field="value")
    await note_look_up(session, actor, now, found=found, what=what)
    await idempotency.bind(session, actor, key=key, result={"citizen": citizen_id})
    return found


async def note_look(session: AsyncSession, actor: Actor, now: datetime, *, found: Found, what: Words) -> str:
    """The entry in the person's access log, for every single look; gives the officer's name."""
    name = await queries.staff_name(session, staff_id=actor.staff_id or 0)
    await consent.record_access(
        session,
        actor,
        now,
        person_id=found.person_id,
        actor_name=words(name, name),
        purpose=found.purpose.value,
        what=what,
    )
    return name


async def note_look_up(session: AsyncSession, actor: Actor, now: datetime, *, found: Found, what: Words) -> None:
    """That entry, the notice on the person's phone, and the entry in the office's own trail."""
    name = await note_look(session, actor, now, found=found, what=what)
    why = PURPOSE_WORDS[found.purpose]
    notice = NewNotice(
        person_id=found.person_id,
        programme_id=actor.programme_id or 0,
        kind=Kind.LOOKED_UP,
        subject=f"look_up:{now.isoformat()}",
        params={"who": name, "purpose": {"zh": why.zh, "en": why.en}},
    )
    await notices.tell(session, now, notices=[notice])
    about = {"citizen": found.citizen_id, "purpose": found.purpose.value}
    await audit.record(session, actor, now, action="look_up", about=about)


def _mac(vault: Vault, code: str) -> bytes:
    """What is stored of a code; letters that look like digits are read as such."""
    return vault.digest("presence_mac", typed(code).translate(_ALIKE))


_JOIN_FIRST = words("您尚未加入本项目。请先加入。", "You have not joined this programme. Please join first.")
_TOO_MANY = words(
    "输入的到场码错误次数过多。请稍后再试。", "Too many wrong codes within a minute. Please try again a little later."
)
_NO_SUCH_CODE = words(
    "到场码不正确、已使用或已过期。请市民重新出示。",
    "This code is wrong, used or too old. Please ask the citizen to show a new one.",
)
