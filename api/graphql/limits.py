"""What one request may ask for. Documents are parsed, measured and validated once, and kept.

Each fragment is measured once, however often it is spread, so that measuring a hostile document is cheap as well.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
    get_nullable_type,
    is_list_type,
    parse,
    validate,
)

MAX_TOKENS: Final = 1000
MAX_DEPTH: Final = 18
MAX_FIELDS: Final = 500
MAX_ALIASES: Final = 40
MAX_OPERATIONS: Final = 10
MAX_INTROSPECTIONS: Final = 2
MAX_VALUES: Final = 50_000
PAGE: Final = 100
LIST: Final = 10
KEPT_DOCUMENTS: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much a selection asks for, with everything that its fragments add."""

    depth: int = 0
    fields: int = 0
    aliases: int = 0
    introspections: int = 0
    values: int = 0

    def beside(self, other: "Size") -> "Size":
        """Both selections in the same place."""
        return Size(
            depth=max(self.depth, other.depth),
            fields=self.fields + other.fields,
            aliases=self.aliases + other.aliases,
            introspections=self.introspections + other.introspections,
            values=self.values + other.values,
        )


class Documents:
    """The documents that clients send again and again, ready to be executed."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._ready: OrderedDict[bytes, DocumentNode] = OrderedDict()

    def ready(self, query: str) -> DocumentNode | list[GraphQLError]:
        """The document, valid for the schema and within the limits; or what is wrong with it.

        Raises: GraphQLError for a syntax error.
        """
        digest = hashlib.sha256(query.encode()).digest()
        document = self._ready.get(digest)
        if document is not None:
            self._ready.move_to_end(digest)
            return document
        try:
            document = parse(query, max_tokens=MAX_TOKENS)
        except RecursionError:
            return [GraphQLError("The document is nested too deeply. Ask for less at once.")]
        problems = excess(self._schema, document) or validate(
            self._schema, document, max_errors=10, hide_suggestions=True
        )
        if problems:
            return problems
        self._ready[digest] = document
        if len(self._ready) > KEPT_DOCUMENTS:
            self._ready.popitem(last=False)
        return document


def excess(schema: GraphQLSchema, document: DocumentNode) -> list[GraphQLError]:
    """In which respects the document asks for too much."""
    operations = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    if len(operations) > MAX_OPERATIONS:
        return [GraphQLError(f"A document has at most {MAX_OPERATIONS} operations. Send them apart.")]
    measure = _Measure(schema, document)
    problems = []
    for operation in operations:
        size = measure.operation(operation)
        for what, asked, most in (
            ("depth", size.depth, MAX_DEPTH),
            ("number of fields", size.fields, MAX_FIELDS),
            ("number of aliases", size.aliases, MAX_ALIASES),
            ("number of introspections", size.introspections, MAX_INTROSPECTIONS),
            ("size of the answer", size.values, MAX_VALUES),
        ):
            if asked > most:
                problems.append(GraphQLError(f"The {what} is limited to {most}. Ask for less at once.", operation))
    return problems


class _Measure:
    """Measures selections, remembering every fragment. What validation refuses anyway counts as nothing."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode) -> None:
        self._schema = schema
        self._fragments = {
            one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)
        }
        self._sizes: dict[str, Size] = {}

    def operation(self, node: OperationDefinitionNode) -> Size:
        return self._selection(node.selection_set, self._schema.get_root_type(node.operation))

    def _selection(self, selection: SelectionSetNode, kind: GraphQLNamedType | None) -> Size:
        size = Size()
        for node in selection.selections:
            match node:
                case FieldNode():
                    size = size.beside(self._field(node, kind))
                case InlineFragmentNode():
                    condition = node.type_condition
                    narrowed = kind if condition is None else self._schema.get_type(condition.name.value)
                    size = size.beside(self._selection(node.selection_set, narrowed))
                case FragmentSpreadNode():
                    size = size.beside(self._fragment(node.name.value))
        return size

    def _field(self, node: FieldNode, parent: GraphQLNamedType | None) -> Size:
        definition = parent.fields.get(node.name.value) if isinstance(parent, _WITH_FIELDS) else None
        kind = None if definition is None else get_named_type(definition.type)
        below = self._selection(node.selection_set, kind) if node.selection_set else Size()
        times = 1 if definition is None or parent is None else _entries(node, definition, parent)
        return Size(
            depth=below.depth + 1,
            fields=below.fields + 1,
            aliases=below.aliases + (node.alias is not None),
            introspections=below.introspections + (node.name.value in ("__schema", "__type")),
            values=times * (below.values + 1),
        )

    def _fragment(self, name: str) -> Size:
        if name not in self._sizes:
            self._sizes[name] = Size()
            if name in self._fragments:
                fragment = self._fragments[name]
                kind = self._schema.get_type(fragment.type_condition.name.value)
                self._sizes[name] = self._selection(fragment.selection_set, kind)
        return self._sizes[name]


_WITH_FIELDS: Final = (GraphQLObjectType, GraphQLInterfaceType)


def _entries(node: FieldNode, definition: GraphQLField, parent: GraphQLNamedType) -> int:
    """How many entries a field is taken to have: what a page asks for, and a guess for a plain list."""
    if "first" in definition.args:
        asked = next((one.value for one in node.arguments or () if one.name.value == "first"), None)
        return min(int(asked.value), PAGE) if isinstance(asked, IntValueNode) else PAGE
    plain = is_list_type(get_nullable_type(definition.type)) and not parent.name.endswith("Connection")
    return LIST if plain else 1
