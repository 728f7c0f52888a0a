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
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_composite_type,
    is_list_type,
    is_non_null_type,
    is_union_type,
)

from api.database import Database, WorkerDatabase
from api.graphql import access, ids, nodes
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
# Arguments that are read before the object is looked for.
WELL_FORMED = {"month": '"2026-06"'}


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
    known = WELL_FORMED | given
    values = {one: known.get(one, literal(argument.type)) for one, argument in field.args.items() if needed(argument)}
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


def test_no_decision_is_for_the_worker_who_speaks_no_graphql() -> None:
    tables = (*access.QUERIES.values(), *access.MUTATIONS.values(), *access.TYPES.values())
    assert Role.WORKER not in frozenset().union(*tables)


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


def below(kind: GraphQLNamedType, role: Role) -> set[str]:
    """The object types that a value of this type may lead to. A node of any kind is checked when it is looked for."""
    if is_abstract_type(kind):
        possible = {one.name for one in SCHEMA.get_possible_types(kind)}
        return {name for name in possible if kind.name != "Node" or role in access.TYPES[name]}
    return {kind.name} if isinstance(kind, GraphQLObjectType) else set()


@pytest.mark.parametrize("role", ROLES)
def test_no_role_can_reach_a_type_that_is_not_for_it(role: Role) -> None:
    waiting = [field for operation, name, field in root_fields() if role in decision(operation, name)]
    reached: set[str] = set()
    while waiting:
        fresh = below(get_named_type(waiting.pop().type), role) - reached
        reached |= fresh
        for name in fresh:
            fields = SCHEMA.type_map[name].fields
            waiting += [fields[one] for one in fields if role in access.FIELDS.get(f"{name}.{one}", access.EVERYONE)]
    pages = {name for name in reached if name.endswith(("Connection", "Edge"))}
    assert {name for name in reached - pages if role not in access.TYPES[name]} == set()


def own_objects(kind: GraphQLObjectType, depth: int) -> str:
    """A selection that finds the ids of everything below a citizen."""
    parts = ["__typename"]
    for name, field in kind.fields.items():
        target = get_named_type(field.type)
        if name == "id" and "Node" in (one.name for one in kind.interfaces):
            parts.append("id")
        if not isinstance(target, GraphQLObjectType) or depth == 0 or any(map(needed, field.args.values())):
            continue
        if (inner := own_objects(target, depth - 1)) != "__typename":
            parts.append(f"{name} {{ {inner} }}")
    return " ".join(parts)


def found_in(value: object) -> Iterator[tuple[str, str]]:
    """Type and id of every node in an answer."""
    if isinstance(value, dict):
        if "id" in value:
            yield value["__typename"], value["id"]
        for one in value.values():
            yield from found_in(one)
    elif isinstance(value, list):
        for one in value:
            yield from found_in(one)


@pytest.fixture(scope="module")
async def of_citizen_1(city: City) -> dict[str, str]:
    """One real object of each kind that citizen 1 has and that is not everyone's."""
    selection = own_objects(SCHEMA.type_map["Citizen"], 4)
    async with city.client(await city.caller(Role.CITIZEN, 1)) as phone:
        objects = dict(found_in(await phone.ask(f"{{ me {{ {selection} }} }}")))
    return {kind: own for kind, own in objects.items() if access.TYPES[kind] != access.EVERYONE}


NODE = "query ($id: ID!) { node(id: $id) { __typename id } }"


async def test_whoever_has_an_object_finds_it_by_its_id(city: City, of_citizen_1: dict[str, str]) -> None:
    assert {"Citizen", "Consent"} <= of_citizen_1.keys()
    async with city.client(await city.caller(Role.CITIZEN, 1)) as phone:
        found = {kind: await phone.ask(NODE, id=own) for kind, own in of_citizen_1.items()}
    assert found == {kind: {"__typename": kind, "id": own} for kind, own in of_citizen_1.items()}


@pytest.mark.parametrize("role", ROLES)
async def test_a_foreign_object_is_no_object(city: City, of_citizen_1: dict[str, str], role: Role) -> None:
    stranger = None if role is Role.ANONYMOUS else await city.caller(role, 2 if role is Role.CITIZEN else 1)
    async with city.client(stranger) as client:
        answers = {kind: await client.answer(NODE, id=own) for kind, own in of_citizen_1.items()}
        absent = await client.answer(NODE, id=ids.seal(city.database.vault, "consent", 2**40))
    assert absent == {"data": {"node": None}}
    assert answers == dict.fromkeys(of_citizen_1, absent)


def by_id() -> list[tuple[str, str, GraphQLField, str]]:
    """Every root field that takes the id of one object, with the argument's name."""
    return [
        (operation, name, field, argument)
        for operation, name, field in root_fields()
        for argument, definition in field.args.items()
        if get_named_type(definition.type).name == "ID" and not is_list_type(get_nullable_type(definition.type))
    ]


@pytest.mark.parametrize(("operation", "name", "field", "argument"), by_id(), ids=[one[1] for one in by_id()])
async def test_absent_forged_and_foreign_objects_answer_to_the_letter_alike(
    city: City, of_citizen_1: dict[str, str], operation: str, name: str, field: GraphQLField, argument: str
) -> None:
    allowed = decision(operation, name)
    role = Role.CITIZEN if Role.CITIZEN in allowed else min(allowed - {Role.ANONYMOUS})
    vault = city.database.vault
    absent = [ids.seal(vault, kind, 2**40) for kind in nodes.PUBLISHED]
    for own in of_citizen_1.values():
        kind, parts = ids.opened(vault, own)
        absent.append(ids.seal(vault, kind, *(2**40 for _ in parts)))
    async with city.client(await city.caller(role, 2 if role is Role.CITIZEN else 1)) as client:
        answers = [
            await client.answer(document(operation, name, field, **{argument: f'"{text}"'}))
            for text in ("forged", *absent, *of_citizen_1.values())
        ]
    assert [answer for answer in answers if answer != answers[0]] == []
