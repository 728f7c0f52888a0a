"""One SQL statement per root field, composed from what the query asks for.

A room publishes how a field of a type is read as a `Section`: `build` turns what was asked into SQL fragments, `read`
turns their JSON into the value of the field. When a root field is resolved, `View.load` walks the selection with
graphql-core's own collected fields and coerced arguments, builds every section it meets, at any depth, runs all of them
as ONE statement, and keeps the values by response path. The resolvers below only pick up what is there:

    # domain/consent/queries.py: a scalar sub-select that yields JSON, '[]' for nothing; own binds start with the name
    def consents_fragment() -> Fragment:
        return Fragment(sql="SELECT coalesce(json_agg(json_build_object('id', c.id, …) ORDER BY c.id), '[]') FROM …"
                            " WHERE c.person_id = :person AND c.programme_id = :programme")

    # api/graphql/people.py
    CONSENTS = Section("Citizen", "consents", build=lambda asked: consents_fragment(), read=read_consents)
    SECTIONS = (CONSENTS,)                                    # schema.py adds these up

    def read_consents(rows: Any, asked: Asked) -> list[Consent]:  # `rows` is the parsed JSON
        return [Consent(id=asked.context.seal("consent", row["id"]), …) for row in rows]

    @strawberry.type
    class PeopleOfCitizen:                                    # a mixin: Citizen inherits one from each room
        @strawberry.field(description="…")
        def consents(self, info: Info) -> list[Consent]:
            return CONSENTS.of(info)

- Arguments: `asked.args` (GraphQL names, defaults filled in). Pages: `page = asked.page()` gives `first` and `after`
  (the sort key of the last entry or None; dates are ISO text); fetch `page.first + 1` rows; in `read` return
  `connection(asked, rows, node=…, key=…)`, whose `key` gives the sort key again.
- A section may sit at any depth: Section("Score", "history", …) is found under me { score { history } } and joins the
  same statement. Under a list there is one value for all entries; let `read` return a mapping and pick from it.
- Several fragments: let `build` return a tuple of them, and `read` gets a list. Equal fragments run once.
- The object itself: Section("Presentation", None, …) reads one by `asked.key`, the parts of its id (which the sections
  below it see as well). With it, a mutation
  answers `await info.context.view.load(info, unit, "Presentation", key=(id,))`, and `node(id:)` finds it as well.
  `load` gives None when the fragment's JSON is null.
- A room's file exports SECTIONS, NODES (kind of a sealed id → type, for `node`), mixins `…OfCitizen`, `…Query` and
  `…Mutation`; schema.py, nodes.py and citizen.py name them. access.py decides on every root field and every type.
- Common binds of every fragment: citizen, person, volunteer, programme, rule_set, today, now. They are the caller's own
  unless `load` is given another `subject` (an officer with a revealed citizen).
"""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeAlias, TypeVar, cast
from uuid import UUID

import sqlalchemy as sa
from graphql import (
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_abstract_type,
    is_object_type,
)
from graphql.execution.collect_fields import FieldDetails, FragmentDetails, collect_subfields
from graphql.execution.values import get_argument_values
from graphql.pyutils import Path
from sqlalchemy.dialects import postgresql

from api.database import Unit
from api.graphql import access, ids
from api.graphql.context import Context, Info
from domain.errors import DomainError, InvalidInput
from domain.values import Fragment, words

T = TypeVar("T")

