"""What the phone promises is what the till shows and what is given: every product at a counter, in all eight cities."""

from collections import Counter
from typing import Any
from uuid import uuid4

import pytest

from api.database import Database, WorkerDatabase
from domain.actor import ANONYMOUS, Role
from domain.ledger import queries as ledger
from domain.redemption.queries import sales
from seeds.loader import PROGRAMMES
from seeds.people import EVERYTHING
from tests.api.city import City, Client
from tests.api.test_benefits import ANSWER, REDEEM, cashier_of, terminal

CITIES = sorted(path.stem for path in PROGRAMMES.glob("*.toml"))
# Odd on purpose: what is rounded is rounded alike everywhere.
BASIS = 199
BENEFITS = f"""{{ me {{ benefits(qualified: true) {{ allowance {{ used remaining }} preview(basis: {BASIS}) {{
    basis unit relief holderPays }} product {{ id code redeemedBy shape {{ __typename
        ... on VoucherPack {{ vouchers {{ code }} }} ... on PapersLater {{ days }} }} }} }} }} }}"""
PRESENT = """mutation ($product: ID!, $kind: String, $key: UUID!) {
    presentBenefit(productId: $product, voucherKind: $kind, idempotencyKey: $key) {
        ... on Presentation { code } ... on UserError { errorCode message } } }"""
PREVIEW = f"""mutation ($code: String!, $basis: Int, $terminal: ID!) {{
    previewRedemption(code: $code, basis: $basis, terminalId: $terminal) {{ {ANSWER} }} }}"""
SOLD = "{ me { redemptions(first: 1) { edges { node { receiptNumber basis relief holderPays unit } } } } }"
WITHOUT_BASIS = {"VoucherPack", "FastReview", "HelpInKind", "PapersLater"}
SHAPES: Counter[str] = Counter()


async def given(city: City, phone: Client, benefit: dict[str, Any]) -> None:
    """One product from the phone's preview to the sale on both sides."""
    product = benefit["product"]
    shape = product["shape"]["__typename"]
    basis = None if shape in WITHOUT_BASIS else BASIS
    kinds = product["shape"].get("vouchers")
    shown = await phone.ask(PRESENT, product=product["id"], kind=kinds[0]["code"] if kinds else None, key=str(uuid4()))
    async with city.client(await city.caller(Role.CASHIER, await cashier_of(city, product["code"]))) as shop:
        place = await terminal(shop)
        at_till = await shop.ask(PREVIEW, code=shown["code"], basis=basis, terminal=place)
        sold = await shop.ask(REDEEM, code=shown["code"], basis=basis, ref="R-1", terminal=place, key=str(uuid4()))
    assert at_till["allowed"], (product["code"], at_till)
    assert sold["allowed"], (product["code"], sold)
    numbers = ("basis", "relief", "holderPays")
    assert [sold["redemption"][name] for name in numbers] == [at_till[name] for name in numbers], product["code"]
    [mine] = (await phone.ask(SOLD))["redemptions"]["edges"]
    assert mine["node"]["receiptNumber"] == sold["redemption"]["receiptNumber"]
    assert [mine["node"][name] for name in numbers] == [at_till[name] for name in numbers], product["code"]
    if basis is not None:
        promised = benefit["preview"]
        assert [promised[name] for name in numbers] == [at_till[name] for name in numbers], product["code"]
        assert promised["relief"] + promised["holderPays"] == BASIS
    SHAPES[shape] += 1


@pytest.mark.parametrize("code", CITIES)
async def test_the_phones_preview_the_tills_and_the_sale_are_one(
    database: Database, worker: WorkerDatabase, code: str
) -> None:
    city = await City(database, worker, code).seeded()
    async with city.client(await city.caller(Role.CITIZEN, EVERYTHING)) as phone:
        benefits = (await phone.ask(BENEFITS))["benefits"]
        counter = [one for one in benefits if one["product"]["redeemedBy"] == "COUNTER"]
        assert counter
        for benefit in counter:
            if benefit["product"]["shape"]["__typename"] != "PapersLater":
                await given(city, phone, benefit)
    async with worker.reading(ANONYMOUS) as unit:
        assert await ledger.first_fault(unit.session) is None
        assert await sales.first_fault(unit.session) is None


def test_every_shape_that_meets_a_till_was_among_them() -> None:
    assert set(SHAPES) >= {
        "PayRatio",
        "AmountOff",
        "QuantityFree",
        "DepositWaiver",
        "QuotaUplift",
        "TermsUplift",
        "VoucherPack",
        "HelpInKind",
    }, SHAPES
