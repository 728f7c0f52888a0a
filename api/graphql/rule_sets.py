"""Scoring rules as the public reads them: bands, fields, items, with the source of every value."""

from datetime import date
from enum import Enum

import strawberry

from api.graphql.context import Context
from api.graphql.reference import KnownRuleSet
from api.graphql.types import Node
from domain.programmes.rules import document as rules
from domain.programmes.rules.terms import EvidenceMark, StartDate, Window

for kind, description in (
    (EvidenceMark, "Where a value comes from."),
    (StartDate, "The date of a record from which it counts."),
    (Window, "The stretch of time over which something is counted."),
):
    strawberry.enum(kind, description=description)


@strawberry.enum(description="Where a rule set stands on its way into force.")
class RuleSetStatus(Enum):
    DRAFT = "DRAFT"
    IN_CONSULTATION = "IN_CONSULTATION"
    APPROVED = "APPROVED"
    PUBLISHED = "PUBLISHED"
    WITHDRAWN = "WITHDRAWN"


@strawberry.type(description="Where the value under `key` comes from.")
class SourceMark:
    key: str
    source: str
    evidence: EvidenceMark


@strawberry.type(description="A half-open range of points [min, max). A band without a public label shows no grade.")
class Band:
    code: str
    label: str | None
    min_points: int
    max_points: int | None


@strawberry.type(description="One field of life, with the most that its merits may give in a window.")
class ScoringField:
    code: str
    title: str
    cap_points: int | None
    cap_window: Window | None


@strawberry.type(
    description="One point for each `per` units between `from` (exclusive) and `until` (inclusive, null = no end)."
)
class Tier:
    from_: int = strawberry.field(name="from")
    until: int | None
    per: int


@strawberry.type(description="One published way in which a record changes points.")
class ScoringItem:
    code: str
    title: str
    field: str
    merit: bool
    points: int | None = strawberry.field(
        description="Fixed points of one record; null where points come from tiers of a quantity."
    )
    tiers: list[Tier]
    tier_window: Window | None
    cap_points: int | None
    cap_window: Window | None
    valid_months: int | None = strawberry.field(
        description="How many months a record counts, from the date that `countsFrom` names."
    )
    counts_from: StartDate
    fact_key: list[str] = strawberry.field(description="Two reports with the same key are one fact: it counts once.")
    legal_basis: str
    evidence: str


@strawberry.type(description="Scoring rules in force from one day to another. Immutable once published.")
class RuleSet(Node):
    version: int
    status: RuleSetStatus
    effective_from: date | None
    effective_until: date | None
    base_points: int
    floor_points: int
    ceiling_points: int
    bands: list[Band]
    fields: list[ScoringField]
    items: list[ScoringItem]
    sources: list[SourceMark]


def rule_set_of(context: Context, rule_set_id: int) -> RuleSet:
    """The rule set of this number."""
    key = ("rule_set", context.language, rule_set_id)
    derived = context.reference.derived
    if key not in derived:
        derived[key] = _rule_set(context, context.reference.rule_sets[rule_set_id])
    found: RuleSet = derived[key]
    return found


def visible_rule_set(context: Context, rule_set_id: int) -> RuleSet:
    """The same, if the caller may know of it: drafts are for the office. Raises: KeyError."""
    known = context.reference.rule_sets[rule_set_id]
    if not known.public and not context.runs(known.programme_id):
        raise KeyError(rule_set_id)
    return rule_set_of(context, rule_set_id)


def item_of(context: Context, rule_set_id: int, code: str) -> ScoringItem | None:
    """The item of this code as the rule set has it."""
    return next((item for item in rule_set_of(context, rule_set_id).items if item.code == code), None)


def band_of(context: Context, rule_set_id: int, points: int) -> Band | None:
    """The band of these points; null where it has no public label."""
    code = context.reference.rule_sets[rule_set_id].document.band_at(points).code
    band = next(band for band in rule_set_of(context, rule_set_id).bands if band.code == code)
    return None if band.label is None else band


def field_of(context: Context, rule_set_id: int, code: str) -> ScoringField:
    """The field of this code as the rule set has it."""
    return next(field for field in rule_set_of(context, rule_set_id).fields if field.code == code)


def source_marks(context: Context, marks: tuple[rules.SourceMark, ...]) -> list[SourceMark]:
    """The sources of a document's values, in the language of the request."""
    return [SourceMark(key=mark.key, source=context.speak(mark.source), evidence=mark.evidence) for mark in marks]


def _rule_set(context: Context, known: KnownRuleSet) -> RuleSet:
    document = known.document
    return RuleSet(
        id=context.seal("rule_set", known.id),
        version=known.version,
        status=RuleSetStatus(known.status),
        effective_from=known.effective_from,
        effective_until=known.effective_until,
        base_points=document.base_points,
        floor_points=document.floor_points,
        ceiling_points=document.ceiling_points,
        bands=[_band(context, band) for band in document.bands],
        fields=[_field(context, field) for field in document.fields],
        items=[_item(context, item) for item in document.items],
        sources=source_marks(context, document.sources),
    )


def _band(context: Context, band: rules.Band) -> Band:
    return Band(
        code=band.code,
        label=None if band.label is None else context.speak(band.label),
        min_points=band.min_points,
        max_points=band.max_points,
    )


def _field(context: Context, field: rules.Field) -> ScoringField:
    return ScoringField(
        code=field.code,
        title=context.speak(field.title),
        cap_points=field.cap_points,
        cap_window=field.cap_window,
    )


def _item(context: Context, item: rules.Item) -> ScoringItem:
    return ScoringItem(
        code=item.code,
        title=context.speak(item.title),
        field=item.field,
        merit=item.merit,
        points=item.points,
        tiers=[Tier(from_=tier.above, until=tier.until, per=tier.per) for tier in item.tiers],
        tier_window=item.tier_window,
        cap_points=item.cap_points,
        cap_window=item.cap_window,
        valid_months=item.valid_months,
        counts_from=item.counts_from,
        fact_key=[part.value for part in item.fact_key],
        legal_basis=context.speak(item.legal_basis),
        evidence=context.speak(item.evidence),
    )
