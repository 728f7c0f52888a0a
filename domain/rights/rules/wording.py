"""The steps of a case in words: what happened, and what was decided by itself."""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Final

from domain.values import Words, words


class Step(StrEnum):
    """What may happen to a case."""

    OPENED = "OPENED"
    MARKED = "MARKED"
    NOT_MARKED = "NOT_MARKED"
    HANDED_OVER = "HANDED_OVER"
    STANDS = "STANDS"
    WRONG = "WRONG"
    CANNOT_TELL = "CANNOT_TELL"
    EXTENDED = "EXTENDED"
    WITHDRAWN = "WITHDRAWN"
    REVIEW_ASKED = "REVIEW_ASKED"
    UPHELD = "UPHELD"
    PARTLY_UPHELD = "PARTLY_UPHELD"
    REJECTED = "REJECTED"
    OVERDUE = "OVERDUE"
    RECALCULATED = "RECALCULATED"


SENTENCES: Final[Mapping[Step, Words]] = {
    Step.OPENED: words("已受理。", "Taken in."),
    Step.MARKED: words(
        "该记录已标注异议;不良记录在决定前不计分。",
        "The record is marked as contested; an adverse one gives no points until this is decided.",
    ),
    Step.NOT_MARKED: words(
        "同一事项曾提出过异议,本次不再中止计分。",
        "This was objected to before, so that nothing is suspended this time.",
    ),
    Step.HANDED_OVER: words("已转交信息提供部门核查。", "Handed over to the department that reported the record."),
    Step.STANDS: words("部门答复:记录属实。", "The department answers: the record stands."),
    Step.WRONG: words("部门答复:记录有误。", "The department answers: the record is wrong."),
    Step.CANNOT_TELL: words("部门答复:无法核实。", "The department answers: it cannot tell."),
    Step.EXTENDED: words("经批准延期一次。", "Extended once, with approval."),
    Step.WITHDRAWN: words("已撤回。", "Taken back."),
    Step.REVIEW_ASKED: words("已申请复核。", "A review was asked for."),
    Step.UPHELD: words("决定:支持您的请求。", "Decided: in your favour."),
    Step.PARTLY_UPHELD: words("决定:部分支持您的请求。", "Decided: partly in your favour."),
    Step.REJECTED: words("决定:不支持。", "Decided: against it."),
    Step.OVERDUE: words(
        "逾期未作出决定,系统已自动按您的请求办理。",
        "Nobody decided in time, so that it was decided in your favour automatically.",
    ),
    Step.RECALCULATED: words("积分和各项资格已重新计算。", "Score and decisions were worked out again."),
}
OVERDUE_DECISION: Final = words(
    "办理期限已过,无人作出决定。按照规则,逾期即按您的请求办理。",
    "The time for deciding has passed and nobody decided. By the rules, what is overdue is decided in your favour.",
)
OUTCOME_WORDS: Final[Mapping[str, Words]] = {
    "UPHELD": words("支持您的请求", "in your favour"),
    "PARTLY_UPHELD": words("部分支持您的请求", "partly in your favour"),
    "REJECTED": words("不支持", "not in your favour"),
}
CAUSES: Final[Mapping[str, Words]] = {
    "CONTESTED": words("对一条记录提出异议", "An objection to a record"),
    "ACTIVE": words("异议办结,记录恢复计分", "An objection has ended, and the record counts again"),
    "ANNOUNCED": words("异议办结,记录仍在公告期", "An objection has ended, and the record still waits"),
    "WITHDRAWN": words("异议成立,记录已撤销", "An objection was upheld, and the record is gone"),
    "REPAIRED": words("一条记录已修复", "A record was repaired"),
}


def sentence_of(kind: str, *, due_on: date | None, provisional: bool, remark: str | None) -> Words:
    """One step: what happened, what was said, until when the next is due, and whether that day is sure."""
    said = SENTENCES[Step(kind)]
    zh, en = said.zh, said.en
    if remark is not None:
        zh, en = f"{zh}{remark}", f"{en} {remark}"
    if due_on is not None:
        day = due_on.isoformat()
        zh, en = (
            f"{zh}(期限:{day}{_UNSURE.zh if provisional else ''})",
            f"{en} (Due {day}{_UNSURE.en if provisional else ''}.)",
        )
    return words(zh, en)


_UNSURE: Final = words(",暂定:当年节假日安排尚未公布", ", provisional: the holidays of that year are not published yet")
