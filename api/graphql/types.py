"""What every room's types are made of: nodes, pages, scalars."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final, Generic, NewType, TypeVar

import strawberry
from strawberry.types.scalar import ScalarDefinition

from api.graphql import ids
from api.graphql.view import Asked, Page
from domain.vault import Vault

T = TypeVar("T")

Amount = NewType("Amount", int)
_MAX_AMOUNT: Final = 2**53


def _write_instant(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _read_instant(value: object) -> datetime:
    if not isinstance(value, str):
        raise ValueError("an instant is text like 2026-01-31T08:00:00Z")
    instant = datetime.fromisoformat(value)
    if instant.tzinfo is None:
        raise ValueError("an instant says its offset, like 2026-01-31T08:00:00Z")
    return instant.astimezone(UTC)


def _read_amount(value: object) -> Amount:
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > _MAX_AMOUNT:
        raise ValueError("an amount is a whole number, exact to 2^53")
    return Amount(value)


SCALARS: Final[Mapping[object, ScalarDefinition]] = {
    datetime: strawberry.scalar(
        name="DateTime",
        description="An instant in UTC, ISO 8601; as input with any offset, but never without one.",
        serialize=_write_instant,
        parse_value=_read_instant,
    ),
    Amount: strawberry.scalar(
        name="Amount",
        description="A whole number in the unit named beside it (fen for money), exact to 2^53: sums outgrow Int.",
        serialize=int,
        parse_value=_read_amount,
    ),
}


@strawberry.interface(description="An object that an app may cache; its id is opaque and never reused.")
class Node:
    id: strawberry.ID


@strawberry.type(description="Where a page stands in its list.")
class PageInfo:
    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@strawberry.type(description="One entry of a page.")
class Edge(Generic[T]):
    cursor: str
    node: T


@strawberry.type(description="A page of at most 100 entries.")
class Connection(Generic[T]):
    edges: list[Edge[T]]
    page_info: PageInfo


def connection(
    asked: Asked, rows: Sequence[Any], *, node: Callable[[Any], T], key: Callable[[Any], ids.Key]
) -> Connection[T]:
    """The page of a section: of `first + 1` rows fetched, the last only says that there are more."""
    page = asked.page()
    return connect(asked.context.vault, asked.cursor_name, page, rows, node=node, key=key)


def connect(
    vault: Vault, name: str, page: Page, rows: Sequence[Any], *, node: Callable[[Any], T], key: Callable[[Any], ids.Key]
) -> Connection[T]:
    """The page of any list, with cursors signed for its name."""
    shown = rows[: page.first]
    edges = [Edge(cursor=ids.seal_cursor(vault, name, key(row)), node=node(row)) for row in shown]
    return Connection(
        edges=edges,
        page_info=PageInfo(
            has_next_page=len(rows) > len(shown),
            has_previous_page=page.after is not None,
            start_cursor=edges[0].cursor if edges else None,
            end_cursor=edges[-1].cursor if edges else None,
        ),
    )


def day(text: str | None) -> date | None:
    """A date out of JSON."""
    return None if text is None else date.fromisoformat(text)


def instant(text: str | None) -> datetime | None:
    """An instant out of JSON."""
    return None if text is None else datetime.fromisoformat(text)
