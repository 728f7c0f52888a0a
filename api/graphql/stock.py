"""How many codes of a partner are left, for the office that has to ask for more."""

from typing import Any

import strawberry

from api.graphql.context import Info
from api.graphql.products import Product, product_of
from api.graphql.view import Asked, Section
from domain.redemption.actions.partner_codes import LOW
from domain.redemption.queries.partner_codes import STOCK as LEFT


@strawberry.type(description="What is left in the pool of a partner's codes that a product hands out.")
class PartnerCodeStock:
    product: Product
    left: int
    low: bool = strawberry.field(description=f"{LOW} or fewer are left. With none left the product is suspended.")


@strawberry.type
class StockOfOffice:
    @strawberry.field(description="The pools of partners' codes, the emptiest first.")
    def partner_codes(self, info: Info) -> list[PartnerCodeStock]:
        return STOCK.of(info)


def read_stock(rows: Any, asked: Asked) -> list[PartnerCodeStock]:
    """Every pool of the programme."""
    return [
        PartnerCodeStock(product=product_of(asked.context, row["product_id"]), left=row["left"], low=row["left"] <= LOW)
        for row in rows
    ]


STOCK: Section[list[PartnerCodeStock]] = Section("Office", "partnerCodes", build=lambda asked: LEFT, read=read_stock)
SECTIONS = (STOCK,)
