"""What will leave the score on which day, and what that does to each benefit."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

import strawberry

from api.graphql import access
from api.graphql.incentives import build_standing, catalogue_of
from api.graphql.products import Product, product_of
from api.graphql.reference import KnownProduct
from api.graphql.view import Asked, Section
from domain.errors import InvalidInput
from domain.incentives.queries import standing_of
from domain.incentives.rules.decision import decide
from domain.programmes.rules.document import RuleSetDocument
from domain.scoring.queries import score_forecast
from domain.scoring.rules import Tally, total
from domain.values import Fragment, Words, add_months, words

NAMED: Final = 3
_MAX_MONTHS: Final = 60
_TOO_FAR = words(
    "请选择今天之后、五年之内的日期。", "Choose a day after today and within five years; nothing is known beyond."
)


@strawberry.type(description="A day on which lines end or change, and the points from then on if nothing else happens.")
class ScoreForecast:
    on: date
    points: int
    because: str
    gains: list[Product] = strawberry.field(
        description="What the points of that day open, compared with the day before."
    )
    losses: list[Product] = strawberry.field(
        description="What they close, all other conditions being as they are today."
    )


def build_forecast(asked: Asked) -> Fragment | tuple[Fragment, ...]:
    """The days to come and the standing they change. Raises: InvalidInput for a day past or too far off."""
    if asked.context.caller.role not in access.PERSON:
        return ()
    until, today = asked.args["until"], asked.subject.today
    if not today < until <= add_months(today, _MAX_MONTHS):
        raise InvalidInput(_TOO_FAR, field="until")
    known = asked.context.reference.programmes[asked.subject.programme or 0].settings
    days = score_forecast(asked.name, until=until, announced_days=known.announced_days, timezone=known.timezone)
    return days, build_standing(asked)


def read_forecast(columns: Any, asked: Asked) -> list[ScoreForecast]:
    """Each day with its points, and the products that these points gain or lose."""
    if not columns or columns[1] is None:
        return []
    days, raw = columns
    rules = asked.context.reference.rule_sets[asked.subject.rule_set or 0].document
    before, shown = _qualified(raw, raw["tallies"], asked), []
    for day in days:
        after = _qualified(raw, day["tallies"], asked)
        shown.append(
            ScoreForecast(
                on=date.fromisoformat(day["on"]),
                points=total([_tally(one) for one in day["tallies"]], rules).points,
                because=asked.context.speak(because_of(day, rules)),
                gains=_products(after - before, asked),
                losses=_products(before - after, asked),
            )
        )
        before = after
    return shown


def because_of(day: Mapping[str, Any], rules: RuleSetDocument) -> Words:
    """Which records come to their end, and which announced ones begin to count."""
    told = []
    if day["leaving"]:
        names = _named(day["leaving"], rules)
        told.append(words(f"记录到期:{names.zh}。", f"Comes to its end: {names.en}."))
    if day["beginning"]:
        names = _named(day["beginning"], rules)
        told.append(words(f"公告期满,开始计入:{names.zh}。", f"Begins to count, after its notice: {names.en}."))
    return words("".join(one.zh for one in told), " ".join(one.en for one in told))


def _named(records: Sequence[Mapping[str, str]], rules: RuleSetDocument) -> Words:
    """The first few by name."""
    titles = {item.code: item.title for item in rules.items}
    named = [(titles[one["item"]], one["occurred_on"]) for one in records[:NAMED]]
    more = len(records) - len(named)
    rest = (f"等 {len(records)} 条", f"; and {more} more") if more else ("", "")
    return words(
        f"{'、'.join(f'{title.zh}({on})' for title, on in named)}{rest[0]}",
        f"{'; '.join(f'{title.en} of {on}' for title, on in named)}{rest[1]}",
    )


def _offered(asked: Asked) -> Sequence[KnownProduct]:
    known = asked.context.reference.programmes[asked.subject.programme or 0]
    return list(known.offered(asked.subject.today))


def _qualified(raw: Mapping[str, Any], tallies: object, asked: Asked) -> frozenset[int]:
    catalogue = catalogue_of(asked)
    standing = standing_of({**raw, "tallies": tallies}, catalogue, asked.context.vault)
    return frozenset(one.id for one in _offered(asked) if decide(one.document, catalogue.rules, standing).qualified)


def _products(wanted: frozenset[int], asked: Asked) -> list[Product]:
    return [product_of(asked.context, one.id) for one in _offered(asked) if one.id in wanted]


def _tally(one: Mapping[str, Any]) -> Tally:
    return Tally(field=one["field"], merit=one["merit"], points=int(one["points"]))


FORECAST: Section[list[ScoreForecast]] = Section("Score", "forecast", build=build_forecast, read=read_forecast)
SECTIONS = (FORECAST,)
