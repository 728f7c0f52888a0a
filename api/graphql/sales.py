"""A sale as its shop sees it: what was given, never to whom."""

from datetime import date, datetime
from typing import Annotated, Any, TypeAlias

import strawberry

from api.graphql.context import Context
from api.graphql.errors import UserError
from api.graphql.products import Product, product_of
from api.graphql.types import Node, day
from domain.incentives.rules.relief import basis_unit
from domain.redemption.rules.states import RedemptionStatus


@strawberry.type(description="A sale as the shop sees it: nothing about the person.")
class DeskRedemption(Node):
    receipt_number: str
    merchant_ref: str | None
    product: Product
    at: datetime
    status: RedemptionStatus
    basis: int | None
    relief: int | None
    holder_pays: int | None
    unit: str | None
    due_on: date | None


DeskRedemptionResult: TypeAlias = Annotated[DeskRedemption | UserError, strawberry.union("DeskRedemptionResult")]


def desk_redemption_of(shape: Any, context: Context) -> DeskRedemption:
    """A sale as its shop sees it."""
    unit = basis_unit(context.reference.products[shape["product_id"]].document.shape)
    return DeskRedemption(
        id=context.seal("desk_redemption", shape["id"]),
        receipt_number=shape["receipt_number"],
        merchant_ref=shape["merchant_ref"],
        product=product_of(context, shape["product_id"]),
        at=datetime.fromisoformat(shape["at"]),
        status=RedemptionStatus(shape["status"]),
        basis=shape["basis"],
        relief=shape["relief"],
        holder_pays=shape["holder_pays"],
        unit=None if unit is None else context.speak(unit),
        due_on=day(shape["due_on"]),
    )
