"""SQL over programmes and their rule sets: what is published, and how a document is written down."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

_PROGRAMMES = text("SELECT id, code, content FROM programme ORDER BY id")
_RULE_SETS = text("""
    SELECT r.id, r.programme_id, r.version, r.status, r.effective_from, r.effective_until, r.content,
        r.status = 'PUBLISHED' OR EXISTS (SELECT FROM consultation AS c WHERE c.rule_set_id = r.id) AS public
    FROM rule_set AS r
    ORDER BY r.programme_id, r.version
""")
_RULE_SET_ON = text("""
    SELECT id, version, content
    FROM rule_set
    WHERE programme_id = :programme
      AND status = 'PUBLISHED'
      AND effective_from <= :day
      AND (effective_until IS NULL OR effective_until > :day)
""")
_ORGANISATIONS = text("""
    SELECT o.id, o.programme_id, o.code, o.kind, o.name, o.category, o.address, o.lat, o.lon, o.status,
        c.version, c.digest, c.body, c.signed_on
    FROM organisation AS o
    LEFT JOIN LATERAL (
        SELECT s.version, s.digest, s.body, s.signed_on
        FROM commitment AS s
        WHERE s.organisation_id = o.id
        ORDER BY s.version DESC
        LIMIT 1
    ) AS c ON true
    ORDER BY o.id
""")
_ITEMS = text("SELECT id, programme_id, code FROM item ORDER BY id")
_DESK = text("""
    SELECT p.id AS programme_id, p.code AS programme, o.id AS source_id, o.status, s.id AS rule_set_id,
        CAST(CAST(:now AS timestamptz) AT TIME ZONE (p.content ->> 'timezone') AS date) AS today,
        ARRAY(
            SELECT i ->> 'code'
            FROM jsonb_array_elements(s.content -> 'items') AS i
            JOIN jsonb_array_elements(p.content -> 'catalogue') AS e ON e ->> 'code' = i ->> 'catalogue'
            WHERE e ->> 'department' = o.code
        ) AS items
    FROM organisation AS o
    JOIN programme AS p ON p.id = o.programme_id
    JOIN rule_set AS s ON s.programme_id = p.id AND s.status = 'PUBLISHED'
    WHERE o.id = :organisation
      AND s.effective_from <= CAST(CAST(:now AS timestamptz) AT TIME ZONE (p.content ->> 'timezone') AS date)
      AND (s.effective_until IS NULL
        OR s.effective_until > CAST(CAST(:now AS timestamptz) AT TIME ZONE (p.content ->> 'timezone') AS date))
""")
_WAS_PUBLISHED = text("""
    SELECT EXISTS (
        SELECT FROM rule_set AS r
        WHERE r.programme_id = :programme AND r.status = 'PUBLISHED' AND r.content = CAST(:content AS jsonb))
""")
_SAVE_PROGRAMME = text("""
    INSERT INTO programme (code, content) VALUES (:code, CAST(:content AS jsonb))
    ON CONFLICT ON CONSTRAINT programme_code_key DO UPDATE SET content = excluded.content
    RETURNING id
""")
_SAVE_ORGANISATIONS = text("""
    INSERT INTO organisation (programme_id, code, kind, name, category, address, lat, lon)
    SELECT :programme, o.code, o.kind, o.name, o.category, o.address, o.lat, o.lon
    FROM jsonb_to_recordset(CAST(:organisations AS jsonb))
        AS o (code text, kind text, name jsonb, category jsonb, address jsonb, lat float, lon float)
    ON CONFLICT ON CONSTRAINT organisation_code_key DO UPDATE
        SET name = excluded.name, category = excluded.category, address = excluded.address
    RETURNING id, code
