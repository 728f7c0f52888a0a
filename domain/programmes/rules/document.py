"""A programme as one document: scale, items, texts, organisations and products, as frozen values.

The file under `seeds/programmes/`, the draft of an office and the stored version are all this document.
"""

import hashlib
import unicodedata
from dataclasses import dataclass
from datetime import date

from domain.programmes.rules.shapes import Shape, Way
from domain.programmes.rules.terms import (
    AllowanceMeasure,
    BudgetUnit,
    ConsentPurpose,
    EvidenceMark,
    FactPart,
    ItemCategory,
    OrganisationKind,
    ProductArea,
    RedeemPath,
    RepairClass,
    ServiceAccountKind,
    StartDate,
    Window,
)
from domain.values import Words

GENERAL = "general"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceMark:
    """Where the value under `key` comes from."""

    key: str
    source: Words
    evidence: EvidenceMark


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthDay:
    """A day of every year; the 29th of February is the 28th in a common year."""

    month: int
    day: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Season:
    """A stretch of every year, first and last day included; it may run over New Year."""

    opens: MonthDay
    closes: MonthDay


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """Points from `min_points` up to, not including, `max_points`; without a label no grade is shown."""

    code: str
    min_points: int
    max_points: int | None = None
    label: Words | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of life; a demerit touches only products of its own."""

    code: str
    title: Words
    cap_points: int | None = None
    cap_window: Window | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """One point for each `per` units of quantity above `above`, up to and with `until`."""

    above: int
    until: int | None = None
    per: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One published way in which a record changes points.

    `points` are signed: above zero for a merit, below zero for a demerit; None where tiers decide.
    """

    code: str
    title: Words
    field: str
    category: ItemCategory
    merit: bool
    points: int | None = None
    tiers: tuple[Tier, ...] = ()
    tier_window: Window | None = None
    unit: Words | None = None
    cap_points: int | None = None
    cap_window: Window | None = None
    valid_months: int
    counts_from: StartDate
    fact_key: tuple[FactPart, ...]
    facts_since: date | None = None
    catalogue: str | None = None
    document_required: bool = False
    repair_class: RepairClass | None = None
    volunteer_hours: bool = False
    legal_basis: Words
    evidence: Words
    sources: tuple[SourceMark, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSetDocument:
    """The scoring rules of one version: base, limits, bands, fields and items."""

    effective_from: date
    base_points: int
    floor_points: int
    ceiling_points: int
    bands: tuple[Band, ...]
    fields: tuple[Field, ...]
    items: tuple[Item, ...]
    sources: tuple[SourceMark, ...] = ()

    def band_at(self, points: int) -> Band:
        """The band in which these points fall."""
        for band in self.bands:
            if points >= band.min_points and (band.max_points is None or points < band.max_points):
                return band
        raise ValueError(f"no band holds {points} points")

    def volunteer_item(self) -> Item:
        """The item to which confirmed volunteer hours go."""
        return next(item for item in self.items if item.volunteer_hours)


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueEntry:
    """What a department may deliver, on which legal basis, for how long (信息征集目录)."""

    code: str
    title: Words
    department: str
    legal_basis: Words
    retention_months: int
    sources: tuple[SourceMark, ...] = ()


def digest_of(*parts: str) -> str:
    """SHA-256 of the parts in NFC, one per line: two texts with one digest are one text."""
    text = "\n".join(unicodedata.normalize("NFC", part.replace("\r\n", "\n").strip()) for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentText:
    """What a citizen reads before consenting to one purpose."""

    purpose: ConsentPurpose
    version: int
    title: Words
    text: Words

    @property
    def digest(self) -> str:
        """The fingerprint that a consent keeps of its text."""
        title, text = self.title, self.text
        return digest_of(self.purpose.value, str(self.version), title.zh, text.zh, title.en, text.en)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitmentText:
    """What an organisation signs (信用承诺书)."""

    version: int
    text: Words

    @property
    def digest(self) -> str:
        """The fingerprint that a signature keeps of its text."""
        return digest_of("commitment", str(self.version), self.text.zh, self.text.en)


@dataclass(frozen=True, slots=True, kw_only=True)
class Organisation:
    """A synthetic shop, utility, department, school or volunteer body."""

    code: str
    kind: OrganisationKind
    name: Words
    category: Words
    address: Words
    lat: float
    lon: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A group a citizen may belong to; `physical` when joining it takes physical volunteering."""

    code: str
    title: Words
    joined_by: Words
    physical: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityType:
    """One kind of volunteer service; what is not listed is not recorded.

    `insurance_needed`: risky work, for which the organiser insures the volunteers beforehand.
    """

    code: str
    title: Words
    insurance_needed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """How much one person, or one household, may use in one window; no quantity means no limit."""

    quantity: int | None = None
    measure: AllowanceMeasure = AllowanceMeasure.USES
    unit: Words
    window: Window
    per_household: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What may be given away in one window, over everybody."""

    amount: int
    unit: BudgetUnit
    window: Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """Something extra, on top of a baseline that everybody has."""

    code: str
    title: Words
    terms: Words
    baseline: Words
    baseline_checked_on: date
    field: str
    area: ProductArea
    shape: Shape
    provider: str
    also_at: tuple[str, ...] = ()
    redeemed_by: RedeemPath
    account_kind: ServiceAccountKind | None = None
    answer_days: int = 10
    ways: tuple[Way, ...]
    allowance: Allowance
    season: Season | None = None
    claim_window: Season | None = None
    available_from: date | None = None
    available_until: date | None = None
    budget: Budget | None = None
    priority: bool = False
    partner_codes: bool = False
    sources: tuple[SourceMark, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """How long everything around an objection or a repair may take; days are working days.

    `objection_days_with_source` holds when another body must check, `source_days` is what that body has of them,
    `longest_days` is the most that an extension leads to, and `remedy_days` is how long a decision may be challenged.
    A repair can be asked for once the class's months have passed since the record began to count.
    """

    objection_days: int
    objection_days_with_source: int
    source_days: int
    extension_days: int
    longest_days: int
    review_days: int
    remedy_days: int
    repair_days: int
    repair_extension_days: int
    minor_wait_months: int
    general_wait_months: int
    serious_wait_months: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A phrase of a source that is not built, and the rule that says why; `report` is the city's own report."""

    phrase: str
    named_by: str = "report"
    rule: str
    reason: Words


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgrammeDocument:
    """Everything the loader needs to know about one city.

    `national_system`: it is joined to the national system of volunteer service, so its records may be called
    certificates; without it they are platform records.
    """

    code: str
    name: Words
    notice: Words
    currency: str
    timezone: str
    volunteer_minimum_age: int
    volunteer_daily_hours: int
    volunteer_yearly_hours: int
    confirm_working_days: int
    stars_hours: tuple[int, ...]
    national_system: bool = False
    announced_days: int
    baseline_valid_months: int
    clocks: Clocks
    rule_set: RuleSetDocument
    catalogue: tuple[CatalogueEntry, ...]
    consent_texts: tuple[ConsentText, ...]
    commitment_text: CommitmentText
    organisations: tuple[Organisation, ...]
    groups: tuple[Group, ...]
    activity_types: tuple[ActivityType, ...]
    products: tuple[Product, ...]
    refused: tuple[Refused, ...]
    sources: tuple[SourceMark, ...] = ()

    def places(self) -> tuple[Organisation, ...]:
        """The organisations at which a product is given."""
        codes = {code for product in self.products for code in (product.provider, *product.also_at)}
        return tuple(one for one in self.organisations if one.code in codes)
