"""The citizen: one person in one programme, put together from what every room knows of them."""

from typing import Any

import strawberry

from api.graphql.context import Info
from api.graphql.people import PeopleOfCitizen
from api.graphql.types import Node
from api.graphql.view import Asked, Section
from domain.people.queries import person_fragment
from domain.values import words

_NAMELESS = words("未提供姓名", "No name given")


@strawberry.type(description="One person in one programme, as only they see themselves.")
class Citizen(PeopleOfCitizen, Node):
    display_name: str


def read_citizen(person: Any, asked: Asked) -> Citizen:
    """The signed-in person; before joining as well."""
    context, subject = asked.context, asked.subject
    name = context.speak(_NAMELESS)
    if person["name"] is not None and person["key"] is not None:
        name = context.vault.open(bytes.fromhex(person["key"]), "name", bytes.fromhex(person["name"]))
    return Citizen(
        id=context.seal("citizen", subject.person or 0, subject.programme or 0),
        display_name=name,
    )


CITIZEN: Section[Citizen] = Section("Citizen", None, build=lambda asked: person_fragment(), read=read_citizen)
SECTIONS = (CITIZEN,)
NODES = {"citizen": "Citizen"}


@strawberry.type
class CitizenQuery:
    @strawberry.field(description="The signed-in citizen, in the named programme or the one signed in for.")
    async def me(self, info: Info, programme: str | None = None) -> Citizen | None:
        async with info.context.reading(programme) as unit:
            info.context.programme(unit)
            citizen: Citizen | None = await info.context.view.load(info, unit, "Citizen")
            return citizen
