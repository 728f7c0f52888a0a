"""A product's conditions in words, as everybody reads them before anyone is compared with them."""

from domain.programmes.rules.document import RuleSetDocument
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
from domain.programmes.rules.terms import RegistrationKind, Window
from domain.values import Words, words

_REGISTRATIONS = {
    RegistrationKind.REGISTERED: words("本市户籍", "household register"),
    RegistrationKind.PERMIT: words("居住证", "residence permit"),
}


def sentence(condition: Condition, rules: RuleSetDocument, groups: dict[str, Words]) -> Words:
    """The condition as a sentence for everybody, in the terms of these rules."""
    match condition:
        case MinPoints(points=points):
            return words(f"信用分不低于 {points} 分。", f"At least {points} points.")
        case MinGrade(band=code):
            return _grade(code, rules)
        case MinFieldPoints(field=code, points=points):
            title = next(field.title for field in rules.fields if field.code == code)
            return words(f"“{title.zh}”领域得分不低于 {points} 分。", f"At least {points} points in “{title.en}”.")
        case MinVolunteerHours(hours=hours, within=within):
            return _hours(hours, within)
        case MinStars(stars=stars):
            return words(f"志愿者星级不低于 {stars} 星。", f"A volunteer of at least {stars} stars.")
        case GroupMember(group=code):
            title = groups[code]
            return words(f"属于“{title.zh}”。", f"A member of “{title.en}”.")
        case Age(minimum=minimum, maximum=maximum):
            return _age(minimum, maximum)
        case Residence(registrations=registrations):
            zh = "或".join(_REGISTRATIONS[one].zh for one in registrations)
            en = " or ".join(_REGISTRATIONS[one].en for one in registrations)
            return words(f"持有{zh}。", f"Registered here by {en}.")


def _grade(code: str, rules: RuleSetDocument) -> Words:
    band = next(band for band in rules.bands if band.code == code)
    label = band.label or words(code, code)
    return words(
        f"信用等级达到“{label.zh}”({band.min_points} 分)。",
        f"Grade “{label.en}” or better, from {band.min_points} points.",
    )


def _hours(hours: int, within: Window) -> Words:
    if within is Window.CALENDAR_YEAR:
        return words(
            f"本年度已确认的志愿服务不少于 {hours} 小时。",
            f"At least {hours} confirmed volunteer hours this year.",
        )
    return words(
        f"已确认的志愿服务累计不少于 {hours} 小时。",
        f"At least {hours} confirmed volunteer hours in all.",
    )


def _age(minimum: int | None, maximum: int | None) -> Words:
    if maximum is None:
        return words(f"年满 {minimum} 周岁。", f"Aged {minimum} or over.")
    if minimum is None:
        return words(f"不超过 {maximum} 周岁。", f"Aged {maximum} or under.")
    return words(f"{minimum} 至 {maximum} 周岁。", f"Aged {minimum} to {maximum}.")
