"""What everybody may read of a programme's figures: nothing from which one person can be subtracted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.rights.rules.figures import Figures, ProductFigures, for_everybody, shown


@pytest.mark.parametrize(("count", "read"), [(None, None), (0, None), (9, None), (10, 10), (19, 10), (45, 40)])
def test_a_count_below_ten_is_hidden_and_others_are_rounded_down(count: int | None, read: int | None) -> None:
    assert shown(count) == read


def sold(code: str, people: int, redemptions: int, relief_fen: int, **more: int) -> ProductFigures:
    return ProductFigures(code=code, beneficiaries=people, redemptions=redemptions, relief_fen=relief_fen, **more)


def test_a_sum_is_hidden_where_fewer_than_ten_people_stand_behind_it() -> None:
    few = Figures(
        participants=900,
        registered_volunteers=900,
        volunteer_hours=5000,
        serving=9,
        records=700,
        recorded=9,
        beneficiaries=9,
        redemptions=300,
        relief_fen=999_999,
        deposits_waived_fen=888_888,
        by_product=(sold("bus", 9, 300, 999_999, deposits_fen=888_888),),
    )
    assert for_everybody(few) == Figures(
        participants=900, registered_volunteers=900, by_product=(ProductFigures(code="bus"),)
    )


def test_sums_over_many_are_rounded_down() -> None:
    many = Figures(
        participants=45,
        registered_volunteers=12,
        volunteer_hours=128,
        serving=10,
        records=777,
        recorded=44,
        beneficiaries=33,
        redemptions=101,
        relief_fen=123_456,
        deposits_waived_fen=60_000,
        objections_opened=11,
        objections_upheld=3,
        overdue_decided_for_citizen=0,
        by_product=(
            sold("bus", 20, 55, 59_999, eligible_never_used=18),
            sold("lib", 13, 46, 0, deposits_fen=66_000, eligible_never_used=31),
            sold("spa", 0, 0, 0, eligible_never_used=9),
        ),
    )
    assert for_everybody(many) == Figures(
        participants=40,
        registered_volunteers=10,
        volunteer_hours=120,
        records=770,
        beneficiaries=30,
        redemptions=90,
        relief_fen=50_000,
        deposits_waived_fen=60_000,
        objections_opened=10,
        objections_upheld=None,
        overdue_decided_for_citizen=None,
        by_product=(
            ProductFigures(
                code="bus",
                beneficiaries=20,
                redemptions=50,
                relief_fen=50_000,
                eligible_never_used=10,
            ),
            ProductFigures(
                code="lib",
                beneficiaries=10,
                redemptions=40,
                relief_fen=0,
                deposits_fen=60_000,
                eligible_never_used=30,
            ),
            ProductFigures(code="spa"),
        ),
    )


def of_products(*products: ProductFigures) -> Figures:
    """The exact figures of a city in which these were used, each by people of its own."""
    return Figures(
        beneficiaries=sum(one.beneficiaries or 0 for one in products),
        redemptions=sum(one.redemptions or 0 for one in products),
        relief_fen=sum(one.relief_fen or 0 for one in products),
        deposits_waived_fen=sum(one.deposits_fen or 0 for one in products),
        by_product=products,
    )


def test_what_one_person_did_is_not_left_over_when_the_other_products_are_taken_from_the_sum() -> None:
    bus, heating = sold("bus", 400, 5_000, 600_000, largest_fen=200), sold("heating", 1, 1, 30_000, largest_fen=30_000)
    with_one, without = for_everybody(of_products(bus, heating)), for_everybody(of_products(bus))
    assert (with_one.redemptions, with_one.relief_fen) == (without.redemptions, without.relief_fen) == (5_000, 600_000)


USED: st.SearchStrategy[ProductFigures] = st.integers(0, 40).flatmap(
    lambda people: st.builds(
        ProductFigures,
        code=st.uuids().map(str),
        beneficiaries=st.just(people),
        redemptions=st.integers(people, 20 * people),
        relief_fen=st.integers(0, 30_000 * people),
        deposits_fen=st.integers(0, 100_000 * people),
        largest_fen=st.integers(0, 100_000),
        eligible_never_used=st.integers(0, 40),
    )
)


@given(st.lists(USED, max_size=6))
def test_sums_less_what_is_told_of_the_products_leave_nothing(products: list[ProductFigures]) -> None:
    told = for_everybody(of_products(*products))
    for total, parts in (
        (told.redemptions, [one.redemptions for one in told.by_product]),
        (told.relief_fen, [one.relief_fen for one in told.by_product]),
        (told.deposits_waived_fen, [one.deposits_fen for one in told.by_product]),
    ):
        assert (total or 0) - sum(one or 0 for one in parts) == 0
    for exact, public in zip(products, told.by_product, strict=True):
        if (exact.beneficiaries or 0) < 10:
            assert (public.beneficiaries, public.redemptions, public.relief_fen) == (None, None, None)


@given(st.integers(10, 400), st.integers(0, 10**7), st.integers(1, 100_000), st.data())
def test_one_use_more_moves_no_sum_of_money_or_all_of_its_coarse_step(
    people: int, relief_fen: int, largest_fen: int, data: st.DataObject
) -> None:
    one_use = data.draw(st.integers(0, largest_fen))
    step = max(10_000, 10 * largest_fen)
    before, after = (
        for_everybody(of_products(sold("bus", people, 9 * people, amount, largest_fen=largest_fen))).relief_fen or 0
        for amount in (relief_fen, relief_fen + one_use)
    )
    assert after - before in (0, step)
    assert one_use <= step // 10
