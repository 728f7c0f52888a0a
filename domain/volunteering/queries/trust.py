"""SQL over what makes stretches trustworthy: their history, entries by hand, signals, and what is overdue."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.actor import Actor
from domain.volunteering.rules.terms import VolunteerTerms
from domain.volunteering.rules.trust import TimeElsewhere

_NOTE = text("""
    INSERT INTO service_event (service_id, at, by_person, role, from_status, to_status, from_minutes, to_minutes,
        sealed_reason)
    SELECT s.service_id, :now, :person, :role, s.from_status, s.to_status, s.from_minutes, s.to_minutes,
        s.sealed_reason
    FROM unnest(CAST(:services AS bigint[]), CAST(:from_statuses AS text[]), CAST(:to_statuses AS text[]),
        CAST(:from_minutes AS integer[]), CAST(:to_minutes AS integer[]), CAST(:sealed_reasons AS bytea[]))
        AS s (service_id, from_status, to_status, from_minutes, to_minutes, sealed_reason)
""")
_ELSEWHERE = text("""
    SELECT t.overlaps, t.minutes_of_day, t.minutes_of_year, t.metres_per_second
    FROM time_elsewhere(:volunteer, :service, :event, :from_at, :until_at, :day_from, :day_until, :year_from,
        :year_until) AS t
""")
_MARK_SHARED_DEVICE = text("SELECT mark_shared_device(:service)")
_SEATED = text("""
    SELECT v.id, v.person_id, v.wrapped_key, s.status
    FROM volunteer AS v
    LEFT JOIN sign_up AS s ON s.volunteer_id = v.id AND s.event_id = :event
    WHERE v.number = :number AND v.programme_id = :programme
    FOR NO KEY UPDATE OF v
""")
_ENTER = text("""
    INSERT INTO service (programme_id, organisation_id, event_id, volunteer_id, started_at, ended_at, minutes, status,
        entered_by, entered_by_person, sealed_reason, confirm_by, signals)
    SELECT e.programme_id, e.organisation_id, e.id, :volunteer, :started_at, :ended_at, :minutes, :status,
        :entered_by, :person, :sealed_reason, :confirm_by, CAST(:signals AS text[])
    FROM event AS e
    WHERE e.id = :event
    ON CONFLICT ON CONSTRAINT service_once DO NOTHING
    RETURNING id
""")
_ENTERED_LATELY = text("""
    SELECT count(*)
    FROM service_event AS h
    WHERE h.by_person = :person AND h.from_status IS NULL AND h.to_status = 'AWAITING_COUNTERSIGNATURE'
      AND h.at > :since
""")
_CONFIRMED_LATELY = text("""
    SELECT count(*)
    FROM service AS s
    WHERE s.decided_by_person = :person AND s.status = 'CONFIRMED' AND s.decided_at > :since
""")
_COUNTERSIGN = text("""
    UPDATE service SET status = 'AWAITING_CONFIRMATION', countersigned_by_person = :person
    WHERE id = :service
""")
_CORRECT = text("""
    UPDATE service
    SET status = :status, minutes = :minutes, ended_at = started_at + make_interval(mins => :minutes),
        sealed_reason = :sealed_reason, confirm_by = :confirm_by, revision = revision + :revised,
        ref_hash = CAST(:ref_hash AS bigint),
        entered_by_person = CASE WHEN :gives_less THEN entered_by_person ELSE CAST(:person AS bigint) END,
        reviewed_at = CASE WHEN :by_office THEN CAST(:now AS timestamptz) ELSE reviewed_at END,
        reviewed_by_person = CASE WHEN :by_office THEN CAST(:person AS bigint) ELSE reviewed_by_person END
    WHERE id = :service
""")
# What the last step that took time from a stretch has taken; null when the stretch has got it back.
_MINUTES_TAKEN = text("""
    SELECT h.from_minutes
    FROM service_event AS h
    JOIN service AS s ON s.id = h.service_id
    WHERE h.service_id = :service AND h.from_minutes > 0
      AND (h.to_status IN ('REJECTED', 'CORRECTED') OR h.to_minutes < h.from_minutes)
      AND (s.status IN ('REJECTED', 'CORRECTED') OR (s.status = 'CONFIRMED' AND s.minutes < h.from_minutes))
    ORDER BY h.id DESC
    LIMIT 1
