"""Storing records and scores: one statement for any number of them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlalchemy import Row, TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.scoring.queries.lines import OF_CITIZENS, lines_cte
from domain.values import Words

_BOOK: Final = text("""
    SELECT p.code, p.content ->> 'timezone' AS timezone, s.content,
        CAST(p.content ->> 'announced_days' AS integer) AS announced_days,
        (SELECT json_object_agg(i.code, i.id) FROM item AS i WHERE i.programme_id = p.id) AS items
    FROM rule_set AS s
    JOIN programme AS p ON p.id = s.programme_id
    WHERE s.id = :rule_set AND p.id = :programme
""")
_MARK: Final = text("""
    INSERT INTO delivery (source_id, reference, content)
    SELECT :source, d.reference, d.content
    FROM unnest(CAST(:references AS bigint[]), CAST(:contents AS bigint[])) AS d (reference, content)
    ORDER BY d.reference
    ON CONFLICT ON CONSTRAINT delivery_pkey DO NOTHING
    RETURNING reference
""")
_MARKED: Final = text("""
    SELECT d.reference, d.content
    FROM delivery AS d
    WHERE d.source_id = :source AND d.reference = ANY (CAST(:references AS bigint[]))
""")
# Whoever has not joined, has left or is under 18 has no `scored_from`; facts from before that day are not kept either.
_KEEP: Final = """
    WITH given AS (
        SELECT g.*
        FROM unnest(
            CAST(:citizen_ids AS integer[]), CAST(:identity_digests AS bytea[]), CAST(:item_ids AS integer[]),
            CAST(:ref_hashes AS bigint[]), CAST(:document_hashes AS bigint[]), CAST(:quantities_x100 AS integer[]),
            CAST(:occurred AS date[]), CAST(:ended AS date[]), CAST(:determined AS date[]),
            CAST(:source_refs AS text[]), CAST(:document_ids AS text[]), CAST(:evidences AS text[]),
            CAST(:corrected AS bigint[]))
            AS g (citizen_id, identity_digest, item_id, ref_hash, document_hash, quantity_x100,
                occurred_on, ended_on, determined_on, source_ref, document_id, evidence, corrects)
    ),
    kept AS (
        INSERT INTO credit_record (citizen_id, item_id, source_id, ref_hash, document_hash, quantity_x100,
            occurred_on, ended_on, determined_on, recorded_at)
        SELECT c.id, g.item_id, :source, g.ref_hash, g.document_hash, g.quantity_x100,
            g.occurred_on, g.ended_on, g.determined_on, :now
        FROM given AS g
        JOIN citizen AS c ON c.programme_id = :programme AND {whose}
        WHERE c.scored_from <= {since}
        RETURNING citizen_id, item_id, source_id, ref_hash
    ),
    documents AS (
        INSERT INTO record_document (citizen_id, source_id, ref_hash, source_ref, document_id, evidence, corrects)
        SELECT k.citizen_id, k.source_id, k.ref_hash, g.source_ref, g.document_id, g.evidence, g.corrects
        FROM kept AS k
        JOIN given AS g ON g.ref_hash = k.ref_hash
    )
    SELECT k.citizen_id, k.item_id FROM kept AS k ORDER BY k.citizen_id, k.ref_hash
"""
_KEEP_BY_DIGEST: Final = text(_KEEP.format(whose="c.identity_digest = g.identity_digest", since="g.occurred_on"))
_KEEP_BY_CITIZEN: Final = text(_KEEP.format(whose="c.id = g.citizen_id", since="g.occurred_on"))
# At the citizen's own wish facts from before that day count as well.
_KEEP_EARLIER: Final = text(_KEEP.format(whose="c.id = g.citizen_id", since="CAST('infinity' AS date)"))
_LOCK: Final = text("""
    SELECT c.id
    FROM citizen AS c
    WHERE c.id = ANY (CAST(:citizens AS integer[])) AND c.scored_from IS NOT NULL
    ORDER BY c.id
    FOR NO KEY UPDATE
