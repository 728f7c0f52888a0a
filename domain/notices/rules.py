"""The kinds of notices and their sentences: what happened, why, and what to do next."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from domain.values import Words, words


class Kind(StrEnum):
    """What a notice is about."""

    RECORD_ANNOUNCED = "RECORD_ANNOUNCED"
    OBJECTION_EXTENDED = "OBJECTION_EXTENDED"
    OBJECTION_DECIDED = "OBJECTION_DECIDED"
    REPAIR_DECIDED = "REPAIR_DECIDED"
    EXPIRY_COMING = "EXPIRY_COMING"
    RULES_CHANGED = "RULES_CHANGED"
    LOOKED_UP = "LOOKED_UP"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewNotice:
    """Something to tell one person. Params are plain texts and dates, or words as {"zh": …, "en": …}."""

    person_id: int
    programme_id: int
    kind: Kind
    subject: str
    params: Mapping[str, object]


TITLES: Final[Mapping[Kind, Words]] = {
    Kind.RECORD_ANNOUNCED: words("有一条不良记录将计入您的积分", "An adverse record is about to count"),
    Kind.OBJECTION_EXTENDED: words("您的异议延期办理", "Your objection takes longer"),
    Kind.OBJECTION_DECIDED: words("您的异议已有结果", "Your objection has been decided"),
    Kind.REPAIR_DECIDED: words("您的修复申请已有结果", "Your repair has been decided"),
    Kind.EXPIRY_COMING: words("您的部分记录即将到期", "Some of your records are about to end"),
    Kind.RULES_CHANGED: words("计分规则将有变化", "The scoring rules will change"),
    Kind.LOOKED_UP: words("有工作人员查看了您的档案", "Somebody at the office has looked at your file"),
}
BODIES: Final[Mapping[Kind, Words]] = {
    Kind.RECORD_ANNOUNCED: words(
        "{source}报送了“{item}”。它目前不计分,自 {from} 起计入。您可以先查看这条记录,认为有误的,请提出异议。",
        "{source} has reported: {item}. It does not count yet and will from {from} on. Look at the record now, and"
        " object if it is wrong.",
    ),
    Kind.OBJECTION_EXTENDED: words(
        "经批准,您的异议最迟于 {on} 前作出决定。理由见异议的办理过程。",
        "With approval, your objection is decided by {on} at the latest. The reason stands among its steps.",
    ),
    Kind.OBJECTION_DECIDED: words(
        "结果:{outcome}。决定全文和下一步办法见您的异议。",
        "The outcome: {outcome}. Your objection shows the whole decision and what you can do next.",
    ),
    Kind.REPAIR_DECIDED: words(
        "结果:{outcome}。决定全文和下一步办法见您的修复申请。",
        "The outcome: {outcome}. Your repair shows the whole decision and what you can do next.",
    ),
    Kind.EXPIRY_COMING: words(
        "自 {on} 起,有记录不再计分。积分预测中可以看到是哪一条、会有什么变化。",
        "From {on} on a record no longer counts. The forecast of your score shows which one, and what that changes.",
    ),
    Kind.RULES_CHANGED: words(
        "新版规则(第 {version} 版)自 {from} 起施行。您已有资格的优惠,在当前周期内继续保留。请查看规则原文和积分预测。",
        "Version {version} of the rules applies from {from} on. What you qualify for stays yours to the end of its"
        " window. Read the rules and the forecast of your score.",
    ),
    Kind.LOOKED_UP: words(
        "{who}因“{purpose}”查看了您的档案。详情见访问记录。如果不是您办理的业务,请对这次访问提出异议。",
        "{who} has looked at your file for {purpose}. The access log has the details. If this was not about you,"
        " object to the access.",
    ),
}
_GAP: Final = re.compile(r"\{(\w+)\}")


def title_of(kind: str) -> Words:
    """The heading."""
    return TITLES[Kind(kind)]


def body_of(kind: str, params: Mapping[str, object]) -> Words:
    """The sentences, with their gaps filled."""
    body = BODIES[Kind(kind)]
    return words(_filled(body.zh, params, "zh"), _filled(body.en, params, "en"))


def _filled(template: str, params: Mapping[str, object], language: str) -> str:
    """Braces inside a value stay as they are."""
    return _GAP.sub(lambda gap: _spoken(params[gap[1]], language), template)


def _spoken(value: object, language: str) -> str:
    return str(value[language]) if isinstance(value, Mapping) else str(value)
