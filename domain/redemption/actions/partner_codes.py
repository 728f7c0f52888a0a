"""A partner's one-time codes: loaded from a file, one handed out with each sale, and what happens when they run out."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from domain import audit, outbox
from domain.actor import Actor
from domain.errors import InvalidInput, NotFound
from domain.programmes.rules.codec import from_json
from domain.programmes.rules.document import Product
from domain.redemption.queries import partner_codes as queries
from domain.redemption.queries.partner_codes import Pool, SealedCode
from domain.values import words
from domain.vault import Vault

FIELD: Final = "partner_code"
TOPIC: Final = "partner_codes"
LOW: Final = 20
MAX_CODE: Final = 200
RUN_OUT: Final = "The partner's codes have run out."


async def load_codes(session: AsyncSession, actor: Actor, now: datetime, *, pool: Pool, codes: Sequence[str]) -> int:
    """Seals codes and adds those that are new; a product that had run out is offered again. Runs as the worker.

    Raises: NotFound for no such product, InvalidInput when it gives no codes, or one of them is too long.
    """
    content = await queries.content_of(session, pool=pool)
    if content is None:
        raise NotFound
    if not from_json(Product, content).partner_codes:
        raise InvalidInput(words("这项惠民不使用合作方代码。", "This product gives no codes of a partner."))
    if any(not 0 < len(code) <= MAX_CODE for code in codes):
        raise InvalidInput(
            words(f"每个代码 1 至 {MAX_CODE} 个字符。", f"A code has 1 to {MAX_CODE} characters. Correct the file.")
        )
    vault: Vault = session.info["vault"]
    key = vault.new_data_key()
    place = (str(pool.programme_id), pool.product_code)
    sealed = [
        SealedCode(digest=vault.digest(FIELD, *place, code), sealed=vault.seal(key, FIELD, code)) for code in codes
    ]
    added = await queries.load(session, now, pool=pool, codes=sealed, wrapped_key=key)
    if added:
        await queries.resume(session, pool=pool, reason=RUN_OUT)
    about = {"product": pool.product_code, "codes": added}
    await audit.record(session, actor, now, action="load_partner_codes", about=about)
    return added


async def hand_out(
    session: AsyncSession, actor: Actor, now: datetime, *, product_code: str, code_id: int, redemption_id: int
) -> None:
    """The code goes with the sale. When few are left the office's list says so, and the last one ends the offer."""
    await queries.hand_out(session, now, code_id=code_id, redemption_id=redemption_id)
    pool = Pool(programme_id=actor.programme_id or 0, product_code=product_code)
    left = await queries.left(session, pool=pool, enough=LOW + 1)
    if left == LOW:
        await _warn(session, actor, now, pool=pool, action="partner_codes_low")
    elif left == 0:
        await run_out(session, actor, now, product_code=product_code)


async def run_out(session: AsyncSession, actor: Actor, now: datetime, *, product_code: str) -> None:
    """Nothing is left to hand out: the product is suspended until codes are loaded."""
    pool = Pool(programme_id=actor.programme_id or 0, product_code=product_code)
    if await queries.suspend(session, pool=pool, reason=RUN_OUT):
        await _warn(session, actor, now, pool=pool, action="partner_codes_run_out")


async def _warn(session: AsyncSession, actor: Actor, now: datetime, *, pool: Pool, action: str) -> None:
    await outbox.publish(session, now, topic=TOPIC, person_id=None, subject=f"{action}:{pool.product_code}")
    await audit.record(session, actor, now, action=action, about={"product": pool.product_code})
