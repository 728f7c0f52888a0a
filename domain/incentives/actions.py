"""Putting products into force."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from domain.incentives import queries
from domain.programmes.rules.codec import to_json
from domain.programmes.rules.document import Product


async def publish_products(session: AsyncSession, *, programme_id: int, products: Sequence[Product]) -> None:
    """Publishes checked products; one that differs from its published version becomes the next version."""
    changed = await queries.replace_products(
        session, programme_id=programme_id, products=[to_json(product) for product in products]
    )
    await queries.add_products(session, programme_id=programme_id, products=changed)
    await queries.save_shops(session, programme_id=programme_id)
