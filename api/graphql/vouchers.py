"""The vouchers that a citizen still has, kind by kind, of every pack that is open to them."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import strawberry

from api.graphql.context import Context, Info
from api.graphql.incentives import build_standing, catalogue_of
from api.graphql.products import Product, product_of
from api.graphql.reference import KnownProduct
from api.graphql.shapes import VoucherKind, voucher_kind_of
from api.graphql.view import Asked, Section
from domain.incentives.queries import standing_of
from domain.incentives.rules.decision import decide
from domain.incentives.rules.standing import Catalogue, Standing, allowance_window
from domain.programmes.rules.shapes import VoucherPack


@strawberry.type(description="How many vouchers of one kind are left, and the last day on which they can be used.")
class Voucher:
    kind: VoucherKind
    product: Product
    left: int
    valid_until: date


@strawberry.type
class VouchersOfCitizen:
    @strawberry.field(description="What is left of every pack that can be used now. Drawn with `presentBenefit`.")
    def vouchers(self, info: Info) -> list[Voucher]:
        return VOUCHERS.of(info)


def read_vouchers(raw: Any, asked: Asked) -> list[Voucher]:
    """The vouchers of every pack in force for which the citizen qualifies today."""
    if raw is None:
        return []
    context, catalogue = asked.context, catalogue_of(asked)
    standing = standing_of(raw, catalogue, context.vault)
    packs = context.reference.programmes[asked.subject.programme or 0].offered(catalogue.today)
    return [
        voucher
        for known in packs
        if context.reference.gives(known, catalogue.today)
        and decide(known.document, catalogue.rules, standing).qualified
        for voucher in _of_pack(context, known, catalogue, standing)
    ]


def _of_pack(context: Context, known: KnownProduct, catalogue: Catalogue, standing: Standing) -> Iterator[Voucher]:
    content = known.document
    if not isinstance(content.shape, VoucherPack):
        return
    for kind in content.shape.vouchers:
        left = standing.vouchers_left(content, kind)
        if left != 0:
            yield Voucher(
                kind=voucher_kind_of(context, kind),
                product=product_of(context, known.id),
                left=kind.count if left is None else left,
                valid_until=_last_day(known, catalogue),
            )


def _last_day(known: KnownProduct, catalogue: Catalogue) -> date:
    """The day before the window ends or the product does, whichever comes first."""
    ends = (allowance_window(known.document, catalogue.today)[1], known.document.available_until)
    return min((end - timedelta(days=1) for end in ends if end is not None), default=date.max)


VOUCHERS = Section("Citizen", "vouchers", build=build_standing, read=read_vouchers)
SECTIONS = (VOUCHERS,)
