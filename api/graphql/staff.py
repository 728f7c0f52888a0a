"""Who works for a shop and at which tills, as its manager keeps them."""

from datetime import datetime
from typing import Annotated, Any, TypeAlias
from uuid import UUID

import strawberry

from api.graphql.context import Context, Info
from api.graphql.errors import UserError
from api.graphql.types import Node
from api.graphql.view import Asked, Section
from domain.errors import NotFound
from domain.people.actions import staff as actions
from domain.people.queries.staff import staff_fragment, staff_member_fragment
from domain.values import Fragment


@strawberry.type(description="A till of the shop.")
class Terminal(Node):
    name: str
    pairing_code: str | None = strawberry.field(
        description="Shown once, in the answer that registers the terminal; a cashier signs in with it."
    )
    last_seen_at: datetime | None
    blocked: bool


@strawberry.type(
    description="Somebody who works for the organisation, or is invited to: `blocked` as long as they cannot act."
)
class StaffMember(Node):
    display_name: str = strawberry.field(description="Before the invitation is accepted, the contact with most hidden.")
    role: str
    blocked: bool
    invited: bool = strawberry.field(description="The invitation waits to be accepted.")
    invitation_code: str | None = strawberry.field(
        description="Shown once, in the answer that invites; used once, within 7 days, as `invitation_code` of /signin."
    )


StaffResult: TypeAlias = Annotated[StaffMember | UserError, strawberry.union("StaffResult")]
TerminalResult: TypeAlias = Annotated[Terminal | UserError, strawberry.union("TerminalResult")]


@strawberry.type
class StaffOfDesk:
    @strawberry.field(description="Everybody who works here, then who is invited. A cashier sees the own post only.")
    def staff(self, info: Info) -> list[StaffMember]:
        return STAFF.of(info)


def member_of(shape: Any, context: Context) -> StaffMember:
    """One member of staff."""
    return StaffMember(
        id=context.seal("staff_member", shape["kind"], shape["id"]),
        display_name=shape["name"],
        role=shape["role"],
        blocked=shape["blocked"],
        invited=shape["invited"],
        invitation_code=None,
    )


def build_member(asked: Asked) -> Fragment:
    """One member of the caller's organisation. Raises: NotFound for an id of another form."""
    if len(asked.key) != 2:
        raise NotFound
    kind, number = asked.key
    return staff_member_fragment(asked.name, organisation_id=_organisation(asked), invited=kind == 1, number=number)


def _organisation(asked: Asked) -> int:
    if asked.context.caller.organisation_id is None:
        raise NotFound
    return asked.context.caller.organisation_id


def _pair(parts: tuple[int, ...]) -> tuple[int, int]:
    if len(parts) != 2:
        raise NotFound
    return parts[0], parts[1]


def _only(parts: tuple[int, ...]) -> int:
    if len(parts) != 1:
        raise NotFound
    return parts[0]


STAFF = Section(
    "MerchantDesk",
    "staff",
    build=lambda asked: staff_fragment(asked.name, organisation_id=_organisation(asked)),
    read=lambda rows, asked: [member_of(row, asked.context) for row in rows],
)
MEMBER = Section("StaffMember", None, build=build_member, read=lambda shape, asked: member_of(shape, asked.context))
SECTIONS = (STAFF, MEMBER)
NODES = {"staff_member": "StaffMember"}


@strawberry.type
class StaffMutation:
    @strawberry.mutation(
        description="Asks somebody to take up a post: cashier or manager of a shop, organiser or manager of a "
        "volunteer body or school. Give them the code; they sign in with it. `contact` is kept as a keyed digest only."
    )
    async def invite_staff(self, info: Info, role: str, contact: str, idempotency_key: UUID) -> StaffResult:
        context = info.context
        async with context.transaction() as unit:
            number = await actions.invite_staff(
                unit.session, unit.actor, unit.now, role=role, contact=contact, key=idempotency_key
            )
            member: StaffMember = await context.view.load(info, unit, "StaffMember", key=(1, number))
            member.invitation_code = actions.code_of(context.vault, unit.actor, idempotency_key)
            return member

    @strawberry.mutation(description="Ends a post at once, or takes an invitation back.")
    async def block_staff(
        self,
        info: Info,
        id: strawberry.ID,  # noqa: A002
        idempotency_key: UUID,
    ) -> StaffResult:
        context = info.context
        key = _pair(context.unseal("staff_member", id))
        async with context.transaction() as unit:
            await actions.block_staff(unit.session, unit.actor, unit.now, member=key, key=idempotency_key)
            member: StaffMember = await context.view.load(info, unit, "StaffMember", key=key)
            return member

    @strawberry.mutation(
        description="Gives a pairing code, used once; a cashier's session is bound to one terminal when signing in. "
        "The name of a terminal that is there gives a new code for it."
    )
    async def register_terminal(self, info: Info, name: str, idempotency_key: UUID) -> TerminalResult:
        context = info.context
        async with context.transaction() as unit:
            number = await actions.register_terminal(unit.session, unit.actor, unit.now, name=name, key=idempotency_key)
            terminal: Terminal = await context.view.load(info, unit, "Terminal", key=(number,))
            terminal.pairing_code = actions.code_of(context.vault, unit.actor, idempotency_key)
            return terminal

    @strawberry.mutation(description="Ends a terminal at once: whoever is signed in at it can do nothing more.")
    async def block_terminal(
        self,
        info: Info,
        id: strawberry.ID,  # noqa: A002
        idempotency_key: UUID,
    ) -> TerminalResult:
        context = info.context
        number = _only(context.unseal("terminal", id))
        async with context.transaction() as unit:
            await actions.block_terminal(unit.session, unit.actor, unit.now, terminal_id=number, key=idempotency_key)
            terminal: Terminal = await context.view.load(info, unit, "Terminal", key=(number,))
            return terminal
