"""SQL over codes on phones, as their citizen sees them."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.redemption.rules.codes import Macs

_NEXT_ID = text("SELECT nextval('presentation_id_seq')")
_ADD = text("""
    INSERT INTO presentation (id, citizen_id, programme_id, product_id, voucher_kind, code_mac, typed_mac, match_number,
        created_at, expires_at)
    VALUES (:id, :citizen, :programme, :product, :voucher_kind, :code_mac, :typed_mac, :match_number, :now, :expires_at)
    ON CONFLICT DO NOTHING
    RETURNING id
""")
_LOCK = text("""
    SELECT p.status, p.person_id
    FROM (
        SELECT q.status, c.person_id
        FROM presentation AS q
        JOIN citizen AS c ON c.id = q.citizen_id
        WHERE q.id = :id
        FOR UPDATE OF q
    ) AS p
""")
_CANCEL = text("""
    UPDATE presentation SET status = 'CANCELLED'
    WHERE id = :id AND status IN ('OPEN', 'HELD', 'REFUSED')
""")
_SWEEP = text("""
    UPDATE presentation SET status = 'EXPIRED'
    WHERE status IN ('OPEN', 'HELD', 'REFUSED')
      AND expires_at <= :now
      AND (held_until IS NULL OR held_until <= :now)
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Whose:
    """A citizen in a programme."""

    citizen_id: int
    programme_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPresentation:
    """A code about to be shown."""

    id: int
    whose: Whose
    product_id: int
    voucher_kind: str | None
    macs: Macs
    match_number: int
    expires_at: datetime


async def next_id(session: AsyncSession) -> int:
    """The number of the next presentation, from which its code follows."""
    return int((await session.execute(_NEXT_ID)).scalar_one())


async def add(session: AsyncSession, now: datetime, *, presentation: NewPresentation) -> bool:
    """Writes a presentation; False when another live one has the same digits."""
    values = {
        "id": presentation.id,
        "citizen": presentation.whose.citizen_id,
        "programme": presentation.whose.programme_id,
        "product": presentation.product_id,
        "voucher_kind": presentation.voucher_kind,
        "code_mac": presentation.macs.code,
        "typed_mac": presentation.macs.typed,
        "match_number": presentation.match_number,
        "now": now,
        "expires_at": presentation.expires_at,
    }
    return (await session.execute(_ADD, params=values)).one_or_none() is not None


async def lock(session: AsyncSession, *, presentation_id: int) -> tuple[str, int] | None:
    """Status and person of one of the caller's codes, locked; None when there is none."""
    row = (await session.execute(_LOCK, params={"id": presentation_id})).one_or_none()
    return None if row is None else (row.status, row.person_id)


async def cancel(session: AsyncSession, *, presentation_id: int) -> None:
    """Ends a live code."""
    await session.execute(_CANCEL, params={"id": presentation_id})


async def sweep(session: AsyncSession, now: datetime) -> None:
    """Ends every code whose time is over, so that its digits are free again."""
    await session.execute(_SWEEP, params={"now": now})
