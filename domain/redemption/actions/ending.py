"""What becomes of a sale: it is reversed, a deposit's thing comes back, the shop claims, or gives more time."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from domain import audit, idempotency, outbox
from domain.actor import Actor, Role
from domain.errors import NotFound
from domain.incentives import queries as incentives
from domain.incentives.queries import CountedWindow
from domain.ledger import queries as ledger
from domain.notices.rules import Kind
from domain.redemption.actions.telling import tell
from domain.redemption.queries import sales
from domain.redemption.rules.ends import (
    Sale,
    check_close,
    check_extension,
    check_reason,
    check_reversal,
    claim_until,
)


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


async def reverse_redemption(
    session: AsyncSession, actor: Actor, now: datetime, *, redemption_id: int, reason: str, key: UUID
) -> int:
    """Undoes a sale: allowance and budget come back, the ledger shows both, the citizen is told.

    The shop may do so within its day; later an officer who has looked the citizen up for it.

    Raises: NotFound, InvalidInput for the reason, AlreadyDecided, TooLate.
    """
    reason = check_reason(reason)
    request: dict[str, object] = {"redemption": redemption_id, "reason": reason}
    sale = await lock_sale(session, actor, now, redemption_id=redemption_id)
    if await idempotency.claim(session, actor, now, key=key, operation="reverseRedemption", request=request):
        return redemption_id
    check_reversal(sale, now, by_office=actor.role is Role.OFFICER)
    await sales.end(session, now, redemption_id=sale.id, status="REVERSED", reason=reason)
    await give_allowance_back(session, sale, taken=sale.allowance_taken)
    await ledger.give_back(session, now, redemption_id=sale.id, reason=f"reversal: {reason}")
    await tell(session, now, sale=sale, kind=Kind.SALE_REVERSED, params={"reason": reason})
    await note(session, actor, now, sale=sale, action="reverse_redemption", key=key)
    await refill(session, sale)
    return sale.id


async def close_redemption(session: AsyncSession, actor: Actor, now: datetime, *, close: Close, key: UUID) -> int:
    """Ends what is open: given back, or claimed from the guarantee fund up to what was waived.

    A claim waits five working days for an objection; the money stays pending until it is decided.

    Raises: NotFound, AlreadyDecided when nothing is open, InvalidInput for the claim.
    """
    request: dict[str, object] = {"redemption": close.redemption_id, "claim": close.claim_fen, "reason": close.reason}
    sale = await lock_sale(session, actor, now, redemption_id=close.redemption_id)
    if await idempotency.claim(session, actor, now, key=key, operation="closeRedemption", request=request):
        return close.redemption_id
    check_close(sale, close.claim_fen, close.reason)
    if close.claim_fen > 0:
        await _claim(session, now, sale=sale, close=close)
    else:
        await sales.end(session, now, redemption_id=sale.id, status="COMPLETED", reason=close.reason)
        await ledger.give_back(session, now, redemption_id=sale.id, reason="given back")
    await note(session, actor, now, sale=sale, action="close_redemption", key=key)
    if close.claim_fen == 0:
        await release_budget(session, sale)
    return sale.id


async def extend_redemption(
    session: AsyncSession, actor: Actor, now: datetime, *, extension: Extension, key: UUID
) -> int:
    """Gives more time until something is due.

    Raises: NotFound, AlreadyDecided when nothing is due, InvalidInput for days or reason.
    """
    number, reason = extension.redemption_id, check_reason(extension.reason)
    request: dict[str, object] = {"redemption": number, "days": extension.days, "reason": reason}
    sale = await lock_sale(session, actor, now, redemption_id=number)
    if await idempotency.claim(session, actor, now, key=key, operation="extendRedemption", request=request):
        return number
    due_on = check_extension(sale, extension.days)
    await sales.extend(session, now, redemption_id=sale.id, due_on=due_on, reason=reason)
    await note(session, actor, now, sale=sale, action="extend_redemption", key=key)
    return sale.id


async def lock_sale(session: AsyncSession, actor: Actor, now: datetime, *, redemption_id: int) -> Sale:
    """One sale that the caller may end, locked. Raises: NotFound."""
    sale = await sales.lock(session, actor, now, redemption_id=redemption_id)
    if sale is None:
        raise NotFound
    return sale


async def note(session: AsyncSession, actor: Actor, now: datetime, *, sale: Sale, action: str, key: UUID) -> None:
    """The phone hears of it, the office can look it up, and the key is bound.

    An officer's trail names whom they have looked up for it, and so it never names the sale: product and shop only.
    """
    about: dict[str, object] = {"redemption": sale.id}
    if actor.role is Role.OFFICER:
        about = {"product": sale.product_code, "organisation": sale.organisation_id}
    await outbox.publish(session, now, topic="redemption", person_id=sale.person_id, subject=str(sale.id))
    await audit.record(session, actor, now, action=action, about=about)
    await idempotency.bind(session, actor, key=key, result={"id": sale.id})


async def give_allowance_back(session: AsyncSession, sale: Sale, *, taken: int) -> None:
    """So much of what a sale has used can be used again."""
    if sale.holder is not None and sale.allowance_window is not None and taken > 0:
        window = CountedWindow(
            programme_id=sale.programme_id, product_code=sale.allowance_code, start=sale.allowance_window
        )
        await incentives.lower_allowance(session, holder=sale.holder, window=window, taken=taken)


async def refill(session: AsyncSession, sale: Sale) -> None:
    """Everything that is still held or was spent goes back into the budget, whose row comes last here as well."""
    if sale.holds_money and sale.is_open:
        await turn_budget(session, sale, reserved=sale.budget_taken, spent=0)
    elif sale.pieces or not sale.holds_money:
        await turn_budget(session, sale, reserved=0, spent=-sale.budget_taken)


async def release_budget(session: AsyncSession, sale: Sale) -> None:
    """What was only held goes back; a piece that was given stays given."""
    if sale.holds_money:
        spent = sale.budget_taken if sale.pieces else 0
        await turn_budget(session, sale, reserved=sale.budget_taken, spent=spent)


async def turn_budget(session: AsyncSession, sale: Sale, *, reserved: int, spent: int) -> None:
    """Frees what was reserved, and spends so much for good; less than nothing gives back what was spent."""
    if sale.budget_window is not None and (reserved or spent):
        window = CountedWindow(programme_id=sale.programme_id, product_code=sale.product_code, start=sale.budget_window)
        await incentives.refill_budget(session, window=window, spent=-spent, reserved=reserved)


async def _claim(session: AsyncSession, now: datetime, *, sale: Sale, close: Close) -> None:
    until = claim_until(sale.today(now))
    await sales.claim(session, now, redemption_id=sale.id, claim_fen=close.claim_fen, reason=close.reason, until=until)
    params = {"fen": close.claim_fen, "reason": close.reason, "until": until.isoformat()}
    await tell(session, now, sale=sale, kind=Kind.FUND_CLAIMED, params=params)
