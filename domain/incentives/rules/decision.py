"""Whether a citizen qualifies for a product today, why, in which group it stands, and what is nearest."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Final

from domain.incentives.rules.conditions import ConditionResult, implied, judge, meets
from domain.incentives.rules.standing import Rules, Standing, allowance_window, budget_window
from domain.programmes.rules.document import Product
from domain.programmes.rules.terms import ConditionKind, ConsentPurpose
from domain.programmes.rules.windows import next_opening
from domain.values import Words, words


class BenefitGroup(StrEnum):
    """Where a product stands on the citizen's page."""

    USABLE_NOW = "USABLE_NOW"
    USED_UP = "USED_UP"
    NOT_IN_SEASON = "NOT_IN_SEASON"
    WITHIN_REACH = "WITHIN_REACH"
    NOT_GIVEN = "NOT_GIVEN"


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStep:
    """One change that is open to the citizen, or a day to wait for."""

    sentence: Words
    kind: ConditionKind
    missing: int | None = None
    unit: Words | None = None
    by: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The answer for one product and one citizen on one day. Who meets one way in full is qualified."""

    qualified: bool
    group: BenefitGroup
    sentence: Words
    conditions: tuple[ConditionResult, ...]
    nearest: tuple[NextStep, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a decision comes to in short: what its receipt says besides the points."""

    qualified: bool
    group: BenefitGroup

    def __str__(self) -> str:
        return f"{'yes' if self.qualified else 'no'} {self.group}"


ANSWERS: Final = tuple(
    Answer(qualified=qualified, group=group) for group in BenefitGroup for qualified in (True, False)
)
IMPLIED: Final = frozenset(
    {ConditionKind.CONSENT, ConditionKind.WINDOW_OPEN, ConditionKind.ALLOWANCE_LEFT, ConditionKind.BUDGET_LEFT}
)
NOT_GIVEN: Final = words(
    "这项惠民目前暂停提供。请稍后再看,或选择其他惠民。",
    "This benefit is not given at present. Look again later, or pick another one.",
)
# Who somebody is: no step ever asks to change it.
PROTECTED: Final = frozenset({ConditionKind.AGE, ConditionKind.RESIDENCE})


def decide(product: Product, rules: Rules, standing: Standing) -> Decision:
    """Judges every way of the product in full; consent, window, allowance and budget belong to each of them."""
    ways = tuple(
        tuple(judge(condition, number, product, rules, standing) for condition in way)
        for number, way in enumerate(product.ways or ((),), start=1)
    )
    if product.code in standing.entitled:
        # Who qualified on the eve of new rules has one more way, which asks for nothing of its own.
        ways = (*ways, ())
    common = implied(product, 1, standing)
    entitled = any(all(one.met for one in way) for way in ways)
    unmet = tuple(one for one in common if not one.met)
    group = _group(entitled, unmet)
    nearest = () if entitled and not unmet else _nearest(product, standing, ways, unmet)
    conditions = tuple(one for number, way in enumerate(ways, start=1) for one in (*way, *_numbered(common, number)))
    return Decision(
        qualified=entitled and not unmet,
        group=group,
        sentence=_sentence(product, entitled, unmet, nearest),
        conditions=conditions,
        nearest=nearest,
    )


def answer_of(decision: Decision) -> Answer:
    """A decision in short."""
    return Answer(qualified=decision.qualified, group=decision.group)


def meets_a_way(product: Product, rules: Rules, standing: Standing) -> bool:
    """Whether the citizen consents and meets one way in full, whatever season, allowance and budget say.

    The same judgement without its words: for a whole population these would take most of the time.
    """
    return ConsentPurpose.BENEFITS in standing.consents and any(
        all(meets(condition, product, rules, standing) for condition in way) for way in product.ways or ((),)
    )


def refused(decision: Decision, sentence: Words) -> Decision:
    """The same findings, refused for a reason beside the conditions: a suspended product, money that does not fit."""
    return replace(decision, qualified=False, sentence=sentence)


