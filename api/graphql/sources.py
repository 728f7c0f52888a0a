"""The department's desk: what it may deliver, its imports, and its records, one call at a time.

Nothing here tells whom a record is about, nor whether anything was kept of it; answers come in even time.
"""

from datetime import date, datetime
from typing import Annotated, Any, TypeAlias
from uuid import UUID

import strawberry

from api.graphql.case_work import CasesOfSource
from api.graphql.context import Context, Info
from api.graphql.errors import ErrorCode, UserError
from api.graphql.products import Organisation, organisation_of
from api.graphql.programmes import CatalogueEntry, catalogue_entries
from api.graphql.types import Connection, Edge, Node, connection
from api.graphql.view import Asked, Section
from api.timing import even_time
from domain.errors import NotFound
from domain.scoring import corrections, imports
from domain.scoring.queries.imports import run_fragment, runs_fragment
from domain.scoring.rules.deliveries import Delivery
from domain.values import Fragment, Words


@strawberry.input(
    description="One record. `sourceRef` names one fact for ever; texts have at most 200 characters; `quantity` is in "
    "the item's unit, with two decimals at most."
)
class RecordInput:
    citizen_ref: str
    item: str
    source_ref: str
    occurred_on: date
    ended_on: date | None = None
    determined_on: date | None = None
    quantity: float | None = None
    evidence: str
    document_id: str | None = None


@strawberry.type(description="One delivery: a file, a stream or a call. Lines about people who did not join count too.")
class ImportRun(Node):
    at: datetime
    accepted: int
    duplicates: int
    refused: int


@strawberry.type(description="One entry of a page.")
class ImportEdge(Edge[ImportRun]):
    pass


@strawberry.type(description="A page of deliveries, newest first.")
class ImportConnection(Connection[ImportRun]):
    edges: list[ImportEdge]  # type: ignore[assignment]


@strawberry.type(description="A record that was not taken, and why; `index` counts from 0.")
class RefusedRecord:
    index: int
    error: UserError


@strawberry.type(description="What became of a call.")
class ImportReport:
    run: ImportRun
    refused: list[RefusedRecord]


@strawberry.type(description="What has become of the record that was delivered under a reference.")
class SourceRecord:
    source_ref: str
    state: str


ImportResult: TypeAlias = Annotated[ImportReport | UserError, strawberry.union("ImportResult")]
SourceRecordResult: TypeAlias = Annotated[SourceRecord | UserError, strawberry.union("SourceRecordResult")]


@strawberry.type(description="What a department may deliver, and what it has delivered.")
class SourceDesk(CasesOfSource):
    department: Organisation

    @strawberry.field(description="The department's own entries of the public catalogue.")
    def catalogue(self, info: Info) -> list[CatalogueEntry]:
        context = info.context
        known = context.reference.organisations[_department(context)]
        return catalogue_entries(context, context.reference.programmes[known.programme_id], department=known.code)

    @strawberry.field(description="The department's deliveries, newest first.")
    def imports(self, info: Info, first: int | None = 20, after: str | None = None) -> ImportConnection:
        return IMPORTS.of(info)


@strawberry.type
class SourceQuery:
    @strawberry.field(description="The desk of the signed-in department.")
    async def source(self, info: Info) -> SourceDesk | None:
        async with info.context.reading() as unit:
            desk: SourceDesk | None = await info.context.view.load(info, unit, "SourceDesk")
            return desk


