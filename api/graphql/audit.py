"""What the auditor sees: the head of the chain, to be kept outside and compared later."""

from typing import Any

import strawberry

from api.graphql.context import Info
from api.graphql.view import Asked, Section
from domain.audit_chain import GENESIS
from domain.values import Fragment


@strawberry.type(description="The auditor's place.")
class AuditDesk:
    head: str = strawberry.field(
        description="How many events are chained, and the hash that stands for all of them: `position:hash`."
    )


def read_audit(head: Any, asked: Asked) -> AuditDesk:
    """The head of the chain; before the first event is chained, the hash of nothing."""
    found = head["head"]
    return AuditDesk(head=f"0:{GENESIS.hex()}" if found is None else f"{found['position']}:{found['hash']}")


AUDIT: Section[AuditDesk] = Section(
    "AuditDesk",
    None,
    build=lambda asked: Fragment(sql="SELECT json_build_object('head', audit_head())"),
    read=read_audit,
)
SECTIONS = (AUDIT,)


@strawberry.type
class AuditQuery:
    @strawberry.field(description="For the auditor: what proves later that nothing of the trail was changed.")
    async def audit(self, info: Info) -> AuditDesk | None:
        async with info.context.reading() as unit:
            desk: AuditDesk | None = await info.context.view.load(info, unit, "AuditDesk")
            return desk
