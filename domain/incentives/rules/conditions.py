"""How each condition of a product is judged, with the sentence that a citizen reads."""

from dataclasses import dataclass

from domain.incentives.rules.standing import (
    HOURS,
    POINTS,
    Rules,
    Standing,
    allowance_window,
    budget_window,
    stars_of,
)
from domain.incentives.rules.wording import NONE, REGISTRATIONS, hours_text, number, required_words
from domain.programmes.rules.document import GENERAL, Product
from domain.programmes.rules.shapes import (
    Age,
    Condition,
    GroupMember,
    MinFieldPoints,
    MinGrade,
    MinPoints,
    MinStars,
    MinVolunteerHours,
    Residence,
)
from domain.programmes.rules.terms import ConditionKind, ConsentPurpose, Window
from domain.programmes.rules.windows import next_opening, open_on
from domain.values import Words, words


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionResult:
    """One condition of one way: what it asks, what the citizen has, and what is missing in whole units."""

    way: int
    kind: ConditionKind
    required: Words
    actual: Words
    met: bool
    missing: int | None = None
    unit: Words | None = None
    sentence: Words


_NO_CONSENT_TO_SCORE = words(
    "这一条看信用分,而您没有同意计分。同意后才能比较。",
    "This rests on the score, and you have not consented to one. Consent first to be compared.",
)
_NO_GRADE = words("不显示等级", "no grade shown")


def judge(condition: Condition, way: int, product: Product, rules: Rules, standing: Standing) -> ConditionResult:
    """One written condition of a way against the citizen's standing."""
    met = meets(condition, product, rules, standing)
    match condition:
        case MinPoints() | MinGrade():
            return _judge_gate(condition, way, met, product, rules, standing)
        case MinFieldPoints():
            return _judge_field(condition, way, met, rules, standing)
        case MinVolunteerHours():
            return _judge_hours(condition, way, met, rules, standing)
        case MinStars():
            return _judge_stars(condition, way, met, rules, standing)
        case GroupMember():
            return _judge_group(condition, way, met, rules)
        case Age():
            return _judge_age(condition, way, met, rules, standing)
        case _:
            return _judge_residence(condition, way, met, rules, standing)


def meets(condition: Condition, product: Product, rules: Rules, standing: Standing) -> bool:
    """Whether one written condition is met: all of a judgement but its words."""
    scored = standing.points is not None
    match condition:
        case MinPoints():
            return scored and standing.gate_points[product.field] >= condition.points
        case MinGrade():
            return scored and standing.gate_points[product.field] >= rules.band(condition.band).min_points
        case MinFieldPoints():
            return scored and standing.field_points.get(condition.field, 0) >= condition.points
        case MinVolunteerHours():
            return _hours_x100(condition, standing) >= condition.hours * 100
        case MinStars():
            return stars_of(rules.stars_hours, standing.hours_total_x100) >= condition.stars
        case GroupMember():
            return condition.group in standing.groups
        case Age():
            return _has_age(condition, standing.age)
        case _:
            return standing.registration in condition.registrations


def _hours_x100(condition: MinVolunteerHours, standing: Standing) -> int:
    ever = condition.within is Window.PROGRAMME
    return standing.hours_total_x100 if ever else standing.hours_year_x100


def _has_age(condition: Age, age: int | None) -> bool:
    if age is None:
        return False
    above = condition.minimum is None or age >= condition.minimum
    return above and (condition.maximum is None or age <= condition.maximum)


def implied(product: Product, way: int, standing: Standing) -> tuple[ConditionResult, ...]:
    """What every way of a product asks besides: consent, an open window, something left for one and for all."""
    results = [_judge_consent(way, standing)]
    if any((product.season, product.claim_window, product.available_from, product.available_until)):
        results.append(_judge_window(product, way, standing))
    if product.allowance.quantity is not None:
        results.append(_judge_allowance(product, product.allowance.quantity, way, standing))
    if product.budget is not None:
        results.append(_judge_budget(product, way, standing))
    if standing.promise(product):
        results.append(_broken_promise(product, way, standing))
    return tuple(results)


def _judge_gate(
    condition: MinPoints | MinGrade, way: int, met: bool, product: Product, rules: Rules, standing: Standing
) -> ConditionResult:
    """Gates compare gate points: all merits, and only the demerits of the product's own field."""
    required = required_words(condition, rules)
    if standing.points is None:
        return _unscored(condition, way, required)
    gate = standing.gate_points[product.field]
    if isinstance(condition, MinPoints):
        needed, actual = condition.points, number(gate)
    else:
        needed = rules.band(condition.band).min_points
        actual = rules.rule_set.band_at(gate).label or _NO_GRADE
    sentence = _gate_sentence(condition, required, needed, gate)
    return ConditionResult(
        way=way,
        kind=condition.kind,
        required=required,
        actual=actual,
        met=met,
        missing=_missing(needed - gate),
        unit=POINTS,
        sentence=sentence if gate == standing.points else _because(sentence, product, standing.points),
    )


