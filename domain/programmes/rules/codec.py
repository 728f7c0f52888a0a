"""Strict reading and writing of a document's values: no unknown key, wrong type or gap passes.

One reader serves TOML (dates are dates) and JSON (dates are ISO strings); writing and reading are inverse.
"""

import dataclasses
import types
from collections.abc import Callable, Mapping
from datetime import date
from enum import StrEnum
from functools import cache
from typing import Final, TypeAlias, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from domain.programmes.rules.forbidden import MISSING_KEYS, REFUSED_KEYS, REFUSED_VALUES, why
from domain.programmes.rules.problems import FORM, Place

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
T = TypeVar("T")

# Stands for a value that was refused; its problem is in the list.
REFUSED: Final = object()
# What a column of the database holds.
LARGEST: Final = 2**31 - 1
NAMES: Final[Mapping[type, str]] = {
    str: "text",
    int: "a whole number",
    bool: "true or false",
    float: "a number",
}


def encode(value: object) -> Json:
    """The value as JSON, every field written out."""
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple):
        return [encode(one) for one in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        table: dict[str, Json] = {}
        if hasattr(value, "kind") and "kind" not in (one.name for one in dataclasses.fields(value)):
            table["kind"] = str(value.kind)
        return table | {one.name: encode(getattr(value, one.name)) for one in dataclasses.fields(value)}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{type(value).__name__} is no part of a document")


def to_json(document: object) -> dict[str, Json]:
    """A rule set, a product or a whole programme as it is stored."""
    return cast("dict[str, Json]", encode(document))


def from_json(kind: type[T], stored: Mapping[str, object]) -> T:
    """The exact inverse of `to_json`; raises ValueError for what `to_json` never wrote."""
    place = Place(file=kind.__name__)
    value = decode(kind, stored, place)
    if place.problems:
        raise ValueError("; ".join(str(problem) for problem in place.problems))
    return cast("T", value)


def decode(kind: object, raw: object, place: Place) -> object:
    """The raw value as this type, or REFUSED with the problem noted at the place."""
    origin = get_origin(kind)
    if origin is Union or origin is types.UnionType:
        return _decode_union(get_args(kind), raw, place)
    if origin is tuple:
        return _decode_tuple(get_args(kind)[0], raw, place)
    if not isinstance(kind, type):
        raise TypeError(f"{kind!r} is no type of a document")
    if dataclasses.is_dataclass(kind):
        return _decode_table(kind, raw, place)
    if issubclass(kind, StrEnum):
        return _decode_word(kind, raw, place)
    if kind is date:
        return _decode_date(raw, place)
    return _decode_scalar(kind, raw, place)


def _decode_scalar(kind: type, raw: object, place: Place) -> object:
    if kind is float and type(raw) is int:
        return float(raw)
    if type(raw) is not kind:
        if place.key.endswith(".points"):
            place.refuse("R8", f"points must be one whole number, here {raw!r}: {why('R8')}. Give one number.")
        else:
            place.refuse(FORM, f"{NAMES[kind]} is needed here, not {raw!r}. Correct the value.")
        return REFUSED
    if type(raw) is int and abs(raw) > LARGEST:
        place.refuse(FORM, f"{raw} is too large: at most {LARGEST} can be counted. Correct the value.")
        return REFUSED
    return raw


def _decode_date(raw: object, place: Place) -> object:
    try:
        if type(raw) is date:
            return raw
        if isinstance(raw, str):
            return date.fromisoformat(raw)
    except ValueError:
        pass
    rule = "R25" if place.key.endswith("baseline_checked_on") else FORM
    place.refuse(rule, f"a date like 2026-01-31 is needed here, not {raw!r}. Correct the value.")
    return REFUSED


def _decode_word(kind: type[StrEnum], raw: object, place: Place) -> object:
    allowed = [word.value for word in kind]
    if isinstance(raw, str) and raw in allowed:
        return kind(raw)
    rule = REFUSED_VALUES.get(kind, {}).get(str(raw).upper())
    if rule is not None:
        place.refuse(rule, f"{raw} is refused: {why(rule)}. Take it out of the programme.")
    else:
        place.refuse(FORM, f"{raw!r} is not in the closed list. Use one of {', '.join(allowed)}.")
    return REFUSED


def _decode_tuple(element: object, raw: object, place: Place) -> object:
    if not isinstance(raw, list):
        place.refuse(FORM, f"a list is needed here, not {raw!r}. Put the values in brackets.")
        return REFUSED
    read = [decode(element, one, place.item(_label(one, index))) for index, one in enumerate(raw, start=1)]
    return REFUSED if any(one is REFUSED for one in read) else tuple(read)


def _label(raw: object, index: int) -> str:
    if isinstance(raw, dict):
        for name in ("code", "purpose", "phrase", "key"):
            if isinstance(raw.get(name), str):
                return cast("str", raw[name])
    return str(index)


def _decode_union(members: tuple[object, ...], raw: object, place: Place) -> object:
    kinds = [cast("type", member) for member in members if member is not types.NoneType]
    if raw is None and len(kinds) < len(members):
        return None
    if len(kinds) == 1:
        return decode(kinds[0], raw, place)
    known = {str(vars(kind)["kind"]): kind for kind in kinds}
    tag = raw.get("kind") if isinstance(raw, Mapping) else None
    if not isinstance(raw, Mapping) or tag not in known:
        place.at("kind").refuse(FORM, f"kind {tag!r} is not in the closed list. Use one of {', '.join(known)}.")
        return REFUSED
    return decode(known[tag], {key: value for key, value in raw.items() if key != "kind"}, place)


@cache
def _hints(kind: type) -> Mapping[str, object]:
    return get_type_hints(kind)


def _decode_table(kind: type, raw: object, place: Place) -> object:
    if not isinstance(raw, Mapping):
        place.refuse(FORM, f"a table is needed here, not {raw!r}. Write its keys.")
        return REFUSED
    hints = _hints(kind)
    known = {one.name: one for one in dataclasses.fields(kind)}
    before = len(place.problems)
    for key in raw:
        if key not in known:
            _refuse_key(str(key), place)
    values: dict[str, object] = {}
    for name, one in known.items():
        if name in raw:
            values[name] = decode(hints[name], raw[name], place.at(name))
        elif one.default is dataclasses.MISSING:
            rule = MISSING_KEYS.get((kind.__name__, name), FORM)
            reason = f": {why(rule)}" if rule in ("R6", "R25") else ""
            place.at(name).refuse(rule, f"{name} is missing{reason}. Add it.")
    if len(place.problems) > before:
        return REFUSED
    return _build(cast("Callable[..., object]", kind), values, place)


def _refuse_key(key: str, place: Place) -> None:
    rule = REFUSED_KEYS.get(key)
    if rule is not None:
        place.at(key).refuse(rule, f"{key} is refused: {why(rule)}. Take it out of the programme.")
    else:
        place.at(key).refuse(FORM, f"the key {key} is unknown. Check its spelling or take it out.")


def _build(kind: Callable[..., object], values: dict[str, object], place: Place) -> object:
    try:
        return kind(**values)
    except ValueError as problem:
        rule = "R25" if place.key.endswith("baseline") else "R6" if place.key.endswith("legal_basis") else FORM
        place.refuse(rule, f"{problem}. Write the missing part.")
        return REFUSED
