"""Reservations over HTTP: held, waited for, given back; and one's own only."""

from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from api.database import Database, WorkerDatabase
from api.worker import move_lines
from domain.actor import ANONYMOUS, Role
from tests.api.city import City, Client

RESERVED = "... on Reservation { id status position expectedOn expiresAt product { code } }"
FAULT = "... on UserError { errorCode inputField }"
RESERVE = f"""mutation ($product: ID!, $key: UUID!) {{
    reserveBenefit(productId: $product, idempotencyKey: $key) {{ {RESERVED} {FAULT} }} }}"""
CANCEL = f"""mutation ($id: ID!, $key: UUID!) {{
    cancelReservation(id: $id, idempotencyKey: $key) {{ {RESERVED} {FAULT} }} }}"""
MINE = "{ me { reservations { id status position product { code } } } }"


@pytest.fixture(scope="module")
async def city(database: Database, worker: WorkerDatabase) -> City:
    return await City(database, worker, "weifang").seeded()


async def one_is_left(city: City) -> None:
    async with city.worker.transaction(ANONYMOUS) as unit:
        left = text("UPDATE budget SET total = reserved + spent + 1 WHERE product_code = 'reading-pack'")
        await unit.session.execute(left)


async def pack(phone: Client) -> str:
    products = (await phone.ask('{ programme(code: "weifang") { products { id code } } }'))["products"]
    return str(next(one["id"] for one in products if one["code"] == "reading-pack"))


async def qualified(city: City) -> list[Any]:
    """Two citizens who could use the pack."""
    found = []
    for index in (1, *range(6, 45)):
        caller = await city.caller(Role.CITIZEN, index)
        async with city.client(caller) as phone:
            benefits = (await phone.ask("{ me { benefits(qualified: true) { product { code } } } }"))["benefits"]
        if "reading-pack" in {one["product"]["code"] for one in benefits}:
            found.append(caller)
        if len(found) == 2:
            return found
    raise AssertionError("nobody else qualifies")


async def test_the_second_waits_and_gets_what_the_first_gives_back(city: City) -> None:
    first, second = await qualified(city)
    await one_is_left(city)
    async with city.client(first) as phone, city.client(second) as other:
        product = await pack(phone)
        held = await phone.ask(RESERVE, product=product, key=str(uuid4()))
        assert (held["status"], held["position"], held["product"]["code"]) == ("HELD", None, "reading-pack")
        assert held["expiresAt"] is not None
        waiting = await other.ask(RESERVE, product=product, key=str(uuid4()))
        assert (waiting["status"], waiting["position"], waiting["expiresAt"]) == ("WAITING", 1, None)
        assert waiting["expectedOn"] is not None
        again = await phone.ask(RESERVE, product=product, key=str(uuid4()))
        assert again["errorCode"] == "ALREADY_DECIDED"
        foreign = await other.ask(CANCEL, id=held["id"], key=str(uuid4()))
        assert foreign["errorCode"] == "NOT_FOUND"
        assert (await phone.ask(CANCEL, id=held["id"], key=str(uuid4())))["status"] == "RETURNED"
        await move_lines(city.worker)
        (mine,) = (await other.ask(MINE))["reservations"]
        assert (mine["id"], mine["status"], mine["position"]) == (waiting["id"], "HELD", None)
        assert [one["status"] for one in (await phone.ask(MINE))["reservations"]] == ["RETURNED"]


async def test_who_has_not_joined_reserves_nothing(city: City) -> None:
    async with city.client(await city.caller(Role.CITIZEN, 4)) as phone:
        refused = await phone.ask(RESERVE, product=await pack(phone), key=str(uuid4()))
        assert refused["errorCode"] == "CONSENT_REQUIRED"
        assert (await phone.ask(MINE))["reservations"] == []