""")
_REVOKE_CERTIFICATES = text("SELECT revoke_certificates_with(:service, :now, :sealed_reason)")
# Nobody has confirmed in time, so the office does; nobody has signed in time, so nobody stands for it.
_ESCALATE = text("""
    UPDATE service AS s
    SET status = CASE s.status WHEN 'AWAITING_CONFIRMATION' THEN 'ESCALATED' ELSE 'LAPSED' END
    FROM volunteer AS v
    WHERE s.programme_id = :programme AND s.status IN ('AWAITING_CONFIRMATION', 'AWAITING_COUNTERSIGNATURE')
      AND s.confirm_by < :today AND v.id = s.volunteer_id
    RETURNING s.id, old.status AS before, new.status AS after, s.minutes, v.person_id
""")
_LAPSE_FORGOTTEN = text("""
    UPDATE service AS s SET status = 'LAPSED', signals = array_append(s.signals, 'NO_CHECK_OUT')
    FROM event AS e, volunteer AS v
    WHERE s.programme_id = :programme AND s.status = 'CHECKED_IN' AND e.id = s.event_id AND e.ends_at < :over_by
      AND v.id = s.volunteer_id
    RETURNING s.id, 'CHECKED_IN' AS before, s.status AS after, s.minutes, v.person_id
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One change of a stretch: what it was, what it is, and why."""

    service_id: int
    from_status: str | None
    to_status: str
    from_minutes: int | None = None
    to_minutes: int | None = None
    sealed_reason: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seated:
    """A volunteer under the number that an organiser has typed, with their place in the event."""

    id: int
    person_id: int
    wrapped_key: bytes | None
    status: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewService:
    """A stretch that is entered by hand, or taken over from another platform."""

    event_id: int
    volunteer_id: int
    started_at: datetime
    ended_at: datetime
    minutes: int
    status: str
    entered_by: str
    person_id: int | None
    sealed_reason: bytes | None
    confirm_by: date
    signals: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overdue:
    """A stretch that time has changed, and whom to tell."""

    id: int
    before: str
    after: str
    minutes: int | None
    person_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """A stretch after its correction; `confirm_by` when somebody else has to confirm it."""

    service_id: int
    status: str
    minutes: int
    gives_less: bool
    revised: bool
    ref_hash: int | None
    sealed_reason: bytes | None
    confirm_by: date | None


async def note(session: AsyncSession, actor: Actor, now: datetime, *, steps: Sequence[Step]) -> None:
    """Writes down what became of stretches; these rows are never changed."""
    values = {
        "now": now,
        "person": actor.person_id,
        "role": actor.role.value,
        "services": [one.service_id for one in steps],
        "from_statuses": [one.from_status for one in steps],
        "to_statuses": [one.to_status for one in steps],
        "from_minutes": [one.from_minutes for one in steps],
        "to_minutes": [one.to_minutes for one in steps],
        "sealed_reasons": [one.sealed_reason for one in steps],
    }
    await session.execute(_NOTE, values)


async def elsewhere(
    session: AsyncSession,
    *,
    volunteer_id: int,
    service_id: int | None,
    event_id: int,
    between: tuple[datetime, datetime],
    terms: VolunteerTerms,
) -> TimeElsewhere:
    """What a volunteer's other stretches say about this one, whoever organised them."""
    day_from, day_until, year_from, year_until = terms.day_and_year(between[0])
    values = {
        "volunteer": volunteer_id,
        "service": service_id,
        "event": event_id,
        "from_at": between[0],
        "until_at": between[1],
        "day_from": day_from,
        "day_until": day_until,
        "year_from": year_from,
        "year_until": year_until,
    }
    return TimeElsewhere(**(await session.execute(_ELSEWHERE, values)).one()._mapping)


