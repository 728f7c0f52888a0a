"""Any object by its id: published ones from memory, a person's own from the database, and null for all others."""

from collections.abc import Callable, Mapping
from typing import Final

import strawberry

from api.graphql import (
    accounts,
    case_work,
    certificates,
    citizen,
    desk,
    ids,
    incentives,
    notices,
    organiser,
    people,
    redemption,
    releases,
    reservations,
    rights,
    scoring,
    sources,
    staff,
    volunteer_records,
    volunteering,
)
from api.graphql.context import Context, Info
from api.graphql.products import merchant_of, organisation_of, visible_product
from api.graphql.programmes import programme_of
from api.graphql.rule_sets import visible_rule_set
from api.graphql.types import Node
from domain.errors import NotAllowed, NotFound

PUBLISHED: Final[Mapping[str, Callable[[Context, int], Node]]] = {
    "programme": programme_of,
    "rule_set": visible_rule_set,
    "product": visible_product,
    "merchant": merchant_of,
    "organisation": organisation_of,
}
# Kind of id → type with a Section of its own: Section("Consent", None, …).
LOADED: Final[Mapping[str, str]] = {
    **people.NODES,
    **citizen.NODES,
    **scoring.NODES,
    **incentives.NODES,
    **redemption.NODES,
    **reservations.NODES,
    **accounts.NODES,
    **desk.NODES,
    **volunteering.NODES,
    **organiser.NODES,
    **certificates.NODES,
    **volunteer_records.NODES,
    **sources.NODES,
    **staff.NODES,
    **rights.NODES,
    **case_work.NODES,
    **notices.NODES,
    **releases.NODES,
}


@strawberry.type
class NodeQuery:
    @strawberry.field(
        description="Any object that the caller may see, by its id; null when there is none, or none for this caller."
    )
    async def node(self, info: Info, id: strawberry.ID) -> Node | None:  # noqa: A002
        try:
            return await _find(info, id)
        except (NotFound, NotAllowed):
            return None


async def _find(info: Info, text: str) -> Node | None:
    context = info.context
    kind, key = ids.opened(context.vault, text)
    # Kept, since a look at a volunteer is written down for them.
    async with context.transaction() as unit:
        if kind in PUBLISHED:
            if kind == "programme":
                await context.view.load_below(info, unit, "Programme")
            return _published(context, kind, key[0])
        if kind not in LOADED:
            raise NotFound
        type_name = LOADED[kind]
        found: Node | None = await context.view.load(info, unit, type_name, key=key)
        await context.note_looks(unit)
        return found


def _published(context: Context, kind: str, number: int) -> Node | None:
    try:
        return PUBLISHED[kind](context, number)
    except KeyError:
        return None
