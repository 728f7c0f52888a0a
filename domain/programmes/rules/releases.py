"""How rules come into force: who may take which step, when, and in which words it is refused."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from domain.errors import AlreadyDecided, DomainError, InvalidInput, NotFound, RuleRefused, SamePerson, TooEarly
from domain.programmes.rules.document import RuleSetDocument
from domain.programmes.rules.forbidden import RULES
from domain.programmes.rules.problems import Problem
from domain.values import Words, words

MAX_TEXT: Final = 2000
MAX_COMMENTS: Final = 10
# A job that has to be done before the new rules begin, so that nobody stands at a till without an answer.
EVE: Final = timedelta(hours=2)
_TOLD_PROBLEMS: Final = 5

_STATUS: Final[Mapping[str, Words]] = {
    "DRAFT": words("草案", "a draft"),
    "IN_CONSULTATION": words("征求意见中", "in consultation"),
    "APPROVED": words("已批准", "approved"),
    "PUBLISHED": words("已发布", "published"),
    "WITHDRAWN": words("已撤回", "withdrawn"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One version of the rules on its way: where it stands, who has done what, and how its consultation went."""

    id: int
    programme_id: int
    version: int
    status: str
    effective_from: date | None
    effective_until: date | None
    drafted_by: int | None
    closes_on: date | None
    comments: int
    assessed: bool
    document: RuleSetDocument


def refusal_of(problems: Sequence[Problem]) -> DomainError:
    """What is wrong with a document, as one refusal; rules that protect people come first."""
    grave = [one for one in problems if one.rule in RULES]
    told = [*grave, *(one for one in problems if one.rule not in RULES)][:_TOLD_PROBLEMS]
    listed = " ".join(f"{one.key}: {one.rule}: {one.message}" for one in told)
    more = len(problems) - len(told)
    message = words(
        f"文件未通过检查,未保存任何内容。{listed}" + (f" 另有 {more} 处。" if more else ""),
        f"The document does not pass its checks; nothing was stored. {listed}" + (f" And {more} more." if more else ""),
    )
    if grave:
        return RuleRefused(message, field="document", rule_source=grave[0].rule)
    return InvalidInput(message, field="document")


def check_status(release: Release | None, *allowed: str) -> Release:
    """Raises: NotFound without such a version, AlreadyDecided when it does not stand where this step begins."""
    if release is None:
        raise NotFound(
            words("没有这一版规则。请检查版本号。", "There is no such version of the rules. Check its number."),
            field="version",
        )
    if release.status not in allowed:
        raise out_of_step(release.version, release.status)
    return release


def out_of_step(version: int, status: str) -> DomainError:
    """The refusal of a step that does not follow on where a version stands."""
    stands = _STATUS[status]
    return AlreadyDecided(
        words(
            f"第 {version} 版规则目前是“{stands.zh}”,不能进行这一步。请先查看其状态。",
            f"Version {version} is {stands.en}; this step does not follow. Look at where it stands first.",
        ),
        field="version",
    )


def check_text(value: str, field: str) -> str:
    """The text without blanks around it. Raises: InvalidInput when nothing, or too much, is left."""
    written = value.strip()
    if not 0 < len(written) <= MAX_TEXT:
        raise InvalidInput(
            words(f"请填写 1 到 {MAX_TEXT} 个字符。", f"Write between 1 and {MAX_TEXT} characters."), field=field
        )
    return written


def check_closing(until: date, today: date) -> None:
    """Raises: InvalidInput for a consultation that gives nobody a day."""
    if until <= today:
        raise InvalidInput(
            words(
                "征求意见至少持续到明天。请更改日期。", "A consultation lasts until tomorrow at least. Change the date."
            ),
            field="until",
        )


def check_approval(release: Release, person_id: int | None, today: date) -> None:
    """Whether this person may approve now.

    Raises:
        SamePerson: who has drafted does not approve.
        TooEarly: the consultation is open, or no dry run has shown what the rules would do.
    """
    if person_id is None or person_id == release.drafted_by:
        raise SamePerson(
            words("起草人不能批准自己的草案。请由另一人批准。", "Who has drafted does not approve. Ask somebody else.")
        )
    if release.closes_on is None or today <= release.closes_on:
        raise TooEarly(
            words(
                f"征求意见到 {release.closes_on} 结束,之后才能批准。",
                f"The consultation runs until {release.closes_on}; approve after that.",
            ),
            field="version",
        )
    if not release.assessed:
        raise TooEarly(
            words(
                "还没有完成的影响试算。请先运行 startDryRun,并等待其完成。",
                "No dry run of these rules has finished. Start one, and wait for its result.",
            ),
            field="version",
        )


def check_beginning(effective_from: date, today: date, latest: date | None) -> None:
    """Raises: TooEarly for rules that would begin before tomorrow, or not after those published last."""
    if effective_from <= today:
        raise TooEarly(
            words(
                "规则先公布、后生效:最早从明天起。请更改日期。",
                "Rules are published before they count: from tomorrow at the earliest. Change the date.",
            ),
            field="effectiveFrom",
            rule_source="R22",
        )
    if latest is not None and effective_from <= latest:
        raise TooEarly(
            words(
                f"已有一版规则从 {latest} 起生效。请选择更晚的日期,或先撤回那一版。",
                f"A version begins on {latest} already. Choose a later day, or withdraw that version first.",
            ),
            field="effectiveFrom",
        )


def check_answer(release: Release, answer: str | None) -> str | None:
    """Raises: InvalidInput when people have commented and nobody answers them."""
    if answer is not None:
        return check_text(answer, "answerToComments")
    if release.comments == 0:
        return None
    raise InvalidInput(
        words(
            f"共收到 {release.comments} 条意见,请先作出答复。",
            f"There are {release.comments} comments. Answer them before publishing.",
        ),
        field="answerToComments",
    )


def check_withdrawal(release: Release, today: date) -> None:
    """Raises: AlreadyDecided for rules that are in force: those are rolled back."""
    if release.status == "PUBLISHED" and release.effective_from is not None and release.effective_from <= today:
        raise AlreadyDecided(
            words(
                "这一版规则已经生效,不能撤回。可用 rollBackRuleSet 恢复上一版。",
                "These rules are in force and cannot be withdrawn. rollBackRuleSet brings the earlier ones back.",
            ),
            field="version",
        )
