"""The benefits of one small city in plain Python: what every step must lead to, without a database.

Independent of the product: it shares no code with it but the shapes that it is told about.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum

from domain.calendar import add_working_days

USES = 3
PAY_PERCENT = 40
MOST_RELIEF = 900
DEPOSIT, DEPOSIT_DAYS = 2_500, 10
HEATING = 2_500
FIRST_DAY = date(2026, 6, 15)


class Kind(StrEnum):
    """The products: paid at once, waived and waiting, claimed to an account; and waived, from a budget of pieces."""

    RATIO = "ratio"
    DEPOSIT = "deposit"
    ACCOUNT = "account"
    PIECES = "pieces"


COUNTER = (Kind.RATIO, Kind.DEPOSIT, Kind.PIECES)
MONEY = (Kind.RATIO, Kind.DEPOSIT, Kind.ACCOUNT)
WAIVED = (Kind.DEPOSIT, Kind.PIECES)


@dataclass
class Purse:
    """One budget, in fen or in pieces."""

    total: int
    reserved: int = 0
    spent: int = 0

    @property
    def left(self) -> int:
        return self.total - self.reserved - self.spent


@dataclass
class Code:
    """A code on a phone."""

    citizen: int
    kind: Kind
    day: int
    state: str = "LIVE"


@dataclass
class Sale:
    """A sale, with what it holds. `owed` is what its transfers come to."""

    citizen: int
    kind: Kind
    day: int
    status: str
    relief: int = 0
    owed: int = 0
    due: date | None = None
    claim: int = 0
    until: date | None = None
    sold_day: int = 0

    @property
    def taken(self) -> int:
        """What it holds of its budget."""
        return 1 if self.kind is Kind.PIECES else self.owed

    @property
    def given(self) -> int:
        """What stays given when nothing is paid for it: a piece, but no money."""
        return 1 if self.kind is Kind.PIECES else 0


@dataclass
class Model:
    """Everything that money and allowances depend on."""

    purses: dict[Kind, Purse]
    day: int = 0
    used: dict[tuple[int, Kind], int] = field(default_factory=dict)
    codes: list[Code] = field(default_factory=list)
    sales: list[Sale] = field(default_factory=list)
    payable: int = 0

    @property
    def today(self) -> date:
        return FIRST_DAY + timedelta(days=self.day)

    def left(self, citizen: int, kind: Kind) -> int:
        return USES - self.used.get((citizen, kind), 0)

    def fund(self, kind: Kind, fen: int) -> str:
        self.purses[kind].total += fen
        return "ok"

    def present(self, citizen: int, kind: Kind) -> str:
        if self.left(citizen, kind) < 1:
            return "ALLOWANCE_USED_UP"
        if self.purses[kind].left < 1:
            return "BUDGET_USED_UP"
        self.codes.append(Code(citizen, kind, self.day))
        return "ok"

    def redeem(self, number: int, basis: int) -> str:
        code = self.codes[number]
        if code.state in ("USED", "ENDED"):
            return "CODE_USED" if code.state == "USED" else "NOT_VALID"
        if code.day < self.day:
            return "CODE_EXPIRED"
        purse = self.purses[code.kind]
        ratio = min(basis * (100 - PAY_PERCENT) // 100, MOST_RELIEF)
        relief = ratio if code.kind is Kind.RATIO else min(basis, DEPOSIT)
        cost = 1 if code.kind is Kind.PIECES else relief
        if self.left(code.citizen, code.kind) < 1 or purse.left < 1 or purse.left < cost:
            return "NOT_VALID"
        for other in self.codes:
            if (other.citizen, other.kind, other.state) == (code.citizen, code.kind, "LIVE"):
                other.state = "ENDED" if other.day == self.day else other.state
        for other in self.codes:
            if (other.citizen, other.kind, other.state) == (code.citizen, code.kind, "LIVE"):
                other.state = "ENDED"
        code.state = "USED"
        self._use(code.citizen, code.kind, 1)
        sale = Sale(code.citizen, code.kind, self.day, "COMPLETED", relief, relief, sold_day=self.day)
        if code.kind in WAIVED:
            sale.status, sale.due = "OPEN", self.today + timedelta(days=DEPOSIT_DAYS)
            purse.reserved += cost
        else:
            purse.spent += relief
            self.payable += relief
        self.sales.append(sale)
        return "OK"

    def reverse(self, number: int) -> str:
        sale = self.sales[number]
        if sale.status not in ("COMPLETED", "OPEN", "LATE"):
            return "ALREADY_DECIDED"
        if self.day > sale.sold_day:
            return "TOO_LATE"
        purse = self.purses[sale.kind]
        if sale.kind in WAIVED:
            # A deposit that was given back holds nothing any more, but its piece was given.
            if sale.status != "COMPLETED":
                purse.reserved -= sale.taken
            else:
                purse.spent -= sale.given
        else:
            purse.spent -= sale.owed
            self.payable -= sale.owed
        sale.status = "REVERSED"
        self._use(sale.citizen, sale.kind, -1)
        return "ok"

    def close(self, number: int, claim: int) -> str:
        sale = self.sales[number]
        if sale.status not in ("OPEN", "LATE"):
            return "ALREADY_DECIDED"
        if claim > sale.owed:
            return "INVALID_INPUT"
        if claim > 0:
            sale.status, sale.claim, sale.until = "CLAIM_PENDING", claim, add_working_days(self.today, 5)[0]
        else:
            sale.status = "COMPLETED"
            self.purses[sale.kind].reserved -= sale.taken
            self.purses[sale.kind].spent += sale.given
        return "ok"

    def claim(self, citizen: int) -> str:
        purse = self.purses[Kind.ACCOUNT]
        if self.left(citizen, Kind.ACCOUNT) < 1:
            return "ALLOWANCE_USED_UP"
        if purse.left < HEATING:
            return "BUDGET_USED_UP"
        purse.reserved += HEATING
        self._use(citizen, Kind.ACCOUNT, 1)
        self.sales.append(Sale(citizen, Kind.ACCOUNT, self.day, "CLAIM_SENT", owed=HEATING, sold_day=self.day))
        return "ok"

    def confirm(self, number: int, basis: int) -> str:
        sale = self.sales[number]
        if sale.status != "CLAIM_SENT":
            return "ALREADY_DECIDED"
        purse = self.purses[Kind.ACCOUNT]
        sale.relief = sale.owed = min(basis, HEATING)
        sale.status, sale.sold_day = "COMPLETED", self.day
        purse.reserved -= HEATING
        purse.spent += sale.owed
        self.payable += sale.owed
        return "ok"

    def refuse(self, number: int) -> str:
        sale = self.sales[number]
        if sale.status != "CLAIM_SENT":
            return "ALREADY_DECIDED"
        sale.status = "REFUSED"
        self.purses[Kind.ACCOUNT].reserved -= HEATING
        self._use(sale.citizen, Kind.ACCOUNT, -1)
        return "ok"

    def wait(self, days: int) -> str:
        """Days pass, and the jobs of the last of them run."""
        self.day += days
        for sale in self.sales:
            if sale.status == "OPEN" and sale.due is not None and sale.due < self.today:
                sale.status = "LATE"
            if sale.status == "LATE" and sale.due is not None and sale.due + timedelta(days=15) <= self.today:
                sale.status = "RELEASED"
                self.purses[sale.kind].reserved -= sale.taken
                self.purses[sale.kind].spent += sale.given
            if sale.status == "CLAIM_PENDING" and sale.until is not None and sale.until < self.today:
                sale.status = "CLAIMED"
                self.purses[sale.kind].reserved -= sale.taken
                self.purses[sale.kind].spent += sale.given or sale.claim
                self.payable += sale.claim
        return "ok"

    def settle(self) -> str:
        """The shop is paid what it is owed, or pays back; who had what is forgotten where nobody can undo it."""
        self.payable = 0
        return "ok"

    def _use(self, citizen: int, kind: Kind, taken: int) -> None:
        self.used[citizen, kind] = self.used.get((citizen, kind), 0) + taken
