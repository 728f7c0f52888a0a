"""What a shop is told when it scans a code: neutral words about the code, never about the person.

CODE_EXPIRED  its minute is over          CODE_USED    it has been redeemed
WRONG_PLACE   this shop does not give it  TRY_AGAIN    another terminal holds it at this moment
NOT_VALID     unknown, cancelled, not qualified, used up, no money left, suspended: one answer for all
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

from domain.errors import InvalidInput, NotAllowed, NotFound, RateLimited, TerminalBlocked
from domain.values import Words, words

HOLD: Final = timedelta(seconds=90)
WRONG_CODES_A_MINUTE: Final = 5
MAX_REFERENCE: Final = 64
LIVE: Final = frozenset({"OPEN", "HELD", "REFUSED"})


class ScanReason(StrEnum):
    """Why a scan was answered as it was."""

    OK = "OK"
    CODE_EXPIRED = "CODE_EXPIRED"
    CODE_USED = "CODE_USED"
    NOT_VALID = "NOT_VALID"
    WRONG_PLACE = "WRONG_PLACE"
    TRY_AGAIN = "TRY_AGAIN"


MESSAGES: Final[Mapping[ScanReason, Words]] = {
    ScanReason.OK: words(
        "可以使用。请核对两边的两位数字是否相同。", "This is good. Check that both screens show the same two digits."
    ),
    ScanReason.CODE_EXPIRED: words("此码已过期。请顾客出示新的码。", "This code has expired. Ask for a fresh one."),
    ScanReason.CODE_USED: words("此码已使用。请顾客出示新的码。", "This code has been used. Ask for a fresh one."),
    ScanReason.NOT_VALID: words(
        "此码无效。顾客可在手机上查看说明。", "This code is not valid. The phone that shows it tells why."
    ),
    ScanReason.WRONG_PLACE: words(
        "本店不提供这项惠民。请顾客到参与的商家使用。",
        "This shop does not give this benefit. It can be used at a shop that does.",
    ),
    ScanReason.TRY_AGAIN: words(
        "此码正在另一台终端上使用。请稍后再扫一次。",
        "Another terminal holds this code at the moment. Please scan again shortly.",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What a terminal sends: the code as scanned or typed, and the price, quantity or deposit of the sale."""

    code: str
    terminal_id: int
    basis: int | None = None
    merchant_ref: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownCode:
    """A presentation as the scan finds it."""

    id: int
    citizen_id: int
    person_id: int
    product_id: int
    voucher_kind: str | None
    match_number: int
    status: str
    expires_at: datetime
    held_by: int | None
    held_until: datetime | None
    left: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedScan:
    """What the first statement of a scan has found. `earlier` is what this key has led to before."""

    terminal_open: bool
    wrong: int
    wait_ms: int
    same_request: bool
    earlier: Mapping[str, object] | None
    code: ShownCode | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sold:
    """A sale as its shop may know it."""

    redemption_id: int
    receipt_number: str
    merchant_ref: str | None
    at: datetime
    status: str
    due_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanOutcome:
    """The answer to a scan. Everything beyond reason and message is about the sale, and only when it is allowed."""

    reason: ScanReason
    product_id: int | None = None
    basis: int | None = None
    basis_unit: Words | None = None
    relief: int | None = None
    holder_pays: int | None = None
    match_number: int | None = None
    held_until: datetime | None = None
    sold: Sold | None = None

    @property
    def allowed(self) -> bool:
        """Whether the benefit may be given."""
        return self.reason is ScanReason.OK

    @property
    def message(self) -> Words:
        """What the shop's screen says."""
        return MESSAGES[self.reason]


def state_of(code: ShownCode, terminal_id: int, now: datetime) -> ScanReason:
    """What can be said of a code by itself; OK when it lives and no other terminal holds it."""
    if code.status == "REDEEMED":
        return ScanReason.CODE_USED
    if code.status not in LIVE and code.status != "EXPIRED":
        return ScanReason.NOT_VALID
    if code.left:
        return ScanReason.NOT_VALID
    held = code.held_until is not None and code.held_until > now
    if code.status in LIVE and held:
        return ScanReason.OK if code.held_by == terminal_id else ScanReason.TRY_AGAIN
    if code.status in LIVE and code.expires_at > now:
        return ScanReason.OK
    return ScanReason.CODE_EXPIRED


def check_terminal(opened: OpenedScan) -> None:
    """Raises: TerminalBlocked for a terminal that may not scan."""
    if not opened.terminal_open:
        raise TerminalBlocked(
            words(
                "此终端已停用。请使用其他终端,或联系店长。",
                "This terminal is blocked. Use another one, or ask your manager.",
            ),
            field="terminalId",
        )


def check_rate(opened: OpenedScan) -> None:
    """Raises: RateLimited after too many wrong codes in one minute."""
    if opened.wrong >= WRONG_CODES_A_MINUTE:
        raise RateLimited(
            words(
                "错误的码太多。请稍等片刻,再请顾客出示新的码。",
                "Too many wrong codes. Wait a moment, then ask for a fresh code.",
            ),
            retry_after_ms=opened.wait_ms,
        )


def check_scan(scan: Scan, terminal_id: int | None) -> None:
    """Whether this caller may scan at this terminal, and the words of the sale are in order.

    Raises:
        NotAllowed: the caller's session is bound to no terminal.
        NotFound: it is bound to another terminal.
        InvalidInput: a basis of nothing, or a reference that is too long.
    """
    if terminal_id is None:
        raise NotAllowed(
            words(
                "扫码须在已配对的终端上进行。请以收银员身份登录。",
                "Codes are scanned at a paired terminal. Please sign in as its cashier.",
            )
        )
    if scan.terminal_id != terminal_id:
        raise NotFound
    if scan.basis is not None and scan.basis < 1:
        raise InvalidInput(
            words("金额或数量必须大于零。请重新输入。", "This number must be above zero. Please enter it again."),
            field="basis",
        )
    if scan.merchant_ref is not None and len(scan.merchant_ref) > MAX_REFERENCE:
        raise InvalidInput(
            words(f"单据号最多 {MAX_REFERENCE} 个字符。", f"A reference has at most {MAX_REFERENCE} characters."),
            field="merchantRef",
        )
