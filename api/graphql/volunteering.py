"""What volunteers see: events, their sign-ups, their hours and stars, and what each stretch gave."""

import base64
from datetime import date, datetime
from enum import Enum
from typing import Annotated, Any

import strawberry

from api.graphql.certificates import CertificatesOfVolunteering
from api.graphql.context import Context, Info
from api.graphql.next_benefit import NextBenefitOfVolunteering
from api.graphql.programmes import GeoInput
from api.graphql.types import Connection, Node, connect, connection, day, instant
from api.graphql.view import Asked, Page, Section, compose, page_of, subject_of
from api.graphql.volunteer_records import RecordsOfVolunteering
from domain.actor import PERSON_ROLES
from domain.errors import NotFound
from domain.values import Fragment, Words
from domain.volunteering.queries import shapes
from domain.volunteering.rules.events import EventSearch, Near
from domain.volunteering.rules.terms import minutes_to_next_star, stars


@strawberry.enum(description="Whether an event still takes sign-ups.")
class EventStatus(Enum):
    OPEN = "OPEN"
    FULL = "FULL"
    CANCELLED = "CANCELLED"
    OVER = "OVER"


@strawberry.enum(description="What became of a sign-up.")
class SignUpStatus(Enum):
    SIGNED_UP = "SIGNED_UP"
    WAITING = "WAITING"
    CANCELLED = "CANCELLED"
    CHECKED_IN = "CHECKED_IN"
    ABSENT = "ABSENT"


@strawberry.enum(
    description="How far a stretch of service has come. Only CONFIRMED counts. CORRECTED: confirmed once, and taken "
    "away since; ESCALATED: nobody has confirmed in time, so the office does; LAPSED: without a check-out, or without "
    "a second signature."
)
class ServiceStatus(Enum):
    CHECKED_IN = "CHECKED_IN"
    AWAITING_COUNTERSIGNATURE = "AWAITING_COUNTERSIGNATURE"
    AWAITING_CONFIRMATION = "AWAITING_CONFIRMATION"
    ESCALATED = "ESCALATED"
    CONFIRMED = "CONFIRMED"
    REJECTED = "REJECTED"
    CORRECTED = "CORRECTED"
    LAPSED = "LAPSED"


@strawberry.type(description="A volunteer's own place in an event.")
class SignUp:
    event: "VolunteerEvent"
    status: SignUpStatus
    waiting_position: int | None = strawberry.field(description="1 is next. Null unless waiting.")


@strawberry.type(description="Something to volunteer for. Capacity counts people.")
class VolunteerEvent(Node):
    title: str
    description: str
    activity_type: str = strawberry.field(description="A code of the programme's closed list.")
    organisation: str
    place: str
    starts_at: datetime
    ends_at: datetime
    capacity: int
    free: int
    status: EventStatus
    minimum_age: int | None = strawberry.field(description="In whole years on the day of the event.")
    insured: bool = strawberry.field(description="Whether the organiser has insured the volunteers against accidents.")
    my_sign_up: SignUp | None = strawberry.field(description="Null for a caller who is not a volunteer.", default=None)


@strawberry.type(description="One change of a stretch of service. It stands for good.")
class ServiceStep:
    at: datetime
    by: str = strawberry.field(description="The role that made the change: organiser, officer, or worker for time.")
    from_: ServiceStatus | None = strawberry.field(name="from")
    to: ServiceStatus
    hours_before: float | None
    hours: float | None
    reason: str | None = strawberry.field(description="Only its volunteer can read it.")


@strawberry.type(
    description="One stretch of service. It counts only after check-in, check-out and the confirmation of somebody "
    "else."
)
class Service(Node):
    number: strawberry.Private[int]
    event: VolunteerEvent | None
    from_: datetime = strawberry.field(name="from")
    until: datetime | None
    hours: float | None = strawberry.field(description="Time actually given, in quarters of an hour.")
    status: ServiceStatus
    reason: str | None = strawberry.field(description="Why it was rejected, corrected or entered by hand.")
    confirm_by: date | None

    @strawberry.field(description="What it gave, once confirmed and when the volunteer has a score.")
    def points(self, info: Info) -> int | None:
        return POINTS.of(info).get(self.number)

    @strawberry.field(description="What became of it, oldest first; corrections keep what was there before.")
    def history(self, info: Info) -> list[ServiceStep]:
        return HISTORY.of(info).get(self.number, [])


