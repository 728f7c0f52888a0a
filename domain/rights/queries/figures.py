"""SQL over a whole programme and year: sums about everybody, and nothing about anybody. Runs as the worker."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.programmes.rules.codec import from_json, to_json
from domain.rights.rules.figures import Figures, Year
from domain.values import Fragment

# What was ever used by these people. A settled sale is nobody's any more, but what was counted of it still is.
_USED = text("""
    SELECT h.citizen_id, r.product_code
    FROM redemption_holder AS h
    JOIN redemption AS r ON r.id = h.redemption_id
    WHERE h.citizen_id = ANY (CAST(:citizens AS integer[]))
      AND r.status NOT IN ('REVERSED', 'REFUSED', 'EXPIRED')
    UNION
    SELECT c.id, split_part(u.product_code, '/', 1)
    FROM citizen AS c
    JOIN allowance_use AS u ON u.holder = c.pseudonym AND u.programme_id = c.programme_id AND u.used > 0
    WHERE c.id = ANY (CAST(:citizens AS integer[]))
""")
_RECORDS = text("""
    SELECT count(*) AS records, count(DISTINCT r.citizen_id) AS people FROM credit_record AS r
    WHERE r.citizen_id = ANY (CAST(:citizens AS integer[]))
      AND r.recorded_at >= :since AND r.recorded_at < :until
""")
_PEOPLE = text("""
    SELECT
        (SELECT count(*) FROM citizen AS c
            WHERE c.programme_id = :programme AND c.joined_at < :until AND (c.left_at IS NULL OR c.left_at >= :since))
            AS participants,
        (SELECT count(*) FROM volunteer AS v
            WHERE v.programme_id = :programme AND v.registered_at < :until
              AND (v.left_at IS NULL OR v.left_at >= :since)) AS registered_volunteers,
        (SELECT coalesce(sum(s.minutes), 0) / 60 FROM service AS s
            WHERE s.programme_id = :programme AND s.status IN ('CONFIRMED', 'CORRECTED')
              AND s.started_at >= :since AND s.started_at < :until) AS volunteer_hours,
        (SELECT count(DISTINCT s.volunteer_id) FROM service AS s
            WHERE s.programme_id = :programme AND s.status IN ('CONFIRMED', 'CORRECTED') AND s.minutes > 0
              AND s.started_at >= :since AND s.started_at < :until) AS serving,
        (SELECT count(*) FROM objection AS o
            WHERE o.programme_id = :programme AND o.opened_at >= :since AND o.opened_at < :until) AS objections_opened,
        (SELECT count(*) FROM objection AS o
            WHERE o.programme_id = :programme AND o.status IN ('UPHELD', 'PARTLY_UPHELD')
              AND o.decided_at >= :since AND o.decided_at < :until) AS objections_upheld,
        (SELECT count(*) FROM objection AS o
            WHERE o.programme_id = :programme AND o.status = 'UPHELD' AND o.decided_by IS NULL
              AND o.decided_at >= :since AND o.decided_at < :until) AS overdue_decided_for_citizen
""")
# Relief is money where the shape's is, or else what the city owes for it; a deposit is waived and a bill deferred,
# which is no money given.
_SALES = text("""
    SELECT s.product_code, count(*) AS redemptions, coalesce(sum(s.relief_fen), 0) AS relief_fen,
        coalesce(sum(s.deposit_fen), 0) AS deposits_fen,
        coalesce(max(greatest(s.relief_fen, s.deposit_fen)), 0) AS largest_fen
    FROM (
        SELECT r.product_code,
            CASE p.content #>> '{shape,kind}'
                WHEN 'PayRatio' THEN r.relief WHEN 'AmountOff' THEN r.relief
                WHEN 'DepositWaiver' THEN 0 WHEN 'PayLater' THEN 0
                ELSE r.owed_fen END AS relief_fen,
            CASE WHEN p.content #>> '{shape,kind}' = 'DepositWaiver' THEN r.relief END AS deposit_fen
        FROM redemption AS r
        JOIN product AS p ON p.id = r.product_id
        WHERE r.programme_id = :programme
          AND r.status NOT IN ('CLAIM_SENT', 'REVERSED', 'REFUSED', 'EXPIRED')
          AND r.at >= :since AND r.at < :until
    ) AS s
    GROUP BY s.product_code
