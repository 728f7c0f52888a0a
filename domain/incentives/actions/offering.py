"""Products as releases: draft, approval by a second person, publication; shops, baselines and money."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from domain import audit, idempotency, outbox
from domain.actor import Actor, Role
from domain.errors import InvalidInput, NotAllowed, NotFound
from domain.incentives import queries
from domain.incentives.actions import open_budgets
from domain.incentives.queries import offering
from domain.incentives.queries.offering import Decision, Version
from domain.incentives.rules import offering as rules
from domain.incentives.rules.standing import budget_window
from domain.ledger.actions import budget_account, fund_budget
from domain.programmes.actions.releases import Local, in_force, kinds_of, local_day
from domain.programmes.rules.checks_products import Surroundings, check_product
from domain.programmes.rules.drafts import read_product, surroundings
from domain.programmes.rules.problems import Place
from domain.programmes.rules.releases import refusal_of
from domain.programmes.rules.terms import BudgetUnit
from domain.values import words

_DRAFT: Final = frozenset({"DRAFT"})
_APPROVED: Final = frozenset({"APPROVED"})
_PUBLISHED: Final = frozenset({"PUBLISHED"})
_SUSPENDED: Final = frozenset({"SUSPENDED"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """So much more for a product, and the decision that it rests on."""

    product_id: int
    amount: int
    decision_ref: str


async def draft_product(session: AsyncSession, actor: Actor, now: datetime, *, text: str, key: UUID) -> int:
    """Stores a draft as the product's next version. Raises: RuleRefused or InvalidInput with everything wrong."""
    earlier = await _claim(session, actor, now, key, "draftProduct", {"document": text})
    if earlier is not None:
        return earlier
    local = await local_day(session, actor, now)
    product = read_product(text, await _around(session, local))
    if product.baseline_checked_on > local.today:
        raise InvalidInput(
            words("基线核对日期不能晚于今天。", "A baseline cannot have been checked after today. Correct the date."),
            field="document",
        )
    number = await offering.add_draft(
        session, programme_id=local.programme_id, product=product, person_id=actor.person_id
    )
    return await _done(session, actor, now, product_id=number, action="draft_product", key=key)


async def approve_product(session: AsyncSession, actor: Actor, now: datetime, *, product_id: int, key: UUID) -> int:
    """A second person approves. Raises: SamePerson, AlreadyDecided."""
    earlier = await _claim(session, actor, now, key, "approveProduct", {"id": product_id})
    if earlier is not None:
        return earlier
    version = await _lock(session, actor, product_id, _DRAFT)
    person_id = rules.check_second_person(version.drafted_by, actor.person_id)
    await offering.approve(session, product_id=product_id, person_id=person_id)
    return await _done(session, actor, now, product_id=product_id, action="approve_product", key=key)


async def publish_product(session: AsyncSession, actor: Actor, now: datetime, *, product_id: int, key: UUID) -> int:
    """Replaces the version before; allowance, budget and shops go on. Raises: AlreadyDecided, RuleRefused."""
    earlier = await _claim(session, actor, now, key, "publishProduct", {"id": product_id})
    if earlier is not None:
        return earlier
    version = await _lock(session, actor, product_id, _APPROVED)
    rules.check_newest(version.version, version.current)
    local = await local_day(session, actor, now)
    place = Place(file="document")
    check_product(version.document, await _around(session, local), place)
    if place.problems:
        raise refusal_of(place.problems)
    previous = await offering.replace_current(session, programme_id=local.programme_id, code=version.document.code)
    await offering.move(session, product_id=product_id, origin="APPROVED", target="PUBLISHED")
    await queries.save_shops(session, programme_id=local.programme_id)
    if previous is not None:
        await offering.take_over_shops(session, product_id=product_id, previous=previous)
    await open_budgets(session, now, programme_id=local.programme_id, today=local.today)
    return await _done(session, actor, now, product_id=product_id, action="publish_product", key=key)


async def suspend_product(
    session: AsyncSession, actor: Actor, now: datetime, *, product_id: int, reason: str, key: UUID
) -> int:
    """Nobody is given it until it is resumed; what is open stays open. Raises: AlreadyDecided, InvalidInput."""
    why = rules.check_text(reason, "reason", rules.MAX_REASON)
    earlier = await _claim(session, actor, now, key, "suspendProduct", {"id": product_id, "reason": why})
    if earlier is not None:
        return earlier
    await _lock(session, actor, product_id, _PUBLISHED)
    await offering.move(session, product_id=product_id, origin="PUBLISHED", target="SUSPENDED", reason=why)
    return await _done(session, actor, now, product_id=product_id, action="suspend_product", key=key, reason=why)


async def resume_product(session: AsyncSession, actor: Actor, now: datetime, *, product_id: int, key: UUID) -> int:
    """It is given again. Raises: AlreadyDecided."""
    earlier = await _claim(session, actor, now, key, "resumeProduct", {"id": product_id})
    if earlier is not None:
        return earlier
    await _lock(session, actor, product_id, _SUSPENDED)
    await offering.move(session, product_id=product_id, origin="SUSPENDED", target="PUBLISHED")
    return await _done(session, actor, now, product_id=product_id, action="resume_product", key=key)


