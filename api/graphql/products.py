"""Products, and the shops and utilities that give them, as the public reads them."""

from collections.abc import Iterator
from datetime import date
from enum import Enum

import strawberry

from api.graphql.context import Context, Info
from api.graphql.reference import KnownCommitment, KnownOrganisation, KnownProduct
from api.graphql.rule_sets import SourceMark, source_marks
from api.graphql.shapes import BenefitShape, shape_of
from api.graphql.types import Node
from domain.incentives.rules.promises import promise_digest, promise_text
from domain.programmes.rules import document, sentences, shapes
from domain.programmes.rules.terms import ConditionKind, OrganisationKind, RedeemPath, ServiceAccountKind, Window

for kind, description in (
    (RedeemPath, "COUNTER: a code is scanned. ACCOUNT: claimed to a service account, confirmed by the provider."),
    (ServiceAccountKind, "Which account a claim goes to."),
    (ConditionKind, "What a condition asks."),
    (OrganisationKind, "What an organisation is."),
):
    strawberry.enum(kind, description=description)


@strawberry.type(description="Conditions with the same `way` belong together; who meets one way in full is qualified.")
class ProductCondition:
    way: int
    kind: ConditionKind
    required: str
    sentence: str


@strawberry.type(description="How much one person (or one household) may use in one window. Null quantity = no limit.")
class AllowanceRule:
    quantity: int | None
    unit: str
    window: Window
    per_household: bool


@strawberry.enum(description="How far an organisation has come: APPLIED waits for the office.")
class OrganisationStatus(Enum):
    APPLIED = "APPLIED"
    ADMITTED = "ADMITTED"
    SUSPENDED = "SUSPENDED"


@strawberry.type(description="Signed by an organisation, public (信用承诺书).")
class Commitment:
    text: str = strawberry.field(description="As it was signed, in the language of the request.")
    version: int
    signed_on: date
    digest: str


@strawberry.type(description="A department, a school, a volunteer body, a shop or a utility.")
class Organisation(Node):
    name: str
    kind: OrganisationKind
    status: OrganisationStatus
    commitment: Commitment | None = strawberry.field(description="The newest that it has signed; null before.")


@strawberry.type(description="A shop or utility that gives benefits.")
class Merchant(Node):
    known: strawberry.Private[KnownOrganisation]
    name: str
    category: str
    address: str | None
    commitment: Commitment | None = strawberry.field(description="The newest that it has signed; null before.")

    @strawberry.field(description="The products in force that can be taken here.")
    def products(self, info: Info) -> "list[Product]":
        programme = info.context.reference.programmes[self.known.programme_id]
        return [
            product_of(info.context, known.id)
            for known in programme.offered(programme.today(info.context.now))
            if self.known.id in places(known)
        ]


@strawberry.type(description="What a citizen promises where papers may follow later; signed by its digest.")
class Promise:
    text: str
    digest: str


@strawberry.type(description="An incentive product: something extra, on top of a baseline that everybody has.")
class Product(Node):
    known: strawberry.Private[KnownProduct]
    code: str
    version: int
    title: str
    terms: str
    baseline: str = strawberry.field(description="What everybody gets without it.")
    baseline_checked_on: date = strawberry.field(description="When the baseline was last checked.")
    field: str
    shape: BenefitShape
    provider: Merchant
    redeemed_by: RedeemPath
    account_kind: ServiceAccountKind | None = strawberry.field(
        description="For ACCOUNT products: which account the claim goes to."
    )
    conditions: list[ProductCondition]
    allowance: AllowanceRule
    available_from: date | None
    available_until: date | None
    offline: bool
    sources: list[SourceMark]

    @strawberry.field(
        description="Share of the budget left, in steps of 5 %, refreshed daily; null without a budget. Exact figures"
        " are the office's."
    )
    def budget_left_percent(self, info: Info) -> int | None:
        return info.context.shelf.budget_left_percent(self.known)

    @strawberry.field(description="For PapersLater: what `signMyCommitment` signs; null otherwise.")
    def promise(self, info: Info) -> Promise | None:
        product = self.known.document
        if not isinstance(product.shape, shapes.PapersLater):
            return None
        return Promise(text=info.context.speak(promise_text(product)), digest=promise_digest(product))

    @strawberry.field(description="The version in force; versions share allowance and budget.")
    def current(self, info: Info) -> "Product":
        programme = info.context.reference.programmes[self.known.programme_id]
        for known in programme.products:
            if known.document.code == self.code:
                return product_of(info.context, known.id)
        return self


