"""The printed schema against the contract: nothing differs, and what is missing stands in a list that only shrinks."""

from pathlib import Path

from graphql import build_schema, find_breaking_changes
from graphql.utilities import BreakingChangeType

from api.graphql.schema import build

HERE = Path(__file__).parent
PRINTED = Path(__file__).parents[2] / "api" / "graphql" / "schema.graphql"
REMOVALS = frozenset(
    {
        BreakingChangeType.TYPE_REMOVED,
        BreakingChangeType.FIELD_REMOVED,
        BreakingChangeType.ARG_REMOVED,
        BreakingChangeType.TYPE_REMOVED_FROM_UNION,
        BreakingChangeType.VALUE_REMOVED_FROM_ENUM,
        BreakingChangeType.IMPLEMENTED_INTERFACE_REMOVED,
    }
)


def missing_and_different() -> tuple[set[str], set[str]]:
    """What the contract has and the schema lacks, and what both have in forms that do not agree."""
    contract = build_schema((HERE / "contract.graphql").read_text(encoding="utf-8"))
    changes = find_breaking_changes(contract, build_schema(build().text))
    missing = {change.description for change in changes if change.type in REMOVALS}
    return missing, {change.description for change in changes} - missing


def test_what_the_schema_has_agrees_with_the_contract() -> None:
    assert missing_and_different()[1] == set()


def test_the_list_of_what_is_missing_is_exact_so_that_it_only_shrinks() -> None:
    listed = set((HERE / "missing.txt").read_text(encoding="utf-8").splitlines())
    missing, _ = missing_and_different()
    assert missing - listed == set(), "the schema lacks what it had before"
    assert listed - missing == set(), "this is there now: take it off the list"


def test_the_printed_schema_is_current() -> None:
    assert PRINTED.read_text(encoding="utf-8") == build().text + "\n", "run: benefits schema"


def test_every_public_field_says_what_it_is_or_has_the_contracts_words() -> None:
    schema = build().schema
    bare = {
        f"{kind.name}.{name}"
        for kind in (schema.query_type, schema.mutation_type)
        if kind is not None
        for name, field in kind.fields.items()
        if not field.description
    }
    assert bare == set()
