"""What is known of one citizen on one day, and the windows in which allowances and budgets are counted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from domain.programmes.rules.document import Band, Group, Product, RuleSetDocument
from domain.programmes.rules.shapes import VoucherKind, VoucherPack
from domain.programmes.rules.terms import ConsentPurpose, RegistrationKind, Window
from domain.programmes.rules.windows import window_of
from domain.values import Words, add_months, midnight

HOURS = Words(zh="小时", en="hours")
POINTS = Words(zh="分", en="points")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The parts of a programme on which a decision rests."""

    rule_set: RuleSetDocument
    groups: tuple[Group, ...] = ()
    stars_hours: tuple[int, ...] = ()
    baseline_valid_months: int

    @property
    def volunteer_item(self) -> str:
        """The code of the item to which confirmed volunteer hours go; blank where there is none."""
        return next((item.code for item in self.rule_set.items if item.volunteer_hours), "")

    def group(self, code: str) -> Group:
        """The group that a condition names."""
        return next(group for group in self.groups if group.code == code)

    def band(self, code: str) -> Band:
        """The band that a condition names."""
        return next(band for band in self.rule_set.bands if band.code == code)

    def field_title(self, code: str) -> Words:
        """What the field that a condition names is called."""
        return next(field.title for field in self.rule_set.fields if field.code == code)


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """What is published in one programme on one day: the rules in force, and every product version by its number."""

    today: date
    zone: ZoneInfo
    rule_set_id: int
    rules: Rules
    products: Mapping[int, Product]

    @property
    def midnight(self) -> datetime:
        """The instant at which this day began."""
        return midnight(self.today, self.zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One citizen on one day. Points are None without consent to the score, age when it is not known.

    `used` and `money` are what each window has seen, and what its budget still has, by product code and first day;
    a window that is missing has seen nothing, and has no money. Hours are hundredths of an hour. `entitled` are the
    codes of products that the citizen keeps from the rules before. `used_by_dwelling` are windows in which others of
    the same dwelling have used a product; `promises` says for each window in which papers were promised whether that
    was broken.
    """

    today: date
    points: int | None
    gate_points: Mapping[str, int]
    field_points: Mapping[str, int]
    hours_year_x100: int = 0
    hours_total_x100: int = 0
    groups: frozenset[str] = frozenset()
    age: int | None = None
    registration: RegistrationKind | None = None
    consents: frozenset[ConsentPurpose] = frozenset()
    used: Mapping[tuple[str, date], int]
    money: Mapping[tuple[str, date], int]
    entitled: frozenset[str] = frozenset()
    used_by_dwelling: frozenset[tuple[str, date]] = frozenset()
    promises: Mapping[tuple[str, date], bool] = field(default_factory=dict)

    def allowance_used(self, product: Product) -> int:
        """What the citizen has used in the current window; nothing adds up over single uses."""
        if product.allowance.window is Window.USE:
            return 0
        if isinstance(product.shape, VoucherPack):
            # A pack is used when the last voucher of it is.
            return min(self._used(product, kind) // kind.count for kind in product.shape.vouchers)
        return self._used(product)

    def allowance_left(self, product: Product) -> int | None:
        """What the allowance still gives in this window; None when it has no limit."""
        quantity = product.allowance.quantity
        return None if quantity is None else max(0, quantity - self.allowance_used(product))

    def vouchers_left(self, product: Product, kind: VoucherKind) -> int | None:
        """How many vouchers of this kind the packs of this window still hold; None without a limit."""
        limit = voucher_limit(product, kind)
        if limit is None or product.allowance.window is Window.USE:
            return limit
        return max(0, limit - self._used(product, kind))

    def left(self, product: Product, voucher: str | None) -> int | None:
        """What the allowance still gives for one use: of the kind picked, where the product is a pack."""
        kind = kind_of(product, voucher)
        return self.allowance_left(product) if kind is None else self.vouchers_left(product, kind)

    def _used(self, product: Product, kind: VoucherKind | None = None) -> int:
        code = product.code if kind is None else voucher_code(product, kind)
        return self.used.get((code, allowance_window(product, self.today)[0]), 0)

    def promise(self, product: Product) -> bool | None:
        """Whether the promise of this window was broken; None when none was made."""
        return self.promises.get((product.code, allowance_window(product, self.today)[0]))

    def budget_left(self, product: Product) -> int | None:
        """What the budget of this window still has; None without a budget."""
        window = budget_window(product, self.today)
        return None if window is None else self.money.get((product.code, window[0]), 0)


def kind_of(product: Product, voucher: str | None) -> VoucherKind | None:
    """The kind of voucher that was picked; None for what is no pack."""
    if not isinstance(product.shape, VoucherPack):
        return None
    return next((kind for kind in product.shape.vouchers if kind.code == voucher), None)


def voucher_code(product: Product, kind: VoucherKind) -> str:
    """Under which code the uses of one kind of voucher are counted."""
    return f"{product.code}/{kind.code}"


def voucher_limit(product: Product, kind: VoucherKind) -> int | None:
    """How many vouchers of a kind one window holds: so many packs, so many in each. None without a limit."""
    quantity = product.allowance.quantity
    return None if quantity is None else quantity * kind.count


def stars_of(stars_hours: tuple[int, ...], hours_total_x100: int) -> int:
    """How many of the thresholds the confirmed hours have reached."""
    return sum(hours_total_x100 >= threshold * 100 for threshold in stars_hours)


def allowance_window(product: Product, day: date) -> tuple[date, date | None]:
    """The stretch of days in which uses of this product add up: [start, end)."""
    return window_of(product.allowance.window, day, product.season or product.claim_window)


def budget_window(product: Product, day: date) -> tuple[date, date | None] | None:
    """The stretch of days that one row of the budget pays for; None without a budget."""
    if product.budget is None:
        return None
    return window_of(product.budget.window, day, product.season or product.claim_window)


def age_on(birth_date: date, day: date) -> int:
    """Whole years; who was born on a 29th of February is a year older on the 1st of March."""
    return day.year - birth_date.year - ((day.month, day.day) < (birth_date.month, birth_date.day))


def baseline_holds(checked_on: date, valid_months: int, day: date) -> bool:
    """Whether what everybody gets was checked recently enough for the product to be shown (R25)."""
    return day < add_months(checked_on, valid_months)
