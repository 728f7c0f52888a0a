"""SQL over pools of a partner's one-time codes: filled from a file, drawn one by one with a sale."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.values import Fragment

_LOAD = text("""
    INSERT INTO partner_code (programme_id, product_code, code_digest, sealed_code, wrapped_key, loaded_at)
    SELECT :programme, :product_code, c.digest, c.sealed, :wrapped_key, :now
    FROM unnest(CAST(:digests AS bytea[]), CAST(:sealed AS bytea[])) AS c (digest, sealed)
    ON CONFLICT ON CONSTRAINT partner_code_once DO NOTHING
    RETURNING id
""")
# Whoever draws at the same moment gets another one; nobody waits.
_RESERVE = text("""
    SELECT c.id FROM partner_code AS c
    WHERE c.programme_id = identity_programme() AND c.product_code = :product_code AND c.redemption_id IS NULL
    ORDER BY c.id
    LIMIT 1
    FOR UPDATE SKIP LOCKED
""")
_HAND_OUT = text("UPDATE partner_code SET redemption_id = :redemption, drawn_at = :now WHERE id = :code")
_LEFT = text("""
    SELECT count(*) FROM (
        SELECT FROM partner_code AS c
        WHERE c.programme_id = :programme AND c.product_code = :product_code AND c.redemption_id IS NULL
        LIMIT :enough
    ) AS few
""")
_SUSPEND = text("""
    UPDATE product SET status = 'SUSPENDED', status_reason = :reason
    WHERE programme_id = :programme AND code = :product_code AND status = 'PUBLISHED'
    RETURNING id
""")
_RESUME = text("""
    UPDATE product SET status = 'PUBLISHED', status_reason = NULL
    WHERE programme_id = :programme AND code = :product_code AND status = 'SUSPENDED' AND status_reason = :reason
    RETURNING id
""")
_PRODUCT = text("""
    SELECT p.id, p.content FROM product AS p
    WHERE p.programme_id = :programme AND p.code = :product_code AND p.status IN ('PUBLISHED', 'SUSPENDED')
""")
_STOCK = text("""
    SELECT g.code AS programme, s.product_code AS product, s.codes_left
    FROM partner_code_stock() AS s
    JOIN programme AS g ON g.id = s.programme_id
    ORDER BY g.code, s.product_code
""")
STOCK: Final = Fragment(
    sql="""
    SELECT coalesce(json_agg(json_build_object('product_id', s.product_id, 'left', s.codes_left)
        ORDER BY s.codes_left, s.product_code), '[]')
    FROM partner_code_stock() AS s
    WHERE s.programme_id = :programme
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """The codes of one product."""

    programme_id: int
    product_code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """How many codes one product of a programme has left."""

    programme: str
    product: str
    codes_left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedCode:
    """One code of a partner, readable only with the key of its delivery."""

    digest: bytes
    sealed: bytes


async def load(
    session: AsyncSession, now: datetime, *, pool: Pool, codes: Sequence[SealedCode], wrapped_key: bytes
) -> int:
    """Puts codes into a pool; gives how many of them were new."""
    values = {
        "programme": pool.programme_id,
        "product_code": pool.product_code,
        "digests": [one.digest for one in codes],
        "sealed": [one.sealed for one in codes],
        "wrapped_key": wrapped_key,
        "now": now,
    }
    return len((await session.execute(_LOAD, params=values)).all())


async def reserve(session: AsyncSession, *, product_code: str) -> int | None:
    """Locks the next code of a pool for this transaction; None when nothing is left."""
    return (await session.execute(_RESERVE, params={"product_code": product_code})).scalar_one_or_none()


async def hand_out(session: AsyncSession, now: datetime, *, code_id: int, redemption_id: int) -> None:
    """The code belongs to a sale from now on."""
    await session.execute(_HAND_OUT, params={"code": code_id, "redemption": redemption_id, "now": now})


async def left(session: AsyncSession, *, pool: Pool, enough: int) -> int:
    """How many codes are left, counted no further than `enough`."""
    values = {"programme": pool.programme_id, "product_code": pool.product_code, "enough": enough}
    return int((await session.execute(_LEFT, params=values)).scalar_one())


async def stock(session: AsyncSession) -> list[Stock]:
    """What is left in every pool."""
    return [Stock(**row._mapping) for row in await session.execute(_STOCK)]


async def suspend(session: AsyncSession, *, pool: Pool, reason: str) -> bool:
    """Ends a product's offer for the time being; False when it is not offered anyway."""
    values = {"programme": pool.programme_id, "product_code": pool.product_code, "reason": reason}
    return (await session.execute(_SUSPEND, params=values)).one_or_none() is not None


async def resume(session: AsyncSession, *, pool: Pool, reason: str) -> bool:
    """Offers a product again that was suspended for this very reason."""
    values = {"programme": pool.programme_id, "product_code": pool.product_code, "reason": reason}
    return (await session.execute(_RESUME, params=values)).one_or_none() is not None


async def content_of(session: AsyncSession, *, pool: Pool) -> dict[str, object] | None:
    """The document of the product that a pool belongs to; None when there is none in force."""
    values = {"programme": pool.programme_id, "product_code": pool.product_code}
    row = (await session.execute(_PRODUCT, params=values)).one_or_none()
    return None if row is None else dict(row.content)