def not_given(decision: Decision) -> Decision:
    """The same findings about what nobody gives at present: no step of the citizen's would change that."""
    return replace(refused(decision, NOT_GIVEN), group=BenefitGroup.NOT_GIVEN, nearest=())


def unmet_kinds(decision: Decision) -> frozenset[ConditionKind]:
    """The kinds that stand in the way, whichever way is taken; empty exactly for who is qualified."""
    ways: dict[int, set[ConditionKind]] = {}
    for one in decision.conditions:
        ways.setdefault(one.way, set()).update(() if one.met else (one.kind,))
    fewest = min(ways.values(), key=len)
    return frozenset(fewest)


def _numbered(results: Sequence[ConditionResult], way: int) -> tuple[ConditionResult, ...]:
    return tuple(results) if way == 1 else tuple(replace(one, way=way) for one in results)


def _group(entitled: bool, unmet: Sequence[ConditionResult]) -> BenefitGroup:
    kinds = {one.kind for one in unmet}
    if not entitled or ConditionKind.CONSENT in kinds:
        return BenefitGroup.WITHIN_REACH
    if ConditionKind.WINDOW_OPEN in kinds:
        return BenefitGroup.NOT_IN_SEASON
    return BenefitGroup.USED_UP if kinds else BenefitGroup.USABLE_NOW


def _nearest(
    product: Product,
    standing: Standing,
    ways: Sequence[tuple[ConditionResult, ...]],
    unmet: Sequence[ConditionResult],
) -> tuple[NextStep, ...]:
    """Each way that lacks one thing, or else the way that lacks fewest, and what every way still waits for.

    Nothing is near when the product never opens again, or when only protected facts stand in between.
    """
    waits = tuple(_wait(product, standing, one) for one in unmet)
    if any(step.by is None for step in waits if step.kind is not ConditionKind.CONSENT):
        return ()
    gaps = [tuple(one for one in way if not one.met) for way in ways]
    if any(not gap for gap in gaps):
        return waits
    reachable = [gap for gap in gaps if all(_is_open(one) for one in gap)]
    if not reachable:
        return ()
    fewest = min(len(gap) for gap in reachable)
    chosen = [gap for gap in reachable if len(gap) == fewest]
    if fewest > 1:
        chosen = chosen[:1]
    return (*(_step(one) for gap in chosen for one in gap), *waits)


def _is_open(result: ConditionResult) -> bool:
    return result.kind not in PROTECTED


def _step(result: ConditionResult) -> NextStep:
    if result.missing is None or result.unit is None:
        return NextStep(sentence=result.sentence, kind=result.kind)
    sentence = words(
        f"还差 {result.missing} {result.unit.zh}。{result.sentence.zh}",
        f"{result.missing} more {result.unit.en} would do. {result.sentence.en}",
    )
    return NextStep(sentence=sentence, kind=result.kind, missing=result.missing, unit=result.unit)


def _wait(product: Product, standing: Standing, result: ConditionResult) -> NextStep:
    """What everybody waits for: a consent of one's own, or the day on which something opens or renews."""
    by: date | None = None
    if result.kind is ConditionKind.WINDOW_OPEN:
        by = next_opening(product, standing.today)
    elif result.kind is ConditionKind.ALLOWANCE_LEFT:
        by = allowance_window(product, standing.today)[1]
    elif result.kind is ConditionKind.BUDGET_LEFT:
        window = budget_window(product, standing.today)
        by = None if window is None else window[1]
    return NextStep(sentence=result.sentence, kind=result.kind, by=by)


def _sentence(product: Product, entitled: bool, unmet: Sequence[ConditionResult], nearest: Sequence[NextStep]) -> Words:
    if entitled and not unmet:
        return words("您现在可以使用。", "You can use this now.")
    if entitled:
        return unmet[0].sentence
    if nearest:
        return nearest[0].sentence
    return words(
        f"您目前不符合“{product.title.zh}”的条件。每一条及其原因见下。",
        f"You do not meet the conditions of {product.title.en} at present. Each of them is explained below.",
    )
