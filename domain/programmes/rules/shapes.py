"""The twelve shapes of a benefit and the conditions of a way to qualify, one dataclass each."""

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from domain.programmes.rules.terms import ConditionKind, RegistrationKind, Window
from domain.values import Words


@dataclass(frozen=True, slots=True, kw_only=True)
class PayRatio:
    """The holder pays `pay_percent` % of the price (四折 = 40)."""

    kind: ClassVar[str] = "PayRatio"
    pay_percent: int
    max_relief_fen: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AmountOff:
    """A fixed amount off the bill, at most the bill."""

    kind: ClassVar[str] = "AmountOff"
    amount_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantityFree:
    """Units free in a window; the city owes `unit_price_fen` for each, 0 where the provider bears it."""

    kind: ClassVar[str] = "QuantityFree"
    quantity: int
    unit: Words
    unit_price_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeFree:
    """So many minutes free."""

    kind: ClassVar[str] = "TimeFree"
    minutes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositWaiver:
    """No deposit up to an amount, due back within days."""

    kind: ClassVar[str] = "DepositWaiver"
    max_deposit_fen: int
    max_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaUplift:
    """More items at a time, for longer, than everybody has."""

    kind: ClassVar[str] = "QuotaUplift"
    quantity: int
    unit: Words
    loan_days: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PayLater:
    """The bill is paid later, without interest."""

    kind: ClassVar[str] = "PayLater"
    max_fen: int
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TermsUplift:
    """Better terms of a loan, as a voucher that the citizen carries: no lender ever asks us."""

    kind: ClassVar[str] = "TermsUplift"
    rate_percent: int | None = None
    extra_limit_percent: int | None = None
    extra_months: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VoucherKind:
    """One kind of voucher in a pack; `price_fen` is owed to the shop for each."""

    code: str
    title: Words
    count: int
    price_fen: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class VoucherPack:
    """A pack of vouchers, redeemed one by one."""

    kind: ClassVar[str] = "VoucherPack"
    vouchers: tuple[VoucherKind, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FastReview:
    """An answer within working days, on the same merits as everybody's."""

    kind: ClassVar[str] = "FastReview"
    working_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HelpInKind:
    """A service in kind, such as an escort at the hospital (陪诊)."""

    kind: ClassVar[str] = "HelpInKind"
    service: Words
    quantity: int
    unit: Words


@dataclass(frozen=True, slots=True, kw_only=True)
class PapersLater:
    """Papers may follow later, against the citizen's own commitment (容缺受理)."""

    kind: ClassVar[str] = "PapersLater"
    papers: tuple[Words, ...]
    days: int


Shape: TypeAlias = (
    PayRatio
    | AmountOff
    | QuantityFree
    | TimeFree
    | DepositWaiver
    | QuotaUplift
    | PayLater
    | TermsUplift
    | VoucherPack
    | FastReview
    | HelpInKind
    | PapersLater
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MinPoints:
    """Gate points of at least so many."""

    kind: ClassVar[ConditionKind] = ConditionKind.MIN_POINTS
    points: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MinGrade:
    """Gate points in this band or a higher one."""

    kind: ClassVar[ConditionKind] = ConditionKind.MIN_GRADE
    band: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MinFieldPoints:
    """Points of the lines of one field, without the base."""

    kind: ClassVar[ConditionKind] = ConditionKind.MIN_FIELD_POINTS
    field: str
    points: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MinVolunteerHours:
    """Confirmed hours, in the calendar year or in all."""

    kind: ClassVar[ConditionKind] = ConditionKind.MIN_VOLUNTEER_HOURS
    hours: int
    within: Window = Window.CALENDAR_YEAR


@dataclass(frozen=True, slots=True, kw_only=True)
class MinStars:
    """So many stars of a volunteer, by the programme's thresholds."""

    kind: ClassVar[ConditionKind] = ConditionKind.MIN_STARS
    stars: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupMember:
    """Belongs to a group that the programme names."""

    kind: ClassVar[ConditionKind] = ConditionKind.GROUP_MEMBER
    group: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Age:
    """An age in whole years, both ends included."""

    kind: ClassVar[ConditionKind] = ConditionKind.AGE
    minimum: int | None = None
    maximum: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Residence:
    """Registered in one of these ways."""

    kind: ClassVar[ConditionKind] = ConditionKind.RESIDENCE
    registrations: tuple[RegistrationKind, ...]


Condition: TypeAlias = (
    MinPoints | MinGrade | MinFieldPoints | MinVolunteerHours | MinStars | GroupMember | Age | Residence
)
Way: TypeAlias = tuple[Condition, ...]

# A way that holds one of these rests on the score.
SCORE_CONDITIONS = frozenset({ConditionKind.MIN_POINTS, ConditionKind.MIN_GRADE, ConditionKind.MIN_FIELD_POINTS})
