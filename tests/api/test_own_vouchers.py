"""Packs over HTTP: what is left on the phone, a partner's code for its holder, and an old baseline hides a product."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from starlette.requests import Request

from api.database import Database, WorkerDatabase
from api.feed import Feed
from api.metrics import Metrics, MetricsEndpoint
from domain.actor import ANONYMOUS, Caller, Role
from domain.redemption.actions.partner_codes import LOW, load_codes
from domain.redemption.queries.partner_codes import Pool
from tests.api.city import City, Client
from tests.api.test_benefits import REDEEM, cashier_of, terminal

VOUCHERS = "{ me { vouchers { kind { code title count } product { id code } left validUntil } } }"
PRESENT = """mutation ($product: ID!, $kind: String!, $key: UUID!) {
    presentBenefit(productId: $product, voucherKind: $kind, idempotencyKey: $key) {
        ... on Presentation { id code } ... on UserError { errorCode } } }"""
SALES = "{ me { redemptions { edges { node { product { code } partnerCode } } } } }"


@pytest.fixture(scope="module")
async def city(database: Database, worker: WorkerDatabase) -> City:
    return await City(database, worker, "weifang").seeded()


async def left(phone: Client) -> dict[str, int]:
    return {one["kind"]["code"]: one["left"] for one in (await phone.ask(VOUCHERS))["vouchers"]}


async def use(city: City, phone: Client, kind: str) -> Any:
    product = (await phone.ask(VOUCHERS))["vouchers"][0]["product"]["id"]
    shown = await phone.ask(PRESENT, product=product, kind=kind, key=str(uuid4()))
    async with city.client(await city.caller(Role.CASHIER, await cashier_of(city, "reading-pack"))) as shop:
        place = await terminal(shop)
        values = {"code": shown["code"], "basis": None, "ref": None, "terminal": place, "key": str(uuid4())}
        return await shop.ask(REDEEM, **values)


async def test_the_phone_shows_what_is_left_of_each_kind_and_until_when(city: City) -> None:
    async with city.client(await city.caller(Role.CITIZEN)) as phone:
        shown = (await phone.ask(VOUCHERS))["vouchers"]
        year = datetime.now(UTC).year
        assert [(one["kind"]["code"], one["left"], one["validUntil"]) for one in shown] == [
            ("talk", 2, date(year, 12, 31).isoformat()),
            ("workshop", 1, date(year, 12, 31).isoformat()),
        ]
        assert (await use(city, phone, "workshop"))["allowed"]
        assert await left(phone) == {"talk": 2}
        assert (await use(city, phone, "talk"))["allowed"]
        assert await left(phone) == {"talk": 1}


async def test_who_has_not_joined_has_no_vouchers(city: City) -> None:
    async with city.client(await city.caller(Role.CITIZEN, 4)) as phone:
        assert (await phone.ask(VOUCHERS))["vouchers"] == []


async def test_a_partners_code_is_on_its_holders_phone_only(city: City) -> None:
    async with city.worker.transaction(ANONYMOUS) as unit:
        values = {"code": "reading-pack", "programme": city.code}
        changed = text(
            "UPDATE product SET status = 'DRAFT' WHERE code = :code AND programme_id ="
            " (SELECT id FROM programme WHERE code = :programme)"
        )
        await unit.session.execute(changed, values)
        changed = text(
            "UPDATE product SET status = 'PUBLISHED', content = content || '{\"partner_codes\": true}'"
            " WHERE code = :code RETURNING programme_id"
        )
        programme = (await unit.session.execute(changed, {"code": "reading-pack"})).scalar_one()
        pool = Pool(programme_id=programme, product_code="reading-pack")
        await load_codes(unit.session, unit.actor, unit.now, pool=pool, codes=["TALK-7", "TALK-8"])
    async with city.client(await city.caller(Role.CITIZEN)) as phone:
        sold = await use(city, phone, "talk")
        assert sold["allowed"]
        assert "TALK" not in str(sold)
        sales = [edge["node"]["partnerCode"] for edge in (await phone.ask(SALES))["redemptions"]["edges"]]
    assert sales == ["TALK-7", None, None]


STOCK = "{ office { partnerCodes { product { code } left low } } }"
LEFT = 'benefits_partner_codes_left{product="reading-pack",programme="weifang"} '


async def page(city: City) -> str:
    """The metrics of a server over this database."""
    endpoint = MetricsEndpoint(Metrics(), city.database, Feed(""))
    return bytes((await endpoint.answer(Request({"type": "http"}))).body).decode()


async def full_packs(city: City) -> Caller:
    """Somebody who has used nothing of their pack."""
    for index in range(6, 40):
        caller = await city.caller(Role.CITIZEN, index)
        async with city.client(caller) as phone:
            if await left(phone) == {"talk": 2, "workshop": 1}:
                return caller
    raise AssertionError("nobody")


async def test_the_office_and_the_metrics_see_a_pool_run_low_and_empty(city: City) -> None:
    def pool_of(number: int, *, low: bool) -> list[Any]:
        return [{"product": {"code": "reading-pack"}, "left": number, "low": low}]

    async with (
        city.client(await city.caller(Role.OFFICER)) as office,
        city.client(await full_packs(city)) as phone,
    ):
        assert (await office.ask(STOCK))["partnerCodes"] == pool_of(1, low=True)
        assert (await use(city, phone, "talk"))["allowed"]
        # The last code has gone: the offer ends, and whoever looks after the service sees why.
        assert (await office.ask(STOCK))["partnerCodes"] == pool_of(0, low=True)
        assert f"{LEFT}0.0\n" in await page(city)
        assert await left(phone) == {}
        async with city.worker.transaction(ANONYMOUS) as unit:
            row = await unit.session.execute(text("SELECT programme_id FROM partner_code LIMIT 1"))
            pool = Pool(programme_id=row.scalar_one(), product_code="reading-pack")
            await load_codes(unit.session, unit.actor, unit.now, pool=pool, codes=[f"NEW-{n}" for n in range(LOW + 1)])
        assert (await office.ask(STOCK))["partnerCodes"] == pool_of(LOW + 1, low=False)
        assert f"{LEFT}{LOW + 1}.0\n" in await page(city)
        assert (await use(city, phone, "talk"))["allowed"]
        assert (await office.ask(STOCK))["partnerCodes"] == pool_of(LOW, low=True)


async def test_r25_a_product_on_an_old_baseline_is_in_no_list(city: City) -> None:
    lists = f'{{ programme(code: "{city.code}") {{ products {{ code provider {{ products {{ code }} }} }} }} }}'
    mine = "{ me { benefits { product { code } } } }"
    async with city.worker.transaction(ANONYMOUS) as unit:
        old = text("UPDATE product SET baseline_checked_on = '2020-01-01' WHERE code = 'reading-pack'")
        await unit.session.execute(old)
    async with city.client(await city.caller(Role.CITIZEN)) as phone:
        products = (await phone.ask(lists))["products"]
        given = {one["code"] for product in products for one in product["provider"]["products"]}
        benefits = {one["product"]["code"] for one in (await phone.ask(mine))["benefits"]}
        assert await left(phone) == {}
    assert products
    assert "reading-pack" not in {one["code"] for one in products} | given | benefits
