"""The score as its citizen sees it: points, the lines they are the sum of, records, history and receipt."""

from datetime import date, datetime
from typing import Any

import strawberry

from api.graphql.context import Info
from api.graphql.forecast import FORECAST, ScoreForecast
from api.graphql.receipts import RECEIPT, Receipt
from api.graphql.rule_sets import Band, RuleSet, ScoringField, ScoringItem, band_of, item_of, rule_set_of
from api.graphql.types import Connection, Edge, Node, connection
from api.graphql.view import Asked, Section
from domain.errors import NotFound
from domain.programmes.rules.document import RuleSetDocument
from domain.scoring.queries import score_history, score_lines, score_record, score_records
from domain.scoring.rules import (
    Line,
    LineEffect,
    RecordState,
    Total,
    clamp_reason,
    field_points,
    line_of,
    reason_of,
    total,
)
from domain.values import Fragment, Words, words

strawberry.enum(LineEffect, description="What became of a record's points.")
strawberry.enum(
    RecordState,
    name="RecordStatus",
    description="ANNOUNCED: an adverse record that the person has been told of and that does not count yet.",
)

_NAMELESS = words("未具名的来源", "A source without a name")


@strawberry.type(
    description="A fact that a source has reported. Repaired, corrected, declined, withdrawn and expired ones are gone."
)
class Record(Node):
    item: ScoringItem
    source: str
    occurred_on: date
    ended_on: date | None
    determined_on: date | None
    counts_from: date | None
    expires_on: date | None = strawberry.field(description="The first day on which it no longer counts.")
    quantity: float | None
    status: RecordState


@strawberry.type(description="What one record gives, and why; or what floor or ceiling cuts off.")
class ScoreLine:
    id: strawberry.ID = strawberry.field(description="Stable for one record, item and rule set.")
    item: ScoringItem | None
    record: Record | None
    points: int
    effect: LineEffect
    reason: str
    counts_until: date | None = strawberry.field(description="The first day on which it no longer counts.")


@strawberry.type(description="What the lines of one field add up to, without the base.")
class FieldPoints:
    field: ScoringField
    points: int


@strawberry.type(description="A change of the stored points.")
class ScoreChange:
    at: datetime
    before: int
    after: int
    cause: str


@strawberry.type(description="One entry of a page.")
class ScoreChangeEdge(Edge[ScoreChange]):
    pass


@strawberry.type(description="A page of changes, newest first.")
class ScoreChangeConnection(Connection[ScoreChange]):
    edges: list[ScoreChangeEdge]  # type: ignore[assignment]


@strawberry.type(description="One entry of a page.")
class RecordEdge(Edge[Record]):
    pass


@strawberry.type(description="A page of records, newest first.")
class RecordConnection(Connection[Record]):
    edges: list[RecordEdge]  # type: ignore[assignment]


@strawberry.type(description="Base plus the points of all lines, exactly; what floor or ceiling cut off is a line.")
class Score(Node):
    points: int
    band: Band | None = strawberry.field(description="Null in a band without a public label.")
    as_of: date
    rule_set: RuleSet
    lines: list[ScoreLine]
    fields: list[FieldPoints]

    @strawberry.field(description="Every change of the stored points with its cause, newest first.")
    def history(self, info: Info, first: int | None = 20, after: str | None = None) -> ScoreChangeConnection:
        return HISTORY.of(info)

    @strawberry.field(description="What will leave or change on which date, and what that does to each benefit.")
    def forecast(self, info: Info, until: date) -> list[ScoreForecast]:
        return FORECAST.of(info)

    @strawberry.field(description="What this score can be checked by later.")
    def receipt(self, info: Info) -> Receipt:
        return RECEIPT.of(info).of_score(info.context.vault)


def document_of(asked: Asked) -> RuleSetDocument:
    """The rules that decide for the subject today."""
    return asked.context.reference.rule_sets[asked.subject.rule_set or 0].document


def build_score(asked: Asked) -> Fragment:
    """The caller's own score, or the one of the citizen that was revealed. Raises: NotFound."""
    if asked.key not in ((), (asked.subject.citizen,)):
        raise NotFound
    return score_lines()


def read_score(rows: Any, asked: Asked) -> Score | None:
    """The score from its lines; None before consent, after withdrawal and under 18."""
    if rows is None:
        return None
    lines = [line_of(row) for row in rows]
    rules, rule_set = document_of(asked), rule_set_of(asked.context, asked.subject.rule_set or 0)
    result = total(lines, rules)
    shown = [_line(line, rules, asked) for line in lines]
    return Score(
        id=asked.context.seal("score", asked.subject.citizen or 0),
        points=result.points,
        band=band_of(asked.context, asked.subject.rule_set or 0, result.points),
        as_of=asked.subject.today,
        rule_set=rule_set,
        lines=shown + _clamp(result, rules, asked),
        fields=[FieldPoints(field=field, points=field_points(lines, field.code)) for field in rule_set.fields],
    )


