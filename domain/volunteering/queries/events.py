"""SQL over events and sign-ups. Whatever changes an event's seats has locked its row first."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.volunteering.rules.events import EventDraft, EventState

_STATE = """
    SELECT e.id, e.programme_id, e.organisation_id, e.starts_at, e.ends_at, e.minimum_age,
        e.cancelled_at IS NOT NULL AS cancelled
    FROM event AS e
    WHERE e.id = :event
"""
_EVENT = text(_STATE)
_LOCK_EVENT = text(_STATE + "FOR NO KEY UPDATE")
_ADD_EVENT = text("""
    INSERT INTO event (programme_id, organisation_id, title, description, place, lat, lon, starts_at, ends_at,
        capacity, activity_type, minimum_age, insured, created_by)
    VALUES (:programme, :organisation, :title, :description, :place, :lat, :lon, :starts_at, :ends_at,
        :capacity, :activity_type, :minimum_age, :insured, :person)
    RETURNING id
""")
_ADD_EVENTS = text("""
    INSERT INTO event (programme_id, organisation_id, title, description, place, lat, lon, starts_at, ends_at,
        capacity, activity_type, minimum_age, insured, ref)
    SELECT :programme, d.organisation_id, d.title, d.description, d.place, d.lat, d.lon, d.starts_at, d.ends_at,
        d.capacity, d.activity_type, d.minimum_age, d.insured, d.ref
    FROM jsonb_to_recordset(CAST(:events AS jsonb)) AS d (organisation_id bigint, ref text, title text,
        description text, place text, lat float, lon float, starts_at timestamptz, ends_at timestamptz,
        capacity integer, activity_type text, minimum_age integer, insured boolean)
    ON CONFLICT ON CONSTRAINT event_ref_key DO UPDATE
        SET ends_at = excluded.ends_at, capacity = greatest(excluded.capacity, event.taken)
        WHERE event.cancelled_at IS NULL
          AND (event.ends_at <> excluded.ends_at OR event.capacity < excluded.capacity)
    RETURNING id
""")
_CHANGE_EVENT = text("""
    UPDATE event
    SET title = :title, description = :description, place = :place, lat = :lat, lon = :lon, starts_at = :starts_at,
        ends_at = :ends_at, capacity = :capacity, activity_type = :activity_type, minimum_age = :minimum_age,
        insured = :insured
    WHERE id = :event AND taken <= :capacity
    RETURNING true
""")
_SEAT_WAITING = text("""
    WITH seated AS (
        UPDATE sign_up AS s SET status = 'SIGNED_UP'
        WHERE s.event_id = :event AND s.volunteer_id IN (
            SELECT w.volunteer_id FROM sign_up AS w
            WHERE w.event_id = :event AND w.status = 'WAITING'
            ORDER BY w.at, w.volunteer_id
            LIMIT (SELECT e.capacity - e.taken FROM event AS e WHERE e.id = :event))
        RETURNING s.volunteer_id
    ),
    counted AS (
        UPDATE event SET taken = taken + (SELECT count(*) FROM seated) WHERE id = :event
    )
    SELECT v.person_id FROM seated AS s JOIN volunteer AS v ON v.id = s.volunteer_id ORDER BY v.person_id
""")
_SIGNED_UP = text("""
    SELECT v.person_id
    FROM sign_up AS s JOIN volunteer AS v ON v.id = s.volunteer_id
    WHERE s.event_id = :event AND s.status IN ('SIGNED_UP', 'WAITING')
    ORDER BY v.person_id
""")
_CANCEL_EVENT = text("""
    UPDATE event SET cancelled_at = :now, cancelled_reason = :reason WHERE id = :event
    RETURNING title
""")
_CANCEL_SIGN_UPS = text("""
    UPDATE sign_up AS s SET status = 'CANCELLED'
    FROM volunteer AS v
    WHERE s.event_id = :event AND s.status IN ('SIGNED_UP', 'WAITING') AND v.id = s.volunteer_id
    RETURNING v.person_id
