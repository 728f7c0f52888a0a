"""The changes of volunteering: from registering to the confirmation by somebody else."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, TypeAlias
from uuid import UUID

import strawberry

from api.graphql import ids
from api.graphql.context import Context, Info
from api.graphql.errors import UserError, user_error
from api.graphql.membership import ConsentInput
from api.graphql.organiser import ConfirmedServices, OrganiserEvent, OrganiserService, RefusedService
from api.graphql.view import subject_of
from api.graphql.volunteering import Service, SignUp, Volunteering
from domain.errors import DomainError, InvalidInput, NotFound
from domain.volunteering import actions
from domain.volunteering.actions import Registration
from domain.volunteering.rules.attendance import code_svg
from domain.volunteering.rules.events import EventDraft
from domain.volunteering.rules.terms import terms_of


@strawberry.input(description="An event as its organiser describes it. Times lie in the future; capacity is 1 to 1000.")
class EventInput:
    title: str
    description: str
    place: str
    lat: float | None = None
    lon: float | None = None
    starts_at: datetime
    ends_at: datetime
    capacity: int
    activity_type: str
    minimum_age: int | None = None
    insured: bool = strawberry.field(
        default=False, description="The volunteers are insured against accidents: needed for risky activities."
    )


@strawberry.type(description="Rotates every 30 seconds; 30 more are accepted.")
class AttendanceCode:
    code: str
    digits: str
    svg: str
    expires_at: datetime = strawberry.field(description="When the next code takes over.")


VolunteerResult: TypeAlias = Annotated[Volunteering | UserError, strawberry.union("VolunteerResult")]
SignUpResult: TypeAlias = Annotated[SignUp | UserError, strawberry.union("SignUpResult")]
ServiceResult: TypeAlias = Annotated[Service | UserError, strawberry.union("ServiceResult")]
EventResult: TypeAlias = Annotated[OrganiserEvent | UserError, strawberry.union("EventResult")]
AttendanceCodeResult: TypeAlias = Annotated[AttendanceCode | UserError, strawberry.union("AttendanceCodeResult")]
OrganiserServiceResult: TypeAlias = Annotated[OrganiserService | UserError, strawberry.union("OrganiserServiceResult")]
ConfirmResult: TypeAlias = Annotated[ConfirmedServices | UserError, strawberry.union("ConfirmResult")]


@strawberry.type
class VolunteerMutation:
    @strawberry.mutation(
        description="Registers as a volunteer, without a score; whoever comes back gets the same number."
    )
    async def register_volunteer(
        self,
        info: Info,
        programme: str,
        call_name: str,
        consents: list[ConsentInput],
        idempotency_key: UUID,
        guardian_code: str | None = None,
    ) -> VolunteerResult:
        context = info.context
        pairs = [(one.purpose, one.version) for one in consents]
        wish = Registration(call_name=call_name, consents=pairs, guardian_code=guardian_code)
        async with context.transaction(programme) as unit:
            terms = terms_of(context.programme(unit).settings)
            volunteer_id = await actions.register_volunteer(
                unit.session, unit.actor, unit.now, terms=terms, wish=wish, key=idempotency_key
            )
            subject = replace(subject_of(context, unit), volunteer=volunteer_id)
            registered: Volunteering = await context.view.load(info, unit, "Volunteering", subject=subject)
            return registered

    @strawberry.mutation(description="Takes a seat, or a place on the waiting list when there is none.")
    async def sign_up(self, info: Info, event_id: strawberry.ID, idempotency_key: UUID) -> SignUpResult:
        number = event_number(info.context, event_id)
        async with info.context.transaction() as unit:
            terms = terms_of(info.context.programme(unit).settings)
            await actions.sign_up(unit.session, unit.actor, unit.now, terms=terms, event_id=number, key=idempotency_key)
            mine: SignUp = await info.context.view.load(info, unit, "SignUp", key=(number,))
            return mine

    @strawberry.mutation(description="Gives a seat back, which goes at once to whoever has waited longest.")
    async def cancel_sign_up(self, info: Info, event_id: strawberry.ID, idempotency_key: UUID) -> SignUpResult:
        number = event_number(info.context, event_id)
        async with info.context.transaction() as unit:
            await actions.cancel_sign_up(unit.session, unit.actor, unit.now, event_id=number, key=idempotency_key)
            mine: SignUp = await info.context.view.load(info, unit, "SignUp", key=(number,))
            return mine

    @strawberry.mutation(
        description="Begins a stretch of service with the organiser's code, scanned or as eight digits. "
        "`scannedAt`: for a code that was scanned without a network, at most 24 hours ago. `device`: an id that the "
        "app made when it was installed, 16 to 200 characters; only a digest that compares one event's phones is kept."
    )
    async def check_in(
        self,
        info: Info,
        code: str,
        idempotency_key: UUID,
        scanned_at: datetime | None = None,
        device: str | None = None,
    ) -> ServiceResult:
        async with info.context.transaction() as unit:
            number = await actions.check_in(
                unit.session,
                unit.actor,
                unit.now,
                code=code,
                scanned_at=scanned_at,
                key=idempotency_key,
                device=device,
            )
            if isinstance(number, InvalidInput):
                return refused(info.context, number)
            begun: Service = await info.context.view.load(info, unit, "Service", key=(number,))
            return begun

    @strawberry.mutation(
        description="Ends it; time counts in whole quarters of an hour, until half an hour after the event at most."
    )
    async def check_out(
        self, info: Info, code: str, idempotency_key: UUID, scanned_at: datetime | None = None
    ) -> ServiceResult:
        async with info.context.transaction() as unit:
            terms = terms_of(info.context.programme(unit).settings)
            number = await actions.check_out(
                unit.session, unit.actor, unit.now, terms=terms, scan=(code, scanned_at), key=idempotency_key
            )
            if isinstance(number, InvalidInput):
                return refused(info.context, number)
            ended: Service = await info.context.view.load(info, unit, "Service", key=(number,))
            return ended


@strawberry.type
class OrganiserMutation:
    @strawberry.mutation(description="Publishes an event of the organiser's own organisation.")
    async def publish_event(self, info: Info, input: EventInput, idempotency_key: UUID) -> EventResult:  # noqa: A002
        async with info.context.transaction() as unit:
            terms = terms_of(info.context.programme(unit).settings)
            draft = EventDraft(**vars(input))
            number = await actions.publish_event(
                unit.session, unit.actor, unit.now, terms=terms, draft=draft, key=idempotency_key
            )
            published: OrganiserEvent = await info.context.view.load(info, unit, "OrganiserEvent", key=(number,))
            return published

    @strawberry.mutation(description="Calls an event off, and tells everybody who signed up.")
    async def cancel_event(
        self,
        info: Info,
        id: strawberry.ID,  # noqa: A002
        reason: str,
        idempotency_key: UUID,
    ) -> EventResult:
        number = event_number(info.context, id)
        async with info.context.transaction() as unit:
            await actions.cancel_event(
                unit.session, unit.actor, unit.now, event_id=number, reason=reason, key=idempotency_key
            )
            cancelled: OrganiserEvent = await info.context.view.load(info, unit, "OrganiserEvent", key=(number,))
            return cancelled

    @strawberry.mutation(
        description="The code that volunteers scan, from half an hour before an event until two hours after it."
    )
    async def attendance_code(self, info: Info, event_id: strawberry.ID) -> AttendanceCodeResult:
        number = event_number(info.context, event_id)
        async with info.context.transaction() as unit:
            shown = await actions.show_attendance_code(unit.session, unit.actor, unit.now, event_id=number)
        return AttendanceCode(
            code=shown.code, digits=shown.digits, svg=code_svg(shown.code), expires_at=shown.expires_at
        )

    @strawberry.mutation(
        description="Confirms up to 100 stretches; each refusal is told apart. The office confirms what waits for it."
    )
    async def confirm_services(self, info: Info, ids: list[strawberry.ID], idempotency_key: UUID) -> ConfirmResult:
        context = info.context
        numbers, refused = _service_numbers(context, ids)
        async with context.transaction() as unit:
            outcome = await actions.confirm_services(
                unit.session,
                unit.actor,
                unit.now,
                terms=terms_of(context.programme(unit).settings),
                service_ids=list(numbers),
                key=idempotency_key,
            )
            answer: ConfirmedServices = await context.view.load(info, unit, "ConfirmedServices", key=outcome.confirmed)
            answer.refused = [*_refused(context, numbers, outcome.refused), *refused]
            return answer

    @strawberry.mutation(
        description="Rejects a stretch, with a reason that its volunteer reads. The office may also reject what was "
        "confirmed and drawn as a sample: its points go with it."
    )
    async def reject_service(
        self,
        info: Info,
        id: strawberry.ID,  # noqa: A002
        reason: str,
        idempotency_key: UUID,
    ) -> OrganiserServiceResult:
        number = service_number(info.context, id)
        async with info.context.transaction() as unit:
            await actions.reject_service(
                unit.session,
                unit.actor,
                unit.now,
                terms=terms_of(info.context.programme(unit).settings),
                service_id=number,
                reason=reason,
                key=idempotency_key,
            )
            rejected: OrganiserService = await info.context.view.load(info, unit, "OrganiserService", key=(number,))
            return rejected


def refused(context: Context, refusal: DomainError) -> UserError:
    """A refusal that leaves something behind: its transaction is kept."""
    context.codes.append(refusal.code)
    return user_error(refusal, context.language)


def event_number(context: Context, text: str) -> int:
    """Events go by the id that everybody sees, or by that of the organiser's desk."""
    return _only(ids.unseal(context.vault, ("event", "organiser_event"), text))


def service_number(context: Context, text: str) -> int:
    """Stretches go by the id of the organiser's desk, or by the one on the volunteer's phone."""
    return _only(ids.unseal(context.vault, ("organiser_service", "service"), text))


def _only(parts: tuple[int, ...]) -> int:
    if len(parts) != 1:
        raise NotFound
    return parts[0]


def _service_numbers(
    context: Context, texts: Sequence[strawberry.ID]
) -> tuple[dict[int, strawberry.ID], list[RefusedService]]:
    """The stretches behind these ids, and those ids that stand for none."""
    numbers: dict[int, strawberry.ID] = {}
    refused: list[RefusedService] = []
    for text in texts:
        try:
            numbers[service_number(context, text)] = text
        except NotFound as error:
            refused.append(RefusedService(id=text, error=user_error(error, context.language)))
    return numbers, refused


def _refused(
    context: Context, numbers: dict[int, strawberry.ID], refused: Mapping[int, DomainError]
) -> list[RefusedService]:
    return [
        RefusedService(id=numbers[number], error=user_error(error, context.language))
        for number, error in refused.items()
    ]
