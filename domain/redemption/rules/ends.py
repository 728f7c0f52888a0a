"""How a sale ends after it was made: reversed, given back, claimed, released or extended."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from domain.calendar import add_working_days
from domain.errors import AlreadyDecided, InvalidInput, TooLate
from domain.values import Words, words

# The shop itself may undo a sale for a day; afterwards it is the office's to do, until the sale is cut from its person.
REVERSAL_WINDOW: Final = timedelta(hours=24)
OFFICE_WINDOW: Final = timedelta(days=60)
# What is late and claimed by nobody is let go after so many days.
RELEASED_AFTER: Final = timedelta(days=15)
# So many working days a claim on the guarantee fund waits for an objection.
CLAIM_DAYS: Final = 5
MAX_REASON: Final = 500
MAX_EXTENSION_DAYS: Final = 90
REVERSIBLE: Final = frozenset({"COMPLETED", "OPEN", "LATE"})
OPEN: Final = frozenset({"OPEN", "LATE"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """A redemption as it has been locked. Person and holder are None once the link to the person is cut.

    `sold_at` is when it was given: for a claim to an account, when its provider has answered. `pieces` says that the
    budget counts pieces and not money.
    """

    id: int
    programme_id: int
    zone: ZoneInfo
    product_id: int
    product_code: str
    title: Words
    organisation_id: int
    receipt_number: str
    sold_at: datetime
    status: str
    due_on: date | None
    budget_window: date | None
    budget_taken: int
    owed_fen: int
    claim_fen: int | None
    contested: bool
    pieces: bool
    citizen_id: int | None
    person_id: int | None
    holder: bytes | None
    allowance_window: date | None
    allowance_taken: int
    allowance_code: str

    @property
    def holds_money(self) -> bool:
        """Whether its money waits in the guarantee fund instead of having been paid."""
        return self.owed_fen > 0 and self.due_on is not None

    @property
    def is_open(self) -> bool:
        """Whether something is still to be given back or paid."""
        return self.status in OPEN

    def today(self, now: datetime) -> date:
        """The local date in the programme."""
        return now.astimezone(self.zone).date()


def check_reason(reason: str) -> str:
    """The reason without blanks around it. Raises: InvalidInput when there is none, or a novel."""
    stripped = reason.strip()
    if not 0 < len(stripped) <= MAX_REASON:
        raise InvalidInput(
            words(
                f"请用一句话说明原因(最多 {MAX_REASON} 个字符)。",
                f"Please give the reason in a sentence, {MAX_REASON} characters at most.",
            ),
            field="reason",
        )
    return stripped


def check_reversal(sale: Sale, now: datetime, *, by_office: bool) -> None:
    """Raises: AlreadyDecided when it has ended in another way, TooLate after the shop's day or the office's 60."""
    if sale.status not in REVERSIBLE:
        raise AlreadyDecided(words("这笔已经结束,不能再撤销。", "This sale has ended already and cannot be reversed."))
    if now >= sale.sold_at + (OFFICE_WINDOW if by_office else REVERSAL_WINDOW):
        raise TooLate(_TOO_LATE_FOR_OFFICE if by_office else _TOO_LATE_FOR_SHOP)


def claim_until(today: date) -> date:
    """The last day on which a claim made today can be objected to."""
    return add_working_days(today, CLAIM_DAYS)[0]


def check_close(sale: Sale, claim_fen: int, reason: str | None) -> None:
    """Raises: AlreadyDecided when nothing is open, InvalidInput for a claim that is too high or has no reason."""
    check_open(sale)
    if not 0 <= claim_fen <= sale.owed_fen:
        raise InvalidInput(
            words(
                f"索赔金额须在 0 至 {sale.owed_fen} 分之间。",
                f"A claim lies between 0 and {sale.owed_fen} fen, which is what was waived.",
            ),
            field="claimFen",
        )
    if claim_fen > 0:
        check_reason(reason or "")


def check_extension(sale: Sale, days: int) -> date:
    """The new day on which it is due. Raises: AlreadyDecided when nothing is due, InvalidInput for the days."""
    check_open(sale)
    if sale.due_on is None:
        raise AlreadyDecided(words("这笔没有到期日。", "This sale has no day on which it is due."))
    if not 1 <= days <= MAX_EXTENSION_DAYS:
        raise InvalidInput(
            words(f"可延长 1 至 {MAX_EXTENSION_DAYS} 天。", f"It can be extended by 1 to {MAX_EXTENSION_DAYS} days."),
            field="days",
        )
    return sale.due_on + timedelta(days=days)


def check_open(sale: Sale) -> None:
    """Raises: AlreadyDecided when nothing is open."""
    if not sale.is_open:
        raise AlreadyDecided(words("这笔没有待归还的内容。", "Nothing of this sale is open."))


_TOO_LATE_FOR_SHOP = words(
    "超过 24 小时,商家不能自行撤销。请联系项目办公室。",
    "After 24 hours a shop cannot reverse a sale itself. Please ask the programme office.",
)
_TOO_LATE_FOR_OFFICE = words(
    "超过 60 天,这笔已经结清,不能撤销。", "After 60 days a sale is settled for good and cannot be reversed."
)
