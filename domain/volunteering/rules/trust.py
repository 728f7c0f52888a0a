"""What makes a stretch doubtful, who may then decide about it, and which of the others the office draws as a sample.

A signal is about a stretch, or about how an organiser works; it is never a score of a person. Overlap has no signal:
it is refused at once.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from domain.errors import InvalidInput
from domain.values import Words, words
from domain.vault import Vault
from domain.volunteering.rules.terms import VolunteerTerms

# One in so many confirmed stretches goes to the office; which ones, nobody can know beforehand.
SAMPLE_ONE_IN: Final = 20
# Hours were once sold and typed in within two minutes.
QUICK: Final = timedelta(minutes=2)
BURST_WINDOW: Final = timedelta(minutes=10)
MOST_CONFIRMED: Final = 100
MOST_ENTERED: Final = 10
# 120 km/h from door to door.
FASTEST_METRES_PER_SECOND: Final = 120_000 / 3600
DEVICE_LENGTH: Final = range(16, 201)

# With one of these a stretch is held back: the office decides, not the organiser. As `service_for_office` has it.
HELD: Final = ("SHARED_DEVICE", "DISTANCE", "BURST", "DAILY_CAP", "YEARLY_CAP")

TITLES: Final = {
    "SHARED_DEVICE": words("一部手机为多人签到", "one phone checked in several volunteers"),
    "DISTANCE": words("两地之间的时间不够", "there was no time to get from one place to the other"),
    "BURST": words("短时间内大量录入", "many were entered within minutes"),
    "DAILY_CAP": words("超过每日时长上限", "more hours than the daily cap"),
    "YEARLY_CAP": words("超过每年时长上限", "more hours than the yearly cap"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeElsewhere:
    """What a volunteer's other stretches say about one: shared time, minutes so far, speed needed to get there."""

    overlaps: bool
    minutes_of_day: int
    minutes_of_year: int
    metres_per_second: float


def signals_of_time(elsewhere: TimeElsewhere, minutes: int, terms: VolunteerTerms) -> list[str]:
    """The signals of a stretch of so many minutes."""
    signals = []
    if elsewhere.minutes_of_day + minutes > terms.daily_hours * 60:
        signals.append("DAILY_CAP")
    if elsewhere.minutes_of_year + minutes > terms.yearly_hours * 60:
        signals.append("YEARLY_CAP")
    if elsewhere.metres_per_second > FASTEST_METRES_PER_SECOND:
        signals.append("DISTANCE")
    return signals


def signals_of_entering(entered_lately: int) -> list[str]:
    """The signal of a stretch that is entered by hand right after so many others by the same account."""
    return ["BURST"] if entered_lately >= MOST_ENTERED else []


def signals_of_confirming(ended_at: datetime | None, now: datetime, *, confirmed_lately: int) -> list[str]:
    """The signal of a confirmation that comes too quickly, or as one of too many within minutes."""
    quick = ended_at is not None and now - ended_at < QUICK
    return ["BURST"] if quick or confirmed_lately > MOST_CONFIRMED else []


def is_sampled(vault: Vault, service_id: int) -> bool:
    """Whether this stretch is one of those that the office draws."""
    return int.from_bytes(vault.digest("service sample", str(service_id))[:8]) % SAMPLE_ONE_IN == 0


def held_by(signals: Iterable[str]) -> str | None:
    """The signal for which a stretch is held back, if any."""
    return next((one for one in HELD if one in set(signals)), None)


def title_of(signal: str) -> Words:
    """A signal in words."""
    return TITLES[signal]


def device_digest(vault: Vault, event_id: int, device: str | None) -> bytes | None:
    """What is kept of a phone: enough to tell it again within one event, and nothing anywhere else.

    Raises:
        InvalidInput: no id that an app makes.
    """
    if device is None:
        return None
    if len(device) not in DEVICE_LENGTH or not device.isprintable():
        raise InvalidInput(
            words(
                "设备编号须为应用安装时生成的16至200个字符。请更新应用。",
                "A device id has 16 to 200 characters, made when the app is installed. Please update the app.",
            ),
            field="device",
        )
    return vault.digest("attendance device", str(event_id), device)[:16]
