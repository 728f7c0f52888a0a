"""The citizen's side of a sale: a code on the phone, what became of it, and what is still open."""

from datetime import date, datetime
from typing import Annotated, Any, TypeAlias
from uuid import UUID

import strawberry

from api.graphql.context import Context, Info
from api.graphql.errors import UserError
from api.graphql.incentives import (
    Benefit,
    Decision,
    benefit_of,
    build_standing,
    catalogue_of,
    catalogue_on,
    decision_of,
)
from api.graphql.products import Merchant, Product, merchant_of, product_of
from api.graphql.types import Connection, Node, connection, day
from api.graphql.view import Asked, Section
from domain.errors import NotFound
from domain.incentives.queries import standing_of
from domain.incentives.rules import decision as rules
from domain.incentives.rules.relief import basis_unit
from domain.programmes.rules.codec import from_json
from domain.redemption.actions import presenting
from domain.redemption.actions.partner_codes import FIELD
from domain.redemption.queries import shapes
from domain.redemption.rules.codes import code_of, svg_of, typed_code_of
from domain.redemption.rules.states import PresentationStatus, RedemptionStatus
from domain.values import Fragment

strawberry.enum(
    PresentationStatus,
    description="HELD: a shop has previewed it and is typing; the code stays the same until redeemed, cancelled, or "
    "90 seconds pass. REFUSED: the shop was told that it is not valid; it can be shown again while its time lasts.",
)
strawberry.enum(RedemptionStatus, description="How far a sale has come.")


@strawberry.type(description="A benefit that was taken, as its holder sees it.")
class Redemption(Node):
    receipt_number: str
    product: Product
    merchant: Merchant
    at: datetime
    status: RedemptionStatus
    basis: int | None = strawberry.field(description="Price, quantity or deposit that the shop named, in `unit`.")
    relief: int | None
    holder_pays: int | None
    unit: str | None
    due_on: date | None
    partner_code: str | None = strawberry.field(
        description="The partner's one-time code that came with it: for the holder alone, until the sale is settled."
    )


@strawberry.type(
    description="A code on the phone's screen for ONE benefit that the citizen picked. The phone's own page of the "
    "sale: status, match number, full reason."
)
class Presentation(Node):
    number: strawberry.Private[int]
    expires_at: datetime
    benefit: Benefit
    status: PresentationStatus
    match_number: str = strawberry.field(
        description="Two digits that the shop's screen shows as well, from the preview on."
    )
    refusal: Decision | None = strawberry.field(description="Why it was refused: for the holder alone.")
    redemption: Redemption | None

    @strawberry.field(description="`CB1:` and 26 Crockford base32 characters: 128 random bits, single use.")
    def code(self, info: Info) -> str:
        return code_of(info.context.vault, self.number)

    @strawberry.field(description="Eight digits for a shop that cannot scan.")
    def typed_code(self, info: Info) -> str:
        return typed_code_of(info.context.vault, self.number)

    @strawberry.field(description="The code as an SVG picture.")
    def svg(self, info: Info) -> str:
        return svg_of(code_of(info.context.vault, self.number))


PresentResult: TypeAlias = Annotated[Presentation | UserError, strawberry.union("PresentResult")]


@strawberry.type
class RedemptionsOfCitizen:
    @strawberry.field(description="Every benefit that was taken, newest first.")
    def redemptions(self, info: Info, first: int | None = 20, after: str | None = None) -> Connection[Redemption]:
        return REDEMPTIONS.of(info)

    @strawberry.field(description="Deposits waived, bills deferred, books out: what is still open, and when it is due.")
    def open_obligations(self, info: Info) -> list[Redemption]:
        return OBLIGATIONS.of(info)


def redemption_of(shape: Any, context: Context) -> Redemption:
    """A sale as its holder sees it."""
    unit = basis_unit(context.reference.products[shape["product_id"]].document.shape)
    return Redemption(
        id=context.seal("redemption", shape["id"]),
        receipt_number=shape["receipt_number"],
        product=product_of(context, shape["product_id"]),
        merchant=merchant_of(context, shape["organisation_id"]),
        at=datetime.fromisoformat(shape["at"]),
        status=RedemptionStatus(shape["status"]),
        basis=shape["basis"],
        relief=shape["relief"],
        holder_pays=shape["holder_pays"],
        unit=None if unit is None else context.speak(unit),
        due_on=day(shape["due_on"]),
        partner_code=_partner_code(shape.get("partner_code"), context),
    )


