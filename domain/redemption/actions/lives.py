"""How sales live on by themselves, day by day: late, released, paid from the guarantee fund, cut from their person.

All of it runs as the worker and bears being run again on the same day.

turn_sales(session, now, *, programme_id, today)                          daily, for each programme
contest_claim(session, *, redemption_id, at)                              an objection begins, or ends with at=None
deny_claim(session, now, *, redemption_id)                                an objection to a claim was upheld
cut_paid_months(session, now, *, programme_id, today)                     daily, for each programme
cut_settled(session, now, *, programme_id, month, organisation_id)        one shop's month
"""

from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from domain import outbox
from domain.actor import Actor, Role
from domain.ledger import queries as ledger
from domain.ledger.queries import FUND, payable
from domain.notices import queries as notices
from domain.notices.rules import Kind
from domain.redemption.actions.ending import lock_sale, release_budget, turn_budget
from domain.redemption.actions.telling import RESERVATION, SALE, tell
from domain.redemption.queries import claims, lives, sales
from domain.redemption.queries.lives import Operations, Settled
from domain.redemption.rules.ends import OFFICE_WINDOW, RELEASED_AFTER, Sale
from domain.values import add_months, midnight

_WORKER: Final = Actor(role=Role.WORKER)
_OPERATIONS: Final = Operations(
    sales=(
        "redeem",
        "claimBenefit",
        "openClaim",
        "confirmClaim",
        "refuseClaim",
        "reverseRedemption",
        "closeRedemption",
        "extendRedemption",
    ),
    codes=("presentBenefit", "cancelPresentation"),
    reservations=("reserveBenefit", "cancelReservation"),
)


async def turn_sales(session: AsyncSession, now: datetime, *, programme_id: int, today: date) -> None:
    """What this day brings to the sales of one programme."""
    for number in await lives.turn_late(session, now, programme_id=programme_id, today=today):
        sale = await _tell_of(session, now, number=number, kind=Kind.SOMETHING_LATE)
        await _publish(session, now, sale)
    for number in await lives.overdue(session, programme_id=programme_id, today=today, days=RELEASED_AFTER.days):
        await release(session, now, redemption_id=number)
    for number in await lives.undisputed(session, programme_id=programme_id, today=today):
        await pay_claim(session, now, redemption_id=number)
    for number, answer_by in await claims.escalate(session, now, programme_id=programme_id, today=today):
        sale = await lock_sale(session, _WORKER, now, redemption_id=number)
        await tell(session, now, sale=sale, kind=Kind.CLAIM_UNANSWERED, params={"on": answer_by.isoformat()})
    await claims.forget_numbers(session, programme_id=programme_id)


async def release(session: AsyncSession, now: datetime, *, redemption_id: int) -> None:
    """Nobody has claimed: it is over, the money goes back, and broken promises of papers end the product's window."""
    sale = await lock_sale(session, _WORKER, now, redemption_id=redemption_id)
    if sale.citizen_id is not None and sale.allowance_window is not None:
        await lives.break_promise(
            session,
            now,
            citizen_id=sale.citizen_id,
            product_code=sale.product_code,
            window_start=sale.allowance_window,
        )
    await _let_go(session, now, sale=sale)


async def deny_claim(session: AsyncSession, now: datetime, *, redemption_id: int) -> None:
    """An objection to a claim was upheld: nothing is paid, and it is over. Also for an office with its case open.

    Where no claim waits, nothing happens.
    """
    sale = await sales.lock(session, _WORKER, now, redemption_id=redemption_id)
    if sale is not None and sale.status == "CLAIM_PENDING":
        await _let_go(session, now, sale=sale)


async def _let_go(session: AsyncSession, now: datetime, *, sale: Sale) -> None:
    await sales.end(session, now, redemption_id=sale.id, status="RELEASED", reason=None)
    await ledger.give_back(session, now, redemption_id=sale.id, reason="released")
    await tell(session, now, sale=sale, kind=Kind.SOMETHING_RELEASED, params={})
    await _publish(session, now, sale)
    await release_budget(session, sale)


async def pay_claim(session: AsyncSession, now: datetime, *, redemption_id: int) -> None:
    """The guarantee fund pays the shop what it has claimed; the rest of what was held goes back."""
    sale = await lock_sale(session, _WORKER, now, redemption_id=redemption_id)
    fen = sale.claim_fen or 0
    await sales.end(session, now, redemption_id=sale.id, status="CLAIMED", reason=None)
    await ledger.resolve(session, now, redemption_id=sale.id, amount_fen=fen, reason="claimed")
    await ledger.post(
        session,
        now,
        programme_id=sale.programme_id,
        debit=FUND,
        credit=payable(sale.organisation_id),
        amount_fen=fen,
        reason="claimed",
        redemption_id=sale.id,
    )
    await tell(session, now, sale=sale, kind=Kind.FUND_PAID, params={"fen": fen})
    await _publish(session, now, sale)
    await turn_budget(session, sale, reserved=sale.budget_taken, spent=sale.budget_taken if sale.pieces else fen)


async def contest_claim(session: AsyncSession, *, redemption_id: int, at: datetime | None) -> bool:
    """A claim on the guarantee fund is paid only while nobody objects to it; False when no claim waits."""
    return await lives.contest(session, redemption_id=redemption_id, at=at)


async def cut_paid_months(session: AsyncSession, now: datetime, *, programme_id: int, today: date) -> int:
    """Cuts every month that is paid and in which nothing can be undone any more; gives how many sales."""
    count = 0
    for organisation_id, month in await lives.paid_months(
        session, programme_id=programme_id, today=today, days=OFFICE_WINDOW.days
    ):
        count += await cut_settled(
            session, now, programme_id=programme_id, month=month, organisation_id=organisation_id
        )
    return count


async def cut_settled(
    session: AsyncSession, now: datetime, *, programme_id: int, month: date, organisation_id: int
) -> int:
    """Cuts one shop's sales of a paid month from their person, once nobody can undo them; gives how many.

    The holder, the code, the reservation, the till and the minute are erased, and so are the keys and notices that
    name them. What stays is the sale with its day; the access log keeps that a shop has checked a product on that day.
    """
    zone = await lives.zone_of(session, programme_id=programme_id)
    first = month.replace(day=1)
    settled = Settled(
        programme_id=programme_id,
        organisation_id=organisation_id,
        since=midnight(first, ZoneInfo(zone)),
        until=midnight(add_months(first, 1), ZoneInfo(zone)),
        settled_before=now - OFFICE_WINDOW,
        zone=zone,
    )
    done = await lives.cut(session, settled=settled, operations=_OPERATIONS)
    if done.sales:
        await notices.forget(session, topic=SALE, numbers=done.sales)
        await notices.forget(session, topic=RESERVATION, numbers=done.reservations)
        await lives.shuffle_uses(session, programme_id=programme_id, products=done.products)
    return len(done.sales)


async def _tell_of(session: AsyncSession, now: datetime, *, number: int, kind: Kind) -> Sale:
    sale = await lock_sale(session, _WORKER, now, redemption_id=number)
    on = "" if sale.due_on is None else sale.due_on.isoformat()
    await tell(session, now, sale=sale, kind=kind, params={"on": on})
    return sale


async def _publish(session: AsyncSession, now: datetime, sale: Sale) -> None:
    await outbox.publish(session, now, topic="redemption", person_id=sale.person_id, subject=str(sale.id))
