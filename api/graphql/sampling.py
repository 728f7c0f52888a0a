"""The stretches of service that wait for the programme office, by volunteer number and without a name."""

from typing import Any

import strawberry

from api.graphql.context import Info
from api.graphql.organiser import OrganiserService, organiser_service_of
from api.graphql.types import Connection, connection
from api.graphql.view import Asked, Section
from domain.values import Fragment
from domain.volunteering.queries import shapes


def build_sampled(asked: Asked) -> Fragment:
    """One page of what waits for the office."""
    page = asked.page()
    after = None if page.after is None else int(str(page.after[0]))
    return shapes.sampled_fragment(asked.name, first=page.first, after=after)


def read_sampled(rows: Any, asked: Asked) -> Connection[OrganiserService]:
    """One page of what waits for the office."""
    return connection(
        asked, rows, node=lambda row: organiser_service_of(row, asked.context), key=lambda row: (row["id"],)
    )


SAMPLED = Section("Office", "sampledServices", build=build_sampled, read=read_sampled)
SECTIONS = (SAMPLED,)


@strawberry.type
class SamplingOfOffice:
    @strawberry.field(
        description="Stretches that nobody has confirmed in time, that bear a signal, or that were drawn: one "
        "confirmed stretch in twenty."
    )
    def sampled_services(
        self, info: Info, first: int | None = 50, after: str | None = None
    ) -> Connection[OrganiserService]:
        return SAMPLED.of(info)
