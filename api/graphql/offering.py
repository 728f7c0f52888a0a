"""The changes of products: drafted, approved by a second person, published, suspended; shops, baselines, money."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final, TypeAlias
from uuid import UUID

import strawberry

from api.graphql.context import Context, Info
from api.graphql.errors import UserError
from api.graphql.products import Product, product_of
from api.graphql.releases import BudgetLine
from api.graphql.types import Amount
from domain.errors import NotFound
from domain.incentives.actions import offering
from domain.incentives.actions.offering import Money

ProductResult: TypeAlias = Annotated[Product | UserError, strawberry.union("ProductResult")]
BudgetResult: TypeAlias = Annotated[BudgetLine | UserError, strawberry.union("BudgetResult")]

_NO_SHOP: Final = 0


@strawberry.type
class ProductsMutation:
    @strawberry.mutation(
        description="Stores one table of `products` of a programme file as the product's next version, if it passes."
    )
    async def draft_product(self, info: Info, document: str, idempotency_key: UUID) -> ProductResult:
        return await _change(info.context, offering.draft_product, text=document, key=idempotency_key)

    @strawberry.mutation(description="By somebody who has not drafted it.")
    async def approve_product(self, info: Info, id: strawberry.ID, idempotency_key: UUID) -> ProductResult:  # noqa: A002
        number = _product(info.context, id, "id")
        return await _change(info.context, offering.approve_product, product_id=number, key=idempotency_key)

    @strawberry.mutation(description="Replaces the version before; allowance, budget and shops go on.")
    async def publish_product(self, info: Info, id: strawberry.ID, idempotency_key: UUID) -> ProductResult:  # noqa: A002
        number = _product(info.context, id, "id")
        return await _change(info.context, offering.publish_product, product_id=number, key=idempotency_key)

    @strawberry.mutation(description="Nobody is given it until it is resumed; what is open stays open.")
    async def suspend_product(
        self,
        info: Info,
        id: strawberry.ID,  # noqa: A002
        reason: str,
        idempotency_key: UUID,
    ) -> ProductResult:
        number = _product(info.context, id, "id")
        return await _change(
            info.context, offering.suspend_product, product_id=number, reason=reason, key=idempotency_key
        )

    @strawberry.mutation(description="It is given again.")
    async def resume_product(self, info: Info, id: strawberry.ID, idempotency_key: UUID) -> ProductResult:  # noqa: A002
        number = _product(info.context, id, "id")
        return await _change(info.context, offering.resume_product, product_id=number, key=idempotency_key)

    @strawberry.mutation(description="Lets a shop of another organisation give the product.")
    async def offer_product(
        self, info: Info, product_id: strawberry.ID, merchant_id: strawberry.ID, idempotency_key: UUID
    ) -> ProductResult:
        number = _product(info.context, product_id, "productId")
        shop = _shop(info.context, merchant_id)
        return await _change(
            info.context, offering.offer_product, product_id=number, organisation_id=shop, key=idempotency_key
        )

    @strawberry.mutation(description="Says that what everybody gets without the product was checked today.")
    async def confirm_baseline(self, info: Info, product_id: strawberry.ID, idempotency_key: UUID) -> ProductResult:
        number = _product(info.context, product_id, "productId")
        return await _change(info.context, offering.confirm_baseline, product_id=number, key=idempotency_key)

    @strawberry.mutation(
        description="Adds to the budget of the present window, in its unit, on a decision that is named: one person of "
        "the office puts it forward, and the same request by an approver who is somebody else adds the money."
    )
    async def add_budget(
        self, info: Info, product_id: strawberry.ID, amount: Amount, decision_ref: str, idempotency_key: UUID
    ) -> BudgetResult:
        number = _product(info.context, product_id, "productId")
        money = Money(product_id=number, amount=amount, decision_ref=decision_ref)
        async with info.context.transaction() as unit:
            start = await offering.add_budget(unit.session, unit.actor, unit.now, money=money, key=idempotency_key)
            key = (number, start.toordinal())
            line: BudgetLine = await info.context.view.load(info, unit, "BudgetLine", key=key)
            return line


async def _change(context: Context, action: Callable[..., Awaitable[int]], **values: Any) -> Product:
    """One action in one transaction, answered with the product as it is now."""
    async with context.transaction() as unit:
        number = await action(unit.session, unit.actor, unit.now, **values)
        await context.renew(unit)
        return product_of(context, number)


def _product(context: Context, text: str, field: str) -> int:
    """The number behind the id of a product. Raises: NotFound, naming the argument."""
    try:
        (number,) = context.unseal("product", text)
    except (NotFound, ValueError) as absent:
        raise NotFound(field=field) from absent
    return number


def _shop(context: Context, text: str) -> int:
    """The number behind the id of a shop; one that no shop has when it is none, so that the product is judged first."""
    try:
        (number,) = context.unseal("merchant", text)
    except (NotFound, ValueError):
        return _NO_SHOP
    return number
