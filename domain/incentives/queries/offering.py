"""SQL over products on their way to people, the shops that give them, and the money behind them."""

import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.programmes.rules.codec import from_json, to_json
from domain.programmes.rules.document import Product
from domain.values import Fragment

_ADD_DRAFT = text("""
    INSERT INTO product (programme_id, code, version, status, provider_id, content,
        available_from, available_until, baseline_checked_on, drafted_by)
    SELECT :programme, CAST(:code AS text), 1 + coalesce((
            SELECT max(p.version) FROM product AS p WHERE p.programme_id = :programme AND p.code = :code), 0),
        'DRAFT', o.id, CAST(:content AS jsonb), CAST(:available_from AS date), CAST(:available_until AS date),
        CAST(:baseline_checked_on AS date), :person
    FROM organisation AS o
    WHERE o.programme_id = :programme AND o.code = :provider
    RETURNING id
""")
_LOCK = text("""
    SELECT p.id, p.version, p.status, p.drafted_by, p.content,
        (SELECT max(q.version) FROM product AS q WHERE q.programme_id = p.programme_id AND q.code = p.code
            AND q.status IN ('PUBLISHED', 'SUSPENDED')) AS current
    FROM product AS p
    WHERE p.id = :product AND p.programme_id = :programme
    FOR UPDATE
""")
_MOVE = text("""
    UPDATE product SET status = :target, status_reason = CAST(:reason AS text)
    WHERE id = :product AND status = :origin
""")
_APPROVE = text("""
    UPDATE product SET status = 'APPROVED', approved_by = :person WHERE id = :product AND status = 'DRAFT'
""")
_REPLACE = text("""
    UPDATE product SET status = 'REPLACED'
    WHERE programme_id = :programme AND code = :code AND status IN ('PUBLISHED', 'SUSPENDED')
    RETURNING id
""")
_TAKE_OVER_SHOPS = text("""
    INSERT INTO product_shop (product_id, organisation_id)
    SELECT :product, s.organisation_id
    FROM product_shop AS s
    JOIN product AS p ON p.id = :product
    WHERE s.product_id = :previous AND s.organisation_id <> p.provider_id
    ON CONFLICT ON CONSTRAINT product_shop_pkey DO NOTHING
""")
_SHOP = text("""
    SELECT o.id FROM organisation AS o
    WHERE o.id = :organisation AND o.programme_id = :programme AND o.status = 'ADMITTED'
      AND o.kind IN ('MERCHANT', 'UTILITY')
""")
_OFFER = text("""
    INSERT INTO product_shop (product_id, organisation_id) VALUES (:product, :organisation)
    ON CONFLICT ON CONSTRAINT product_shop_pkey DO NOTHING
""")
_CONFIRM = text("UPDATE product SET baseline_checked_on = :day WHERE id = :product")
_PROPOSE = text("""
    INSERT INTO budget_addition AS t (programme_id, product_code, decision_ref, amount, proposed_by, proposed_at)
    VALUES (:programme, :code, :decision, :amount, :person, :now)
    ON CONFLICT ON CONSTRAINT budget_addition_pkey DO NOTHING
    RETURNING true
""")
_LOCK_ADDITION = text("""
    SELECT amount, proposed_by, approved_at IS NOT NULL AS approved
    FROM budget_addition
    WHERE programme_id = :programme AND product_code = :code AND decision_ref = :decision
    FOR UPDATE
""")
_APPROVE_ADDITION = text("""
    UPDATE budget_addition SET approved_by = :person, approved_at = :now, window_start = :window_start
    WHERE programme_id = :programme AND product_code = :code AND decision_ref = :decision
""")
_ADD_MONEY = text("""
    UPDATE budget SET total = total + :amount
    WHERE programme_id = :programme AND product_code = :code AND window_start = :window_start
""")
# The first version of a product stands for its budgets, since all its versions share them.
_LINE: Final = """
    SELECT b.programme_id, b.product_code, b.window_start, b.unit, b.total, b.reserved, b.spent,
        (SELECT min(p.id) FROM product AS p WHERE p.programme_id = b.programme_id AND p.code = b.product_code) AS first,
        (SELECT max(p.id) FROM product AS p WHERE p.programme_id = b.programme_id AND p.code = b.product_code
            AND p.status IN ('PUBLISHED', 'SUSPENDED', 'REPLACED')) AS latest,
        (SELECT json_agg(json_build_object('decision', t.decision_ref, 'amount', t.amount, 'at', t.proposed_at)
            ORDER BY t.proposed_at, t.decision_ref)
            FROM budget_addition AS t WHERE t.programme_id = b.programme_id AND t.product_code = b.product_code
            AND t.approved_at IS NULL) AS waiting
    FROM budget AS b
    WHERE b.programme_id = :programme
"""
_LINE_JSON: Final = """json_build_object('product', l.latest, 'first', l.first, 'start', l.window_start,
    'unit', l.unit, 'total', l.total, 'reserved', l.reserved, 'spent', l.spent,
    'waiting', coalesce(l.waiting, '[]'))"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of a product, and which version of it is current; 0 when none is."""

    id: int
    version: int
    status: str
    drafted_by: int | None
    current: int
    document: Product


