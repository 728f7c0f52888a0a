"""From the text of a programme file to its document, or to the list of what is wrong with it.

In a file the marks are written by reference: `sources.report = ["points"]` names values that the reference
`report` states, and `sources.own = "rest"` says that every value not named is the programme's own.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias, TypeVar, cast

from domain.programmes.rules.codec import REFUSED, decode
from domain.programmes.rules.document import Product, ProgrammeDocument, RuleSetDocument
from domain.programmes.rules.problems import FORM, LINK, Place, Problem
from domain.programmes.rules.terms import EvidenceMark
from domain.values import Words

Table: TypeAlias = dict[str, object]
T = TypeVar("T")

REST = "rest"
# Parts whose values are marked one by one.
NESTED = ("shape", "allowance", "season", "claim_window", "clocks")
# Not values of their own: names, the marks themselves, and parts that carry their own marks.
UNMARKED = frozenset(
    {
        "code",
        "sources",
        "references",
        "items",
        "rule_set",
        "catalogue",
        "products",
        "refused",
        "volunteer_hours",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A source that values of the file name, with its mark."""

    code: str
    source: Words
    evidence: EvidenceMark


def parse_programme(text: str, file: str) -> ProgrammeDocument | list[Problem]:
    """The programme in this text; nothing is read beyond it."""
    return _parse(ProgrammeDocument, text, file)


def parse_rule_set(text: str, file: str) -> RuleSetDocument | list[Problem]:
    """The rule set drafted in this text: the table `rule_set` of a programme file, by itself."""
    return _parse(RuleSetDocument, text, file)


def parse_product(text: str, file: str) -> Product | list[Problem]:
    """The product drafted in this text: one table of `products`, by itself."""
    return _parse(Product, text, file)


def _parse(kind: type[T], text: str, file: str) -> T | list[Problem]:
    place = Place(file=file)
    try:
        raw: Table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        place.refuse(FORM, f"the file is no TOML: {problem}. Correct that line.")
        return place.problems
    references = _references(raw.pop("references", []), place)
    if place.problems:
        return place.problems
    for table, where in _marked_tables(raw, place):
        _expand(table, references, where)
    value = decode(kind, raw, place)
    return place.problems if place.problems or value is REFUSED else cast("T", value)


def _references(raw: object, place: Place) -> Mapping[str, Reference]:
    read = decode(tuple[Reference, ...], raw, place.at("references"))
    if read is REFUSED:
        return {}
    return {one.code: one for one in cast("tuple[Reference, ...]", read)}


def _marked_tables(raw: Table, place: Place) -> Iterator[tuple[Table, Place]]:
    yield raw, place
    rule_set = raw.get("rule_set")
    if isinstance(rule_set, dict):
        yield rule_set, place.at("rule_set")
        yield from _listed(rule_set, "items", place.at("rule_set"))
    yield from _listed(raw, "items", place)
    yield from _listed(raw, "catalogue", place)
    yield from _listed(raw, "products", place)


def _listed(table: Table, key: str, place: Place) -> Iterator[tuple[Table, Place]]:
    listed = table.get(key)
    for number, one in enumerate(listed if isinstance(listed, list) else [], start=1):
        if isinstance(one, dict):
            yield one, place.at(key).item(str(one.get("code", number)))


def value_keys(table: Mapping[str, object]) -> list[str]:
    """The keys of a table that need a mark: nested parts by key, ways by number, bands and fields by code."""
    keys: list[str] = []
    for key, value in table.items():
        if key in UNMARKED:
            continue
        if key in NESTED and isinstance(value, Mapping):
            keys += [f"{key}.{name}" for name in value if name != "kind"]
        elif key == "ways" and isinstance(value, list):
            keys += [f"ways.{number}" for number in range(1, len(value) + 1)]
        elif key in ("bands", "fields") and isinstance(value, list):
            tables = [one for one in value if isinstance(one, Mapping)]
            keys += [f"{key}.{one.get('code')}.{name}" for one in tables for name in one if name != "code"]
        else:
            keys.append(key)
    return keys


def covers(mark: str, key: str) -> bool:
    """Whether a mark speaks for a value: it names it, or the part that holds it."""
    return key == mark or key.startswith(f"{mark}.")


def _expand(table: Table, references: Mapping[str, Reference], place: Place) -> None:
    written = table.get("sources")
    if not isinstance(written, dict):
        return
    where = place.at("sources")
    named = [str(key) for keys in written.values() if isinstance(keys, list) for key in keys]
    marks: list[Table] = []
    for code, keys in written.items():
        reference = references.get(code)
        if reference is None:
            where.at(code).refuse(LINK, f"no reference has the code {code}. Add it under [[references]].")
        elif keys == REST:
            rest = [key for key in value_keys(table) if not any(covers(mark, key) for mark in named)]
            marks += [_mark(key, reference) for key in rest]
        elif isinstance(keys, list):
            marks += [_mark(str(key), reference) for key in keys]
        else:
            where.at(code).refuse(FORM, f'a list of keys or "{REST}" is needed here. Name the values it states.')
    table["sources"] = marks


def _mark(key: str, reference: Reference) -> Table:
    source = {"zh": reference.source.zh, "en": reference.source.en}
    return {"key": key, "source": source, "evidence": reference.evidence.value}
