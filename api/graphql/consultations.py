"""Drafted rules that everybody may comment on, and what the office has answered."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import strawberry

from api.graphql.assessments import Assessment, assessment_of, rounded
from api.graphql.context import Context, Info
from api.graphql.rule_sets import RuleSet, rule_set_of
from api.graphql.view import Asked, Section
from domain.programmes.queries.releases import consultations_fragment


@strawberry.type(description="Drafted rules before everybody, from one day to another, both included.")
class Consultation:
    rule_set: RuleSet
    opens_on: date
    closes_on: date
    comments: int = strawberry.field(description="How many people's comments there are so far.")
    answer: str | None = strawberry.field(description="What the office answers to all of them, when it publishes.")
    assessment: Assessment | None = strawberry.field(
        description="What the rules would do to everybody, by the dry run that their approval rests on; null before."
    )


@dataclass(frozen=True, slots=True)
class OfProgrammes:
    """The consultations of every programme, the latest first."""

    listed: Mapping[int, list[Consultation]]


@strawberry.type
class ConsultationsOfProgramme:
    number: strawberry.Private[int]

    @strawberry.field(description="Drafted rules that are or were open to comments, the latest first.")
    def consultations(self, info: Info) -> list[Consultation]:
        return CONSULTATIONS.of(info).listed.get(self.number, [])


def read_consultations(rows: Any, asked: Asked) -> OfProgrammes:
    """One value for whichever programmes are asked for."""
    listed: dict[int, list[Consultation]] = defaultdict(list)
    for row in rows:
        listed[row["programme"]].append(_consultation(row, asked.context))
    return OfProgrammes(listed)


def _consultation(row: Any, context: Context) -> Consultation:
    known, parts = context.reference.programmes[row["programme"]], row["assessment"]
    return Consultation(
        rule_set=rule_set_of(context, row["rule_set"]),
        opens_on=date.fromisoformat(row["opens_on"]),
        closes_on=date.fromisoformat(row["closes_on"]),
        comments=row["comments"],
        answer=row["answer"],
        assessment=None if parts is None else rounded(assessment_of(context, known, row["rule_set"], parts)),
    )


CONSULTATIONS = Section(
    "Programme", "consultations", build=lambda asked: consultations_fragment(), read=read_consultations
)