async def add_draft(session: AsyncSession, *, programme_id: int, product: Product, person_id: int | None) -> int:
    """Writes the next version of a product; nobody is given it yet."""
    content = to_json(product)
    values = {
        "programme": programme_id,
        "code": product.code,
        "content": json.dumps(content),
        "provider": product.provider,
        "available_from": product.available_from,
        "available_until": product.available_until,
        "baseline_checked_on": product.baseline_checked_on,
        "person": person_id,
    }
    return int((await session.execute(_ADD_DRAFT, params=values)).scalar_one())


async def lock_version(session: AsyncSession, *, programme_id: int, product_id: int) -> Version | None:
    """One version of a programme's product, locked until this transaction ends."""
    values = {"programme": programme_id, "product": product_id}
    row: Row[tuple[object, ...]] | None = (await session.execute(_LOCK, params=values)).one_or_none()
    if row is None:
        return None
    return Version(
        id=row.id,
        version=row.version,
        status=row.status,
        drafted_by=row.drafted_by,
        current=row.current or 0,
        document=from_json(Product, row.content),
    )


async def move(session: AsyncSession, *, product_id: int, origin: str, target: str, reason: str | None = None) -> None:
    """From one status to the next."""
    values = {"product": product_id, "origin": origin, "target": target, "reason": reason}
    await session.execute(_MOVE, params=values)


async def approve(session: AsyncSession, *, product_id: int, person_id: int) -> None:
    """Approved by a person."""
    await session.execute(_APPROVE, params={"product": product_id, "person": person_id})


async def replace_current(session: AsyncSession, *, programme_id: int, code: str) -> int | None:
    """Ends the current version of a product; gives which one it was."""
    values = {"programme": programme_id, "code": code}
    return (await session.execute(_REPLACE, params=values)).scalar_one_or_none()


async def take_over_shops(session: AsyncSession, *, product_id: int, previous: int) -> None:
    """The shops that gave the previous version give this one as well."""
    await session.execute(_TAKE_OVER_SHOPS, params={"product": product_id, "previous": previous})


async def is_shop(session: AsyncSession, *, programme_id: int, organisation_id: int) -> bool:
    """Whether this is an admitted shop or utility of the programme."""
    values = {"programme": programme_id, "organisation": organisation_id}
    return (await session.execute(_SHOP, params=values)).one_or_none() is not None


async def offer(session: AsyncSession, *, product_id: int, organisation_id: int) -> None:
    """Lets a shop give a product."""
    await session.execute(_OFFER, params={"product": product_id, "organisation": organisation_id})


async def confirm_baseline(session: AsyncSession, *, product_id: int, day: date) -> None:
    """Notes the day on which somebody checked what everybody gets."""
    await session.execute(_CONFIRM, params={"product": product_id, "day": day})


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """More money for a product on one decision, as it was put forward."""

    amount: int
    proposed_by: int
    approved: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Which product one decision of the city gives more to."""

    programme_id: int
    code: str
    reference: str

    def binds(self) -> dict[str, object]:
        """As the statements here name it."""
        return {"programme": self.programme_id, "code": self.code, "decision": self.reference}


async def propose(session: AsyncSession, now: datetime, *, decision: Decision, amount: int, person_id: int) -> bool:
    """Puts an addition forward; False when this decision was put forward before."""
    values = {**decision.binds(), "amount": amount, "person": person_id, "now": now}
    return (await session.execute(_PROPOSE, params=values)).one_or_none() is not None


async def lock_addition(session: AsyncSession, *, decision: Decision) -> Addition:
    """What was put forward on this decision, locked."""
    return Addition(**(await session.execute(_LOCK_ADDITION, params=decision.binds())).one()._mapping)


async def approve_addition(
    session: AsyncSession, now: datetime, *, decision: Decision, window_start: date, person_id: int
) -> None:
    """A second person stands for it."""
    values = {**decision.binds(), "person": person_id, "window_start": window_start, "now": now}
    await session.execute(_APPROVE_ADDITION, params=values)


async def add_money(session: AsyncSession, *, programme_id: int, code: str, window_start: date, amount: int) -> None:
    """Raises the budget of one window."""
    values = {"programme": programme_id, "code": code, "window_start": window_start, "amount": amount}
    await session.execute(_ADD_MONEY, params=values)


def budgets_fragment() -> Fragment:
    """The budgets of the caller's programme whose window is not over, exactly."""
    return Fragment(
        sql=f"""
        SELECT coalesce(json_agg({_LINE_JSON} ORDER BY l.product_code, l.window_start), '[]')
        FROM ({_LINE} AND (b.window_end IS NULL OR b.window_end > :today)) AS l
        """
    )


def budget_fragment(name: str, *, product_id: int, start: date) -> Fragment:
    """One budget of the caller's programme, by any version of its product; null when there is none."""
    sql = f"""
        SELECT {_LINE_JSON}
        FROM ({_LINE}) AS l
        JOIN product AS p ON p.programme_id = l.programme_id AND p.code = l.product_code
        WHERE p.id = :{name}_product AND l.window_start = :{name}_start
    """
    return Fragment(sql=sql, binds={f"{name}_product": product_id, f"{name}_start": start})