""")
_SAVE_CONSENT_TEXTS = text("""
    INSERT INTO consent_text (programme_id, purpose, version, title, body, digest, since)
    SELECT :programme, c.purpose, c.version, c.title, c.text, c.digest, CAST(:today AS date)
    FROM jsonb_to_recordset(CAST(:texts AS jsonb))
        AS c (purpose text, version integer, title jsonb, text jsonb, digest text)
    ON CONFLICT ON CONSTRAINT consent_text_pkey DO NOTHING
""")
_SAVE_ITEMS = text("""
    INSERT INTO item (programme_id, code)
    SELECT :programme, code FROM unnest(CAST(:codes AS text[])) AS code
    ON CONFLICT ON CONSTRAINT item_code_key DO NOTHING
""")
_CLOSE_RULE_SET = text("""
    UPDATE rule_set SET effective_until = :effective_from
    WHERE programme_id = :programme AND status = 'PUBLISHED' AND effective_until IS NULL
""")
_SAVE_RULE_SET = text("""
    INSERT INTO rule_set (programme_id, version, status, base_points, floor_points, ceiling_points, content, drafted_by)
    SELECT :programme, coalesce(max(r.version), 0) + 1, 'DRAFT',
        :base_points, :floor_points, :ceiling_points, CAST(:content AS jsonb), CAST(:drafted_by AS bigint)
    FROM rule_set AS r
    WHERE r.programme_id = :programme
    RETURNING id
""")
_PUT_IN_FORCE = text("""
    UPDATE rule_set SET status = 'PUBLISHED', effective_from = :effective_from WHERE id = :rule_set
""")
_SAVE_FIELDS = text("""
    INSERT INTO rule_field (rule_set_id, code, cap_points, cap_window)
    SELECT r.id, f.code, f.cap_points, f.cap_window
    FROM rule_set AS r, jsonb_to_recordset(r.content -> 'fields') AS f (code text, cap_points integer, cap_window text)
    WHERE r.id = :rule_set
""")
_SAVE_RULE_ITEMS = text("""
    INSERT INTO rule_item (rule_set_id, item_id, field_code, merit, points, tier_window, cap_points, cap_window,
        valid_months, counts_from, fact_key)
    SELECT r.id, i.id, d.field, d.merit, d.points, d.tier_window, d.cap_points, d.cap_window,
        d.valid_months, d.counts_from, d.fact_key
    FROM rule_set AS r
    CROSS JOIN jsonb_to_recordset(r.content -> 'items') AS d (code text, field text, merit boolean, points integer,
        tier_window text, cap_points integer, cap_window text, valid_months integer, counts_from text, fact_key text[])
    JOIN item AS i ON i.programme_id = r.programme_id AND i.code = d.code
    WHERE r.id = :rule_set
""")
_SAVE_TIERS = text("""
    INSERT INTO rule_tier (rule_set_id, item_id, from_quantity, until_quantity, per)
    SELECT r.id, i.id, t.above, t.until, t.per
    FROM rule_set AS r
    CROSS JOIN jsonb_array_elements(r.content -> 'items') AS d
    CROSS JOIN jsonb_to_recordset(d -> 'tiers') AS t (above integer, until integer, per integer)
    JOIN item AS i ON i.programme_id = r.programme_id AND i.code = d ->> 'code'
    WHERE r.id = :rule_set
""")


async def programmes(session: AsyncSession) -> Sequence[Row[tuple[int, str, dict[str, object]]]]:
    """All programmes with their texts and settings."""
    return (await session.execute(_PROGRAMMES)).all()


async def rule_sets(session: AsyncSession) -> Sequence[Row[tuple[object, ...]]]:
    """Every rule set, oldest version first; `public` once it has been shown to everybody."""
    return (await session.execute(_RULE_SETS)).all()


async def rule_set_on(session: AsyncSession, *, programme_id: int, day: date) -> Row[tuple[object, ...]] | None:
    """The rule set in force on a day."""
    return (await session.execute(_RULE_SET_ON, params={"programme": programme_id, "day": day})).one_or_none()


async def was_published(session: AsyncSession, *, programme_id: int, content: object) -> bool:
    """Whether rules of exactly this content were in force at any time, or will be."""
    values = {"programme": programme_id, "content": json.dumps(content)}
    return bool((await session.execute(_WAS_PUBLISHED, params=values)).scalar_one())


async def organisations(session: AsyncSession) -> Sequence[Row[tuple[object, ...]]]:
    """All organisations: shops, utilities, departments, volunteer bodies, schools; and what each has signed last."""
    return (await session.execute(_ORGANISATIONS)).all()


async def items(session: AsyncSession) -> Sequence[Row[tuple[int, int, str]]]:
    """The stable number behind each item's code."""
    return (await session.execute(_ITEMS)).all()


