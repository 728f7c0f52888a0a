"""How a line of a department's file is written: one JSON object a line (NDJSON), strictly these keys and types.

Records: citizenRef, item, sourceRef, occurredOn, evidence; and where the item asks for them endedOn, determinedOn,
quantity, documentId. Dwellings: citizenRef, dwellingRef, sourceRef, since. Accounts: kind (HEATING or WATER), number,
dwellingRef, sourceRef, since.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, NoReturn

from domain.errors import DomainError, InvalidInput
from domain.scoring.rules.deliveries import MAX_QUANTITY, Delivery, text_refusal
from domain.values import words

MAX_LINE_BYTES: Final = 65_536

_RECORD_KEYS: Final = frozenset(
    ("citizenRef", "item", "sourceRef", "occurredOn", "endedOn", "determinedOn", "quantity", "evidence", "documentId")
)
_DWELLING_KEYS: Final = frozenset(("citizenRef", "dwellingRef", "sourceRef", "since"))
_ACCOUNT_KEYS: Final = frozenset(("kind", "number", "dwellingRef", "sourceRef", "since"))
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_SHOWN_CHARS: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Dwelling:
    """One line of a register of dwellings: since when somebody has lived where."""

    citizen_ref: str
    dwelling_ref: str
    source_ref: str
    since: date


@dataclass(frozen=True, slots=True, kw_only=True)
class DwellingAccount:
    """One line of a provider's register of accounts: which dwelling an account has served, and since when."""

    kind: str
    number: str
    dwelling_ref: str
    source_ref: str
    since: date


def read_record(line: bytes) -> Delivery | DomainError:
    """The record of one line, or why it holds none."""
    try:
        given = _object(line, _RECORD_KEYS)
        return Delivery(
            citizen_ref=_text(given, "citizenRef"),
            item=_text(given, "item"),
            source_ref=_text(given, "sourceRef"),
            occurred_on=_day(given, "occurredOn"),
            ended_on=_optional_day(given, "endedOn"),
            determined_on=_optional_day(given, "determinedOn"),
            quantity=_quantity(given),
            evidence=_text(given, "evidence"),
            document_id=None if given.get("documentId") is None else _text(given, "documentId"),
        )
    except DomainError as refusal:
        return refusal


def read_dwelling(line: bytes) -> Dwelling | DomainError:
    """The dwelling of one line, or why it holds none."""
    try:
        given = _object(line, _DWELLING_KEYS)
        return Dwelling(
            citizen_ref=_text(given, "citizenRef"),
            dwelling_ref=_text(given, "dwellingRef"),
            source_ref=_text(given, "sourceRef"),
            since=_day(given, "since"),
        )
    except DomainError as refusal:
        return refusal


def read_account(line: bytes) -> DwellingAccount | DomainError:
    """The account of one line, or why it holds none."""
    try:
        given = _object(line, _ACCOUNT_KEYS)
        return DwellingAccount(
            kind=_text(given, "kind"),
            number=_text(given, "number"),
            dwelling_ref=_text(given, "dwellingRef"),
            source_ref=_text(given, "sourceRef"),
            since=_day(given, "since"),
        )
    except DomainError as refusal:
        return refusal


def account_refusal(account: DwellingAccount, today: date) -> DomainError | None:
    """Why this line cannot be taken, whatever its number is; None when it can."""
    return since_refusal(account.since, today) or text_refusal(
        (("number", account.number), ("dwellingRef", account.dwelling_ref), ("sourceRef", account.source_ref))
    )


def dwelling_refusal(dwelling: Dwelling, today: date) -> DomainError | None:
    """Why this line cannot be taken; None when it can."""
    return since_refusal(dwelling.since, today) or text_refusal(
        (
            ("citizenRef", dwelling.citizen_ref),
            ("dwellingRef", dwelling.dwelling_ref),
            ("sourceRef", dwelling.source_ref),
        )
    )


def since_refusal(since: date, today: date) -> DomainError | None:
    """Nobody lives anywhere from a day to come."""
    if since > today:
        return InvalidInput(words("日期在将来。请更正。", "The date lies in the future. Correct it."), field="since")
    return None


def overlong() -> DomainError:
    """The refusal of a line that is too long to be read at all."""
    return InvalidInput(
        words(
            f"此行超过 {MAX_LINE_BYTES} 字节。请检查是否缺少换行。",
            f"The line is longer than {MAX_LINE_BYTES} bytes. See whether an end of line is missing.",
        )
    )


def _object(line: bytes, keys: frozenset[str]) -> Mapping[str, object]:
    try:
        text = line.decode()
    except UnicodeDecodeError as problem:
        raise InvalidInput(
            words(
                f"第 {problem.start + 1} 字节不是 UTF-8。请以 UTF-8 保存文件。",
                f"Byte {problem.start + 1} is no UTF-8. Save the file as UTF-8.",
            )
        ) from problem
    try:
        given = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError) as problem:
        raise InvalidInput(
            words(
                "此行不是完整的 JSON 对象,可能被截断。请重新导出。",
                "The line is no whole JSON object; it may be cut off. Export it again.",
            )
        ) from problem
    if not isinstance(given, dict):
        raise InvalidInput(
            words("每行须为一个 JSON 对象。请更正。", "A line holds one JSON object, nothing else. Correct it.")
        )
    unknown = sorted(given.keys() - keys)
    if unknown:
        # What stands there may be about a person: the key is told only as far as it could be one.
        shown = ascii(unknown[0][:_SHOWN_CHARS])
        raise InvalidInput(
            words(f"未知的字段 {shown}。请删除。", f"The key {shown} is not known. Leave it out."), field=None
        )
    return given


def _once(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    given = dict(pairs)
    if len(given) != len(pairs):
        raise InvalidInput(words("字段重复。请只写一次。", "A key stands twice. Write it once."))
    return given


def _no_number(_: str) -> NoReturn:
    raise ValueError("no JSON number")


def _text(given: Mapping[str, object], key: str) -> str:
    value = given.get(key)
    if not isinstance(value, str):
        raise InvalidInput(
            words("缺少此项,或不是文本。请更正。", "This is missing, or no text. Correct it."), field=key
        )
    return value


def _day(given: Mapping[str, object], key: str) -> date:
    value = given.get(key)
    if isinstance(value, str) and _DAY.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise InvalidInput(
        words("日期须写作 2026-01-31。请更正。", "A date is written like 2026-01-31. Correct it."), field=key
    )


def _optional_day(given: Mapping[str, object], key: str) -> date | None:
    return None if given.get(key) is None else _day(given, key)


def _quantity(given: Mapping[str, object]) -> float | None:
    value = given.get("quantity")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_QUANTITY:
        raise InvalidInput(
            words(
                f"须为 0 到 {MAX_QUANTITY} 的数字。请更正。", f"This is a number from 0 to {MAX_QUANTITY}. Correct it."
            ),
            field="quantity",
        )
    return float(value)