@strawberry.type(description="A volunteer: a number, confirmed hours and stars. No score is needed.")
class Volunteering(CertificatesOfVolunteering, RecordsOfVolunteering, NextBenefitOfVolunteering, Node):
    volunteer_number: str = strawberry.field(description="Empty before registering.")
    confirmed_hours: float
    hours_this_year: float
    stars: int = strawberry.field(description="0 to 5, from confirmed hours and the programme's thresholds.")
    hours_to_next_star: float | None

    @strawberry.field(description="The newest hundred, the latest events first.")
    def sign_ups(self, info: Info) -> list[SignUp]:
        return SIGN_UPS.of(info)

    @strawberry.field(description="All stretches of service, newest first.")
    def log(self, info: Info, first: int | None = 20, after: str | None = None) -> Connection[Service]:
        return LOG.of(info)


def event_of(shape: Any, context: Context) -> VolunteerEvent:
    """An event, with the caller's own place in it."""
    event = VolunteerEvent(
        id=context.seal("event", shape["id"]),
        title=shape["title"],
        description=shape["description"],
        activity_type=shape["activity_type"],
        organisation=context.speak(Words(**shape["organisation"])),
        place=shape["place"],
        starts_at=datetime.fromisoformat(shape["starts_at"]),
        ends_at=datetime.fromisoformat(shape["ends_at"]),
        capacity=shape["capacity"],
        free=shape["free"],
        status=EventStatus(shape["status"]),
        minimum_age=shape["minimum_age"],
        insured=shape["insured"],
    )
    mine = shape["mine"]
    if mine is not None:
        status, position = SignUpStatus(mine["status"]), mine["waiting_position"]
        event.my_sign_up = SignUp(event=event, status=status, waiting_position=position)
    return event


def service_of(shape: Any, context: Context) -> Service:
    """A volunteer's own stretch."""
    return Service(
        id=context.seal("service", shape["id"]),
        number=shape["id"],
        event=event_of(shape["event"], context),
        from_=datetime.fromisoformat(shape["started_at"]),
        until=instant(shape["ended_at"]),
        hours=hours(shape["minutes"]),
        status=ServiceStatus(shape["status"]),
        reason=unsealed(context, "reason", shape["key"], shape["reason"]),
        confirm_by=day(shape["confirm_by"]),
    )


def step_of(shape: Any, context: Context) -> ServiceStep:
    """One line of a stretch's history."""
    return ServiceStep(
        at=datetime.fromisoformat(shape["at"]),
        by=shape["role"],
        from_=None if shape["from"] is None else ServiceStatus(shape["from"]),
        to=ServiceStatus(shape["to"]),
        hours_before=hours(shape["from_minutes"]),
        hours=hours(shape["to_minutes"]),
        reason=unsealed(context, "reason", shape["key"], shape["reason"]),
    )


def hours(minutes: int | None) -> float | None:
    """Minutes as hours; whole quarters are exact."""
    return None if minutes is None else minutes / 60


def unsealed(context: Context, field: str, key: str | None, sealed: str | None) -> str | None:
    """A text kept under a volunteer's own key; None when there is none, or no key any more."""
    if key is None or sealed is None:
        return None
    return context.vault.open(base64.b64decode(key), field, base64.b64decode(sealed))


def after_instant(page: Page) -> tuple[datetime, int] | None:
    """The key of a page that is sorted by an instant and an id."""
    return None if page.after is None else (datetime.fromisoformat(str(page.after[0])), int(str(page.after[1])))


def build_volunteering(asked: Asked) -> Fragment:
    """The caller's own numbers; an id of somebody else is no id at all. Raises: NotFound."""
    subject = asked.subject
    if asked.section.field_name is None and asked.key not in ((), (subject.person, subject.programme)):
        raise NotFound
    return shapes.volunteering_fragment(timezone=_settings(asked).timezone)


def read_volunteering(shape: Any, asked: Asked) -> Volunteering:
    """Hours and stars; zeros and no number before registering."""
    subject, thresholds = asked.subject, _settings(asked).stars_hours
    missing = minutes_to_next_star(shape["minutes"], thresholds)
    return Volunteering(
        id=asked.context.seal("volunteering", subject.person or 0, subject.programme or 0),
        volunteer_number=shape["number"] or "",
        confirmed_hours=shape["minutes"] / 60,
        hours_this_year=shape["minutes_this_year"] / 60,
        stars=stars(shape["minutes"], thresholds),
        hours_to_next_star=hours(missing),
    )


def build_log(asked: Asked) -> Fragment:
    """One page of a volunteer's stretches."""
    page = asked.page()
    return shapes.service_log_fragment(asked.name, first=page.first, after=after_instant(page))


def read_log(rows: Any, asked: Asked) -> Connection[Service]:
    """One page of a volunteer's stretches."""
    return connection(
        asked,
        rows,
        node=lambda row: service_of(row, asked.context),
        key=lambda row: (row["started_at"], row["id"]),
    )


