"""What the API shows of volunteering, as SQL fragments.

A volunteer sees their own; an organiser sees number and call name of those who signed up, and no column of a score.
Call names and reasons leave the database sealed: `key` opens them.
"""

from datetime import datetime
from typing import Final

from domain.scoring.queries import lines_cte
from domain.values import Fragment
from domain.volunteering.rules.events import EventSearch

# e: the event, o: its organisation.
_EVENT: Final = """json_build_object(
        'id', e.id, 'title', e.title, 'description', e.description, 'activity_type', e.activity_type,
        'organisation', o.name, 'place', e.place, 'starts_at', e.starts_at, 'ends_at', e.ends_at,
        'capacity', e.capacity, 'free', e.capacity - e.taken, 'minimum_age', e.minimum_age, 'insured', e.insured,
        'status', CASE WHEN e.cancelled_at IS NOT NULL THEN 'CANCELLED' WHEN e.ends_at <= :now THEN 'OVER'
            WHEN e.taken >= e.capacity THEN 'FULL' ELSE 'OPEN' END,
        'mine', (
            SELECT json_build_object('status', m.status, 'waiting_position',
                CASE WHEN m.status = 'WAITING' THEN waiting_position(m.event_id) END)
            FROM sign_up AS m
            WHERE m.event_id = e.id AND m.volunteer_id = :volunteer))"""
_WITH_EVENT: Final = "JOIN event AS e ON e.id = s.event_id JOIN organisation AS o ON o.id = e.organisation_id"
# s: the stretch, v: its volunteer.
_OWN_SERVICE: Final = f"""json_build_object(
        'id', s.id, 'event', {_EVENT}, 'started_at', s.started_at, 'ended_at', s.ended_at, 'minutes', s.minutes,
        'status', s.status, 'confirm_by', s.confirm_by, 'source_id', s.organisation_id, 'ref_hash', s.ref_hash,
        'key', encode(v.wrapped_key, 'base64'), 'reason', encode(s.sealed_reason, 'base64'))"""
_PARTICIPANT: Final = """json_build_object(
        'id', v.id, 'number', v.number, 'key', encode(v.wrapped_key, 'base64'),
        'call_name', encode(v.sealed_call_name, 'base64'), 'minor', coalesce(v.minor_until > :today, false))"""
_DESK_SERVICE: Final = f"""json_build_object(
        'id', s.id, 'participant', {_PARTICIPANT}, 'event', {_EVENT}, 'started_at', s.started_at,
        'ended_at', s.ended_at, 'minutes', s.minutes, 'status', s.status, 'entered_by', s.entered_by,
        'signals', s.signals, 'confirm_by', s.confirm_by)"""


def volunteering_fragment(*, timezone: str) -> Fragment:
    """A volunteer's number and confirmed minutes, in all and in this local year; no number for others."""
    return Fragment(
        sql="""
        SELECT json_build_object('number', v.number, 'minutes', coalesce(sum(s.minutes), 0),
            'minutes_this_year', coalesce(sum(s.minutes) FILTER (WHERE s.started_at >=
                date_trunc('year', CAST(:today AS timestamp)) AT TIME ZONE :volunteering_timezone), 0))
        FROM (SELECT :volunteer) AS caller (id)
        LEFT JOIN volunteer AS v ON v.id = caller.id
        LEFT JOIN service AS s ON s.volunteer_id = v.id AND s.status = 'CONFIRMED'
        GROUP BY v.id
        """,
        binds={"volunteering_timezone": timezone},
    )


def sign_ups_fragment() -> Fragment:
    """A volunteer's sign-ups, the latest events first; the newest hundred."""
    return Fragment(
        sql=f"""
        SELECT coalesce(json_agg(p.shape ORDER BY p.starts_at DESC, p.id DESC), '[]')
        FROM (
            SELECT e.id, e.starts_at, {_EVENT} AS shape
            FROM sign_up AS s {_WITH_EVENT}
            WHERE s.volunteer_id = :volunteer
            ORDER BY e.starts_at DESC, e.id DESC
            LIMIT 100
        ) AS p
        """
    )


def service_log_fragment(name: str, *, first: int, after: tuple[datetime, int] | None) -> Fragment:
    """A volunteer's stretches, newest first; the key of a page is start and id."""
    return Fragment(
        sql=f"""
        SELECT coalesce(json_agg(p.shape ORDER BY p.started_at DESC, p.id DESC), '[]')
        FROM (
            SELECT s.id, s.started_at, {_OWN_SERVICE} AS shape
            FROM service AS s {_WITH_EVENT} JOIN volunteer AS v ON v.id = s.volunteer_id
            WHERE s.volunteer_id = :volunteer
              AND {_beyond(name, "s.started_at, s.id", "<")}
            ORDER BY s.started_at DESC, s.id DESC
            LIMIT :{name}_limit
        ) AS p
        """,
        binds=_page(name, first, after),
    )


