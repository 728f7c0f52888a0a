"""SQL over what a decision needs to know: of one citizen and one product, or of many citizens."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Date, DateTime, Integer, SmallInteger, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import TypeEngine

from domain.consent.queries import outdated
from domain.incentives.rules.standing import Catalogue, Standing, age_on, baseline_holds
from domain.programmes.rules.document import GENERAL
from domain.programmes.rules.terms import ConsentPurpose, RegistrationKind
from domain.scoring.queries import OF_CITIZENS, Then, lines_cte
from domain.scoring.rules import Tally, field_points, gate_points, total
from domain.values import Fragment
from domain.vault import Vault

# What a decision needs to know of one citizen, as one JSON object. Records that were taken back count no hours.
_ANYBODYS_STANDING: Final = """
    SELECT json_build_object(
        'citizen', c.id,
        'scored', c.scored_from IS NOT NULL,
        'groups', c.groups,
        'registration', c.registration_kind,
        'birth_date', encode(p.sealed_birth_date, 'hex'),
        'key', encode(k.wrapped_key, 'hex'),
        'consents', ARRAY(
            SELECT n.purpose FROM consent AS n
            WHERE n.person_id = c.person_id AND n.programme_id = c.programme_id AND n.withdrawn_at IS NULL
              AND NOT {outdated}),
        'tallies', coalesce({tallies}, '[]'),
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
        'dwelling', (
            SELECT coalesce(json_agg(json_build_object(
                'code', u.product_code, 'start', u.window_start, 'used', u.used,
                'by_others', u.used > coalesce((
                    SELECT sum(h.allowance_taken) FROM redemption_holder AS h
                    JOIN redemption AS r ON r.id = h.redemption_id
                    WHERE h.citizen_id = c.id AND h.holder = u.holder AND h.allowance_window = u.window_start
                      AND r.product_code = u.product_code AND r.status NOT IN ('REVERSED', 'REFUSED')), 0))), '[]')
            FROM (
                SELECT d.dwelling FROM household AS d WHERE d.citizen_id = c.id
                UNION
                SELECT s.digest FROM service_account AS s WHERE s.citizen_id = c.id AND s.kind = 'HEATING'
            ) AS m (holder)
            JOIN allowance_use AS u ON u.holder = m.holder AND u.programme_id = c.programme_id
            WHERE (u.window_end IS NULL OR u.window_end > :today)
              AND u.holder = holder_of(c.id, u.product_code, u.window_start)),
        'promises', (
            SELECT coalesce(json_agg(json_build_object(
                'code', t.product_code, 'start', t.window_start, 'broken', t.broken_at IS NOT NULL)), '[]')
            FROM paper_promise AS t
            WHERE t.citizen_id = c.id AND (t.window_end IS NULL OR t.window_end > :today)),
        'budgets', (
            SELECT coalesce(json_agg(json_build_object(
                'code', b.product_code, 'start', b.window_start, 'left',
                b.total - b.reserved - b.spent + coalesce((
                    SELECT v.amount FROM reservation AS v
                    WHERE v.citizen_id = c.id AND v.product_code = b.product_code AND v.status = 'HELD'
                      AND v.budget_start = b.window_start), 0))), '[]')
            FROM budget AS b
            WHERE b.programme_id = c.programme_id AND (b.window_end IS NULL OR b.window_end > :today)),
        'entitled', ARRAY(
            SELECT e.product_code FROM entitlement AS e
            JOIN rule_set AS s ON s.id = e.rule_set_id AND s.status = 'PUBLISHED'
            WHERE e.citizen_id = c.id AND e.since <= :today AND e.until > :today))
    FROM citizen AS c
    JOIN person AS p ON p.id = c.person_id
    LEFT JOIN person_key AS k ON k.person_id = p.id
    WHERE {whose}
