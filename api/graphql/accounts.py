"""Benefits that go to an account: the citizen's linked accounts, their claims, and papers promised for later."""

from datetime import date, datetime
from typing import Annotated, Any, TypeAlias
from uuid import UUID

import strawberry

from api.graphql.context import Context, Info
from api.graphql.errors import UserError
from api.graphql.incentives import Benefit, catalogue_on
from api.graphql.redemption import Redemption
from api.graphql.types import Node
from api.graphql.view import Asked, Section
from domain.errors import NotFound
from domain.incentives.actions import accounts as linking
from domain.incentives.queries import accounts
from domain.incentives.rules.accounts import SEALED_AS, masked
from domain.programmes.rules.terms import ServiceAccountKind
from domain.redemption.actions import claiming
from domain.redemption.actions.claiming import Wish
from domain.values import words


@strawberry.type(description="A heating, water, plate or card account that the citizen has linked.")
class ServiceAccount(Node):
    kind: ServiceAccountKind
    masked: str = strawberry.field(description="The last few characters of its number.")
    linked_at: datetime


@strawberry.type(description="Never names: a masked address and a number of members.")
class Household:
    dwelling_masked: str
    members: int
    since: date


AccountResult: TypeAlias = Annotated[ServiceAccount | UserError, strawberry.union("AccountResult")]
RedemptionResult: TypeAlias = Annotated[Redemption | UserError, strawberry.union("RedemptionResult")]
BenefitResult: TypeAlias = Annotated[Benefit | UserError, strawberry.union("BenefitResult")]


@strawberry.type
class AccountsOfCitizen:
    @strawberry.field(description="Accounts to which benefits can be claimed, linked under a consent of their own.")
    def accounts(self, info: Info) -> list[ServiceAccount]:
        return ACCOUNTS.of(info)

    @strawberry.field(description="Where benefits of a dwelling are counted; null when no dwelling is known.")
    def household(self, info: Info) -> Household | None:
        return HOUSEHOLD.of(info)


def account_of(shape: Any, context: Context) -> ServiceAccount:
    """A linked account; its number is opened with the citizen's key."""
    number = context.vault.open(bytes.fromhex(shape["key"]), SEALED_AS, bytes.fromhex(shape["number"]))
    return ServiceAccount(
        id=context.seal("service_account", shape["id"]),
        kind=ServiceAccountKind(shape["kind"]),
        masked=masked(number),
        linked_at=datetime.fromisoformat(shape["linked_at"]),
    )


def read_household(row: Any, asked: Asked) -> Household | None:
    """The dwelling by the end of its digest: nobody here knows its address."""
    if row is None:
        return None
    end = row["dwelling"][-4:].upper()
    return Household(
        dwelling_masked=asked.context.speak(words(f"住所 ••{end}", f"Dwelling ••{end}")),
        members=row["members"],
        since=date.fromisoformat(row["since"]),
    )


def _only(parts: tuple[int, ...]) -> int:
    if len(parts) != 1:
        raise NotFound
    return parts[0]


ACCOUNT = Section(
    "ServiceAccount",
    None,
    build=lambda asked: accounts.account_fragment(asked.name, account_id=_only(asked.key)),
    read=lambda shape, asked: account_of(shape, asked.context),
)
ACCOUNTS = Section(
    "Citizen",
    "accounts",
    build=lambda asked: accounts.accounts_fragment(),
    read=lambda rows, asked: [account_of(row, asked.context) for row in rows],
)
HOUSEHOLD: Section[Household | None] = Section(
    "Citizen", "household", build=lambda asked: accounts.household_fragment(), read=read_household
)
SECTIONS = (ACCOUNT, ACCOUNTS, HOUSEHOLD)
NODES = {"service_account": "ServiceAccount"}


@strawberry.type
class AccountMutation:
    @strawberry.mutation(
        description="Links an account by the number on its bill or card, 4 to 32 letters and digits; needs the consent "
        "for accounts. At most 10 at a time."
    )
    async def link_account(
        self, info: Info, kind: ServiceAccountKind, number: str, idempotency_key: UUID
    ) -> AccountResult:
        async with info.context.transaction() as unit:
            linked = await linking.link_account(
                unit.session, unit.actor, unit.now, kind=kind, number=number, key=idempotency_key
            )
            account: ServiceAccount = await info.context.view.load(info, unit, "ServiceAccount", key=(linked,))
            return account

    @strawberry.mutation(description="Ends a link. A claim that waits is still answered; then the number is forgotten.")
    async def unlink_account(
        self,
        info: Info,
        id: strawberry.ID,  # noqa: A002
        idempotency_key: UUID,
    ) -> AccountResult:
        number = _only(info.context.unseal("service_account", id))
        async with info.context.transaction() as unit:
            await linking.unlink_account(unit.session, unit.actor, unit.now, account_id=number, key=idempotency_key)
            account: ServiceAccount = await info.context.view.load(info, unit, "ServiceAccount", key=(number,))
            return account

    @strawberry.mutation(
        description="Claims a benefit to one's own account, within its window. Allowance and budget are kept ready "
        "until the provider answers."
    )
    async def claim_benefit(
        self, info: Info, product_id: strawberry.ID, account_id: strawberry.ID, idempotency_key: UUID
    ) -> RedemptionResult:
        context = info.context
        product, account = context.unseal("product", product_id), context.unseal("service_account", account_id)
        wish = Wish(product_id=_only(product), account_id=_only(account))
        async with context.transaction() as unit:
            programme = context.programme(unit)
            catalogue = catalogue_on(context, programme.id, programme.today(unit.now))
            number = await claiming.claim_benefit(
                unit.session, unit.actor, unit.now, catalogue=catalogue, wish=wish, key=idempotency_key
            )
            sale: Redemption = await context.view.load(info, unit, "Redemption", key=(number,))
            return sale

    @strawberry.mutation(
        description="For PapersLater: the citizen's own promise. Never public; a broken one ends that product for its "
        "window and makes no record. `digest`: of the promise that was read."
    )
    async def sign_my_commitment(
        self, info: Info, product_id: strawberry.ID, digest: str, idempotency_key: UUID
    ) -> BenefitResult:
        context = info.context
        number = _only(context.unseal("product", product_id))
        async with context.transaction() as unit:
            programme = context.programme(unit)
            catalogue = catalogue_on(context, programme.id, programme.today(unit.now))
            promise = linking.Signature(product_id=number, digest=digest)
            await linking.sign_promise(
                unit.session, unit.actor, unit.now, catalogue=catalogue, signature=promise, key=idempotency_key
            )
            key = (unit.actor.citizen_id or 0, number)
            benefit: Benefit = await context.view.load(info, unit, "Benefit", key=key)
            return benefit
