"""SQL over products, their budgets and allowances."""

import json
from collections.abc import Mapping, Sequence

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

_PRODUCTS = text("""
    SELECT p.id, p.programme_id, p.code, p.version, p.status, p.provider_id, p.content,
        ARRAY(SELECT s.organisation_id FROM product_shop AS s WHERE s.product_id = p.id ORDER BY 1) AS shops
    FROM product AS p
    WHERE p.status IN ('PUBLISHED', 'SUSPENDED', 'REPLACED')
    ORDER BY p.id
""")
_SAVE_PRODUCTS = text("""
    WITH given AS (
        SELECT d.content ->> 'code' AS code, d.content, o.id AS provider_id
        FROM jsonb_array_elements(CAST(:products AS jsonb)) AS d (content)
        JOIN organisation AS o ON o.programme_id = :programme AND o.code = d.content ->> 'provider'
    ), changed AS (
        SELECT g.*, coalesce((
            SELECT max(p.version) FROM product AS p WHERE p.programme_id = :programme AND p.code = g.code), 0) AS latest
        FROM given AS g
        WHERE NOT EXISTS (
            SELECT FROM product AS p
            WHERE p.programme_id = :programme AND p.code = g.code AND p.status IN ('PUBLISHED', 'SUSPENDED')
              AND p.content = g.content)
    ), replaced AS (
        UPDATE product AS p SET status = 'REPLACED'
        FROM changed AS c
        WHERE p.programme_id = :programme AND p.code = c.code AND p.status IN ('PUBLISHED', 'SUSPENDED')
        RETURNING p.id
    )
    SELECT c.code, c.content, c.provider_id, c.latest + 1 AS version, (SELECT count(*) FROM replaced) AS replaced
    FROM changed AS c
""")
_ADD_PRODUCTS = text("""
    INSERT INTO product (programme_id, code, version, status, provider_id, content,
        available_from, available_until, baseline_checked_on)
    SELECT :programme, d.code, d.version, 'PUBLISHED', d.provider_id, d.content,
        CAST(d.content ->> 'available_from' AS date), CAST(d.content ->> 'available_until' AS date),
        CAST(d.content ->> 'baseline_checked_on' AS date)
    FROM jsonb_to_recordset(CAST(:products AS jsonb))
        AS d (code text, version integer, provider_id bigint, content jsonb)
""")
_SAVE_SHOPS = text("""
    INSERT INTO product_shop (product_id, organisation_id)
    SELECT p.id, o.id
    FROM product AS p
    CROSS JOIN jsonb_array_elements_text(p.content -> 'also_at') AS shop
    JOIN organisation AS o ON o.programme_id = p.programme_id AND o.code = shop
    WHERE p.programme_id = :programme AND p.status = 'PUBLISHED'
    ON CONFLICT ON CONSTRAINT product_shop_pkey DO NOTHING
""")


async def products(session: AsyncSession) -> Sequence[Row[tuple[object, ...]]]:
    """Every product that is or was published, with the shops of other organisations that give it."""
    return (await session.execute(_PRODUCTS)).all()


async def replace_products(
    session: AsyncSession, *, programme_id: int, products: Sequence[Mapping[str, object]]
) -> list[dict[str, object]]:
    """Ends the published version of every product whose content differs; gives what has to be added, with versions."""
    values = {"programme": programme_id, "products": json.dumps(products)}
    rows = (await session.execute(_SAVE_PRODUCTS, params=values)).all()
    return [
        {"code": row.code, "version": row.version, "provider_id": row.provider_id, "content": row.content}
        for row in rows
    ]


async def add_products(session: AsyncSession, *, programme_id: int, products: Sequence[Mapping[str, object]]) -> None:
    """Publishes these versions."""
    await session.execute(_ADD_PRODUCTS, params={"programme": programme_id, "products": json.dumps(products)})


async def save_shops(session: AsyncSession, *, programme_id: int) -> None:
    """Lets the shops that a product names give it as well."""
    await session.execute(_SAVE_SHOPS, params={"programme": programme_id})
