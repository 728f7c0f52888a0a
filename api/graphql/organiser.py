"""What organisers see: their events, who signed up by number and call name, and what waits for confirmation."""

from datetime import date, datetime
from enum import Enum
from typing import Any

import strawberry

from api.graphql.context import Context, Info
from api.graphql.errors import UserError
from api.graphql.products import Organisation, organisation_of
from api.graphql.types import Connection, Node, connection, day, instant
from api.graphql.view import Asked, Section
from api.graphql.volunteer_records import RecordsOfDesk
from api.graphql.volunteering import (
    ServiceStatus,
    SignUpStatus,
    VolunteerEvent,
    after_instant,
    event_of,
    hours,
    unsealed,
)
from domain.actor import Role
from domain.errors import NotFound
from domain.values import Fragment
from domain.volunteering.queries import shapes


@strawberry.enum(description="How a stretch of service was entered.")
class EntryKind(Enum):
    CODE = "CODE"
    OFFLINE_CODE = "OFFLINE_CODE"
    ORGANISER = "ORGANISER"
    IMPORT = "IMPORT"


@strawberry.enum(
    description="What to look at twice. It is about the stretch, never a score of the person. Shared devices, "
    "impossible distances, bursts and hours beyond a cap hold a stretch back for the office."
)
class ServiceSignal(Enum):
    OVERLAP = "OVERLAP"
    DAILY_CAP = "DAILY_CAP"
    YEARLY_CAP = "YEARLY_CAP"
    SHARED_DEVICE = "SHARED_DEVICE"
    DISTANCE = "DISTANCE"
    BURST = "BURST"
    NO_CHECK_OUT = "NO_CHECK_OUT"
    SAMPLED = "SAMPLED"


@strawberry.type(
    description="Whom the organiser sees: a number and the name the volunteer goes by. Never a score. The office sees "
    "the number and no name."
)
class Participant:
    volunteer_number: str
    call_name: str
    minor: bool


@strawberry.type(description="A stretch of service in one of the organisation's events.")
class OrganiserService(Node):
    participant: Participant
    event: VolunteerEvent
    from_: datetime = strawberry.field(name="from")
    until: datetime | None
    hours: float | None = strawberry.field(description="Time actually given, in quarters of an hour.")
    status: ServiceStatus
    entered_by: EntryKind
    signals: list[ServiceSignal]
    confirm_by: date | None


@strawberry.type(description="One volunteer on the list of an event.")
class RosterEntry:
    participant: Participant
    status: SignUpStatus
    service: OrganiserService | None = strawberry.field(description="The latest stretch in this event.")


@strawberry.type(description="An event of the organisation, with everybody who signed up, in that order.")
class OrganiserEvent(Node):
    event: VolunteerEvent
    roster: list[RosterEntry]


@strawberry.type(description="Where an organiser works.")
class OrganiserDesk(RecordsOfDesk):
    organisation: Organisation

    @strawberry.field(description="The organisation's events, the latest first.")
    def events(self, info: Info, first: int | None = 20, after: str | None = None) -> Connection[OrganiserEvent]:
        return EVENTS.of(info)

    @strawberry.field(
        description="Stretches that wait for confirmation by somebody else than the volunteer, or for a second "
        "signature."
    )
    def awaiting_confirmation(
        self, info: Info, first: int | None = 50, after: str | None = None
    ) -> Connection[OrganiserService]:
        return AWAITING.of(info)


@strawberry.type(description="A stretch that was not confirmed, and why.")
class RefusedService:
    id: strawberry.ID
    error: UserError


@strawberry.type(description="What became of a bulk confirmation.")
class ConfirmedServices:
    services: list[OrganiserService]
    refused: list[RefusedService]


def participant_of(shape: Any, context: Context) -> Participant:
    """A volunteer as an organiser may know them; the office judges a stretch by its number, without a name."""
    named = context.caller.role is Role.ORGANISER
    context.shown.add(shape["id"])
    return Participant(
        volunteer_number=shape["number"],
        call_name=(unsealed(context, "call_name", shape["key"], shape["call_name"]) or "") if named else "",
        minor=shape["minor"],
    )


def organiser_service_of(shape: Any, context: Context) -> OrganiserService:
    """A stretch as an organiser sees it."""
    return OrganiserService(
        id=context.seal("organiser_service", shape["id"]),
        participant=participant_of(shape["participant"], context),
        event=event_of(shape["event"], context),
        from_=datetime.fromisoformat(shape["started_at"]),
        until=instant(shape["ended_at"]),
        hours=hours(shape["minutes"]),
        status=ServiceStatus(shape["status"]),
        entered_by=EntryKind(shape["entered_by"]),
        signals=[ServiceSignal(signal) for signal in shape["signals"]],
        confirm_by=day(shape["confirm_by"]),
    )


