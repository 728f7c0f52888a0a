"""Attendance by hand, hours put right, events changed, and a guardian's consent."""

from datetime import datetime
from typing import Annotated, TypeAlias
from uuid import UUID

import strawberry

from api.graphql.context import Info
from api.graphql.errors import UserError
from api.graphql.organiser import OrganiserEvent, OrganiserService
from api.graphql.serving import EventInput, EventResult, OrganiserServiceResult, event_number, service_number
from domain.volunteering import actions
from domain.volunteering.rules.entries import Entry
from domain.volunteering.rules.events import EventDraft
from domain.volunteering.rules.terms import terms_of


@strawberry.type(description="A guardian's consent that one minor may register as a volunteer; used once.")
class GuardianCode:
    code: str
    expires_at: datetime


GuardianCodeResult: TypeAlias = Annotated[GuardianCode | UserError, strawberry.union("GuardianCodeResult")]


@strawberry.type
class GuardianMutation:
    @strawberry.mutation(
        description="An adult consents that a minor registers as a volunteer, who enters the code within 24 hours."
    )
    async def guardian_code(
        self, info: Info, idempotency_key: UUID, programme: str | None = None
    ) -> GuardianCodeResult:
        async with info.context.transaction(programme) as unit:
            terms = terms_of(info.context.programme(unit).settings)
            made = await actions.make_guardian_code(
                unit.session, unit.actor, unit.now, terms=terms, key=idempotency_key
            )
        return GuardianCode(code=made.code, expires_at=made.expires_at)


@strawberry.type(description="What has become of the hours from before joining.")
class EarlierHours:
    stretches: int = strawberry.field(description="How many stretches of service count now that did not before.")


EarlierHoursResult: TypeAlias = Annotated[EarlierHours | UserError, strawberry.union("EarlierHoursResult")]


@strawberry.type
class EarlierHoursMutation:
    @strawberry.mutation(
        description="Lets confirmed hours from before joining count for points. Without it they never do."
    )
    async def count_earlier_hours(self, info: Info, idempotency_key: UUID) -> EarlierHoursResult:
        async with info.context.transaction() as unit:
            terms = terms_of(info.context.programme(unit).settings)
            count = await actions.count_earlier_hours(
                unit.session, unit.actor, unit.now, terms=terms, key=idempotency_key
            )
        return EarlierHours(stretches=count)


@strawberry.type
class AttendanceMutation:
    @strawberry.mutation(
        description="Describes an event anew until it begins, and tells everybody who signed up; capacity never falls "
        "below the seats that are taken."
    )
    async def change_event(
        self,
        info: Info,
        id: strawberry.ID,  # noqa: A002
        input: EventInput,  # noqa: A002
        idempotency_key: UUID,
    ) -> EventResult:
        number = event_number(info.context, id)
        async with info.context.transaction() as unit:
            terms = terms_of(info.context.programme(unit).settings)
            change = (number, EventDraft(**vars(input)))
            await actions.change_event(
                unit.session, unit.actor, unit.now, terms=terms, change=change, key=idempotency_key
            )
            changed: OrganiserEvent = await info.context.view.load(info, unit, "OrganiserEvent", key=(number,))
            return changed

    @strawberry.mutation(
        description="Writes down the attendance of somebody who signed up but had no phone, with a reason; another "
        "organiser countersigns it."
    )
    async def enter_attendance(
        self,
        info: Info,
        event_id: strawberry.ID,
        volunteer_number: str,
        from_: Annotated[datetime, strawberry.argument(name="from")],
        until: datetime,
        reason: str,
        idempotency_key: UUID,
    ) -> OrganiserServiceResult:
        entry = Entry(
            event_id=event_number(info.context, event_id),
            volunteer_number=volunteer_number,
            started_at=from_,
            ended_at=until,
            reason=reason,
        )
        async with info.context.transaction() as unit:
            terms = terms_of(info.context.programme(unit).settings)
            number = await actions.enter_attendance(
                unit.session, unit.actor, unit.now, terms=terms, entry=entry, key=idempotency_key
            )
            entered: OrganiserService = await info.context.view.load(info, unit, "OrganiserService", key=(number,))
            return entered

    @strawberry.mutation(description="A second organiser stands for an attendance that was entered by hand.")
    async def countersign_attendance(
        self,
        info: Info,
        id: strawberry.ID,  # noqa: A002
        idempotency_key: UUID,
    ) -> OrganiserServiceResult:
        number = service_number(info.context, id)
        async with info.context.transaction() as unit:
            await actions.countersign_attendance(
                unit.session, unit.actor, unit.now, service_id=number, key=idempotency_key
            )
            signed: OrganiserService = await info.context.view.load(info, unit, "OrganiserService", key=(number,))
            return signed

    @strawberry.mutation(
        description="Puts the hours of a stretch right, in quarters. Of a confirmed one, fewer hold at once, none take "
        "it away with its points, and more have to be confirmed again by somebody else."
    )
    async def correct_service(
        self,
        info: Info,
        id: strawberry.ID,  # noqa: A002
        hours: float,
        reason: str,
        idempotency_key: UUID,
    ) -> OrganiserServiceResult:
        number = service_number(info.context, id)
        async with info.context.transaction() as unit:
            await actions.correct_service(
                unit.session,
                unit.actor,
                unit.now,
                terms=terms_of(info.context.programme(unit).settings),
                correction=(number, hours, reason),
                key=idempotency_key,
            )
            corrected: OrganiserService = await info.context.view.load(info, unit, "OrganiserService", key=(number,))
            return corrected