""")
_TAKE_SEAT = text("""
    UPDATE event SET taken = taken + 1
    WHERE id = :event AND taken < capacity AND cancelled_at IS NULL
    RETURNING true
""")
_GIVE_SEAT_BACK = text("UPDATE event SET taken = taken - 1 WHERE id = :event")
_SEAT_FIRST_WAITING = text("SELECT seat_first_waiting(:event)")
_TELL_MOVED_UP = text("SELECT tell_moved_up(:event, :person, :kind, :subject, :now)")
_STANDING = text("SELECT status FROM sign_up WHERE event_id = :event AND volunteer_id = :volunteer")
_LOCK_STANDING = text("SELECT status FROM sign_up WHERE event_id = :event AND volunteer_id = :volunteer FOR UPDATE")
_SAVE_SIGN_UP = text("""
    INSERT INTO sign_up (event_id, volunteer_id, status, at)
    VALUES (:event, :volunteer, :status, :now)
    ON CONFLICT ON CONSTRAINT sign_up_pkey DO UPDATE SET status = excluded.status, at = excluded.at
""")
_SET_STANDING = text("UPDATE sign_up SET status = :status WHERE event_id = :event AND volunteer_id = :volunteer")
_SIGNED_UP_FOR = text("""
    SELECT e.id
    FROM sign_up AS s
    JOIN event AS e ON e.id = s.event_id
    WHERE s.volunteer_id = :volunteer AND s.status IN ('SIGNED_UP', 'WAITING')
      AND e.ends_at > :now AND e.cancelled_at IS NULL
    ORDER BY e.id
""")
# Typed digits name no event: they can only mean one that this volunteer holds a seat in and that is on.
_ATTENDABLE = text("""
    SELECT e.id
    FROM sign_up AS s
    JOIN event AS e ON e.id = s.event_id
    WHERE s.volunteer_id = :volunteer AND s.status IN ('SIGNED_UP', 'CHECKED_IN')
      AND e.starts_at <= :latest_start AND e.ends_at >= :earliest_end
    ORDER BY e.starts_at, e.id
""")


async def event(session: AsyncSession, *, event_id: int) -> EventState | None:
    """An event as it stands."""
    return _state((await session.execute(_EVENT, {"event": event_id})).one_or_none())


async def lock_event(session: AsyncSession, *, event_id: int) -> EventState | None:
    """An event, locked: its seats and waiting list change one at a time."""
    return _state((await session.execute(_LOCK_EVENT, {"event": event_id})).one_or_none())


async def add_event(
    session: AsyncSession, *, programme_id: int, organisation_id: int, person_id: int | None, draft: EventDraft
) -> int:
    """Publishes one event."""
    values = {"programme": programme_id, "organisation": organisation_id, "person": person_id, **draft_values(draft)}
    return int((await session.execute(_ADD_EVENT, values)).scalar_one())


async def add_events(
    session: AsyncSession, *, programme_id: int, events: Sequence[Mapping[str, object]]
) -> Sequence[int]:
    """Takes over many events; those known by organisation and reference stay as they are."""
    values = {"programme": programme_id, "events": json.dumps(events, default=str)}
    return (await session.execute(_ADD_EVENTS, values)).scalars().all()


async def change_event(session: AsyncSession, *, event_id: int, draft: EventDraft) -> bool:
    """Describes an event anew; False when more seats are taken than it would have."""
    values = {"event": event_id, **draft_values(draft)}
    return (await session.execute(_CHANGE_EVENT, values)).one_or_none() is not None


async def seat_waiting(session: AsyncSession, *, event_id: int) -> Sequence[int]:
    """Gives all free seats to whoever waits, in their order; the people to be told."""
    return (await session.execute(_SEAT_WAITING, {"event": event_id})).scalars().all()


async def signed_up(session: AsyncSession, *, event_id: int) -> Sequence[int]:
    """The people who hold a seat or wait for one."""
    return (await session.execute(_SIGNED_UP, {"event": event_id})).scalars().all()


async def cancel_event(session: AsyncSession, *, event_id: int, reason: str, now: datetime) -> str:
    """Calls an event off; gives its title."""
    return str((await session.execute(_CANCEL_EVENT, {"event": event_id, "reason": reason, "now": now})).scalar_one())


async def cancel_sign_ups(session: AsyncSession, *, event_id: int) -> Sequence[int]:
    """Ends all standing sign-ups; gives the people to be told."""
    return (await session.execute(_CANCEL_SIGN_UPS, {"event": event_id})).scalars().all()


async def take_seat(session: AsyncSession, *, event_id: int) -> bool:
    """Takes one seat, if there is one."""
    return (await session.execute(_TAKE_SEAT, {"event": event_id})).one_or_none() is not None


async def give_seat_back(session: AsyncSession, *, event_id: int) -> None:
    """Frees one seat."""
    await session.execute(_GIVE_SEAT_BACK, {"event": event_id})


async def seat_first_waiting(session: AsyncSession, *, event_id: int) -> int | None:
    """Gives a free seat to whoever has waited longest; the person to be told, or None."""
    person_id: int | None = (await session.execute(_SEAT_FIRST_WAITING, {"event": event_id})).scalar_one()
    return person_id


async def tell_moved_up(
    session: AsyncSession, now: datetime, *, event_id: int, person_id: int, kind: str, subject: str
) -> None:
    """Tells whoever has the seat now that the caller has given back."""
    values = {"event": event_id, "person": person_id, "kind": kind, "subject": subject, "now": now}
    await session.execute(_TELL_MOVED_UP, values)


async def standing(session: AsyncSession, *, event_id: int, volunteer_id: int) -> str | None:
    """The status of a volunteer's sign-up."""
    values = {"event": event_id, "volunteer": volunteer_id}
    return (await session.execute(_STANDING, values)).scalar_one_or_none()


