"""Which products are refused: what takes away, rations, is vague, or lets a shop read a score from a yes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from domain.programmes.rules.checks_rule_set import NOTHING, check_sources, refuse_twins, refuse_words
from domain.programmes.rules.document import (
    GENERAL,
    Budget,
    Product,
    ProgrammeDocument,
    RuleSetDocument,
    Season,
)
from domain.programmes.rules.forbidden import FORBIDDEN_AREAS, NO_PRIORITY_AREAS, PRODUCT_WORDS, why
from domain.programmes.rules.problems import FORM, GATE, LINK, RANGE, WINDOW, Place
from domain.programmes.rules.shapes import (
    SCORE_CONDITIONS,
    Age,
    AmountOff,
    Condition,
    DepositWaiver,
    FastReview,
    GroupMember,
    HelpInKind,
    MinFieldPoints,
    MinGrade,
    MinPoints,
    MinStars,
    MinVolunteerHours,
    PapersLater,
    PayLater,
    PayRatio,
    QuantityFree,
    QuotaUplift,
    Shape,
    TermsUplift,
    TimeFree,
    VoucherPack,
    Way,
)
from domain.programmes.rules.terms import (
    AllowanceMeasure,
    BudgetUnit,
    ConditionKind,
    OrganisationKind,
    RedeemPath,
    Window,
)

ADULT = 18
PROVIDERS = (OrganisationKind.MERCHANT, OrganisationKind.UTILITY)
MONEY_SHAPES = (PayRatio, AmountOff, DepositWaiver, PayLater)
MEASURED_SHAPES = (QuantityFree, TimeFree)
BODY_CONDITIONS = frozenset({ConditionKind.MIN_VOLUNTEER_HOURS, ConditionKind.MIN_STARS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a product is checked against."""

    rules: RuleSetDocument
    organisations: Mapping[str, OrganisationKind]
    physical_groups: dict[str, bool]
    stars: int
    yearly_hours: int


def surroundings_of(document: ProgrammeDocument) -> Surroundings:
    """The rest of a product's own document."""
    return Surroundings(
        rules=document.rule_set,
        organisations={one.code: one.kind for one in document.organisations},
        physical_groups={group.code: group.physical for group in document.groups},
        stars=len(document.stars_hours),
        yearly_hours=document.volunteer_yearly_hours,
    )


def check_products(document: ProgrammeDocument, place: Place) -> None:
    """Notes every reason why one of the programme's products may not be given."""
    refuse_twins((product.code for product in document.products), place.at("products"))
    for product in document.products:
        check_product(product, surroundings_of(document), place.at("products").item(product.code))


def check_product(product: Product, around: Surroundings, place: Place) -> None:
    """Notes every reason why this product may not be given."""
    _check_field(product, around, place)
    for key in ("title", "terms"):
        refuse_words(getattr(product, key), place.at(key), PRODUCT_WORDS)
    if {product.baseline.zh.strip().lower(), product.baseline.en.strip().lower()} & NOTHING:
        place.at("baseline").refuse("R25", f"there is no baseline: {why('R25')}. Say what everybody gets.")
    _check_shape(product.shape, place.at("shape"))
    _check_most(product, place.at("shape"))
    _check_priority(product, place)
    _check_provider(product, around, place)
    _check_loan(product, place.at("redeemed_by"))
    _check_partner_codes(product, place.at("partner_codes"))
    _check_ways(product, around, place.at("ways"))
    _check_title(product, around, place.at("title"))
    _check_allowance(product, place)
    _check_dates(product, place)
    if product.budget is not None:
        _check_budget(product.budget, product, place.at("budget"))
    check_sources(product, product.sources, place)


def _check_field(product: Product, around: Surroundings, place: Place) -> None:
    if product.field.upper() in FORBIDDEN_AREAS:
        place.at("field").refuse("R2", f"{product.field} is refused: {why('R2')}. Take the product out.")
    elif product.field != GENERAL and product.field not in {field.code for field in around.rules.fields}:
        place.at("field").refuse(LINK, f"no field has the code {product.field}. Use one of them, or general.")


