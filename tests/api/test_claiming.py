"""Claims to an account over HTTP: from the phone to the provider's desk and back; and the office that undoes a sale."""

from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from api.database import Database, WorkerDatabase
from domain.actor import ANONYMOUS, Caller, Role
from domain.people.settlement import Post, Settler, caller_of, settle
from domain.redemption.actions.lives import turn_sales
from seeds.people import ISSUER
from tests.api.city import City, Client

BORN = date(1990, 5, 1)
DAY = timedelta(days=1)
PROGRAMME = text("SELECT id FROM programme WHERE code = 'rongcheng'")
LINK = """
    mutation ($kind: ServiceAccountKind!, $number: String!, $key: UUID!) {
        linkAccount(kind: $kind, number: $number, idempotencyKey: $key) {
            ... on ServiceAccount { id kind masked }
            ... on UserError { errorCode inputField }
        }
    }
"""
CLAIM = """
    mutation ($product: ID!, $account: ID!, $key: UUID!) {
        claimBenefit(productId: $product, accountId: $account, idempotencyKey: $key) {
            ... on Redemption { id status receiptNumber relief unit product { code } merchant { name } }
            ... on UserError { errorCode message inputField }
        }
    }
"""
QUEUE = """
    query ($first: Int) { desk { claims(first: $first) {
        edges { node { accountNumber answerBy redemption { id status product { code } } } }
        pageInfo { hasNextPage }
    } } }
"""
CONFIRM = """
    mutation ($id: ID!, $basis: Int!, $key: UUID!) {
        confirmClaim(redemptionId: $id, basis: $basis, merchantRef: "B-7", idempotencyKey: $key) {
            ... on DeskRedemption { status basis relief holderPays unit merchantRef }
            ... on UserError { errorCode inputField }
        }
    }
"""
REFUSE = """
    mutation ($id: ID!, $key: UUID!) {
        refuseClaim(redemptionId: $id, reason: NOTHING_DUE, idempotencyKey: $key) {
            ... on DeskRedemption { status }
            ... on UserError { errorCode }
        }
    }
"""
PRODUCTS = """{ programme(code: "rongcheng") { products { id code accountKind promise { text digest } } } }"""


@pytest.fixture(scope="module")
async def city(database: Database, worker: WorkerDatabase) -> City:
    return await City(database, worker).seeded()


@pytest.fixture
async def phone(city: City) -> AsyncIterator[Client]:
    async with city.client(await city.caller(Role.CITIZEN, 1)) as client:
        yield client


async def product(phone: Client, code: str) -> Any:
    programme = await phone.ask(PRODUCTS)
    return next(one for one in programme["products"] if one["code"] == code)


async def staff(city: City, organisation: str) -> Caller:
    """A cashier of a utility that has no invented one of its own."""
    subject = f"cashier-of-{organisation}"
    async with city.worker.transaction(ANONYMOUS) as unit:
        rows = await unit.session.execute(PROGRAMME)
        post = Post(role="cashier", organisation=organisation, terminal=f"counter-{organisation}")
        settler = Settler(subject=subject, name="柜员", birth_date=BORN, identity_ref=subject, post=post)
        await settle(
            unit.session, unit.now, issuer=ISSUER, programme=(rows.scalar_one(), city.code), settlers=[settler]
        )
        caller = await caller_of(unit.session, issuer=ISSUER, subject=subject, role=Role.CASHIER, programme=city.code)
    assert caller is not None
    return caller


LATE = """
    { office { lateClaims(first: 5) {
        edges { node { answerBy provider { name } redemption { id status product { code } } } }
        pageInfo { hasNextPage }
    } } }
"""
OPEN = """
    mutation ($id: ID!, $key: UUID!) {
        openClaim(redemptionId: $id, idempotencyKey: $key) {
            ... on DeskClaim { accountNumber redemption { receiptNumber } }
            ... on UserError { errorCode }
        }
    }
"""