async def offer_product(
    session: AsyncSession, actor: Actor, now: datetime, *, product_id: int, organisation_id: int, key: UUID
) -> int:
    """Lets a shop of another organisation give the product. Raises: NotFound, AlreadyDecided."""
    request = {"product": product_id, "merchant": organisation_id}
    earlier = await _claim(session, actor, now, key, "offerProduct", request)
    if earlier is not None:
        return earlier
    await _lock(session, actor, product_id, rules.GIVEN, "productId")
    if not await offering.is_shop(session, programme_id=actor.programme_id or 0, organisation_id=organisation_id):
        raise NotFound(field="merchantId")
    await offering.offer(session, product_id=product_id, organisation_id=organisation_id)
    about = {"merchant": str(organisation_id)}
    return await _done(session, actor, now, product_id=product_id, action="offer_product", key=key, **about)


async def confirm_baseline(session: AsyncSession, actor: Actor, now: datetime, *, product_id: int, key: UUID) -> int:
    """What everybody gets without the product was checked today. Raises: NotFound, AlreadyDecided."""
    earlier = await _claim(session, actor, now, key, "confirmBaseline", {"product": product_id})
    if earlier is not None:
        return earlier
    await _lock(session, actor, product_id, rules.GIVEN, "productId")
    local = await local_day(session, actor, now)
    await offering.confirm_baseline(session, product_id=product_id, day=local.today)
    return await _done(session, actor, now, product_id=product_id, action="confirm_baseline", key=key)


async def add_budget(session: AsyncSession, actor: Actor, now: datetime, *, money: Money, key: UUID) -> date:
    """The city puts more into the budget of the present window; gives the day on which that window began.

    Whoever names a decision first puts it forward; an approver who is somebody else names the same one, and the money
    is there. One decision adds to a product once.

    Units: fen, or uses where the budget counts uses. Raises: NotFound, InvalidInput, SamePerson, AlreadyDecided.
    """
    reference = rules.check_text(money.decision_ref, "decisionRef", rules.MAX_REF)
    request = {"product": money.product_id, "amount": money.amount, "decision": reference}
    bound = await idempotency.claim(session, actor, now, key=key, operation="addBudget", request=request)
    if bound is not None:
        return date.fromisoformat(str(bound["start"]))
    rules.check_amount(money.amount)
    product = (await _lock(session, actor, money.product_id, rules.GIVEN, "productId")).document
    local = await local_day(session, actor, now)
    window = budget_window(product, local.today)
    if window is None or product.budget is None:
        raise InvalidInput(
            words("这项惠民没有预算,无须追加。", "This product has no budget, so none can be added to."),
            field="productId",
        )
    start = window[0]
    decision = Decision(programme_id=local.programme_id, code=product.code, reference=reference)
    if not await _is_approved(session, actor, now, decision=decision, amount=money.amount, start=start):
        await _note_money(session, actor, now, money=money, reference=reference, action="propose_budget")
        await idempotency.bind(session, actor, key=key, result={"start": start})
        return start
    await open_budgets(session, now, programme_id=local.programme_id, today=local.today)
    await offering.add_money(
        session, programme_id=local.programme_id, code=product.code, window_start=start, amount=money.amount
    )
    if product.budget.unit is BudgetUnit.FEN:
        await fund_budget(
            session,
            now,
            programme_id=local.programme_id,
            budget=budget_account(product.code, start),
            amount_fen=money.amount,
            reason=reference,
        )
    await _note_money(session, actor, now, money=money, reference=reference, action="add_budget")
    await idempotency.bind(session, actor, key=key, result={"start": start})
    return start


async def _is_approved(
    session: AsyncSession, actor: Actor, now: datetime, *, decision: Decision, amount: int, start: date
) -> bool:
    """Whether two people stand for this decision now; the first puts it forward. Raises: as adding does."""
    person_id = actor.person_id or 0
    if await offering.propose(session, now, decision=decision, amount=amount, person_id=person_id):
        return False
    found = await offering.lock_addition(session, decision=decision)
    rules.check_addition(found.amount, amount, approved=found.approved, by=(found.proposed_by, person_id))
    if actor.role is not Role.APPROVER:
        raise NotAllowed(_APPROVER)
    await offering.approve_addition(session, now, decision=decision, window_start=start, person_id=person_id)
    return True


async def _note_money(
    session: AsyncSession, actor: Actor, now: datetime, *, money: Money, reference: str, action: str
) -> None:
    about = {"product": money.product_id, "amount": money.amount, "decision": reference}
    await audit.record(session, actor, now, action=action, about=about)


async def _around(session: AsyncSession, local: Local) -> Surroundings:
    _, document = await in_force(session, local)
    return surroundings(local.content, document, await kinds_of(session, local))


async def _lock(
    session: AsyncSession, actor: Actor, product_id: int, allowed: frozenset[str], field: str = "id"
) -> Version:
    version = await offering.lock_version(session, programme_id=actor.programme_id or 0, product_id=product_id)
    if version is None:
        raise NotFound(field=field)
    rules.check_status(version.status, allowed, field)
    return version


async def _claim(
    session: AsyncSession, actor: Actor, now: datetime, key: UUID, operation: str, request: Mapping[str, object]
) -> int | None:
    """The product that this key has led to before."""
    earlier = await idempotency.claim(session, actor, now, key=key, operation=operation, request=request)
    return None if earlier is None else int(str(earlier["id"]))


async def _done(
    session: AsyncSession, actor: Actor, now: datetime, *, product_id: int, action: str, key: UUID, **about: str
) -> int:
    await audit.record(session, actor, now, action=action, about={"product": product_id, **about})
    await outbox.publish(session, now, topic="product", person_id=None, subject=str(product_id))
    await idempotency.bind(session, actor, key=key, result={"id": product_id})
    return product_id


_APPROVER: Final = words(
    "该追加已提交,须由审批员批准。", "This addition was put forward already; an approver has to approve it."
)
