"""SQL over linked accounts and promised papers, as their citizen sees them."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.values import Fragment

_KEY = text("SELECT wrapped_key FROM person_key WHERE person_id = :person")
_LOCK_CITIZEN = text("SELECT id FROM citizen WHERE id = :citizen FOR UPDATE")
_LIVE = text("SELECT id, digest, kind FROM service_account WHERE citizen_id = :citizen AND unlinked_at IS NULL")
_ADD = text("""
    INSERT INTO service_account (citizen_id, kind, sealed_number, digest, linked_at)
    VALUES (:citizen, :kind, :sealed_number, :digest, :now)
    RETURNING id
""")
_LOCK = text("""
    SELECT kind, unlinked_at FROM service_account WHERE id = :account AND citizen_id = :citizen FOR UPDATE
""")
_UNLINK = text("UPDATE service_account SET unlinked_at = :now WHERE id = :account AND unlinked_at IS NULL")
_PROMISE = text("""
    INSERT INTO paper_promise (citizen_id, product_code, window_start, window_end, digest, signed_at)
    VALUES (:citizen, :product_code, :window_start, :window_end, :digest, :now)
    ON CONFLICT ON CONSTRAINT paper_promise_pkey DO NOTHING
""")
_ACCOUNT = """json_build_object(
        'id', s.id, 'kind', s.kind, 'number', encode(s.sealed_number, 'hex'), 'linked_at', s.linked_at,
        'key', (SELECT encode(k.wrapped_key, 'hex') FROM person_key AS k WHERE k.person_id = c.person_id))"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveAccount:
    """An account that is linked at present."""

    id: int
    digest: bytes
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAccount:
    """An account about to be linked."""

    citizen_id: int
    kind: str
    sealed_number: bytes
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """Papers promised for one window of one product."""

    citizen_id: int
    product_code: str
    window: tuple[date, date | None]
    digest: str


async def wrapped_key(session: AsyncSession, *, person_id: int) -> bytes | None:
    """The person's data key, wrapped."""
    key: bytes | None = (await session.execute(_KEY, params={"person": person_id})).scalar_one_or_none()
    return key


async def lock_citizen(session: AsyncSession, *, citizen_id: int) -> None:
    """One citizen links and claims one thing at a time."""
    await session.execute(_LOCK_CITIZEN, params={"citizen": citizen_id})


async def live_accounts(session: AsyncSession, *, citizen_id: int) -> list[LiveAccount]:
    """The citizen's accounts that are linked at present."""
    rows = await session.execute(_LIVE, params={"citizen": citizen_id})
    return [LiveAccount(id=row.id, digest=row.digest, kind=row.kind) for row in rows]


async def add_account(session: AsyncSession, now: datetime, *, account: NewAccount) -> int:
    """Links an account; gives its number in our books."""
    values = {
        "citizen": account.citizen_id,
        "kind": account.kind,
        "sealed_number": account.sealed_number,
        "digest": account.digest,
        "now": now,
    }
    return int((await session.execute(_ADD, params=values)).scalar_one())


async def lock_account(session: AsyncSession, *, account_id: int, citizen_id: int) -> tuple[str, bool] | None:
    """Kind of one of the citizen's accounts and whether it is still linked, locked; None when there is none."""
    values = {"account": account_id, "citizen": citizen_id}
    row = (await session.execute(_LOCK, params=values)).one_or_none()
    return None if row is None else (row.kind, row.unlinked_at is None)


async def unlink(session: AsyncSession, now: datetime, *, account_id: int) -> None:
    """Ends a link; what waits for a provider's answer goes on waiting."""
    await session.execute(_UNLINK, params={"account": account_id, "now": now})


async def promise(session: AsyncSession, now: datetime, *, promised: Promise) -> None:
    """Keeps a promise; a second one for the same window changes nothing."""
    start, end = promised.window
    values = {
        "citizen": promised.citizen_id,
        "product_code": promised.product_code,
        "window_start": start,
        "window_end": end,
        "digest": promised.digest,
        "now": now,
    }
    await session.execute(_PROMISE, params=values)


def accounts_fragment() -> Fragment:
    """The citizen's linked accounts, the oldest first; numbers are sealed."""
    return Fragment(
        sql=f"""
        SELECT coalesce(json_agg({_ACCOUNT} ORDER BY s.id), '[]')
        FROM service_account AS s
        JOIN citizen AS c ON c.id = s.citizen_id
        WHERE s.citizen_id = :citizen
          AND s.unlinked_at IS NULL
        """
    )


def account_fragment(name: str, *, account_id: int) -> Fragment:
    """One of the citizen's accounts; one whose number is forgotten is gone."""
    return Fragment(
        sql=f"""
        SELECT {_ACCOUNT}
        FROM service_account AS s
        JOIN citizen AS c ON c.id = s.citizen_id
        WHERE s.citizen_id = :citizen
          AND s.id = :{name}_id
          AND s.sealed_number IS NOT NULL
        """,
        binds={f"{name}_id": account_id},
    )


def household_fragment() -> Fragment:
    """Where the citizen lives at present, as a digest, and how many of the programme live there; null when unknown."""
    return Fragment(
        sql="""
        SELECT json_build_object(
            'dwelling', encode(d.dwelling, 'hex'), 'since', d.since, 'members', dwelling_members())
        FROM household AS d
        WHERE d.citizen_id = :citizen
        ORDER BY d.since DESC
        LIMIT 1
        """
    )
