"""What the office and the departments see and do of cases: the lists, the question to a department, the decision."""

from dataclasses import replace
from datetime import date
from typing import Annotated, Any, TypeAlias
from uuid import UUID

import strawberry

from api.database import Unit
from api.graphql.cases import Objection, ObjectionConnection, Repair, objection_of, repair_of
from api.graphql.context import Info
from api.graphql.errors import UserError
from api.graphql.incentives import catalogue_on
from api.graphql.rights import ObjectionResult, RepairResult, number_of, terms_of
from api.graphql.rule_sets import ScoringItem, item_of
from api.graphql.types import Node, connection
from api.graphql.view import Asked, Section, subject_of
from api.graphql.volunteering import unsealed
from domain.errors import NotFound
from domain.rights import actions
from domain.rights.actions.working import Whose
from domain.rights.queries import reading
from domain.rights.queries.reading import CaseFilter
from domain.rights.rules.cases import Finding, Status, Verdict
from domain.values import Fragment, words

strawberry.enum(Finding, name="SourceFinding", description="What a department says of its own record.")


@strawberry.type(description="What a department sees of an objection: its own record and the question.")
class SourceObjection(Node):
    source_ref: str
    item: ScoringItem
    question: str
    due_on: date


SourceObjectionResult: TypeAlias = Annotated[SourceObjection | UserError, strawberry.union("SourceObjectionResult")]


@strawberry.type
class CasesOfOffice:
    @strawberry.field(
        description="The programme's objections, the most urgent first. Texts are sealed: look the citizen up by the "
        "case to read them."
    )
    def objections(
        self,
        info: Info,
        status: Status | None = None,
        overdue: bool | None = None,
        first: int | None = 20,
        after: str | None = None,
    ) -> ObjectionConnection:
        return OFFICE_OBJECTIONS.of(info)

    @strawberry.field(description="The programme's repairs, the most urgent first; at most a hundred.")
    def repairs(self, info: Info, status: Status | None = None) -> list[Repair]:
        return OFFICE_REPAIRS.of(info)


@strawberry.type
class CasesOfSource:
    @strawberry.field(description="Questions that wait for the department's answer, the most urgent first.")
    def objections(self, info: Info, overdue: bool | None = None) -> list[SourceObjection]:
        return QUESTIONS.of(info)


def build_office_objections(asked: Asked) -> Fragment:
    """One page of the programme's objections."""
    page, wanted = asked.page(), _filter(asked)
    after = None if page.after is None else (date.fromisoformat(str(page.after[0])), int(str(page.after[1])))
    return reading.office_objections_fragment(asked.name, wanted=wanted, first=page.first, after=after)


def read_office_objections(rows: Any, asked: Asked) -> ObjectionConnection:
    """One page of the programme's objections."""
    page = connection(
        asked, rows, node=lambda row: objection_of(row, asked.context), key=lambda row: (row["due_on"], row["id"])
    )
    return ObjectionConnection(edges=page.edges, page_info=page.page_info)  # type: ignore[arg-type]


def _filter(asked: Asked) -> CaseFilter:
    status = asked.args.get("status")
    return CaseFilter(status=None if status is None else Status(status).value, overdue=asked.args.get("overdue"))


def question_of(row: Any, asked: Asked) -> SourceObjection:
    """A question with the item as the rules in force have it."""
    context = asked.context
    item = item_of(context, asked.subject.rule_set or 0, context.reference.item_codes[row["item_id"]])
    if item is None:
        raise NotFound
    return SourceObjection(
        id=context.seal("question", row["id"]),
        source_ref=row["source_ref"],
        item=item,
        question=unsealed(context, "question", row["key"], row["question"]) or context.speak(_GONE),
        due_on=date.fromisoformat(row["due_on"]),
    )


OFFICE_OBJECTIONS: Section[ObjectionConnection] = Section(
    "Office", "objections", build=build_office_objections, read=read_office_objections
)
OFFICE_REPAIRS: Section[list[Repair]] = Section(
    "Office",
    "repairs",
    build=lambda asked: reading.office_repairs_fragment(asked.name, wanted=_filter(asked)),
    read=lambda rows, asked: [repair_of(row, asked.context) for row in rows],
)
QUESTIONS: Section[list[SourceObjection]] = Section(
    "SourceDesk",
    "objections",
    build=lambda asked: reading.questions_fragment(asked.name, overdue=asked.args.get("overdue")),
    read=lambda rows, asked: [question_of(row, asked) for row in rows],
)
QUESTION: Section[SourceObjection] = Section(
    "SourceObjection",
    None,
    build=lambda asked: reading.question_fragment(asked.name, objection_id=asked.key[0]),
    read=question_of,
)
SECTIONS = (OFFICE_OBJECTIONS, OFFICE_REPAIRS, QUESTIONS, QUESTION)
NODES = {"question": "SourceObjection"}


