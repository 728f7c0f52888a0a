"""Where a programme is run: everything that its officers and approvers see, put together from every room."""

import strawberry

from api.graphql.case_work import CasesOfOffice
from api.graphql.claims import ClaimsOfOffice
from api.graphql.context import Info
from api.graphql.organisations import OrganisationsOfOffice
from api.graphql.programmes import Programme, programme_of
from api.graphql.releases import ReleasesOfOffice
from api.graphql.sampling import SamplingOfOffice
from api.graphql.stock import StockOfOffice
from api.graphql.view import Asked, Section
from domain.values import Fragment


@strawberry.type(description="The office of one programme.")
class Office(CasesOfOffice, ClaimsOfOffice, OrganisationsOfOffice, ReleasesOfOffice, SamplingOfOffice, StockOfOffice):
    programme: Programme


def read_office(row: object, asked: Asked) -> Office:
    """The office is known from the token; only what lies on its desks is read."""
    number = asked.subject.programme or 0
    return Office(known=asked.context.reference.programmes[number], programme=programme_of(asked.context, number))


OFFICE = Section("Office", None, build=lambda asked: Fragment(sql="SELECT json_build_object()"), read=read_office)
SECTIONS = (OFFICE,)


@strawberry.type
class OfficeQuery:
    @strawberry.field(description="The office of the signed-in officer's or approver's programme.")
    async def office(self, info: Info) -> Office | None:
        # Kept, since a look at a list is written down for those on it.
        async with info.context.transaction() as unit:
            office: Office | None = await info.context.view.load(info, unit, "Office")
            await info.context.note_looks(unit)
            return office