def _partner_code(sealed: Any, context: Context) -> str | None:
    if sealed is None:
        return None
    return context.vault.open(bytes.fromhex(sealed["key"]), FIELD, bytes.fromhex(sealed["sealed"]))


def build_presentation(asked: Asked) -> tuple[Fragment, Fragment]:
    """One of the citizen's codes, and what decides about its benefit today."""
    code = shapes.presentation_fragment(asked.name, presentation_id=_only(asked.key))
    return code, build_standing(asked)


def read_presentation(columns: Any, asked: Asked) -> Presentation | None:
    """The code with its benefit; None when it is not the citizen's."""
    shape, raw = columns
    context = asked.context
    if shape is None:
        return None
    catalogue = catalogue_of(asked)
    standing = standing_of(raw, catalogue, context.vault)
    known = context.reference.products[shape["product_id"]]
    refusal, sale = shape["refusal"], shape["redemption"]
    return Presentation(
        id=context.seal("presentation", shape["id"]),
        number=shape["id"],
        expires_at=datetime.fromisoformat(shape["expires_at"]),
        benefit=benefit_of(context, known, catalogue, standing, asked.subject.citizen or 0),
        status=PresentationStatus(shape["status"]),
        match_number=str(shape["match_number"]),
        refusal=None if refusal is None else decision_of(context, known, from_json(rules.Decision, refusal)),
        redemption=None if sale is None else redemption_of(sale, context),
    )


def build_redemption(asked: Asked) -> Fragment:
    """One of the citizen's sales."""
    return shapes.redemption_fragment(asked.name, redemption_id=_only(asked.key))


def build_redemptions(asked: Asked) -> Fragment:
    """One page of the citizen's sales."""
    page = asked.page()
    before = None if page.after is None else int(str(page.after[0]))
    return shapes.redemptions_fragment(asked.name, first=page.first, before=before)


def read_redemptions(rows: Any, asked: Asked) -> Connection[Redemption]:
    """One page of the citizen's sales, newest first."""
    return connection(asked, rows, node=lambda row: redemption_of(row, asked.context), key=lambda row: (row["id"],))


def _only(parts: tuple[int, ...]) -> int:
    if len(parts) != 1:
        raise NotFound
    return parts[0]


PRESENTATION = Section("Presentation", None, build=build_presentation, read=read_presentation)
REDEMPTION = Section(
    "Redemption", None, build=build_redemption, read=lambda shape, asked: redemption_of(shape, asked.context)
)
REDEMPTIONS = Section("Citizen", "redemptions", build=build_redemptions, read=read_redemptions)
OBLIGATIONS = Section(
    "Citizen",
    "openObligations",
    build=lambda asked: shapes.obligations_fragment(),
    read=lambda rows, asked: [redemption_of(row, asked.context) for row in rows],
)
SECTIONS = (PRESENTATION, REDEMPTION, REDEMPTIONS, OBLIGATIONS)
NODES = {"presentation": "Presentation", "redemption": "Redemption"}


@strawberry.type
class PresentMutation:
    @strawberry.mutation(
        description="Shows a code for one benefit, for 60 seconds. Reserves nothing; a newer code does not end an "
        "older one."
    )
    async def present_benefit(
        self, info: Info, product_id: strawberry.ID, idempotency_key: UUID, voucher_kind: str | None = None
    ) -> PresentResult:
        context = info.context
        (number,) = context.unseal("product", product_id)
        async with context.transaction() as unit:
            programme = context.programme(unit)
            shown = await presenting.present_benefit(
                unit.session,
                unit.actor,
                unit.now,
                catalogue=catalogue_on(context, programme.id, programme.today(unit.now)),
                product_id=number,
                voucher_kind=voucher_kind,
                key=idempotency_key,
            )
            code: Presentation = await context.view.load(info, unit, "Presentation", key=(shown,))
            return code

    @strawberry.mutation(description="Takes a code back before it is redeemed.")
    async def cancel_presentation(
        self,
        info: Info,
        id: strawberry.ID,  # noqa: A002
        idempotency_key: UUID,
    ) -> PresentResult:
        context = info.context
        number = _only(context.unseal("presentation", id))
        async with context.transaction() as unit:
            await presenting.cancel_presentation(
                unit.session, unit.actor, unit.now, presentation_id=number, key=idempotency_key
            )
            code: Presentation = await context.view.load(info, unit, "Presentation", key=(number,))
            return code