def _line(line: Line, rules: RuleSetDocument, asked: Asked) -> ScoreLine:
    record = record_of(line, asked)
    return ScoreLine(
        id=_line_id(asked, line.source_id, line.ref_hash, line.item_id),
        item=record.item,
        record=record,
        points=line.points,
        effect=line.effect,
        reason=asked.context.speak(reason_of(line, rules)),
        counts_until=line.until_on,
    )


def _clamp(result: Total, rules: RuleSetDocument, asked: Asked) -> list[ScoreLine]:
    reason = clamp_reason(result, rules)
    if reason is None:
        return []
    return [
        ScoreLine(
            id=_line_id(asked, 0, 0, 0),
            item=None,
            record=None,
            points=result.clamp,
            effect=LineEffect.CLAMP,
            reason=asked.context.speak(reason),
            counts_until=None,
        )
    ]


def _line_id(asked: Asked, *key: int) -> strawberry.ID:
    return asked.context.seal("line", asked.subject.citizen or 0, *key, asked.subject.rule_set or 0)


def record_of(line: Line, asked: Asked) -> Record:
    """The record behind a line. Whatever has a line has an item in the rules."""
    item = item_of(asked.context, asked.subject.rule_set or 0, line.item)
    if item is None:
        raise LookupError(f"the rule set has no item {line.item}")
    return Record(
        id=asked.context.seal("record", asked.subject.citizen or 0, line.source_id, line.ref_hash),
        item=item,
        source=asked.context.speak(line.source or _NAMELESS),
        occurred_on=line.occurred_on,
        ended_on=line.ended_on,
        determined_on=line.determined_on,
        counts_from=line.start_on,
        expires_on=line.until_on,
        quantity=None if line.quantity_x100 is None else line.quantity_x100 / 100,
        status=line.state,
    )


def build_record(asked: Asked) -> Fragment:
    """A record of the caller's own, or of the citizen that was revealed. Raises: NotFound."""
    citizen, source_id, ref_hash = asked.key
    if citizen != asked.subject.citizen:
        raise NotFound
    return score_record(asked.name, source_id=source_id, ref_hash=ref_hash)


def build_records(asked: Asked) -> Fragment:
    """One page of records."""
    page = asked.page()
    after = None
    if page.after is not None:
        start_on, source_id, ref_hash = (str(part) for part in page.after)
        after = (date.fromisoformat(start_on), int(source_id), int(ref_hash))
    return score_records(asked.name, first=page.first, after=after)


def read_records(rows: Any, asked: Asked) -> RecordConnection:
    """One page of records."""
    page = connection(
        asked,
        rows,
        node=lambda row: record_of(line_of(row), asked),
        key=lambda row: (row["start_on"], row["source_id"], row["ref_hash"]),
    )
    return RecordConnection(edges=page.edges, page_info=page.page_info)  # type: ignore[arg-type]


def build_history(asked: Asked) -> Fragment:
    """One page of changes."""
    page = asked.page()
    after = None if page.after is None else (int(str(page.after[0])),)
    return score_history(asked.name, first=page.first, after=after)


def read_history(rows: Any, asked: Asked) -> ScoreChangeConnection:
    """One page of changes."""
    page = connection(asked, rows, node=lambda row: _change(row, asked), key=lambda row: (row["id"],))
    return ScoreChangeConnection(edges=page.edges, page_info=page.page_info)  # type: ignore[arg-type]


def _change(row: Any, asked: Asked) -> ScoreChange:
    return ScoreChange(
        at=datetime.fromisoformat(row["at"]),
        before=row["before"],
        after=row["after"],
        cause=asked.context.speak(Words(**row["cause"])),
    )


SCORE: Section[Score | None] = Section("Score", None, build=build_score, read=read_score)
SCORE_OF_CITIZEN: Section[Score | None] = Section("Citizen", "score", build=build_score, read=read_score)
HISTORY: Section[ScoreChangeConnection] = Section("Score", "history", build=build_history, read=read_history)
RECORDS: Section[RecordConnection] = Section("Citizen", "records", build=build_records, read=read_records)
RECORD: Section[Record] = Section(
    "Record", None, build=build_record, read=lambda row, asked: record_of(line_of(row), asked)
)
SECTIONS = (SCORE, SCORE_OF_CITIZEN, HISTORY, FORECAST, RECEIPT, RECORDS, RECORD)
NODES = {"score": "Score", "record": "Record"}


@strawberry.type
class ScoringOfCitizen:
    @strawberry.field(description="Null before consent, after withdrawal, and under 18.")
    def score(self, info: Info) -> Score | None:
        return SCORE_OF_CITIZEN.of(info)

    @strawberry.field(description="What has been reported about the person and is not gone, newest first.")
    def records(self, info: Info, first: int | None = 20, after: str | None = None) -> RecordConnection:
        return RECORDS.of(info)
