"""Claims to an account: what is kept ready until the bill comes, and how its provider answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from domain.calendar import add_working_days
from domain.errors import InvalidInput, ProductUnavailable
from domain.incentives.rules.relief import RATE_MOST, Relief, relief_of
from domain.programmes.rules.document import Product
from domain.programmes.rules.shapes import (
    AmountOff,
    DepositWaiver,
    PayLater,
    PayRatio,
    QuantityFree,
    QuotaUplift,
    TermsUplift,
    TimeFree,
)
from domain.programmes.rules.terms import AllowanceMeasure, RedeemPath, Window
from domain.redemption.rules.scans import MAX_REFERENCE
from domain.values import Words, words


class ClaimRefusal(StrEnum):
    """Why a provider does not accept a claim: about the account, never about the person."""

    UNKNOWN_ACCOUNT = "UNKNOWN_ACCOUNT"
    NOTHING_DUE = "NOTHING_DUE"
    WRONG_PROVIDER = "WRONG_PROVIDER"


REFUSALS: Final[Mapping[ClaimRefusal, Words]] = {
    ClaimRefusal.UNKNOWN_ACCOUNT: words("服务单位没有这个账号", "the provider has no such account"),
    ClaimRefusal.NOTHING_DUE: words("该账户目前没有应付账单", "nothing is due on this account"),
    ClaimRefusal.WRONG_PROVIDER: words("该账户属于另一服务单位", "the account is with another provider"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """The bill to which a claim goes: price, quantity or time in the product's unit, and the provider's reference."""

    redemption_id: int
    basis: int
    merchant_ref: str


def check_claimable(product: Product) -> None:
    """Raises: ProductUnavailable for what is taken at a counter."""
    if product.redeemed_by is not RedeemPath.ACCOUNT:
        raise ProductUnavailable(
            words(
                "这项惠民须到商家出示码使用,不能向账户申领。",
                "This benefit is taken at a shop with a code; it cannot be claimed to an account.",
            )
        )


def answer_by(product: Product, today: date) -> date:
    """The last day on which the provider answers in time, in working days."""
    return add_working_days(today, product.answer_days)[0]


def reserve_of(product: Product, *, left: int | None, today: date) -> Relief:
    """The most that a claim can come to: so much is kept ready until the bill is known.

    Raises: ProductUnavailable where the terms set no limit, AllowanceUsedUp.
    """
    return relief_of(product, basis=_largest_basis(product), left=left, today=today)


def relief_on_bill(product: Product, *, basis: int, reserved: int, today: date) -> Relief:
    """What the bill gives, within what was kept ready; `reserved` is the allowance that the claim holds.

    Raises: BasisNeeded, InvalidInput, as at a counter.
    """
    allowance = product.allowance
    left = allowance.quantity
    if left is not None and allowance.window is not Window.USE:
        left = reserved if allowance.measure is AllowanceMeasure.RELIEF else 1
    return relief_of(product, basis=basis, left=left, today=today)


def check_confirmation(confirmation: Confirmation) -> str:
    """The provider's reference. Raises: InvalidInput for a bill of nothing, or a reference that is none."""
    if confirmation.basis < 1:
        raise InvalidInput(
            words(
                "账单必须大于零。没有应付账单的,请以“没有应付账单”拒绝。",
                "A bill is above zero. If nothing is due, refuse the claim for that reason.",
            ),
            field="basis",
        )
    reference = confirmation.merchant_ref.strip()
    if not 0 < len(reference) <= MAX_REFERENCE:
        raise InvalidInput(
            words(
                f"请填写账单号(最多 {MAX_REFERENCE} 个字符)。",
                f"Please give the number of the bill, {MAX_REFERENCE} characters at most.",
            ),
            field="merchantRef",
        )
    return reference


def _largest_basis(product: Product) -> int:
    shape = product.shape
    match shape:
        case AmountOff():
            return shape.amount_fen
        case QuantityFree() | QuotaUplift():
            return shape.quantity
        case TimeFree():
            return shape.minutes
        case DepositWaiver():
            return shape.max_deposit_fen
        case PayLater():
            return shape.max_fen
        case PayRatio(max_relief_fen=int(most)) if shape.pay_percent < 100:
            return -(-most * 100 // (100 - shape.pay_percent))
        case PayRatio():
            raise ProductUnavailable(
                words(
                    "这项惠民没有封顶金额,目前不能向账户申领。请联系项目办公室。",
                    "This benefit has no upper limit, so it cannot be claimed to an account. Please ask the office.",
                )
            )
        case TermsUplift():
            return RATE_MOST
        case _:
            return 0
