"""A citizen's rights: objecting, reviews, repairs, and the papers that prove something."""

from datetime import datetime
from typing import Annotated, Any, TypeAlias
from uuid import UUID

import strawberry

from api.case_days import case_terms
from api.database import Unit
from api.graphql import ids
from api.graphql.cases import (
    Attachment,
    Objection,
    ObjectionConnection,
    Repair,
    attachment_of,
    objection_of,
    read_objection,
    read_repair,
    repair_of,
)
from api.graphql.context import Context, Info
from api.graphql.errors import UserError
from api.graphql.types import connection
from api.graphql.view import Asked, Section
from domain.errors import NotFound
from domain.rights import actions
from domain.rights.actions.repairs import RepairWish
from domain.rights.queries import reading
from domain.rights.rules.cases import CaseTerms, Target, Wish
from domain.rights.rules.papers import Paper
from domain.scoring.queries.states import RecordKey
from domain.values import Fragment


@strawberry.type(description="A positive record is not kept any more.")
class Declined:
    at: datetime


AttachmentResult: TypeAlias = Annotated[Attachment | UserError, strawberry.union("AttachmentResult")]
ObjectionResult: TypeAlias = Annotated[Objection | UserError, strawberry.union("ObjectionResult")]
DeclineResult: TypeAlias = Annotated[Declined | UserError, strawberry.union("DeclineResult")]
RepairResult: TypeAlias = Annotated[Repair | UserError, strawberry.union("RepairResult")]

# By which ids the things are known that somebody may object to.
KINDS = {
    Target.RECORD: "record",
    Target.SCORE: "score",
    Target.DECISION: "benefit",
    Target.REDEMPTION: "redemption",
    Target.SERVICE: "service",
    Target.ACCESS: "access",
    Target.VOLUNTEER_RECORD: "volunteer_record",
}


@strawberry.type
class RightsOfCitizen:
    @strawberry.field(description="The person's objections and reviews, newest first.")
    def objections(self, info: Info, first: int | None = 20, after: str | None = None) -> ObjectionConnection:
        return OBJECTIONS.of(info)

    @strawberry.field(description="The person's repairs, newest first; at most a hundred.")
    def repairs(self, info: Info) -> list[Repair]:
        return REPAIRS.of(info)


def terms_of(context: Context, unit: Unit) -> CaseTerms:
    """What judging a case has to know of the caller's programme. Raises: NotAllowed without one."""
    known = context.programme(unit)
    return case_terms(known, known.today(unit.now))


def number_of(context: Context, kind: str, text: str) -> int:
    """The number behind an id of this kind. Raises: NotFound for anything else."""
    parts = context.unseal(kind, text)
    if len(parts) != 1:
        raise NotFound
    return parts[0]


def build_objections(asked: Asked) -> Fragment:
    """One page of the person's objections."""
    page = asked.page()
    before = None if page.after is None else int(str(page.after[0]))
    return reading.objections_fragment(asked.name, first=page.first, before=before)


def read_objections(rows: Any, asked: Asked) -> ObjectionConnection:
    """One page of the person's objections."""
    page = connection(asked, rows, node=lambda row: objection_of(row, asked.context), key=lambda row: (row["id"],))
    return ObjectionConnection(edges=page.edges, page_info=page.page_info)  # type: ignore[arg-type]


OBJECTIONS: Section[ObjectionConnection] = Section(
    "Citizen", "objections", build=build_objections, read=read_objections
)
REPAIRS: Section[list[Repair]] = Section(
    "Citizen",
    "repairs",
    build=lambda asked: reading.repairs_fragment(),
    read=lambda rows, asked: [repair_of(row, asked.context) for row in rows],
)
OBJECTION: Section[Objection] = Section(
    "Objection",
    None,
    build=lambda asked: reading.objection_fragment(asked.name, objection_id=asked.key[0]),
    read=read_objection,
)
REPAIR: Section[Repair] = Section(
    "Repair",
    None,
    build=lambda asked: reading.repair_fragment(asked.name, repair_id=asked.key[0]),
    read=read_repair,
)
ATTACHMENT: Section[Attachment] = Section(
    "Attachment",
    None,
    build=lambda asked: reading.attachment_fragment(asked.name, attachment_id=asked.key[0]),
    read=lambda row, asked: attachment_of(row, asked.context),
)
SECTIONS = (OBJECTIONS, REPAIRS, OBJECTION, REPAIR, ATTACHMENT)
NODES = {"objection": "Objection", "repair": "Repair", "attachment": "Attachment"}