async def desk(session: AsyncSession, now: datetime, *, organisation_id: int) -> Row[tuple[object, ...]] | None:
    """What a department may deliver by the rules in force: its programme, the day, and its items' codes."""
    return (await session.execute(_DESK, params={"organisation": organisation_id, "now": now})).one_or_none()


async def save_programme(session: AsyncSession, *, code: str, content: Mapping[str, object]) -> int:
    """Writes a programme's texts and settings, new or again."""
    row = await session.execute(_SAVE_PROGRAMME, params={"code": code, "content": json.dumps(content)})
    return int(row.one()[0])


async def save_organisations(
    session: AsyncSession, *, programme_id: int, organisations: Sequence[Mapping[str, object]]
) -> dict[str, int]:
    """Writes a programme's organisations; gives the number behind each code."""
    values = {"programme": programme_id, "organisations": json.dumps(organisations)}
    rows = (await session.execute(_SAVE_ORGANISATIONS, params=values)).all()
    return {row.code: row.id for row in rows}


async def save_consent_texts(
    session: AsyncSession, *, programme_id: int, texts: Sequence[Mapping[str, object]], today: date
) -> None:
    """Writes the consent texts, new ones as of today; a version once published never changes."""
    values = {"programme": programme_id, "texts": json.dumps(texts), "today": today}
    await session.execute(_SAVE_CONSENT_TEXTS, params=values)


async def save_items(session: AsyncSession, *, programme_id: int, codes: Sequence[str]) -> None:
    """Gives a stable number to every item code that has none yet."""
    await session.execute(_SAVE_ITEMS, params={"programme": programme_id, "codes": list(codes)})


async def close_rule_set(session: AsyncSession, *, programme_id: int, effective_from: date) -> None:
    """The open version ends where the next begins."""
    await session.execute(_CLOSE_RULE_SET, params={"programme": programme_id, "effective_from": effective_from})


async def save_draft(
    session: AsyncSession, *, programme_id: int, scale: Mapping[str, int], content: object, drafted_by: int | None
) -> int:
    """Writes the next version of the rules. `scale` holds base_points, floor_points and ceiling_points."""
    values = {"programme": programme_id, "drafted_by": drafted_by, "content": json.dumps(content), **scale}
    return int((await session.execute(_SAVE_RULE_SET, params=values)).one()[0])


async def put_in_force(session: AsyncSession, *, rule_set_id: int, effective_from: date) -> None:
    """Publishes a version from a day on."""
    await session.execute(_PUT_IN_FORCE, params={"rule_set": rule_set_id, "effective_from": effective_from})


async def unfold_fields(session: AsyncSession, *, rule_set_id: int) -> None:
    """Copies the fields out of a rule set's document into columns."""
    await session.execute(_SAVE_FIELDS, params={"rule_set": rule_set_id})


async def unfold_items(session: AsyncSession, *, rule_set_id: int) -> None:
    """Copies the items out of a rule set's document into columns."""
    await session.execute(_SAVE_RULE_ITEMS, params={"rule_set": rule_set_id})


async def unfold_tiers(session: AsyncSession, *, rule_set_id: int) -> None:
    """Copies the tiers out of a rule set's document into columns."""
    await session.execute(_SAVE_TIERS, params={"rule_set": rule_set_id})
