"""The printed record of confirmed hours: what stands in it, how it is found again, and what a stranger may read.

It is called a platform record, unless its programme is joined to the national system, which issues certificates.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from ipaddress import ip_address
from zoneinfo import ZoneInfo

from domain.errors import InvalidInput, RateLimited, RuleRefused
from domain.values import Words, typed, words
from domain.vault import Vault
from domain.volunteering.rules.registration import check_digit

MOST_LINES = 1000
CODE_SIGNS = 8
WRONG_CHECKS_A_MINUTE = 10

_PLATFORM_RECORD = words(
    "平台志愿服务记录(非国家志愿服务信息系统出具的证明)",
    "Platform record of volunteer service (not a certificate of the national system)",
)
_CERTIFICATE = words(
    "志愿服务记录证明(本项目已接入国家志愿服务信息系统)",
    "Certificate of volunteer service (this programme is joined to the national system)",
)

# Crockford's alphabet leaves out I, L, O and U, which people misread.
_WRITE = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "0123456789ABCDEFGHJKMNPQRSTVWXYZ")
_ALIKE = str.maketrans("ILO", "110")


@dataclass(frozen=True, slots=True, kw_only=True)
class Certified:
    """One confirmed stretch, as a record names it."""

    id: int
    organisation_id: int
    organisation: Words
    title: str
    activity_type: str
    started_at: datetime
    ended_at: datetime
    minutes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """What the programme's own document says in a record: its name, its time zone, its kinds of service.

    `is_certificate`: whether it may be called a certificate.
    """

    programme: Words
    timezone: str
    activities: Mapping[str, Words]
    is_certificate: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What is printed and sealed: in which programme, for whom, recorded by whom, and each stretch in one line."""

    programme: Words
    holder: str
    recorded_by: Words
    lines: tuple[Words, ...]

    def to_json(self) -> str:
        """As it is sealed."""
        return json.dumps(asdict(self), ensure_ascii=False)


def content_of(text: str) -> Content:
    """The inverse of `to_json`."""
    stored = json.loads(text)
    return Content(
        programme=Words(**stored["programme"]),
        holder=stored["holder"],
        recorded_by=Words(**stored["recorded_by"]),
        lines=tuple(Words(**line) for line in stored["lines"]),
    )


def check_period(from_on: date, until_on: date, today: date) -> None:
    """A record is about days that are over or today.

    Raises:
        InvalidInput: the end lies before the start, or in the future.
    """
    if until_on < from_on or until_on > today:
        raise InvalidInput(
            words("起止日期须先后有序,且不晚于今天。请更正。", "The period ends after it begins, and by today."),
            field="until",
        )


def check_stretches(stretches: Sequence[Certified]) -> None:
    """There is something to put on record, and it fits.

    Raises:
        RuleRefused: no confirmed hours in this period.
        InvalidInput: more stretches than one record holds.
    """
    if not stretches:
        raise RuleRefused(
            words(
                "这段时间没有经确认的服务。确认后即可开具。",
                "No service of this period is confirmed. You can have a record once it is.",
            )
        )
    if len(stretches) > MOST_LINES:
        raise InvalidInput(
            words(
                f"一份记录最多{MOST_LINES}条,请缩短时间。", f"A record holds {MOST_LINES} lines. Choose a shorter time."
            ),
            field="from",
        )


def holder_name(name: str | None) -> str:
    """Whom the record is about.

    Raises:
        RuleRefused: nobody has told us their name.
    """
    if name is None or not name.strip():
        raise RuleRefused(
            words(
                "身份提供方没有给出您的姓名,无法开具。请用实名账户登录。",
                "Your identity provider gives no name, so no record can be issued. Sign in with a verified account.",
            )
        )
    return name.strip()


def compose(holder: str, stretches: Sequence[Certified], heading: Heading) -> Content:
    """The content of a record: service time, content and recording unit, as the law asks for."""
    units = list({one.organisation_id: one.organisation for one in stretches}.values())
    zone = ZoneInfo(heading.timezone)
    return Content(
        programme=heading.programme,
        holder=holder,
        recorded_by=words("、".join(one.zh for one in units), ", ".join(one.en for one in units)),
        lines=tuple(_line(one, heading.activities.get(one.activity_type), zone) for one in stretches),
    )


def _line(one: Certified, activity: Words | None, zone: ZoneInfo) -> Words:
    start, end = one.started_at.astimezone(zone), one.ended_at.astimezone(zone)
    time, hours = f"{start:%Y-%m-%d %H:%M}–{end:%H:%M}", f"{one.minutes / 60:g}"
    kind = activity or words(one.activity_type, one.activity_type)
    return words(
        f"{time} {one.title}({kind.zh}){hours}小时,{one.organisation.zh}记录",
        f"{time} {one.title} ({kind.en}), {hours} h, recorded by {one.organisation.en}",
    )


def new_number(vault: Vault, *, volunteer_id: int, service_ids: Sequence[int], period: str, attempt: int) -> str:
    """A number such as R1234-5678-9012: eleven digits that tell nothing, and a check digit."""
    ids = ",".join(map(str, service_ids))
    digest = vault.digest("certificate number", str(volunteer_id), period, ids, str(attempt))
    digits = f"{int.from_bytes(digest[:8]) % 10**11:011}"
    digits += str(check_digit(digits))
    return f"R{digits[:4]}-{digits[4:8]}-{digits[8:]}"


def check_code(vault: Vault, number: str) -> str:
    """The code printed beside a number: forty bits that only we can compute."""
    return base64.b32encode(vault.digest("certificate code", number)[:5]).decode().translate(_WRITE)


def check_mac(vault: Vault, number: str, code: str) -> bytes:
    """Under which digest a record is found: by number and code together, however they were typed."""
    digits = "".join(sign for sign in typed(number) if sign.isdecimal())
    return vault.digest("certificate check", digits, typed(code).translate(_ALIKE))


def label_of(is_certificate: bool) -> Words:
    """What a record is called; only one of a programme that is joined to the national system is a certificate."""
    return _CERTIFICATE if is_certificate else _PLATFORM_RECORD


def address_digest(vault: Vault, address: str, day: date) -> bytes:
    """What is kept of the address that guesses come from: nobody can read it, and tomorrow it is another one.

    One subscriber has a whole /64 of the newer addresses, so that part counts as one.
    """
    try:
        found = ip_address(address)
    except ValueError:
        return vault.digest("check address", address, day.isoformat())[:16]
    prefix = found.packed[:8] if found.version == 6 else found.packed
    return vault.digest("check address", prefix.hex(), day.isoformat())[:16]


def too_many_checks(retry_after_ms: int) -> RateLimited:
    """What is said to an address with too many wrong guesses in this minute, whatever it asks for next."""
    return RateLimited(
        words(
            "这一分钟内核验错误次数过多。请核对编号和核验码,稍后再试。",
            "Too many wrong checks within a minute. Compare number and check code with the paper, and wait a moment.",
        ),
        retry_after_ms=retry_after_ms,
    )


def masked(name: str) -> str:
    """A name as a stranger may read it: the first sign, and two stars however long it is."""
    return f"{name[0]}**"