async def test_the_office_answers_what_the_provider_has_not(city: City, phone: Client) -> None:
    water = await product(phone, "water-30")
    async with (
        city.client(await city.caller(Role.OFFICER)) as office,
        city.client(await city.caller(Role.APPROVER)) as approver,
    ):
        account = await phone.ask(LINK, kind="WATER", number="w-20 26", key=str(uuid4()))
        claimed = await phone.ask(CLAIM, product=water["id"], account=account["id"], key=str(uuid4()))
        assert (await office.ask(LATE))["lateClaims"]["edges"] == []
        async with city.worker.transaction(ANONYMOUS) as unit:
            programme_id = (await unit.session.execute(PROGRAMME)).scalar_one()
            today = unit.now.date()
            await unit.session.execute(text("UPDATE account_claim SET answer_by = :day"), {"day": today - 2 * DAY})
            await turn_sales(unit.session, unit.now, programme_id=programme_id, today=today)
        (entry,) = (await office.ask(LATE))["lateClaims"]["edges"]
        assert (await approver.ask(LATE))["lateClaims"]["edges"][0]["node"] == entry["node"]
        assert entry["node"]["provider"] == {"name": "Clear Spring Water (example)"}
        assert entry["node"]["answerBy"] == (today - 2 * DAY).isoformat()
        number = entry["node"]["redemption"]["id"]
        opened = await office.ask(OPEN, id=number, key=str(uuid4()))
        assert opened == {"accountNumber": "W2026", "redemption": {"receiptNumber": claimed["receiptNumber"]}}
        assert await office.ask(CONFIRM, id=number, basis=0, key=str(uuid4())) == {
            "errorCode": "INVALID_INPUT",
            "inputField": "basis",
        }
        assert await office.ask(REFUSE, id=number, key=str(uuid4())) == {"status": "REFUSED"}
        assert await office.ask(OPEN, id=number, key=str(uuid4())) == {"errorCode": "ALREADY_DECIDED"}
        assert (await office.ask(LATE))["lateClaims"]["edges"] == []
        log = await phone.ask("{ me { accessLog { edges { node { actor purpose what } } } } }")
        assert {
            "actor": "The programme office",
            "purpose": "ACCOUNT_CLAIM",
            "what": "Read your account number for “Free water”, since the provider has not answered",
        } in [edge["node"] for edge in log["accessLog"]["edges"]]


async def test_water_is_claimed_on_the_phone_and_answered_at_the_desk(city: City, phone: Client) -> None:
    water = await product(phone, "water-30")
    assert (water["accountKind"], water["promise"]) == ("WATER", None)
    account = await phone.ask(LINK, kind="WATER", number="w-20 26", key=str(uuid4()))
    assert (account["kind"], account["masked"]) == ("WATER", "****6")
    assert (await phone.ask("{ me { accounts { id masked } } }"))["accounts"] == [
        {"id": account["id"], "masked": "****6"}
    ]
    claimed = await phone.ask(CLAIM, product=water["id"], account=account["id"], key=str(uuid4()))
    assert (claimed["status"], claimed["relief"], claimed["product"]) == ("CLAIM_SENT", None, {"code": "water-30"})
    again = await phone.ask(CLAIM, product=water["id"], account=account["id"], key=str(uuid4()))
    assert again["errorCode"] == "ALLOWANCE_USED_UP"
    async with city.client(await staff(city, "water")) as desk, city.client(await staff(city, "heating")) as other:
        (entry,) = (await desk.ask(QUEUE, first=5))["claims"]["edges"]
        assert entry["node"]["accountNumber"] == "W2026"
        number = entry["node"]["redemption"]["id"]
        assert (await other.ask(QUEUE, first=5))["claims"]["edges"] == []
        assert await other.ask(CONFIRM, id=number, basis=12, key=str(uuid4())) == {
            "errorCode": "NOT_FOUND",
            "inputField": None,
        }
        assert await desk.ask(CONFIRM, id=number, basis=0, key=str(uuid4())) == {
            "errorCode": "INVALID_INPUT",
            "inputField": "basis",
        }
        answered = await desk.ask(CONFIRM, id=number, basis=40, key=str(uuid4()))
        assert answered == {
            "status": "COMPLETED",
            "basis": 40,
            "relief": 30,
            "holderPays": 10,
            "unit": "m³",
            "merchantRef": "B-7",
        }
        assert await desk.ask(REFUSE, id=number, key=str(uuid4())) == {"errorCode": "ALREADY_DECIDED"}
        assert (await desk.ask(QUEUE, first=5))["claims"]["edges"] == []
    log = await phone.ask("{ me { accessLog { edges { node { actor purpose what } } } } }")
    assert {
        "actor": "A provider",
        "purpose": "ACCOUNT_CLAIM",
        "what": "Read your account number for “Free water”",
    } in [edge["node"] for edge in log["accessLog"]["edges"]]
    kinds = await phone.ask("{ me { notices(first: 1) { edges { node { kind title } } } } }")
    assert kinds["notices"]["edges"][0]["node"] == {"kind": "CLAIM_CONFIRMED", "title": "Your relief is on the bill"}


@pytest.mark.parametrize("number", ["", "1", "x" * 40, "drop;table"])
async def test_a_number_that_is_none_is_a_typed_answer(phone: Client, number: str) -> None:
    answer = await phone.ask(LINK, kind="PLATE", number=number, key=str(uuid4()))
    assert answer == {"errorCode": "INVALID_INPUT", "inputField": "number"}


