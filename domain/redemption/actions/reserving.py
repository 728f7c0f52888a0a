"""What is scarce is reserved: held for two days, or waited for. What becomes free goes to who has waited longest.

turn_reservations(session, now)    every few seconds, as the worker
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from domain import idempotency, outbox
from domain.actor import Actor
from domain.errors import AlreadyDecided, ConsentRequired, NotFound, ProductUnavailable
from domain.incentives import queries as incentives
from domain.incentives.queries import is_offered
from domain.incentives.rules.decision import NOT_GIVEN, decide, unmet_kinds
from domain.incentives.rules.holds import HOLD, has_no_most, held_amount, held_until
from domain.incentives.rules.standing import Catalogue, budget_window
from domain.notices import actions as notices
from domain.notices.rules import Kind, NewNotice
from domain.programmes.rules.terms import ConditionKind
from domain.redemption.actions.presenting import JOIN_FIRST, refusal_of
from domain.redemption.actions.telling import RESERVATION
from domain.redemption.queries import reservations as queries
from domain.redemption.queries.reservations import Turned, Wish
from domain.values import words

_LIVE = frozenset({"HELD", "WAITING"})


async def reserve_benefit(
    session: AsyncSession, actor: Actor, now: datetime, *, catalogue: Catalogue, product_id: int, key: UUID
) -> int:
    """Holds one use of a scarce benefit, or puts the citizen at the end of the line; gives the reservation's number.

    Raises:
        NotFound: no such product.
        ProductUnavailable: it is not scarce, or not given at present.
        ConsentRequired, NotQualified, AllowanceUsedUp: why it could not be used anyway.
        AlreadyDecided: it is reserved already.
    """
    request = {"product": product_id}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="reserveBenefit", request=request)
    if earlier is not None:
        return int(str(earlier["id"]))
    wish = await _wish(session, actor, now, catalogue=catalogue, product_id=product_id)
    number = await queries.add(session, now, wish=wish)
    if number is None:
        raise AlreadyDecided(words("您已经预约了这项惠民。", "You have reserved this benefit already."))
    product = catalogue.products[product_id]
    window = budget_window(product, catalogue.today)
    await idempotency.bind(session, actor, key=key, result={"id": number})
    if window is not None and await queries.take(session, wish=wish, reservation_id=number, window_start=window[0]):
        until = held_until(product, catalogue, now)
        await queries.hold(session, reservation_id=number, window_start=window[0], until=until)
    return number


async def cancel_reservation(
    session: AsyncSession, actor: Actor, now: datetime, *, reservation_id: int, key: UUID
) -> None:
    """Gives a hold or a place in the line back. Raises: NotFound, AlreadyDecided when it has ended."""
    request = {"reservation": reservation_id}
    if await idempotency.claim(session, actor, now, key=key, operation="cancelReservation", request=request):
        return
    reserved = await queries.lock(session, reservation_id=reservation_id, citizen_id=actor.citizen_id or 0)
    if reserved is None:
        raise NotFound
    if reserved.status not in _LIVE:
        raise AlreadyDecided(words("这项预约已经结束。", "This reservation has ended already."))
    await queries.give_back(session, now, reserved=reserved)
    await idempotency.bind(session, actor, key=key, result={"id": reservation_id})
    if reserved.budget_start is not None:
        await queries.refill(session, reserved=reserved)


async def turn_reservations(session: AsyncSession, now: datetime) -> int:
    """Ends holds that have run out, and lets the line move on; gives how many have got something."""
    expired = await queries.expire(session, now)
    await _tell(session, now, turned=expired, kind=Kind.RESERVATION_EXPIRED)
    given = await queries.move_on(session, now, hold_for=HOLD)
    await _tell(session, now, turned=given, kind=Kind.RESERVATION_HELD)
    return len(given)


async def _wish(session: AsyncSession, actor: Actor, now: datetime, *, catalogue: Catalogue, product_id: int) -> Wish:
    """What may be reserved, for who could use it if only the budget reached."""
    product = catalogue.products.get(product_id)
    if product is None:
        raise NotFound
    if actor.citizen_id is None or actor.programme_id is None:
        raise ConsentRequired(JOIN_FIRST)
    amount = held_amount(product)
    if amount is None:
        raise ProductUnavailable(_NO_MOST if has_no_most(product) else _NOT_SCARCE)
    standing, state = await incentives.inputs(
        session, now, citizen_id=actor.citizen_id, product_id=product_id, organisation_id=None, catalogue=catalogue
    )
    if not state.given or not is_offered(state, catalogue):
        raise ProductUnavailable(NOT_GIVEN)
    decision = decide(product, catalogue.rules, standing)
    if unmet_kinds(decision) - {ConditionKind.BUDGET_LEFT}:
        raise refusal_of(decision)
    return Wish(
        programme_id=actor.programme_id,
        product_id=product_id,
        product_code=product.code,
        citizen_id=actor.citizen_id,
        amount=amount,
    )


async def _tell(session: AsyncSession, now: datetime, *, turned: list[Turned], kind: Kind) -> None:
    for one in turned:
        await outbox.publish(session, now, topic=RESERVATION, person_id=one.person_id, subject=str(one.id))
    told = [
        NewNotice(
            person_id=one.person_id,
            programme_id=one.programme_id,
            kind=kind,
            subject=f"{RESERVATION}:{one.id}",
            params={"product": one.title, "until": "" if one.until is None else f"{one.until:%Y-%m-%d %H:%M} UTC"},
        )
        for one in turned
    ]
    await notices.tell(session, now, notices=told)


_NOT_SCARCE = words(
    "这项惠民不用预约,可直接使用或申请。", "This benefit needs no reservation. Use it, or claim it on its own page."
)
_NO_MOST = words(
    "这项惠民未定每次最高额,无法预留。预算有余时可直接使用。",
    "Nothing says how much one use may take at most, so nothing can be held. Use it while the budget lasts.",
)
