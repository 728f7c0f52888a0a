"""The twelve shapes of a benefit as the public reads them."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, TypeAlias

import strawberry

from api.graphql.context import Context
from domain.programmes.rules import shapes


@strawberry.type(description="The holder pays `payPercent` % of the price (四折 = 40).")
class PayRatio:
    pay_percent: int
    max_relief_fen: int | None


@strawberry.type(description="A fixed amount in fen off the bill, at most the bill.")
class AmountOff:
    amount_fen: int


@strawberry.type(
    description="Units free. `unitPriceFen`: what the city owes the provider for one; 0 where the provider bears it."
)
class QuantityFree:
    quantity: int
    unit: str
    unit_price_fen: int


@strawberry.type(description="So many minutes free.")
class TimeFree:
    minutes: int


@strawberry.type(description="No deposit up to an amount in fen, due back within days.")
class DepositWaiver:
    max_deposit_fen: int
    max_days: int


@strawberry.type(description="More items at a time, for longer, than everybody has.")
class QuotaUplift:
    quantity: int
    unit: str
    loan_days: int | None


@strawberry.type(description="A bill of at most `maxFen` is paid within `days`, without interest.")
class PayLater:
    max_fen: int
    days: int


@strawberry.type(
    description="Better terms of a loan, as a voucher the citizen carries (信用贷): no lender ever asks us."
)
class TermsUplift:
    rate_percent: int | None
    extra_limit_percent: int | None
    extra_months: int | None


@strawberry.type(description="One kind of voucher in a pack, and how many of it.")
class VoucherKind:
    code: str
    title: str
    count: int


@strawberry.type(description="A pack of vouchers, redeemed one by one.")
class VoucherPack:
    vouchers: list[VoucherKind]


@strawberry.type(description="An answer within working days, on the same merits as everybody's.")
class FastReview:
    working_days: int


@strawberry.type(description="A service in kind, such as an escort at the hospital (陪诊).")
class HelpInKind:
    service: str
    quantity: int
    unit: str


@strawberry.type(description="Papers may follow within `days`, against the citizen's own commitment (容缺受理).")
class PapersLater:
    papers: list[str]
    days: int


BenefitShape: TypeAlias = Annotated[
    PayRatio
    | AmountOff
    | QuantityFree
    | TimeFree
    | DepositWaiver
    | QuotaUplift
    | PayLater
    | TermsUplift
    | VoucherPack
    | FastReview
    | HelpInKind
    | PapersLater,
    strawberry.union("BenefitShape"),
]


def shape_of(context: Context, shape: shapes.Shape) -> BenefitShape:
    """The shape in the language of the request."""
    return _SHAPES[type(shape)](context, shape)


def voucher_kind_of(context: Context, kind: shapes.VoucherKind) -> VoucherKind:
    """One kind of voucher in the language of the request."""
    return VoucherKind(code=kind.code, title=context.speak(kind.title), count=kind.count)


_SHAPES: Final[Mapping[type, Callable[[Context, Any], BenefitShape]]] = {
    shapes.PayRatio: lambda _, one: PayRatio(pay_percent=one.pay_percent, max_relief_fen=one.max_relief_fen),
    shapes.AmountOff: lambda _, one: AmountOff(amount_fen=one.amount_fen),
    shapes.QuantityFree: lambda context, one: QuantityFree(
        quantity=one.quantity, unit=context.speak(one.unit), unit_price_fen=one.unit_price_fen
    ),
    shapes.TimeFree: lambda _, one: TimeFree(minutes=one.minutes),
    shapes.DepositWaiver: lambda _, one: DepositWaiver(max_deposit_fen=one.max_deposit_fen, max_days=one.max_days),
    shapes.QuotaUplift: lambda context, one: QuotaUplift(
        quantity=one.quantity, unit=context.speak(one.unit), loan_days=one.loan_days
    ),
    shapes.PayLater: lambda _, one: PayLater(max_fen=one.max_fen, days=one.days),
    shapes.TermsUplift: lambda _, one: TermsUplift(
        rate_percent=one.rate_percent,
        extra_limit_percent=one.extra_limit_percent,
        extra_months=one.extra_months,
    ),
    shapes.VoucherPack: lambda context, one: VoucherPack(
        vouchers=[voucher_kind_of(context, kind) for kind in one.vouchers]
    ),
    shapes.FastReview: lambda _, one: FastReview(working_days=one.working_days),
    shapes.HelpInKind: lambda context, one: HelpInKind(
        service=context.speak(one.service), quantity=one.quantity, unit=context.speak(one.unit)
    ),
    shapes.PapersLater: lambda context, one: PapersLater(
        papers=[context.speak(paper) for paper in one.papers], days=one.days
    ),
}