def _shape_numbers(shape: Shape) -> dict[str, int | None]:
    match shape:
        case AmountOff():
            return {"amount_fen": shape.amount_fen}
        case QuantityFree():
            return {"quantity": shape.quantity}
        case TimeFree():
            return {"minutes": shape.minutes}
        case DepositWaiver():
            return {"max_deposit_fen": shape.max_deposit_fen, "max_days": shape.max_days}
        case QuotaUplift():
            return {"quantity": shape.quantity, "loan_days": shape.loan_days}
        case PayLater():
            return {"max_fen": shape.max_fen, "days": shape.days}
        case TermsUplift():
            return {"extra_limit_percent": shape.extra_limit_percent, "extra_months": shape.extra_months}
        case VoucherPack():
            return {f"vouchers[{one.code}].count": one.count for one in shape.vouchers}
        case FastReview():
            return {"working_days": shape.working_days}
        case HelpInKind():
            return {"quantity": shape.quantity}
        case PapersLater():
            return {"days": shape.days}
        case _:
            return {"max_relief_fen": shape.max_relief_fen}


def _check_shape(shape: Shape, place: Place) -> None:
    for name, number in _shape_numbers(shape).items():
        if number is not None and number < 0:
            place.at(name).refuse("R1", f"{number} takes away: {why('R1')}. Give a number above zero.")
        elif number == 0:
            place.at(name).refuse("R25", f"zero gives nothing: {why('R25')}. Give a number above zero.")
    match shape:
        case PayRatio():
            _check_percent(shape.pay_percent, place.at("pay_percent"))
        case TermsUplift(rate_percent=percent) if percent is not None:
            _check_percent(percent, place.at("rate_percent"))
        case TermsUplift(extra_limit_percent=None, extra_months=None):
            place.refuse("R8", f"no term is eased: {why('R8')}. Name a rate, a limit or months.")
        case QuantityFree(unit_price_fen=price) if price < 0:
            place.at("unit_price_fen").refuse("R1", f"a price below zero takes away: {why('R1')}. Correct it.")
        case VoucherPack(vouchers=()) | PapersLater(papers=()):
            place.refuse("R25", f"the list is empty: {why('R25')}. Name what is given.")
        case _:
            pass


def _check_most(product: Product, place: Place) -> None:
    """A share of any price is paid from what must be held, or kept ready, before anybody knows the price."""
    if not isinstance(product.shape, PayRatio) or product.shape.max_relief_fen is not None:
        return
    if product.budget is not None or product.redeemed_by == RedeemPath.ACCOUNT:
        reason = "one sale could take the whole budget, and nothing can be held for it"
        place.at("max_relief_fen").refuse(FORM, f"a share without a most: {reason}. Give max_relief_fen.")


def _check_percent(percent: int, place: Place) -> None:
    if percent > 100 or percent < 0:
        place.refuse("R1", f"{percent} % makes somebody pay more: {why('R1')}. Give 0 to 99.")
    elif percent == 100:
        place.refuse("R25", f"100 % is what everybody pays: {why('R25')}. Give 0 to 99.")


def _check_priority(product: Product, place: Place) -> None:
    if product.area not in NO_PRIORITY_AREAS:
        return
    if product.priority:
        place.at("priority").refuse("R7", f"a place ahead in {product.area}: {why('R7')}. Take it out.")
    if isinstance(product.shape, FastReview):
        place.at("shape").refuse("R7", f"a faster answer in {product.area}: {why('R7')}. Take it out.")


def _check_provider(product: Product, around: Surroundings, place: Place) -> None:
    for key, code in (("provider", product.provider), *(("also_at", code) for code in product.also_at)):
        kind = around.organisations.get(code)
        if kind is None:
            place.at(key).refuse(LINK, f"no organisation has the code {code}. Add it, or use one of the list.")
        elif kind not in PROVIDERS:
            place.at(key).refuse(LINK, f"{code} is a {kind}: benefits come from a shop or utility.")
    if (product.redeemed_by == RedeemPath.ACCOUNT) != (product.account_kind is not None):
        place.at("account_kind").refuse(FORM, "an ACCOUNT product names its account, a COUNTER product none.")
    if product.answer_days < 1:
        place.at("answer_days").refuse(RANGE, "a provider needs at least one day to answer. Correct it.")