async def mark_shared_device(session: AsyncSession, *, service_id: int) -> bool:
    """Marks all stretches of this event that were begun on one phone by several volunteers; whether there are any."""
    return bool((await session.execute(_MARK_SHARED_DEVICE, {"service": service_id})).scalar_one())


async def lock_seated(
    session: AsyncSession, *, event_id: int, number: str | None, programme_id: int | None
) -> Seated | None:
    """The volunteer of a number, among those who ever signed up with this organisation; locked."""
    values = {"event": event_id, "number": number, "programme": programme_id}
    row = (await session.execute(_SEATED, values)).one_or_none()
    return None if row is None else Seated(**row._mapping)


async def enter(session: AsyncSession, *, new: NewService) -> int | None:
    """Writes a stretch that no code has proved; None when this very one is there already."""
    values = {
        "event": new.event_id,
        "volunteer": new.volunteer_id,
        "started_at": new.started_at,
        "ended_at": new.ended_at,
        "minutes": new.minutes,
        "status": new.status,
        "entered_by": new.entered_by,
        "person": new.person_id,
        "sealed_reason": new.sealed_reason,
        "confirm_by": new.confirm_by,
        "signals": list(new.signals),
    }
    return (await session.execute(_ENTER, values)).scalar_one_or_none()


async def entered_lately(session: AsyncSession, *, person_id: int | None, since: datetime) -> int:
    """How many stretches this account has entered since then."""
    values = {"person": person_id, "since": since}
    return int((await session.execute(_ENTERED_LATELY, values)).scalar_one())


async def confirmed_lately(session: AsyncSession, *, person_id: int | None, since: datetime) -> int:
    """How many stretches this account has confirmed since then."""
    values = {"person": person_id, "since": since}
    return int((await session.execute(_CONFIRMED_LATELY, values)).scalar_one())


async def countersign(session: AsyncSession, *, service_id: int, person_id: int | None) -> None:
    """A second organiser stands for an attendance that was entered by hand."""
    await session.execute(_COUNTERSIGN, {"service": service_id, "person": person_id})


async def correct(
    session: AsyncSession, *, done: Corrected, person_id: int | None, by_office: bool, now: datetime
) -> None:
    """Writes corrected hours; what they were stands in the history."""
    values = {
        "service": done.service_id,
        "status": done.status,
        "minutes": done.minutes,
        "gives_less": done.gives_less,
        "revised": int(done.revised),
        "ref_hash": done.ref_hash,
        "sealed_reason": done.sealed_reason,
        "confirm_by": done.confirm_by,
        "person": person_id,
        "by_office": by_office,
        "now": now,
    }
    await session.execute(_CORRECT, values)


async def revoke_certificates(
    session: AsyncSession, *, service_id: int, sealed_reason: bytes | None, now: datetime
) -> Sequence[str]:
    """Revokes the certificates that hold this stretch; gives their numbers."""
    values = {"service": service_id, "sealed_reason": sealed_reason, "now": now}
    return (await session.execute(_REVOKE_CERTIFICATES, values)).scalars().all()


async def escalate(session: AsyncSession, *, programme_id: int, today: date) -> list[Overdue]:
    """Hands over to the office what nobody has confirmed in time. Runs as the worker."""
    rows = await session.execute(_ESCALATE, {"programme": programme_id, "today": today})
    return [Overdue(**row._mapping) for row in rows]


async def lapse_forgotten(session: AsyncSession, *, programme_id: int, over_by: datetime) -> list[Overdue]:
    """Closes stretches without a check-out in events that were over by then. Runs as the worker."""
    rows = await session.execute(_LAPSE_FORGOTTEN, {"programme": programme_id, "over_by": over_by})
    return [Overdue(**row._mapping) for row in rows]


async def minutes_taken(session: AsyncSession, *, service_id: int) -> int | None:
    """How long a stretch was before it was refused or cut; None when nothing is missing of it."""
    minutes: int | None = (await session.execute(_MINUTES_TAKEN, {"service": service_id})).scalar_one_or_none()
    return minutes
