"""Objections, repairs and what hangs on them, as their person sees them; the office sees that they are there.

Texts about a person are opened only where that person is the subject: on the phone, or behind a door with its entry
in the access log. On the office's list they are a sentence that says how to open the case.
"""

from datetime import date, datetime
from typing import Any

import strawberry

from api.graphql.case_subjects import CONTENTS, REPAIRED, RESTORED, SUBJECTS
from api.graphql.context import Context, Info
from api.graphql.incentives import Benefit
from api.graphql.scoring import Record
from api.graphql.types import Connection, Edge, Node, day, instant
from api.graphql.view import Asked
from api.graphql.volunteering import unsealed
from domain.rights.rules.cases import Status, Target, next_remedy, next_remedy_of_repair
from domain.rights.rules.wording import OVERDUE_DECISION, sentence_of
from domain.values import Words, words

strawberry.enum(Target, name="ObjectionTarget", description="What an objection is about.")
strawberry.enum(Status, name="CaseStatus", description="How far a case has come.")


@strawberry.type(description="Something that has happened to a case.")
class CaseStep:
    at: datetime
    by: str
    what: str
    due_on: date | None = strawberry.field(description="Until when the next step is due.")


@strawberry.type(description="A paper that proves something: PNG, JPEG or PDF, at most 64 KB, kept encrypted.")
class Attachment(Node):
    number: strawberry.Private[int]
    file_name: str
    media_type: str
    bytes: int
    digest: str = strawberry.field(description="SHA-256 of the content, in hex.")

    @strawberry.field(description="The content in base64; null in a list, for the office, and beyond the newest 20.")
    def base64(self, info: Info) -> str | None:
        return CONTENTS.of(info).get(self.number)


@strawberry.type(description="Somebody says that something is wrong. What is overdue is decided in their favour.")
class Objection(Node):
    subject_key: strawberry.Private[tuple[int, ...]]
    restored_products: strawberry.Private[list[int]]
    target: Target
    reason: str
    status: Status
    attachments: list[Attachment]
    steps: list[CaseStep]
    opened_at: datetime
    due_on: date = strawberry.field(description="The last day for deciding.")
    due_provisional: bool = strawberry.field(
        description="Whether that day lies in a year whose holidays are not published yet: then weekdays count."
    )
    decided_at: datetime | None
    decision: str | None
    next_remedy: str | None = strawberry.field(description="What can be done against this decision, and until when.")
    review_of: "Objection | None"

    @strawberry.field(description="What it is about; null when that is gone, or when nothing identifies it.")
    def subject(self, info: Info) -> Node | None:
        return SUBJECTS.of(info).get((self.target, self.subject_key))

    @strawberry.field(description="Benefits that were missed because of the error and are offered again.")
    def restored(self, info: Info) -> list[Benefit]:
        benefits = RESTORED.of(info)
        return [benefits[number] for number in self.restored_products if number in benefits]


@strawberry.type(description="One entry of a page.")
class ObjectionEdge(Edge[Objection]):
    pass


@strawberry.type(description="A page of objections.")
class ObjectionConnection(Connection[Objection]):
    edges: list[ObjectionEdge]  # type: ignore[assignment]


@strawberry.type(description="An adverse record is to go, because what stood behind it was put right.")
class Repair(Node):
    record_key: strawberry.Private[tuple[int, ...]]
    statement: str
    status: Status
    attachments: list[Attachment]
    steps: list[CaseStep]
    opened_at: datetime
    due_on: date = strawberry.field(description="The last day for deciding.")
    due_provisional: bool = strawberry.field(
        description="Whether that day lies in a year whose holidays are not published yet: then weekdays count."
    )
    decided_at: datetime | None
    decision: str | None
    next_remedy: str | None = strawberry.field(description="What can be done against this decision, and until when.")

    @strawberry.field(description="Null once it is repaired: then it is gone from everywhere.")
    def record(self, info: Info) -> Record | None:
        return REPAIRED.of(info).get(self.record_key)


def objection_of(row: Any, context: Context) -> Objection:
    """An objection in the language of the request."""
    first = row.get("first")
    return Objection(
        id=context.seal("objection", row["id"]),
        subject_key=tuple(row["subject"]),
        restored_products=row["restored"],
        target=Target(row["target"]),
        reason=_opened(context, "reason", row["key"], row["reason"]),
        status=Status(row["status"]),
        attachments=[attachment_of(one, context) for one in row["attachments"]],
        steps=[_step(one, row["key"], context) for one in row["steps"]],
        opened_at=datetime.fromisoformat(row["opened_at"]),
        due_on=date.fromisoformat(row["due_on"]),
        due_provisional=row["provisional"],
        decided_at=instant(row["decided_at"]),
        decision=_decision(row, context),
        next_remedy=_remedy(row, context, review=row["review_of"] is not None),
        review_of=None if first is None else objection_of(first, context),
    )


def repair_of(row: Any, context: Context) -> Repair:
    """A repair in the language of the request."""
    until = day(row["remedy_until"])
    return Repair(
        id=context.seal("repair", row["id"]),
        record_key=tuple(row["record"]),
        statement=_opened(context, "statement", row["key"], row["statement"]),
        status=Status(row["status"]),
        attachments=[attachment_of(one, context) for one in row["attachments"]],
        steps=[_step(one, row["key"], context) for one in row["steps"]],
        opened_at=datetime.fromisoformat(row["opened_at"]),
        due_on=date.fromisoformat(row["due_on"]),
        due_provisional=row["provisional"],
        decided_at=instant(row["decided_at"]),
        decision=_decision(row, context),
        next_remedy=None if until is None else context.speak(next_remedy_of_repair(until)),
    )


def attachment_of(row: Any, context: Context) -> Attachment:
    """A paper, with its name opened."""
    return Attachment(
        id=context.seal("attachment", row["id"]),
        number=row["id"],
        file_name=_opened(context, "file_name", row["key"], row["name"]),
        media_type=row["media_type"],
        bytes=row["bytes"],
        digest=row["digest"],
    )


def read_objection(row: Any, asked: Asked) -> Objection:
    """One objection."""
    return objection_of(row, asked.context)


def read_repair(row: Any, asked: Asked) -> Repair:
    """One repair."""
    return repair_of(row, asked.context)


def _step(row: Any, key: str | None, context: Context) -> CaseStep:
    due_on = day(row["due_on"])
    remark = None if row["text"] is None else _opened(context, "case_step", key, row["text"])
    said = sentence_of(row["kind"], due_on=due_on, provisional=row["provisional"], remark=remark)
    return CaseStep(
        at=datetime.fromisoformat(row["at"]),
        by=context.speak(Words(**row["by"])),
        what=context.speak(said),
        due_on=due_on,
    )


def _decision(row: Any, context: Context) -> str | None:
    if row["by_time"]:
        return context.speak(OVERDUE_DECISION)
    return None if row["decision"] is None else _opened(context, "decision", row["key"], row["decision"])


def _remedy(row: Any, context: Context, *, review: bool) -> str | None:
    until = day(row["remedy_until"])
    return None if until is None else context.speak(next_remedy(is_review=review, until=until))


def _opened(context: Context, field: str, key: str | None, sealed: str) -> str:
    return unsealed(context, field, key, sealed) or context.speak(_SEALED)


_SEALED = words("(已加密。请用该事项的编号查看档案后阅读。)", "(Sealed. Look up the citizen by this case to read it.)")
