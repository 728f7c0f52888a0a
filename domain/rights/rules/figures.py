"""What a programme tells about itself, and what of it everybody may read: nothing from which one can be subtracted."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from domain.values import midnight

FEWEST: Final = 10
STEP: Final = 10
MONEY_STEP_FEN: Final = 10_000
# So many times the largest single use is what a sum of money is rounded to.
USES_IN_A_STEP: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductFigures:
    """One product, by its code, in one year. Money in fen; `largest_fen` is the most that one use has come to."""

    code: str
    beneficiaries: int | None = None
    redemptions: int | None = None
    relief_fen: int | None = None
    deposits_fen: int | None = None
    largest_fen: int | None = None
    eligible_never_used: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """A programme in one year. Money in fen, hours whole; `serving` and `recorded` are the people behind a sum."""

    participants: int | None = None
    registered_volunteers: int | None = None
    volunteer_hours: int | None = None
    serving: int | None = None
    records: int | None = None
    recorded: int | None = None
    beneficiaries: int | None = None
    redemptions: int | None = None
    relief_fen: int | None = None
    deposits_waived_fen: int | None = None
    objections_opened: int | None = None
    objections_upheld: int | None = None
    overdue_decided_for_citizen: int | None = None
    by_product: tuple[ProductFigures, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Year:
    """A local year as days and instants, the end not included."""

    number: int
    first: date
    last: date
    since: datetime
    until: datetime


def year_of(number: int, zone: ZoneInfo) -> Year:
    """The year of this number in a programme's time zone."""
    first, after = date(number, 1, 1), date(number + 1, 1, 1)
    return Year(
        number=number,
        first=first,
        last=date(number, 12, 31),
        since=midnight(first, zone),
        until=midnight(after, zone),
    )


def for_everybody(figures: Figures) -> Figures:
    """Counts below ten are hidden, the others rounded down to tens; so are sums that rest on fewer than ten people.

    Sums over sales add up what is told of each product, so that nothing is left over for the products that are hidden.
    """
    products = tuple(_product(one) for one in figures.by_product)
    return Figures(
        participants=shown(figures.participants),
        registered_volunteers=shown(figures.registered_volunteers),
        volunteer_hours=_sum(figures.volunteer_hours, figures.serving, STEP),
        records=_sum(figures.records, figures.recorded, STEP),
        beneficiaries=shown(figures.beneficiaries),
        redemptions=_together(one.redemptions for one in products),
        relief_fen=_together(one.relief_fen for one in products),
        deposits_waived_fen=_together(one.deposits_fen for one in products),
        objections_opened=shown(figures.objections_opened),
        objections_upheld=shown(figures.objections_upheld),
        overdue_decided_for_citizen=shown(figures.overdue_decided_for_citizen),
        by_product=products,
    )


def shown(count: int | None) -> int | None:
    """A count of people as everybody may read it."""
    return None if count is None or count < FEWEST else count // STEP * STEP


def _product(figures: ProductFigures) -> ProductFigures:
    """Money in steps of ten of the largest uses: from one day to the next no single one can be read off."""
    people, step = figures.beneficiaries, max(MONEY_STEP_FEN, USES_IN_A_STEP * (figures.largest_fen or 0))
    return ProductFigures(
        code=figures.code,
        beneficiaries=shown(people),
        redemptions=_sum(figures.redemptions, people, STEP),
        relief_fen=_sum(figures.relief_fen, people, step),
        deposits_fen=_sum(figures.deposits_fen, people, step),
        eligible_never_used=shown(figures.eligible_never_used),
    )


def _sum(amount: int | None, people: int | None, step: int) -> int | None:
    """A sum, where enough people stand behind it."""
    if amount is None or (people or 0) < FEWEST:
        return None
    return amount // step * step


def _together(amounts: Iterable[int | None]) -> int | None:
    """What is told of all products together; nothing where nothing is told of any."""
    told = [amount for amount in amounts if amount is not None]
    return sum(told) if told else None
