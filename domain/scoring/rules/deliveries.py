"""Which records a source may deliver, and in which form they are stored."""

import hashlib
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date
from typing import TYPE_CHECKING, Final, cast
from unicodedata import category

from domain.errors import DomainError, InvalidInput, RuleRefused
from domain.programmes.rules.document import Item, RuleSetDocument
from domain.programmes.rules.terms import StartDate
from domain.values import words

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

MAX_TEXT: Final = 200
MAX_QUANTITY: Final = 1_000_000
# Control characters and lone surrogates, which no database column takes.
UNSEEN: Final = ("Cc", "Cs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One line of a source: who (by the source's own reference to the person), what, and when."""

    citizen_ref: str
    item: str
    source_ref: str
    occurred_on: date
    ended_on: date | None = None
    determined_on: date | None = None
    quantity: float | None = None
    evidence: str
    document_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRecord:
    """One confirmed stretch of volunteer service of a citizen; `about` names the event and its organiser.

    `revision` counts how often it was confirmed: each time it makes a record of its own.
    """

    citizen_id: int
    service_id: int
    hours_x100: int
    served_on: date
    about: str
    revision: int = 1


def ref_hash_of(reference: str) -> int:
    """The first 8 bytes of its SHA-256, as PostgreSQL's bigint: how a reference or document number is stored."""
    return int.from_bytes(hashlib.sha256(reference.encode()).digest()[:8], signed=True)


def revised_ref(reference: str, revision: int) -> str:
    """What the hash of a record is made of when a reference keeps its name through corrections."""
    return reference if revision == 1 else f"{reference}\x1f{revision}"


def service_ref(service_id: int, revision: int = 1) -> str:
    """The reference of the record that a confirmed service makes, and after a correction makes again."""
    return f"service:{service_id}" if revision == 1 else f"service:{service_id}:{revision}"


def content_of(line: object) -> str:
    """The whole line in one canonical text."""
    content = {one.name: getattr(line, one.name) for one in fields(cast("DataclassInstance", line))}
    return json.dumps(content, sort_keys=True, default=str, ensure_ascii=False)


def x100(quantity: float | None) -> int | None:
    """A quantity in hundredths."""
    return None if quantity is None else round(quantity * 100)


def refusal_of(delivery: Delivery, rules: RuleSetDocument, today: date) -> DomainError | None:
    """Why this line cannot be taken; None when it can. Decided by the line alone, never by whom it is about."""
    item = next((one for one in rules.items if one.code == delivery.item), None)
    if item is None:
        return InvalidInput(
            words(
                "现行规则中没有这个项目代码。请对照公开目录更正。",
                "The rules in force have no item of this code. Correct it by the public catalogue.",
            ),
            field="item",
        )
    texts = (
        ("citizenRef", delivery.citizen_ref),
        ("sourceRef", delivery.source_ref),
        ("evidence", delivery.evidence),
        ("documentId", "-" if delivery.document_id is None else delivery.document_id),
    )
    return text_refusal(texts) or _date_refusal(delivery, item, today) or _item_refusal(delivery, item)


def text_refusal(texts: Iterable[tuple[str, str]]) -> DomainError | None:
    """Why one of these texts, each with the name of its field, cannot be taken; None when all can."""
    for field, value in texts:
        if not value.strip() or len(value) > MAX_TEXT or not _visible(value):
            return InvalidInput(
                words(
                    f"此项须为 1 到 {MAX_TEXT} 个可见字符。请更正。",
                    f"This takes 1 to {MAX_TEXT} visible characters. Correct it.",
                ),
                field=field,
            )
    return None


def _visible(value: str) -> bool:
    return value.isprintable() or not any(category(one) in UNSEEN for one in value)


def _date_refusal(delivery: Delivery, item: Item, today: date) -> DomainError | None:
    dates = {
        StartDate.OCCURRED: ("occurredOn", delivery.occurred_on),
        StartDate.ENDED: ("endedOn", delivery.ended_on),
        StartDate.DETERMINED: ("determinedOn", delivery.determined_on),
    }
    start_field, start = dates[item.counts_from]
    if start is None:
        return InvalidInput(
            words(
                "该项目从这个日期起算,不能缺少。请补上。",
                "The item counts from this date, so it must be there. Add it.",
            ),
            field=start_field,
        )
    for field, day in dates.values():
        if day is not None and day > today:
            return InvalidInput(words("日期在将来。请更正。", "The date lies in the future. Correct it."), field=field)
        if day is not None and day < delivery.occurred_on:
            return InvalidInput(
                words(
                    "此日期早于发生日期。请更正其中之一。",
                    "This date lies before the fact occurred. Correct one of the two.",
                ),
                field=field,
            )
    if item.facts_since is not None and delivery.occurred_on < item.facts_since:
        since = item.facts_since.isoformat()
        return RuleRefused(
            words(
                f"规则不溯及既往:该项目只计 {since} 起的事实。请勿报送更早的事实。",
                f"Rules never reach back: the item takes facts from {since} on. Leave earlier ones out.",
            ),
            field="occurredOn",
            rule_source="R22",
        )
    return None


def _item_refusal(delivery: Delivery, item: Item) -> DomainError | None:
    if item.tiers and delivery.quantity is None:
        return InvalidInput(
            words("该项目按数量计分,缺少数量。请补上。", "The item counts a quantity, which is missing. Add it."),
            field="quantity",
        )
    if delivery.quantity is not None and not _is_quantity(delivery.quantity):
        return InvalidInput(
            words(
                f"数量须在 0 到 {MAX_QUANTITY} 之间,至多两位小数。请更正。",
                f"A quantity lies between 0 and {MAX_QUANTITY}, with two decimals at most. Correct it.",
            ),
            field="quantity",
        )
    if delivery.document_id is None and (item.document_required or not item.merit):
        return RuleRefused(
            words(
                "该项目须有已生效文书的编号。没有文书的不良记录不予接收。",
                "The item needs the number of a final document. Nothing adverse is taken without one.",
            ),
            field="documentId",
            rule_source="R6",
        )
    return None


def _is_quantity(quantity: float) -> bool:
    if not math.isfinite(quantity) or not 0 <= quantity <= MAX_QUANTITY:
        return False
    return math.isclose(quantity * 100, round(quantity * 100), rel_tol=0, abs_tol=1e-6)