def _check_loan(product: Product, place: Place) -> None:
    """Better terms of a loan are shown by the citizen at the counter; a claim would tell a lender who qualifies."""
    if isinstance(product.shape, TermsUplift) and product.redeemed_by != RedeemPath.COUNTER:
        place.refuse("R11", f"a lender would be sent names: {why('R11')}. Use COUNTER: the citizen carries the code.")


def _check_partner_codes(product: Product, place: Place) -> None:
    """A partner's code stands for one thing of its own: there is no price or quantity that a shop could name."""
    if not product.partner_codes:
        return
    if product.redeemed_by != RedeemPath.COUNTER:
        place.refuse(FORM, "a partner's codes are handed out with a sale: use redeemed_by COUNTER, or leave them out.")
    if not isinstance(product.shape, VoucherPack | HelpInKind):
        place.refuse(FORM, "a partner's codes stand for vouchers or help in kind: use such a shape, or leave them out.")


def _rests_on_score(way: Way) -> bool:
    return any(condition.kind in SCORE_CONDITIONS for condition in way)


def _open_to_everybody(way: Way, around: Surroundings) -> bool:
    """Whether somebody who cannot volunteer physically can meet the way."""
    return not _rests_on_score(way) and not any(
        condition.kind in BODY_CONDITIONS
        or (isinstance(condition, GroupMember) and around.physical_groups.get(condition.group, True))
        for condition in way
    )


def _check_ways(product: Product, around: Surroundings, place: Place) -> None:
    if not product.ways or not all(product.ways):
        place.refuse(GATE, "a way to qualify is empty: nobody can be told why. Add its conditions.")
    if product.field == GENERAL:
        if len(product.ways) < 2:
            place.refuse("R15", "a general product has one way only: a yes would tell the score. Add another.")
        if all(_rests_on_score(way) for way in product.ways):
            place.refuse("R10", f"every way rests on the score: {why('R10')}. Add one that does not.")
        if not any(_open_to_everybody(way, around) for way in product.ways):
            reason = "some people cannot volunteer physically"
            place.refuse("R15", f"no way is open to everybody: {reason}. Add a group, an age or a residence.")
    for number, way in enumerate(product.ways, start=1):
        for condition in way:
            _check_condition(condition, product, around, place.item(str(number)).at(condition.kind))


def _check_condition(condition: Condition, product: Product, around: Surroundings, place: Place) -> None:
    match condition:
        case MinPoints(points=points):
            if not around.rules.floor_points <= points <= around.rules.ceiling_points:
                place.refuse(GATE, f"{points} is outside the scale: nobody or everybody would pass. Correct it.")
        case MinGrade(band=band):
            labelled = {one.code for one in around.rules.bands if one.label is not None}
            if band not in labelled:
                place.refuse(GATE, f"no band with a public label has the code {band}. Use one of the list.")
        case MinFieldPoints():
            _check_field_gate(condition, product, around, place)
        case MinVolunteerHours(hours=hours, within=within):
            if within not in (Window.CALENDAR_YEAR, Window.PROGRAMME):
                place.refuse(WINDOW, f"hours are not counted by {within}. Use CALENDAR_YEAR or PROGRAMME.")
            if hours < 1 or (within == Window.CALENDAR_YEAR and hours > around.yearly_hours):
                place.refuse(GATE, f"{hours} hours cannot be reached within the yearly cap. Correct it.")
        case MinStars(stars=stars):
            if not 1 <= stars <= around.stars:
                place.refuse(GATE, f"there are 1 to {around.stars} stars, not {stars}. Correct it.")
        case GroupMember(group=group):
            if group not in around.physical_groups:
                place.refuse(LINK, f"no group has the code {group}. Add it under groups.")
        case Age():
            _check_age(condition, place)
        case _:
            if not condition.registrations:
                place.refuse(GATE, "no registration is named: nobody would pass. Name at least one.")


