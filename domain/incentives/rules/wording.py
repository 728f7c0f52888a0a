"""How a condition's requirement is called beside what the citizen has."""

from typing import Final

from domain.incentives.rules.standing import Rules
from domain.programmes.rules.shapes import (
    Age,
    Condition,
    GroupMember,
    MinFieldPoints,
    MinGrade,
    MinPoints,
    MinStars,
    MinVolunteerHours,
)
from domain.programmes.rules.terms import RegistrationKind
from domain.values import Words, words

NONE: Final = words("无", "none")
REGISTRATIONS: Final = {
    RegistrationKind.REGISTERED: words("本市户籍", "registered in the city"),
    RegistrationKind.PERMIT: words("居住证", "holding a residence permit"),
}


def required_words(condition: Condition, rules: Rules) -> Words:
    """What a condition asks for, as it stands beside the citizen's own value."""
    match condition:
        case MinPoints(points=points) | MinFieldPoints(points=points):
            return number(points)
        case MinGrade(band=code):
            band = rules.band(code)
            return band.label or number(band.min_points)
        case MinVolunteerHours(hours=hours):
            return number(hours)
        case MinStars(stars=stars):
            return number(stars)
        case GroupMember(group=group):
            return rules.group(group).title
        case Age():
            return _ages(condition)
        case _:
            accepted = [REGISTRATIONS[one] for one in condition.registrations]
            return words("或".join(one.zh for one in accepted), " or ".join(one.en for one in accepted))


def number(value: int) -> Words:
    """A bare number, the same in both languages."""
    return words(str(value), str(value))


def hours_text(hours_x100: int) -> str:
    """Hundredths of an hour as a plain number without trailing zeros."""
    whole, rest = divmod(hours_x100, 100)
    return str(whole) if rest == 0 else f"{whole}.{rest:02}".rstrip("0")


def _ages(age: Age) -> Words:
    if age.maximum is None:
        return words(f"{age.minimum} 岁及以上", f"{age.minimum} or older")
    if age.minimum is None:
        return words(f"{age.maximum} 岁及以下", f"{age.maximum} or younger")
    return words(f"{age.minimum} 至 {age.maximum} 岁", f"{age.minimum} to {age.maximum}")