def product_of(context: Context, product_id: int) -> Product:
    """The published product of this number, in the language of the request."""
    key = ("product", context.language, product_id)
    derived = context.reference.derived
    if key not in derived:
        derived[key] = _product(context, context.reference.products[product_id])
    found: Product = derived[key]
    return found


def visible_product(context: Context, product_id: int) -> Product:
    """The same, if the caller may know of it: drafts are for the office. Raises: KeyError."""
    known = context.reference.products[product_id]
    if not known.released and not context.runs(known.programme_id):
        raise KeyError(product_id)
    return product_of(context, product_id)


def merchant_of(context: Context, organisation_id: int) -> Merchant:
    """The shop or utility of this number, in the language of the request."""
    known = context.reference.organisations[organisation_id]
    return Merchant(
        id=context.seal("merchant", known.id),
        known=known,
        name=context.speak(known.name),
        category=context.speak(known.category),
        address=None if known.address is None else context.speak(known.address),
        commitment=commitment_of(context, known.commitment),
    )


def organisation_of(context: Context, organisation_id: int) -> Organisation:
    """The organisation of this number, in the language of the request."""
    known = context.reference.organisations[organisation_id]
    return Organisation(
        id=context.seal("organisation", known.id),
        name=context.speak(known.name),
        kind=OrganisationKind(known.kind),
        status=OrganisationStatus(known.status),
        commitment=commitment_of(context, known.commitment),
    )


def commitment_of(context: Context, known: KnownCommitment | None) -> Commitment | None:
    """What an organisation has signed."""
    if known is None:
        return None
    return Commitment(
        text=context.speak(known.text), version=known.version, signed_on=known.signed_on, digest=known.digest
    )


def places(product: KnownProduct) -> tuple[int, ...]:
    """The organisations at which a product is given."""
    return (product.provider_id, *product.shops)


def _product(context: Context, known: KnownProduct) -> Product:
    content = known.document
    return Product(
        id=context.seal("product", known.id),
        known=known,
        code=content.code,
        version=known.version,
        title=context.speak(content.title),
        terms=context.speak(content.terms),
        baseline=context.speak(content.baseline),
        baseline_checked_on=known.baseline_checked_on,
        field=content.field,
        shape=shape_of(context, content.shape),
        provider=merchant_of(context, known.provider_id),
        redeemed_by=content.redeemed_by,
        account_kind=content.account_kind,
        conditions=list(_conditions(context, known)),
        allowance=_allowance(context, content.allowance),
        available_from=content.available_from,
        available_until=content.available_until,
        offline=False,
        sources=source_marks(context, content.sources),
    )


def _conditions(context: Context, known: KnownProduct) -> Iterator[ProductCondition]:
    programme = context.reference.programmes[known.programme_id]
    scale = programme.rule_set_on(programme.today(context.now)).document
    titles = sentences.Titles(
        bands={band.code: band.label for band in scale.bands if band.label is not None},
        fields={field.code: field.title for field in scale.fields},
        groups={group.code: group.title for group in programme.settings.groups},
    )
    for way, conditions in enumerate(known.document.ways, start=1):
        for condition in conditions:
            yield ProductCondition(
                way=way,
                kind=condition.kind,
                required=context.speak(sentences.required_words(condition, titles)),
                sentence=context.speak(sentences.sentence_of(condition, titles)),
            )


def _allowance(context: Context, allowance: document.Allowance) -> AllowanceRule:
    return AllowanceRule(
        quantity=allowance.quantity,
        unit=context.speak(allowance.unit),
        window=allowance.window,
        per_household=allowance.per_household,
    )