def _check_field_gate(gate: MinFieldPoints, product: Product, around: Surroundings, place: Place) -> None:
    if gate.field not in {field.code for field in around.rules.fields}:
        place.refuse(LINK, f"no field has the code {gate.field}. Use one of the list.")
    elif gate.field != product.field:
        place.refuse("R5", f"points of {gate.field} gate a product of {product.field}: {why('R5')}. Use its own.")
    if gate.points < 1 or gate.points > around.rules.ceiling_points - around.rules.floor_points:
        place.refuse(GATE, f"{gate.points} is outside what a field can hold. Correct it.")


def _check_age(age: Age, place: Place) -> None:
    if age.minimum is None and age.maximum is None:
        place.refuse(GATE, "an age needs a minimum or a maximum. Add one.")
    if (age.minimum or ADULT) < ADULT or (age.maximum or ADULT) < ADULT:
        place.refuse("R20", f"an age below {ADULT}: {why('R20')}. Use {ADULT} or more.")
    if age.minimum is not None and age.maximum is not None and age.maximum < age.minimum:
        place.refuse(GATE, "the maximum age is below the minimum: nobody would pass. Correct one.")


def _check_title(product: Product, around: Surroundings, place: Place) -> None:
    """A shop sees the title, so it must not say which score opens the product."""
    gates = [condition for way in product.ways for condition in way]
    spoken = {str(gate.points) for gate in gates if isinstance(gate, MinPoints | MinFieldPoints)}
    grades = {gate.band for gate in gates if isinstance(gate, MinGrade)}
    for band in around.rules.bands:
        if band.code in grades and band.label is not None:
            spoken |= {band.label.zh, band.label.en.lower(), band.code.lower()} - {"a", "i"}
    title = f"{product.title.zh} {product.title.en.lower()}"
    for word in sorted(spoken):
        if re.search(rf"(?<![0-9a-z]){re.escape(word)}(?![0-9a-z])", title):
            place.refuse("R10", f"the title says {word}, its own threshold: {why('R10')}. Rename the product.")


def _check_allowance(product: Product, place: Place) -> None:
    allowance, where = product.allowance, place.at("allowance")
    if allowance.window == Window.ROLLING_YEAR:
        where.at("window").refuse(WINDOW, "allowances are not counted by ROLLING_YEAR. Use CALENDAR_YEAR.")
    if allowance.window == Window.SEASON and product.season is None:
        where.at("window").refuse(WINDOW, "a SEASON allowance needs the product's season. Add it.")
    if allowance.quantity is not None and allowance.quantity < 1:
        where.at("quantity").refuse("R25", f"an allowance of nothing: {why('R25')}. Give 1 or more, or leave it out.")
    if allowance.measure == AllowanceMeasure.RELIEF and not isinstance(product.shape, MEASURED_SHAPES):
        where.at("measure").refuse(FORM, "only free quantities and minutes are used up by relief. Say USES.")


def _check_dates(product: Product, place: Place) -> None:
    if product.available_from and product.available_until and product.available_until <= product.available_from:
        place.at("available_until").refuse(RANGE, "the product ends before it begins. Correct one date.")
    for key, season in (("season", product.season), ("claim_window", product.claim_window)):
        if season is not None:
            _check_season(season, place.at(key))


def _check_season(season: Season, place: Place) -> None:
    for key, day in (("opens", season.opens), ("closes", season.closes)):
        if not (1 <= day.month <= 12 and 1 <= day.day <= 31):
            place.at(key).refuse(RANGE, f"month {day.month}, day {day.day} is no day of a year. Correct it.")


def _check_budget(budget: Budget, product: Product, place: Place) -> None:
    if budget.amount < 1:
        place.at("amount").refuse("R25", f"a budget of nothing: {why('R25')}. Give an amount or leave it out.")
    if budget.window in (Window.USE, Window.ROLLING_YEAR):
        place.at("window").refuse(WINDOW, f"a budget is not kept by {budget.window}. Use a month or a year.")
    if budget.window == Window.SEASON and product.season is None:
        place.at("window").refuse(WINDOW, "a SEASON budget needs the product's season. Add it.")
    if isinstance(product.shape, MONEY_SHAPES) and budget.unit != BudgetUnit.FEN:
        place.at("unit").refuse(FORM, "relief in money is paid from a budget in money. Say FEN.")
