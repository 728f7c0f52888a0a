"""A person takes everything along that is held about them: one document, for its holder only."""

import base64
import json
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from domain import audit, idempotency
from domain.actor import Actor
from domain.consent import actions as consent
from domain.consent.actions import whose
from domain.errors import NotAllowed, RateLimited, TooLate
from domain.people.queries import profile
from domain.rights.actions.working import YOURSELF
from domain.rights.queries import holdings
from domain.rights.queries.holdings import SEALED
from domain.values import words
from domain.vault import Vault

FORMAT: Final = "citizen-credit-benefits/export/1"
KEPT_FOR: Final = timedelta(days=7)
MOST_A_DAY: Final = 5
_DAY: Final = timedelta(days=1)
_FIELD: Final = "export"


async def export_my_data(session: AsyncSession, actor: Actor, now: datetime, *, key: UUID) -> str:
    """Everything held about the caller in every programme, as one JSON document; logged as any other read.

    The same key gives the same document for seven days.

    Raises: RateLimited after five in a day, TooLate for a repeated request whose document is gone, NotAllowed when
    there is nobody any more whom anything could be sealed for.
    """
    person_id, programme_id = whose(actor)
    vault: Vault = session.info["vault"]
    request = {"programme": programme_id}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="export_my_data", request=request)
    own = (await profile(session, person_id=person_id)).wrapped_key
    if own is None:
        raise NotAllowed(_ERASED)
    if earlier is not None:
        sealed = await holdings.export(session, now, export_id=int(str(earlier["id"])))
        if sealed is None:
            raise TooLate(_GONE, field="idempotencyKey")
        return vault.open(own, _FIELD, sealed)
    document = json.dumps(await _collect(session, actor, now, own=own), ensure_ascii=False, indent=1)
    export_id = await holdings.add_export(
        session,
        now,
        person_id=person_id,
        document=vault.seal(own, _FIELD, document),
        ends=(now + KEPT_FOR, now - _DAY),
        most=MOST_A_DAY,
    )
    if export_id is None:
        raise RateLimited(_TOO_MANY, retry_after_ms=int(_DAY.total_seconds() * 1000))
    await audit.record(session, actor, now, action="export", about={"export": export_id})
    await idempotency.bind(session, actor, key=key, result={"id": export_id})
    return document


async def _collect(session: AsyncSession, actor: Actor, now: datetime, *, own: bytes) -> dict[str, Any]:
    """Each programme in turn, as its own rows let it be seen; the look itself is part of each log."""
    person_id, programme_id = whose(actor)
    vault: Vault = session.info["vault"]
    programmes = []
    for place in await holdings.places(session, person_id=person_id, programme_id=programme_id):
        await holdings.enter(session, place=place)
        await consent.record_access(
            session,
            Actor(role=actor.role, person_id=person_id, programme_id=place.programme_id),
            now,
            person_id=person_id,
            actor_name=YOURSELF,
            purpose="EXPORT",
            what=_EVERYTHING,
        )
        held = await holdings.held(session, person_id=person_id, place=place)
        programmes.append({"programme": place.code, **_opened(held, own, vault)})
    return {
        "format": FORMAT,
        "for": {"zh": FOR_HOLDER.zh, "en": FOR_HOLDER.en},
        "made_at": now.isoformat(),
        "person": _opened(await holdings.about_person(session, person_id=person_id), own, vault),
        "programmes": programmes,
    }


def _opened(value: Any, own: bytes, vault: Vault) -> Any:
    """The same with everything sealed in plain text. What nobody can read any more is null."""
    if isinstance(value, list):
        return [_opened(one, own, vault) for one in value]
    if not isinstance(value, dict):
        return value
    if SEALED not in value:
        return {name: _opened(one, own, vault) for name, one in value.items()}
    key = own if value["key"] is None else base64.b64decode(value["key"])
    return vault.open(key, value["field"], base64.b64decode(value[SEALED]))


FOR_HOLDER: Final = words(
    "仅供本人使用。本文件不带任何可供他人核验的标记,不能证明任何事项,任何人不得要求您出示。",
    "For the holder only. Nothing in this document can be verified by anybody else, it proves nothing, and nobody may"
    " ask you to show it.",
)
_EVERYTHING: Final = words("导出了关于您的全部数据。", "Exported everything that is held about you.")
_TOO_MANY: Final = words(
    f"每天最多导出 {MOST_A_DAY} 次。请使用已导出的文件,或明天再试。",
    f"At most {MOST_A_DAY} exports a day. Please use the one you have, or come back tomorrow.",
)
_GONE: Final = words(
    "导出文件只保留 7 天,已删除。请用新的请求编号重新导出。",
    "An export is kept for seven days, and this one is gone. Please ask for another, with a new key.",
)
_ERASED: Final = words("您的数据已删除。请重新登录。", "Your data has been erased. Please sign in again.")
