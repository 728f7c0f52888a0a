"""The office has paid a shop for a month: the ledger shows it, and the statement says when and with which reference."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from domain import audit, idempotency
from domain.actor import Actor
from domain.errors import AlreadyDecided, NotFound
from domain.ledger import queries as ledger
from domain.ledger.queries import CITY, Account
from domain.redemption.queries import statements
from domain.redemption.rules.statements import Month, check_payment, reference_of
from domain.values import words


async def mark_paid(
    session: AsyncSession,
    actor: Actor,
    now: datetime,
    *,
    organisation_id: int,
    month: Month,
    payment_ref: str,
    key: UUID,
) -> None:
    """Settles what the city owes a shop for a month that is over; what the shop owes it, in the same way.

    Raises: NotFound, InvalidInput for the reference or an empty month, TooEarly, AlreadyDecided.
    """
    reference = reference_of(payment_ref)
    request: dict[str, object] = {"organisation": organisation_id, "month": month.first, "ref": reference}
    if await idempotency.claim(session, actor, now, key=key, operation="markPaid", request=request) is not None:
        return
    statement = await statements.statement(session, organisation_id=organisation_id, month=month)
    if statement is None:
        raise NotFound
    check_payment(statement, month, now)
    shop = Account(kind="PAYABLE", owner=str(organisation_id))
    debit, credit = (shop, CITY) if statement.payable_fen > 0 else (CITY, shop)
    transfer_id = await ledger.post(
        session,
        now,
        programme_id=actor.programme_id or 0,
        debit=debit,
        credit=credit,
        amount_fen=abs(statement.payable_fen),
        reason=f"paid {month.first:%Y-%m}: {reference}",
    )
    paid = await statements.pay(session, now, statement=statement, payment_ref=reference, transfer_id=transfer_id)
    if not paid:
        raise AlreadyDecided(words("该月已标记为已付款。", "This month has been marked as paid already."))
    about = {**request, "amount_fen": statement.payable_fen}
    await audit.record(session, actor, now, action="mark_paid", about=about)
    await idempotency.bind(session, actor, key=key, result={"transfer": transfer_id})
