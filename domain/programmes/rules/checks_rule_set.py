"""Which rule sets are refused: scale, bands, fields and items, each with the rule that refuses it."""

import dataclasses
from collections.abc import Collection, Iterable, Sequence
from typing import TypeAlias

from domain.programmes.rules.codec import encode, to_json
from domain.programmes.rules.document import (
    GENERAL,
    Allowance,
    Band,
    CatalogueEntry,
    Field,
    Item,
    Product,
    ProgrammeDocument,
    RuleSetDocument,
    Season,
    SourceMark,
)
from domain.programmes.rules.forbidden import FORBIDDEN_WORDS, SHAMING_WORDS, why
from domain.programmes.rules.parse import NESTED, covers, value_keys
from domain.programmes.rules.problems import (
    BANDS,
    CAPS,
    FORM,
    LINK,
    POINTS,
    RANGE,
    SOURCES,
    TIERS,
    WINDOW,
    Place,
)
from domain.programmes.rules.shapes import Shape
from domain.programmes.rules.terms import FactPart, ItemCategory, Window
from domain.values import Words

Part: TypeAlias = ProgrammeDocument | RuleSetDocument | Item | CatalogueEntry | Product

COUNTING_WINDOWS = (Window.CALENDAR_YEAR, Window.ROLLING_YEAR, Window.PROGRAMME)
LONGEST_ADVERSE_MONTHS = 60
NOTHING = frozenset({"无", "没有", "none", "n/a", "-"})


def check_rule_set(
    rules: RuleSetDocument,
    catalogue: Collection[str],
    place: Place,
    previous: RuleSetDocument | None = None,
) -> None:
    """Notes every reason why this rule set may not be published after the previous one."""
    _check_scale(rules, place)
    _check_bands(rules, place)
    _check_fields(rules, place)
    refuse_twins((item.code for item in rules.items), place.at("items"))
    for item in rules.items:
        _check_item(item, rules, place.at("items").item(item.code))
        _check_link(item, catalogue, place.at("items").item(item.code))
        if not item.merit:
            _check_demerit(item, rules, previous, place.at("items").item(item.code))
    hours = [item for item in rules.items if item.volunteer_hours]
    if len(hours) != 1:
        reason = "confirmed hours need one place to go"
        place.at("items").refuse("R17", f"{len(hours)} items say volunteer_hours: {reason}. Mark exactly one.")
    check_sources(rules, rules.sources, place)


def _check_scale(rules: RuleSetDocument, place: Place) -> None:
    if not rules.floor_points <= rules.base_points <= rules.ceiling_points:
        reason = "everybody starts inside the scale"
        place.at("base_points").refuse(
            RANGE, f"the base is outside floor and ceiling: {reason}. Correct one of the three."
        )


def _check_bands(rules: RuleSetDocument, place: Place) -> None:
    where = place.at("bands")
    refuse_twins((band.code for band in rules.bands), where)
    if not rules.bands:
        where.refuse(BANDS, "there is no band: every score falls into one. Add bands from floor upwards.")
        return
    expected: int | None = rules.floor_points
    for band in rules.bands:
        here = where.item(band.code)
        if expected is None:
            here.refuse(BANDS, "a band follows one without an end: the two overlap. Give the lower one an end.")
        elif band.min_points != expected:
            fault = "a gap lies below it" if band.min_points > expected else "it overlaps the band below"
            here.at("min_points").refuse(BANDS, f"{fault}: bands are half-open and contiguous. Begin at {expected}.")
        if band.max_points is not None and band.max_points <= band.min_points:
            here.at("max_points").refuse(BANDS, "the band is empty: its end is its start. Raise max_points.")
        if band.label is not None:
            _check_label(band.label, band.max_points, rules.base_points, here.at("label"))
        expected = band.max_points
    if expected is not None:
        where.refuse(BANDS, "the last band has an end: the ceiling falls into none. Leave its max_points out.")


