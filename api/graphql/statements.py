"""A shop's month: read at its desk, paid by the office."""

from datetime import datetime
from typing import Annotated, Any, TypeAlias
from uuid import UUID

import strawberry

from api.graphql.context import Context, Info
from api.graphql.errors import UserError
from api.graphql.products import Product, product_of
from api.graphql.types import Amount
from api.graphql.view import Asked, Section
from domain.errors import NotFound
from domain.incentives.rules.relief import basis_unit
from domain.redemption.actions import paying
from domain.redemption.queries.statements import statement_fragment
from domain.redemption.rules import statements as rules
from domain.redemption.rules.statements import Month, month_of
from domain.values import Fragment


@strawberry.type(description="One product in a shop's month.")
class StatementLine:
    product: Product
    unit: str
    redemptions: int
    reversed: int
    relief: Amount = strawberry.field(description="In `unit`; what was undone is taken off.")
    relief_fen: Amount = strawberry.field(description="What of the relief is money.")
    payable_fen: Amount = strawberry.field(description="What the city owes for it, as the ledger has it.")


@strawberry.type(
    description="A shop's month, equal to the ledger. Also as `/statements/2026-06.csv` and, to be printed, as "
    "`/statements/2026-06.html`, with a manager's token."
)
class Statement:
    month: str
    redemptions: int
    reversed: int = strawberry.field(description="Undone in this month, of whichever month they were.")
    relief_fen: Amount
    payable_fen: Amount = strawberry.field(
        description="What the city owes for the month; below zero where more was undone than sold."
    )
    lines: list[StatementLine]
    paid_at: datetime | None
    payment_ref: str | None


StatementResult: TypeAlias = Annotated[Statement | UserError, strawberry.union("StatementResult")]


@strawberry.type
class StatementOfDesk:
    @strawberry.field(description="What was sold in a local month, such as 2026-06, and what the city owes for it.")
    def statement(self, info: Info, month: str) -> Statement:
        return STATEMENT.of(info)


def statement_of(context: Context, found: rules.Statement) -> Statement:
    """A month in the language of the request."""
    return Statement(
        month=f"{found.month:%Y-%m}",
        redemptions=found.redemptions,
        reversed=found.reversed,
        relief_fen=Amount(found.relief_fen),
        payable_fen=Amount(found.payable_fen),
        lines=[_line(context, line) for line in found.lines],
        paid_at=found.paid_at,
        payment_ref=found.payment_ref,
    )


def _line(context: Context, line: rules.StatementLine) -> StatementLine:
    document = context.reference.products[line.product_id].document
    return StatementLine(
        product=product_of(context, line.product_id),
        unit=context.speak(basis_unit(document.shape) or document.allowance.unit),
        redemptions=line.redemptions,
        reversed=line.reversed,
        relief=Amount(line.relief),
        relief_fen=Amount(line.relief_fen),
        payable_fen=Amount(line.payable_fen),
    )


def build_statement(asked: Asked) -> Fragment:
    """The month asked for, of the caller's own shop. Raises: InvalidInput for the month."""
    organisation = asked.context.caller.organisation_id
    if organisation is None:
        raise NotFound
    month = _month(asked.context, asked.subject.programme, asked.args["month"])
    return statement_fragment(asked.name, organisation_id=organisation, month=month)


def build_paid(asked: Asked) -> Fragment:
    """The month of a shop that the office has just paid: organisation, year and month are the key."""
    organisation, year, number = asked.key
    month = _month(asked.context, asked.subject.programme, f"{year}-{number:02}")
    return statement_fragment(asked.name, organisation_id=organisation, month=month)


def read_statement(raw: Any, asked: Asked) -> Statement:
    """A month of a shop. Raises: NotFound for another's."""
    if raw is None:
        raise NotFound
    return statement_of(asked.context, rules.statement_of(raw))


def _month(context: Context, programme: int | None, text: str) -> Month:
    return month_of(text, context.reference.programmes[programme or 0].zone)


STATEMENT = Section("MerchantDesk", "statement", build=build_statement, read=read_statement)
PAID = Section("Statement", None, build=build_paid, read=read_statement)
SECTIONS = (STATEMENT, PAID)


@strawberry.type
class StatementMutation:
    @strawberry.mutation(
        description="Says that a shop has been paid for a month that is over; `paymentRef` is the payment's own "
        "reference. The ledger shows it."
    )
    async def mark_paid(
        self, info: Info, merchant_id: strawberry.ID, month: str, payment_ref: str, idempotency_key: UUID
    ) -> StatementResult:
        context = info.context
        async with context.transaction() as unit:
            wanted = month_of(month, context.programme(unit).zone)
            (number,) = context.unseal("merchant", merchant_id)
            await paying.mark_paid(
                unit.session,
                unit.actor,
                unit.now,
                organisation_id=number,
                month=wanted,
                payment_ref=payment_ref,
                key=idempotency_key,
            )
            key = (number, wanted.first.year, wanted.first.month)
            statement: Statement = await context.view.load(info, unit, "Statement", key=key)
            return statement