def service_fragment(name: str, *, service_id: int) -> Fragment:
    """One stretch of the volunteer's own."""
    return Fragment(
        sql=f"""
        SELECT {_OWN_SERVICE}
        FROM service AS s {_WITH_EVENT} JOIN volunteer AS v ON v.id = s.volunteer_id
        WHERE s.id = :{name}_id AND s.volunteer_id = :volunteer
        """,
        binds={f"{name}_id": service_id},
    )


def service_titles_fragment() -> Fragment:
    """Which event and organisation stand behind each confirmed stretch, by source and hash of its credit record."""
    return Fragment(
        sql="""
        SELECT coalesce(json_agg(json_build_object('source_id', s.organisation_id, 'ref_hash', s.ref_hash,
            'title', e.title, 'organisation', o.name)), '[]')
        FROM service AS s
        JOIN event AS e ON e.id = s.event_id
        JOIN organisation AS o ON o.id = s.organisation_id
        WHERE s.volunteer_id = :volunteer AND s.ref_hash IS NOT NULL
        """
    )


def events_fragment(name: str, *, search: EventSearch, first: int, after: tuple[datetime, int] | None) -> Fragment:
    """A programme's events that are not over, the earliest first; the key of a page is start and id."""
    return Fragment(
        sql=f"""
        SELECT coalesce(json_agg(p.shape ORDER BY p.starts_at, p.id), '[]')
        FROM (
            SELECT e.id, e.starts_at, {_EVENT} AS shape
            FROM event AS e JOIN organisation AS o ON o.id = e.organisation_id
            WHERE e.programme_id = :{name}_programme AND e.cancelled_at IS NULL AND o.status = 'ADMITTED'
              AND e.ends_at > :{name}_from AND e.starts_at < coalesce(CAST(:{name}_until AS timestamptz), 'infinity')
              AND (CAST(:{name}_activity AS text) IS NULL OR e.activity_type = CAST(:{name}_activity AS text))
              AND (CAST(:{name}_within AS integer) IS NULL OR {_metres(name)} <= CAST(:{name}_within AS integer))
              AND {_beyond(name, "e.starts_at, e.id", ">")}
            ORDER BY e.starts_at, e.id
            LIMIT :{name}_limit
        ) AS p
        """,
        binds={
            **_page(name, first, after),
            f"{name}_programme": search.programme_id,
            f"{name}_from": search.since,
            f"{name}_until": search.until,
            f"{name}_activity": search.activity_type,
            f"{name}_within": None if search.near is None else search.near.within_metres,
            f"{name}_lat": None if search.near is None else search.near.lat,
            f"{name}_lon": None if search.near is None else search.near.lon,
        },
    )


def service_points_fragment() -> Fragment:
    """What each stretch of the caller's gives today, by its id; nothing for who has no score. Over the CTE `lines`."""
    return Fragment(
        sql="""
        SELECT coalesce(json_object_agg(s.id, l.points), '{}')
        FROM service AS s
        JOIN lines AS l ON l.source_id = s.organisation_id AND l.ref_hash = s.ref_hash
        WHERE s.volunteer_id = :volunteer AND s.status = 'CONFIRMED'
        """,
        ctes={"lines": lines_cte()},
    )


def event_fragment(name: str, *, event_id: int) -> Fragment:
    """One event of the programme, past and cancelled ones too."""
    return Fragment(
        sql=f"""
        SELECT {_EVENT}
        FROM event AS e JOIN organisation AS o ON o.id = e.organisation_id
        WHERE e.id = :{name}_id AND (:programme IS NULL OR e.programme_id = :programme)
        """,
        binds={f"{name}_id": event_id},
    )


def desk_events_fragment(
    name: str, *, organisation_id: int, first: int, after: tuple[datetime, int] | None
) -> Fragment:
    """An organiser's own events with their rosters, the latest first; the key of a page is start and id."""
    return Fragment(
        sql=f"""
        SELECT coalesce(json_agg(p.shape ORDER BY p.starts_at DESC, p.id DESC), '[]')
        FROM (
            SELECT e.id, e.starts_at, {_desk_event()} AS shape
            FROM event AS e JOIN organisation AS o ON o.id = e.organisation_id
            WHERE e.organisation_id = :{name}_organisation
              AND {_beyond(name, "e.starts_at, e.id", "<")}
            ORDER BY e.starts_at DESC, e.id DESC
            LIMIT :{name}_limit
        ) AS p
        """,
        binds={**_page(name, first, after), f"{name}_organisation": organisation_id},
    )


def desk_event_fragment(name: str, *, organisation_id: int, event_id: int) -> Fragment:
    """One event of an organiser's own organisation, with its roster."""
    return Fragment(
        sql=f"""
        SELECT {_desk_event()}
        FROM event AS e JOIN organisation AS o ON o.id = e.organisation_id
        WHERE e.id = :{name}_id AND e.organisation_id = :{name}_organisation
        """,
        binds={f"{name}_id": event_id, f"{name}_organisation": organisation_id},
    )


