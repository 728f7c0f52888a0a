"""What the office sees of releases: drafts, comments, dry runs with their sums, and budgets to the fen."""

from collections.abc import Mapping
from datetime import date, datetime
from enum import Enum
from typing import Any

import strawberry

from api.graphql.assessments import BandShift, GroupShift, ProductShift, assessment_of
from api.graphql.context import Context, Info
from api.graphql.products import Product, product_of
from api.graphql.reference import KnownProgramme
from api.graphql.rule_sets import RuleSet, rule_set_of
from api.graphql.types import Amount, Connection, Node, connection
from api.graphql.view import Asked, Section
from domain.errors import NotFound
from domain.incentives.queries import offering
from domain.incentives.rules.population import PARTS
from domain.programmes.queries import releases
from domain.programmes.rules.terms import BudgetUnit, Window
from domain.values import Fragment, words

_UNITS = {BudgetUnit.FEN.value: words("分(人民币)", "fen"), BudgetUnit.PIECES.value: words("份", "pieces")}


@strawberry.enum(description="How far a job is.")
class JobStatus(Enum):
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    DONE = "DONE"
    FAILED = "FAILED"


@strawberry.type(
    description="What a drafted rule set would do to the real population, without touching it. Counts under 10 are"
    " null, and so are others from which one of them could be worked out."
)
class DryRun(Node):
    version: int
    status: JobStatus
    done_percent: int
    people: int | None
    gaining: int | None
    losing: int | None
    unchanged: int | None
    products: list[ProductShift]
    bands: list[BandShift]
    groups: list[GroupShift]
    problems: list[str]


@strawberry.type(description="More money on a decision, put forward and waiting for a second person.")
class BudgetAddition:
    decision_ref: str
    amount: Amount
    at: datetime


@strawberry.type(description="The budget of one product in one window, exactly.")
class BudgetLine(Node):
    product: Product
    unit: str
    total: Amount
    reserved: Amount
    spent: Amount
    remaining: Amount
    window: Window
    waiting: list[BudgetAddition] = strawberry.field(description="What was put forward for it and is not approved yet.")


@strawberry.type(description="What somebody has said about drafted rules. Nobody is told who.")
class PublicComment:
    at: datetime
    text: str


@strawberry.type
class ReleasesOfOffice:
    known: strawberry.Private[KnownProgramme]

    @strawberry.field(description="Every budget whose window is not over, exactly.")
    def budgets(self, info: Info) -> list[BudgetLine]:
        return BUDGETS.of(info)

    @strawberry.field(description="One dry run; null when there is none.")
    def dry_run(self, info: Info, id: strawberry.ID) -> DryRun | None:  # noqa: A002
        return DRY_RUN.of(info)

    @strawberry.field(description="Every version of the rules, drafts as well, oldest first.")
    def rule_sets(self, info: Info) -> list[RuleSet]:
        return [rule_set_of(info.context, known.id) for known in self.known.rule_sets]

    @strawberry.field(description="Products that are drafted or approved, and not published yet.")
    def drafted_products(self, info: Info) -> list[Product]:
        return [product_of(info.context, known.id) for known in self.known.drafts]

    @strawberry.field(description="What people have said about a version of the rules, oldest first.")
    def rule_comments(
        self, info: Info, version: int, first: int | None = 50, after: str | None = None
    ) -> Connection[PublicComment]:
        return COMMENTS.of(info)


def build_dry_run(asked: Asked) -> Fragment:
    """The dry run of the id asked for. Raises: NotFound for what is no such id."""
    return _dry_run_fragment(asked, asked.context.unseal("dry_run", asked.args["id"]))


def _dry_run_fragment(asked: Asked, key: tuple[int, ...]) -> Fragment:
    if len(key) != 1:
        raise NotFound
    return releases.dry_run_fragment(asked.name, dry_run_id=key[0])


def read_dry_run(row: Any, asked: Asked) -> DryRun | None:
    """A dry run; its sums only when it is complete."""
    if row is None:
        return None
    context, done = asked.context, row["status"] == "DONE"
    known = context.reference.programmes[asked.subject.programme or 0]
    found = assessment_of(context, known, row["rule_set"], row["parts"] if done else [])
    return DryRun(
        id=context.seal("dry_run", row["id"]),
        version=row["version"],
        status=JobStatus(row["status"]),
        done_percent=100 if done else len(row["parts"]) * 100 // (PARTS + 1),
        people=found.people,
        gaining=found.gaining,
        losing=found.losing,
        unchanged=found.unchanged,
        products=found.products if done else [],
        bands=found.bands if done else [],
        groups=found.groups,
        problems=row["problems"],
    )


def budget_line_of(row: Mapping[str, Any], context: Context) -> BudgetLine:
    """One budget; its id names the product's first version and the window."""
    start = date.fromisoformat(row["start"])
    product = context.reference.products[row["product"]]
    budget = product.document.budget
    return BudgetLine(
        id=context.seal("budget", row["first"], start.toordinal()),
        product=product_of(context, product.id),
        unit=context.speak(_UNITS[row["unit"]]),
        total=Amount(row["total"]),
        reserved=Amount(row["reserved"]),
        spent=Amount(row["spent"]),
        remaining=Amount(row["total"] - row["reserved"] - row["spent"]),
        window=Window.PROGRAMME if budget is None else budget.window,
        waiting=[
            BudgetAddition(
                decision_ref=one["decision"], amount=Amount(one["amount"]), at=datetime.fromisoformat(one["at"])
            )
            for one in row["waiting"]
        ],
    )


def build_budget(asked: Asked) -> Fragment:
    """One budget by any version of its product, and the day on which its window begins."""
    if len(asked.key) != 2:
        raise NotFound
    product_id, ordinal = asked.key
    if not 1 <= ordinal <= date.max.toordinal():
        raise NotFound
    return offering.budget_fragment(asked.name, product_id=product_id, start=date.fromordinal(ordinal))


def build_comments(asked: Asked) -> Fragment:
    """One page of comments."""
    page = asked.page()
    after = None if page.after is None else int(str(page.after[0]))
    return releases.comments_fragment(asked.name, version=asked.args["version"], first=page.first, after=after)


def read_comments(rows: Any, asked: Asked) -> Connection[PublicComment]:
    """One page of comments."""
    return connection(
        asked,
        rows,
        node=lambda row: PublicComment(at=datetime.fromisoformat(row["at"]), text=row["body"]),
        key=lambda row: (row["id"],),
    )


DRY_RUN: Section[DryRun | None] = Section("Office", "dryRun", build=build_dry_run, read=read_dry_run)
BUDGETS: Section[list[BudgetLine]] = Section(
    "Office",
    "budgets",
    build=lambda asked: offering.budgets_fragment(),
    read=lambda rows, asked: [budget_line_of(row, asked.context) for row in rows],
)
COMMENTS = Section("Office", "ruleComments", build=build_comments, read=read_comments)
ONE_DRY_RUN: Section[DryRun | None] = Section(
    "DryRun", None, build=lambda asked: _dry_run_fragment(asked, asked.key), read=read_dry_run
)
ONE_BUDGET = Section("BudgetLine", None, build=build_budget, read=lambda row, asked: budget_line_of(row, asked.context))
SECTIONS = (DRY_RUN, BUDGETS, COMMENTS, ONE_DRY_RUN, ONE_BUDGET)
NODES = {"dry_run": "DryRun", "budget": "BudgetLine"}
