"""What a sale gives, shape by shape: the golden table, and what holds for every number."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import AllowanceUsedUp, BasisNeeded, InvalidInput
from domain.incentives.rules.relief import FEN, RATE_MOST, basis_unit, relief_of
from domain.programmes.rules.document import Allowance, Budget, Product
from domain.programmes.rules.shapes import (
    AmountOff,
    DepositWaiver,
    FastReview,
    HelpInKind,
    PapersLater,
    PayLater,
    PayRatio,
    QuantityFree,
    QuotaUplift,
    Shape,
    TermsUplift,
    TimeFree,
    VoucherKind,
    VoucherPack,
)
from domain.programmes.rules.terms import BudgetUnit, Window
from domain.values import words
from tests.rules.benefits import TIMES, TODAY, measured, money, product, uses

CUBIC = words("立方米", "m³")
WATER = QuantityFree(quantity=30, unit=CUBIC, unit_price_fen=350)
DEPOSIT = DepositWaiver(max_deposit_fen=100_000, max_days=30)
BOOKS = QuotaUplift(quantity=8, unit=words("册", "books"), loan_days=90)
LATER = PayLater(max_fen=100_000, days=10)
TICKETS = VoucherPack(
    vouchers=(VoucherKind(code="film", title=words("电影票", "Cinema ticket"), count=2, price_fen=3000),)
)

# shape, allowance left, basis → relief, pays, owed at once, pending, first status, due on
TABLE = [
    (PayRatio(pay_percent=40), None, 200, 120, 80, 120, 0, "COMPLETED", None),
    (PayRatio(pay_percent=40), None, 199, 119, 80, 119, 0, "COMPLETED", None),
    (PayRatio(pay_percent=40, max_relief_fen=100), None, 200, 100, 100, 100, 0, "COMPLETED", None),
    (PayRatio(pay_percent=40), None, 1, 0, 1, 0, 0, "COMPLETED", None),
    (AmountOff(amount_fen=30_000), None, 25_000, 25_000, 0, 25_000, 0, "COMPLETED", None),
    (AmountOff(amount_fen=30_000), None, 45_000, 30_000, 15_000, 30_000, 0, "COMPLETED", None),
    (WATER, 30, 12, 12, 0, 4_200, 0, "COMPLETED", None),
    (WATER, 18, 25, 18, 7, 6_300, 0, "COMPLETED", None),
    (TimeFree(minutes=30), None, 45, 30, 15, 0, 0, "COMPLETED", None),
    (TimeFree(minutes=30), None, 20, 20, 0, 0, 0, "COMPLETED", None),
    (DEPOSIT, None, 60_000, 60_000, 0, 0, 60_000, "OPEN", date(2026, 7, 15)),
    (DEPOSIT, None, 150_000, 100_000, 50_000, 0, 100_000, "OPEN", date(2026, 7, 15)),
    (BOOKS, None, 10, 8, 2, 0, 0, "OPEN", date(2026, 9, 13)),
    (LATER, None, 80_000, 80_000, 0, 0, 80_000, "OPEN", date(2026, 6, 25)),
    (TermsUplift(rate_percent=70), None, 500, 150, 350, 0, 0, "COMPLETED", None),
    (TermsUplift(rate_percent=70), None, 501, 150, 351, 0, 0, "COMPLETED", None),
    (TermsUplift(extra_months=6), None, None, None, None, 0, 0, "COMPLETED", None),
    (TICKETS, None, None, None, None, 3_000, 0, "COMPLETED", None),
    (FastReview(working_days=3), None, None, None, None, 0, 0, "COMPLETED", None),
    (
        HelpInKind(service=words("陪诊", "Escort"), quantity=1, unit=TIMES),
        None,
        None,
        None,
        None,
        0,
        0,
        "COMPLETED",
        None,
    ),
    (
        PapersLater(papers=(words("租约", "Lease"),), days=20),
        None,
        None,
        None,
        None,
        0,
        0,
        "OPEN",
        date(2026, 7, 5),
    ),
]


@pytest.mark.parametrize(("shape", "left", "basis", "relief", "pays", "posted", "pending", "status", "due_on"), TABLE)
def test_each_shape_gives_what_its_terms_say(
    shape: Shape,
    left: int | None,
    basis: int | None,
    relief: int | None,
    pays: int | None,
    posted: int,
    pending: int,
    status: str,
    due_on: date | None,
) -> None:
    allowance = measured(30) if left is not None else uses(5)
    given_away = relief_of(
        product(shape, allowance=allowance, budget=money()),
        basis=basis,
        left=left,
        today=TODAY,
        voucher_kind="film",
    )
    assert (given_away.basis, given_away.relief, given_away.holder_pays) == (basis, relief, pays)
    assert (given_away.posted_fen, given_away.pending_fen) == (posted, pending)
    assert (given_away.first_status, given_away.due_on) == (status, due_on)
    assert given_away.unit == basis_unit(shape)
    assert given_away.allowance_taken == (relief if left is not None else 1)
    assert given_away.budget_taken == posted + pending


def test_without_a_budget_of_money_the_provider_bears_it_alone() -> None:
    free = relief_of(product(WATER), basis=10, left=None, today=TODAY)
    assert (free.relief, free.posted_fen, free.budget_taken) == (10, 0, 0)


def test_without_a_budget_of_its_own_the_city_stands_for_a_waived_deposit() -> None:
    waived = relief_of(product(DEPOSIT), basis=60_000, left=None, today=TODAY)
    assert (waived.pending_fen, waived.budget_taken) == (60_000, 0)


def test_a_budget_of_pieces_loses_one_piece_for_each_sale() -> None:
    pieces = Budget(amount=50, unit=BudgetUnit.PIECES, window=Window.MONTH)
    given_away = relief_of(product(TimeFree(minutes=30), budget=pieces), basis=45, left=None, today=TODAY)
    assert (given_away.budget_taken, given_away.posted_fen) == (1, 0)


def test_nothing_adds_up_over_single_uses() -> None:
    each = Allowance(quantity=1, unit=TIMES, window=Window.USE)
    assert relief_of(product(allowance=each), basis=200, left=1, today=TODAY).allowance_taken == 0


@pytest.mark.parametrize("shape", [PayRatio(pay_percent=40), WATER, DEPOSIT, TermsUplift(rate_percent=70)])
def test_a_measured_benefit_needs_its_number(shape: Shape) -> None:
    with pytest.raises(BasisNeeded) as refusal:
        relief_of(product(shape), basis=None, left=None, today=TODAY)
    assert refusal.value.field == "basis"


def test_a_number_below_zero_is_refused() -> None:
    with pytest.raises(InvalidInput) as refusal:
        relief_of(product(), basis=-5, left=None, today=TODAY)
    assert refusal.value.field == "basis"


def test_a_bill_above_the_maximum_cannot_be_paid_later() -> None:
    with pytest.raises(InvalidInput):
        relief_of(product(LATER), basis=100_001, left=None, today=TODAY)


def test_an_allowance_that_is_used_up_gives_nothing() -> None:
    with pytest.raises(AllowanceUsedUp):
        relief_of(product(WATER, allowance=measured(30)), basis=5, left=0, today=TODAY)


def test_what_has_no_number_ignores_one() -> None:
    given_away = relief_of(product(FastReview(working_days=3)), basis=77, left=None, today=TODAY)
    assert (given_away.basis, given_away.relief, given_away.unit) == (None, None, None)


MEASURED_SHAPES = st.one_of(
    st.builds(
        PayRatio,
        pay_percent=st.integers(0, 100),
        max_relief_fen=st.none() | st.integers(0, 100_000),
    ),
    st.builds(AmountOff, amount_fen=st.integers(1, 100_000)),
    st.builds(QuantityFree, quantity=st.integers(1, 500), unit=st.just(CUBIC), unit_price_fen=st.integers(0, 1000)),
    st.builds(TimeFree, minutes=st.integers(1, 600)),
    st.builds(DepositWaiver, max_deposit_fen=st.integers(1, 100_000), max_days=st.integers(1, 90)),
    st.builds(QuotaUplift, quantity=st.integers(1, 20), unit=st.just(CUBIC), loan_days=st.none() | st.integers(1, 90)),
    st.builds(PayLater, max_fen=st.just(10**7), days=st.integers(1, 90)),
    st.builds(TermsUplift, rate_percent=st.integers(0, 100)),
)


@given(shape=MEASURED_SHAPES, basis=st.integers(0, 10**7), left=st.integers(10**7, 10**8) | st.none())
def test_relief_and_what_the_holder_pays_are_the_basis(shape: Shape, basis: int, left: int | None) -> None:
    offered: Product = product(shape, budget=money())
    # A yearly rate is in 0.01 %, and no rate is above 100 %.
    basis = min(basis, RATE_MOST) if isinstance(shape, TermsUplift) else basis
    given_away = relief_of(offered, basis=basis, left=left, today=TODAY)
    assert given_away.relief is not None
    assert given_away.holder_pays is not None
    assert given_away.relief >= 0
    assert given_away.holder_pays >= 0
    assert given_away.relief + given_away.holder_pays == basis


@given(basis=st.integers(0, 10**6), left=st.integers(1, 1000))
def test_relief_stays_within_terms_and_allowance(basis: int, left: int) -> None:
    given_away = relief_of(product(WATER, allowance=measured(1000)), basis=basis, left=left, today=TODAY)
    assert given_away.relief == min(basis, 30, left)
    assert given_away.allowance_taken == given_away.relief


def test_money_is_named_in_fen() -> None:
    assert basis_unit(PayRatio(pay_percent=40)) == FEN