def organiser_event_of(shape: Any, context: Context) -> OrganiserEvent:
    """An event with its roster."""
    return OrganiserEvent(
        id=context.seal("organiser_event", shape["event"]["id"]),
        event=event_of(shape["event"], context),
        roster=[
            RosterEntry(
                participant=participant_of(entry["participant"], context),
                status=SignUpStatus(entry["status"]),
                service=None if entry["service"] is None else organiser_service_of(entry["service"], context),
            )
            for entry in shape["roster"]
        ],
    )


def build_events(asked: Asked) -> Fragment:
    """One page of the organisation's events."""
    page = asked.page()
    return shapes.desk_events_fragment(
        asked.name, organisation_id=_organisation(asked), first=page.first, after=after_instant(page)
    )


def read_events(rows: Any, asked: Asked) -> Connection[OrganiserEvent]:
    """One page of the organisation's events."""
    return connection(
        asked,
        rows,
        node=lambda row: organiser_event_of(row, asked.context),
        key=lambda row: (row["event"]["starts_at"], row["event"]["id"]),
    )


def build_awaiting(asked: Asked) -> Fragment:
    """One page of what waits for confirmation."""
    page = asked.page()
    return shapes.awaiting_fragment(
        asked.name,
        organisation_id=_organisation(asked),
        first=page.first,
        after=None if page.after is None else int(str(page.after[0])),
    )


def read_awaiting(rows: Any, asked: Asked) -> Connection[OrganiserService]:
    """One page of what waits for confirmation."""
    return connection(
        asked, rows, node=lambda row: organiser_service_of(row, asked.context), key=lambda row: (row["id"],)
    )


def build_services(asked: Asked) -> Fragment:
    """The stretches whose ids are the key."""
    organisation_id = _organisation(asked) if asked.context.caller.role is Role.ORGANISER else None
    return shapes.desk_services_fragment(asked.name, organisation_id=organisation_id, service_ids=list(asked.key))


def build_event(asked: Asked) -> Fragment:
    """The event whose id is the key."""
    return shapes.desk_event_fragment(asked.name, organisation_id=_organisation(asked), event_id=asked.key[0])


def read_service(rows: Any, asked: Asked) -> OrganiserService | None:
    """One stretch; None when it is not the organisation's."""
    return organiser_service_of(rows[0], asked.context) if rows else None


def read_confirmed(rows: Any, asked: Asked) -> ConfirmedServices:
    """The stretches that were confirmed, in the order asked for."""
    by_id = {row["id"]: organiser_service_of(row, asked.context) for row in rows}
    return ConfirmedServices(services=[by_id[number] for number in asked.key], refused=[])


def _organisation(asked: Asked) -> int:
    organisation_id = asked.context.caller.organisation_id
    if organisation_id is None:
        raise NotFound
    return organisation_id


# The desk itself is known from the token; only what stands on it is read.
DESK = Section(
    "OrganiserDesk",
    None,
    build=lambda asked: Fragment(sql="SELECT json_build_object()"),
    read=lambda shape, asked: OrganiserDesk(organisation=organisation_of(asked.context, _organisation(asked))),
)
EVENTS = Section("OrganiserDesk", "events", build=build_events, read=read_events)
AWAITING = Section("OrganiserDesk", "awaitingConfirmation", build=build_awaiting, read=read_awaiting)
EVENT = Section(
    "OrganiserEvent",
    None,
    build=build_event,
    read=lambda shape, asked: organiser_event_of(shape, asked.context),
)
SERVICE = Section("OrganiserService", None, build=build_services, read=read_service)
CONFIRMED = Section("ConfirmedServices", None, build=build_services, read=read_confirmed)
SECTIONS = (DESK, EVENTS, AWAITING, EVENT, SERVICE, CONFIRMED)
NODES = {"organiser_event": "OrganiserEvent", "organiser_service": "OrganiserService"}


@strawberry.type
class OrganiserQuery:
    @strawberry.field(description="The desk of the signed-in organiser's organisation.")
    async def organiser(self, info: Info) -> OrganiserDesk | None:
        # Kept, since a look at a list is written down for those on it.
        async with info.context.transaction() as unit:
            desk: OrganiserDesk | None = await info.context.view.load(info, unit, "OrganiserDesk")
            await info.context.note_looks(unit)
            return desk
