"""A citizen claims a benefit to an account; its provider confirms it with the bill, or refuses it.

Where the provider keeps silent, an officer answers in its stead. From the claim on, the most it can come to is kept
ready: allowance, budget and a pending transfer. The bill takes what it needs of that, and the rest goes back.
"""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from domain import audit, idempotency, outbox
from domain.actor import Actor
from domain.consent.queries import Reader, add_access_event
from domain.errors import (
    AllowanceUsedUp,
    AlreadyDecided,
    BudgetUsedUp,
    InvalidInput,
    NotFound,
    ProductUnavailable,
    SamePerson,
)
from domain.incentives import queries as incentives
from domain.incentives.actions.accounts import check_consent, joined
from domain.incentives.queries import CountedWindow, Use, accounts, is_offered
from domain.incentives.rules.decision import NOT_GIVEN, decide
from domain.incentives.rules.relief import Relief
from domain.incentives.rules.standing import Catalogue, allowance_window, budget_window
from domain.ledger import queries as ledger
from domain.ledger.actions import budget_account
from domain.ledger.queries import CITY, FUND, Account, Held, payable
from domain.notices.rules import Kind
from domain.programmes.rules.document import Product
from domain.programmes.rules.terms import BudgetUnit
from domain.redemption.actions.ending import give_allowance_back, note, turn_budget
from domain.redemption.actions.presenting import refusal_of
from domain.redemption.actions.telling import tell
from domain.redemption.queries import claims, sales
from domain.redemption.queries.claims import Answer, NewClaim
from domain.redemption.rules.claims import (
    REFUSALS,
    ClaimRefusal,
    Confirmation,
    answer_by,
    check_claimable,
    check_confirmation,
    relief_on_bill,
    reserve_of,
)
from domain.redemption.rules.codes import receipt_number_of_claim
from domain.redemption.rules.ends import Sale
from domain.values import midnight, words


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Which benefit, and to which of the citizen's accounts."""

    product_id: int
    account_id: int


async def claim_benefit(
    session: AsyncSession, actor: Actor, now: datetime, *, catalogue: Catalogue, wish: Wish, key: UUID
) -> int:
    """Sends a claim to the provider of an account; gives the number of the sale that waits for the bill.

    Raises:
        NotFound: no such product, or not one's own linked account.
        InvalidInput: an account of another kind.
        ConsentRequired, NotQualified, ProductUnavailable, AllowanceUsedUp, BudgetUsedUp: why it cannot be claimed now.
    """
    citizen_id, _ = joined(actor)
    request = {"product": wish.product_id, "account": wish.account_id}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="claimBenefit", request=request)
    if earlier is not None:
        return int(str(earlier["id"]))
    product = catalogue.products.get(wish.product_id)
    if product is None:
        raise NotFound
    check_claimable(product)
    await accounts.lock_citizen(session, citizen_id=citizen_id)
    await _check_account(session, citizen_id=citizen_id, account_id=wish.account_id, product=product)
    await check_consent(session, actor)
    reserve = await _judge(session, now, citizen_id=citizen_id, product_id=wish.product_id, catalogue=catalogue)
    number = await claims.next_id(session)
    claim = _new_claim(product, reserve, today=catalogue.today, whose=(number, citizen_id), wish=wish)
    await _send(session, actor, now, claim=claim, product=product)
    await outbox.publish(session, now, topic="redemption", person_id=actor.person_id, subject=str(number))
    await idempotency.bind(session, actor, key=key, result={"id": number})
    await _reserve(session, actor, now, claim=claim, product=product, reserve=reserve)
    return number


async def confirm_claim(
    session: AsyncSession, actor: Actor, now: datetime, *, catalogue: Catalogue, confirmation: Confirmation, key: UUID
) -> int:
    """The provider names the bill: relief by the terms, exactly, and the rest of what was kept ready goes back.

    Raises: NotFound, InvalidInput for bill or reference, AlreadyDecided when it has been answered, SamePerson.
    """
    reference = check_confirmation(confirmation)
    number = confirmation.redemption_id
    request = {"redemption": number, "basis": confirmation.basis, "ref": reference}
    sale = await _lock(session, actor, now, redemption_id=number)
    if await idempotency.claim(session, actor, now, key=key, operation="confirmClaim", request=request):
        return number
    _check_waiting(sale, actor)
    product = catalogue.products[sale.product_id]
    relief = relief_on_bill(product, basis=confirmation.basis, reserved=sale.allowance_taken, today=sale.today(now))
    await _write_answer(session, now, sale=sale, relief=relief, reference=reference)
    payer = _payer(product, sale.budget_window)
    await _settle_money(session, now, sale=sale, relief=relief, payer=payer)
    await tell(session, now, sale=sale, kind=Kind.CLAIM_CONFIRMED, params={})
    await note(session, actor, now, sale=sale, action="confirm_claim", key=key)
    await _turn_reserve(session, sale, relief)
    return sale.id


