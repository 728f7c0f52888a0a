"""The shop's desk: scanning a code, and the sales that came of it. What a shop reads is about the sale only."""

from datetime import date, datetime
from typing import Annotated, Any, TypeAlias
from uuid import UUID

import strawberry

from api.graphql.claims import ClaimsOfDesk
from api.graphql.context import Context, Info
from api.graphql.errors import UserError
from api.graphql.incentives import catalogue_on
from api.graphql.products import Merchant, Product, merchant_of, product_of
from api.graphql.sales import DeskRedemption, DeskRedemptionResult, desk_redemption_of
from api.graphql.staff import StaffOfDesk, Terminal
from api.graphql.statements import StatementOfDesk
from api.graphql.types import Connection, connection, instant
from api.graphql.view import Asked, Section
from domain.actor import OFFICE_ROLES, Role
from domain.errors import NotFound
from domain.redemption.actions import ending, scanning
from domain.redemption.queries import shapes
from domain.redemption.queries.shapes import DeskFilter
from domain.redemption.rules.codes import spelled_receipt
from domain.redemption.rules.scans import Scan, ScanOutcome, ScanReason
from domain.redemption.rules.states import RedemptionStatus
from domain.values import Fragment

strawberry.enum(ScanReason, description="Why a scan was answered as it was. The reasons speak of the code.")


@strawberry.type(description="The answer to a scan. The reasons speak of the code, never of the person.")
class ScanAnswer:
    allowed: bool
    reason: ScanReason
    message: str
    product: Product | None
    basis: int | None
    basis_unit: str | None
    relief: int | None
    holder_pays: int | None
    match_number: str | None = strawberry.field(description="Two digits that the phone shows as well.")
    held_until: datetime | None = strawberry.field(description="Until when a preview holds the code for this terminal.")
    redemption: DeskRedemption | None


ScanResult: TypeAlias = Annotated[ScanAnswer | UserError, strawberry.union("ScanResult")]


@strawberry.type(description="What a shop may know of a redemption is about the sale, never about the person.")
class MerchantDesk(StatementOfDesk, StaffOfDesk, ClaimsOfDesk):
    merchant: Merchant

    @strawberry.field(description="The shop's terminals; one's own comes first.")
    def terminals(self, info: Info) -> list[Terminal]:
        return TERMINALS.of(info)

    @strawberry.field(
        description="Sales, newest first: of a local day, in a state, due before a day, or by receipt number or the "
        "shop's own reference."
    )
    def redemptions(
        self,
        info: Info,
        on: date | None = None,
        status: RedemptionStatus | None = None,
        due_before: date | None = None,
        receipt_number: str | None = None,
        merchant_ref: str | None = None,
        first: int | None = 20,
        after: str | None = None,
    ) -> Connection[DeskRedemption]:
        return SALES.of(info)


def terminal_of(shape: Any, context: Context) -> Terminal:
    """A till of the shop."""
    return Terminal(
        id=context.seal("terminal", shape["id"]),
        name=shape["name"],
        pairing_code=None,
        last_seen_at=instant(shape["last_seen_at"]),
        blocked=shape["blocked"],
    )


def answer_of(outcome: ScanOutcome, context: Context) -> ScanAnswer:
    """What the shop's screen shows."""
    unit = None if outcome.basis_unit is None else context.speak(outcome.basis_unit)
    return ScanAnswer(
        allowed=outcome.allowed,
        reason=outcome.reason,
        message=context.speak(outcome.message),
        product=None if outcome.product_id is None else product_of(context, outcome.product_id),
        basis=outcome.basis,
        basis_unit=unit,
        relief=outcome.relief,
        holder_pays=outcome.holder_pays,
        match_number=None if outcome.match_number is None else str(outcome.match_number),
        held_until=outcome.held_until,
        redemption=_sold(outcome, context, unit),
    )


def _sold(outcome: ScanOutcome, context: Context, unit: str | None) -> DeskRedemption | None:
    """The sale of this scan, from what has just been written: reading it again would be a fourth statement."""
    sold = outcome.sold
    if sold is None or outcome.product_id is None:
        return None
    return DeskRedemption(
        id=context.seal("desk_redemption", sold.redemption_id),
        receipt_number=sold.receipt_number,
        merchant_ref=sold.merchant_ref,
        product=product_of(context, outcome.product_id),
        at=sold.at,
        status=RedemptionStatus(sold.status),
        basis=outcome.basis,
        relief=outcome.relief,
        holder_pays=outcome.holder_pays,
        unit=unit,
        due_on=sold.due_on,
    )


