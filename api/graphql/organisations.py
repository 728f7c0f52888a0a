"""Organisations on their way into a programme: they apply, sign its commitment, and the office decides."""

from datetime import date
from typing import Annotated, Any, TypeAlias
from uuid import UUID

import strawberry

from api.graphql.context import Context, Info
from api.graphql.errors import UserError
from api.graphql.products import Organisation, OrganisationStatus, commitment_of
from api.graphql.reference import KnownCommitment
from api.graphql.view import Asked, Section
from domain.errors import NotFound
from domain.programmes.actions import admissions as actions
from domain.programmes.queries.admissions import applications_fragment, organisation_fragment
from domain.programmes.rules.admissions import Application
from domain.programmes.rules.terms import OrganisationKind
from domain.values import Fragment, Words

OrganisationResult: TypeAlias = Annotated[Organisation | UserError, strawberry.union("OrganisationResult")]


@strawberry.type
class OrganisationsOfOffice:
    @strawberry.field(description="Organisations that have applied and wait for the office, the oldest first.")
    def applications(self, info: Info) -> list[Organisation]:
        return APPLICATIONS.of(info)


def read_organisation(shape: Any, context: Context) -> Organisation:
    """An organisation as the database has it now: what has just been written stands in no memory yet."""
    signed = shape["commitment"]
    commitment = None
    if signed is not None:
        commitment = KnownCommitment(
            text=Words(**signed["body"]),
            version=signed["version"],
            digest=signed["digest"],
            signed_on=date.fromisoformat(signed["signed_on"]),
        )
    return Organisation(
        id=context.seal("organisation", shape["id"]),
        name=context.speak(Words(**shape["name"])),
        kind=OrganisationKind(shape["kind"]),
        status=OrganisationStatus(shape["status"]),
        commitment=commitment_of(context, commitment),
    )


def build_organisation(asked: Asked) -> Fragment:
    """One organisation of the programme. Raises: NotFound for an id of another form."""
    return organisation_fragment(asked.name, organisation_id=_only(asked.key))


def _only(parts: tuple[int, ...]) -> int:
    if len(parts) != 1:
        raise NotFound
    return parts[0]


ORGANISATION = Section(
    "Organisation",
    None,
    build=build_organisation,
    read=lambda shape, asked: read_organisation(shape, asked.context),
)
APPLICATIONS = Section(
    "Office",
    "applications",
    build=lambda asked: applications_fragment(),
    read=lambda rows, asked: [read_organisation(row, asked.context) for row in rows],
)
SECTIONS = (ORGANISATION, APPLICATIONS)


@strawberry.type
class OrganisationMutation:
    @strawberry.mutation(
        description="Applies for an organisation in a programme. Whoever applies becomes its manager: signs in as one, "
        "signs the commitment and prepares tills and staff while the office decides."
    )
    async def apply_as_organisation(
        self,
        info: Info,
        programme: str,
        kind: OrganisationKind,
        name: str,
        registration_number: str,
        idempotency_key: UUID,
        address: str | None = None,
    ) -> OrganisationResult:
        context = info.context
        application = Application(kind=kind, name=name, registration_number=registration_number, address=address)
        async with context.applying(programme) as unit:
            number = await actions.apply_as_organisation(
                unit.session, unit.actor, unit.now, application=application, key=idempotency_key
            )
            organisation: Organisation = await context.view.load(info, unit, "Organisation", key=(number,))
            return organisation

    @strawberry.mutation(
        description="Signs the programme's commitment in force for the caller's organisation. `version` and `digest` "
        "are those of `Programme.commitmentText`: they say which text was read."
    )
    async def sign_commitment(self, info: Info, version: int, digest: str, idempotency_key: UUID) -> OrganisationResult:
        context = info.context
        async with context.transaction() as unit:
            today = context.programme(unit).today(unit.now)
            number = await actions.sign_commitment(
                unit.session, unit.actor, unit.now, version=version, digest=digest, today=today, key=idempotency_key
            )
            organisation: Organisation = await context.view.load(info, unit, "Organisation", key=(number,))
            return organisation

    @strawberry.mutation(description="Admits an organisation that has signed the commitment in force.")
    async def admit_organisation(
        self,
        info: Info,
        id: strawberry.ID,  # noqa: A002
        idempotency_key: UUID,
    ) -> OrganisationResult:
        number = organisation_number(info.context, id)
        async with info.context.transaction() as unit:
            await actions.admit_organisation(
                unit.session, unit.actor, unit.now, organisation_id=number, key=idempotency_key
            )
            organisation: Organisation = await info.context.view.load(info, unit, "Organisation", key=(number,))
            return organisation

    @strawberry.mutation(
        description="Ends an organisation's part at once, with a reason of at most 500 characters that its staff read."
    )
    async def suspend_organisation(
        self,
        info: Info,
        id: strawberry.ID,  # noqa: A002
        reason: str,
        idempotency_key: UUID,
    ) -> OrganisationResult:
        number = organisation_number(info.context, id)
        async with info.context.transaction() as unit:
            await actions.suspend_organisation(
                unit.session, unit.actor, unit.now, organisation_id=number, reason=reason, key=idempotency_key
            )
            organisation: Organisation = await info.context.view.load(info, unit, "Organisation", key=(number,))
            return organisation

    @strawberry.mutation(description="Lets a suspended organisation take part again.")
    async def resume_organisation(
        self,
        info: Info,
        id: strawberry.ID,  # noqa: A002
        idempotency_key: UUID,
    ) -> OrganisationResult:
        number = organisation_number(info.context, id)
        async with info.context.transaction() as unit:
            await actions.resume_organisation(
                unit.session, unit.actor, unit.now, organisation_id=number, key=idempotency_key
            )
            organisation: Organisation = await info.context.view.load(info, unit, "Organisation", key=(number,))
            return organisation


def organisation_number(context: Context, text: str) -> int:
    """The organisation behind its own id, or behind that of a shop. Raises: NotFound."""
    try:
        return _only(context.unseal("organisation", text))
    except NotFound:
        return _only(context.unseal("merchant", text))
