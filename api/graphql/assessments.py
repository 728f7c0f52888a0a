"""What drafted rules would do to everybody, as sums over people: for the office, and rounded for whoever asks."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import strawberry

from api.graphql.context import Context
from api.graphql.products import Product, product_of
from api.graphql.reference import KnownProgramme
from api.graphql.rule_sets import Band, rule_set_of
from domain.incentives.rules import population
from domain.incentives.rules.population import FEWEST, Key, hidden
from domain.programmes.rules.sentences import REGISTRATIONS
from domain.programmes.rules.terms import RegistrationKind
from domain.values import Words, words

_COHORT_YEARS = 5
_STEP = 10


@strawberry.type(description="How many meet a product's conditions by the rules in force, and by the draft.")
class ProductShift:
    product: Product
    qualified_before: int | None
    qualified_after: int | None


@strawberry.type(description="How many stand in a band by the rules in force, and by the draft.")
class BandShift:
    band: Band
    before: int | None
    after: int | None


@strawberry.type(description="What the draft does to people of five years of birth, or of one kind of registration.")
class GroupShift:
    group: str
    people: int | None
    gaining: int | None
    losing: int | None


@strawberry.type(
    description="What the dry run behind an approval has shown, rounded down to tens. Counts under 10 are null, and so"
    " are others from which one of them could be worked out."
)
class Assessment:
    people: int | None
    gaining: int | None
    losing: int | None
    unchanged: int | None
    products: list[ProductShift]
    bands: list[BandShift]
    groups: list[GroupShift]


def assessment_of(
    context: Context, known: KnownProgramme, rule_set_id: int, parts: Sequence[Mapping[str, int]]
) -> Assessment:
    """The sums of all parts, with what tells of a few hidden; null and empty while there are none."""
    sums = population.added(parts)
    gaining, losing, unchanged = hidden(
        [sums[(one,)] for one in (population.GAINING, population.LOSING, population.UNCHANGED)]
    )
    return Assessment(
        people=_few(sums[(population.PEOPLE,)]),
        gaining=gaining,
        losing=losing,
        unchanged=unchanged,
        products=_products(context, known, sums),
        bands=_bands(context, rule_set_id, known, sums),
        groups=[*_groups(context, "cohort", sums), *_groups(context, "registration", sums)],
    )


def rounded(exact: Assessment) -> Assessment:
    """The same for everybody: nothing finer than tens, so that no two answers differ by one person."""
    return Assessment(
        people=_tens(exact.people),
        gaining=_tens(exact.gaining),
        losing=_tens(exact.losing),
        unchanged=_tens(exact.unchanged),
        products=[
            replace(one, qualified_before=_tens(one.qualified_before), qualified_after=_tens(one.qualified_after))
            for one in exact.products
        ],
        bands=[replace(one, before=_tens(one.before), after=_tens(one.after)) for one in exact.bands],
        groups=[
            replace(one, people=_tens(one.people), gaining=_tens(one.gaining), losing=_tens(one.losing))
            for one in exact.groups
        ],
    )


def _tens(count: int | None) -> int | None:
    return None if count is None else count // _STEP * _STEP


def _few(count: int) -> int | None:
    return None if count < FEWEST else count


def _products(context: Context, known: KnownProgramme, sums: Counter[Key]) -> list[ProductShift]:
    return [
        ProductShift(
            product=product_of(context, one.id),
            qualified_before=_few(sums["product", one.document.code, "before"]),
            qualified_after=_few(sums["product", one.document.code, "after"]),
        )
        for one in known.products
    ]


def _bands(context: Context, rule_set_id: int, known: KnownProgramme, sums: Counter[Key]) -> list[BandShift]:
    """The bands of the draft, and after them those that only earlier rules had."""
    bands: dict[str, Band] = {}
    for number in (rule_set_id, *(one.id for one in reversed(known.rule_sets))):
        bands = {one.code: one for one in rule_set_of(context, number).bands} | bands
    met = {key[2] for key in sums if key[0] == "band"} | {one.code for one in rule_set_of(context, rule_set_id).bands}
    codes = [code for code in bands if code in met]
    before = hidden([sums["band", "before", code] for code in codes])
    after = hidden([sums["band", "after", code] for code in codes])
    shifts = zip(codes, before, after, strict=True)
    return [BandShift(band=bands[code], before=old, after=new) for code, old, new in shifts]


def _groups(context: Context, kind: str, sums: Counter[Key]) -> list[GroupShift]:
    values = sorted({key[1] for key in sums if key[0] == kind})
    columns: Sequence[Sequence[int | None]] = [
        hidden([sums[kind, value, one] for value in values])
        for one in (population.PEOPLE, population.GAINING, population.LOSING)
    ]
    return [
        GroupShift(group=context.speak(_group(kind, value)), people=people, gaining=gaining, losing=losing)
        for value, people, gaining, losing in zip(values, *columns, strict=True)
    ]


def _group(kind: str, value: str) -> Words:
    if kind == "registration":
        return REGISTRATIONS[RegistrationKind(value)]
    last = int(value) + _COHORT_YEARS - 1
    return words(f"{value}–{last} 年出生", f"born {value}–{last}")
