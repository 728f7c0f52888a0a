"""The organiser's rotating code, and the time that a check-in and a check-out prove.

A code lives for its own half minute and one more. It names its event, so that a scan needs nothing else.
"""

import base64
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import segno

from domain.errors import InvalidInput, RateLimited, TooEarly, TooLate
from domain.values import typed, words
from domain.vault import Vault

STEP = timedelta(seconds=30)
GRACE_STEPS = 1
EARLY = timedelta(minutes=30)
LATE = timedelta(minutes=30)
CODE_AFTER_END = timedelta(hours=2)
OFFLINE_WITHIN = timedelta(hours=24)
CLOCK_TOLERANCE = timedelta(minutes=1)
QUARTER = timedelta(minutes=15)
DIGITS = 8
# Eight digits can be guessed at; the code in the picture cannot.
WRONG_DIGITS_A_MINUTE = 5

_PREFIX = "AT1:"
_MAC_BYTES = 10
_LENGTH = 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Crockford's alphabet leaves out I, L, O and U, which people misread.
_RFC = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_WRITE = str.maketrans(_RFC, _CROCKFORD)
_READ = str.maketrans(_CROCKFORD + "ILO", _RFC + "BBA")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What a genuine code says: which event, and in which half minute it was shown."""

    event_id: int
    step: int

    def is_fresh_at(self, instant: datetime) -> bool:
        """Whether it may be scanned at this instant."""
        return 0 <= step_at(instant) - self.step <= GRACE_STEPS


def step_at(instant: datetime) -> int:
    """The number of the half minute that holds an instant."""
    return (instant - _EPOCH) // STEP


def step_ends(step: int) -> datetime:
    """The instant at which the next code takes over."""
    return _EPOCH + (step + 1) * STEP


def code_text(vault: Vault, stamp: Stamp) -> str:
    """The text behind the QR picture."""
    head = stamp.event_id.to_bytes(6, "big") + stamp.step.to_bytes(4, "big")
    body = base64.b32encode(head + _mac(vault, stamp)[:_MAC_BYTES]).decode()
    return _PREFIX + body.translate(_WRITE)


def code_svg(code: str) -> str:
    """The code as a QR picture with its quiet zone; black on white, so that any camera reads it."""
    return segno.make_qr(code, error="m").svg_inline(scale=8, border=4, dark="#000", light="#fff")


def digits_text(vault: Vault, stamp: Stamp) -> str:
    """The digits that can be typed where no camera works."""
    return f"{int.from_bytes(_mac(vault, stamp)[_MAC_BYTES:], 'big') % 10**DIGITS:0{DIGITS}}"


def read_code(vault: Vault, text: str) -> Stamp | None:
    """What a scanned text says, or None when it is not one of ours."""
    clean = typed(text)
    if not clean.startswith(_PREFIX):
        return None
    body = clean.removeprefix(_PREFIX)
    if len(body) != _LENGTH * 8 // 5 or not set(body) <= set(_CROCKFORD + "ILO"):
        return None
    content = base64.b32decode(body.translate(_READ))
    stamp = Stamp(event_id=int.from_bytes(content[:6], "big"), step=int.from_bytes(content[6:10], "big"))
    return stamp if hmac.compare_digest(_mac(vault, stamp)[:_MAC_BYTES], content[10:]) else None


def read_digits(text: str) -> str | None:
    """The digits somebody typed, or None when it is not a typed code."""
    clean = typed(text)
    return clean if len(clean) == DIGITS and clean.isdecimal() else None


def live_steps(instant: datetime) -> range:
    """The half minutes whose codes are accepted at this instant."""
    step = step_at(instant)
    return range(step - GRACE_STEPS, step + 1)


def scan_instant(now: datetime, scanned_at: datetime | None) -> datetime:
    """When the code was scanned: now, or earlier where there was no network.

    Raises:
        InvalidInput: in the future, or without a zone.
        TooLate: more than 24 hours ago.
    """
    if scanned_at is None:
        return now
    if scanned_at.tzinfo is None or scanned_at > now + CLOCK_TOLERANCE:
        raise InvalidInput(
            words(
                "扫码时间不能在将来。请检查手机的时间。",
                "A scan cannot lie in the future. Check the clock of your phone.",
            ),
            field="scannedAt",
        )
    if scanned_at < now - OFFLINE_WITHIN:
        raise TooLate(
            words(
                "离线扫码须在24小时内送达。请联系组织者登记。",
                "A scan without a network has to arrive within 24 hours. Please ask the organiser to enter it.",
            ),
            field="scannedAt",
        )
    return min(scanned_at, now)


def check_code_hours(starts_at: datetime, ends_at: datetime, now: datetime) -> None:
    """A code is shown from half an hour before an event until two hours after it.

    Raises:
        TooEarly: before that.
        TooLate: after that.
    """
    if now < starts_at - EARLY:
        raise TooEarly(
            words(
                "签到码在活动开始前30分钟才会显示。请到时再打开。",
                "The attendance code is shown from 30 minutes before the event. Please open it then.",
            )
        )
    if now > ends_at + CODE_AFTER_END:
        raise TooLate(
            words(
                "活动已结束,签到码不再显示。",
                "The event is over, so its attendance code is no longer shown.",
            )
        )


def counted_end(ended_at: datetime, event_ends_at: datetime) -> datetime:
    """Until when time counts: at most half an hour after the event."""
    return min(ended_at, event_ends_at + LATE)


def minutes_given(started_at: datetime, ended_at: datetime) -> int:
    """Time actually given, in whole quarters of an hour."""
    return max(0, (ended_at - started_at) // QUARTER) * 15


def wrong_code() -> InvalidInput:
    """What is said to a code that is not ours, or to digits that fit no event of the volunteer's."""
    return InvalidInput(
        words(
            "签到码不正确。请扫描组织者屏幕上的当前签到码,或核对数字。",
            "This attendance code is not right. Scan the one on the organiser's screen, or check the digits.",
        ),
        field="code",
    )


def guesser_of(vault: Vault, volunteer_id: int) -> bytes:
    """Under which digest a volunteer's wrong digits are counted."""
    return vault.digest("attendance guesses", str(volunteer_id))[:16]


def too_many_digits(retry_after_ms: int) -> RateLimited:
    """What is said to whoever has typed too many wrong ones within a minute."""
    return RateLimited(
        words(
            "输入的签到码错误次数过多。请扫描组织者屏幕上的二维码,或稍后再输入。",
            "Too many wrong digits within a minute. Scan the picture on the organiser's screen, or type again later.",
        ),
        field="code",
        retry_after_ms=retry_after_ms,
    )


def stale_code() -> TooLate:
    """What is said to a genuine code of another half minute."""
    return TooLate(
        words(
            "签到码已过期(每30秒更换)。请扫描屏幕上的当前签到码。",
            "This attendance code has expired; it changes every 30 seconds. Scan the one on the screen now.",
        ),
        field="code",
    )


def _mac(vault: Vault, stamp: Stamp) -> bytes:
    return vault.digest("attendance", str(stamp.event_id), str(stamp.step))
