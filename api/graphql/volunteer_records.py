"""Training, awards and evaluations of volunteers: recorded by an organiser, seen and declined by the volunteer."""

import base64
from datetime import date, datetime
from typing import Annotated, Any, TypeAlias
from uuid import UUID

import strawberry

from api.graphql.context import Context, Info
from api.graphql.errors import UserError
from api.graphql.types import Connection, Node, connection, instant
from api.graphql.view import Asked, Section
from domain.actor import Role
from domain.errors import NotFound
from domain.values import Fragment, Words
from domain.volunteering import actions
from domain.volunteering.queries import records
from domain.volunteering.rules.records import Content, Kind, RecordDraft, content_of
from domain.volunteering.rules.terms import terms_of

strawberry.enum(
    Kind, name="VolunteerRecordKind", description="The record groups of the law beside persons and service."
)


@strawberry.input(
    description="A training (with hours), an award, or an evaluation: a sentence on the day of an activity, never a "
    "grade or a figure. `body`: who trained, awarded or evaluated, when it was not the organisation itself."
)
class VolunteerRecordInput:
    kind: Kind
    volunteer_number: str
    title: str
    on: date
    text: str | None = None
    hours: float | None = None
    body: str | None = None


@strawberry.type(
    description="A training, an award or an evaluation of a volunteer. It gives no points and is never added up."
)
class VolunteerRecord(Node):
    kind: Kind
    volunteer_number: str
    organisation: str = strawberry.field(description="Who recorded it.")
    on: date
    title: str = strawberry.field(description="Empty once it was declined.")
    text: str | None
    hours: float | None = strawberry.field(description="Of a training.")
    body: str | None = strawberry.field(description="Who trained, awarded or evaluated, if it was somebody else.")
    corrected_at: datetime | None


VolunteerRecordResult: TypeAlias = Annotated[VolunteerRecord | UserError, strawberry.union("VolunteerRecordResult")]


def record_of(shape: Any, context: Context) -> VolunteerRecord:
    """A record for its volunteer, or for the organisation that recorded it; without content once there is no key."""
    if context.caller.role is Role.ORGANISER:
        context.shown.add(shape["volunteer"])
    content = Content(title="", text=None, minutes=None, body=None)
    if shape["content"] is not None and shape["key"] is not None:
        sealed = base64.b64decode(shape["content"])
        content = content_of(context.vault.open(base64.b64decode(shape["key"]), "volunteer record", sealed))
    return VolunteerRecord(
        id=context.seal("volunteer_record", shape["id"]),
        kind=Kind(shape["kind"]),
        volunteer_number=shape["number"],
        organisation=context.speak(Words(**shape["organisation"])),
        on=date.fromisoformat(shape["on"]),
        title=content.title,
        text=content.text,
        hours=None if content.minutes is None else content.minutes / 60,
        body=content.body,
        corrected_at=instant(shape["corrected_at"]),
    )


def build_record(asked: Asked) -> Fragment:
    """The record whose id is the key."""
    return records.record_fragment(
        asked.name, record_id=asked.key[0], organisation_id=asked.context.caller.organisation_id
    )


def build_desk(asked: Asked) -> Fragment:
    """One page of what the organisation has recorded. Raises: NotFound without one."""
    page, organisation_id = asked.page(), asked.context.caller.organisation_id
    if organisation_id is None:
        raise NotFound
    before = None if page.after is None else int(str(page.after[0]))
    return records.desk_fragment(asked.name, organisation_id=organisation_id, first=page.first, before=before)


def read_desk(rows: Any, asked: Asked) -> Connection[VolunteerRecord]:
    """One page of what the organisation has recorded."""
    return connection(asked, rows, node=lambda row: record_of(row, asked.context), key=lambda row: (row["id"],))


OWN: Section[list[VolunteerRecord]] = Section(
    "Volunteering",
    "records",
    build=lambda asked: records.own_fragment(),
    read=lambda rows, asked: [record_of(row, asked.context) for row in rows],
)
DESK = Section("OrganiserDesk", "volunteerRecords", build=build_desk, read=read_desk)
RECORD = Section("VolunteerRecord", None, build=build_record, read=lambda shape, asked: record_of(shape, asked.context))
SECTIONS = (OWN, DESK, RECORD)
NODES = {"volunteer_record": "VolunteerRecord"}


@strawberry.type
class RecordsOfVolunteering:
    @strawberry.field(description="Training, awards and evaluations, the latest first; the newest hundred.")
    def records(self, info: Info) -> list[VolunteerRecord]:
        return OWN.of(info)


@strawberry.type
class RecordsOfDesk:
    @strawberry.field(description="Training, awards and evaluations that the organisation has recorded, newest first.")
    def volunteer_records(
        self, info: Info, first: int | None = 50, after: str | None = None
    ) -> Connection[VolunteerRecord]:
        return DESK.of(info)


@strawberry.type
class RecordsMutation:
    @strawberry.mutation(
        description="Records a training, an award or an evaluation of somebody who took part in the organisation's "
        "events. They are told, can object, and can decline that it is kept."
    )
    async def add_volunteer_record(
        self,
        info: Info,
        input: VolunteerRecordInput,  # noqa: A002
        idempotency_key: UUID,
    ) -> VolunteerRecordResult:
        async with info.context.transaction() as unit:
            terms, draft = terms_of(info.context.programme(unit).settings), RecordDraft(**vars(input))
            number = await actions.add_record(
                unit.session, unit.actor, unit.now, terms=terms, draft=draft, key=idempotency_key
            )
            added: VolunteerRecord = await info.context.view.load(info, unit, "VolunteerRecord", key=(number,))
            return added

    @strawberry.mutation(description="Puts such a record right; volunteer and kind stay as they are.")
    async def correct_volunteer_record(
        self,
        info: Info,
        id: strawberry.ID,  # noqa: A002
        input: VolunteerRecordInput,  # noqa: A002
        idempotency_key: UUID,
    ) -> VolunteerRecordResult:
        correction = (record_number(info.context, id), RecordDraft(**vars(input)))
        async with info.context.transaction() as unit:
            terms = terms_of(info.context.programme(unit).settings)
            number = await actions.correct_record(
                unit.session, unit.actor, unit.now, terms=terms, correction=correction, key=idempotency_key
            )
            corrected: VolunteerRecord = await info.context.view.load(info, unit, "VolunteerRecord", key=(number,))
            return corrected

    @strawberry.mutation(
        description="The volunteer does not want such a record to be kept: what it says is deleted, and whoever "
        "recorded it no longer sees it."
    )
    async def decline_volunteer_record(
        self,
        info: Info,
        id: strawberry.ID,  # noqa: A002
        idempotency_key: UUID,
    ) -> VolunteerRecordResult:
        number = record_number(info.context, id)
        async with info.context.transaction() as unit:
            await actions.decline_record(unit.session, unit.actor, unit.now, record_id=number, key=idempotency_key)
            declined: VolunteerRecord = await info.context.view.load(info, unit, "VolunteerRecord", key=(number,))
            return declined


def record_number(context: Context, text: str) -> int:
    """The number behind a record's id. Raises: NotFound for anything else."""
    parts = context.unseal("volunteer_record", text)
    if len(parts) != 1:
        raise NotFound
    return parts[0]
