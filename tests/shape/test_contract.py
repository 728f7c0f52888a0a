"""The printed schema against the contract: more is fine, less and different are not."""

from pathlib import Path

from graphql import build_schema, find_breaking_changes

from api.graphql.schema import build

HERE = Path(__file__).parent
PRINTED = Path(__file__).parents[2] / "api" / "graphql" / "schema.graphql"


def test_the_schema_has_everything_that_the_contract_has() -> None:
    contract = build_schema((HERE / "contract.graphql").read_text(encoding="utf-8"))
    assert [change.description for change in find_breaking_changes(contract, build_schema(build().text))] == []


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
