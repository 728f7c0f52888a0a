"""The citizen: one person in one programme, put together from what every room knows of them."""

from typing import Any

import strawberry

from api.graphql.accounts import AccountsOfCitizen
from api.graphql.context import Context, Info
from api.graphql.incentives import BenefitsOfCitizen
from api.graphql.leaving import LeavingOfCitizen
from api.graphql.notices import NoticesOfCitizen
from api.graphql.people import PeopleOfCitizen
from api.graphql.programmes import Programme, programme_of
from api.graphql.redemption import RedemptionsOfCitizen
from api.graphql.reservations import ReservationsOfCitizen
from api.graphql.rights import RightsOfCitizen
from api.graphql.scoring import ScoringOfCitizen
from api.graphql.types import Node
from api.graphql.verification import VerificationOfCitizen
from api.graphql.view import Asked, Section
from api.graphql.volunteering import VolunteeringOfCitizen
from api.graphql.vouchers import VouchersOfCitizen
from domain.errors import NotFound
from domain.people.queries import person_fragment
from domain.values import Fragment, words

_NAMELESS = words("未提供姓名", "No name given")


@strawberry.type(description="One person in one programme, as only they see themselves.")
class Citizen(
    PeopleOfCitizen,
    ScoringOfCitizen,
    BenefitsOfCitizen,
    RedemptionsOfCitizen,
    VouchersOfCitizen,
    ReservationsOfCitizen,
    AccountsOfCitizen,
    VolunteeringOfCitizen,
    RightsOfCitizen,
    NoticesOfCitizen,
    LeavingOfCitizen,
    VerificationOfCitizen,
    Node,
):
    display_name: str
    programme: Programme


def read_citizen(person: Any, asked: Asked) -> Citizen:
    """The signed-in person; before joining as well."""
    subject = asked.subject
    return Citizen(
        id=asked.context.seal("citizen", subject.person or 0, subject.programme or 0),
        display_name=name_of(person, asked.context),
        programme=programme_of(asked.context, subject.programme or 0),
    )


def name_of(person: Any, context: Context) -> str:
    """The name that the issuer gave, opened with the person's key."""
    if person["name"] is None or person["key"] is None:
        return context.speak(_NAMELESS)
    return context.vault.open(bytes.fromhex(person["key"]), "name", bytes.fromhex(person["name"]))


def build_citizen(asked: Asked) -> Fragment:
    """The caller; an id of somebody else is no id at all. Raises: NotFound."""
    if asked.key not in ((), (asked.subject.person, asked.subject.programme)):
        raise NotFound
    return person_fragment()


CITIZEN: Section[Citizen] = Section("Citizen", None, build=build_citizen, read=read_citizen)
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
