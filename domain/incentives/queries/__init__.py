"""SQL over products, their budgets and allowances, and over what a decision needs to know of a citizen."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Date, DateTime, Integer, Row, SmallInteger, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import TypeEngine

from domain.incentives.rules.standing import Catalogue, Standing, age_on, baseline_holds
from domain.programmes.rules.codec import from_json
from domain.programmes.rules.document import GENERAL, Product
from domain.programmes.rules.terms import ConsentPurpose, RegistrationKind
from domain.scoring.queries import lines_cte
from domain.scoring.rules import Tally, field_points, gate_points, total
from domain.values import Fragment
from domain.vault import Vault

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


# What a decision needs to know of one citizen, as one JSON object. Records that were taken back count no hours.
_STANDING = """
    SELECT json_build_object(
        'scored', c.scored_from IS NOT NULL,
        'groups', c.groups,
        'registration', c.registration_kind,
        'birth_date', encode(p.sealed_birth_date, 'hex'),
        'key', encode(k.wrapped_key, 'hex'),
        'consents', ARRAY(
            SELECT n.purpose FROM consent AS n
            WHERE n.person_id = c.person_id AND n.programme_id = c.programme_id AND n.withdrawn_at IS NULL),
        'tallies', (
            SELECT coalesce(
                json_agg(json_build_object('field', t.field_code, 'merit', t.merit, 'points', t.points)), '[]')
            FROM (
                SELECT l.field_code, l.merit, sum(l.points) AS points FROM lines AS l GROUP BY l.field_code, l.merit
            ) AS t),
        'hours', (
            SELECT json_build_object(
                'total', coalesce(sum(r.quantity_x100), 0),
                'year', coalesce(sum(r.quantity_x100)
                    FILTER (WHERE extract(year FROM r.occurred_on) = extract(year FROM CAST(:today AS date))), 0))
            FROM credit_record AS r
            JOIN item AS i ON i.id = r.item_id
            WHERE r.citizen_id = c.id AND i.code = :volunteer_item AND r.recorded_at <= :now
              AND coalesce((
                SELECT e.state FROM record_event AS e
                WHERE e.citizen_id = r.citizen_id AND e.source_id = r.source_id AND e.ref_hash = r.ref_hash
                  AND e.at <= :now
                ORDER BY e.at DESC LIMIT 1), 'ACTIVE') IN ('ACTIVE', 'CONTESTED')),
        'used', (
            SELECT coalesce(
                json_agg(json_build_object('code', u.product_code, 'start', u.window_start, 'used', u.used)), '[]')
            FROM allowance_use AS u
            WHERE u.holder = c.pseudonym AND u.programme_id = c.programme_id
              AND (u.window_end IS NULL OR u.window_end > :today)),
        'budgets', (
            SELECT coalesce(json_agg(json_build_object(
                'code', b.product_code, 'start', b.window_start, 'left', b.total - b.reserved - b.spent)), '[]')
            FROM budget AS b
            WHERE b.programme_id = c.programme_id AND (b.window_end IS NULL OR b.window_end > :today)))
    FROM citizen AS c
    JOIN person AS p ON p.id = c.person_id
    LEFT JOIN person_key AS k ON k.person_id = p.id
    WHERE c.id = :citizen
"""
_PRODUCT_STATE = """
    SELECT json_build_object(
        'status', p.status,
        'baseline_checked_on', p.baseline_checked_on,
        'given_here', :organisation = p.provider_id OR EXISTS (
            SELECT FROM product_shop AS s WHERE s.product_id = p.id AND s.organisation_id = :organisation),
        'given', EXISTS (
            SELECT FROM organisation AS o
            WHERE o.status = 'ADMITTED' AND (o.id = p.provider_id OR o.id IN (
                SELECT s.organisation_id FROM product_shop AS s WHERE s.product_id = p.id))))
    FROM product AS p
    WHERE p.id = :product
"""
_TYPES: Final[Mapping[str, TypeEngine[Any]]] = {
    "citizen": Integer(),
    "programme": SmallInteger(),
    "rule_set": Integer(),
    "today": Date(),
    "now": DateTime(timezone=True),
    "volunteer_item": Text(),
    "product": BigInteger(),
    "organisation": BigInteger(),
}
_INPUTS = text(f"WITH lines AS ({lines_cte()}) SELECT ({_STANDING}) AS standing, ({_PRODUCT_STATE}) AS product")
_INPUTS = _INPUTS.bindparams(*(bindparam(name, type_=_TYPES[name]) for name in _INPUTS.compile().params))
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
_LOWER_ALLOWANCE = text("""
    UPDATE allowance_use SET used = greatest(used - :taken, 0)
    WHERE holder = :holder AND programme_id = :programme AND product_code = :product_code
      AND window_start = :window_start
