"""A citizen picks one benefit and shows its code, or takes the code back. Presenting reserves nothing.

It is no act of the office either: nothing of it is kept that would lead from a settled sale back to its person.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from domain import idempotency, outbox
from domain.actor import Actor
from domain.errors import (
    AllowanceUsedUp,
    AlreadyDecided,
    BudgetUsedUp,
    ConsentRequired,
    DomainError,
    InvalidInput,
    NotFound,
    NotQualified,
    ProductUnavailable,
    RateLimited,
)
from domain.incentives import queries as incentives
from domain.incentives.queries import is_offered
from domain.incentives.rules.decision import IMPLIED, NOT_GIVEN, Decision, decide, unmet_kinds
from domain.incentives.rules.standing import Catalogue, Standing
from domain.programmes.rules.document import Product
from domain.programmes.rules.shapes import PapersLater, VoucherPack
from domain.programmes.rules.terms import ConditionKind, RedeemPath
from domain.redemption.queries import presentations
from domain.redemption.queries.presentations import NewPresentation, Whose
from domain.redemption.rules.codes import LIFE, macs_of, match_number_of
from domain.values import Words, words
from domain.vault import Vault

_TRIES = 5


async def present_benefit(
    session: AsyncSession,
    actor: Actor,
    now: datetime,
    *,
    catalogue: Catalogue,
    product_id: int,
    voucher_kind: str | None,
    key: UUID,
) -> int:
    """Makes a code for one benefit; gives its number. Earlier codes live on until their own minute is over.

    Raises:
        NotFound: no such product, or the caller has not joined.
        ProductUnavailable, ConsentRequired, NotQualified, AllowanceUsedUp, BudgetUsedUp: why it cannot be used now.
    """
    request = {"product": product_id, "voucher": voucher_kind}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="presentBenefit", request=request)
    if earlier is not None:
        return int(str(earlier["id"]))
    product = catalogue.products.get(product_id)
    if product is None:
        raise NotFound
    if actor.citizen_id is None or actor.programme_id is None:
        raise ConsentRequired(JOIN_FIRST)
    check_voucher(product, voucher_kind)
    standing, state = await incentives.inputs(
        session,
        now,
        citizen_id=actor.citizen_id,
        product_id=product_id,
        organisation_id=None,
        catalogue=catalogue,
    )
    if not state.given or not is_offered(state, catalogue):
        raise ProductUnavailable(NOT_GIVEN)
    decision = decide(product, catalogue.rules, standing)
    if not decision.qualified:
        raise refusal_of(decision)
    check_promise(product, standing)
    if standing.left(product, voucher_kind) == 0:
        raise AllowanceUsedUp(_NO_VOUCHER_LEFT)
    whose = Whose(citizen_id=actor.citizen_id, programme_id=actor.programme_id)
    presentation_id = await _add(session, now, whose=whose, product_id=product_id, voucher_kind=voucher_kind)
    await idempotency.bind(session, actor, key=key, result={"id": presentation_id})
    return presentation_id


async def cancel_presentation(
    session: AsyncSession, actor: Actor, now: datetime, *, presentation_id: int, key: UUID
) -> int:
    """Takes a code back before it is redeemed; one whose time is over stays over.

    Raises: NotFound, or AlreadyDecided when it has been redeemed.
    """
    request = {"presentation": presentation_id}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="cancelPresentation", request=request)
    if earlier is not None:
        return presentation_id
    found = await presentations.lock(session, presentation_id=presentation_id)
    if found is None:
        raise NotFound
    status, person_id = found
    if status == "REDEEMED":
        raise AlreadyDecided(words("此码已使用,不能取消。", "This code has been redeemed and cannot be taken back."))
    await presentations.cancel(session, presentation_id=presentation_id)
    await outbox.publish(session, now, topic="presentation", person_id=person_id, subject=str(presentation_id))
    await idempotency.bind(session, actor, key=key, result={"id": presentation_id})
    return presentation_id


def check_voucher(product: Product, voucher_kind: str | None) -> None:
    """Raises: ProductUnavailable for what no counter gives, InvalidInput for a voucher that the pack does not hold."""
    if product.redeemed_by is not RedeemPath.COUNTER:
        raise ProductUnavailable(
            words(
                "这项惠民直接记入账户,不用出示码。请在产品页申请。",
                "This benefit goes to an account and needs no code. Claim it on its own page.",
            )
        )
    kinds = {kind.code for kind in product.shape.vouchers} if isinstance(product.shape, VoucherPack) else {None}
    if voucher_kind not in kinds:
        raise InvalidInput(
            words("请选择券包中的一种券。", "Please pick one of the vouchers in the pack.")
            if isinstance(product.shape, VoucherPack)
            else words("这项惠民没有券种。", "This benefit has no vouchers. Leave the kind out."),
            field="voucherKind",
        )


def check_promise(product: Product, standing: Standing) -> None:
    """Raises: ConsentRequired where papers may follow and the citizen has not promised them in this window."""
    if isinstance(product.shape, PapersLater) and standing.promise(product) is None:
        raise ConsentRequired(
            words(
                "请先阅读并签署您自己的补交材料承诺。",
                "Papers may follow here. Please read and sign your own promise to bring them first.",
            )
        )


def refusal_of(decision: Decision) -> DomainError:
    """Why a benefit cannot be used now, by what stands in the way first."""
    kinds = unmet_kinds(decision)
    if ConditionKind.CONSENT in kinds:
        return ConsentRequired(_sentence(decision, ConditionKind.CONSENT))
    if kinds - IMPLIED:
        return NotQualified(decision.sentence)
    if ConditionKind.WINDOW_OPEN in kinds:
        return ProductUnavailable(decision.sentence)
    if ConditionKind.ALLOWANCE_LEFT in kinds:
        return AllowanceUsedUp(decision.sentence)
    return BudgetUsedUp(decision.sentence)


def _sentence(decision: Decision, kind: ConditionKind) -> Words:
    return next(one.sentence for one in decision.conditions if one.kind is kind and not one.met)


async def _add(session: AsyncSession, now: datetime, *, whose: Whose, product_id: int, voucher_kind: str | None) -> int:
    """Tries another number when the digits are taken by somebody else's live code."""
    vault: Vault = session.info["vault"]
    for _ in range(_TRIES):
        number = await presentations.next_id(session)
        presentation = NewPresentation(
            id=number,
            whose=whose,
            product_id=product_id,
            voucher_kind=voucher_kind,
            macs=macs_of(vault, number),
            match_number=match_number_of(vault, number),
            expires_at=now + LIFE,
        )
        if await presentations.add(session, now, presentation=presentation):
            return number
    raise RateLimited(
        words("现在出示的人太多。请稍后再试。", "Too many codes are shown right now. Please try again shortly."),
        retry_after_ms=1000,
    )


_NO_VOUCHER_LEFT = words(
    "这种券本期已用完。请选择其他券,或等下一期。",
    "No voucher of this kind is left in this window. Pick another one, or wait for the next.",
)
JOIN_FIRST = words(
    "您还没有加入本项目。请先阅读并同意后加入。", "You have not joined this programme. Read the texts and join first."
)
