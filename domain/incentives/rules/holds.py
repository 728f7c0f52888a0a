"""How much of a budget one use is held for, and for how long."""

from datetime import datetime, timedelta
from typing import Final

from domain.incentives.rules.standing import Catalogue, budget_window
from domain.programmes.rules.document import Product
from domain.programmes.rules.shapes import (
    AmountOff,
    DepositWaiver,
    PayLater,
    PayRatio,
    QuantityFree,
    VoucherPack,
)
from domain.programmes.rules.terms import BudgetUnit, RedeemPath
from domain.values import midnight

HOLD: Final = timedelta(hours=48)


def held_amount(product: Product) -> int | None:
    """The most that one use can take of the budget, in its unit; None where nothing is scarce or there is no most."""
    if product.budget is None or product.redeemed_by is not RedeemPath.COUNTER:
        return None
    if product.budget.unit is not BudgetUnit.FEN:
        return 1
    return _most_fen(product) or None


def has_no_most(product: Product) -> bool:
    """Whether one sale could take any part of a budget of money: published before products were checked for that."""
    scarce = product.budget is not None and product.redeemed_by is RedeemPath.COUNTER
    return scarce and isinstance(product.shape, PayRatio) and product.shape.max_relief_fen is None


def held_until(product: Product, catalogue: Catalogue, now: datetime) -> datetime:
    """Two days from now, and never past the window whose budget is held."""
    window = budget_window(product, catalogue.today)
    if window is None or window[1] is None:
        return now + HOLD
    return min(now + HOLD, midnight(window[1], catalogue.zone))


def _most_fen(product: Product) -> int | None:
    match product.shape:
        case PayRatio(max_relief_fen=most):
            return most
        case AmountOff(amount_fen=most):
            return most
        case QuantityFree() as shape:
            return shape.quantity * shape.unit_price_fen
        case DepositWaiver(max_deposit_fen=most):
            return most
        case PayLater(max_fen=most):
            return most
        case VoucherPack() as shape:
            return max(kind.price_fen for kind in shape.vouchers)
        case _:
            return None
