"""Programmes, rules, products and organisations as this process holds them: parsed once, replaced whole.

A transaction says which version of the catalogue the database holds; when it differs, everything is loaded again.
"""

import dataclasses
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from api.database import Unit
from domain.errors import NotFound
from domain.incentives import queries as incentives
from domain.incentives.rules.standing import Catalogue, Rules, baseline_holds
from domain.programmes import queries as programmes
from domain.programmes.rules.codec import from_json
from domain.programmes.rules.document import (
    ActivityType,
    CatalogueEntry,
    Clocks,
    CommitmentText,
    ConsentText,
    Group,
    Item,
    Product,
    RuleSetDocument,
    SourceMark,
)
from domain.values import Words, midnight, next_midnight

log = structlog.get_logger()

_RELEASED: Final = frozenset({"PUBLISHED", "SUSPENDED", "REPLACED"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgrammeSettings:
    """What a programme says about itself, without rules, products and organisations."""

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
    catalogue: tuple[CatalogueEntry, ...]
    consent_texts: tuple[ConsentText, ...]
    commitment_text: CommitmentText
    groups: tuple[Group, ...]
    activity_types: tuple[ActivityType, ...]
    sources: tuple[SourceMark, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownRuleSet:
    """One version of the rules; `public` once it has been shown to everybody."""

    id: int
    programme_id: int
    version: int
    status: str
    effective_from: date | None
    effective_until: date | None
    public: bool
    document: RuleSetDocument

    def in_force(self, day: date) -> bool:
        """Whether these rules decide on that day."""
        return (
            self.status == "PUBLISHED"
            and self.effective_from is not None
            and self.effective_from <= day
            and (self.effective_until is None or day < self.effective_until)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownProduct:
    """One version of a product, with the shops that give it."""

    id: int
    programme_id: int
    version: int
    status: str
    provider_id: int
    shops: tuple[int, ...]
    baseline_checked_on: date
    document: Product

    @property
    def released(self) -> bool:
        """Whether the public has ever seen this version."""
        return self.status in _RELEASED


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownCommitment:
    """What an organisation has signed, word for word, and when."""

    text: Words
    version: int
    digest: str
    signed_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownOrganisation:
    """One organisation as the public may know it."""

    id: int
    programme_id: int
    code: str
    kind: str
    name: Words
    category: Words
    address: Words | None
    lat: float | None
    lon: float | None
    status: str
    commitment: KnownCommitment | None

    @property
    def takes_part(self) -> bool:
        """Whether it is admitted and has signed the commitment."""
        return self.status == "ADMITTED" and self.commitment is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownProgramme:
    """One programme. `products` are those in force, `versions` all that ever were, `drafts` those that are to be."""

    id: int
    settings: ProgrammeSettings
    zone: ZoneInfo
    rule_sets: tuple[KnownRuleSet, ...]
    products: tuple[KnownProduct, ...]
    versions: tuple[KnownProduct, ...]
    drafts: tuple[KnownProduct, ...]
    organisations: tuple[KnownOrganisation, ...]

    def today(self, now: datetime) -> date:
        """The local date in this city."""
        return now.astimezone(self.zone).date()

    def begins(self, day: date) -> datetime:
        """When a local date begins."""
        return midnight(day, self.zone)

    def ends(self, day: date) -> datetime:
        """When the next local date begins."""
        return next_midnight(day, self.zone)

    def rule_set_on(self, day: date) -> KnownRuleSet:
        """The rules in force on a day. Raises: NotFound before the first."""
        for rule_set in self.rule_sets:
            if rule_set.in_force(day):
                return rule_set
        raise NotFound

    def offered(self, day: date) -> list[KnownProduct]:
        """The products shown on a day: in force, not suspended, on a baseline that was checked in time (R25)."""
        return [one for one in self.products if self.offers(one, day)]

    def offers(self, product: KnownProduct, day: date) -> bool:
        """Whether a product is shown on a day."""
        months = self.settings.baseline_valid_months
        return product.status == "PUBLISHED" and baseline_holds(product.baseline_checked_on, months, day)

    def catalogue(self, day: date) -> Catalogue:
        """What decisions rest on, on a day."""
        rule_set = self.rule_set_on(day)
        rules = Rules(
            rule_set=rule_set.document,
            groups=self.settings.groups,
            stars_hours=self.settings.stars_hours,
            baseline_valid_months=self.settings.baseline_valid_months,
        )
        products = {one.id: one.document for one in self.versions}
        return Catalogue(today=day, zone=self.zone, rule_set_id=rule_set.id, rules=rules, products=products)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Everything published, and what is on its way there, at one version of the catalogue."""

    version: int
    programmes: Mapping[int, KnownProgramme]
    codes: Mapping[str, int]
    rule_sets: Mapping[int, KnownRuleSet]
    products: Mapping[int, KnownProduct]
    organisations: Mapping[int, KnownOrganisation]
    item_ids: Mapping[tuple[int, str], int]
    item_codes: Mapping[int, str]
    # Room for what the edge derives from this version and may forget with it, such as typed objects by language.
    derived: dict[object, Any] = field(default_factory=dict, compare=False, repr=False)

    def programme(self, code: str) -> KnownProgramme:
        """The programme of this code. Raises: NotFound."""
        if code not in self.codes:
            raise NotFound
        return self.programmes[self.codes[code]]

    def item(self, rule_set_id: int, item_id: int) -> Item | None:
        """The item as this rule set has it; None when the rule set no longer names it."""
        code = self.item_codes[item_id]
        items = self.rule_sets[rule_set_id].document.items
        return next((item for item in items if item.code == code), None)

    def gives(self, product: KnownProduct, day: date) -> bool:
        """Whether a product can be had on a day: it is shown, and somebody who gives it is admitted."""
        givers = (product.provider_id, *product.shops)
        return self.programmes[product.programme_id].offers(product, day) and any(
            self.organisations[giver].status == "ADMITTED" for giver in givers
        )


class Shelf:
    """Holds the newest Reference of this process, and what was left of each budget when the day began for us."""

    def __init__(self) -> None:
        self._reference: Reference | None = None
        self._budgets_on: dict[int, date] | None = None
        self._budgets_left: dict[tuple[int, str], float] = {}

    async def current(self, unit: Unit) -> Reference:
        """The reference that fits this transaction, loaded if it is not at hand."""
        held = self._reference
        if held is None or held.version != unit.catalogue_version:
            held = await load(unit.session, unit.catalogue_version)
            self._reference = held
        days = {one.id: one.today(unit.now) for one in held.programmes.values()}
        if days != self._budgets_on:
            self._budgets_left = await incentives.budget_shares(unit.session, days=days)
            self._budgets_on = days
        return held

    def budget_left_percent(self, product: KnownProduct) -> int | None:
        """The share left in steps of 5 %, rounded up; None without a budget."""
        if product.document.budget is None:
            return None
        share = self._budgets_left.get((product.programme_id, product.document.code), 0.0)
        return math.ceil(share * 20) * 5


async def load(session: AsyncSession, version: int) -> Reference:
    """Reads and parses everything published."""
    rule_sets = [_rule_set(row) for row in await programmes.rule_sets(session)]
    products = [_product(row) for row in await incentives.products(session)]
    organisations = [_organisation(row) for row in await programmes.organisations(session)]
    items = await programmes.items(session)
    known = []
    for row in await programmes.programmes(session):
        try:
            known.append(_programme(row, rule_sets, products, organisations))
        except ValueError as problem:
            # One city's damaged document must not silence the others.
            log.error("programme cannot be read", programme=row.code, problem=str(problem))
    return Reference(
        version=version,
        programmes={one.id: one for one in known},
        codes={one.settings.code: one.id for one in known},
        rule_sets={one.id: one for one in rule_sets},
        products={one.id: one for one in products},
        organisations={one.id: one for one in organisations},
        item_ids={(row.programme_id, row.code): row.id for row in items},
        item_codes={row.id: row.code for row in items},
    )


def _programme(
    row: Any,
    rule_sets: Iterable[KnownRuleSet],
    products: Iterable[KnownProduct],
    organisations: Iterable[KnownOrganisation],
) -> KnownProgramme:
    settings = _settings(row.content)
    own = [one for one in products if one.programme_id == row.id]
    return KnownProgramme(
        id=row.id,
        settings=settings,
        zone=ZoneInfo(settings.timezone),
        rule_sets=tuple(one for one in rule_sets if one.programme_id == row.id),
        products=tuple(one for one in own if one.released and one.status != "REPLACED"),
        versions=tuple(one for one in own if one.released),
        drafts=tuple(one for one in own if not one.released),
        organisations=tuple(one for one in organisations if one.programme_id == row.id),
    )


def _settings(content: Mapping[str, object]) -> ProgrammeSettings:
    known = {one.name for one in dataclasses.fields(ProgrammeSettings)}
    return from_json(ProgrammeSettings, {key: value for key, value in content.items() if key in known})


def _rule_set(row: Any) -> KnownRuleSet:
    return KnownRuleSet(
        id=row.id,
        programme_id=row.programme_id,
        version=row.version,
        status=row.status,
        effective_from=row.effective_from,
        effective_until=row.effective_until,
        public=row.public,
        document=from_json(RuleSetDocument, row.content),
    )


def _product(row: Any) -> KnownProduct:
    return KnownProduct(
        id=row.id,
        programme_id=row.programme_id,
        version=row.version,
        status=row.status,
        provider_id=row.provider_id,
        shops=tuple(row.shops),
        baseline_checked_on=row.baseline_checked_on,
        document=from_json(Product, row.content),
    )


def _organisation(row: Any) -> KnownOrganisation:
    return KnownOrganisation(
        id=row.id,
        programme_id=row.programme_id,
        code=row.code,
        kind=row.kind,
        name=Words(**row.name),
        category=Words(**row.category),
        address=None if row.address is None else Words(**row.address),
        lat=row.lat,
        lon=row.lon,
        status=row.status,
        commitment=None
        if row.version is None
        else KnownCommitment(text=Words(**row.body), version=row.version, digest=row.digest, signed_on=row.signed_on),
    )
