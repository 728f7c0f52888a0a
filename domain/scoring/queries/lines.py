"""The one definition of a score's lines."""

from typing import Final

# Whose lines: a condition in which {} stands for the column of the citizen. Never a join on unnest.
OF_CITIZEN: Final = "{} = :citizen"
OF_CITIZENS: Final = "{} = ANY (CAST(:citizens AS integer[]))"

# In which window of its item or field a line falls. One number stands for one window; null is the only one.
# ROLLING_YEAR needs no number: items that use it are valid for twelve months at most, so whatever is live is inside.
_WINDOW: Final = """
    CASE {window}
        WHEN 'DAY' THEN {start} - DATE '2000-01-01'
        WHEN 'MONTH' THEN CAST(12 * date_part('year', {start}) + date_part('month', {start}) AS integer)
        WHEN 'SEASON' THEN CAST(date_part('year', {start}) AS integer)
        WHEN 'CALENDAR_YEAR' THEN CAST(date_part('year', {start}) AS integer)
    END"""

_LINES: Final = """
    WITH rules AS MATERIALIZED (
        SELECT
            i.item_id, i.field_code, i.merit, i.points, i.tier_window, i.cap_points, i.cap_window, i.counts_from,
            -- An adverse record never lives past five years.
            make_interval(months => CASE WHEN i.merit THEN i.valid_months ELSE least(i.valid_months, 60) END) AS life,
            f.cap_points AS field_cap, f.cap_window AS field_window,
            'occurredOn' = ANY (i.fact_key) AS by_occurred,
            'endedOn' = ANY (i.fact_key) AS by_ended,
            'determinedOn' = ANY (i.fact_key) AS by_determined,
            'quantity' = ANY (i.fact_key) AS by_quantity,
            'documentId' = ANY (i.fact_key) AS by_document,
            'source' = ANY (i.fact_key) AS by_source
        FROM rule_item AS i
        JOIN rule_field AS f ON f.rule_set_id = i.rule_set_id AND f.code = i.field_code
        WHERE i.rule_set_id = {rule_set}
    ),
    -- Only records that were changed have events; the last one known says what became of the record.
    changed AS (
        SELECT DISTINCT ON (e.citizen_id, e.source_id, e.ref_hash)
            e.citizen_id, e.source_id, e.ref_hash, {state} AS state
        FROM record_event AS e
        WHERE {whose_events} AND e.at <= {known_at}
        ORDER BY e.citizen_id, e.source_id, e.ref_hash, e.at DESC
    ),
    dated AS (
        SELECT
            r.citizen_id, r.source_id, r.ref_hash, r.quantity_x100, r.document_hash, r.recorded_at,
            r.occurred_on, r.ended_on, r.determined_on, coalesce(c.state, 'ACTIVE') AS state, u.*,
            CASE u.counts_from
                WHEN 'OCCURRED' THEN r.occurred_on WHEN 'ENDED' THEN r.ended_on ELSE r.determined_on
            END AS start_on
        FROM credit_record AS r
        JOIN rules AS u ON u.item_id = r.item_id
        LEFT JOIN changed AS c
            ON c.citizen_id = r.citizen_id AND c.source_id = r.source_id AND c.ref_hash = r.ref_hash
        WHERE {whose_records} AND r.recorded_at <= {known_at}
    ),
    live AS (
        SELECT
            d.*,
            CAST(d.start_on + d.life AS date) AS until_on,
            d.state = 'ACTIVE' OR (d.state = 'CONTESTED' AND d.merit) AS standing
        FROM dated AS d
        WHERE d.state IN ('ACTIVE', 'CONTESTED', 'ANNOUNCED')
            AND d.start_on <= {day}
            AND (d.life IS NULL OR d.start_on + d.life > {day})
    ),
    -- One fact counts once: of several reports the one that came first stands. A document that nobody has named
    -- makes no two reports one.
    told AS (
        SELECT
            l.*,
            l.standing AND 1 = row_number() OVER (
                PARTITION BY
                    l.citizen_id, l.item_id,
                    CASE WHEN l.by_occurred THEN l.occurred_on END,
                    CASE WHEN l.by_ended THEN l.ended_on END,
                    CASE WHEN l.by_determined THEN l.determined_on END,
                    CASE WHEN l.by_quantity THEN l.quantity_x100 END,
                    CASE WHEN l.by_source THEN l.source_id END,
                    CASE WHEN l.by_document THEN coalesce(l.document_hash, l.ref_hash) END,
                    CASE WHEN l.by_document AND l.document_hash IS NULL THEN l.source_id END
                ORDER BY l.standing DESC, l.recorded_at, l.start_on, l.source_id, l.ref_hash
            ) AS counts,
            {tier_group} AS tier_group,
            {cap_group} AS cap_group,
            {field_group} AS field_group
        FROM live AS l
    ),
    added AS (
        SELECT
            t.*,
            CASE WHEN t.counts AND t.points IS NULL THEN coalesce(t.quantity_x100, 0) ELSE 0 END AS own,
            CASE WHEN t.points IS NULL THEN sum(t.quantity_x100) FILTER (WHERE t.counts) OVER (
                PARTITION BY t.citizen_id, t.item_id, t.tier_group
                ORDER BY t.start_on, t.source_id, t.ref_hash
                ROWS UNBOUNDED PRECEDING
            ) END AS up_to
        FROM told AS t
    ),
    -- Tiers: what the quantity up to and with this record gives, less what it gave before; each tier is rounded down.
    -- OFFSET 0 keeps the planner from working the sum out once for each place that uses it.
    raw AS (
        SELECT
            a.*,
            CASE WHEN a.points IS NOT NULL THEN a.points ELSE (
                SELECT coalesce(sum({tier_upto} - {tier_before}), 0)
                FROM rule_tier AS s
                WHERE s.rule_set_id = {rule_set} AND s.item_id = a.item_id
            ) END AS raw_points
        FROM (
            SELECT b.*, CASE WHEN b.tier_window = 'USE' THEN b.own ELSE coalesce(b.up_to, 0) END AS reached
            FROM added AS b
        ) AS a
        OFFSET 0
    ),
    -- The item's cap, on the running sum of its merits; the line that hits it gets what still fits.
    of_item AS (
        SELECT
            r.*,
            CASE
                WHEN NOT r.counts THEN 0
                WHEN r.cap_points IS NULL OR NOT r.merit THEN r.raw_points
                WHEN r.cap_window = 'USE' THEN least(r.raw_points, r.cap_points)
                ELSE least(r.running, r.cap_points) - least(r.running - r.raw_points, r.cap_points)
            END AS item_points
        FROM (
            SELECT q.*, CASE WHEN q.cap_points IS NOT NULL THEN sum(q.raw_points) FILTER (WHERE q.counts) OVER (
                PARTITION BY q.citizen_id, q.item_id, q.cap_group
                ORDER BY q.start_on, q.source_id, q.ref_hash
                ROWS UNBOUNDED PRECEDING
            ) END AS running
            FROM raw AS q
        ) AS r
    ),
    -- The field's cap likewise, on what the items have left; demerits take no part and free no room.
    of_field AS (
        SELECT
            r.*,
            CASE
                WHEN r.field_cap IS NULL OR NOT r.merit THEN r.item_points
                WHEN r.field_window = 'USE' THEN least(r.item_points, r.field_cap)
                ELSE least(r.field_running, r.field_cap) - least(r.field_running - r.item_points, r.field_cap)
            END AS field_points
        FROM (
            SELECT q.*, CASE WHEN q.field_cap IS NOT NULL THEN sum(q.item_points) OVER (
                PARTITION BY q.citizen_id, q.field_code, q.merit, q.field_group
                ORDER BY q.start_on, q.source_id, q.ref_hash
                ROWS UNBOUNDED PRECEDING
            ) END AS field_running
            FROM of_item AS q
        ) AS r
    )
    SELECT
        o.citizen_id, o.source_id, o.ref_hash, o.item_id, o.field_code, o.merit,
        o.occurred_on, o.ended_on, o.determined_on, o.start_on, o.until_on, o.quantity_x100, o.state,
        CAST(o.raw_points AS integer) AS raw_points,
        CAST(o.field_points AS integer) AS points,
        CASE
            WHEN o.state = 'ANNOUNCED' THEN 'ANNOUNCED'
            WHEN NOT o.standing THEN 'CONTESTED'
            WHEN NOT o.counts OR o.field_points < o.raw_points THEN 'CAPPED'
            ELSE 'COUNTED'
        END AS effect,
        CASE
            WHEN NOT o.standing THEN NULL
            WHEN NOT o.counts THEN 'FACT'
            WHEN o.field_points < o.item_points THEN 'FIELD'
            WHEN o.item_points < o.raw_points THEN 'ITEM'
        END AS cap
    FROM of_field AS o
"""
_TIER: Final = "greatest(least({quantity}, 100 * s.until_quantity) - 100 * s.from_quantity, 0) / (100 * s.per)"


def lines_cte(
    *,
    whose: str = OF_CITIZEN,
    rule_set: str = ":rule_set",
    day: str = ":today",
    known_at: str = ":now",
    state: str = "e.state",
) -> str:
    """The lines as the body of a CTE; every argument is a piece of SQL, and `whose` a condition on the column {}.

    `state` is what a record is once this is the last that is known of it: as it says, unless a later day is meant.
    """
    return _LINES.format(
        state=state,
        whose_events=whose.format("e.citizen_id"),
        whose_records=whose.format("r.citizen_id"),
        rule_set=f"CAST({rule_set} AS integer)",
        day=f"CAST({day} AS date)",
        known_at=f"CAST({known_at} AS timestamptz)",
        tier_group=_WINDOW.format(window="l.tier_window", start="l.start_on"),
        cap_group=_WINDOW.format(window="l.cap_window", start="l.start_on"),
        field_group=_WINDOW.format(window="l.field_window", start="l.start_on"),
        tier_upto=_TIER.format(quantity="a.reached"),
        tier_before=_TIER.format(quantity="a.reached - a.own"),
    )
