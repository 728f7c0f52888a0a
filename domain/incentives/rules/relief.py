"""What a sale gives: relief, what the holder pays, what is owed to the shop, and what it uses up.

Integers throughout; relief is rounded down, clipped to the terms, and relief + holder_pays = basis, always.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from domain.errors import AllowanceUsedUp, BasisNeeded, InvalidInput
from domain.programmes.rules.document import Product
from domain.programmes.rules.shapes import (
    AmountOff,
    DepositWaiver,
    PapersLater,
    PayLater,
    PayRatio,
    QuantityFree,
    QuotaUplift,
    Shape,
    TermsUplift,
    TimeFree,
    VoucherPack,
)
from domain.programmes.rules.terms import AllowanceMeasure, BudgetUnit, Window
from domain.values import Words, words

FEN: Final = words("分(人民币)", "fen")
MINUTES: Final = words("分钟", "minutes")
RATE: Final = words("年利率 0.01 %", "yearly rate in 0.01 %")
RATE_MOST: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Relief:
    """What one sale gives. Money in fen; `basis` and its parts are None where nothing is measured.

    `posted_fen` is owed to the shop at once, `pending_fen` waits in the guarantee fund; at most one is above zero.
    """

    basis: int | None
    relief: int | None
    holder_pays: int | None
    unit: Words | None
    posted_fen: int = 0
    pending_fen: int = 0
    allowance_taken: int
    budget_taken: int
    first_status: str
    due_on: date | None = None


def basis_unit(shape: Shape) -> Words | None:
    """In which unit the shop names price, quantity or deposit; None where there is nothing to name."""
    match shape:
        case PayRatio() | AmountOff() | DepositWaiver() | PayLater():
            return FEN
        case QuantityFree() | QuotaUplift():
            return shape.unit
        case TimeFree():
            return MINUTES
        case TermsUplift():
            return None if shape.rate_percent is None else RATE
        case _:
            return None


def check_basis(shape: Shape, basis: int | None) -> None:
    """Whether the shop's number can be judged at all; says nothing about any person.

    Raises:
        BasisNeeded: the shape is measured and no number was given.
        InvalidInput: the number is below zero, above what can be paid later, or no rate.
    """
    unit = basis_unit(shape)
    if unit is None:
        return
    if basis is None:
        raise BasisNeeded(
            words(
                f"请输入金额或数量,单位为{unit.zh}。",
                f"Please enter the price, quantity or deposit, in {unit.en}.",
            ),
            field="basis",
        )
    if basis < 0:
        raise InvalidInput(
            words("金额或数量不能小于零。请重新输入。", "This number cannot be below zero. Please enter it again."),
            field="basis",
        )
    if isinstance(shape, TermsUplift) and basis > RATE_MOST:
        raise InvalidInput(
            words(
                f"年利率以 0.01 % 为单位,最高 {RATE_MOST}。请按此单位重新输入。",
                f"A yearly rate is entered in 0.01 %, {RATE_MOST} at most. Please enter it in this unit.",
            ),
            field="basis",
        )
    if isinstance(shape, PayLater) and basis > shape.max_fen:
        raise InvalidInput(
            words(
                f"最多可延后支付 {shape.max_fen} 分。请分开结算。",
                f"At most {shape.max_fen} fen can be paid later. Please split the bill.",
            ),
            field="basis",
        )


def check_asked(shape: Shape, basis: int | None) -> None:
    """Whether the shop names a number where one is asked for, and nowhere else.

    Raises: BasisNeeded, InvalidInput, as `check_basis`, and for a number where nothing is measured.
    """
    if basis is not None and basis_unit(shape) is None:
        raise InvalidInput(
            words(
                "这项惠民不按金额或数量计算。请不要输入数字。",
                "Nothing is measured of this benefit. Please leave the number out.",
            ),
            field="basis",
        )
    check_basis(shape, basis)


def relief_of(
    product: Product, *, basis: int | None, left: int | None, today: date, voucher_kind: str | None = None
) -> Relief:
    """The whole effect of one sale on this day; `left` is what the allowance still gives, None without a limit.

    Raises:
        BasisNeeded, InvalidInput: as `check_basis`.
        AllowanceUsedUp: nothing is left.
    """
    shape = product.shape
    check_basis(shape, basis)
    if left is not None and left < 1:
        raise AllowanceUsedUp(words("本期额度已用完。", "The allowance of this window is used up."))
    measured = product.allowance.measure is AllowanceMeasure.RELIEF
    limit = left if measured else None
    unit, named = basis_unit(shape), basis or 0
    given = _by_terms(shape, named) if limit is None else min(_by_terms(shape, named), limit)
    posted, pending = _owed(shape, given, voucher_kind)
    if not _has_money(product):
        posted = 0
    status, days = _life(shape)
    taken = given if measured else 1
    return Relief(
        basis=None if unit is None else named,
        relief=None if unit is None else given,
        holder_pays=None if unit is None else named - given,
        unit=unit,
        posted_fen=posted,
        pending_fen=pending,
        # Nothing adds up over a USE window: its quantity limits each use by itself.
        allowance_taken=0 if product.allowance.window is Window.USE else taken,
        budget_taken=_budget_taken(product, posted + pending),
        first_status=status,
        due_on=None if days is None else today + timedelta(days=days),
    )


def _by_terms(shape: Shape, basis: int) -> int:
    """How much of the basis the holder is spared by the terms alone; what has no basis spares nothing of it."""
    match shape:
        case PayRatio():
            spared = basis * (100 - shape.pay_percent) // 100
            return spared if shape.max_relief_fen is None else min(spared, shape.max_relief_fen)
        case AmountOff():
            return min(basis, shape.amount_fen)
        case QuantityFree() | QuotaUplift():
            return min(basis, shape.quantity)
        case TimeFree():
            return min(basis, shape.minutes)
        case DepositWaiver():
            return min(basis, shape.max_deposit_fen)
        case PayLater():
            return basis
        case TermsUplift(rate_percent=int(rate_percent)):
            return basis * (100 - rate_percent) // 100
        case _:
            return 0


def _owed(shape: Shape, given: int, voucher_kind: str | None) -> tuple[int, int]:
    """What the city owes for it: (to the shop at once, pending in the guarantee fund)."""
    match shape:
        case PayRatio() | AmountOff():
            return given, 0
        case QuantityFree():
            return given * shape.unit_price_fen, 0
        case DepositWaiver() | PayLater():
            return 0, given
        case VoucherPack():
            return sum(kind.price_fen for kind in shape.vouchers if kind.code == voucher_kind), 0
        case _:
            return 0, 0


def _life(shape: Shape) -> tuple[str, int | None]:
    """The first status, and after how many days something is due back."""
    match shape:
        case DepositWaiver():
            return "OPEN", shape.max_days
        case QuotaUplift():
            return "OPEN", shape.loan_days
        case PayLater() | PapersLater():
            return "OPEN", shape.days
        case _:
            return "COMPLETED", None


def _has_money(product: Product) -> bool:
    """Without a budget of money the provider bears relief itself; what is only guaranteed, the city stands for."""
    return product.budget is not None and product.budget.unit is BudgetUnit.FEN


def _budget_taken(product: Product, owed_fen: int) -> int:
    if product.budget is None:
        return 0
    return owed_fen if product.budget.unit is BudgetUnit.FEN else 1
