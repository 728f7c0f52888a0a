"""SQL over stretches of service: a volunteer's own, and those that wait for an organiser."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.values import Words
from domain.volunteering.rules.services import AwaitedService, Stretch

# A stretch lasts a day at most, so older ones can only matter while they are open.
_STRETCHES = text("""
    SELECT s.id, s.event_id, s.organisation_id, e.ends_at AS event_ends_at,
        s.started_at, s.ended_at, s.minutes, s.status
    FROM service AS s
    JOIN event AS e ON e.id = s.event_id
    WHERE s.volunteer_id = :volunteer AND (s.status = 'CHECKED_IN' OR s.started_at > :since)
    ORDER BY s.started_at DESC, s.id DESC
""")
_BEGIN = text("""
    INSERT INTO service (programme_id, organisation_id, event_id, volunteer_id, started_at, status, entered_by, device)
    VALUES (:programme, :organisation, :event, :volunteer, :at, 'CHECKED_IN', :entered_by, :device)
    RETURNING id
""")
_LAPSE = text("""
    UPDATE service SET status = 'LAPSED', signals = array_append(signals, 'NO_CHECK_OUT')
    WHERE id = ANY (CAST(:services AS bigint[])) AND status = 'CHECKED_IN'
""")
_END = text("""
    UPDATE service
    SET ended_at = :ended_at, minutes = :minutes, status = 'AWAITING_CONFIRMATION', confirm_by = :confirm_by,
        signals = array_remove(signals, 'NO_CHECK_OUT') || CAST(:signals AS text[]),
        entered_by = CASE WHEN :offline THEN 'OFFLINE_CODE' ELSE entered_by END
    WHERE id = :service
""")
_LOCK_AWAITED = text("""
    SELECT s.id, s.programme_id, s.organisation_id, s.event_id, e.title, s.volunteer_id,
        v.person_id AS volunteer_person_id, v.wrapped_key,
        s.entered_by_person, s.status, s.started_at, s.ended_at, e.ends_at AS event_ends_at, s.minutes, s.signals,
        s.revision, s.ref_hash, s.reviewed_at IS NOT NULL AS reviewed
    FROM service AS s
    JOIN event AS e ON e.id = s.event_id
    JOIN volunteer AS v ON v.id = s.volunteer_id
    WHERE s.id = ANY (CAST(:services AS bigint[])) AND s.programme_id = :programme
      AND (CAST(:organisation AS bigint) IS NULL OR s.organisation_id = CAST(:organisation AS bigint))
    ORDER BY s.id
    FOR NO KEY UPDATE OF s
""")
# What the office has decided needs no second look by it.
_CONFIRM = text("""
    UPDATE service AS s
    SET status = 'CONFIRMED', decided_by_person = :person, decided_at = :now, ref_hash = d.ref_hash,
        signals = s.signals || coalesce(string_to_array(d.signals, ' '), '{}'),
        reviewed_at = CASE WHEN :by_office THEN CAST(:now AS timestamptz) END,
        reviewed_by_person = CASE WHEN :by_office THEN CAST(:person AS bigint) END
    FROM unnest(CAST(:services AS bigint[]), CAST(:ref_hashes AS bigint[]), CAST(:signals AS text[]))
        AS d (id, ref_hash, signals)
    WHERE s.id = d.id
""")
_REVIEW = text("""
    UPDATE service SET reviewed_at = :now, reviewed_by_person = :person
    WHERE id = ANY (CAST(:services AS bigint[]))
""")
_REJECT = text("""
    UPDATE service
    SET status = 'REJECTED', decided_by_person = :person, decided_at = :now, sealed_reason = :sealed_reason,
        ref_hash = NULL
    WHERE id = :service
""")
_RESTORE = text("""
    UPDATE service
    SET status = 'CONFIRMED', minutes = :minutes, revision = revision + 1, ref_hash = :ref_hash,
        ended_at = greatest(ended_at, started_at + make_interval(mins => :minutes)), sealed_reason = NULL,
        decided_by_person = :person, decided_at = :now, reviewed_at = :now, reviewed_by_person = :person
    WHERE id = :service
""")
_REVEAL = text("SELECT service_id, citizen_id FROM reveal_by_services(CAST(:services AS bigint[]))")
_REVEAL_TO_OFFICE = text("SELECT service_id, citizen_id FROM reveal_by_office(CAST(:services AS bigint[]))")
# Hours count for whoever has joined, from the day of joining, and only while volunteering is consented to.
_SCORED = text("""
    SELECT s.id, c.id AS citizen_id
    FROM service AS s
    JOIN volunteer AS v ON v.id = s.volunteer_id
    JOIN citizen AS c ON c.person_id = v.person_id AND c.programme_id = s.programme_id
    WHERE s.id = ANY (CAST(:services AS bigint[]))
      AND CAST(s.started_at AT TIME ZONE :timezone AS date) >= c.scored_from
      AND s.minutes > 0
      AND EXISTS (
          SELECT FROM consent AS k
          WHERE k.person_id = v.person_id AND k.programme_id = s.programme_id AND k.purpose = 'volunteering'
            AND k.withdrawn_at IS NULL)
    ORDER BY c.id, s.id
""")
# Confirmed before its volunteer joined, or before they agreed to a score, and not counted yet.
_EARLIER = text("""
    SELECT s.id, s.organisation_id, o.name, e.title, s.started_at, s.minutes, s.revision
    FROM service AS s
    JOIN event AS e ON e.id = s.event_id
    JOIN organisation AS o ON o.id = s.organisation_id
    JOIN citizen AS c ON c.id = :citizen
    WHERE s.volunteer_id = :volunteer AND s.status = 'CONFIRMED' AND s.minutes > 0
      AND CAST(s.started_at AT TIME ZONE :timezone AS date) < c.scored_from
      AND NOT EXISTS (
          SELECT FROM credit_record AS r
          WHERE r.citizen_id = c.id AND r.source_id = s.organisation_id AND r.ref_hash = s.ref_hash)
    ORDER BY s.organisation_id, s.id