def _check_label(label: Words, end: int | None, base: int, place: Place) -> None:
    if end is not None and end <= base:
        place.refuse("R24", f"a band below the base has a public label: {why('R24')}. Leave the label out.")
    spoken = f" {label.zh} {label.en.lower()} "
    for word in SHAMING_WORDS:
        if (f" {word.strip()} " if word.isascii() else word) in spoken:
            place.refuse("R24", f"the label says {word.strip()}: {why('R24')}. Choose a neutral word.")


def _check_fields(rules: RuleSetDocument, place: Place) -> None:
    where = place.at("fields")
    refuse_twins((field.code for field in rules.fields), where)
    for field in rules.fields:
        here = where.item(field.code)
        if field.code == GENERAL:
            here.at("code").refuse("R5", f"general is no field of its own: {why('R5')}. Name the field of life.")
        _check_cap(field.cap_points, field.cap_window, here)


def _check_cap(points: int | None, window: Window | None, place: Place) -> None:
    if (points is None) != (window is None):
        place.at("cap_window").refuse(CAPS, "a cap needs points and a window. Give both or neither.")
    if points is not None and points <= 0:
        place.at("cap_points").refuse(CAPS, "a cap is above zero: it limits merits. Correct it.")
    if window is not None and window not in COUNTING_WINDOWS:
        place.at("cap_window").refuse(WINDOW, f"points are not counted by {window}. Use a year or PROGRAMME.")


def _check_item(item: Item, rules: RuleSetDocument, place: Place) -> None:
    if item.field not in {field.code for field in rules.fields}:
        place.at("field").refuse(LINK, f"no field has the code {item.field}. Add it, or use one of the list.")
    refuse_words(item.title, place.at("title"))
    refuse_words(item.evidence, place.at("evidence"))
    _check_points(item, place)
    _check_tiers(item, place)
    _check_cap(item.cap_points, item.cap_window, place)
    if item.valid_months < 1:
        place.at("valid_months").refuse(RANGE, "a record counts for at least one month. Correct it.")
    if Window.ROLLING_YEAR in (item.cap_window, item.tier_window) and item.valid_months > 12:
        reason = "a rolling year holds no older record"
        place.at("valid_months").refuse(WINDOW, f"more than 12 months with ROLLING_YEAR: {reason}. Use 12.")
    if FactPart.ITEM not in item.fact_key or len(item.fact_key) < 2 or len(set(item.fact_key)) < len(item.fact_key):
        reason = "two reports of one fact must be seen as one"
        place.at("fact_key").refuse(FORM, f"the key needs item and something else, once each: {reason}.")
    if item.volunteer_hours and (item.category != ItemCategory.VOLUNTEERING or not item.merit or not item.unit):
        place.at("volunteer_hours").refuse("R16", f"hours are a merit of volunteering in hours: {why('R16')}.")
    check_sources(item, item.sources, place)


def _check_points(item: Item, place: Place) -> None:
    if (item.points is None) == (not item.tiers):
        place.at("points").refuse("R8", f"an item has points or tiers, not both, not none: {why('R8')}. Choose.")
    if item.points is not None and (item.points == 0 or (item.points > 0) != item.merit):
        reason = "a merit adds and a demerit subtracts"
        place.at("points").refuse(POINTS, f"{item.points} points do not fit merit = {item.merit}: {reason}.")


def _check_tiers(item: Item, place: Place) -> None:
    where = place.at("tiers")
    if not item.tiers:
        if item.tier_window is not None:
            place.at("tier_window").refuse(TIERS, "a tier window without tiers decides nothing. Take it out.")
        return
    if item.tier_window not in COUNTING_WINDOWS:
        place.at("tier_window").refuse(TIERS, "tiers add up over a year or PROGRAMME. Name the window.")
    if item.unit is None:
        place.at("unit").refuse(TIERS, "tiers count a quantity: name its unit.")
    expected: int | None = 0
    for number, tier in enumerate(item.tiers, start=1):
        here = where.item(str(number))
        if tier.above != expected:
            here.at("above").refuse(TIERS, f"tiers are contiguous from 0: this one begins at {expected}.")
        if tier.per < 1 or (tier.until is not None and tier.until <= tier.above):
            here.refuse(TIERS, "a tier needs per of at least 1 and an end above its start. Correct it.")
        expected = tier.until