def _unscored(condition: Condition, way: int, required: Words) -> ConditionResult:
    return ConditionResult(
        way=way, kind=condition.kind, required=required, actual=NONE, met=False, sentence=_NO_CONSENT_TO_SCORE
    )


def _gate_sentence(condition: MinPoints | MinGrade, required: Words, needed: int, gate: int) -> Words:
    if isinstance(condition, MinPoints):
        return words(f"需要 {needed} 分,您有 {gate} 分。", f"Needs {needed} points; you have {gate}.")
    return words(
        f"需要 {required.zh} 级(从 {needed} 分起),您有 {gate} 分。",
        f"Needs grade {required.en} (from {needed} points); you have {gate}.",
    )


def _because(sentence: Words, product: Product, points: int) -> Words:
    """Why the points compared are not the score: demerits of other fields do not count here."""
    whose = (
        words("这项惠民不计任何减分", "no demerit counts for this product")
        if product.field == GENERAL
        else words("这项惠民只计本领域的减分", "only demerits of its own field count for this product")
    )
    return words(
        f"{sentence.zh}{whose.zh},所以与您的信用分 {points} 不同。",
        f"{sentence.en} This differs from your score of {points}, since {whose.en}.",
    )


def _judge_field(condition: MinFieldPoints, way: int, met: bool, rules: Rules, standing: Standing) -> ConditionResult:
    required = required_words(condition, rules)
    if standing.points is None:
        return _unscored(condition, way, required)
    title = rules.field_title(condition.field)
    has = standing.field_points.get(condition.field, 0)
    return ConditionResult(
        way=way,
        kind=condition.kind,
        required=required,
        actual=number(has),
        met=met,
        missing=_missing(condition.points - has),
        unit=POINTS,
        sentence=words(
            f"“{title.zh}”领域需要 {condition.points} 分,您有 {has} 分。",
            f"Needs {condition.points} points in the field {title.en}; you have {has}.",
        ),
    )


def _judge_hours(
    condition: MinVolunteerHours, way: int, met: bool, rules: Rules, standing: Standing
) -> ConditionResult:
    has_x100 = _hours_x100(condition, standing)
    has = hours_text(has_x100)
    when = words("累计", "in all") if condition.within is Window.PROGRAMME else words("今年", "this year")
    return ConditionResult(
        way=way,
        kind=condition.kind,
        required=required_words(condition, rules),
        actual=words(has, has),
        met=met,
        missing=_missing_hours(condition.hours * 100 - has_x100),
        unit=HOURS,
        sentence=words(
            f"需要{when.zh}志愿服务 {condition.hours} 小时,您已确认 {has} 小时。",
            f"Needs {condition.hours} confirmed volunteer hours {when.en}; you have {has}.",
        ),
    )


def _judge_stars(condition: MinStars, way: int, met: bool, rules: Rules, standing: Standing) -> ConditionResult:
    stars = stars_of(rules.stars_hours, standing.hours_total_x100)
    threshold = rules.stars_hours[condition.stars - 1]
    return ConditionResult(
        way=way,
        kind=condition.kind,
        required=required_words(condition, rules),
        actual=number(stars),
        met=met,
        missing=_missing_hours(threshold * 100 - standing.hours_total_x100),
        unit=HOURS,
        sentence=words(
            f"需要 {condition.stars} 星志愿者(累计 {threshold} 小时),您现在是 {stars} 星。",
            f"Needs {condition.stars} volunteer stars ({threshold} hours in all); you have {stars}.",
        ),
    )


def _judge_group(condition: GroupMember, way: int, met: bool, rules: Rules) -> ConditionResult:
    group = rules.group(condition.group)
    return ConditionResult(
        way=way,
        kind=condition.kind,
        required=required_words(condition, rules),
        actual=group.title if met else NONE,
        met=met,
        sentence=words(f"您属于:{group.title.zh}。", f"You belong to: {group.title.en}.")
        if met
        else words(
            f"面向:{group.title.zh}。加入方式:{group.joined_by.zh}",
            f"For: {group.title.en}. How to join: {group.joined_by.en}",
        ),
    )


def _judge_age(condition: Age, way: int, met: bool, rules: Rules, standing: Standing) -> ConditionResult:
    age = standing.age
    required = required_words(condition, rules)
    return ConditionResult(
        way=way,
        kind=condition.kind,
        required=required,
        actual=NONE if age is None else number(age),
        met=met,
        sentence=words(f"面向{required.zh}的市民。", f"For citizens aged {required.en}."),
    )


