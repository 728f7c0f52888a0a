"""Claims to accounts: the provider's queue, and the office's list of those that no provider has answered in time.

An account number, the day by which it is answered, and nothing of the person; the office opens numbers one by one.
"""

from datetime import date
from typing import Annotated, Any, TypeAlias
from uuid import UUID

import strawberry

from api.graphql.context import Context, Info
from api.graphql.errors import UserError
from api.graphql.incentives import catalogue_on
from api.graphql.products import Organisation, organisation_of
from api.graphql.sales import DeskRedemption, DeskRedemptionResult, desk_redemption_of
from api.graphql.types import Connection, connection
from api.graphql.view import Asked, Section
from domain.errors import NotFound
from domain.incentives.rules.accounts import SEALED_AS
from domain.redemption.actions import claiming
from domain.redemption.queries import claims
from domain.redemption.queries.shapes import SALE
from domain.redemption.rules.claims import ClaimRefusal, Confirmation
from domain.values import Fragment, midnight

strawberry.enum(ClaimRefusal, description="Why a provider does not accept a claim: about the account.")


@strawberry.type(description="A claim to an account: its number is all that the provider learns.")
class DeskClaim:
    redemption: DeskRedemption
    account_number: str
    answer_by: date = strawberry.field(description="Unanswered after this day, it goes to the office.")


DeskClaimResult: TypeAlias = Annotated[DeskClaim | UserError, strawberry.union("DeskClaimResult")]


@strawberry.type(description="A claim that no provider has answered in time: nothing of whose it is, and no number.")
class LateClaim:
    redemption: DeskRedemption
    provider: Organisation
    answer_by: date = strawberry.field(description="The day by which its provider should have answered.")


@strawberry.type
class ClaimsOfOffice:
    @strawberry.field(
        description="Claims to accounts that no provider has answered in time, the most urgent first. `openClaim` "
        "shows the account number; `confirmClaim` or `refuseClaim` answers in the provider's stead."
    )
    def late_claims(self, info: Info, first: int | None = 50, after: str | None = None) -> Connection[LateClaim]:
        return LATE_CLAIMS.of(info)


@strawberry.type
class ClaimsOfDesk:
    @strawberry.field(description="Claims to accounts, waiting for the provider's answer; the most urgent first.")
    def claims(self, info: Info, first: int | None = 50, after: str | None = None) -> Connection[DeskClaim]:
        return CLAIMS.of(info)


def build_claims(asked: Asked) -> Fragment:
    """One page of the provider's queue."""
    first, after = _page(asked)
    zone = asked.context.reference.programmes[asked.subject.programme or 0].zone
    begun = midnight(asked.subject.today, zone)
    return claims.desk_claims_fragment(asked.name, sale=SALE, first=first, after=after, midnight=begun)


def build_late_claims(asked: Asked) -> Fragment:
    """One page of the office's list."""
    first, after = _page(asked)
    return claims.late_claims_fragment(asked.name, sale=SALE, first=first, after=after)


def read_claims(rows: Any, asked: Asked) -> Connection[DeskClaim]:
    """One page of claims, with their account numbers opened."""
    return connection(
        asked,
        rows,
        node=lambda row: _claim(row, asked.context),
        key=lambda row: (row["answer_by"], row["sale"]["id"]),
    )


def read_late_claims(rows: Any, asked: Asked) -> Connection[LateClaim]:
    """One page of the office's list, with the provider that has kept silent."""
    return connection(
        asked,
        rows,
        node=lambda row: LateClaim(
            redemption=desk_redemption_of(row["sale"], asked.context),
            provider=organisation_of(asked.context, row["sale"]["organisation_id"]),
            answer_by=date.fromisoformat(row["answer_by"]),
        ),
        key=lambda row: (row["answer_by"], row["sale"]["id"]),
    )


def _page(asked: Asked) -> tuple[int, tuple[date, int] | None]:
    page = asked.page()
    if page.after is None:
        return page.first, None
    return page.first, (date.fromisoformat(str(page.after[0])), int(str(page.after[1])))


def _claim(row: Any, context: Context) -> DeskClaim:
    return DeskClaim(
        redemption=desk_redemption_of(row["sale"], context),
        account_number=context.vault.open(bytes.fromhex(row["key"]), SEALED_AS, bytes.fromhex(row["number"])),
        answer_by=date.fromisoformat(row["answer_by"]),
    )


def _only(parts: tuple[int, ...]) -> int:
    if len(parts) != 1:
        raise NotFound
    return parts[0]


CLAIMS = Section("MerchantDesk", "claims", build=build_claims, read=read_claims)
LATE_CLAIMS = Section("Office", "lateClaims", build=build_late_claims, read=read_late_claims)
CLAIM: Section[DeskClaim] = Section(
    "DeskClaim",
    None,
    build=lambda asked: claims.claim_fragment(asked.name, sale=SALE, redemption_id=_only(asked.key)),
    read=lambda row, asked: _claim(row, asked.context),
)
SECTIONS = (CLAIMS, LATE_CLAIMS, CLAIM)


@strawberry.type
class ClaimMutation:
    @strawberry.mutation(
        description="The provider puts a claim on the bill, or an officer does once it is late. `basis`: the bill in "
        "the product's unit, above zero; `merchantRef`: its number, at most 64 characters."
    )
    async def confirm_claim(
        self, info: Info, redemption_id: strawberry.ID, basis: int, merchant_ref: str, idempotency_key: UUID
    ) -> DeskRedemptionResult:
        context = info.context
        number = _only(context.unseal("desk_redemption", redemption_id))
        confirmation = Confirmation(redemption_id=number, basis=basis, merchant_ref=merchant_ref)
        async with context.transaction() as unit:
            programme = context.programme(unit)
            catalogue = catalogue_on(context, programme.id, programme.today(unit.now))
            await claiming.confirm_claim(
                unit.session, unit.actor, unit.now, catalogue=catalogue, confirmation=confirmation, key=idempotency_key
            )
            sale: DeskRedemption = await context.view.load(info, unit, "DeskRedemption", key=(number,))
            return sale

    @strawberry.mutation(
        description="The provider does not accept a claim, or an officer does not once it is late; nothing of it was "
        "used up."
    )
    async def refuse_claim(
        self, info: Info, redemption_id: strawberry.ID, reason: ClaimRefusal, idempotency_key: UUID
    ) -> DeskRedemptionResult:
        number = _only(info.context.unseal("desk_redemption", redemption_id))
        async with info.context.transaction() as unit:
            await claiming.refuse_claim(
                unit.session, unit.actor, unit.now, redemption_id=number, reason=reason, key=idempotency_key
            )
            sale: DeskRedemption = await info.context.view.load(info, unit, "DeskRedemption", key=(number,))
            return sale

    @strawberry.mutation(
        description="Shows an officer the account number of a claim that no provider has answered in time. Written to "
        "the citizen's access log, with the day."
    )
    async def open_claim(self, info: Info, redemption_id: strawberry.ID, idempotency_key: UUID) -> DeskClaimResult:
        number = _only(info.context.unseal("desk_redemption", redemption_id))
        async with info.context.transaction() as unit:
            await claiming.open_claim(unit.session, unit.actor, unit.now, redemption_id=number, key=idempotency_key)
            claim: DeskClaim = await info.context.view.load(info, unit, "DeskClaim", key=(number,))
            return claim
