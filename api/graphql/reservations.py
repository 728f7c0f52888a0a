"""Reservations on the citizen's phone: what is held until when, and the place in the line."""

from datetime import date, datetime
from enum import Enum
from typing import Annotated, Any, TypeAlias
from uuid import UUID

import strawberry

from api.graphql.context import Context, Info
from api.graphql.errors import UserError
from api.graphql.incentives import catalogue_on
from api.graphql.products import Product, product_of
from api.graphql.types import Node, day, instant
from api.graphql.view import Asked, Section
from domain.errors import NotFound
from domain.redemption.actions import reserving
from domain.redemption.queries.reservations import reservation_fragment, reservations_fragment
from domain.values import Fragment


@strawberry.enum(
    description="HELD: kept for its citizen until `expiresAt`. WAITING: in the line for what becomes free."
)
class ReservationStatus(Enum):
    HELD = "HELD"
    WAITING = "WAITING"
    USED = "USED"
    RETURNED = "RETURNED"
    EXPIRED = "EXPIRED"


@strawberry.type(description="One use of a scarce benefit, held or waited for.")
class Reservation(Node):
    product: Product
    status: ReservationStatus
    position: int | None = strawberry.field(description="Place in the line, from 1; null unless WAITING.")
    expected_on: date | None = strawberry.field(description="When it is this citizen's turn at the latest, if known.")
    expires_at: datetime | None = strawberry.field(description="Until when it is, or was, held.")


ReserveResult: TypeAlias = Annotated[Reservation | UserError, strawberry.union("ReserveResult")]


@strawberry.type
class ReservationsOfCitizen:
    @strawberry.field(description="What is alive first, then the newest; at most a hundred.")
    def reservations(self, info: Info) -> list[Reservation]:
        return RESERVATIONS.of(info)


def reservation_of(shape: Any, context: Context) -> Reservation:
    """One reservation as its citizen sees it."""
    place = shape["place"] or {}
    return Reservation(
        id=context.seal("reservation", shape["id"]),
        product=product_of(context, shape["product_id"]),
        status=ReservationStatus(shape["status"]),
        position=place.get("position"),
        expected_on=day(place.get("expected_on")),
        expires_at=instant(shape["expires_at"]),
    )


def build_reservation(asked: Asked) -> Fragment:
    """One of the citizen's reservations. Raises: NotFound for an id of another form."""
    if len(asked.key) != 1:
        raise NotFound
    return reservation_fragment(asked.name, reservation_id=asked.key[0])


RESERVATIONS = Section(
    "Citizen",
    "reservations",
    build=lambda asked: reservations_fragment(),
    read=lambda rows, asked: [reservation_of(row, asked.context) for row in rows],
)
RESERVATION = Section(
    "Reservation", None, build=build_reservation, read=lambda shape, asked: reservation_of(shape, asked.context)
)
SECTIONS = (RESERVATIONS, RESERVATION)
NODES = {"reservation": "Reservation"}


@strawberry.type
class ReservationMutation:
    @strawberry.mutation(
        description="Holds one use of a benefit whose budget is scarce, for 48 hours; or, when it does not reach, puts "
        "the citizen at the end of the line."
    )
    async def reserve_benefit(self, info: Info, product_id: strawberry.ID, idempotency_key: UUID) -> ReserveResult:
        context = info.context
        (number,) = context.unseal("product", product_id)
        async with context.transaction() as unit:
            programme = context.programme(unit)
            reserved = await reserving.reserve_benefit(
                unit.session,
                unit.actor,
                unit.now,
                catalogue=catalogue_on(context, programme.id, programme.today(unit.now)),
                product_id=number,
                key=idempotency_key,
            )
            reservation: Reservation = await context.view.load(info, unit, "Reservation", key=(reserved,))
            return reservation

    @strawberry.mutation(description="Gives a hold or a place in the line back.")
    async def cancel_reservation(
        self,
        info: Info,
        id: strawberry.ID,  # noqa: A002
        idempotency_key: UUID,
    ) -> ReserveResult:
        context = info.context
        parts = context.unseal("reservation", id)
        async with context.transaction() as unit:
            await reserving.cancel_reservation(
                unit.session, unit.actor, unit.now, reservation_id=parts[0], key=idempotency_key
            )
            reservation: Reservation = await context.view.load(info, unit, "Reservation", key=parts)
            return reservation
