"""The statements of a scan. The functions behind them stand in the migrations, with the order of their locks."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.redemption.rules.scans import OpenedScan, ScanOutcome, ScanReason, ShownCode, Sold
from domain.values import Words

_OPEN = text("""
    SELECT open_scan(CAST(:macs AS bytea[]), :terminal, CAST(:key AS uuid), CAST(:request_hash AS bytea), :lock, :now)
""")
_COUNT_WRONG = text("SELECT count_wrong_code(:terminal, :now)")
_HOLD = text("""
    SELECT hold_code(:code, :person, :terminal, :until, CAST(:what AS jsonb), CAST(:day AS timestamptz), :now)
""")
_REFUSE = text("""
    SELECT refuse_code(:code, :person, CAST(:refusal AS jsonb), CAST(:what AS jsonb), CAST(:day AS timestamptz), :now)
""")
_TAKE = text("SELECT take_benefit(CAST(:scan AS jsonb), :now)")
_TOLD = text("""
    SELECT r.product_id, r.basis, r.relief, r.holder_pays, r.match_number, r.receipt_number, r.merchant_ref, r.at,
        r.status, r.due_on
    FROM redemption AS r
    WHERE r.id = :redemption
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyed:
    """The client's key and the digest of what was asked with it; none for a preview."""

    key: UUID | None = None
    request_hash: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the person will read in the access log: at what a shop has looked, and the start of that day."""

    what: Words
    day: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A decided sale, ready to be written at once. Money in fen."""

    code_id: int
    citizen_id: int
    per_household: bool
    person_id: int
    product_id: int
    product_code: str
    terminal_id: int
    key: UUID
    request_hash: bytes
    operation: str
    receipt_number: str
    merchant_ref: str | None
    status: str
    basis: int | None
    relief: int | None
    holder_pays: int | None
    due_on: date | None
    match_number: int
    allowance_start: date
    allowance_end: date | None
    allowance_taken: int
    allowance_limit: int | None
    allowance_code: str | None
    budget_start: date | None
    budget_taken: int
    posted_fen: int
    pending_fen: int
    look: Look


async def open_scan(
    session: AsyncSession, now: datetime, *, mac: bytes | None, terminal_id: int, keyed: Keyed
) -> OpenedScan:
    """Whose code this is and whether this terminal may scan. Locks the citizen's codes for the product, if keyed."""
    values = {
        "macs": [] if mac is None else [mac],
        "terminal": terminal_id,
        "key": keyed.key,
        "request_hash": keyed.request_hash,
        "lock": keyed.key is not None,
        "now": now,
    }
    raw: Mapping[str, Any] = (await session.execute(_OPEN, params=values)).scalar_one()
    earlier = raw["earlier"]
    return OpenedScan(
        terminal_open=raw["terminal_open"],
        wrong=raw["wrong"],
        wait_ms=raw["wait_ms"],
        same_request=earlier is not None and earlier["same"],
        earlier=None if earlier is None else earlier["result"],
        code=None if raw["code"] is None else _code(raw["code"]),
    )


def _code(raw: Mapping[str, Any]) -> ShownCode:
    until = raw["held_until"]
    return ShownCode(
        id=raw["id"],
        citizen_id=raw["citizen_id"],
        person_id=raw["person_id"],
        product_id=raw["product_id"],
        voucher_kind=raw["voucher_kind"],
        match_number=raw["match_number"],
        status=raw["status"],
        expires_at=datetime.fromisoformat(raw["expires_at"]),
        held_by=raw["held_by"],
        held_until=None if until is None else datetime.fromisoformat(until),
        left=raw["left"],
    )


async def count_wrong_code(session: AsyncSession, now: datetime, *, terminal_id: int) -> None:
    """One more code that is nobody's."""
    await session.execute(_COUNT_WRONG, params={"terminal": terminal_id, "now": now})


async def hold_code(
    session: AsyncSession, now: datetime, *, code: ShownCode, terminal_id: int, until: datetime, look: Look
) -> bool:
    """The code waits for this terminal; False when another was quicker."""
    values = {
        "code": code.id,
        "person": code.person_id,
        "terminal": terminal_id,
        "until": until,
        "what": _bilingual(look.what),
        "day": look.day,
        "now": now,
    }
    return bool((await session.execute(_HOLD, params=values)).scalar_one())


async def refuse_code(
    session: AsyncSession, now: datetime, *, code: ShownCode, refusal: Mapping[str, object] | None, look: Look
) -> None:
    """The look is written down, and why it was refused, where that is about the person."""
    values = {
        "code": code.id,
        "person": code.person_id,
        "refusal": None if refusal is None else json.dumps(refusal, ensure_ascii=False),
        "what": _bilingual(look.what),
        "day": look.day,
        "now": now,
    }
    await session.execute(_REFUSE, params=values)


async def take_benefit(session: AsyncSession, now: datetime, *, taken: Taken) -> int | str:
    """The number of the redemption, or which conditional write found no row: ALLOWANCE or BUDGET."""
    raw = (await session.execute(_TAKE, params={"scan": _as_json(taken), "now": now})).scalar_one()
    refused: str | None = raw.get("refused")
    return int(raw["redemption_id"]) if refused is None else refused


async def told(session: AsyncSession, *, redemption_id: int, unit_of: Callable[[int], Words | None]) -> ScanOutcome:
    """The answer to the scan that made this sale, computed again from it; `unit_of` knows a product's unit."""
    row = (await session.execute(_TOLD, params={"redemption": redemption_id})).one()
    return ScanOutcome(
        reason=ScanReason.OK,
        product_id=row.product_id,
        basis=row.basis,
        basis_unit=unit_of(row.product_id),
        relief=row.relief,
        holder_pays=row.holder_pays,
        match_number=row.match_number,
        sold=Sold(
            redemption_id=redemption_id,
            receipt_number=row.receipt_number,
            merchant_ref=row.merchant_ref,
            at=row.at,
            status=row.status,
            due_on=row.due_on,
        ),
    )


def _as_json(taken: Taken) -> str:
    fields = {name: getattr(taken, name) for name in Taken.__slots__ if name != "look"}
    fields |= {"request_hash": "\\x" + taken.request_hash.hex()}
    fields |= {"what": {"zh": taken.look.what.zh, "en": taken.look.what.en}, "day": taken.look.day}
    return json.dumps(fields, default=str, ensure_ascii=False)


def _bilingual(value: Words) -> str:
    return json.dumps({"zh": value.zh, "en": value.en}, ensure_ascii=False)