def build_sales(asked: Asked) -> Fragment:
    """One page of the shop's sales that fit."""
    page, args = asked.page(), asked.args
    on: date | None = args.get("on")
    programme = asked.context.reference.programmes[asked.subject.programme or 0]
    status: RedemptionStatus | None = args.get("status")
    receipt: str | None = args.get("receiptNumber")
    wanted = DeskFilter(
        organisation_id=_organisation(asked.context),
        since=None if on is None else programme.begins(on),
        until=None if on is None else programme.ends(on),
        status=None if status is None else RedemptionStatus(status).value,
        due_before=args.get("dueBefore"),
        receipt_number=None if receipt is None else spelled_receipt(receipt),
        merchant_ref=args.get("merchantRef"),
    )
    before = None if page.after is None else int(str(page.after[0]))
    return shapes.desk_redemptions_fragment(asked.name, wanted=wanted, first=page.first, before=before)


def read_sales(rows: Any, asked: Asked) -> Connection[DeskRedemption]:
    """One page of the shop's sales, newest first."""
    return connection(
        asked, rows, node=lambda row: desk_redemption_of(row, asked.context), key=lambda row: (row["id"],)
    )


def build_sale(asked: Asked) -> Fragment:
    """One of the shop's sales, or for an officer one that was opened to them."""
    if asked.context.caller.role in OFFICE_ROLES:
        return shapes.opened_redemption_fragment(asked.name, redemption_id=_only(asked.key))
    return shapes.desk_redemption_fragment(
        asked.name, organisation_id=_organisation(asked.context), redemption_id=_only(asked.key)
    )


def build_terminals(asked: Asked) -> Fragment:
    """The shop's terminals."""
    caller = asked.context.caller
    return shapes.terminals_fragment(asked.name, organisation_id=_organisation(asked.context), own=caller.terminal_id)


def build_terminal(asked: Asked) -> Fragment:
    """One of the shop's terminals."""
    return shapes.terminal_fragment(
        asked.name, organisation_id=_organisation(asked.context), terminal_id=_only(asked.key)
    )


def _organisation(context: Context) -> int:
    if context.caller.organisation_id is None:
        raise NotFound
    return context.caller.organisation_id


def _only(parts: tuple[int, ...]) -> int:
    if len(parts) != 1:
        raise NotFound
    return parts[0]


# The desk itself is known from the token; only what stands on it is read.
DESK = Section(
    "MerchantDesk",
    None,
    build=lambda asked: Fragment(sql="SELECT json_build_object()"),
    read=lambda shape, asked: MerchantDesk(merchant=merchant_of(asked.context, _organisation(asked.context))),
)
TERMINALS = Section(
    "MerchantDesk",
    "terminals",
    build=build_terminals,
    read=lambda rows, asked: [terminal_of(row, asked.context) for row in rows],
)
TERMINAL = Section("Terminal", None, build=build_terminal, read=lambda shape, asked: terminal_of(shape, asked.context))
SALES = Section("MerchantDesk", "redemptions", build=build_sales, read=read_sales)
SALE = Section(
    "DeskRedemption",
    None,
    build=build_sale,
    read=lambda shape, asked: desk_redemption_of(shape, asked.context),
)
SECTIONS = (DESK, TERMINALS, TERMINAL, SALES, SALE)
NODES = {"terminal": "Terminal", "desk_redemption": "DeskRedemption"}


@strawberry.type
class DeskQuery:
    @strawberry.field(description="The desk of the signed-in cashier's or manager's shop.")
    async def desk(self, info: Info) -> MerchantDesk | None:
        # Kept, since a look at a claim is written down for its citizen.
        async with info.context.transaction() as unit:
            desk: MerchantDesk | None = await info.context.view.load(info, unit, "MerchantDesk")
            return desk


