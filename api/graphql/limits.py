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
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    parse,
    validate,
)

MAX_TOKENS: Final = 1000
MAX_DEPTH: Final = 18
MAX_FIELDS: Final = 500
MAX_ALIASES: Final = 40
MAX_OPERATIONS: Final = 10
MAX_INTROSPECTIONS: Final = 2
KEPT_DOCUMENTS: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much a selection asks for, with everything that its fragments add."""

    depth: int = 0
    fields: int = 0
    aliases: int = 0
    introspections: int = 0

    def beside(self, other: "Size") -> "Size":
        """Both selections in the same place."""
        return Size(
            depth=max(self.depth, other.depth),
            fields=self.fields + other.fields,
            aliases=self.aliases + other.aliases,
            introspections=self.introspections + other.introspections,
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
        problems = excess(document) or validate(self._schema, document, max_errors=10, hide_suggestions=True)
        if problems:
            return problems
        self._ready[digest] = document
        if len(self._ready) > KEPT_DOCUMENTS:
            self._ready.popitem(last=False)
        return document


def excess(document: DocumentNode) -> list[GraphQLError]:
    """In which respects the document asks for too much."""
    operations = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    if len(operations) > MAX_OPERATIONS:
        return [GraphQLError(f"A document has at most {MAX_OPERATIONS} operations. Send them apart.")]
    measure = _Measure(document)
    problems = []
    for operation in operations:
        size = measure.selection(operation.selection_set)
        for what, asked, most in (
            ("depth", size.depth, MAX_DEPTH),
            ("number of fields", size.fields, MAX_FIELDS),
            ("number of aliases", size.aliases, MAX_ALIASES),
            ("number of introspections", size.introspections, MAX_INTROSPECTIONS),
        ):
            if asked > most:
                problems.append(GraphQLError(f"The {what} is limited to {most}. Ask for less at once.", operation))
    return problems


class _Measure:
    """Measures selections, remembering every fragment."""

    def __init__(self, document: DocumentNode) -> None:
        self._fragments = {
            one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)
        }
        self._sizes: dict[str, Size] = {}

    def selection(self, selection: SelectionSetNode) -> Size:
        size = Size()
        for node in selection.selections:
            match node:
                case FieldNode():
                    size = size.beside(self._field(node))
                case InlineFragmentNode():
                    size = size.beside(self.selection(node.selection_set))
                case FragmentSpreadNode():
                    size = size.beside(self._fragment(node.name.value))
        return size

    def _field(self, node: FieldNode) -> Size:
        below = self.selection(node.selection_set) if node.selection_set else Size()
        return Size(
            depth=below.depth + 1,
            fields=below.fields + 1,
            aliases=below.aliases + (node.alias is not None),
            introspections=below.introspections + (node.name.value in ("__schema", "__type")),
        )

    def _fragment(self, name: str) -> Size:
        """A fragment that is unknown or spreads itself counts as nothing: validation refuses it."""
        if name not in self._sizes:
            self._sizes[name] = Size()
            if name in self._fragments:
                self._sizes[name] = self.selection(self._fragments[name].selection_set)
        return self._sizes[name]
