"""The schema, assembled from the rooms' files, and the view that reads it."""

from dataclasses import dataclass
from functools import cache
from typing import Final

import strawberry
from graphql import GraphQLSchema
from strawberry.schema.config import StrawberryConfig

from api.graphql import (
    access,
    accounts,
    audit,
    case_subjects,
    case_work,
    certificates,
    citizen,
    claims,
    desk,
    incentives,
    leaving,
    look_up,
    next_benefit,
    notices,
    office,
    organisations,
    organiser,
    people,
    programmes,
    redemption,
    releases,
    reservations,
    rights,
    sampling,
    scoring,
    sources,
    staff,
    statements,
    stock,
    verification,
    volunteer_records,
    volunteering,
    vouchers,
)
from api.graphql.accounts import AccountMutation
from api.graphql.attendance import AttendanceMutation, EarlierHoursMutation, GuardianMutation
from api.graphql.audit import AuditQuery
from api.graphql.case_work import OfficeCasesMutation
from api.graphql.certificates import CertificateMutation, CertificateQuery, CertificateStaffMutation
from api.graphql.citizen import CitizenQuery
from api.graphql.claims import ClaimMutation
from api.graphql.desk import DeskMutation, DeskQuery
from api.graphql.feed import Subscription
from api.graphql.look_up import LookUpMutation
from api.graphql.membership import MembershipMutation
from api.graphql.nodes import NodeQuery
from api.graphql.notices import NoticesMutation
from api.graphql.offering import ProductsMutation
from api.graphql.office import OfficeQuery
from api.graphql.organisations import OrganisationMutation
from api.graphql.organiser import OrganiserQuery
from api.graphql.people import AccessEvent, Consent
from api.graphql.products import Organisation
from api.graphql.programmes import ProgrammesQuery
from api.graphql.redemption import PresentMutation
from api.graphql.releasing import RulesMutation
from api.graphql.reservations import ReservationMutation
from api.graphql.rights import RightsMutation
from api.graphql.serving import OrganiserMutation, VolunteerMutation
from api.graphql.sources import SourceMutation, SourceQuery
from api.graphql.staff import StaffMutation
from api.graphql.statements import StatementMutation
from api.graphql.types import SCALARS
from api.graphql.view import View
from api.graphql.volunteer_records import RecordsMutation
from api.graphql.volunteering import VolunteeringQuery

SECTIONS: Final = (
    *programmes.SECTIONS,
    *office.SECTIONS,
    *releases.SECTIONS,
    *citizen.SECTIONS,
    *people.SECTIONS,
    *scoring.SECTIONS,
    *incentives.SECTIONS,
    *redemption.SECTIONS,
    *accounts.SECTIONS,
    *claims.SECTIONS,
    *vouchers.SECTIONS,
    *reservations.SECTIONS,
    *desk.SECTIONS,
    *look_up.SECTIONS,
    *volunteering.SECTIONS,
    *organiser.SECTIONS,
    *organisations.SECTIONS,
    *staff.SECTIONS,
    *statements.SECTIONS,
    *sampling.SECTIONS,
    *stock.SECTIONS,
    *certificates.SECTIONS,
    *volunteer_records.SECTIONS,
    *next_benefit.SECTIONS,
    *sources.SECTIONS,
    *rights.SECTIONS,
    *case_subjects.SECTIONS,
    *case_work.SECTIONS,
    *notices.SECTIONS,
    *leaving.SECTIONS,
    *verification.SECTIONS,
    *audit.SECTIONS,
)


@strawberry.type
class Query(
    ProgrammesQuery,
    CitizenQuery,
    VolunteeringQuery,
    CertificateQuery,
    OrganiserQuery,
    DeskQuery,
    SourceQuery,
    OfficeQuery,
    AuditQuery,
    NodeQuery,
):
    pass


@strawberry.type
class Mutation(
    MembershipMutation,
    PresentMutation,
    ReservationMutation,
    AccountMutation,
    ClaimMutation,
    VolunteerMutation,
    GuardianMutation,
    EarlierHoursMutation,
    CertificateMutation,
    OrganiserMutation,
    AttendanceMutation,
    CertificateStaffMutation,
    RecordsMutation,
    DeskMutation,
    OrganisationMutation,
    StaffMutation,
    StatementMutation,
    SourceMutation,
    LookUpMutation,
    RightsMutation,
    NoticesMutation,
    OfficeCasesMutation,
    RulesMutation,
    ProductsMutation,
):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """What serves a request: the schema to execute, and the view that loads for it."""

    schema: GraphQLSchema
    view: View
    text: str


@cache
def build() -> Api:
    """The one schema of this program."""
    built = strawberry.Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=[Organisation, Consent, AccessEvent],
        config=StrawberryConfig(scalar_map=SCALARS, disable_field_suggestions=True),
    )
    schema = built._schema
    access.guard(schema)
    return Api(schema=schema, view=View(schema, SECTIONS), text=built.as_str())
