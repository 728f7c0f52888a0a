"""The words of a condition: what it requires, and the sentence a citizen reads."""

from dataclasses import dataclass

from domain.programmes.rules.document import Product, ProgrammeDocument
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
from domain.programmes.rules.terms import ConditionKind, RegistrationKind, Window
from domain.values import Words, words

REGISTRATIONS = {
    RegistrationKind.REGISTERED: words("本市户籍", "registered household"),
    RegistrationKind.PERMIT: words("居住证", "residence permit"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Titles:
    """How bands, fields and groups are called, by code."""

    bands: dict[str, Words]
    fields: dict[str, Words]
    groups: dict[str, Words]


def titles_of(document: ProgrammeDocument) -> Titles:
    """The names that conditions of this programme speak of."""
    return Titles(
        bands={band.code: band.label for band in document.rule_set.bands if band.label is not None},
        fields={field.code: field.title for field in document.rule_set.fields},
        groups={group.code: group.title for group in document.groups},
    )


def required_words(condition: Condition, titles: Titles) -> Words:
    """The required value alone, as it stands beside the citizen's own."""
    match condition:
        case MinPoints(points=points) | MinFieldPoints(points=points):
            return words(f"{points}分", f"{points} points")
        case MinGrade(band=band):
            return titles.bands[band]
        case MinVolunteerHours(hours=hours):
            return words(f"{hours}小时", f"{hours} hours")
        case MinStars(stars=stars):
            return words(f"{stars}星", f"{stars} stars" if stars > 1 else "1 star")
        case GroupMember(group=group):
            return titles.groups[group]
        case Age():
            return _age_words(condition)
        case _:
            known = [REGISTRATIONS[one] for one in condition.registrations]
            return words("或".join(one.zh for one in known), " or ".join(one.en for one in known))


def _age_words(age: Age) -> Words:
    if age.maximum is None:
        return words(f"{age.minimum}岁以上", f"{age.minimum} or older")
    if age.minimum is None:
        return words(f"{age.maximum}岁以下", f"{age.maximum} or younger")
    return words(f"{age.minimum}至{age.maximum}岁", f"{age.minimum} to {age.maximum}")


def sentence_of(condition: Condition, titles: Titles) -> Words:
    """The condition as one sentence."""
    required = required_words(condition, titles)
    match condition:
        case MinPoints():
            return words(f"可用于本优惠的积分不少于{required.zh}。", f"At least {required.en} for this benefit.")
        case MinGrade():
            return words(
                f"可用于本优惠的积分达到「{required.zh}」。", f"Points for this benefit in {required.en} or above."
            )
        case MinFieldPoints(field=field):
            title = titles.fields[field]
            return words(f"「{title.zh}」得分不少于{required.zh}。", f"At least {required.en} from {title.en.lower()}.")
        case MinVolunteerHours(within=Window.CALENDAR_YEAR):
            return words(
                f"本年度经确认的志愿服务不少于{required.zh}。",
                f"At least {required.en} of confirmed service this year.",
            )
        case MinVolunteerHours():
            return words(
                f"累计经确认的志愿服务不少于{required.zh}。", f"At least {required.en} of confirmed service in all."
            )
        case MinStars():
            return words(f"志愿者星级不低于{required.zh}。", f"A volunteer with at least {required.en}.")
        case GroupMember():
            return words(f"已登记为「{required.zh}」。", f"Registered under: {required.en}.")
        case Age():
            return words(f"年龄{required.zh}。", f"Aged {required.en}.")
        case _:
            return words(f"居住登记为{required.zh}。", f"Registered by {required.en}.")


def implied_kinds(product: Product) -> tuple[ConditionKind, ...]:
    """The conditions that follow from the product itself and stand in no file."""
    windowed = product.season or product.claim_window or product.available_from or product.available_until
    implied = [
        (ConditionKind.CONSENT, True),
        (ConditionKind.WINDOW_OPEN, windowed is not None),
        (ConditionKind.ALLOWANCE_LEFT, product.allowance.quantity is not None),
        (ConditionKind.BUDGET_LEFT, product.budget is not None),
    ]
    return tuple(kind for kind, holds in implied if holds)
