"""What a person has to be told, as a list on the phone."""

from datetime import datetime
from typing import Annotated, Any, TypeAlias
from uuid import UUID

import strawberry

from api.graphql.context import Info
from api.graphql.errors import UserError
from api.graphql.types import Connection, Edge, Node, connection, instant
from api.graphql.view import Asked, Section
from domain.errors import NotFound
from domain.notices import actions
from domain.notices.queries import notice_fragment, notices_fragment, unread_fragment
from domain.notices.rules import body_of, title_of
from domain.values import Fragment


@strawberry.type(description="Something that the person has to know, and what to do next.")
class Notice(Node):
    at: datetime
    kind: str
    title: str
    body: str
    read_at: datetime | None


@strawberry.type(description="One entry of a page.")
class NoticeEdge(Edge[Notice]):
    pass


@strawberry.type(description="A page of notices, newest first.")
class NoticeConnection(Connection[Notice]):
    edges: list[NoticeEdge]  # type: ignore[assignment]


@strawberry.type(description="How many notices are left to read.")
class NoticesRead:
    unread: int


NoticesResult: TypeAlias = Annotated[NoticesRead | UserError, strawberry.union("NoticesResult")]


@strawberry.type
class NoticesOfCitizen:
    @strawberry.field(description="What the person has been told, newest first.")
    def notices(self, info: Info, first: int | None = 20, after: str | None = None) -> NoticeConnection:
        return NOTICES.of(info)

    @strawberry.field(description="How many of them the person has not read.")
    def unread_notices(self, info: Info) -> int:
        return UNREAD.of(info)


def read_notice(row: Any, asked: Asked) -> Notice:
    """A notice in the language of the request."""
    context = asked.context
    return Notice(
        id=context.seal("notice", row["id"]),
        at=datetime.fromisoformat(row["at"]),
        kind=row["kind"],
        title=context.speak(title_of(row["kind"])),
        body=context.speak(body_of(row["kind"], row["params"])),
        read_at=instant(row["read_at"]),
    )


def build_notices(asked: Asked) -> Fragment:
    """One page of notices."""
    page = asked.page()
    before = None if page.after is None else int(str(page.after[0]))
    return notices_fragment(asked.name, first=page.first, before=before)


def read_notices(rows: Any, asked: Asked) -> NoticeConnection:
    """One page of notices."""
    page = connection(asked, rows, node=lambda row: read_notice(row, asked), key=lambda row: (row["id"],))
    return NoticeConnection(edges=page.edges, page_info=page.page_info)  # type: ignore[arg-type]


NOTICES: Section[NoticeConnection] = Section("Citizen", "notices", build=build_notices, read=read_notices)
UNREAD: Section[int] = Section(
    "Citizen", "unreadNotices", build=lambda asked: unread_fragment(), read=lambda count, asked: int(count)
)
NOTICE: Section[Notice] = Section(
    "Notice", None, build=lambda asked: notice_fragment(asked.name, notice_id=asked.key[0]), read=read_notice
)
LEFT: Section[NoticesRead] = Section(
    "NoticesRead",
    None,
    build=lambda asked: unread_fragment(),
    read=lambda count, asked: NoticesRead(unread=int(count)),
)
SECTIONS = (NOTICES, UNREAD, NOTICE, LEFT)
NODES = {"notice": "Notice"}


@strawberry.type
class NoticesMutation:
    @strawberry.mutation(description="Notes that these notices were read.")
    async def mark_notices_read(self, info: Info, ids: list[strawberry.ID], idempotency_key: UUID) -> NoticesResult:
        context = info.context
        numbers = [_only(context.unseal("notice", text)) for text in ids]
        async with context.transaction() as unit:
            await actions.mark_read(unit.session, unit.actor, unit.now, ids=numbers, key=idempotency_key)
            left: NoticesRead = await context.view.load(info, unit, "NoticesRead")
            return left


def _only(parts: tuple[int, ...]) -> int:
    if len(parts) != 1:
        raise NotFound(field="ids")
    return parts[0]
