"""SQL over records of service that come from another platform or go to one."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.volunteering.queries.events import draft_values
from domain.volunteering.rules.exchange import FORMAT, Claim

# In the record groups of the law; what nobody has recorded is empty, not left out.
_EXPORT = text("""
    SELECT s.id, CAST(json_build_object(
        'format', CAST(:format AS text),
        'platform', p.code,
        'ref', CAST(s.id AS text),
        'personal', json_build_object('volunteerNumber', v.number),
        'service', json_build_object(
            'activity', json_build_object('title', e.title, 'type', e.activity_type, 'place', e.place,
                'organiser', o.name),
            'from', s.started_at, 'until', s.ended_at, 'hours', CAST(s.minutes AS float8) / 60, 'status', s.status,
            'enteredBy', s.entered_by, 'confirmedAt', CASE WHEN s.status = 'CONFIRMED' THEN s.decided_at END),
        'training', json_build_array(),
        'awards', json_build_array(),
        'evaluation', CAST(NULL AS text)) AS text) AS line
    FROM service AS s
    JOIN event AS e ON e.id = s.event_id
    JOIN organisation AS o ON o.id = s.organisation_id
    JOIN programme AS p ON p.id = s.programme_id
    JOIN volunteer AS v ON v.id = s.volunteer_id
    WHERE s.organisation_id = :organisation AND s.ended_at IS NOT NULL AND s.id > :after
      AND s.started_at >= :from_at AND s.started_at < :until_at
    ORDER BY s.id
    LIMIT :limit
""")
_BY_NUMBER = text("SELECT volunteer_by_number(:number)")
_ADD_EVENT = text("""
    INSERT INTO event (programme_id, organisation_id, title, description, place, lat, lon, starts_at, ends_at,
        capacity, taken, activity_type, minimum_age, insured, created_by, ref)
    VALUES (:programme, :organisation, :title, :description, :place, :lat, :lon, :starts_at, :ends_at,
        :capacity, 1, :activity_type, :minimum_age, :insured, :person, :ref)
    ON CONFLICT ON CONSTRAINT event_ref_key DO NOTHING
    RETURNING id
""")


async def export_lines(
    session: AsyncSession, *, organisation_id: int, between: tuple[datetime, datetime], after: int, limit: int
) -> list[tuple[int, str]]:
    """An organisation's records of service, each as a line of the format; the key of a page is the id."""
    values = {
        "format": FORMAT,
        "organisation": organisation_id,
        "from_at": between[0],
        "until_at": between[1],
        "after": after,
        "limit": limit,
    }
    return [(row.id, row.line) for row in await session.execute(_EXPORT, values)]


async def volunteer_by_number(session: AsyncSession, *, number: str) -> int | None:
    """Who has this number in the programme."""
    found: int | None = (await session.execute(_BY_NUMBER, {"number": number})).scalar_one()
    return found


async def add_event(
    session: AsyncSession, *, whose: tuple[int, int], person_id: int | None, claim: Claim
) -> int | None:
    """The event behind a claim; None when this very claim was taken before. `whose`: programme and organisation."""
    values = {"programme": whose[0], "organisation": whose[1], "person": person_id, "ref": claim.event_ref}
    return (await session.execute(_ADD_EVENT, {**values, **draft_values(claim.draft)})).scalar_one_or_none()


def as_file(lines: Sequence[tuple[int, str]]) -> str:
    """The lines as one text."""
    return "".join(f"{line}\n" for _, line in lines)