@strawberry.type
class DeskMutation:
    @strawberry.mutation(
        description="What a redemption would give. Consumes nothing; holds the code for this terminal for 90 seconds. "
        "`basis`: price, quantity or deposit, above zero; without it the answer says in which unit to enter it."
    )
    async def preview_redemption(
        self, info: Info, code: str, terminal_id: strawberry.ID, basis: int | None = None
    ) -> ScanResult:
        context = info.context
        scan = Scan(code=code, terminal_id=_only(context.unseal("terminal", terminal_id)), basis=basis)
        async with context.transaction() as unit:
            programme = context.programme(unit)
            catalogue = catalogue_on(context, programme.id, programme.today(unit.now))
            outcome = await scanning.preview_redemption(
                unit.session, unit.actor, unit.now, catalogue=catalogue, scan=scan
            )
            return answer_of(outcome, context)

    @strawberry.mutation(
        description="Takes the benefit, once for each code. `basis`: price in fen, quantity or deposit, above zero; "
        "`merchantRef`: the shop's own reference, at most 64 characters."
    )
    async def redeem(
        self,
        info: Info,
        code: str,
        terminal_id: strawberry.ID,
        idempotency_key: UUID,
        basis: int | None = None,
        merchant_ref: str | None = None,
    ) -> ScanResult:
        context = info.context
        terminal = _only(context.unseal("terminal", terminal_id))
        scan = Scan(code=code, terminal_id=terminal, basis=basis, merchant_ref=merchant_ref)
        async with context.transaction() as unit:
            programme = context.programme(unit)
            catalogue = catalogue_on(context, programme.id, programme.today(unit.now))
            outcome = await scanning.redeem(
                unit.session, unit.actor, unit.now, catalogue=catalogue, scan=scan, key=idempotency_key
            )
            return answer_of(outcome, context)

    @strawberry.mutation(
        description="Undoes a sale, with a reason of at most 500 characters: the shop its own within 24 hours; within "
        "60 days an officer who has looked its citizen up for that in the last hour, by the id of the Redemption."
    )
    async def reverse_redemption(
        self, info: Info, redemption_id: strawberry.ID, reason: str, idempotency_key: UUID
    ) -> DeskRedemptionResult:
        # A shop knows its sale; an officer has found it among those of the citizen in front of them.
        kind = "redemption" if info.context.caller.role is Role.OFFICER else "desk_redemption"
        number = _only(info.context.unseal(kind, redemption_id))
        async with info.context.transaction() as unit:
            await ending.reverse_redemption(
                unit.session, unit.actor, unit.now, redemption_id=number, reason=reason, key=idempotency_key
            )
            sale: DeskRedemption = await info.context.view.load(info, unit, "DeskRedemption", key=(number,))
            return sale

    @strawberry.mutation(
        description="End of a deposit waiver, a deferred bill or a loan of things: given back, or claimed from the "
        "guarantee fund up to the waived amount."
    )
    async def close_redemption(
        self,
        info: Info,
        redemption_id: strawberry.ID,
        idempotency_key: UUID,
        claim_fen: int | None = 0,
        reason: str | None = None,
    ) -> DeskRedemptionResult:
        number = _only(info.context.unseal("desk_redemption", redemption_id))
        async with info.context.transaction() as unit:
            end = ending.Close(redemption_id=number, claim_fen=claim_fen or 0, reason=reason)
            await ending.close_redemption(unit.session, unit.actor, unit.now, close=end, key=idempotency_key)
            sale: DeskRedemption = await info.context.view.load(info, unit, "DeskRedemption", key=(number,))
            return sale

    @strawberry.mutation(description="Gives 1 to 90 more days until something is due, with a reason.")
    async def extend_redemption(
        self, info: Info, redemption_id: strawberry.ID, days: int, reason: str, idempotency_key: UUID
    ) -> DeskRedemptionResult:
        number = _only(info.context.unseal("desk_redemption", redemption_id))
        async with info.context.transaction() as unit:
            end = ending.Extension(redemption_id=number, days=days, reason=reason)
            await ending.extend_redemption(unit.session, unit.actor, unit.now, extension=end, key=idempotency_key)
            sale: DeskRedemption = await info.context.view.load(info, unit, "DeskRedemption", key=(number,))
            return sale