async def test_a_household_is_a_digest_and_a_number_of_people(phone: Client) -> None:
    household = (await phone.ask("{ me { household { dwellingMasked members since } } }"))["household"]
    assert household is None or (household["members"] >= 1 and household["dwellingMasked"].startswith("Dwelling ••"))


SIGN = """
    mutation ($product: ID!, $digest: String!, $key: UUID!) {
        signMyCommitment(productId: $product, digest: $digest, idempotencyKey: $key) {
            ... on Benefit { product { code } decision { qualified } }
            ... on UserError { errorCode inputField }
        }
    }
"""
PRESENT = """
    mutation ($product: ID!, $key: UUID!) {
        presentBenefit(productId: $product, idempotencyKey: $key) {
            ... on Presentation { id status code }
            ... on UserError { errorCode message }
        }
    }
"""


async def test_papers_follow_after_the_promise_that_was_read(phone: Client) -> None:
    programme = await phone.ask(PRODUCTS)
    papers = next(one for one in programme["products"] if one["promise"])
    assert papers["promise"]["text"].startswith("I promise to bring these papers within ")
    unsigned = await phone.ask(PRESENT, product=papers["id"], key=str(uuid4()))
    assert unsigned["errorCode"] == "CONSENT_REQUIRED"
    wrong = await phone.ask(SIGN, product=papers["id"], digest="x", key=str(uuid4()))
    assert wrong == {"errorCode": "INVALID_INPUT", "inputField": "digest"}
    signed = await phone.ask(SIGN, product=papers["id"], digest=papers["promise"]["digest"], key=str(uuid4()))
    assert signed["product"] == {"code": papers["code"]}
    shown = await phone.ask(PRESENT, product=papers["id"], key=str(uuid4()))
    assert shown["status"] == "OPEN"


REDEEM = """
    mutation ($code: String!, $terminal: ID!, $key: UUID!) {
        redeem(code: $code, basis: 200, terminalId: $terminal, idempotencyKey: $key) {
            ... on ScanAnswer { allowed redemption { id } }
            ... on UserError { errorCode }
        }
    }
"""
LOOK_UP = """
    mutation ($value: String!, $key: UUID!) {
        lookUpCitizen(by: PRESENCE_CODE, value: $value, purpose: REVERSAL, idempotencyKey: $key) {
            ... on CitizenFile { score { points } openObligations { id status product { code } } }
            ... on UserError { errorCode }
        }
    }
"""
REVERSE = """
    mutation ($id: ID!, $key: UUID!) {
        reverseRedemption(redemptionId: $id, reason: "商家未提供", idempotencyKey: $key) {
            ... on DeskRedemption { status }
            ... on UserError { errorCode }
        }
    }
"""
PRESENCE = "mutation ($key: UUID!) { presenceCode(idempotencyKey: $key) { ... on PresenceCode { code } } }"


async def test_the_office_undoes_a_sale_for_the_citizen_in_front_of_it(city: City, phone: Client) -> None:
    bus = await product(phone, "bus-40")
    code = (await phone.ask(PRESENT, product=bus["id"], key=str(uuid4())))["code"]
    async with city.client(await staff(city, "bus")) as desk, city.client(await city.caller(Role.OFFICER)) as office:
        terminal = (await desk.ask("{ desk { terminals { id } } }"))["terminals"][0]["id"]
        sold = await desk.ask(REDEEM, code=code, terminal=terminal, key=str(uuid4()))
        assert sold["allowed"] is True
        # The shop's id of the sale is nothing to an officer, and without a look-up there is nothing at all.
        assert await office.ask(REVERSE, id=sold["redemption"]["id"], key=str(uuid4())) == {"errorCode": "NOT_FOUND"}
        mine = (await phone.ask("{ me { redemptions(first: 1) { edges { node { id } } } } }"))["redemptions"]["edges"]
        sale = mine[0]["node"]["id"]
        assert await office.ask(REVERSE, id=sale, key=str(uuid4())) == {"errorCode": "NOT_FOUND"}
        presence = (await phone.ask(PRESENCE, key=str(uuid4())))["code"]
        file = await office.ask(LOOK_UP, value=presence, key=str(uuid4()))
        assert file["score"] is None
        assert {"id": sale, "status": "COMPLETED", "product": {"code": "bus-40"}} in file["openObligations"]
        assert await office.ask(REVERSE, id=sale, key=str(uuid4())) == {"status": "REVERSED"}
        assert await office.ask(REVERSE, id=sale, key=str(uuid4())) == {"errorCode": "ALREADY_DECIDED"}
    shown = await phone.ask("query ($id: ID!) { node(id: $id) { ... on Redemption { status } } }", id=sale)
    assert shown == {"status": "REVERSED"}
