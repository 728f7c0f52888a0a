"""Which programme documents are refused: the whole file, and everything in it."""

import re
from zoneinfo import available_timezones

from domain.programmes.rules.checks_products import check_products
from domain.programmes.rules.checks_rule_set import (
    LONGEST_ADVERSE_MONTHS,
    check_rule_set,
    check_sources,
    refuse_twins,
    refuse_words,
)
from domain.programmes.rules.document import Clocks, ProgrammeDocument
from domain.programmes.rules.forbidden import RULES, why
from domain.programmes.rules.problems import FORM, LINK, RANGE, Place, Problem
from domain.programmes.rules.terms import ConsentPurpose, OrganisationKind

YOUNGEST_VOLUNTEER = 8
HOURS_OF_A_DAY = 24
CODE = re.compile(r"[a-z][a-z0-9-]{0,62}")
STARS = 5
DELIVERERS = (OrganisationKind.DEPARTMENT, OrganisationKind.UTILITY)


def check_programme(document: ProgrammeDocument, file: str) -> list[Problem]:
    """Every reason why this programme may not be loaded; an empty list means that it may."""
    place = Place(file=file)
    _check_settings(document, place)
    _check_clocks(document.clocks, place.at("clocks"))
    _check_texts(document, place)
    _check_lists(document, place)
    _check_catalogue(document, place)
    check_rule_set(document.rule_set, {entry.code for entry in document.catalogue}, place.at("rule_set"))
    check_products(document, place)
    _check_refused(document, place)
    check_sources(document, document.sources, place)
    return place.problems


def _check_settings(document: ProgrammeDocument, place: Place) -> None:
    if not CODE.fullmatch(document.code):
        place.at("code").refuse(FORM, "a code is small letters, digits and hyphens. Correct it.")
    if document.timezone not in available_timezones():
        place.at("timezone").refuse(FORM, f"{document.timezone!r} is no time zone. Write one like Asia/Shanghai.")
    if document.volunteer_daily_hours > HOURS_OF_A_DAY:
        place.at("volunteer_daily_hours").refuse(RANGE, "a day has 24 hours. Correct the cap.")
    if document.volunteer_minimum_age < YOUNGEST_VOLUNTEER:
        place.at("volunteer_minimum_age").refuse(
            "R20", f"children under {YOUNGEST_VOLUNTEER} do not volunteer, even with consent. Raise the age."
        )
    for key in ("volunteer_daily_hours", "volunteer_yearly_hours"):
        if getattr(document, key) < 1:
            place.at(key).refuse("R16", f"the cap of hours is missing: {why('R16')}. Give one above zero.")
    for key in ("confirm_working_days", "announced_days", "baseline_valid_months"):
        if getattr(document, key) < 1:
            place.at(key).refuse(RANGE, "this must be at least 1. Correct it.")
    stars = document.stars_hours
    if len(stars) != STARS or list(stars) != sorted(set(stars)) or stars[0] < 1:
        place.at("stars_hours").refuse(RANGE, f"{STARS} rising numbers of hours are needed. Correct the list.")


def _check_clocks(clocks: Clocks, place: Place) -> None:
    """A remedy without an end is none: every clock runs, and none of them runs backwards."""
    for key in Clocks.__slots__:
        if not key.endswith("_wait_months") and getattr(clocks, key) < 1:
            place.at(key).refuse("R12", f"the clock does not run: {why('R12')}. Give at least one working day.")
    rising = (
        ("objection_days", "objection_days_with_source"),
        ("source_days", "objection_days_with_source"),
        ("objection_days_with_source", "longest_days"),
    )
    for shorter, longer in rising:
        if getattr(clocks, longer) < getattr(clocks, shorter):
            place.at(longer).refuse(RANGE, f"this is shorter than {shorter}. Correct one of the two.")
    waits = [clocks.minor_wait_months, clocks.general_wait_months, clocks.serious_wait_months]
    if waits != sorted(waits) or waits[0] < 0 or waits[-1] > LONGEST_ADVERSE_MONTHS:
        reason = f"a repair waits longer for graver records, and never past {LONGEST_ADVERSE_MONTHS} months"
        place.at("serious_wait_months").refuse("R13", f"{waits}: {reason}. Correct the months.")


def _check_texts(document: ProgrammeDocument, place: Place) -> None:
    where = place.at("consent_texts")
    purposes = [text.purpose for text in document.consent_texts]
    refuse_twins(purposes, where)
    for purpose in ConsentPurpose:
        if purpose not in purposes:
            where.item(purpose).refuse("R9", f"the consent text is missing: {why('R9')}. Write it.")


def _check_lists(document: ProgrammeDocument, place: Place) -> None:
    refuse_twins((one.code for one in document.organisations), place.at("organisations"))
    refuse_twins((one.code for one in document.groups), place.at("groups"))
    refuse_twins((one.code for one in document.activity_types), place.at("activity_types"))
    for group in document.groups:
        refuse_words(group.title, place.at("groups").item(group.code).at("title"))
    for activity in document.activity_types:
        refuse_words(activity.title, place.at("activity_types").item(activity.code).at("title"))
    if OrganisationKind.VOLUNTEER_BODY not in {one.kind for one in document.organisations}:
        place.at("organisations").refuse("R17", f"no volunteer body confirms hours: {why('R17')}. Add one.")


def _check_catalogue(document: ProgrammeDocument, place: Place) -> None:
    where = place.at("catalogue")
    refuse_twins((entry.code for entry in document.catalogue), where)
    kinds = {one.code: one.kind for one in document.organisations}
    for entry in document.catalogue:
        here = where.item(entry.code)
        refuse_words(entry.title, here.at("title"))
        if kinds.get(entry.department) not in DELIVERERS:
            here.at("department").refuse(LINK, f"{entry.department} is no department of the file. Add it.")
        if not 1 <= entry.retention_months <= 60:
            here.at("retention_months").refuse("R13", f"{entry.retention_months} months: {why('R13')}. Use 1 to 60.")
        check_sources(entry, entry.sources, here)


def _check_refused(document: ProgrammeDocument, place: Place) -> None:
    where = place.at("refused")
    for one in document.refused:
        if one.rule not in RULES:
            where.item(one.phrase).at("rule").refuse(FORM, f"{one.rule} is no rule. Use R1 to R25.")