def _judge_residence(condition: Residence, way: int, met: bool, rules: Rules, standing: Standing) -> ConditionResult:
    required = required_words(condition, rules)
    return ConditionResult(
        way=way,
        kind=condition.kind,
        required=required,
        actual=NONE if standing.registration is None else REGISTRATIONS[standing.registration],
        met=met,
        sentence=words(f"面向{required.zh}的市民。", f"For citizens {required.en}."),
    )


def _judge_consent(way: int, standing: Standing) -> ConditionResult:
    met = ConsentPurpose.BENEFITS in standing.consents
    return ConditionResult(
        way=way,
        kind=ConditionKind.CONSENT,
        required=words("同意使用惠民服务", "consent to benefits"),
        actual=words("已同意", "given") if met else words("未同意", "not given"),
        met=met,
        sentence=words("您已同意使用惠民服务。", "You have consented to benefits.")
        if met
        else words(
            "您还没有同意现行版本的惠民服务同意书。请先在“同意”页面阅读并确认。",
            "You have not consented to benefits in the present text. Read it and give this consent first.",
        ),
    )


def _judge_window(product: Product, way: int, standing: Standing) -> ConditionResult:
    met = open_on(product, standing.today)
    opening = next_opening(product, standing.today)
    if met:
        actual, sentence = words("开放中", "open"), words("现在可以使用。", "It is open now.")
    elif opening is None:
        actual = words("已结束", "over")
        sentence = words("这项惠民已经结束。", "This benefit is over.")
    else:
        actual = words("未开放", "not open yet")
        sentence = words(f"{opening.isoformat()} 起开放。", f"It opens on {opening.isoformat()}.")
    return ConditionResult(
        way=way,
        kind=ConditionKind.WINDOW_OPEN,
        required=words("在开放期内", "within the time it is open"),
        actual=actual,
        met=met,
        sentence=sentence,
    )


def _judge_allowance(product: Product, quantity: int, way: int, standing: Standing) -> ConditionResult:
    left = standing.allowance_left(product) or 0
    unit = product.allowance.unit
    sentence = words(f"每期 {quantity} {unit.zh},还剩 {left}。", f"{quantity} {unit.en} in each window, {left} left.")
    return ConditionResult(
        way=way,
        kind=ConditionKind.ALLOWANCE_LEFT,
        required=words(f"{quantity} {unit.zh}", f"{quantity} {unit.en}"),
        actual=words(f"还剩 {left} {unit.zh}", f"{left} {unit.en} left"),
        met=left > 0,
        sentence=sentence if left > 0 else _used_up(product, standing),
    )


def _broken_promise(product: Product, way: int, standing: Standing) -> ConditionResult:
    """Papers that were promised and did not come end the product for its window, and nothing else."""
    ends = allowance_window(product, standing.today)[1]
    return ConditionResult(
        way=way,
        kind=ConditionKind.ALLOWANCE_LEFT,
        required=words("按承诺补齐材料", "papers brought as promised"),
        actual=words("未补齐", "not brought"),
        met=False,
        sentence=words("承诺的材料没有补齐,本项目不再提供这项惠民。", "The papers you promised did not come.")
        if ends is None
        else words(
            f"承诺的材料没有补齐,{ends.isoformat()} 起恢复。",
            f"The papers you promised did not come; it is open to you again on {ends.isoformat()}.",
        ),
    )


def _used_up(product: Product, standing: Standing) -> Words:
    start, ends = allowance_window(product, standing.today)
    if product.allowance.per_household and (product.code, start) in standing.used_by_dwelling:
        return words("这个住所已经使用。", "This dwelling has used it.")
    if ends is None:
        return words("您的额度已用完。", "You have used up what you may have.")
    return words(
        f"您本期的额度已用完,{ends.isoformat()} 起恢复。",
        f"You have used up this window's allowance; it renews on {ends.isoformat()}.",
    )


def _judge_budget(product: Product, way: int, standing: Standing) -> ConditionResult:
    met = (standing.budget_left(product) or 0) > 0
    window = budget_window(product, standing.today)
    ends = None if window is None else window[1]
    if met:
        sentence = words("本期预算还有余额。", "The budget of this window is not used up.")
    elif ends is None:
        sentence = words("预算已用完。", "The budget is used up.")
    else:
        sentence = words(
            f"本期预算已用完,{ends.isoformat()} 起恢复。",
            f"The budget is used up; it renews on {ends.isoformat()}.",
        )
    return ConditionResult(
        way=way,
        kind=ConditionKind.BUDGET_LEFT,
        required=words("有预算", "budget left"),
        actual=words("有", "left") if met else words("已用完", "used up"),
        met=met,
        sentence=sentence,
    )


def _missing(difference: int) -> int | None:
    return difference if difference > 0 else None


def _missing_hours(difference_x100: int) -> int | None:
    """Whole hours, rounded up: with these the condition is certainly met."""
    return -(-difference_x100 // 100) if difference_x100 > 0 else None
