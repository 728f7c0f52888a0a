"""A shop's month: what was sold and undone, and what the city owes for it. Money in fen."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from domain.errors import AlreadyDecided, InvalidInput, TooEarly
from domain.values import add_months, midnight, words

MAX_REFERENCE: Final = 100
_MONTH: Final = re.compile(r"(20\d\d)-(0[1-9]|1[0-2])", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementLine:
    """One product: `relief` in its own unit, and what of it is money; undone sales are taken off both."""

    product_id: int
    redemptions: int
    reversed: int
    relief: int
    relief_fen: int
    payable_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A month of one shop. `payable_fen` is what the ledger moved; below zero where more was undone than sold."""

    organisation_id: int
    month: date
    lines: tuple[StatementLine, ...]
    paid_at: datetime | None
    payment_ref: str | None

    @property
    def redemptions(self) -> int:
        """How many sales were made."""
        return sum(line.redemptions for line in self.lines)

    @property
    def reversed(self) -> int:
        """How many were undone, of whichever month they were."""
        return sum(line.reversed for line in self.lines)

    @property
    def relief_fen(self) -> int:
        """What people were spared, as far as it is money."""
        return sum(line.relief_fen for line in self.lines)

    @property
    def payable_fen(self) -> int:
        """What the city owes for the month."""
        return sum(line.payable_fen for line in self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """A local month as instants, `until` not included."""

    first: date
    since: datetime
    until: datetime


def month_of(text: str, zone: ZoneInfo) -> Month:
    """The month that somebody names. Raises: InvalidInput unless it reads like 2026-06."""
    found = _MONTH.fullmatch(text)
    if found is None:
        raise InvalidInput(
            words("请按 2026-06 的格式填写月份。", "Please write the month like 2026-06."), field="month"
        )
    first = date(int(found[1]), int(found[2]), 1)
    return Month(first=first, since=midnight(first, zone), until=midnight(add_months(first, 1), zone))


def statement_of(raw: Mapping[str, Any]) -> Statement:
    """The statement out of the database's JSON."""
    paid = raw["paid"]
    return Statement(
        organisation_id=raw["organisation_id"],
        month=date.fromisoformat(raw["month"]),
        lines=tuple(StatementLine(**line) for line in raw["lines"]),
        paid_at=None if paid is None else datetime.fromisoformat(paid["paid_at"]),
        payment_ref=None if paid is None else paid["payment_ref"],
    )


def check_payment(statement: Statement, month: Month, now: datetime) -> None:
    """Raises: AlreadyDecided when it is paid, TooEarly before the month is over, InvalidInput when nothing is owed."""
    if statement.paid_at is not None:
        raise AlreadyDecided(words("该月已标记为已付款。", "This month has been marked as paid already."))
    if now < month.until:
        raise TooEarly(
            words("该月尚未结束。请下月再办理。", "The month is not over yet. Mark it as paid when it is."),
            field="month",
        )
    if statement.payable_fen == 0:
        raise InvalidInput(words("该月没有应付款。", "Nothing is owed for this month."), field="month")


def reference_of(text: str) -> str:
    """The payment's reference without blanks around it. Raises: InvalidInput when there is none, or it is too long."""
    stripped = text.strip()
    if not 0 < len(stripped) <= MAX_REFERENCE:
        raise InvalidInput(
            words(
                f"请填写付款凭证号,最多 {MAX_REFERENCE} 个字符。",
                f"Please give the payment's reference, {MAX_REFERENCE} characters at most.",
            ),
            field="paymentRef",
        )
    return stripped
