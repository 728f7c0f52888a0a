"""SQL over training, awards and evaluations of volunteers."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.values import Fragment, Words
from domain.volunteering.rules.records import Taker

_TAKER = text("""
    SELECT v.id, v.person_id, v.wrapped_key, count(s.id) > 0 AS took_part,
        count(s.id) FILTER (WHERE s.started_at >= :from_at AND s.started_at < :until_at) > 0 AS served_that_day
    FROM volunteer AS v
    LEFT JOIN service AS s ON s.volunteer_id = v.id AND s.organisation_id = :organisation
        AND s.status IN ('AWAITING_CONFIRMATION', 'ESCALATED', 'CONFIRMED')
    WHERE v.number = :number AND v.programme_id = :programme AND v.left_at IS NULL AND agrees_to_records(v.id)
    GROUP BY v.id
""")
_ADD = text("""
    INSERT INTO volunteer_record (programme_id, organisation_id, volunteer_id, kind, dated_on, fact, sealed_content,
        recorded_at, recorded_by_person)
    VALUES (:programme, :organisation, :volunteer, :kind, :on, :fact, :sealed_content, :now, :person)
    ON CONFLICT DO NOTHING
    RETURNING id
""")
_LOCK = text("""
    SELECT r.id, r.organisation_id, r.volunteer_id, r.kind, r.dated_on, v.number, v.person_id, v.wrapped_key,
        r.sealed_content, r.declined_at
    FROM volunteer_record AS r
    JOIN volunteer AS v ON v.id = r.volunteer_id
    WHERE r.id = :record
    FOR NO KEY UPDATE OF r
""")
# The digest stays that of the first writing: what was wrong is not recorded again.
_CORRECT = text("""
    UPDATE volunteer_record
    SET dated_on = :on, sealed_content = :sealed_content, corrected_at = :now, recorded_by_person = :person
    WHERE id = :record
""")
_DECLINE = text("""
    UPDATE volunteer_record SET sealed_content = NULL, declined_at = :now
    WHERE id = :record AND declined_at IS NULL
""")
_PAGE = text("""
    SELECT r.id, p.code AS platform, o.name AS organisation, v.number, v.wrapped_key, r.kind, r.dated_on,
        r.sealed_content
    FROM volunteer_record AS r
    JOIN volunteer AS v ON v.id = r.volunteer_id
    JOIN organisation AS o ON o.id = r.organisation_id
    JOIN programme AS p ON p.id = r.programme_id
    WHERE r.organisation_id = :organisation AND r.declined_at IS NULL AND r.id > :after
      AND r.dated_on >= :since AND r.dated_on <= :until
    ORDER BY r.id
    LIMIT :limit
""")
# r: the record, v: its volunteer, o: who recorded it.
_RECORD = """json_build_object(
        'id', r.id, 'kind', r.kind, 'on', r.dated_on, 'organisation', o.name, 'corrected_at', r.corrected_at,
        'volunteer', v.id, 'number', v.number, 'minor', coalesce(v.minor_until > :today, false),
        'key', encode(v.wrapped_key, 'base64'), 'call_name', encode(v.sealed_call_name, 'base64'),
        'content', encode(r.sealed_content, 'base64'))"""
_FROM = """FROM volunteer_record AS r
            JOIN volunteer AS v ON v.id = r.volunteer_id
            JOIN organisation AS o ON o.id = r.organisation_id"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRecord:
    """A record as it is kept; without content once it was declined."""

    id: int
    organisation_id: int
    volunteer_id: int
    kind: str
    dated_on: date
    number: str
    person_id: int
    wrapped_key: bytes | None
    sealed_content: bytes | None
    declined_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRecord:
    """A record to be kept."""

    volunteer_id: int
    kind: str
    on: date
    fact: bytes
    sealed_content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedRecord:
    """A record on its way to another platform, still sealed."""

    id: int
    platform: str
    organisation: Words
    number: str
    wrapped_key: bytes | None
    kind: str
    dated_on: date
    sealed_content: bytes


