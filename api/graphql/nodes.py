"""Any object by its id: published ones from memory, a person's own from the database, and null for all others."""

from collections.abc import Callable, Mapping
from typing import Final

import strawberry

from api.graphql import access, citizen, ids, organiser, people, volunteering
from api.graphql.context import Context, Info
from api.graphql.products import merchant_of, organisation_of, product_of
from api.graphql.programmes import programme_of
from api.graphql.rule_sets import rule_set_of
from api.graphql.types import Node
from domain.errors import NotAllowed, NotFound

PUBLISHED: Final[Mapping[str, Callable[[Context, int], Node]]] = {
    "programme": programme_of,
    "rule_set": rule_set_of,
    "product": product_of,
    "merchant": merchant_of,
    "organisation": organisation_of,
}
# Kind of id → type with a Section of its own: Section("Consent", None, …).
LOADED: Final[Mapping[str, str]] = people.NODES | citizen.NODES | volunteering.NODES | organiser.NODES


@strawberry.type
class NodeQuery:
    @strawberry.field(
        description="Any object that the caller may see, by its id; null when there is none, or none for this caller."
    )
    async def node(self, info: Info, id: strawberry.ID) -> Node | None:  # noqa: A002
        try:
            return await _find(info, id)
        except (NotFound, NotAllowed, KeyError):
            return None


async def _find(info: Info, text: str) -> Node | None:
    context = info.context
    kind, key = ids.opened(context.vault, text)
    async with context.reading() as unit:
        if kind in PUBLISHED:
            return PUBLISHED[kind](context, key[0])
        type_name = LOADED[kind]
        access.require_type(unit.actor.role, type_name)
        found: Node | None = await context.view.load(info, unit, type_name, key=key)
        return found
