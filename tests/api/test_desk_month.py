"""A shop's month over HTTP: at its desk, as CSV, as a page, and paid by the office."""

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text
from starlette.applications import Starlette

from api.database import Database, WorkerDatabase
from api.statements import Statements
from domain.actor import ANONYMOUS, Caller, Role
from tests.api.city import ADDRESS, City
from tests.api.test_benefits import REDEEM, cashier_of, present, terminal

MONTH = """query ($month: String!) { desk { statement(month: $month) { month redemptions reversed reliefFen payableFen
    paidAt paymentRef lines { product { code title } unit redemptions reversed relief reliefFen payableFen } } } }"""
PAY = """mutation ($shop: ID!, $month: String!, $ref: String!, $key: UUID!) {
    markPaid(merchantId: $shop, month: $month, paymentRef: $ref, idempotencyKey: $key) {
        ... on Statement { month payableFen paymentRef } ... on UserError { errorCode inputField } } }"""


@pytest.fixture(scope="module")
async def city(database: Database, worker: WorkerDatabase) -> City:
    city = await City(database, worker).seeded()
    till = city.client(await city.caller(Role.CASHIER, await cashier_of(city, "bus-40")))
    async with city.client(await city.caller(Role.CITIZEN)) as phone, till as shop:
        code = (await present(phone, "bus-40"))["code"]
        sale = {"code": code, "basis": 199, "ref": None, "terminal": await terminal(shop), "key": str(uuid4())}
        assert (await shop.ask(REDEEM, **sale))["allowed"]
    return city


@pytest.fixture(scope="module")
async def manager(city: City) -> Caller:
    """The manager of the shop that made the sale."""
    cashier = await city.caller(Role.CASHIER, await cashier_of(city, "bus-40"))
    caller = await city.caller(Role.MANAGER)
    async with city.worker.transaction(ANONYMOUS) as unit:
        moved = text("UPDATE staff SET organisation_id = :shop WHERE person_id = :person AND role = 'manager'")
        await unit.session.execute(moved, {"shop": cashier.organisation_id, "person": caller.person_id})
    return replace(caller, organisation_id=cashier.organisation_id)


def this_month() -> str:
    return (datetime.now(UTC) + timedelta(hours=8)).strftime("%Y-%m")


async def fetched(city: City, caller: Caller | None, path: str, language: str = "en") -> httpx.Response:
    app = Starlette(routes=Statements(city.database, city.keyring).routes())
    headers = {"accept-language": language}
    if caller is not None:
        headers["authorization"] = f"Bearer {city.token(caller)}"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ADDRESS, headers=headers) as http:
        return await http.get(path)


async def test_the_desk_reads_its_month(city: City, manager: Caller) -> None:
    async with city.client(manager) as desk:
        month = (await desk.ask(MONTH, month=this_month()))["statement"]
    assert month.pop("lines") == [
        {
            "product": {"code": "bus-40", "title": "Bus at 40 % of the fare"},
            "unit": "fen",
            "redemptions": 1,
            "reversed": 0,
            "relief": 119,
            "reliefFen": 119,
            "payableFen": month["payableFen"],
        }
    ]
    assert month == {
        "month": this_month(),
        "redemptions": 1,
        "reversed": 0,
        "reliefFen": 119,
        "payableFen": month["payableFen"],
        "paidAt": None,
        "paymentRef": None,
    }


async def test_a_month_that_is_none_is_refused(city: City, manager: Caller) -> None:
    async with city.client(manager) as desk:
        answer = await desk.answer(MONTH, month="June")
    assert [error["extensions"] for error in answer["errors"]] == [{"code": "INVALID_INPUT", "inputField": "month"}]
    refused = await fetched(city, manager, "/statements/June.csv")
    assert (refused.status_code, refused.json()["code"]) == (400, "INVALID_INPUT")


async def test_the_month_as_csv_is_what_the_desk_reads(city: City, manager: Caller) -> None:
    answer = await fetched(city, manager, f"/statements/{this_month()}.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert rows[0] == ["Product", "Unit", "Redemptions", "Reversed", "Relief", "Relief (fen)", "Payable (fen)"]
    assert [row[2:6] for row in rows[1:]] == [["1", "0", "119", "119"], ["1", "0", "", "119"]]
    assert rows[1][6] == rows[2][6]


async def test_the_month_as_a_page_speaks_the_readers_language_and_runs_nothing(city: City, manager: Caller) -> None:
    answer = await fetched(city, manager, f"/statements/{this_month()}.html", "zh-CN")
    assert answer.headers["content-security-policy"] == "default-src 'none'; style-src 'unsafe-inline'"
    assert f"<h1>月度结算单 {this_month()}</h1>" in answer.text
    assert "尚未付款" in answer.text


@pytest.mark.parametrize("role", [Role.CASHIER, Role.CITIZEN, Role.OFFICER])
async def test_only_a_manager_takes_a_month_away(city: City, role: Role) -> None:
    answer = await fetched(city, await city.caller(role), f"/statements/{this_month()}.csv")
    assert (answer.status_code, answer.json()["code"]) == (403, "NOT_ALLOWED")
    nobody = await fetched(city, None, f"/statements/{this_month()}.csv")
    assert (nobody.status_code, nobody.json()["code"]) == (401, "UNAUTHENTICATED")


async def test_the_office_pays_a_month_that_is_over(city: City, manager: Caller) -> None:
    async with city.client(manager) as desk:
        shop = (await desk.ask("{ desk { merchant { id } } }"))["merchant"]["id"]
        owed = (await desk.ask(MONTH, month=this_month()))["statement"]["payableFen"]
    values: dict[str, Any] = {"shop": shop, "month": this_month(), "ref": "BANK-7"}
    async with city.client(await city.caller(Role.OFFICER)) as office:
        early = await office.ask(PAY, key=str(uuid4()), **values)
        assert early == {"errorCode": "TOO_EARLY", "inputField": "month"}
        async with city.worker.transaction(ANONYMOUS) as unit:
            await unit.session.execute(text("UPDATE clock SET ahead = '40 days'"))
        paid = await office.ask(PAY, key=str(uuid4()), **values)
    assert paid == {"month": this_month(), "payableFen": owed, "paymentRef": "BANK-7"}
    printed = await fetched(city, manager, f"/statements/{this_month()}.html")
    assert "Paid, reference: BANK-7" in printed.text
