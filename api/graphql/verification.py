"""Checking a receipt: the same inputs are put together again as they were known then, and must give the same digest."""

import hmac
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import strawberry

from api.graphql.context import Info
from api.graphql.receipts import Ground, Receipt
from api.graphql.reference import KnownProduct, KnownRuleSet
from api.graphql.view import Asked, Section
from domain.errors import NotFound
from domain.incentives.queries import standing_of, standing_then
from domain.incentives.rules.decision import ANSWERS, Answer, BenefitGroup, answer_of, decide
from domain.incentives.rules.decision import Decision as Decided
from domain.scoring.queries import Then, lines_known
from domain.scoring.rules import line_of, total
from domain.values import Fragment, Words, words


@strawberry.input(description="As printed in a Receipt; `productId` for a decision's receipt.")
class ReceiptInput:
    digest: str
    rule_set_version: int
    as_of: date
    computed_at: datetime
    product_id: strawberry.ID | None = None


@strawberry.type(description="Whether the inputs known then give the same result again, or else what differs.")
class ReceiptCheck:
    same: bool
    difference: str | None


def build_check(asked: Asked) -> Fragment | tuple[Fragment, ...]:
    """Lines and standing as they were known then. Raises: NotFound for a product that there is not."""
    given = _given(asked)
    _product(asked)
    rules = _rules(asked)
    if rules is None or given.computed_at > asked.subject.now or given.as_of > asked.subject.today:
        return ()
    then = Then(rule_set_id=rules.id, day=given.as_of, known_at=given.computed_at)
    volunteer_item = rules.document.volunteer_item().code
    return lines_known(asked.name, then=then), standing_then(asked.name, volunteer_item, then=then)


def read_check(columns: Any, asked: Asked) -> ReceiptCheck:
    """Same, or the difference by name."""
    difference = _difference(columns, asked)
    return ReceiptCheck(
        same=difference is None, difference=None if difference is None else asked.context.speak(difference)
    )


def _difference(columns: Any, asked: Asked) -> Words | None:
    given, rules = _given(asked), _rules(asked)
    if rules is None:
        return _NO_SUCH_RULES
    if not columns:
        return _NOT_YET
    known, standing = columns
    if known is None:
        return _ERASED
    ground = Ground(
        citizen=asked.subject.citizen or 0,
        lines=[line_of(row) for row in known["lines"]],
        rule_set=rules,
        as_of=given.as_of,
        computed_at=given.computed_at,
    )
    product, vault = _product(asked), asked.context.vault
    if product is None:
        if _is(given, ground.of_score(vault)):
            return None
    else:
        told = [answer for answer in ANSWERS if _is(given, ground.of_decision(vault, product, answer))]
        if told:
            now = answer_of(_decided(standing, product, rules, asked))
            return None if told == [now] else _another_answer(told[0], now)
    if _erased_since(known, given.as_of, given.computed_at):
        return _ERASED
    return _another_result(total(ground.lines, rules.document).points, rules.version)


def _is(given: ReceiptInput, receipt: Receipt) -> bool:
    return hmac.compare_digest(receipt.digest.encode(), given.digest.encode())


def _decided(standing: Any, product: KnownProduct, rules: KnownRuleSet, asked: Asked) -> Decided:
    """The decision by what was known then; what keeps no history is as it is now."""
    given, context = _given(asked), asked.context
    known = context.reference.programmes[product.programme_id].catalogue(asked.subject.today)
    then = replace(known, today=given.as_of, rules=replace(known.rules, rule_set=rules.document))
    return decide(product.document, then.rules, standing_of(standing, then, context.vault))


def _erased_since(known: Any, as_of: date, computed_at: datetime) -> bool:
    """Whether the score that the receipt stood for has been erased, and perhaps another begun."""
    scored_from = known["scored_from"]
    joined_later = datetime.fromisoformat(known["joined_at"]) > computed_at
    return scored_from is None or date.fromisoformat(scored_from) > as_of or joined_later


def _given(asked: Asked) -> ReceiptInput:
    """The receipt as it was handed in, by the names of the schema."""
    raw = asked.args["receipt"]
    return ReceiptInput(
        digest=raw["digest"],
        rule_set_version=raw["ruleSetVersion"],
        as_of=raw["asOf"],
        computed_at=raw["computedAt"],
        product_id=raw.get("productId"),
    )


def _rules(asked: Asked) -> KnownRuleSet | None:
    version, programme = _given(asked).rule_set_version, asked.subject.programme
    return next(
        (
            one
            for one in asked.context.reference.rule_sets.values()
            if (one.programme_id, one.version) == (programme, version) and one.effective_from is not None
        ),
        None,
    )


def _product(asked: Asked) -> KnownProduct | None:
    text = _given(asked).product_id
    if text is None:
        return None
    parts = asked.context.unseal("product", text)
    known = asked.context.reference.products.get(parts[0])
    if known is None or known.programme_id != asked.subject.programme:
        raise NotFound(field="receipt")
    return known


def _another_result(points: int, version: int) -> Words:
    return words(
        f"按当时已知的记录和第 {version} 版规则,结果为 {points} 分,与此凭证不符。凭证可能被改动,或不属于您。",
        f"What was known then gives {points} points by version {version} of the rules, which is not what this receipt"
        " says. It was changed, or it is not yours.",
    )


def _another_answer(told: Answer, now: Answer) -> Words:
    then, today = _spoken(told), _spoken(now)
    return words(
        f"凭证属实:积分和记录与当时相同,当时的结论是“{then.zh}”。同意、身份、额度和预算不留历史;按现在的情况,结论为“{today.zh}”。",
        f"The receipt is genuine: points and records are as they were, and the answer was “{then.en}”. Consents,"
        f" groups, allowances and budgets keep no history; as they are now the answer is “{today.en}”.",
    )


def _spoken(answer: Answer) -> Words:
    if answer.qualified or answer.group is not BenefitGroup.USABLE_NOW:
        return _ANSWERS[answer.group]
    return _NOT_GIVEN


_ANSWERS = {
    BenefitGroup.USABLE_NOW: words("可以使用", "you can use it"),
    BenefitGroup.USED_UP: words("已用完", "it is used up"),
    BenefitGroup.NOT_IN_SEASON: words("不在开放期", "it is not open"),
    BenefitGroup.WITHIN_REACH: words("条件尚未满足", "a condition is not met"),
}
_NOT_GIVEN = words("暂不提供", "it is not given")
_NO_SUCH_RULES = words(
    "本项目没有这个版本的规则。请核对凭证上的规则版本。",
    "This programme has no such version of its rules. Check the version on the receipt.",
)
_NOT_YET = words("凭证上的日期在将来。请核对日期。", "The receipt is of a day that has not come. Check its dates.")
_ERASED = words(
    "该凭证所依据的记录已按您的要求删除,无法再次计算。",
    "The records that this receipt stands for were erased when you asked for it; they cannot be worked out again.",
)
CHECK: Section[ReceiptCheck] = Section("Citizen", "verifyMyReceipt", build=build_check, read=read_check)
SECTIONS = (CHECK,)


@strawberry.type
class VerificationOfCitizen:
    @strawberry.field(
        description="Only the holder can check a receipt: it is keyed, and proves nothing to anybody else."
    )
    def verify_my_receipt(self, info: Info, receipt: ReceiptInput) -> ReceiptCheck:
        return CHECK.of(info)