""")
_ORGANISATION_NAME = text("SELECT name FROM organisation WHERE id = :organisation")


async def stretches(session: AsyncSession, *, volunteer_id: int, since: datetime) -> list[Stretch]:
    """A volunteer's stretches since an instant, whoever organised them, and any that is still open; newest first."""
    rows = await session.execute(_STRETCHES, {"volunteer": volunteer_id, "since": since})
    return [Stretch(**row._mapping) for row in rows]


async def begin(
    session: AsyncSession,
    *,
    event: tuple[int, int, int],
    volunteer_id: int,
    at: datetime,
    entered_by: str,
    device: bytes | None = None,
) -> int:
    """Checks in. `event`: its programme, organisation and id."""
    programme_id, organisation_id, event_id = event
    values = {"programme": programme_id, "organisation": organisation_id, "event": event_id, "device": device}
    row = await session.execute(_BEGIN, {**values, "volunteer": volunteer_id, "at": at, "entered_by": entered_by})
    return int(row.scalar_one())


async def lapse(session: AsyncSession, *, service_ids: Sequence[int]) -> None:
    """Closes stretches whose check-out was forgotten."""
    await session.execute(_LAPSE, {"services": list(service_ids)})


async def end(
    session: AsyncSession,
    *,
    service_id: int,
    ended_at: datetime,
    minutes: int,
    offline: bool,
    marks: tuple[date, Sequence[str]],
) -> None:
    """Checks out; the stretch now waits for somebody else. `marks`: confirm by which day, and the signals."""
    confirm_by, signals = marks
    values = {"service": service_id, "ended_at": ended_at, "minutes": minutes, "offline": offline}
    await session.execute(_END, {**values, "confirm_by": confirm_by, "signals": list(signals)})


async def lock_awaited(
    session: AsyncSession, *, service_ids: Sequence[int], programme_id: int | None, organisation_id: int | None
) -> dict[int, AwaitedService]:
    """Stretches of one organisation, or for the office of any, locked in the order of their ids."""
    values = {"services": list(service_ids), "programme": programme_id, "organisation": organisation_id}
    rows = await session.execute(_LOCK_AWAITED, values)
    return {row.id: AwaitedService(**row._mapping) for row in rows}


async def confirm(
    session: AsyncSession,
    *,
    ref_hashes: Mapping[int, int],
    signals: Mapping[int, Sequence[str]],
    person_id: int | None,
    by_office: bool,
    now: datetime,
) -> None:
    """Confirms stretches; each keeps the hash under which its credit record stands. `signals`: those that are new."""
    values = {
        "services": list(ref_hashes),
        "ref_hashes": list(ref_hashes.values()),
        "signals": [" ".join(signals[one]) or None for one in ref_hashes],
        "person": person_id,
        "by_office": by_office,
        "now": now,
    }
    await session.execute(_CONFIRM, values)


async def review(session: AsyncSession, *, service_ids: Sequence[int], person_id: int | None, now: datetime) -> None:
    """The office has looked at confirmed stretches and leaves them as they are."""
    await session.execute(_REVIEW, {"services": list(service_ids), "person": person_id, "now": now})


async def reject(
    session: AsyncSession, *, service_id: int, person_id: int | None, sealed_reason: bytes | None, now: datetime
) -> None:
    """Rejects a stretch."""
    values = {"service": service_id, "person": person_id, "sealed_reason": sealed_reason, "now": now}
    await session.execute(_REJECT, values)


async def restore(
    session: AsyncSession, now: datetime, *, service_id: int, minutes: int, ref_hash: int, person_id: int | None
) -> None:
    """Gives a stretch its time back, as confirmed; a decision in somebody's favour needs no second look."""
    values = {"service": service_id, "minutes": minutes, "ref_hash": ref_hash, "person": person_id, "now": now}
    await session.execute(_RESTORE, values)


async def reveal(session: AsyncSession, *, service_ids: Sequence[int], to_office: bool) -> dict[int, int]:
    """Opens this transaction to those who gave these stretches and have joined; the citizen of each stretch."""
    statement = _REVEAL_TO_OFFICE if to_office else _REVEAL
    rows = await session.execute(statement, {"services": list(service_ids)})
    return {row.service_id: row.citizen_id for row in rows}


async def scored(session: AsyncSession, *, service_ids: Sequence[int], timezone: str) -> dict[int, int]:
    """Of the revealed, the stretches that count for a score, with the citizen of each."""
    rows = await session.execute(_SCORED, {"services": list(service_ids), "timezone": timezone})
    return {row.id: row.citizen_id for row in rows}


async def earlier(
    session: AsyncSession, *, volunteer_id: int, citizen_id: int, timezone: str
) -> Sequence[Row[tuple[object, ...]]]:
    """A volunteer's own confirmed stretches from before they joined that do not count yet."""
    values = {"volunteer": volunteer_id, "citizen": citizen_id, "timezone": timezone}
    return (await session.execute(_EARLIER, values)).all()


async def organisation_name(session: AsyncSession, *, organisation_id: int) -> Words:
    """What an organisation is called."""
    row = (await session.execute(_ORGANISATION_NAME, {"organisation": organisation_id})).one()
    return Words(**row.name)