async def lock_standing(session: AsyncSession, *, event_id: int, volunteer_id: int) -> str | None:
    """The status of a volunteer's sign-up, locked."""
    values = {"event": event_id, "volunteer": volunteer_id}
    return (await session.execute(_LOCK_STANDING, values)).scalar_one_or_none()


async def save_sign_up(session: AsyncSession, *, event_id: int, volunteer_id: int, status: str, now: datetime) -> None:
    """Signs up, or signs up again."""
    await session.execute(_SAVE_SIGN_UP, {"event": event_id, "volunteer": volunteer_id, "status": status, "now": now})


async def set_standing(session: AsyncSession, *, event_id: int, volunteer_id: int, status: str) -> None:
    """Changes the status of a sign-up."""
    await session.execute(_SET_STANDING, {"event": event_id, "volunteer": volunteer_id, "status": status})


async def attendable(
    session: AsyncSession, *, volunteer_id: int | None, latest_start: datetime, earliest_end: datetime
) -> Sequence[int]:
    """The events that are on and in which this volunteer holds a seat."""
    values = {"volunteer": volunteer_id, "latest_start": latest_start, "earliest_end": earliest_end}
    return (await session.execute(_ATTENDABLE, values)).scalars().all()


async def signed_up_for(session: AsyncSession, now: datetime, *, volunteer_id: int) -> Sequence[int]:
    """The events that are not over and in which this volunteer holds a seat or waits for one."""
    return (await session.execute(_SIGNED_UP_FOR, {"volunteer": volunteer_id, "now": now})).scalars().all()


def draft_values(draft: EventDraft) -> dict[str, object]:
    """A draft as the values of a row."""
    return {
        "title": draft.title.strip(),
        "description": draft.description.strip(),
        "place": draft.place.strip(),
        "lat": draft.lat,
        "lon": draft.lon,
        "starts_at": draft.starts_at,
        "ends_at": draft.ends_at,
        "capacity": draft.capacity,
        "activity_type": draft.activity_type,
        "minimum_age": draft.minimum_age,
        "insured": draft.insured,
    }


def _state(row: Row[Any] | None) -> EventState | None:
    return None if row is None else EventState(**row._mapping)
