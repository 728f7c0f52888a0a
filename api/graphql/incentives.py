"""What a citizen may have: every product with the decision, why, and what is nearest."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import strawberry

from api.graphql.context import Context, Info
from api.graphql.products import Product, product_of
from api.graphql.receipts import DECISION_RECEIPT, Receipt
from api.graphql.reference import KnownProduct
from api.graphql.types import Node
from api.graphql.view import Asked, Section
from api.graphql.volunteering import VolunteerEvent, event_of
from domain.errors import AllowanceUsedUp, InvalidInput, NotFound
from domain.incentives.queries import standing_fragment, standing_of
from domain.incentives.rules import decision as rules
from domain.incentives.rules.conditions import ConditionResult as Judged
from domain.incentives.rules.decision import Answer, BenefitGroup, answer_of, decide, not_given
from domain.incentives.rules.relief import basis_unit, relief_of
from domain.incentives.rules.standing import Catalogue, Standing, allowance_window
from domain.programmes.rules import document
from domain.programmes.rules.terms import ConditionKind, Window
from domain.values import Fragment, Words, words
from domain.volunteering.queries.shapes import events_fragment
from domain.volunteering.rules.events import EventSearch

strawberry.enum(
    BenefitGroup, description="Where a product stands on the citizen's page. NOT_GIVEN: by nobody at present."
)

# What volunteering can bring nearer.
_BY_SERVICE = frozenset(
    {
        ConditionKind.MIN_POINTS,
        ConditionKind.MIN_GRADE,
        ConditionKind.MIN_FIELD_POINTS,
        ConditionKind.MIN_VOLUNTEER_HOURS,
        ConditionKind.MIN_STARS,
    }
)
_MAX_EVENTS = 20


@strawberry.type(description="What one person has used in the present window, and what is left.")
class Allowance:
    used: int
    remaining: int | None = strawberry.field(description="Null = no limit.")
    unit: str
    window: Window
    renews_on: date | None = strawberry.field(description="The first day of the next window; null when there is none.")


@strawberry.type(description="One condition of one way, and how far the citizen meets it.")
class ConditionResult:
    way: int
    kind: ConditionKind
    required: str
    actual: str
    met: bool
    missing: int | None = strawberry.field(description="In whole units; null when met, or when nothing can be counted.")
    unit: str | None
    sentence: str


@strawberry.type(description="One change that is open to the citizen, or a day to wait for.")
class NextStep:
    sentence: str
    kind: ConditionKind
    missing: int | None
    unit: str | None
    by: date | None

    @strawberry.field(description="Events to come that would help; none where service changes nothing. At most 20.")
    def events(self, info: Info, first: int | None = 3) -> list[VolunteerEvent]:
        return EVENTS.of(info) if self.kind in _BY_SERVICE else []


@strawberry.type(description="The answer for one product and one citizen today.")
class Decision:
    known: strawberry.Private[KnownProduct]
    answer: strawberry.Private[Answer]
    qualified: bool
    sentence: str = strawberry.field(description="One sentence in the citizen's language.")
    conditions: list[ConditionResult]
    nearest: list[NextStep] = strawberry.field(
        description="The smallest changes, open to the citizen, after which the answer would be yes. "
        "Never about protected facts."
    )

    @strawberry.field(
        description="What this decision can be checked by later: its answer, the points that the product compares, "
        "and their records."
    )
    def receipt(self, info: Info) -> Receipt:
        return DECISION_RECEIPT.of(info).of_decision(info.context.vault, self.known, self.answer)


@strawberry.type(description="What a benefit would be worth.")
class BenefitPreview:
    basis: int
    unit: str
    relief: int
    holder_pays: int


@strawberry.type(description="One product and what it means for this citizen today.")
class Benefit(Node):
    content: strawberry.Private[document.Product]
    standing: strawberry.Private[Standing]
    product: Product
    decision: Decision
    allowance: Allowance
    group: BenefitGroup

    @strawberry.field(description="What it would be worth; changes nothing.")
    def preview(self, info: Info, basis: int) -> BenefitPreview:
        return preview_of(info.context, self.content, self.standing, basis)


@strawberry.type
class BenefitsOfCitizen:
    @strawberry.field(
        description="Every product of the programme with the decision for this citizen; `qualified` filters. "
        "Empty before joining."
    )
    def benefits(self, info: Info, qualified: bool | None = None) -> list[Benefit]:
        return BENEFITS.of(info)


def preview_of(context: Context, content: document.Product, standing: Standing, basis: int) -> BenefitPreview:
    """What this basis would give today. Raises: InvalidInput for a number below zero."""
    if basis < 0:
        raise InvalidInput(
            words("金额或数量不能小于零。请重新输入。", "This number cannot be below zero. Please enter it again."),
            field="basis",
        )
    unit = basis_unit(content.shape)
    try:
        relief = relief_of(content, basis=basis, left=standing.allowance_left(content), today=standing.today).relief
    except (AllowanceUsedUp, InvalidInput):
        relief = 0
    spared = relief or 0
    return BenefitPreview(
        basis=basis, unit=context.speak(unit or content.allowance.unit), relief=spared, holder_pays=basis - spared
    )


def decision_of(context: Context, known: KnownProduct, decided: rules.Decision) -> Decision:
    """A decision in the language of the request."""
    return Decision(
        known=known,
        answer=answer_of(decided),
        qualified=decided.qualified,
        sentence=context.speak(decided.sentence),
        conditions=[_condition(context, one) for one in decided.conditions],
        nearest=[
            NextStep(
                sentence=context.speak(step.sentence),
                kind=step.kind,
                missing=step.missing,
                unit=_maybe(context, step.unit),
                by=step.by,
            )
            for step in decided.nearest
        ],
    )


def benefit_of(
    context: Context, known: KnownProduct, catalogue: Catalogue, standing: Standing, citizen: int
) -> Benefit:
    """One product as it stands for this citizen."""
    content = known.document
    decided = decide(content, catalogue.rules, standing)
    if not context.reference.gives(known, catalogue.today):
        decided = not_given(decided)
    window = allowance_window(content, standing.today)
    return Benefit(
        id=context.seal("benefit", citizen, known.id),
        content=content,
        standing=standing,
        product=product_of(context, known.id),
        decision=decision_of(context, known, decided),
        allowance=Allowance(
            used=standing.allowance_used(content),
            remaining=standing.allowance_left(content),
            unit=context.speak(content.allowance.unit),
            window=content.allowance.window,
            renews_on=window[1],
        ),
        group=decided.group,
    )


def catalogue_of(asked: Asked) -> Catalogue:
    """What decisions rest on; made once for each day and each version of what is published."""
    programme = asked.context.reference.programmes[asked.subject.programme or 0]
    return catalogue_on(asked.context, programme.id, asked.subject.today)


def catalogue_on(context: Context, programme_id: int, today: date) -> Catalogue:
    """What decisions of a programme rest on, on a day."""
    derived, key = context.reference.derived, ("catalogue", programme_id, today)
    if key not in derived:
        derived[key] = context.reference.programmes[programme_id].catalogue(today)
    found: Catalogue = derived[key]
    return found


def build_standing(asked: Asked) -> Fragment:
    """What decisions need to know of the citizen."""
    return standing_fragment(catalogue_of(asked).rules.volunteer_item)


def read_benefits(raw: Any, asked: Asked) -> list[Benefit]:
    """Every product in force, in the order of the programme."""
    if raw is None:
        return []
    context, catalogue = asked.context, catalogue_of(asked)
    standing = standing_of(raw, catalogue, context.vault)
    wanted = asked.args.get("qualified")
    benefits = [
        benefit_of(context, known, catalogue, standing, asked.subject.citizen or 0)
        for known in context.reference.programmes[asked.subject.programme or 0].offered(catalogue.today)
    ]
    return [one for one in benefits if wanted is None or one.decision.qualified is wanted]


def build_benefit(asked: Asked) -> Fragment:
    """The citizen's own benefit. Raises: NotFound for anybody else's."""
    if len(asked.key) != 2 or asked.key[0] != asked.subject.citizen:
        raise NotFound
    return build_standing(asked)


def read_benefit(raw: Any, asked: Asked) -> Benefit | None:
    """One product as it stands for the citizen; None when it is not given any more."""
    context, catalogue = asked.context, catalogue_of(asked)
    standing = standing_of(raw, catalogue, context.vault)
    known = context.reference.products.get(asked.key[1])
    return (
        None if known is None or not known.released else benefit_of(context, known, catalogue, standing, asked.key[0])
    )


def build_events(asked: Asked) -> Fragment:
    """The next events of the programme. Raises: InvalidInput for a number out of range."""
    first = asked.args["first"]
    if first is None or not 1 <= first <= _MAX_EVENTS:
        raise InvalidInput(
            words(f"请选择 1 到 {_MAX_EVENTS} 项。", f"Ask for 1 to {_MAX_EVENTS} events."), field="first"
        )
    search = EventSearch(programme_id=asked.subject.programme or 0, since=asked.subject.now)
    return events_fragment(asked.name, search=search, first=first, after=None)


def read_events(rows: Any, asked: Asked) -> list[VolunteerEvent]:
    """The next events, the earliest first."""
    return [event_of(row, asked.context) for row in rows[: asked.args["first"]]]


def _condition(context: Context, judged: Judged) -> ConditionResult:
    return ConditionResult(
        way=judged.way,
        kind=judged.kind,
        required=context.speak(judged.required),
        actual=context.speak(judged.actual),
        met=judged.met,
        missing=judged.missing,
        unit=_maybe(context, judged.unit),
        sentence=context.speak(judged.sentence),
    )


def _maybe(context: Context, value: Words | None) -> str | None:
    return None if value is None else context.speak(value)


BENEFITS = Section("Citizen", "benefits", build=build_standing, read=read_benefits)
BENEFIT = Section("Benefit", None, build=build_benefit, read=read_benefit)
EVENTS = Section("NextStep", "events", build=build_events, read=read_events)
SECTIONS = (BENEFITS, BENEFIT, EVENTS, DECISION_RECEIPT)
NODES: Mapping[str, str] = {"benefit": "Benefit"}