@strawberry.type
class SourceMutation:
    @strawberry.mutation(
        description="Takes up to 500 records; each refusal is told apart. The same reference and content again is a "
        "duplicate, another content is refused. People who did not join: accepted, not kept."
    )
    async def import_records(self, info: Info, records: list[RecordInput], idempotency_key: UUID) -> ImportResult:
        given = [delivery_of(one) for one in records]
        async with even_time(), info.context.transaction() as unit:
            run_id = await imports.import_batch(unit.session, unit.actor, unit.now, given=given, key=idempotency_key)
            report: ImportReport = await info.context.view.load(info, unit, "ImportReport", key=(run_id,))
            return report

    @strawberry.mutation(
        description="Puts a new record in the place of one that was wrong; the reference may stay or change. Score, "
        "lines and decisions follow at once."
    )
    async def correct_record(
        self, info: Info, source_ref: str, record: RecordInput, reason: str, idempotency_key: UUID
    ) -> SourceRecordResult:
        async with even_time(), info.context.transaction() as unit:
            state = await corrections.correct_record(
                unit.session,
                unit.actor,
                unit.now,
                source_ref=source_ref,
                given=delivery_of(record),
                reason=reason,
                key=idempotency_key,
            )
            return SourceRecord(source_ref=source_ref, state=state)

    @strawberry.mutation(
        description="Takes back a record that should not stand. Score, lines and decisions follow at once."
    )
    async def withdraw_record(
        self, info: Info, source_ref: str, reason: str, idempotency_key: UUID
    ) -> SourceRecordResult:
        async with even_time(), info.context.transaction() as unit:
            state = await corrections.withdraw_record(
                unit.session, unit.actor, unit.now, source_ref=source_ref, reason=reason, key=idempotency_key
            )
            return SourceRecord(source_ref=source_ref, state=state)


def delivery_of(record: RecordInput) -> Delivery:
    """The record as the domain takes it."""
    return Delivery(**vars(record))


def run_of(shape: Any, context: Context) -> ImportRun:
    """One delivery with its counts."""
    return ImportRun(
        id=context.seal("import_run", shape["id"]),
        at=datetime.fromisoformat(shape["at"]),
        accepted=shape["accepted"],
        duplicates=shape["duplicates"],
        refused=shape["refused"],
    )


def build_imports(asked: Asked) -> Fragment:
    """One page of the department's deliveries."""
    page = asked.page()
    before = None if page.after is None else int(str(page.after[0]))
    return runs_fragment(asked.name, source_id=_department(asked.context), first=page.first, before=before)


def read_imports(rows: Any, asked: Asked) -> ImportConnection:
    """One page of the department's deliveries."""
    page = connection(asked, rows, node=lambda row: run_of(row, asked.context), key=lambda row: (row["id"],))
    return ImportConnection(edges=page.edges, page_info=page.page_info)  # type: ignore[arg-type]


def build_run(asked: Asked) -> Fragment:
    """The delivery whose id is the key."""
    return run_fragment(asked.name, source_id=_department(asked.context), run_id=asked.key[0])


def read_report(shape: Any, asked: Asked) -> ImportReport:
    """What became of a call, in the language of the request."""
    refused = [
        RefusedRecord(
            index=one["index"],
            error=UserError(
                error_code=ErrorCode(one["code"]),
                message=asked.context.speak(Words(zh=one["zh"], en=one["en"])),
                input_field=one["field"],
                rule_source=one["rule"],
            ),
        )
        for one in shape["refusals"]
    ]
    return ImportReport(run=run_of(shape["run"], asked.context), refused=refused)


def _department(context: Context) -> int:
    organisation_id = context.caller.organisation_id
    if organisation_id is None:
        raise NotFound
    return organisation_id


# The desk itself is known from the token; only what stands on it is read.
DESK = Section(
    "SourceDesk",
    None,
    build=lambda asked: Fragment(sql="SELECT json_build_object()"),
    read=lambda shape, asked: SourceDesk(department=organisation_of(asked.context, _department(asked.context))),
)
IMPORTS = Section("SourceDesk", "imports", build=build_imports, read=read_imports)
RUN = Section("ImportRun", None, build=build_run, read=lambda shape, asked: run_of(shape["run"], asked.context))
REPORT = Section("ImportReport", None, build=build_run, read=read_report)
SECTIONS = (DESK, IMPORTS, RUN, REPORT)
NODES = {"import_run": "ImportRun"}
