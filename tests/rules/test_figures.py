"""What everybody may read of a programme's figures: nothing from which one person can be subtracted."""

import pytest

from domain.rights.rules.figures import Figures, ProductFigures, for_everybody, shown


@pytest.mark.parametrize(("count", "read"), [(None, None), (0, None), (9, None), (10, 10), (19, 10), (45, 40)])
def test_a_count_below_ten_is_hidden_and_others_are_rounded_down(count: int | None, read: int | None) -> None:
    assert shown(count) == read


def test_a_sum_is_hidden_where_fewer_than_ten_people_stand_behind_it() -> None:
    few = Figures(
        participants=9,
        registered_volunteers=9,
        volunteer_hours=5000,
        records=700,
        beneficiaries=9,
        redemptions=300,
        relief_fen=999_999,
        deposits_waived_fen=888_888,
        by_product=(ProductFigures(code="bus", beneficiaries=9, redemptions=300, relief_fen=999_999),),
    )
    assert for_everybody(few) == Figures(by_product=(ProductFigures(code="bus"),))


def test_sums_over_many_are_rounded_down() -> None:
    many = Figures(
        participants=45,
        registered_volunteers=12,
        volunteer_hours=128,
        records=777,
        beneficiaries=33,
        redemptions=101,
        relief_fen=123_456,
        deposits_waived_fen=60_000,
        objections_opened=11,
        objections_upheld=3,
        overdue_decided_for_citizen=0,
        by_product=(
            ProductFigures(code="bus", beneficiaries=20, redemptions=55, relief_fen=59_999, eligible_never_used=18),
            ProductFigures(code="lib", beneficiaries=0, redemptions=0, relief_fen=0, eligible_never_used=31),
        ),
    )
    assert for_everybody(many) == Figures(
        participants=40,
        registered_volunteers=10,
        volunteer_hours=120,
        records=770,
        beneficiaries=30,
        redemptions=100,
        relief_fen=120_000,
        deposits_waived_fen=60_000,
        objections_opened=10,
        objections_upheld=None,
        overdue_decided_for_citizen=None,
        by_product=(
            ProductFigures(code="bus", beneficiaries=20, redemptions=50, relief_fen=50_000, eligible_never_used=10),
            ProductFigures(code="lib", eligible_never_used=30),
        ),
    )