def read_sign_ups(rows: Any, asked: Asked) -> list[SignUp]:
    """Sign-ups by their events."""
    found = [event_of(row, asked.context).my_sign_up for row in rows]
    return [sign_up for sign_up in found if sign_up is not None]


def read_sign_up(shape: Any, asked: Asked) -> SignUp | None:
    """The caller's place in one event."""
    return event_of(shape, asked.context).my_sign_up


def _settings(asked: Asked) -> Any:
    return asked.context.reference.programmes[asked.subject.programme or 0].settings


VOLUNTEERING = Section("Volunteering", None, build=build_volunteering, read=read_volunteering)
OF_CITIZEN = Section("Citizen", "volunteering", build=build_volunteering, read=read_volunteering)
SIGN_UPS = Section("Volunteering", "signUps", build=lambda asked: shapes.sign_ups_fragment(), read=read_sign_ups)
LOG = Section("Volunteering", "log", build=build_log, read=read_log)
POINTS: Section[dict[int, int]] = Section(
    "Service",
    "points",
    build=lambda asked: shapes.service_points_fragment(),
    read=lambda shape, asked: {int(number): points for number, points in shape.items()},
)
HISTORY: Section[dict[int, list[ServiceStep]]] = Section(
    "Service",
    "history",
    build=lambda asked: shapes.histories_fragment(),
    read=lambda shape, asked: {
        int(number): [step_of(step, asked.context) for step in steps] for number, steps in shape.items()
    },
)
EVENT = Section(
    "VolunteerEvent",
    None,
    build=lambda asked: shapes.event_fragment(asked.name, event_id=asked.key[0]),
    read=lambda shape, asked: event_of(shape, asked.context),
)
SIGN_UP = Section(
    "SignUp",
    None,
    build=lambda asked: shapes.event_fragment(asked.name, event_id=asked.key[0]),
    read=read_sign_up,
)
SERVICE = Section(
    "Service",
    None,
    build=lambda asked: shapes.service_fragment(asked.name, service_id=asked.key[0]),
    read=lambda shape, asked: service_of(shape, asked.context),
)
SECTIONS = (VOLUNTEERING, OF_CITIZEN, SIGN_UPS, LOG, POINTS, HISTORY, EVENT, SIGN_UP, SERVICE)
NODES = {"volunteering": "Volunteering", "event": "VolunteerEvent", "service": "Service"}


@strawberry.type
class VolunteeringOfCitizen:
    @strawberry.field(description="Hours, stars, sign-ups and the log; zeros before registering as a volunteer.")
    def volunteering(self, info: Info) -> Volunteering:
        return OF_CITIZEN.of(info)


@strawberry.type
class VolunteeringQuery:
    @strawberry.field(description="The signed-in volunteer; needs no score and no membership as a citizen.")
    async def volunteer(self, info: Info, programme: str | None = None) -> Volunteering | None:
        async with info.context.reading(programme) as unit:
            info.context.programme(unit)
            volunteer: Volunteering | None = await info.context.view.load(info, unit, "Volunteering")
            return None if unit.actor.volunteer_id is None else volunteer

    @strawberry.field(
        description="Events to come or going on, the earliest first. The place asked for is used for the answer, "
        "never stored; dates are those of the programme's time zone, both included."
    )
    async def events(
        self,
        info: Info,
        programme: str,
        from_: Annotated[date | None, strawberry.argument(name="from")] = None,
        until: date | None = None,
        near: GeoInput | None = None,
        activity_type: str | None = None,
        first: int | None = 20,
        after: str | None = None,
    ) -> Connection[VolunteerEvent]:
        context = info.context
        page = page_of(context, "Query.events", {"first": first, "after": after})
        own = programme if context.caller.role in PERSON_ROLES else None
        async with context.reading(own) as unit:
            known = context.reference.programme(programme)
            search = EventSearch(
                programme_id=known.id,
                since=unit.now if from_ is None else max(unit.now, known.begins(from_)),
                until=None if until is None else known.ends(until),
                activity_type=activity_type,
                near=_near(near),
            )
            fragment = shapes.events_fragment("e", search=search, first=page.first, after=after_instant(page))
            statement, values = compose([fragment], subject_of(context, unit))
            rows = (await unit.session.execute(statement, values)).scalar_one()
            return connect(
                context.vault,
                "Query.events",
                page,
                rows,
                node=lambda row: event_of(row, context),
                key=lambda row: (row["starts_at"], row["id"]),
            )


def _near(near: GeoInput | None) -> Near | None:
    if near is None or near.within_metres is None:
        return None
    return Near(lat=near.lat, lon=near.lon, within_metres=near.within_metres)