def awaiting_fragment(name: str, *, organisation_id: int, first: int, after: int | None) -> Fragment:
    """Stretches that wait for an organiser's confirmation, oldest first; the key of a page is the id."""
    return Fragment(
        sql=f"""
        SELECT coalesce(json_agg(p.shape ORDER BY p.id), '[]')
        FROM (
            SELECT s.id, {_DESK_SERVICE} AS shape
            FROM service AS s {_WITH_EVENT} JOIN volunteer AS v ON v.id = s.volunteer_id
            WHERE s.organisation_id = :{name}_organisation
              AND s.status IN ('AWAITING_CONFIRMATION', 'AWAITING_COUNTERSIGNATURE', 'ESCALATED')
              AND s.id > :{name}_after
            ORDER BY s.id
            LIMIT :{name}_limit
        ) AS p
        """,
        binds={f"{name}_organisation": organisation_id, f"{name}_after": after or 0, f"{name}_limit": first + 1},
    )


def desk_services_fragment(name: str, *, organisation_id: int | None, service_ids: list[int]) -> Fragment:
    """Named stretches of an organiser's own organisation, or of the office's programme, in the order of their ids."""
    return Fragment(
        sql=f"""
        SELECT coalesce(json_agg({_DESK_SERVICE} ORDER BY s.id), '[]')
        FROM service AS s {_WITH_EVENT} JOIN volunteer AS v ON v.id = s.volunteer_id
        WHERE s.id = ANY (:{name}_ids) AND s.programme_id = :programme
          AND (CAST(:{name}_organisation AS bigint) IS NULL
            OR s.organisation_id = CAST(:{name}_organisation AS bigint))
        """,
        binds={f"{name}_organisation": organisation_id, f"{name}_ids": service_ids},
    )


def sampled_fragment(name: str, *, first: int, after: int | None) -> Fragment:
    """Stretches that wait for the office: overdue, held back, drawn or flagged; the key of a page is the id."""
    return Fragment(
        sql=f"""
        SELECT coalesce(json_agg(p.shape ORDER BY p.id), '[]')
        FROM (
            SELECT s.id, {_DESK_SERVICE} AS shape
            FROM service AS s {_WITH_EVENT} JOIN volunteer AS v ON v.id = s.volunteer_id
            WHERE s.programme_id = :programme AND service_for_office(s.status, s.signals, s.reviewed_at)
              AND s.id > :{name}_after
            ORDER BY s.id
            LIMIT :{name}_limit
        ) AS p
        """,
        binds={f"{name}_after": after or 0, f"{name}_limit": first + 1},
    )


def histories_fragment() -> Fragment:
    """What became of each of the caller's own stretches, by its id, oldest step first."""
    return Fragment(
        sql="""
        SELECT coalesce(json_object_agg(p.service_id, p.steps), '{}')
        FROM (
            SELECT h.service_id, json_agg(json_build_object('at', h.at, 'role', h.role, 'from', h.from_status,
                'to', h.to_status, 'from_minutes', h.from_minutes, 'to_minutes', h.to_minutes,
                'key', encode(v.wrapped_key, 'base64'), 'reason', encode(h.sealed_reason, 'base64'))
                ORDER BY h.id) AS steps
            FROM service_event AS h
            JOIN service AS s ON s.id = h.service_id
            JOIN volunteer AS v ON v.id = s.volunteer_id
            WHERE s.volunteer_id = :volunteer
            GROUP BY h.service_id
        ) AS p
        """
    )


def _desk_event() -> str:
    """An event with everybody who signed up, in that order, and their latest stretch there."""
    service = f"""(
                SELECT {_DESK_SERVICE} FROM service AS s
                WHERE s.event_id = r.event_id AND s.volunteer_id = r.volunteer_id
                ORDER BY s.started_at DESC, s.id DESC LIMIT 1)"""
    return f"""json_build_object('event', {_EVENT}, 'roster', (
            SELECT coalesce(json_agg(json_build_object(
                'participant', {_PARTICIPANT}, 'status', r.status, 'service', {service})
                ORDER BY r.at, r.volunteer_id), '[]')
            FROM sign_up AS r JOIN volunteer AS v ON v.id = r.volunteer_id
            WHERE r.event_id = e.id AND r.status <> 'CANCELLED'))"""


def _beyond(name: str, columns: str, sign: str) -> str:
    """Rows after the last one of the page before."""
    last = f"(CAST(:{name}_after_at AS timestamptz), CAST(:{name}_after_id AS bigint))"
    return f"(CAST(:{name}_after_id AS bigint) IS NULL OR ({columns}) {sign} {last})"


def _metres(name: str) -> str:
    """How far an event is from the place asked for, along the great circle."""
    lat, lon = f"CAST(:{name}_lat AS float8)", f"CAST(:{name}_lon AS float8)"
    square = f"sind((e.lat - {lat}) / 2) ^ 2 + cosd(e.lat) * cosd({lat}) * sind((e.lon - {lon}) / 2) ^ 2"
    return f"12742017.6 * asin(least(1, sqrt({square})))"


def _page(name: str, first: int, after: tuple[datetime, int] | None) -> dict[str, object]:
    at, last_id = after or (None, None)
    return {f"{name}_limit": first + 1, f"{name}_after_at": at, f"{name}_after_id": last_id}
