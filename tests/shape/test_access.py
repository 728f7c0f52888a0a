"""Who may use what: every root field and every type has a decision, and every role meets it over HTTP."""

import json
from collections.abc import Iterator
from uuid import UUID

import pytest
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    get_named_type,
    is_composite_type,
    is_list_type,
    is_non_null_type,
    is_union_type,
)

from api.database import Database, WorkerDatabase
from api.graphql import access, ids
from api.graphql.schema import build
from domain.actor import Role
from tests.api.city import City

SCHEMA = build().schema
ROLES = sorted(access.EVERYONE)
KEY = UUID(int=7)
PLACEHOLDERS = {
    "ID": '"unknown"',
    "String": '"x"',
    "Int": "1",
    "Float": "1.5",
    "Boolean": "true",
    "Amount": "1",
    "Date": '"2026-01-01"',
    "DateTime": '"2026-01-01T00:00:00Z"',
    "UUID": f'"{KEY}"',
}


def root_fields() -> Iterator[tuple[str, str, GraphQLField]]:
    """Every way in: query or mutation, its name, its definition."""
    for operation, kind in (("query", SCHEMA.query_type), ("mutation", SCHEMA.mutation_type)):
        if kind is not None:
            for name, field in kind.fields.items():
                yield operation, name, field


def decision(operation: str, name: str) -> access.Roles:
    table = access.QUERIES if operation == "query" else access.MUTATIONS
    return table.get(name, frozenset())


def literal(kind: GraphQLInputType) -> str:
    """The smallest value of this type that is well formed."""
    if is_non_null_type(kind):
        return literal(kind.of_type)
    if is_list_type(kind):
        return f"[{literal(kind.of_type)}]"
    if isinstance(kind, GraphQLEnumType):
        return next(iter(kind.values))
    if isinstance(kind, GraphQLInputObjectType):
        required = {name: one for name, one in kind.fields.items() if isinstance(one.type, GraphQLNonNull)}
        return "{" + " ".join(f"{name}: {literal(one.type)}" for name, one in required.items()) + "}"
    return PLACEHOLDERS[get_named_type(kind).name]


def document(operation: str, name: str, field: GraphQLField, **given: str) -> str:
    """Asks for one root field with placeholders, and for its refusal where it has one."""
    values = {one: given.get(one, literal(argument.type)) for one, argument in field.args.items() if needed(argument)}
    arguments = "(" + " ".join(f"{one}: {value}" for one, value in values.items()) + ")" if values else ""
    kind = get_named_type(field.type)
    selection = ""
    if is_union_type(kind):
        selection = "{ __typename ... on UserError { errorCode message inputField } }"
    elif is_composite_type(kind):
        selection = "{ __typename }"
    return f"{operation} {{ {name}{arguments} {selection} }}"


def needed(argument: GraphQLArgument) -> bool:
    return isinstance(argument.type, GraphQLNonNull)


CELLS = [(operation, name, field, role) for operation, name, field in root_fields() for role in ROLES]


@pytest.fixture(scope="module")
async def city(database: Database, worker: WorkerDatabase) -> City:
    return await City(database, worker).seeded()


def test_somebody_has_decided_on_every_root_field() -> None:
    undecided = {f"{operation} {name}" for operation, name, _ in root_fields() if not decision(operation, name)}
    assert undecided == set()


def test_somebody_has_decided_on_every_type() -> None:
    roots = {SCHEMA.query_type, SCHEMA.mutation_type, SCHEMA.subscription_type}
    objects = {
        kind.name
        for kind in SCHEMA.type_map.values()
        if isinstance(kind, GraphQLObjectType) and kind not in roots and not kind.name.startswith("__")
    }
    pages = {name for name in objects if name.endswith(("Connection", "Edge"))}
    assert objects - pages - access.TYPES.keys() == set()


def test_decisions_name_only_what_exists_or_will() -> None:
    contract = {name for operation, name, _ in root_fields()} | set(access.QUERIES) | set(access.MUTATIONS)
    assert set(access.QUERIES) | set(access.MUTATIONS) <= contract
    assert Role.WORKER not in frozenset().union(*access.QUERIES.values(), *access.MUTATIONS.values())


@pytest.mark.parametrize(
    ("operation", "name", "field", "role"), CELLS, ids=[f"{name}-{role}" for _, name, _, role in CELLS]
)
async def test_each_role_passes_only_the_doors_that_are_its_own(
    city: City, operation: str, name: str, field: GraphQLField, role: Role
) -> None:
    caller = None if role is Role.ANONYMOUS else await city.caller(role)
    async with city.client(caller) as client:
        answer = await client.answer(document(operation, name, field))
    refused = is_refused(answer, operation, name)
    assert refused == (role not in decision(operation, name)), json.dumps(answer, ensure_ascii=False)
    if refused and operation == "query":
        assert answer["data"] == {name: None}
        assert [error["path"] for error in answer["errors"]] == [[name]]


def is_refused(answer: dict[str, object], operation: str, name: str) -> bool:
    """Whether the door itself refused; a refusal for another reason comes from behind it."""
    text = json.dumps(answer)
    return "This is not for the role you act in" in text or "Please sign in first." in text


def by_id() -> list[tuple[str, str, GraphQLField, str]]:
    """Every root field that takes the id of one object, with the argument's name."""
    return [
        (operation, name, field, argument)
        for operation, name, field in root_fields()
        for argument, definition in field.args.items()
        if get_named_type(definition.type).name == "ID" and not isinstance(definition.type, GraphQLList)
    ]


# What the ids of a kind are made of; the numbers are those of nobody, or of somebody else.
KINDS = sorted({"consent", "access", "citizen", "file", "presentation", "redemption", "record", "score", "benefit"})


@pytest.mark.parametrize(("operation", "name", "field", "argument"), by_id(), ids=[one[1] for one in by_id()])
@pytest.mark.parametrize("kind", KINDS)
async def test_absent_forged_and_foreign_objects_answer_to_the_letter_alike(
    city: City, operation: str, name: str, field: GraphQLField, argument: str, kind: str
) -> None:
    own = await city.caller(Role.CITIZEN, 1)
    foreign = await city.caller(Role.CITIZEN, 2)
    role = sorted(decision(operation, name) - {Role.ANONYMOUS})[0]
    caller = own if role is Role.CITIZEN else await city.caller(role)
    absent_id = ids.seal(city.database.vault, kind, 2**40, 2**40)
    foreign_id = ids.seal(city.database.vault, kind, foreign.person_id or 0, foreign.person_id or 0)
    answers = []
    async with city.client(caller) as client:
        for text in ("forged", absent_id, foreign_id):
            answer = await client.answer(document(operation, name, field, **{argument: f'"{text}"'}))
            answers.append({**answer, "extensions": None})
    assert answers[0] == answers[1] == answers[2]
