"""What becomes of claims that wait when their citizen is erased: nobody could pay them to an account any more."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from domain.actor import Actor
from domain.ledger import queries as ledger
from domain.redemption.actions.ending import give_allowance_back, lock_sale, turn_budget
from domain.redemption.queries import claims, sales


async def end_claims(session: AsyncSession, actor: Actor, now: datetime, *, citizen_id: int) -> None:
    """Ends the citizen's own claims that no provider has answered; everything that was kept ready goes back."""
    for number in await claims.waiting_of(session, citizen_id=citizen_id):
        sale = await lock_sale(session, actor, now, redemption_id=number)
        if sale.status != "CLAIM_SENT":
            continue
        await claims.note_answer(session, now, redemption_id=sale.id)
        await sales.end(session, now, redemption_id=sale.id, status="EXPIRED", reason=None)
        await give_allowance_back(session, sale, taken=sale.allowance_taken)
        await ledger.give_back(session, now, redemption_id=sale.id, reason="expired")
        await turn_budget(session, sale, reserved=sale.budget_taken, spent=0)
