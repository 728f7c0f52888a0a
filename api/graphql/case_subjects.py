"""What a case is about and what follows from it: read for one person, and picked from by each of their cases."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from api.graphql.incentives import Benefit, benefit_of, build_standing, catalogue_of
from api.graphql.people import read_access_event
from api.graphql.redemption import redemption_of
from api.graphql.scoring import Record, read_score, record_of
from api.graphql.types import Node
from api.graphql.view import Asked, Section
from api.graphql.volunteer_records import record_of as volunteer_record_of
from api.graphql.volunteering import service_of, unsealed
from domain.incentives.queries import standing_of
from domain.redemption.queries.shapes import redemptions_fragment
from domain.rights.queries.reading import contents_fragment, contested_accesses_fragment
from domain.rights.rules.cases import Target
from domain.scoring.queries import score_lines
from domain.scoring.rules import line_of
from domain.values import Fragment
from domain.volunteering.queries.records import own_fragment
from domain.volunteering.queries.shapes import service_log_fragment

Subjects: TypeAlias = Mapping[tuple[Target, tuple[int, ...]], Node]

_NEWEST = 100


def build_subjects(asked: Asked) -> tuple[Fragment, ...]:
    """Everything of a person's that may be objected to; nothing for an office that has opened no case."""
    if asked.subject.citizen is None and asked.subject.volunteer is None:
        return ()
    return (
        score_lines(),
        contested_accesses_fragment(),
        service_log_fragment(f"{asked.name}_services", first=_NEWEST, after=None),
        own_fragment(),
        redemptions_fragment(f"{asked.name}_sales", first=_NEWEST, before=None),
        build_standing(asked),
    )


def read_subjects(columns: Any, asked: Asked) -> Subjects:
    """The objects by target and by the parts of their ids."""
    if not columns:
        return {}
    lines, accesses, services, records, sales, standing = columns
    context, citizen = asked.context, asked.subject.citizen or 0
    found: dict[tuple[Target, tuple[int, ...]], Node] = {}
    for key, record in _records(lines, asked).items():
        found[Target.RECORD, key] = record
    score = None if asked.subject.citizen is None else read_score(lines, asked)
    if score is not None:
        found[Target.SCORE, (citizen,)] = score
    found |= {(Target.ACCESS, (row["id"],)): read_access_event(row, asked) for row in accesses}
    found |= {(Target.SERVICE, (row["id"],)): service_of(row, context) for row in services}
    found |= {(Target.VOLUNTEER_RECORD, (row["id"],)): volunteer_record_of(row, context) for row in records}
    found |= {(Target.REDEMPTION, (row["id"],)): redemption_of(row, context) for row in sales}
    found |= {(Target.DECISION, (citizen, number)): one for number, one in read_benefits(standing, asked).items()}
    return found


def _records(lines: Any, asked: Asked) -> dict[tuple[int, ...], Record]:
    citizen = asked.subject.citizen or 0
    read = [line_of(row) for row in lines or []]
    return {(citizen, line.source_id, line.ref_hash): record_of(line, asked) for line in read}


def build_benefits(asked: Asked) -> Fragment | tuple[Fragment, ...]:
    """What decides about the person's benefits today."""
    return () if asked.subject.citizen is None else build_standing(asked)


def read_benefits(raw: Any, asked: Asked) -> dict[int, Benefit]:
    """Each product in force with the decision for the person, by its number."""
    if not raw:
        return {}
    context, catalogue = asked.context, catalogue_of(asked)
    standing = standing_of(raw, catalogue, context.vault)
    known = context.reference.programmes[asked.subject.programme or 0].products
    citizen = asked.subject.citizen or 0
    return {one.id: benefit_of(context, one, catalogue, standing, citizen) for one in known}


def read_contents(shape: Any, asked: Asked) -> dict[int, str | None]:
    """The contents of the person's newest attachments, opened, by number."""
    return {
        int(number): unsealed(asked.context, "attachment", one["key"], one["content"]) for number, one in shape.items()
    }


SUBJECTS: Section[Subjects] = Section("Objection", "subject", build=build_subjects, read=read_subjects)
RESTORED: Section[dict[int, Benefit]] = Section("Objection", "restored", build=build_benefits, read=read_benefits)
REPAIRED: Section[dict[tuple[int, ...], Record]] = Section(
    "Repair", "record", build=lambda asked: score_lines(), read=_records
)
CONTENTS: Section[dict[int, str | None]] = Section(
    "Attachment", "base64", build=lambda asked: contents_fragment(), read=read_contents
)
SECTIONS = (SUBJECTS, RESTORED, REPAIRED, CONTENTS)