async def refuse_claim(
    session: AsyncSession, actor: Actor, now: datetime, *, redemption_id: int, reason: ClaimRefusal, key: UUID
) -> int:
    """The provider does not accept a claim: everything that was kept ready goes back, and the citizen reads why.

    Raises: NotFound, AlreadyDecided when it has been answered, SamePerson.
    """
    request = {"redemption": redemption_id, "reason": reason.value}
    sale = await _lock(session, actor, now, redemption_id=redemption_id)
    if await idempotency.claim(session, actor, now, key=key, operation="refuseClaim", request=request):
        return redemption_id
    _check_waiting(sale, actor)
    await claims.note_answer(session, now, redemption_id=sale.id)
    await sales.end(session, now, redemption_id=sale.id, status="REFUSED", reason=reason.value)
    await give_allowance_back(session, sale, taken=sale.allowance_taken)
    await ledger.give_back(session, now, redemption_id=sale.id, reason=f"refused: {reason.value}")
    told = REFUSALS[reason]
    await tell(session, now, sale=sale, kind=Kind.CLAIM_REFUSED, params={"reason": {"zh": told.zh, "en": told.en}})
    await note(session, actor, now, sale=sale, action="refuse_claim", key=key)
    await turn_budget(session, sale, reserved=sale.budget_taken, spent=0)
    return sale.id


async def open_claim(session: AsyncSession, actor: Actor, now: datetime, *, redemption_id: int, key: UUID) -> None:
    """Opens the account number of a claim that nobody has answered in time to an officer, each time on the record.

    The citizen's log names the office and the day, as it does for a provider, so that nothing of it leads from a
    settled sale to its person; the office's own trail names the officer.

    Raises: NotFound for a claim that is still its provider's, AlreadyDecided when it has been answered, SamePerson.
    """
    request = {"redemption": redemption_id}
    sale = await _lock(session, actor, now, redemption_id=redemption_id)
    await idempotency.claim(session, actor, now, key=key, operation="openClaim", request=request)
    _check_waiting(sale, actor)
    await add_access_event(
        session,
        about=(sale.person_id or 0, sale.programme_id),
        reader=Reader(name=_OFFICE, role=actor.role, person_id=None),
        purpose="ACCOUNT_CLAIM",
        what=words(
            f"服务单位逾期未答复,为办理“{sale.title.zh}”查看了您的账号",
            f"Read your account number for “{sale.title.en}”, since the provider has not answered",
        ),
        now=midnight(sale.today(now), sale.zone),
    )
    await audit.record(session, actor, now, action="open_claim", about=request)
    await idempotency.bind(session, actor, key=key, result={"id": sale.id})


async def _lock(session: AsyncSession, actor: Actor, now: datetime, *, redemption_id: int) -> Sale:
    sale = await claims.lock(session, actor, now, redemption_id=redemption_id)
    if sale is None:
        raise NotFound
    return sale


async def _check_account(session: AsyncSession, *, citizen_id: int, account_id: int, product: Product) -> None:
    found = await accounts.lock_account(session, account_id=account_id, citizen_id=citizen_id)
    if found is None or not found[1]:
        raise NotFound
    if found[0] != product.account_kind:
        raise InvalidInput(
            words(
                "这项惠民须记入另一类账户。请选择相应的账户。",
                "This benefit goes to an account of another kind. Please choose one of that kind.",
            ),
            field="accountId",
        )


async def _judge(
    session: AsyncSession, now: datetime, *, citizen_id: int, product_id: int, catalogue: Catalogue
) -> Relief:
    """The most that the claim can come to, for who may claim it now."""
    product = catalogue.products[product_id]
    standing, state = await incentives.inputs(
        session, now, citizen_id=citizen_id, product_id=product_id, organisation_id=None, catalogue=catalogue
    )
    if not state.given or not is_offered(state, catalogue):
        raise ProductUnavailable(NOT_GIVEN)
    decision = decide(product, catalogue.rules, standing)
    if not decision.qualified:
        raise refusal_of(decision)
    return reserve_of(product, left=standing.allowance_left(product), today=standing.today)


def _new_claim(product: Product, reserve: Relief, *, today: date, whose: tuple[int, int], wish: Wish) -> NewClaim:
    number, citizen_id = whose
    budget = budget_window(product, today)
    start, end = allowance_window(product, today)
    return NewClaim(
        id=number,
        citizen_id=citizen_id,
        product_id=wish.product_id,
        product_code=product.code,
        account_id=wish.account_id,
        answer_by=answer_by(product, today),
        per_household=product.allowance.per_household,
        allowance_window=start,
        allowance_end=end,
        allowance_taken=reserve.allowance_taken,
        budget_window=None if budget is None else budget[0],
        budget_taken=reserve.budget_taken,
        owed_fen=reserve.posted_fen + reserve.pending_fen,
    )


