"""What becomes of a sale: the shop reverses it, takes a deposit's thing back, claims, or gives more time."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from domain import audit, idempotency, outbox
from domain.actor import Actor
from domain.errors import NotFound
from domain.incentives import queries as incentives
from domain.incentives.queries import CountedWindow
from domain.ledger import queries as ledger
from domain.redemption.queries import sales
from domain.redemption.rules.ends import (
    Sale,
    check_close,
    check_extension,
    check_reason,
    check_reversal,
)


async def reverse_redemption(
    session: AsyncSession, actor: Actor, now: datetime, *, redemption_id: int, reason: str, key: UUID
) -> int:
    """Undoes a sale within the shop's day: allowance and budget come back, the ledger shows both, the citizen is told.

    Raises: NotFound, InvalidInput for the reason, AlreadyDecided, TooLate.
    """
    reason = check_reason(reason)
    request: dict[str, object] = {"redemption": redemption_id, "reason": reason}
    if await idempotency.claim(session, actor, now, key=key, operation="reverseRedemption", request=request):
        return redemption_id
    sale = await _lock(session, redemption_id)
    check_reversal(sale, now)
    await sales.end(session, now, redemption_id=sale.id, status="REVERSED", reason=reason)
    if sale.holder is not None and sale.allowance_window is not None and sale.allowance_taken > 0:
        window = CountedWindow(
            programme_id=sale.programme_id, product_code=sale.product_code, start=sale.allowance_window
        )
        await incentives.lower_allowance(session, holder=sale.holder, window=window, taken=sale.allowance_taken)
    await ledger.give_back(session, now, redemption_id=sale.id, reason=f"reversal: {reason}")
    await _tell(session, actor, now, sale=sale, action="reverse_redemption", key=key)
    await _refill(session, sale)
    return sale.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """Given back where nothing is claimed."""

    redemption_id: int
    claim_fen: int = 0
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """So many days more."""

    redemption_id: int
    days: int
    reason: str


async def close_redemption(session: AsyncSession, actor: Actor, now: datetime, *, close: Close, key: UUID) -> int:
    """Ends what is open: given back, or claimed from the guarantee fund up to what was waived.

    A claim waits; the money stays pending until it is decided.

    Raises: NotFound, AlreadyDecided when nothing is open, InvalidInput for the claim.
    """
    request: dict[str, object] = {"redemption": close.redemption_id, "claim": close.claim_fen, "reason": close.reason}
    if await idempotency.claim(session, actor, now, key=key, operation="closeRedemption", request=request):
        return close.redemption_id
    sale = await _lock(session, close.redemption_id)
    check_close(sale, close.claim_fen, close.reason)
    status = "CLAIM_PENDING" if close.claim_fen > 0 else "COMPLETED"
    await sales.end(
        session, now, redemption_id=sale.id, status=status, reason=close.reason, claim_fen=close.claim_fen or None
    )
    if close.claim_fen == 0:
        await ledger.give_back(session, now, redemption_id=sale.id, reason="given back")
    await _tell(session, actor, now, sale=sale, action="close_redemption", key=key)
    if close.claim_fen == 0:
        await _release(session, sale)
    return sale.id


async def extend_redemption(
    session: AsyncSession, actor: Actor, now: datetime, *, extension: Extension, key: UUID
) -> int:
    """Gives more time until something is due.

    Raises: NotFound, AlreadyDecided when nothing is due, InvalidInput for days or reason.
    """
    number, reason = extension.redemption_id, check_reason(extension.reason)
    request: dict[str, object] = {"redemption": number, "days": extension.days, "reason": reason}
    if await idempotency.claim(session, actor, now, key=key, operation="extendRedemption", request=request):
        return number
    sale = await _lock(session, number)
    due_on = check_extension(sale, extension.days)
    await sales.extend(session, now, redemption_id=sale.id, due_on=due_on, reason=reason)
    await _tell(session, actor, now, sale=sale, action="extend_redemption", key=key)
    return sale.id


async def _lock(session: AsyncSession, redemption_id: int) -> Sale:
    sale = await sales.lock(session, redemption_id=redemption_id)
    if sale is None:
        raise NotFound
    return sale


async def _tell(session: AsyncSession, actor: Actor, now: datetime, *, sale: Sale, action: str, key: UUID) -> None:
    """The citizen hears of it, the office can look it up, and the key is bound."""
    await outbox.publish(session, now, topic="redemption", person_id=sale.person_id, subject=str(sale.id))
    await audit.record(session, actor, now, action=action, about={"redemption": sale.id})
    await idempotency.bind(session, actor, key=key, result={"id": sale.id})


async def _refill(session: AsyncSession, sale: Sale) -> None:
    """The budget row comes last here as well."""
    if sale.budget_window is None or sale.budget_taken == 0:
        return
    window = CountedWindow(programme_id=sale.programme_id, product_code=sale.product_code, start=sale.budget_window)
    if sale.holds_money:
        await incentives.refill_budget(session, window=window, spent=0, reserved=sale.budget_taken)
    else:
        await incentives.refill_budget(session, window=window, spent=sale.budget_taken, reserved=0)


async def _release(session: AsyncSession, sale: Sale) -> None:
    """What was only held goes back; a piece that was given stays given."""
    if sale.holds_money:
        await _refill(session, sale)