MAX_PAGE: Final = 100
_COMMON: Final[Mapping[str, sa.types.TypeEngine[Any]]] = {
    "citizen": sa.Integer(),
    "person": sa.BigInteger(),
    "volunteer": sa.BigInteger(),
    "programme": sa.SmallInteger(),
    "rule_set": sa.Integer(),
    "today": sa.Date(),
    "now": sa.DateTime(timezone=True),
}
# Without a declared type PostgreSQL would guess one from the first place where a value is used.
_TYPES: Final[Mapping[type, sa.types.TypeEngine[Any]]] = {
    int: sa.BigInteger(),
    str: sa.Text(),
    bool: sa.Boolean(),
    bytes: sa.LargeBinary(),
    dt.date: sa.Date(),
    dt.datetime: sa.DateTime(timezone=True),
    UUID: sa.Uuid(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whose data one statement reads, and as of when."""

    citizen: int | None
    person: int | None
    volunteer: int | None
    programme: int | None
    rule_set: int | None
    today: dt.date
    now: dt.datetime

    def binds(self) -> dict[str, object]:
        """The common binds of every fragment."""
        return {name: getattr(self, name) for name in _COMMON}


def subject_of(context: Context, unit: Unit) -> Subject:
    """The caller as the subject of the statement."""
    actor = unit.actor
    today, rule_set = unit.now.date(), None
    if actor.programme_id is not None:
        programme = context.programme(unit)
        today = programme.today(unit.now)
        rule_set = programme.rule_set_on(today).id
    return Subject(
        citizen=actor.citizen_id,
        person=actor.person_id,
        volunteer=actor.volunteer_id,
        programme=actor.programme_id,
        rule_set=rule_set,
        today=today,
        now=unit.now,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """So many entries, after the one with this sort key."""

    first: int
    after: ids.Key | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One section as asked for in one place of the query. `name` starts the names of its own binds."""

    name: str
    section: "Section[Any]"
    args: Mapping[str, Any]
    key: tuple[int, ...]
    context: Context
    subject: Subject

    @property
    def cursor_name(self) -> str:
        """What a cursor of this list is signed for."""
        return f"{self.section.type_name}.{self.section.field_name}"

    def page(self) -> Page:
        """The page asked for. Raises: InvalidInput for a size out of range or a foreign cursor."""
        return page_of(self.context, self.cursor_name, self.args)


def page_of(context: Context, cursor_name: str, args: Mapping[str, Any]) -> Page:
    """The page that `first` and `after` ask for. Raises: InvalidInput for a size out of range or a foreign cursor."""
    first, after = args["first"], args.get("after")
    if first is None or not 1 <= first <= MAX_PAGE:
        raise InvalidInput(
            words(
                f"每页须为 1 到 {MAX_PAGE} 项。请更改 first。", f"A page has 1 to {MAX_PAGE} entries. Change `first`."
            ),
            field="first",
        )
    key = None if after is None else ids.unseal_cursor(context.vault, cursor_name, after)
    return Page(first=first, after=key)


Build: TypeAlias = Callable[[Asked], Fragment | tuple[Fragment, ...]]


@dataclass(frozen=True, slots=True)
class Section(Generic[T]):
    """How one field of a type is read; without a field name, how one object of the type is."""

    type_name: str
    field_name: str | None
    build: Build = field(kw_only=True)
    read: Callable[[Any, Asked], T] = field(kw_only=True)

    def of(self, info: Info) -> T:
        """The value that the root field has loaded for this place. Raises: what building it raised."""
        value = info.context.loaded[place(info.path)]
        if isinstance(value, DomainError):
            raise value
        return cast("T", value)


def place(path: Path) -> tuple[str, ...]:
    """A response path without list positions."""
    keys: list[str] = []
    step: Path | None = path
    while step is not None:
        if isinstance(step.key, str):
            keys.append(step.key)
        step = step.prev
    return tuple(reversed(keys))


class View:
    """The sections of all rooms, over one schema."""

    def __init__(self, schema: GraphQLSchema, sections: Iterable[Section[Any]]) -> None:
        self._schema = schema
        self._sections = {(one.type_name, one.field_name): one for one in sections}
        for type_name, field_name in self._sections:
            kind = schema.type_map.get(type_name)
            if not isinstance(kind, GraphQLObjectType) or (field_name and field_name not in kind.fields):
                raise ValueError(f"a section is published for {type_name}.{field_name}, which the schema does not have")
        self._leading = self._leading_types()

    def reads(self, type_name: str) -> bool:
        """Whether one object of this type can be loaded by its key."""
        return (type_name, None) in self._sections

    async def load(
        self, info: Info, unit: Unit, type_name: str, *, key: tuple[int, ...] = (), subject: Subject | None = None
    ) -> Any:
        """One object of a type with everything that this field selects below it, in one statement; None if absent."""
        access.require_type(unit.actor.role, type_name)
        subject = subject or subject_of(info.context, unit)
        walk = _Walk(view=self, info=info, subject=subject, key=key)
        root = walk.ask(self._sections[type_name, None], {}, ())
        self._descend(walk, type_name)
        columns = await _run(unit, walk.fragments, subject)
        value = root.value(columns)
        if value is not None:
            info.context.loaded |= {question.path: question.value(columns) for question in walk.questions[1:]}
            info.context.loaded |= walk.refused
            value = root.asked.section.read(value, root.asked)
        return value

    async def load_below(self, info: Info, unit: Unit, type_name: str) -> None:
        """What this field selects below objects that are at hand: in one statement, or none where nothing is read."""
        walk = _Walk(view=self, info=info, subject=subject_of(info.context, unit), key=())
        self._descend(walk, type_name)
        columns = await _run(unit, walk.fragments, walk.subject) if walk.fragments else ()
        info.context.loaded |= {question.path: question.value(columns) for question in walk.questions}
        info.context.loaded |= walk.refused

    def _descend(self, walk: "_Walk", type_name: str) -> None:
        info, kind = walk.info, cast("GraphQLObjectType", self._schema.type_map[type_name])
        walk.descend(kind, [FieldDetails(node, None) for node in info._raw_info.field_nodes], place(info.path))

    def section(self, type_name: str, field_name: str) -> Section[Any] | None:
        """How this field is read, where it takes SQL."""
        return self._sections.get((type_name, field_name))

    def leads_on(self, kind: GraphQLNamedType) -> list[GraphQLObjectType]:
        """The object types behind a field's type below which there may be sections."""
        if is_abstract_type(kind):
            return [one for one in self._schema.get_possible_types(kind) if one.name in self._leading]
        return [kind] if isinstance(kind, GraphQLObjectType) and kind.name in self._leading else []

    def _leading_types(self) -> frozenset[str]:
        """All types with a section in them or below them: the walk enters no others."""
        below: dict[str, set[str]] = {}
        for kind in self._schema.type_map.values():
            if isinstance(kind, GraphQLObjectType):
                targets = [get_named_type(one.type) for one in kind.fields.values()]
                below[kind.name] = {
                    one.name
                    for target in targets
                    for one in (self._schema.get_possible_types(target) if is_abstract_type(target) else [target])
                    if is_object_type(one)
                }
        leading = {type_name for type_name, field_name in self._sections if field_name is not None}
        while more := {name for name, targets in below.items() if targets & leading} - leading:
            leading |= more
        return frozenset(leading)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """One section in one place, and the columns of the statement that answer it."""

    asked: Asked
    path: tuple[str, ...]
    columns: int | tuple[int, ...]

    def value(self, row: Sequence[Any]) -> Any:
        json = row[self.columns] if isinstance(self.columns, int) else [row[one] for one in self.columns]
        return json if self.asked.section.field_name is None else self.asked.section.read(json, self.asked)


@dataclass(slots=True, kw_only=True)
class _Walk:
    """Collects the questions of one root field."""

    view: View
    info: Info
    subject: Subject
    key: tuple[int, ...]
    questions: list[_Question] = field(default_factory=list)
    fragments: list[Fragment] = field(default_factory=list)
    refused: dict[tuple[str, ...], DomainError] = field(default_factory=dict)
    spreads: dict[str, FragmentDetails] = field(default_factory=dict)

    def descend(self, kind: GraphQLObjectType, details: list[FieldDetails], path: tuple[str, ...]) -> None:
        """Asks every section that is selected below an object of this type."""
        raw = self.info._raw_info
        if not self.spreads and raw.fragments:
            self.spreads |= {name: FragmentDetails(one) for name, one in raw.fragments.items()}
        collected = collect_subfields(raw.schema, self.spreads, raw.variable_values, raw.operation, kind, details, True)
        for response_name, nodes in collected.grouped_field_set.items():
            field_name = nodes[0].node.name.value
            definition = kind.fields.get(field_name)
            if definition is None:
                continue
            here = (*path, response_name)
            section = self.view.section(kind.name, field_name)
            if section is not None:
                args = get_argument_values(definition, nodes[0].node, raw.variable_values, None, True)
                self.ask(section, args, here)
            for target in self.view.leads_on(get_named_type(definition.type)):
                self.descend(target, nodes, here)

    def ask(self, section: Section[Any], args: Mapping[str, Any], path: tuple[str, ...]) -> _Question:
        """Builds the fragments of one section. A refusal is kept for the place where it was provoked."""
        asked = Asked(
            name=f"q{len(self.questions)}",
            section=section,
            args=args,
            key=self.key,
            context=self.info.context,
            subject=self.subject,
        )
        try:
            built = section.build(asked)
        except DomainError as refusal:
            if section.field_name is None:
                raise
            self.refused[path] = refusal
            built = ()
        columns = self._column(built) if isinstance(built, Fragment) else tuple(self._column(one) for one in built)
        question = _Question(asked=asked, path=path, columns=columns)
        if path not in self.refused:
            self.questions.append(question)
        return question

    def _column(self, fragment: Fragment) -> int:
        """Equal fragments share one column."""
        if fragment not in self.fragments:
            self.fragments.append(fragment)
        return self.fragments.index(fragment)


async def _run(unit: Unit, fragments: Sequence[Fragment], subject: Subject) -> Sequence[Any]:
    """All fragments as one statement; gives one row, a parsed JSON value for each."""
    statement, values = compose(fragments, subject)
    return tuple((await unit.session.execute(statement, values)).one())


def compose(fragments: Sequence[Fragment], subject: Subject) -> tuple[sa.TextClause, dict[str, object]]:
    """The statement and its values. Common table expressions of one name are one."""
    ctes: dict[str, str] = {}
    values = subject.binds()
    for fragment in fragments:
        ctes |= fragment.ctes
        values |= fragment.binds
    shared = ",\n".join(f"{name} AS ({sql})" for name, sql in ctes.items())
    columns = ",\n".join(f'({fragment.sql}) AS "f{index}"' for index, fragment in enumerate(fragments))
    statement = sa.text(f"{'WITH ' + shared if shared else ''}\nSELECT\n{columns}")
    used = set(statement._bindparams)
    typed = [
        sa.bindparam(name, type_=_COMMON.get(name) or _type_of(value)) for name, value in values.items() if name in used
    ]
    return statement.bindparams(*typed), {name: value for name, value in values.items() if name in used}


def _type_of(value: object) -> sa.types.TypeEngine[Any] | None:
    """The database type of a fragment's own value; a list takes that of its entries."""
    if isinstance(value, list | tuple):
        return postgresql.ARRAY(_type_of(value[0]) or sa.BigInteger()) if value else postgresql.ARRAY(sa.BigInteger())
    return _TYPES.get(type(value))