"""
_TALLY: Final = "json_build_object('field', t.field_code, 'merit', t.merit, 'points', t.points)"
_STANDING: Final = _ANYBODYS_STANDING.format(
    outdated=outdated("n"),
    whose="c.id = :citizen",
    tallies=f"""(
            SELECT json_agg({_TALLY})
            FROM (
                SELECT l.field_code, l.merit, sum(l.points) AS points FROM lines AS l GROUP BY l.field_code, l.merit
            ) AS t)""",
)
_EACH: Final = _ANYBODYS_STANDING.format(
    outdated=outdated("n"),
    whose=OF_CITIZENS.format("c.id"),
    tallies="(SELECT t.listed FROM tallies AS t WHERE t.citizen_id = c.id)",
)
_STANDINGS = text(f"""
    WITH lines AS ({lines_cte(whose=OF_CITIZENS)}),
    tallies AS MATERIALIZED (
        SELECT t.citizen_id, json_agg({_TALLY}) AS listed
        FROM (
            SELECT l.citizen_id, l.field_code, l.merit, sum(l.points) AS points
            FROM lines AS l
            GROUP BY l.citizen_id, l.field_code, l.merit
        ) AS t
        GROUP BY t.citizen_id
    )
    {_EACH}
""")
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
# The second statement of a scan, as text for whoever measures it.
INPUTS: Final = f"WITH lines AS ({lines_cte()}) SELECT ({_STANDING}) AS standing, ({_PRODUCT_STATE}) AS product"
_INPUTS = text(INPUTS)
_INPUTS = _INPUTS.bindparams(*(bindparam(name, type_=_TYPES[name]) for name in _INPUTS.compile().params))


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductState:
    """What may change about a published product, as this transaction sees it."""

    status: str
    baseline_checked_on: date
    given: bool
    given_here: bool


def is_offered(state: ProductState, catalogue: Catalogue) -> bool:
    """Whether the product is neither suspended nor replaced, and rests on a baseline that was checked in time."""
    months = catalogue.rules.baseline_valid_months
    return state.status == "PUBLISHED" and baseline_holds(state.baseline_checked_on, months, catalogue.today)


def standing_fragment(volunteer_item: str) -> Fragment:
    """What a decision needs to know of the citizen, for `standing_of`; null for who has not joined."""
    return Fragment(sql=_STANDING, binds={"volunteer_item": volunteer_item}, ctes={"lines": lines_cte()})


def standing_then(name: str, volunteer_item: str, *, then: Then) -> Fragment:
    """The same by these rules on an earlier day, from the records as they were known at an instant.

    Consents, groups, allowances and budgets keep no history: they are as they are now.
    """
    sql = f"WITH lines AS ({lines_cte()}) {_STANDING}"
    for bind, own in ((":rule_set", f":{name}_rules"), (":today", f":{name}_on"), (":now", f":{name}_known")):
        sql = sql.replace(bind, own)
    binds = {f"{name}_rules": then.rule_set_id, f"{name}_on": then.day, f"{name}_known": then.known_at}
    return Fragment(sql=sql, binds={"volunteer_item": volunteer_item, **binds})


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
        used={_window(one): int(one["used"]) for one in (*raw["used"], *raw["dwelling"])},
        used_by_dwelling=frozenset(_window(one) for one in raw["dwelling"] if one["by_others"]),
        promises={_window(one): bool(one["broken"]) for one in raw["promises"]},
        money={_window(one): int(one["left"]) for one in raw["budgets"]},
        entitled=frozenset(raw["entitled"]),
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


async def standings(
    session: AsyncSession, now: datetime, *, citizens: Sequence[int], catalogue: Catalogue
) -> dict[int, Standing]:
    """The standing of each of these citizens by the rules of the catalogue alone, without what is kept from earlier
    ones. Runs as the worker.
    """
    values = {
        "citizens": list(citizens),
        "rule_set": catalogue.rule_set_id,
        "today": catalogue.today,
        "now": now,
        "volunteer_item": catalogue.rules.volunteer_item,
    }
    rows = (await session.execute(_STANDINGS, params=values)).scalars()
    vault = session.info["vault"]
    return {raw["citizen"]: standing_of({**raw, "entitled": []}, catalogue, vault) for raw in rows}