@strawberry.type
class OfficeCasesMutation:
    @strawberry.mutation(
        description="Asks the department whose record it is; the longer clock holds from then on. Once for each case."
    )
    async def hand_over_objection(
        self,
        info: Info,
        id: strawberry.ID,  # noqa: A002
        question: str,
        idempotency_key: UUID,
    ) -> ObjectionResult:
        number = number_of(info.context, "objection", id)
        async with info.context.transaction() as unit:
            whose = await actions.hand_over_objection(
                unit.session,
                unit.actor,
                unit.now,
                terms=terms_of(info.context, unit),
                asked=(number, question),
                key=idempotency_key,
            )
            objection: Objection = await _load(info, unit, "Objection", number, whose)
            return objection

    @strawberry.mutation(
        description="Gives a case more days, once, with a reason that the person reads; an approver who has not worked "
        "on it decides that."
    )
    async def extend_objection(
        self,
        info: Info,
        id: strawberry.ID,  # noqa: A002
        reason: str,
        idempotency_key: UUID,
    ) -> ObjectionResult:
        number = number_of(info.context, "objection", id)
        async with info.context.transaction() as unit:
            whose = await actions.extend_objection(
                unit.session,
                unit.actor,
                unit.now,
                terms=terms_of(info.context, unit),
                extension=(number, reason),
                key=idempotency_key,
            )
            objection: Objection = await _load(info, unit, "Objection", number, whose)
            return objection

    @strawberry.mutation(
        description="UPHELD, PARTLY_UPHELD or REJECTED, with reasons. An adverse record that was wrong goes at once, "
        "the score follows, and what was missed is offered again; in part upheld, the department delivers it anew."
    )
    async def decide_objection(
        self,
        info: Info,
        id: strawberry.ID,  # noqa: A002
        outcome: Status,
        decision: str,
        idempotency_key: UUID,
    ) -> ObjectionResult:
        context = info.context
        number = number_of(context, "objection", id)
        async with context.transaction() as unit:
            today = context.programme(unit).today(unit.now)
            whose = await actions.decide_objection(
                unit.session,
                unit.actor,
                unit.now,
                terms=terms_of(context, unit),
                catalogue=catalogue_on(context, unit.actor.programme_id or 0, today),
                verdict=Verdict(case_id=number, outcome=outcome, decision=decision),
                key=idempotency_key,
            )
            objection: Objection = await _load(info, unit, "Objection", number, whose)
            return objection

    @strawberry.mutation(
        description="Gives a repair more days, once, with a reason that the person reads; an approver decides that."
    )
    async def extend_repair(
        self,
        info: Info,
        id: strawberry.ID,  # noqa: A002
        reason: str,
        idempotency_key: UUID,
    ) -> RepairResult:
        number = number_of(info.context, "repair", id)
        async with info.context.transaction() as unit:
            terms, extension = terms_of(info.context, unit), (number, reason)
            whose = await actions.extend_repair(
                unit.session, unit.actor, unit.now, terms=terms, extension=extension, key=idempotency_key
            )
            extended: Repair = await _load(info, unit, "Repair", number, whose)
            return extended

    @strawberry.mutation(
        description="UPHELD or REJECTED, with reasons. A repaired record is gone from score, list and explanation."
    )
    async def decide_repair(
        self,
        info: Info,
        id: strawberry.ID,  # noqa: A002
        outcome: Status,
        decision: str,
        idempotency_key: UUID,
    ) -> RepairResult:
        number = number_of(info.context, "repair", id)
        async with info.context.transaction() as unit:
            whose = await actions.decide_repair(
                unit.session,
                unit.actor,
                unit.now,
                terms=terms_of(info.context, unit),
                verdict=Verdict(case_id=number, outcome=outcome, decision=decision),
                key=idempotency_key,
            )
            decided: Repair = await _load(info, unit, "Repair", number, whose)
            return decided

    @strawberry.mutation(description="A department says what it has found about its own record.")
    async def answer_objection(
        self,
        info: Info,
        id: strawberry.ID,  # noqa: A002
        finding: Finding,
        statement: str,
        idempotency_key: UUID,
    ) -> SourceObjectionResult:
        number = number_of(info.context, "question", id)
        async with info.context.transaction() as unit:
            await actions.answer_objection(
                unit.session,
                unit.actor,
                unit.now,
                objection_id=number,
                answer=(finding, statement),
                key=idempotency_key,
            )
            answered: SourceObjection = await info.context.view.load(info, unit, "SourceObjection", key=(number,))
            return answered


async def _load(info: Info, unit: Unit, type_name: str, number: int, whose: Whose) -> Any:
    """The case as it stands now, its texts opened: the action has written the reading down."""
    subject = replace(subject_of(info.context, unit), citizen=whose.citizen_id, person=whose.person_id)
    return await info.context.view.load(info, unit, type_name, key=(number,), subject=subject)


_GONE = words("(该问题的内容已随申请人的数据一并删除。)", "(The question was erased together with its person's data.)")