async def taker(
    session: AsyncSession, *, number: str | None, whose: tuple[int, int], day: tuple[datetime, datetime]
) -> Taker | None:
    """The volunteer of a number, as one organisation knows them. `whose`: programme and organisation."""
    values = {"number": number, "programme": whose[0], "organisation": whose[1]}
    row = (await session.execute(_TAKER, {**values, "from_at": day[0], "until_at": day[1]})).one_or_none()
    return None if row is None else Taker(**row._mapping)


async def add(
    session: AsyncSession, now: datetime, *, new: NewRecord, whose: tuple[int, int], person_id: int | None
) -> int | None:
    """Keeps a record; None when this fact is there already. `whose`: programme and organisation."""
    values = {
        "programme": whose[0],
        "organisation": whose[1],
        "volunteer": new.volunteer_id,
        "kind": new.kind,
        "on": new.on,
        "fact": new.fact,
        "sealed_content": new.sealed_content,
        "now": now,
        "person": person_id,
    }
    return (await session.execute(_ADD, values)).scalar_one_or_none()


async def lock(session: AsyncSession, *, record_id: int) -> StoredRecord | None:
    """A record of the caller's own, or of their organisation; locked."""
    row = (await session.execute(_LOCK, {"record": record_id})).one_or_none()
    return None if row is None else StoredRecord(**row._mapping)


async def correct(
    session: AsyncSession, now: datetime, *, record_id: int, new: NewRecord, person_id: int | None
) -> None:
    """Writes a record anew."""
    values = {"on": new.on, "sealed_content": new.sealed_content, "now": now, "person": person_id}
    await session.execute(_CORRECT, {"record": record_id, **values})


async def decline(session: AsyncSession, now: datetime, *, record_id: int) -> None:
    """Deletes what a record says. That there was one stays, so that it is not recorded again."""
    await session.execute(_DECLINE, {"record": record_id, "now": now})


async def page(
    session: AsyncSession, *, organisation_id: int, between: tuple[date, date], after: int, limit: int
) -> list[ExportedRecord]:
    """An organisation's records, the oldest first; the key of a page is the id."""
    values = {"organisation": organisation_id, "since": between[0], "until": between[1], "after": after, "limit": limit}
    return [
        ExportedRecord(**{**row._mapping, "organisation": Words(**row.organisation)})
        for row in await session.execute(_PAGE, values)
    ]


def own_fragment() -> Fragment:
    """What is kept about a volunteer, the latest first; the newest hundred."""
    return Fragment(
        sql=f"""
        SELECT coalesce(json_agg(p.shape ORDER BY p.dated_on DESC, p.id DESC), '[]')
        FROM (
            SELECT r.id, r.dated_on, {_RECORD} AS shape
            {_FROM}
            WHERE r.volunteer_id = :volunteer AND r.declined_at IS NULL
            ORDER BY r.dated_on DESC, r.id DESC
            LIMIT 100
        ) AS p
        """
    )


def record_fragment(name: str, *, record_id: int, organisation_id: int | None) -> Fragment:
    """One record: of the volunteer's own, or of the organiser's organisation."""
    return Fragment(
        sql=f"""
        SELECT {_RECORD}
        {_FROM}
        WHERE r.id = :{name}_id AND (r.volunteer_id = :volunteer
            OR r.organisation_id = CAST(:{name}_organisation AS bigint))
        """,
        binds={f"{name}_id": record_id, f"{name}_organisation": organisation_id},
    )


def desk_fragment(name: str, *, organisation_id: int, first: int, before: int | None) -> Fragment:
    """What an organisation has recorded, the latest first; the key of a page is the id."""
    return Fragment(
        sql=f"""
        SELECT coalesce(json_agg(p.shape ORDER BY p.id DESC), '[]')
        FROM (
            SELECT r.id, {_RECORD} AS shape
            {_FROM}
            WHERE r.organisation_id = :{name}_organisation AND r.declined_at IS NULL
              AND (CAST(:{name}_before AS bigint) IS NULL OR r.id < CAST(:{name}_before AS bigint))
            ORDER BY r.id DESC
            LIMIT :{name}_limit
        ) AS p
        """,
        binds={f"{name}_organisation": organisation_id, f"{name}_before": before, f"{name}_limit": first + 1},
    )
