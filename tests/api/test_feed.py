"""Live updates between real processes: a sale is on the phone within a second, whatever process it is connected to."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from phone import Phone, fresh_key, sign_in
from processes import BENEFITS, PATIENCE_S, running
from wire import Socket, events, socket

from api.embedded import urls
from seeds.demo import people_of

CITY = "rongcheng"
BASIS = {"PayRatio": 199, "AmountOff": 500, "QuantityFree": 2, "DepositWaiver": 10000}
PRESENT = """mutation ($product: ID!, $key: UUID!) { presentBenefit(productId: $product, idempotencyKey: $key) {
    ... on Presentation { id code } } }"""
PREVIEW = """mutation ($code: String!, $basis: Int, $terminal: ID!) {
    previewRedemption(code: $code, basis: $basis, terminalId: $terminal) { ... on ScanAnswer { allowed } } }"""
REDEEM = """mutation ($code: String!, $basis: Int, $terminal: ID!, $key: UUID!) {
    redeem(code: $code, basis: $basis, terminalId: $terminal, idempotencyKey: $key) {
    ... on ScanAnswer { allowed redemption { id receiptNumber } } } }"""
REVERSE = """mutation ($id: ID!, $key: UUID!) { reverseRedemption(
    redemptionId: $id, reason: "typed for the wrong customer", idempotencyKey: $key) {
    ... on DeskRedemption { receiptNumber status } } }"""
TAKEN = "subscription { redemptionChanged { receiptNumber status } }"
SHOWN = """subscription ($id: ID!) { presentationChanged(id: $id) {
    status matchNumber redemption { receiptNumber } } }"""


@dataclass(frozen=True, slots=True)
class Service:
    """Two server processes and a worker over one database."""

    data: Path
    first: str
    second: str

    def sign_in(self, role: str, index: int = 1) -> Phone:
        return sign_in(self.first, programme=CITY, role=role, subject=f"{CITY}-{role}-{index}")


@dataclass(frozen=True, slots=True)
class Sale:
    """A citizen and a shop, about to meet."""

    phone: Phone
    till: Phone
    product: str
    terminal: str
    basis: int

    @property
    def token(self) -> str:
        return str(self.phone.client.headers["authorization"]).removeprefix("Bearer ")

    async def present(self) -> Any:
        return await asyncio.to_thread(self.phone.ask, PRESENT, product=self.product, key=fresh_key())

    async def preview(self, code: str) -> Any:
        return await asyncio.to_thread(self.till.ask, PREVIEW, code=code, basis=self.basis, terminal=self.terminal)

    async def redeem(self, code: str) -> Any:
        asked = {"code": code, "basis": self.basis, "terminal": self.terminal, "key": fresh_key()}
        answer = await asyncio.to_thread(self.till.ask, REDEEM, **asked)
        assert answer["allowed"], answer
        return answer["redemption"]

    async def reverse(self, redemption: str) -> Any:
        return await asyncio.to_thread(self.till.ask, REVERSE, id=redemption, key=fresh_key())


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("feed")
    data = folder / "data"
    with running([*BENEFITS, "demo", "--port", "0", "--data", str(data)], folder / "demo") as demo:
        first = demo.line("ready")
        with second_server(data, folder / "second") as second:
            yield Service(data, first, second.line("ready"))


def second_server(data: Path, folder: Path) -> Any:
    return running([*BENEFITS, "serve", "--port", "0", "--data", str(data)], folder)


@pytest.fixture(scope="module")
def sale(service: Service) -> Iterator[Sale]:
    """Citizen 1 with a benefit that can be taken now, and the till that gives it."""
    phone = service.sign_in("citizen")
    benefits = phone.ask("{ me { benefits { group product { id redeemedBy provider { id } shape { __typename } } } } }")
    product = next(
        one["product"]
        for one in benefits["benefits"]
        if one["group"] == "USABLE_NOW"
        and one["product"]["redeemedBy"] == "COUNTER"
        and one["product"]["shape"]["__typename"] in BASIS
    )
    for person in people_of(CITY):
        if person.role == "cashier":
            till = service.sign_in("cashier", person.index)
            desk = till.ask("{ desk { merchant { id } terminals { id } } }")
            if desk["merchant"]["id"] == product["provider"]["id"]:
                break
            till.close()
    yield Sale(phone, till, product["id"], desk["terminals"][0]["id"], BASIS[product["shape"]["__typename"]])
    till.close()
    phone.close()


@asynccontextmanager
async def listening(address: str, sale: Sale) -> AsyncIterator[Socket]:
    """A phone that hears of sales, and is known to."""
    async with socket(address) as phone:
        await phone.greet(sale.token)
        await phone.subscribe("sales", TAKEN)
        await asyncio.sleep(0.3)
        yield phone


async def test_a_sale_is_on_the_phone_within_a_second_on_two_server_processes(service: Service, sale: Sale) -> None:
    async with listening(service.first, sale) as near, listening(service.second, sale) as far:
        shown = await sale.present()
        begun = time.monotonic()
        sold = await sale.redeem(shown["code"])
        expected = {"redemptionChanged": {"receiptNumber": sold["receiptNumber"], "status": "COMPLETED"}}
        for phone in (near, far):
            assert await phone.hear() == {"type": "next", "id": "sales", "payload": {"data": expected}}
        assert time.monotonic() - begun < 1
        await sale.reverse(sold["id"])
        for phone in (near, far):
            heard = await phone.hear()
            assert heard["payload"]["data"]["redemptionChanged"]["status"] == "REVERSED"
            await phone.silence()


async def test_a_code_is_followed_from_the_preview_to_the_sale_and_then_completed(service: Service, sale: Sale) -> None:
    shown = await sale.present()
    async with socket(service.second) as phone, events(service.second, sale.token, SHOWN, id=shown["id"]) as stream:
        await phone.greet(sale.token)
        await phone.subscribe("code", SHOWN, id=shown["id"])
        await phone.silence()
        await sale.preview(shown["code"])
        held = await phone.hear()
        assert held["payload"]["data"]["presentationChanged"]["status"] == "HELD"
        assert await stream.hear() == ("next", held["payload"])
        sold = await sale.redeem(shown["code"])
        await sale.reverse(sold["id"])
        redeemed = await phone.hear()
        code = redeemed["payload"]["data"]["presentationChanged"]
        assert (code["status"], code["redemption"]["receiptNumber"]) == ("REDEEMED", sold["receiptNumber"])
        assert await phone.hear() == {"type": "complete", "id": "code"}
        assert await stream.hear() == ("next", redeemed["payload"])
        assert await stream.hear() == ("complete", None)


async def test_who_comes_after_the_sale_is_told_at_once(service: Service, sale: Sale) -> None:
    shown = await sale.present()
    sold = await sale.redeem(shown["code"])
    await sale.reverse(sold["id"])
    async with events(service.first, sale.token, SHOWN, id=shown["id"]) as stream:
        name, answer = await stream.hear()
        assert (name, answer["data"]["presentationChanged"]["status"]) == ("next", "REDEEMED")
        assert await stream.hear() == ("complete", None)


async def test_a_moved_clock_ends_a_code_on_the_phone_at_once(service: Service, sale: Sale, tmp_path: Path) -> None:
    shown = await sale.present()
    async with events(service.second, sale.token, SHOWN, id=shown["id"]) as stream:
        with running([*BENEFITS, "clock", "+2m", "--data", str(service.data)], tmp_path) as clock:
            assert await asyncio.to_thread(clock.process.wait, PATIENCE_S) == 0
        name, answer = await stream.hear()
        assert (name, answer["data"]["presentationChanged"]["status"]) == ("next", "EXPIRED")
        assert await stream.hear() == ("complete", None)


async def cut_feeds(service: Service, seconds: float) -> int:
    """Ends every connection that listens, again and again for so long; gives how many were ended."""
    connection = await asyncpg.connect(urls(service.data).app.replace("+asyncpg", "", 1))
    ended, deadline = 0, time.monotonic() + seconds
    try:
        while time.monotonic() < deadline:
            ended += await connection.fetchval(
                """WITH feeds AS MATERIALIZED (
                    SELECT pid FROM pg_stat_activity WHERE application_name = 'benefits feed')
                SELECT count(pg_terminate_backend(pid)) FROM feeds"""
            )
            await asyncio.sleep(0.01)
    finally:
        await connection.close()
    return ended


async def test_lost_connections_to_the_database_lose_no_sale_and_tell_none_twice(service: Service, sale: Sale) -> None:
    async with listening(service.first, sale) as near, listening(service.second, sale) as far:
        cutting = asyncio.create_task(cut_feeds(service, 1.5))
        receipts = []
        for _ in range(3):
            shown = await sale.present()
            sold = await sale.redeem(shown["code"])
            await sale.reverse(sold["id"])
            receipts.append(sold["receiptNumber"])
        assert await cutting >= 2
        for phone in (near, far):
            heard = await everything(phone)
            assert {receipt: statuses[-1] for receipt, statuses in heard.items()} == dict.fromkeys(receipts, "REVERSED")
            assert max(len(statuses) for statuses in heard.values()) <= 2


async def everything(phone: Socket) -> dict[str, list[str]]:
    """The statuses of each sale that the phone hears of, until nothing more comes."""
    heard: dict[str, list[str]] = {}
    patience_s = 5.0
    while True:
        try:
            message = await phone.hear(patience_s)
        except TimeoutError:
            return heard
        patience_s = 1.0
        sale = message["payload"]["data"]["redemptionChanged"]
        heard.setdefault(sale["receiptNumber"], []).append(sale["status"])


async def test_a_server_that_stops_completes_what_runs_and_says_that_it_goes_away(
    service: Service, sale: Sale, tmp_path: Path
) -> None:
    with second_server(service.data, tmp_path) as third:
        address = third.line("ready")
        async with listening(address, sale) as phone, events(address, sale.token, TAKEN) as stream:
            ending = asyncio.create_task(asyncio.to_thread(third.end))
            assert await phone.hear() == {"type": "complete", "id": "sales"}
            assert (await phone.closed())[0] == 1001
            assert await stream.hear() == ("complete", None)
        assert await ending == 0
        assert {json.loads(line)["level"] for line in third.errors.splitlines()} == {"info"}
