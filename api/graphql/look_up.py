"""An officer with the citizen in front of them: the code on the phone, and the part of the file that it opens."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, Final, TypeAlias, TypeVar
from uuid import UUID

import strawberry

from api.database import Unit
from api.graphql import ids
from api.graphql.cases import Objection, Repair, objection_of, repair_of
from api.graphql.citizen import name_of
from api.graphql.context import Context, Info
from api.graphql.errors import UserError, user_error
from api.graphql.redemption import Redemption, redemption_of
from api.graphql.scoring import Record, Score, read_score, record_of
from api.graphql.view import Asked, Section, subject_of
from domain.errors import NotFound
from domain.people import actions
from domain.people.actions import Found
from domain.people.queries import person_fragment, presence_code_fragment
from domain.people.rules import OPENS, Purpose
from domain.redemption.queries.shapes import obligations_fragment, reversible_fragment
from domain.redemption.rules.codes import svg_of
from domain.rights.actions import look_up_by_case, look_up_by_number
from domain.rights.queries.reading import objections_fragment, repairs_fragment
from domain.scoring.queries import score_lines, score_records
from domain.scoring.rules import line_of
from domain.values import Fragment, words

T = TypeVar("T")

_PURPOSES: Final[Sequence[Purpose]] = tuple(Purpose)
_MOST_RECORDS: Final = 100
_MOST_CASES: Final = 100
strawberry.enum(Purpose, name="LookUpPurpose", description="Why an officer looks somebody up.")


@strawberry.enum(description="By what an officer finds a citizen.")
class CitizenKey(Enum):
    VOLUNTEER_NUMBER = "VOLUNTEER_NUMBER"
    CASE = "CASE"
    PRESENCE_CODE = "PRESENCE_CODE"


@strawberry.type(description="A short code on the citizen's phone for the officer in front of them; used once.")
class PresenceCode:
    code: str
    svg: str = strawberry.field(description="The code as an SVG picture.")
    expires_at: datetime


@strawberry.type(description="The part of a citizen's file that the purpose needs; everything else is null.")
class CitizenFile:
    reference: strawberry.ID
    display_name: str

    @strawberry.field(description="For an objection or help at the desk.")
    def score(self, info: Info) -> Score | None:
        return FILE_SCORE.of(info)

    @strawberry.field(description="The newest hundred; for an objection, a repair or help at the desk.")
    def records(self, info: Info) -> list[Record] | None:
        return FILE_RECORDS.of(info)

    @strawberry.field(description="The newest hundred, with their texts; for an objection or help at the desk.")
    def objections(self, info: Info) -> list[Objection] | None:
        return FILE_OBJECTIONS.of(info)

    @strawberry.field(description="The newest hundred, with their texts; for a repair or help at the desk.")
    def repairs(self, info: Info) -> list[Repair] | None:
        return FILE_REPAIRS.of(info)

    @strawberry.field(description="For help at the desk; for a reversal everything that can still be undone.")
    def open_obligations(self, info: Info) -> list[Redemption] | None:
        return FILE_OBLIGATIONS.of(info)


def opens(asked: Asked, part: str) -> bool:
    """Whether the purpose of this look-up needs that part of the file; a section of CitizenFile builds () otherwise."""
    return part in OPENS[_PURPOSES[asked.key[0]]]


def read_file(person: Any, asked: Asked) -> CitizenFile:
    """The head of the file."""
    return CitizenFile(
        reference=asked.context.seal("file", asked.subject.person or 0),
        display_name=name_of(person, asked.context),
    )


def part_of_file(part: str, fragment: Callable[[], Fragment], read: Callable[[Any, Asked], Any]) -> Section[Any]:
    """A part that stays closed, and is not even read, when the purpose does not need it."""
    return Section(
        "CitizenFile",
        part,
        build=lambda asked: fragment() if opens(asked, part) else (),
        read=lambda rows, asked: read(rows, asked) if opens(asked, part) else None,
    )


def sales_of_file(asked: Asked) -> Fragment | tuple[()]:
    """What is open; for a reversal everything that can still be undone."""
    if not opens(asked, "openObligations"):
        return ()
    return reversible_fragment() if _PURPOSES[asked.key[0]] is Purpose.REVERSAL else obligations_fragment()


def read_presence_code(row: Any, asked: Asked) -> datetime:
    """Until when the code works; the code itself stands in no table."""
    return datetime.fromisoformat(row["expires_at"])


FILE: Section[CitizenFile] = Section("CitizenFile", None, build=lambda asked: person_fragment(), read=read_file)
PRESENCE_CODE: Section[datetime] = Section(
    "PresenceCode",
    None,
    build=lambda asked: presence_code_fragment(asked.name, code_id=asked.key[0]),
    read=read_presence_code,
)
FILE_SCORE: Section[Score | None] = part_of_file("score", score_lines, read_score)
FILE_RECORDS: Section[list[Record] | None] = part_of_file(
    "records",
    lambda: score_records("file_records", first=_MOST_RECORDS, after=None),
    lambda rows, asked: [record_of(line_of(row), asked) for row in rows[:_MOST_RECORDS]],
)
FILE_OBJECTIONS: Section[list[Objection] | None] = part_of_file(
    "objections",
    lambda: objections_fragment("file_objections", first=_MOST_CASES, before=None),
    lambda rows, asked: [objection_of(row, asked.context) for row in rows[:_MOST_CASES]],
)
FILE_REPAIRS: Section[list[Repair] | None] = part_of_file(
    "repairs", repairs_fragment, lambda rows, asked: [repair_of(row, asked.context) for row in rows]
)
FILE_OBLIGATIONS: Section[list[Redemption] | None] = Section(
    "CitizenFile",
    "openObligations",
    build=lambda asked: sales_of_file(asked),
    read=lambda rows, asked: (
        [redemption_of(row, asked.context) for row in rows] if opens(asked, "openObligations") else None
    ),
)
SECTIONS = (FILE, PRESENCE_CODE, FILE_SCORE, FILE_RECORDS, FILE_OBLIGATIONS, FILE_OBJECTIONS, FILE_REPAIRS)

PresenceResult: TypeAlias = Annotated[PresenceCode | UserError, strawberry.union("PresenceResult")]
CitizenFileResult: TypeAlias = Annotated[CitizenFile | UserError, strawberry.union("CitizenFileResult")]


@strawberry.type
class LookUpMutation:
    @strawberry.mutation(
        description="A short code on the citizen's phone that lets an officer in front of them look them up."
    )
    async def presence_code(self, info: Info, idempotency_key: UUID) -> PresenceResult:
        context = info.context
        async with context.transaction() as unit:
            code_id = await actions.show_presence_code(unit.session, unit.actor, unit.now, key=idempotency_key)
            expires_at: datetime = await context.view.load(info, unit, "PresenceCode", key=(code_id,))
        code = actions.presence_code_of(context.vault, context.caller.person_id or 0, idempotency_key)
        return PresenceCode(code=code, svg=svg_of(code), expires_at=expires_at)

    @strawberry.mutation(
        description="Needs an open case of that citizen, or the presence code on the citizen's phone. Written to the"
        " citizen's access log with the purpose; fields outside the purpose are null."
    )
    async def look_up_citizen(
        self, info: Info, by: CitizenKey, value: str, purpose: Purpose, idempotency_key: UUID
    ) -> CitizenFileResult:
        async with info.context.transaction() as unit:
            found = await _find(info.context, unit, (by, value), purpose, idempotency_key)
            # A wrong code was counted, which has to last.
            if isinstance(found, NotFound):
                return user_error(found, info.context.language)
            caller = subject_of(info.context, unit)
            subject = replace(caller, citizen=found.citizen_id, person=found.person_id, volunteer=found.volunteer_id)
            key = (_PURPOSES.index(found.purpose),)
            file: CitizenFile = await info.context.view.load(info, unit, "CitizenFile", key=key, subject=subject)
            return file


async def _find(
    context: Context, unit: Unit, by: tuple[CitizenKey, str], purpose: Purpose, key: UUID
) -> Found | NotFound:
    """Opens the file by the code on the phone or by an open case. Raises: NotFound."""
    kind, value = by
    if kind is CitizenKey.PRESENCE_CODE:
        return await actions.look_up_by_presence(
            unit.session, unit.actor, unit.now, code=value, purpose=purpose, key=key
        )
    if kind is CitizenKey.VOLUNTEER_NUMBER:
        return await look_up_by_number(unit.session, unit.actor, unit.now, number=value, purpose=purpose, key=key)
    case = _case(context, value)
    if case is None:
        raise NotFound(_NO_OPEN_CASE, field="value")
    return await look_up_by_case(unit.session, unit.actor, unit.now, case=case, purpose=purpose, key=key)


def _case(context: Context, value: str) -> tuple[str, int] | None:
    """The kind and number of the case with this id."""
    try:
        kind, parts = ids.opened(context.vault, value)
    except NotFound:
        return None
    return (kind, parts[0]) if kind in ("objection", "repair") and len(parts) == 1 else None


_NO_OPEN_CASE = words(
    "没有该市民的未结办件。请市民在手机上出示到场码。",
    "There is no open case of such a citizen. Ask the citizen to show the presence code on their phone.",
)