""")
_REFILL = text("""
    UPDATE budget SET spent = spent - :spent, reserved = reserved - :reserved
    WHERE programme_id = :programme AND product_code = :product_code AND window_start = :window_start
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductState:
    """What may change about a published product, as this transaction sees it."""

    status: str
    baseline_checked_on: date
    given: bool
    given_here: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedWindow:
    """One window of one product, in which allowance or budget is counted."""

    programme_id: int
    product_code: str
    start: date


def is_offered(state: ProductState, catalogue: Catalogue) -> bool:
    """Whether the product is neither suspended nor replaced, and rests on a baseline that was checked in time."""
    months = catalogue.rules.baseline_valid_months
    return state.status == "PUBLISHED" and baseline_holds(state.baseline_checked_on, months, catalogue.today)


def standing_fragment(volunteer_item: str) -> Fragment:
    """What a decision needs to know of the citizen, for `standing_of`; null for who has not joined."""
    return Fragment(sql=_STANDING, binds={"volunteer_item": volunteer_item}, ctes={"lines": lines_cte()})


def standing_of(raw: Mapping[str, Any], catalogue: Catalogue, vault: Vault) -> Standing:
    """The citizen's standing from the JSON of the fragment."""
    rule_set = catalogue.rules.rule_set
    tallies = [Tally(field=one["field"], merit=one["merit"], points=int(one["points"])) for one in raw["tallies"]]
    consents = frozenset(ConsentPurpose(purpose) for purpose in raw["consents"])
    fields = (GENERAL, *(field.code for field in rule_set.fields))
    return Standing(
        today=catalogue.today,
        points=total(tallies, rule_set).points if raw["scored"] and ConsentPurpose.SCORE in consents else None,
        gate_points={field: gate_points(tallies, rule_set, field) for field in fields},
        field_points={field: field_points(tallies, field) for field in fields},
        hours_year_x100=int(raw["hours"]["year"]),
        hours_total_x100=int(raw["hours"]["total"]),
        groups=frozenset(raw["groups"]),
        age=_age(raw, vault, catalogue.today),
        registration=RegistrationKind(raw["registration"]),
        consents=consents,
        used={_window(one): int(one["used"]) for one in raw["used"]},
        money={_window(one): int(one["left"]) for one in raw["budgets"]},
    )


def _window(raw: Mapping[str, Any]) -> tuple[str, date]:
    return raw["code"], date.fromisoformat(raw["start"])


def _age(raw: Mapping[str, Any], vault: Vault, today: date) -> int | None:
    if raw["birth_date"] is None or raw["key"] is None:
        return None
    opened = vault.open(bytes.fromhex(raw["key"]), "birth_date", bytes.fromhex(raw["birth_date"]))
    return age_on(date.fromisoformat(opened), today)


async def inputs(
    session: AsyncSession,
    now: datetime,
    *,
    citizen_id: int,
    product_id: int,
    organisation_id: int | None,
    catalogue: Catalogue,
) -> tuple[Standing, ProductState]:
    """Everything that decides about one product and one citizen, read at one moment."""
    values = {
        "citizen": citizen_id,
        "rule_set": catalogue.rule_set_id,
        "today": catalogue.today,
        "now": now,
        "volunteer_item": catalogue.rules.volunteer_item,
        "product": product_id,
        "organisation": organisation_id,
    }
    row = (await session.execute(_INPUTS, params=values)).one()
    state = ProductState(
        status=row.product["status"],
        baseline_checked_on=date.fromisoformat(row.product["baseline_checked_on"]),
        given=row.product["given"],
        given_here=bool(row.product["given_here"]),
    )
    return standing_of(row.standing, catalogue, session.info["vault"]), state


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


async def lower_allowance(session: AsyncSession, *, holder: bytes, window: CountedWindow, taken: int) -> None:
    """Gives back what one use has taken."""
    values = {
        "holder": holder,
        "programme": window.programme_id,
        "product_code": window.product_code,
        "window_start": window.start,
        "taken": taken,
    }
    await session.execute(_LOWER_ALLOWANCE, params=values)


async def refill_budget(session: AsyncSession, *, window: CountedWindow, spent: int, reserved: int) -> None:
    """Puts back what was spent, or held."""
    values = {
        "programme": window.programme_id,
        "product_code": window.product_code,
        "window_start": window.start,
        "spent": spent,
        "reserved": reserved,
    }
    await session.execute(_REFILL, params=values)
