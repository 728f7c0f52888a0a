"""A small programme for the rules of benefits: products are one line each."""

from dataclasses import replace
from datetime import date

from domain.incentives.rules.standing import Rules, Standing
from domain.programmes.rules.document import Allowance, Band, Budget, Field, Group, Product, RuleSetDocument
from domain.programmes.rules.shapes import PayRatio, Shape, Way
from domain.programmes.rules.terms import (
    AllowanceMeasure,
    BudgetUnit,
    ConsentPurpose,
    ProductArea,
    RedeemPath,
    RegistrationKind,
    Window,
)
from domain.values import words

TODAY = date(2026, 6, 15)
TIMES = words("次", "times")
NO_LIMIT = Allowance(unit=TIMES, window=Window.USE)


def product(shape: Shape | None = None, **changes: object) -> Product:
    """A product at a counter, without limits, open to everybody who has joined."""
    plain = Product(
        code="bus",
        title=words("公交四折", "Bus at 40 %"),
        terms=words("刷码乘车。", "Scan and ride."),
        baseline=words("全价乘车", "The full fare"),
        baseline_checked_on=date(2026, 1, 1),
        field="general",
        area=ProductArea.TRANSIT,
        shape=shape or PayRatio(pay_percent=40),
        provider="bus-company",
        redeemed_by=RedeemPath.COUNTER,
        ways=((),),
        allowance=NO_LIMIT,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def measured(quantity: int, window: Window = Window.CALENDAR_YEAR) -> Allowance:
    """An allowance used up by what is given."""
    return Allowance(quantity=quantity, measure=AllowanceMeasure.RELIEF, unit=TIMES, window=window)


def uses(quantity: int, window: Window = Window.MONTH) -> Allowance:
    """An allowance used up by each use."""
    return Allowance(quantity=quantity, unit=TIMES, window=window)


def money(amount: int = 1_000_000) -> Budget:
    """A budget in fen for the year."""
    return Budget(amount=amount, unit=BudgetUnit.FEN, window=Window.CALENDAR_YEAR)


def with_ways(*ways: Way) -> Product:
    """The plain product with these ways to qualify."""
    return product(ways=ways)


RULE_SET = RuleSetDocument(
    effective_from=date(2026, 1, 1),
    base_points=1000,
    floor_points=0,
    ceiling_points=1300,
    bands=(
        Band(code="open", min_points=0, max_points=960),
        Band(code="a", min_points=960, max_points=1030, label=words("A 级", "A")),
        Band(code="aa", min_points=1030, label=words("AA 级", "AA")),
    ),
    fields=(
        Field(code="general", title=words("综合", "General")),
        Field(code="library", title=words("借阅", "Library")),
        Field(code="transit", title=words("交通", "Transit")),
    ),
    items=(),
)
RULES = Rules(
    rule_set=RULE_SET,
    groups=(
        Group(code="donors", title=words("献血者", "Donors"), joined_by=words("向血站登记。", "Register at the bank.")),
    ),
    stars_hours=(100, 300, 600),
    baseline_valid_months=12,
)


def standing(**changes: object) -> Standing:
    """A citizen with base points who has consented to everything."""
    plain = Standing(
        today=TODAY,
        points=1000,
        gate_points={"general": 1000, "library": 1000, "transit": 1000},
        field_points={},
        registration=RegistrationKind.REGISTERED,
        consents=frozenset({ConsentPurpose.SCORE, ConsentPurpose.BENEFITS}),
        used={},
        money={("bus", date(2026, 1, 1)): 5000},
        age=40,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]
