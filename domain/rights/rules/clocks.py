"""How long a case may take, in working days of the Chinese calendar with its adjusted workdays.

A day in a year whose calendar is not published yet is provisional: weekdays stand in for working days there.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from domain.calendar import add_working_days
from domain.programmes.rules.document import Clocks
from domain.programmes.rules.terms import RepairClass
from domain.values import add_months

# Beyond the programme: administrative reconsideration, in calendar days.
RECONSIDERATION_DAYS: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """The last day on which something has to be done."""

    on: date
    provisional: bool


def objection_due(clocks: Clocks, opened_on: date) -> Due:
    """An objection that the office can check by itself."""
    return _after(opened_on, clocks.objection_days)


def review_due(clocks: Clocks, opened_on: date) -> Due:
    """A review by somebody who did not decide first."""
    return _after(opened_on, clocks.review_days)


def handed_over_due(clocks: Clocks, opened_on: date, due_on: date) -> Due:
    """An objection that another body has to check: the longer clock, from the day on which it was opened."""
    return max(_after(opened_on, clocks.objection_days_with_source), _on(due_on), key=lambda due: due.on)


def source_due(clocks: Clocks, asked_on: date, case_due: Due) -> Due:
    """What the other body has of it; never longer than the case itself."""
    return min(_after(asked_on, clocks.source_days), case_due, key=lambda due: due.on)


def extended_due(clocks: Clocks, opened_on: date, due_on: date) -> Due:
    """After the only extension; from opening to decision never more than the longest clock."""
    longest = _after(opened_on, clocks.longest_days)
    return min(_after(due_on, clocks.extension_days), longest, key=lambda due: due.on)


def remedy_until(clocks: Clocks, decided_on: date) -> date:
    """Until when a decision can be challenged here."""
    return _after(decided_on, clocks.remedy_days).on


def reconsideration_until(decided_on: date) -> date:
    """Until when a review can be challenged outside the programme."""
    return decided_on + timedelta(days=RECONSIDERATION_DAYS)


def repair_due(clocks: Clocks, opened_on: date) -> Due:
    """A repair, from the day on which it was asked for."""
    return _after(opened_on, clocks.repair_days)


def extended_repair_due(clocks: Clocks, due_on: date) -> Due:
    """After the only extension of a repair."""
    return _after(due_on, clocks.repair_extension_days)


def repairable_from(clocks: Clocks, kind: RepairClass, counted_from: date) -> date:
    """The first day on which the repair of such a record can be asked for."""
    months = {
        RepairClass.MINOR: clocks.minor_wait_months,
        RepairClass.GENERAL: clocks.general_wait_months,
        RepairClass.SERIOUS: clocks.serious_wait_months,
    }
    return add_months(counted_from, months[kind])


def is_overdue(due_on: date, today: date) -> bool:
    """The last day itself is still in time."""
    return today > due_on


def _after(day: date, count: int) -> Due:
    on, provisional = add_working_days(day, count)
    return Due(on=on, provisional=provisional)


def _on(day: date) -> Due:
    _, provisional = add_working_days(day, 0)
    return Due(on=day, provisional=provisional)