async def _send(session: AsyncSession, actor: Actor, now: datetime, *, claim: NewClaim, product: Product) -> None:
    """Writes the claim and uses its part of the allowance. Raises: AllowanceUsedUp when somebody was quicker."""
    _, programme_id = joined(actor)
    receipt = receipt_number_of_claim(session.info["vault"], claim.id)
    await claims.add_sale(session, now, claim=claim, receipt_number=receipt)
    holder = await claims.add_holder(session, claim=claim)
    await claims.add_claim(session, claim=claim)
    if claim.allowance_taken == 0:
        return
    window = CountedWindow(programme_id=programme_id, product_code=claim.product_code, start=claim.allowance_window)
    used = Use(end=claim.allowance_end, taken=claim.allowance_taken, limit=product.allowance.quantity)
    if not await incentives.raise_allowance(session, holder=holder, window=window, use=used):
        raise AllowanceUsedUp(words("本期的额度已用完。", "The allowance of this window is used up."))


async def _reserve(
    session: AsyncSession, actor: Actor, now: datetime, *, claim: NewClaim, product: Product, reserve: Relief
) -> None:
    """Keeps the money ready, the budget row last. Raises: BudgetUsedUp when it does not reach."""
    _, programme_id = joined(actor)
    if claim.owed_fen > 0:
        provider_id = await claims.provider_of(session, product_id=claim.product_id)
        held = Held(
            debit=_payer(product, claim.budget_window),
            credit=FUND if reserve.pending_fen > 0 else payable(provider_id),
            redemption_id=claim.id,
        )
        await ledger.hold(session, now, programme_id=programme_id, held=held, amount_fen=claim.owed_fen, reason="claim")
    if claim.budget_window is not None and claim.budget_taken > 0:
        window = CountedWindow(programme_id=programme_id, product_code=claim.product_code, start=claim.budget_window)
        if not await incentives.reserve_budget(session, window=window, amount=claim.budget_taken):
            raise BudgetUsedUp(
                words("本期预算不够支付这一申请。", "What is left of the budget does not cover this claim.")
            )


def _payer(product: Product, budget_start: date | None) -> Account:
    """A budget of money pays itself; for everything else the city stands."""
    if product.budget is None or product.budget.unit is not BudgetUnit.FEN or budget_start is None:
        return CITY
    return budget_account(product.code, budget_start)


async def _write_answer(session: AsyncSession, now: datetime, *, sale: Sale, relief: Relief, reference: str) -> None:
    answer = Answer(
        redemption_id=sale.id,
        status=relief.first_status,
        merchant_ref=reference,
        basis=relief.basis,
        relief=relief.relief,
        holder_pays=relief.holder_pays,
        due_on=relief.due_on,
        owed_fen=relief.posted_fen + relief.pending_fen,
        budget_taken=relief.budget_taken,
    )
    await claims.note_answer(session, now, redemption_id=sale.id)
    await claims.confirm(session, now, answer=answer)
    await claims.set_allowance_taken(session, redemption_id=sale.id, taken=relief.allowance_taken)
    await give_allowance_back(session, sale, taken=sale.allowance_taken - relief.allowance_taken)


async def _settle_money(session: AsyncSession, now: datetime, *, sale: Sale, relief: Relief, payer: Account) -> None:
    """The pending transfer is posted for the bill; what stays open goes on waiting, for so much as it is."""
    if sale.owed_fen == 0 or relief.pending_fen == sale.owed_fen:
        return
    await ledger.resolve(session, now, redemption_id=sale.id, amount_fen=relief.posted_fen, reason="confirmed")
    if relief.pending_fen > 0:
        held = Held(debit=payer, credit=FUND, redemption_id=sale.id)
        await ledger.hold(
            session,
            now,
            programme_id=sale.programme_id,
            held=held,
            amount_fen=relief.pending_fen,
            reason="confirmed",
        )


async def _turn_reserve(session: AsyncSession, sale: Sale, relief: Relief) -> None:
    """What was kept ready is spent as far as the bill goes, or stays held; the budget row comes last."""
    held = relief.budget_taken if relief.pending_fen > 0 else 0
    await turn_budget(session, sale, reserved=sale.budget_taken - held, spent=relief.budget_taken - held)


def _check_waiting(sale: Sale, actor: Actor) -> None:
    if sale.status != "CLAIM_SENT":
        raise AlreadyDecided(words("此申请已答复。", "This claim has been answered already."))
    if sale.person_id == actor.person_id:
        raise SamePerson(_OWN_CLAIM)


_OFFICE = words("项目办公室", "The programme office")
_OWN_CLAIM = words(
    "不能答复自己的申请。请由其他人员办理。",
    "Nobody answers their own claim. Please leave it to somebody else.",
)