@strawberry.type
class RightsMutation:
    @strawberry.mutation(
        description="Keeps a paper for an objection or a repair: PNG, JPEG or PDF, at most 64 KB, encrypted."
    )
    async def attach(
        self, info: Info, file_name: str, media_type: str, base64: str, idempotency_key: UUID
    ) -> AttachmentResult:
        paper = Paper(file_name=file_name, media_type=media_type, base64=base64)
        async with info.context.transaction() as unit:
            number = await actions.attach(unit.session, unit.actor, unit.now, paper=paper, key=idempotency_key)
            kept: Attachment = await info.context.view.load(info, unit, "Attachment", key=(number,))
            return kept

    @strawberry.mutation(
        description="Says that something is wrong. An adverse record counts nothing until this is decided. SCORE and "
        "HOUSEHOLD need no id; DECISION takes the id of a benefit, ACCESS that of an entry of the access log."
    )
    async def object_to(
        self,
        info: Info,
        target: Target,
        reason: str,
        idempotency_key: UUID,
        id: strawberry.ID | None = None,  # noqa: A002
        attachments: list[strawberry.ID] | None = None,
    ) -> ObjectionResult:
        context = info.context
        wish = Wish(
            target=target,
            subject_key=_subject(context, target, id),
            reason=reason,
            attachments=papers_of(context, attachments),
        )
        async with context.transaction() as unit:
            terms = terms_of(context, unit)
            number = await actions.object_to(
                unit.session, unit.actor, unit.now, terms=terms, wish=wish, key=idempotency_key
            )
            opened: Objection = await context.view.load(info, unit, "Objection", key=(number,))
            return opened

    @strawberry.mutation(description="Takes an objection back; what it had suspended counts again.")
    async def withdraw_objection(
        self,
        info: Info,
        id: strawberry.ID,  # noqa: A002
        idempotency_key: UUID,
    ) -> ObjectionResult:
        number = number_of(info.context, "objection", id)
        async with info.context.transaction() as unit:
            terms = terms_of(info.context, unit)
            await actions.withdraw_objection(
                unit.session, unit.actor, unit.now, terms=terms, objection_id=number, key=idempotency_key
            )
            taken_back: Objection = await info.context.view.load(info, unit, "Objection", key=(number,))
            return taken_back

    @strawberry.mutation(description="Review by a person who did not decide first.")
    async def ask_for_review(
        self, info: Info, objection_id: strawberry.ID, reason: str, idempotency_key: UUID
    ) -> ObjectionResult:
        first = number_of(info.context, "objection", objection_id)
        async with info.context.transaction() as unit:
            terms = terms_of(info.context, unit)
            number = await actions.ask_for_review(
                unit.session, unit.actor, unit.now, terms=terms, review=(first, reason), key=idempotency_key
            )
            review: Objection = await info.context.view.load(info, unit, "Objection", key=(number,))
            return review

    @strawberry.mutation(
        description="Asks that an adverse record go, after the waiting time of its class. Hours never count for it."
    )
    async def request_repair(
        self,
        info: Info,
        record_id: strawberry.ID,
        statement: str,
        idempotency_key: UUID,
        attachments: list[strawberry.ID] | None = None,
    ) -> RepairResult:
        context = info.context
        wish = RepairWish(
            record=_record(context, record_id),
            statement=statement,
            attachments=papers_of(context, attachments),
        )
        async with context.transaction() as unit:
            terms = terms_of(context, unit)
            number = await actions.request_repair(
                unit.session, unit.actor, unit.now, terms=terms, wish=wish, key=idempotency_key
            )
            asked: Repair = await context.view.load(info, unit, "Repair", key=(number,))
            return asked

    @strawberry.mutation(
        description="Refuses that a positive record is kept. Nothing anywhere shows that somebody did."
    )
    async def decline_record(self, info: Info, record_id: strawberry.ID, idempotency_key: UUID) -> DeclineResult:
        record = _record(info.context, record_id)
        async with info.context.transaction() as unit:
            terms = terms_of(info.context, unit)
            at = await actions.decline_record(
                unit.session, unit.actor, unit.now, terms=terms, record=record, key=idempotency_key
            )
        return Declined(at=at)


def papers_of(context: Context, texts: list[strawberry.ID] | None) -> tuple[int, ...]:
    """The numbers of these attachments. Raises: NotFound."""
    return tuple(number_of(context, "attachment", text) for text in texts or [])


def _subject(context: Context, target: Target, text: str | None) -> tuple[int, ...]:
    if text is None or target not in KINDS:
        return ()
    return ids.unseal(context.vault, KINDS[target], text)


def _record(context: Context, text: str) -> RecordKey:
    parts = context.unseal("record", text)
    if len(parts) != 3:
        raise NotFound
    return RecordKey(citizen_id=parts[0], source_id=parts[1], ref_hash=parts[2])
