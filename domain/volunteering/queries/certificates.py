"""SQL over the printed records of confirmed hours."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.values import Fragment, Words
from domain.volunteering.rules.certificates import Certified

_HOLDER = text("SELECT wrapped_key FROM volunteer WHERE id = :volunteer")
_CERTIFIED = text("""
    SELECT s.id, s.organisation_id, o.name, e.title, e.activity_type, s.started_at, s.ended_at, s.minutes
    FROM service AS s
    JOIN event AS e ON e.id = s.event_id
    JOIN organisation AS o ON o.id = s.organisation_id
    WHERE s.volunteer_id = :volunteer AND s.status = 'CONFIRMED' AND s.minutes > 0
      AND s.started_at >= :from_at AND s.started_at < :until_at
    ORDER BY s.started_at, s.id
""")
_VALID = text("""
    SELECT id, service_ids, minutes, is_certificate
    FROM certificate
    WHERE volunteer_id = :volunteer AND from_on = :from_on AND until_on = :until_on AND revoked_at IS NULL
""")
_REPLACE = text("UPDATE certificate SET revoked_at = :now, revoked_by_person = :person WHERE id = :certificate")
_ADD = text("""
    INSERT INTO certificate (programme_id, volunteer_id, number, check_mac, from_on, until_on, issued_on, minutes,
        service_ids, organisation_ids, sealed_content, is_certificate)
    VALUES (:programme, :volunteer, :number, :check_mac, :from_on, :until_on, :issued_on, :minutes,
        CAST(:services AS bigint[]), CAST(:organisations AS bigint[]), :sealed_content, :is_certificate)
    ON CONFLICT DO NOTHING
    RETURNING id
""")
_CHECK = text("""
    SELECT c.number, c.from_on, c.until_on, c.issued_on, c.minutes, c.is_certificate, c.revoked, c.wrapped_key,
        c.sealed_content
    FROM certificate_check(:check_mac) AS c
""")
_FOR_STAFF = text("""
    SELECT c.id, c.number, c.from_on, c.until_on, c.issued_on, c.minutes, c.is_certificate, c.revoked_at, c.person_id,
        c.wrapped_key
    FROM certificate_for_staff(:number) AS c
""")
_REVOKE = text("SELECT revoke_certificate(:number, :now, :sealed_reason)")
_OWN = text("""
    SELECT c.number, c.from_on, c.until_on, c.issued_on, c.minutes, c.is_certificate,
        c.revoked_at IS NOT NULL AS revoked, v.wrapped_key, c.sealed_content
    FROM certificate AS c
    JOIN volunteer AS v ON v.id = c.volunteer_id
    WHERE c.id = :certificate
""")
_SHAPE = """json_build_object('id', c.id, 'number', c.number, 'from_on', c.from_on, 'until_on', c.until_on,
        'issued_on', c.issued_on, 'minutes', c.minutes, 'is_certificate', c.is_certificate, 'revoked_at', c.revoked_at,
        'key', encode(v.wrapped_key, 'base64'), 'content', encode(c.sealed_content, 'base64'))"""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCertificate:
    """A record to be issued."""

    programme_id: int | None
    volunteer_id: int
    number: str
    check_mac: bytes
    period: tuple[date, date]
    issued_on: date
    minutes: int
    service_ids: Sequence[int]
    organisation_ids: Sequence[int]
    sealed_content: bytes
    is_certificate: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCertificate:
    """A record as it was issued, sealed."""

    number: str
    from_on: date
    until_on: date
    issued_on: date
    minutes: int
    is_certificate: bool
    revoked: bool
    wrapped_key: bytes | None
    sealed_content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffCertificate:
    """A record as those who may revoke it find it, without its content."""

    id: int
    number: str
    from_on: date
    until_on: date
    issued_on: date
    minutes: int
    is_certificate: bool
    revoked_at: datetime | None
    person_id: int
    wrapped_key: bytes | None


async def holder_key(session: AsyncSession, *, volunteer_id: int) -> bytes | None:
    """The volunteer's own data key, wrapped."""
    key: bytes | None = (await session.execute(_HOLDER, {"volunteer": volunteer_id})).scalar_one()
    return key