""")
_RESCORE: Final = text(f"""
    WITH lines AS ({lines_cte(whose=OF_CITIZENS)}),
    totals AS (
        SELECT c.id AS citizen_id, c.person_id, s.base_points, min(l.until_on) AS valid_until,
            CAST(greatest(s.floor_points, least(s.ceiling_points, s.base_points + coalesce(sum(l.points), 0)))
                AS integer) AS points
        FROM citizen AS c
        JOIN rule_set AS s ON s.id = CAST(:rule_set AS integer)
        LEFT JOIN lines AS l ON l.citizen_id = c.id
        WHERE c.id = ANY (CAST(:citizens AS integer[])) AND c.scored_from IS NOT NULL
        GROUP BY c.id, s.id
    ),
    written AS (
        INSERT INTO score AS k (citizen_id, rule_set_id, points, as_of, valid_until, computed_at)
        SELECT t.citizen_id, CAST(:rule_set AS integer), t.points, CAST(:today AS date), t.valid_until,
            CAST(:now AS timestamptz)
        FROM totals AS t
        ORDER BY t.citizen_id
        ON CONFLICT ON CONSTRAINT score_pkey DO UPDATE
            SET rule_set_id = excluded.rule_set_id, points = excluded.points, as_of = excluded.as_of,
                valid_until = excluded.valid_until, computed_at = excluded.computed_at
            WHERE (k.rule_set_id, k.points, k.valid_until)
                IS DISTINCT FROM (excluded.rule_set_id, excluded.points, excluded.valid_until)
        RETURNING new.citizen_id AS citizen_id, old.points AS before, new.points AS after
    ),
    changed AS (
        INSERT INTO score_change (citizen_id, at, before, after, cause)
        SELECT w.citizen_id, CAST(:now AS timestamptz), coalesce(w.before, t.base_points), w.after,
            CAST(:causes AS jsonb) -> CAST(w.citizen_id AS text)
        FROM written AS w
        JOIN totals AS t ON t.citizen_id = w.citizen_id
        WHERE coalesce(w.before, t.base_points) <> w.after
        ORDER BY w.citizen_id
        RETURNING citizen_id
    )
    -- The phone hears of it: same row as outbox.publish writes, for all of them at once.
    INSERT INTO outbox (at, topic, person_id, subject)
    SELECT CAST(:now AS timestamptz), 'scoreChanged', t.person_id, CAST(t.citizen_id AS text)
    FROM changed AS h
    JOIN totals AS t ON t.citizen_id = h.citizen_id
    ORDER BY t.citizen_id
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRecord:
    """One record to store, for a citizen by number, or by the digest of their identity.

    `corrects` is the hash of the record whose place it takes.
    """

    item_id: int
    ref_hash: int
    source_ref: str
    occurred_on: date
    ended_on: date | None
    determined_on: date | None
    quantity_x100: int | None
    document_id: str | None
    document_hash: int | None
    evidence: str
    citizen_id: int | None = None
    identity_digest: bytes | None = None
    corrects: int | None = None


async def rule_book(session: AsyncSession, *, programme_id: int, rule_set_id: int) -> Row[tuple[object, ...]]:
    """The programme's code and time zone, the rule set's document, and the number behind each item's code."""
    return (await session.execute(_BOOK, params={"programme": programme_id, "rule_set": rule_set_id})).one()


async def mark_deliveries(session: AsyncSession, *, source_id: int, contents: Mapping[int, int]) -> set[int]:
    """Notes the digests of references and their contents; gives the references that are new."""
    values = {"source": source_id, "references": list(contents), "contents": list(contents.values())}
    return set((await session.execute(_MARK, params=values)).scalars())


async def marked_deliveries(session: AsyncSession, *, source_id: int, references: Sequence[int]) -> dict[int, int]:
    """What each of these references stands for already."""
    values = {"source": source_id, "references": list(references)}
    return {row.reference: row.content for row in await session.execute(_MARKED, params=values)}


async def keep_records(
    session: AsyncSession, now: datetime, *, programme_id: int, source_id: int, records: Sequence[NewRecord]
) -> list[tuple[int, int]]:
    """Stores the records of those who have a score, found by the digest of their identity; gives citizen and item."""
    return await _keep(session, _KEEP_BY_DIGEST, now, programme_id, source_id, records)


async def keep_records_of_citizens(
    session: AsyncSession, now: datetime, *, programme_id: int, source_id: int, records: Sequence[NewRecord]
) -> list[tuple[int, int]]:
    """The same for citizens that this transaction knows by number."""
    return await _keep(session, _KEEP_BY_CITIZEN, now, programme_id, source_id, records)


async def keep_earlier_records(
    session: AsyncSession, now: datetime, *, programme_id: int, source_id: int, records: Sequence[NewRecord]
) -> list[tuple[int, int]]:
    """The same, and facts from before they joined too: for who has said so."""
    return await _keep(session, _KEEP_EARLIER, now, programme_id, source_id, records)


async def _keep(
    session: AsyncSession,
    statement: TextClause,
    now: datetime,
    programme_id: int,
    source_id: int,
    records: Sequence[NewRecord],
) -> list[tuple[int, int]]:
    values = {
        "citizen_ids": [one.citizen_id for one in records],
        "identity_digests": [one.identity_digest for one in records],
        "item_ids": [one.item_id for one in records],
        "ref_hashes": [one.ref_hash for one in records],
        "document_hashes": [one.document_hash for one in records],
        "quantities_x100": [one.quantity_x100 for one in records],
        "occurred": [one.occurred_on for one in records],
        "ended": [one.ended_on for one in records],
        "determined": [one.determined_on for one in records],
        "source_refs": [one.source_ref for one in records],
        "document_ids": [one.document_id for one in records],
        "evidences": [one.evidence for one in records],
        "corrected": [one.corrects for one in records],
        "programme": programme_id,
        "source": source_id,
        "now": now,
    }
    return [(row.citizen_id, row.item_id) for row in await session.execute(statement, params=values)]


async def lock_scores(session: AsyncSession, *, citizens: Sequence[int]) -> list[int]:
    """Locks those of the citizens who have a score, in order: what is summed next sees what others have stored."""
    return list((await session.execute(_LOCK, params={"citizens": list(citizens)})).scalars())


async def rescore(
    session: AsyncSession,
    now: datetime,
    *,
    citizens: Sequence[int],
    rule_set_id: int,
    today: date,
    causes: Mapping[int, Words],
) -> None:
    """Computes the stored scores again; writes those that differ, a change for each that moved, and tells the phone."""
    spoken = {citizen: {"zh": cause.zh, "en": cause.en} for citizen, cause in causes.items()}
    values = {"citizens": list(citizens), "rule_set": rule_set_id, "today": today, "now": now}
    await session.execute(_RESCORE, params={**values, "causes": json.dumps(spoken)})
