"""What a programme tells about itself in a year: exact for its own office, rounded for everybody else."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import strawberry

from api.graphql.access import OFFICE
from api.graphql.context import Context, Info
from api.graphql.products import Product, product_of
from api.graphql.reference import KnownProgramme
from api.graphql.types import Amount
from api.graphql.view import Asked, Section
from domain.errors import InvalidInput
from domain.programmes.rules.codec import from_json
from domain.rights.queries.figures import figures_fragment
from domain.rights.rules import figures as rules
from domain.rights.rules.figures import Figures, for_everybody
from domain.values import Fragment, words


@strawberry.type(description="One product in one year. Null where fewer than 10 people stand behind a figure.")
class ProductFigures:
    product: Product
    beneficiaries: int | None
    redemptions: int | None
    relief_fen: Amount | None
    eligible_never_used: int | None = strawberry.field(
        description="Who meets the conditions today and has never used it: a benefit that nobody takes is weak."
    )


@strawberry.type(
    description="Figures about the programme in one year, refreshed daily. A count below 10 is null, the others are "
    "rounded down to tens; sums add up what is told of each product, money in steps of ten of its largest uses. The "
    "programme's own office reads them exactly."
)
class Transparency:
    year: int
    participants: int | None
    registered_volunteers: int | None
    volunteer_hours: int | None
    products: int = strawberry.field(description="Products in force today.")
    departments: int = strawberry.field(description="Departments that may deliver.")
    records: int | None = strawberry.field(description="Records that came in during the year and still stand.")
    beneficiaries: int | None = strawberry.field(description="A dwelling that shares an allowance counts as one.")
    redemptions: int | None
    relief_fen: Amount | None
    deposits_waived_fen: Amount | None
    objections_opened: int | None
    objections_upheld: int | None
    overdue_decided_for_citizen: int | None
    by_product: list[ProductFigures]


@dataclass(frozen=True, slots=True)
class OfProgrammes:
    """One year of every programme that has figures."""

    year: int
    figures: Mapping[int, Figures]


@strawberry.type
class TransparencyOfProgramme:
    known: strawberry.Private[KnownProgramme]

    @strawberry.field(description="A year's figures, the present year's where none is named; worked out daily.")
    def transparency(self, info: Info, year: int | None = None) -> Transparency:
        found = TRANSPARENCY.of(info)
        figures = found.figures.get(self.known.id, Figures())
        exact = _is_own_office(info.context, self.known)
        return _transparency(info.context, self.known, found.year, figures if exact else for_everybody(figures))


def build_figures(asked: Asked) -> Fragment:
    """A year of every programme. Raises: InvalidInput for a year out of range."""
    year: int | None = asked.args.get("year")
    if year is not None and not 2000 <= year <= 2100:
        raise InvalidInput(
            words("年份须在 2000 至 2100 之间。", "A year lies between 2000 and 2100. Correct it."), field="year"
        )
    return figures_fragment(asked.name, year=year)


def read_figures(rows: Any, asked: Asked) -> OfProgrammes:
    """One value for whichever programmes are asked for."""
    year = asked.args.get("year") or asked.subject.today.year
    return OfProgrammes(year, {row["programme"]: from_json(Figures, row["content"]) for row in rows})


def _transparency(context: Context, known: KnownProgramme, year: int, figures: Figures) -> Transparency:
    offered = known.offered(known.today(context.now))
    products = {one.document.code: one.id for one in known.products}
    return Transparency(
        year=year,
        participants=figures.participants,
        registered_volunteers=figures.registered_volunteers,
        volunteer_hours=figures.volunteer_hours,
        products=len(offered),
        departments=len({entry.department for entry in known.settings.catalogue}),
        records=figures.records,
        beneficiaries=figures.beneficiaries,
        redemptions=figures.redemptions,
        relief_fen=_amount(figures.relief_fen),
        deposits_waived_fen=_amount(figures.deposits_waived_fen),
        objections_opened=figures.objections_opened,
        objections_upheld=figures.objections_upheld,
        overdue_decided_for_citizen=figures.overdue_decided_for_citizen,
        by_product=[_product(context, products[one.code], one) for one in figures.by_product if one.code in products],
    )


def _product(context: Context, product_id: int, figures: rules.ProductFigures) -> ProductFigures:
    return ProductFigures(
        product=product_of(context, product_id),
        beneficiaries=figures.beneficiaries,
        redemptions=figures.redemptions,
        relief_fen=_amount(figures.relief_fen),
        eligible_never_used=figures.eligible_never_used,
    )


def _is_own_office(context: Context, known: KnownProgramme) -> bool:
    return context.caller.role in OFFICE and context.caller.programme == known.settings.code


def _amount(fen: int | None) -> Amount | None:
    return None if fen is None else Amount(fen)


TRANSPARENCY: Section[OfProgrammes] = Section("Programme", "transparency", build=build_figures, read=read_figures)
SECTIONS = (TRANSPARENCY,)