async def certified(session: AsyncSession, *, volunteer_id: int, between: tuple[datetime, datetime]) -> list[Certified]:
    """A volunteer's confirmed stretches that began in a period, oldest first."""
    values = {"volunteer": volunteer_id, "from_at": between[0], "until_at": between[1]}
    return [
        Certified(
            id=row.id,
            organisation_id=row.organisation_id,
            organisation=Words(**row.name),
            title=row.title,
            activity_type=row.activity_type,
            started_at=row.started_at,
            ended_at=row.ended_at,
            minutes=row.minutes,
        )
        for row in await session.execute(_CERTIFIED, values)
    ]


async def valid(
    session: AsyncSession, *, volunteer_id: int, period: tuple[date, date]
) -> tuple[int, list[int], int, bool] | None:
    """The record of this period that still holds: its id, stretches and minutes, and whether it is a certificate."""
    values = {"volunteer": volunteer_id, "from_on": period[0], "until_on": period[1]}
    row = (await session.execute(_VALID, values)).one_or_none()
    return None if row is None else (row.id, list(row.service_ids), row.minutes, row.is_certificate)


async def replace(session: AsyncSession, *, certificate_id: int, person_id: int, now: datetime) -> None:
    """Ends one's own record, in whose place a new one comes."""
    await session.execute(_REPLACE, {"certificate": certificate_id, "person": person_id, "now": now})


async def add(session: AsyncSession, *, new: NewCertificate) -> int | None:
    """Issues a record; None when the number is taken."""
    values = {
        "programme": new.programme_id,
        "volunteer": new.volunteer_id,
        "number": new.number,
        "check_mac": new.check_mac,
        "from_on": new.period[0],
        "until_on": new.period[1],
        "issued_on": new.issued_on,
        "minutes": new.minutes,
        "services": list(new.service_ids),
        "organisations": list(new.organisation_ids),
        "sealed_content": new.sealed_content,
        "is_certificate": new.is_certificate,
    }
    return (await session.execute(_ADD, values)).scalar_one_or_none()


async def by_check(session: AsyncSession, *, check_mac: bytes) -> StoredCertificate | None:
    """The record that number and check code together lead to, for anybody."""
    row = (await session.execute(_CHECK, {"check_mac": check_mac})).one_or_none()
    return None if row is None else StoredCertificate(**row._mapping)


async def own(session: AsyncSession, *, certificate_id: int) -> StoredCertificate | None:
    """One of the caller's own records."""
    row = (await session.execute(_OWN, {"certificate": certificate_id})).one_or_none()
    return None if row is None else StoredCertificate(**row._mapping)


async def for_staff(session: AsyncSession, *, number: str) -> StaffCertificate | None:
    """A record that names the organiser's own organisation, or any for the office."""
    row = (await session.execute(_FOR_STAFF, {"number": number})).one_or_none()
    return None if row is None else StaffCertificate(**row._mapping)


async def revoke(session: AsyncSession, *, number: str, sealed_reason: bytes | None, now: datetime) -> bool:
    """Revokes a record; False when it was revoked before."""
    values = {"number": number, "sealed_reason": sealed_reason, "now": now}
    return bool((await session.execute(_REVOKE, values)).scalar_one())


def certificates_fragment() -> Fragment:
    """A volunteer's records, the latest first; the newest hundred."""
    return Fragment(
        sql=f"""
        SELECT coalesce(json_agg(p.shape ORDER BY p.id DESC), '[]')
        FROM (
            SELECT c.id, {_SHAPE} AS shape
            FROM certificate AS c JOIN volunteer AS v ON v.id = c.volunteer_id
            WHERE c.volunteer_id = :volunteer
            ORDER BY c.id DESC
            LIMIT 100
        ) AS p
        """
    )


def certificate_fragment(name: str, *, certificate_id: int) -> Fragment:
    """One record of the volunteer's own."""
    return Fragment(
        sql=f"""
        SELECT {_SHAPE}
        FROM certificate AS c JOIN volunteer AS v ON v.id = c.volunteer_id
        WHERE c.id = :{name}_id AND c.volunteer_id = :volunteer
        """,
        binds={f"{name}_id": certificate_id},
    )