""")
_BENEFICIARIES = text("""
    WITH users AS (
        SELECT r.product_code, h.holder
        FROM redemption AS r
        JOIN redemption_holder AS h ON h.redemption_id = r.id
        WHERE r.programme_id = :programme
          AND r.status NOT IN ('CLAIM_SENT', 'REVERSED', 'REFUSED', 'EXPIRED')
          AND r.at >= :since AND r.at < :until
        UNION
        SELECT split_part(u.product_code, '/', 1), u.holder
        FROM allowance_use AS u
        WHERE u.programme_id = :programme AND u.used > 0
          AND u.window_start >= :first AND u.window_start <= :last
    )
    SELECT u.product_code, count(*) AS beneficiaries FROM users AS u GROUP BY u.product_code
    UNION ALL
    SELECT NULL, count(DISTINCT u.holder) FROM users AS u
""")
_SAVE_UPTAKE = text("""
    INSERT INTO uptake (programme_id, product_code, day, eligible_never_used)
    SELECT :programme, t.code, :day, t.count
    FROM unnest(CAST(:codes AS text[]), CAST(:counts AS integer[])) AS t (code, count)
    ON CONFLICT ON CONSTRAINT uptake_pkey DO UPDATE SET eligible_never_used = excluded.eligible_never_used
""")
_SAVE = text("""
    INSERT INTO programme_figures (programme_id, year, day, content)
    VALUES (:programme, :year, :day, CAST(:content AS jsonb))
    ON CONFLICT ON CONSTRAINT programme_figures_pkey DO UPDATE SET day = excluded.day, content = excluded.content
""")
_SAVED = text("SELECT content FROM programme_figures WHERE programme_id = :programme AND year = :year")


async def used(session: AsyncSession, *, citizens: Sequence[int]) -> set[tuple[int, str]]:
    """Which of these people have ever used which product."""
    rows = await session.execute(_USED, params={"citizens": list(citizens)})
    return {(row.citizen_id, row.product_code) for row in rows}


async def records(session: AsyncSession, *, citizens: Sequence[int], year: Year) -> Row[tuple[Any, ...]]:
    """How many records of these people came in during the year, and about how many of them."""
    values = {"citizens": list(citizens), "since": year.since, "until": year.until}
    return (await session.execute(_RECORDS, params=values)).one()


async def people(session: AsyncSession, *, programme_id: int, year: Year) -> Row[tuple[Any, ...]]:
    """Sums over people, volunteers and objections."""
    values = {"programme": programme_id, "since": year.since, "until": year.until}
    return (await session.execute(_PEOPLE, params=values)).one()


async def sales(session: AsyncSession, *, programme_id: int, year: Year) -> Sequence[Row[tuple[Any, ...]]]:
    """Sums over sales, by product."""
    values = {"programme": programme_id, "since": year.since, "until": year.until}
    return (await session.execute(_SALES, params=values)).all()


async def beneficiaries(session: AsyncSession, *, programme_id: int, year: Year) -> dict[str | None, int]:
    """How many have used each product, and anything at all under None; a dwelling counts as one."""
    values = {
        "programme": programme_id,
        "since": year.since,
        "until": year.until,
        "first": year.first,
        "last": year.last,
    }
    rows = await session.execute(_BENEFICIARIES, params=values)
    return {row.product_code: row.beneficiaries for row in rows}


async def saved(session: AsyncSession, *, programme_id: int, year: int) -> Figures | None:
    """What was worked out for the year before."""
    row = (await session.execute(_SAVED, params={"programme": programme_id, "year": year})).one_or_none()
    return None if row is None else from_json(Figures, row.content)


async def save(session: AsyncSession, *, programme_id: int, year: int, day: date, figures: Figures) -> None:
    """Writes a year as it stands on a day."""
    content = json.dumps(to_json(figures))
    values = {"programme": programme_id, "year": year, "day": day, "content": content}
    await session.execute(_SAVE, params=values)


async def save_uptake(session: AsyncSession, *, programme_id: int, day: date, counts: Mapping[str, int]) -> None:
    """Writes how many could use each product and never have."""
    values = {"programme": programme_id, "day": day, "codes": list(counts), "counts": list(counts.values())}
    await session.execute(_SAVE_UPTAKE, params=values)


def figures_fragment(name: str, *, year: int | None) -> Fragment:
    """One year of every programme; the present one where none is named."""
    return Fragment(
        sql=f"""
        SELECT coalesce(json_agg(json_build_object('programme', f.programme_id, 'content', f.content)), '[]')
        FROM programme_figures AS f
        WHERE f.year = coalesce(CAST(:{name}_year AS integer), CAST(extract(year FROM CAST(:today AS date)) AS integer))
        """,
        binds={f"{name}_year": year},
    )
