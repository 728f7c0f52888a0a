"""SQL over products, their budgets and allowances."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.programmes.rules.codec import from_json
from domain.programmes.rules.document import Product

_PRODUCTS = text("""
    SELECT p.id, p.programme_id, p.code, p.version, p.status, p.provider_id, p.content, p.baseline_checked_on,
        ARRAY(SELECT s.organisation_id FROM product_shop AS s WHERE s.product_id = p.id ORDER BY 1) AS shops
    FROM product AS p
    ORDER BY p.id
""")
_BUDGET_SHARES = text("""
    SELECT b.programme_id, b.product_code,
        CAST(b.total - b.reserved - b.spent AS float8) / greatest(b.total, 1) AS share
    FROM budget AS b
    JOIN unnest(CAST(:programmes AS smallint[]), CAST(:days AS date[])) AS t (programme_id, day)
        ON t.programme_id = b.programme_id
    WHERE b.window_start <= t.day
      AND (b.window_end IS NULL OR b.window_end > t.day)
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
            WHERE p.programme_id = :programme AND p.code = g.code AND p.content = g.content
              AND p.status IN ('PUBLISHED', 'SUSPENDED', 'REPLACED'))
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
_OPEN_BUDGETS = text("""
    INSERT INTO budget (programme_id, product_code, window_start, window_end, unit, total)
    SELECT :programme, b.product_code, b.window_start, b.window_end, b.unit, b.total
    FROM jsonb_to_recordset(CAST(:budgets AS jsonb))
        AS b (product_code text, window_start date, window_end date, unit text, total bigint)
    ON CONFLICT ON CONSTRAINT budget_pkey DO NOTHING
    RETURNING product_code, window_start, unit, total
""")
_PUBLISHED = text("""
    SELECT p.content FROM product AS p
    WHERE p.programme_id = :programme AND p.status IN ('PUBLISHED', 'SUSPENDED')
    ORDER BY p.code
""")
_RAISE_ALLOWANCE = text("""
    INSERT INTO allowance_use AS a (holder, programme_id, product_code, window_start, window_end, used)
    VALUES (:holder, :programme, :product_code, :window_start, :window_end, :taken)
    ON CONFLICT ON CONSTRAINT allowance_use_pkey DO UPDATE SET used = a.used + excluded.used
    WHERE CAST(:limit AS integer) IS NULL OR a.used + excluded.used <= CAST(:limit AS integer)
    RETURNING true
""")
_RESERVE = text("""
    UPDATE budget SET reserved = reserved + :amount
    WHERE programme_id = :programme AND product_code = :product_code AND window_start = :window_start
      AND reserved + spent + :amount <= total
    RETURNING true
""")
_LOWER_ALLOWANCE = text("""
    UPDATE allowance_use SET used = greatest(used - :taken, 0)
    WHERE holder = :holder AND programme_id = :programme AND product_code = :product_code
      AND window_start = :window_start
    RETURNING true
""")
_REFILL = text("""
    UPDATE budget SET spent = spent - :spent, reserved = reserved - :reserved
    WHERE programme_id = :programme AND product_code = :product_code AND window_start = :window_start
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedWindow:
    """One window of one product, in which allowance or budget is counted."""

    programme_id: int
    product_code: str
    start: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """So much of an allowance, its limit, and when its window ends; None where there is no limit or no end."""

    end: date | None
    taken: int
    limit: int | None


async def products(session: AsyncSession) -> Sequence[Row[tuple[object, ...]]]:
    """Every product in every version, drafts as well, with the shops of other organisations that give it."""
    return (await session.execute(_PRODUCTS)).all()


async def budget_shares(session: AsyncSession, *, days: Mapping[int, date]) -> dict[tuple[int, str], float]:
    """The part of each budget that is left on the local day of each programme, by programme and product code."""
    values = {"programmes": list(days), "days": list(days.values())}
    rows = await session.execute(_BUDGET_SHARES, params=values)
    return {(row.programme_id, row.product_code): row.share for row in rows}


async def replace_products(
    session: AsyncSession, *, programme_id: int, products: Sequence[Mapping[str, object]]
) -> list[dict[str, object]]:
    """Ends the published version of every product whose content is new; gives what has to be added, with versions.

    Content that was published before is not published again: what the office has released since then stands.
    """
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


async def published(session: AsyncSession, *, programme_id: int) -> list[Product]:
    """The products of a programme in their present versions."""
    rows = await session.execute(_PUBLISHED, params={"programme": programme_id})
    return [from_json(Product, row.content) for row in rows]


async def add_budgets(
    session: AsyncSession, *, programme_id: int, budgets: Sequence[Mapping[str, object]]
) -> Sequence[Row[tuple[str, date, str, int]]]:
    """Writes the rows that are not there yet, and gives these."""
    values = {"programme": programme_id, "budgets": json.dumps(budgets)}
    return (await session.execute(_OPEN_BUDGETS, params=values)).all()


async def raise_allowance(session: AsyncSession, *, holder: bytes, window: CountedWindow, use: Use) -> bool:
    """Uses so much of an allowance; False, and nothing is used, when it does not reach."""
    values = {
        "holder": holder,
        "programme": window.programme_id,
        "product_code": window.product_code,
        "window_start": window.start,
        "window_end": use.end,
        "taken": use.taken,
        "limit": use.limit,
    }
    return (await session.execute(_RAISE_ALLOWANCE, params=values)).first() is not None


async def reserve_budget(session: AsyncSession, *, window: CountedWindow, amount: int) -> bool:
    """Keeps so much of a budget ready; False, and nothing is kept, when it does not reach."""
    values = {
        "programme": window.programme_id,
        "product_code": window.product_code,
        "window_start": window.start,
        "amount": amount,
    }
    return (await session.execute(_RESERVE, params=values)).first() is not None


async def lower_allowance(session: AsyncSession, *, holder: bytes, window: CountedWindow, taken: int) -> None:
    """Gives back what one use has taken."""
    values = {
        "holder": holder,
        "programme": window.programme_id,
        "product_code": window.product_code,
        "window_start": window.start,
        "taken": taken,
    }
    if (await session.execute(_LOWER_ALLOWANCE, params=values)).first() is None:
        # The row that this has waited for was written anew meanwhile; a new statement sees it.
        await session.execute(_LOWER_ALLOWANCE, params=values)


async def refill_budget(session: AsyncSession, *, window: CountedWindow, spent: int, reserved: int) -> None:
    """Puts back what was spent, or held; a number below zero takes instead."""
    values = {
        "programme": window.programme_id,
        "product_code": window.product_code,
        "window_start": window.start,
        "spent": spent,
        "reserved": reserved,
    }
    await session.execute(_REFILL, params=values)