def _check_link(item: Item, catalogue: Collection[str], place: Place) -> None:
    if item.catalogue is None:
        rule = FORM if item.merit else "R6"
        place.at("catalogue").refuse(rule, f"the catalogue number is missing: {why('R6')}. Add it.")
    elif item.catalogue not in catalogue:
        place.at("catalogue").refuse(LINK, f"the catalogue has no entry {item.catalogue}. Add it there.")


def _check_demerit(item: Item, rules: RuleSetDocument, previous: RuleSetDocument | None, place: Place) -> None:
    if item.category == ItemCategory.VOLUNTEERING:
        place.at("merit").refuse("R16", f"volunteering never costs points: {why('R16')}. Take the item out.")
    if not item.document_required:
        place.at("document_required").refuse("R6", f"a final document is not asked for: {why('R6')}. Say true.")
    if {item.legal_basis.zh.strip().lower(), item.legal_basis.en.strip().lower()} & NOTHING:
        place.at("legal_basis").refuse("R6", f"there is no legal basis: {why('R6')}. Name the law.")
    if item.valid_months > LONGEST_ADVERSE_MONTHS:
        place.at("valid_months").refuse("R13", f"{item.valid_months} months: {why('R13')}. Use 60 or fewer.")
    if item.repair_class is None:
        place.at("repair_class").refuse("R13", f"how it can be repaired is missing: {why('R13')}. Name the class.")
    if item.cap_points is not None:
        place.at("cap_points").refuse(CAPS, "caps limit merits, never demerits. Take the cap out.")
    if item.tiers:
        place.at("tiers").refuse("R8", f"a demerit has fixed points: {why('R8')}. Give points.")
    known = {one.code: one.facts_since for one in previous.items} if previous is not None else {}
    allowed = known.get(item.code) or rules.effective_from
    if item.facts_since is None or item.facts_since < allowed:
        place.at("facts_since").refuse("R22", f"facts before {allowed} would count: {why('R22')}. Say {allowed}.")


def refuse_twins(codes: Iterable[str], place: Place) -> None:
    """Notes each code that stands twice in a list."""
    seen: set[str] = set()
    for code in codes:
        if code in seen:
            place.item(code).refuse(FORM, f"the code {code} stands twice. Rename one.")
        seen.add(code)


def refuse_words(text: Words, place: Place, forbidden: Sequence[tuple[str, str]] = FORBIDDEN_WORDS) -> None:
    """Notes the words that nothing of this kind may be about."""
    for word, rule in forbidden:
        if word in text.zh or word in text.en.lower():
            place.refuse(rule, f"it speaks of {word}: {why(rule)}. Take it out of the programme.")


def check_sources(part: Part, sources: tuple[SourceMark, ...], place: Place) -> None:
    """Notes each value without a mark, and each mark without a value."""
    marks = {mark.key for mark in sources}
    for key in value_keys(_stated(part)):
        if not any(covers(mark, key) for mark in marks):
            reason = "every value says where it comes from"
            place.at("sources").refuse(SOURCES, f"{key} has no mark: {reason}. Name it under a reference.")
    known = value_keys(to_json(part))
    for mark in sorted(marks):
        if not any(covers(mark, key) for key in known):
            place.at("sources").refuse(SOURCES, f"the mark {mark} names no value here. Correct its spelling.")


def _stated(part: Part | Band | Field | Shape | Allowance | Season) -> dict[str, object]:
    """The fields that do not hold their default: somebody chose them."""
    stated: dict[str, object] = {}
    for one in dataclasses.fields(part):
        value = getattr(part, one.name)
        if value == one.default:
            continue
        if one.name in NESTED:
            stated[one.name] = _stated(value)
        elif one.name in ("bands", "fields"):
            stated[one.name] = [_stated(inner) for inner in value]
        else:
            stated[one.name] = encode(value)
    return stated
