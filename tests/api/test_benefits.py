"""Benefits over HTTP: the citizen's page, the code on the phone, the shop's desk."""

from typing import Any
from uuid import uuid4

import pytest

from api.database import Database, WorkerDatabase
from domain.actor import Role
from tests.api.city import City, Client, statements
from tests.api.phone import read_picture

FAULT = "... on UserError { errorCode message inputField }"
BENEFIT = """id group
    product { id code provider { id } shape { __typename } }
    decision { qualified sentence conditions { way kind required actual met missing unit sentence }
        nearest { sentence kind missing unit by events(first: 2) { id title } } }
    allowance { used remaining unit window renewsOn }
    preview(basis: 199) { basis unit relief holderPays }"""
MINE = f"""query ($first: Int!) {{ me {{ score {{ points lines {{ points }} }} benefits {{ {BENEFIT} }}
    redemptions(first: $first) {{ edges {{ node {{ id receiptNumber relief }} }} pageInfo {{ hasNextPage }} }}
    openObligations {{ status dueOn }} }} }}"""
CODE = "id code typedCode svg expiresAt status matchNumber refusal { sentence } benefit { id } redemption { id }"
PRESENT = f"""mutation ($product: ID!, $key: UUID!) {{ presentBenefit(productId: $product, idempotencyKey: $key) {{
    ... on Presentation {{ {CODE} }} {FAULT} }} }}"""
CANCEL = f"""mutation ($id: ID!, $key: UUID!) {{ cancelPresentation(id: $id, idempotencyKey: $key) {{
    ... on Presentation {{ id status }} {FAULT} }} }}"""
ANSWER = f"""... on ScanAnswer {{ allowed reason message product {{ code }} basis basisUnit relief holderPays
    matchNumber heldUntil redemption {{ id receiptNumber merchantRef status basis relief holderPays unit dueOn }} }}
    {FAULT}"""
PREVIEW = f"""mutation ($code: String!, $basis: Int, $terminal: ID!) {{
    previewRedemption(code: $code, basis: $basis, terminalId: $terminal) {{ {ANSWER} }} }}"""
REDEEM = f"""mutation ($code: String!, $basis: Int, $ref: String, $terminal: ID!, $key: UUID!) {{
    redeem(code: $code, basis: $basis, merchantRef: $ref, terminalId: $terminal, idempotencyKey: $key) {{
        {ANSWER} }} }}"""
REVERSE = f"""mutation ($id: ID!, $reason: String!, $key: UUID!) {{
    reverseRedemption(redemptionId: $id, reason: $reason, idempotencyKey: $key) {{
        ... on DeskRedemption {{ status receiptNumber }} {FAULT} }} }}"""
CLOSE = f"""mutation ($id: ID!, $claim: Int, $reason: String, $key: UUID!) {{
    closeRedemption(redemptionId: $id, claimFen: $claim, reason: $reason, idempotencyKey: $key) {{
        ... on DeskRedemption {{ status }} {FAULT} }} }}"""
EXTEND = f"""mutation ($id: ID!, $days: Int!, $key: UUID!) {{
    extendRedemption(redemptionId: $id, days: $days, reason: "on a journey", idempotencyKey: $key) {{
        ... on DeskRedemption {{ status dueOn }} {FAULT} }} }}"""


@pytest.fixture(scope="module")
async def city(database: Database, worker: WorkerDatabase) -> City:
    return await City(database, worker).seeded()


async def mine(phone: Client, first: int = 20) -> Any:
    return await phone.ask(MINE, first=first)


async def product(phone: Client, code: str) -> dict[str, Any]:
    """One benefit of the citizen, by the code of its product."""
    benefits = (await mine(phone))["benefits"]
    found: dict[str, Any] = next(one for one in benefits if one["product"]["code"] == code)
    return found


async def present(phone: Client, code: str) -> Any:
    benefit = await product(phone, code)
    return await phone.ask(PRESENT, product=benefit["product"]["id"], key=str(uuid4()))


async def terminal(till: Client) -> str:
    return str((await till.ask("{ desk { terminals { id } } }"))["terminals"][0]["id"])


async def cashier_of(city: City, code: str) -> int:
    """The number of the cashier who works where a product is given."""
    async with city.client(await city.caller(Role.CITIZEN)) as phone:
        merchant = (await product(phone, code))["product"]["provider"]["id"]
    for index in range(1, 30):
        async with city.client(await city.caller(Role.CASHIER, index)) as till:
            if (await till.ask("{ desk { merchant { id } } }"))["merchant"]["id"] == merchant:
                return index
    raise AssertionError(code)


async def test_the_citizens_page_shows_every_product_with_its_reasons(city: City) -> None:
    async with city.client(await city.caller(Role.CITIZEN)) as phone:
        benefits = (await mine(phone))["benefits"]
        some = await phone.ask("{ me { benefits(qualified: true) { product { code } } } }")
    assert {one["product"]["code"] for one in benefits} >= {"bus-40", "library-deposit", "water-30"}
    for one in benefits:
        ways: dict[int, list[bool]] = {}
        for condition in one["decision"]["conditions"]:
            ways.setdefault(condition["way"], []).append(condition["met"])
        assert one["decision"]["qualified"] is any(all(met) for met in ways.values())
        assert one["preview"]["relief"] + one["preview"]["holderPays"] == 199
    qualified = {one["product"]["code"] for one in benefits if one["decision"]["qualified"]}
    assert {one["product"]["code"] for one in some["benefits"]} == qualified
    bus = next(one for one in benefits if one["product"]["code"] == "bus-40")
    assert bus["preview"] == {"basis": 199, "unit": "fen", "relief": 119, "holderPays": 80}


async def test_citizen_2_reads_that_one_point_is_missing_and_which_events_would_help(city: City) -> None:
    async with city.client(await city.caller(Role.CITIZEN, 2)) as phone:
        steps = [step for one in (await mine(phone))["benefits"] for step in one["decision"]["nearest"]]
    near = [step for step in steps if (step["missing"], step["unit"]) == (1, "points")]
    assert near
    assert all(step["events"] for step in near)


async def test_who_has_not_joined_has_no_benefits_and_cannot_present(city: City) -> None:
    async with city.client(await city.caller(Role.CITIZEN, 1)) as phone:
        listed = (await product(phone, "bus-40"))["product"]["id"]
    async with city.client(await city.caller(Role.CITIZEN, 4)) as phone:
        assert (await mine(phone))["benefits"] == []
        answer = await phone.ask(PRESENT, product=listed, key=str(uuid4()))
    assert answer["errorCode"] == "CONSENT_REQUIRED"


async def test_the_page_is_one_statement_however_many_sales_it_shows(city: City) -> None:
    async with city.client(await city.caller(Role.CITIZEN)) as phone:
        for first in (1, 40):
            with statements(city.database) as seen:
                await mine(phone, first)
            assert len(seen) == 1


async def test_a_picture_is_read_a_preview_held_and_a_sale_made_in_three_statements(city: City) -> None:
    till = city.client(await city.caller(Role.CASHIER, await cashier_of(city, "bus-40")))
    async with city.client(await city.caller(Role.CITIZEN)) as phone, till as shop:
        shown = await present(phone, "bus-40")
        assert read_picture(shown["svg"]) == shown["code"]
        place = await terminal(shop)
        empty = await shop.ask(PREVIEW, code=shown["code"], basis=None, terminal=place)
        assert (empty["allowed"], empty["basisUnit"], empty["relief"]) == (True, "fen", None)
        held = await shop.ask(PREVIEW, code=shown["code"], basis=199, terminal=place)
        assert (held["relief"], held["holderPays"], held["matchNumber"]) == (119, 80, shown["matchNumber"])
        page = "query ($id: ID!) { node(id: $id) { ... on Presentation { status redemption { receiptNumber } } } }"
        assert (await phone.ask(page, id=shown["id"]))["status"] == "HELD"
        key = str(uuid4())
        with statements(city.database) as seen:
            sale = await shop.ask(REDEEM, code=shown["code"], basis=199, ref="R-7", terminal=place, key=key)
        assert len(seen) == 3
        assert (sale["allowed"], sale["reason"], sale["product"]) == (True, "OK", {"code": "bus-40"})
        assert sale["redemption"]["merchantRef"] == "R-7"
        assert await shop.ask(REDEEM, code=shown["code"], basis=199, ref="R-7", terminal=place, key=key) == sale
        after = await phone.ask(page, id=shown["id"])
        assert after == {"status": "REDEEMED", "redemption": {"receiptNumber": sale["redemption"]["receiptNumber"]}}


async def test_the_desk_finds_a_sale_by_receipt_reference_day_and_state(city: City) -> None:
    till = city.client(await city.caller(Role.CASHIER, await cashier_of(city, "library-deposit")))
    async with city.client(await city.caller(Role.CITIZEN)) as phone, till as shop:
        shown = await present(phone, "library-deposit")
        place = await terminal(shop)
        sale = await shop.ask(
            REDEEM, code=shown["typedCode"], basis=10_000, ref="L-1", terminal=place, key=str(uuid4())
        )
        number = sale["redemption"]["receiptNumber"]
        assert (sale["relief"], sale["redemption"]["status"]) == (10_000, "OPEN")
        assert [one["status"] for one in (await mine(phone))["openObligations"]] == ["OPEN"]
        for arguments in (
            f'receiptNumber: "{number.lower().replace("-", " ")}"',
            'merchantRef: "L-1"',
            "status: OPEN",
            'dueBefore: "2100-01-01"',
        ):
            found = await shop.ask(
                f"{{ desk {{ redemptions({arguments}) {{ edges {{ node {{ receiptNumber }} }} }} }} }}"
            )
            assert found["redemptions"]["edges"] == [{"node": {"receiptNumber": number}}], arguments
        for day in ("0001-01-01", "2000-01-01", "9999-12-31"):
            none = await shop.ask(f'{{ desk {{ redemptions(on: "{day}") {{ edges {{ cursor }} }} }} }}')
            assert none["redemptions"]["edges"] == [], day
        later = await shop.ask(EXTEND, id=sale["redemption"]["id"], days=5, key=str(uuid4()))
        assert later["dueOn"] > sale["redemption"]["dueOn"]
        closed = await shop.ask(CLOSE, id=sale["redemption"]["id"], claim=0, reason=None, key=str(uuid4()))
        assert closed == {"status": "COMPLETED"}
        assert (await mine(phone))["openObligations"] == []


async def test_every_object_is_found_again_by_its_own_people_and_by_nobody_else(city: City) -> None:
    till = city.client(await city.caller(Role.CASHIER, await cashier_of(city, "printing-30")))
    stranger = city.client(await city.caller(Role.CITIZEN, 2))
    async with city.client(await city.caller(Role.CITIZEN)) as phone, till as shop, stranger as other:
        benefit = await product(phone, "printing-30")
        shown, place = await present(phone, "printing-30"), await terminal(shop)
        key = str(uuid4())
        sale = await shop.ask(REDEEM, code=shown["code"], basis=3, ref="P-3", terminal=place, key=key)
        sold = (await mine(phone, 1))["redemptions"]["edges"][0]["node"]
        node = "query ($id: ID!) { node(id: $id) { __typename id } }"
        for owner, kind, object_id in (
            (phone, "Benefit", benefit["id"]),
            (phone, "Presentation", shown["id"]),
            (phone, "Redemption", sold["id"]),
            (shop, "Terminal", place),
            (shop, "DeskRedemption", sale["redemption"]["id"]),
        ):
            assert await owner.ask(node, id=object_id) == {"__typename": kind, "id": object_id}
            assert await other.ask(node, id=object_id) is None


async def test_lists_go_on_where_the_last_page_ended(city: City) -> None:
    sale = "edges { cursor node { receiptNumber } } pageInfo { hasNextPage endCursor }"
    till = city.client(await city.caller(Role.CASHIER, await cashier_of(city, "printing-30")))
    async with city.client(await city.caller(Role.CITIZEN)) as phone, till as shop:
        place = await terminal(shop)
        for _ in range(2):
            shown = await present(phone, "printing-30")
            await shop.ask(REDEEM, code=shown["code"], basis=1, ref=None, terminal=place, key=str(uuid4()))
        for client, root in ((phone, "me"), (shop, "desk")):
            query = f"query ($after: String) {{ {root} {{ redemptions(first: 1, after: $after) {{ {sale} }} }} }}"
            first = (await client.ask(query, after=None))["redemptions"]
            second = (await client.ask(query, after=first["pageInfo"]["endCursor"]))["redemptions"]
            assert first["pageInfo"]["hasNextPage"] is True
            assert first["edges"][0]["node"] != second["edges"][0]["node"]


async def test_a_preview_says_what_it_would_be_worth_and_refuses_nonsense(city: City) -> None:
    preview = "{ me { benefits { preview(basis: %s) { relief holderPays } } } }"
    async with city.client(await city.caller(Role.CITIZEN)) as phone:
        many = await phone.ask(preview % 2_000_000_000)
        assert all(one["preview"]["relief"] + one["preview"]["holderPays"] == 2_000_000_000 for one in many["benefits"])
        answer = await phone.answer(preview % -1)
    assert answer["errors"][0]["extensions"] == {"code": "INVALID_INPUT", "inputField": "basis"}


async def test_steps_show_a_handful_of_events(city: City) -> None:
    query = "{ me { benefits { decision { nearest { events(first: %s) { id } } } } } }"
    async with city.client(await city.caller(Role.CITIZEN, 2)) as phone:
        answer = await phone.answer(query % 21)
    assert answer["errors"][0]["extensions"]["code"] == "INVALID_INPUT"


async def test_a_code_is_taken_back_and_a_sale_reversed(city: City) -> None:
    till = city.client(await city.caller(Role.CASHIER, await cashier_of(city, "bus-40")))
    async with city.client(await city.caller(Role.CITIZEN)) as phone, till as shop:
        used = (await product(phone, "bus-40"))["allowance"]["used"]
        shown = await present(phone, "bus-40")
        assert (await phone.ask(CANCEL, id=shown["id"], key=str(uuid4())))["status"] == "CANCELLED"
        shown, place = await present(phone, "bus-40"), await terminal(shop)
        sale = await shop.ask(REDEEM, code=shown["code"], basis=200, ref=None, terminal=place, key=str(uuid4()))
        undone = await shop.ask(REVERSE, id=sale["redemption"]["id"], reason="wrong fare", key=str(uuid4()))
        assert undone == {"status": "REVERSED", "receiptNumber": sale["redemption"]["receiptNumber"]}
        assert (await product(phone, "bus-40"))["allowance"]["used"] == used


async def test_r10_a_shop_hears_about_the_code_and_never_about_the_person(city: City) -> None:
    bus, library = await cashier_of(city, "bus-40"), await cashier_of(city, "library-deposit")
    assert bus != library
    other = city.client(await city.caller(Role.CASHIER, library))
    async with city.client(await city.caller(Role.CITIZEN)) as phone, other as shop:
        shown, place = await present(phone, "bus-40"), await terminal(shop)
        wrong = await shop.ask(REDEEM, code=shown["code"], basis=200, ref=None, terminal=place, key=str(uuid4()))
        unknown = await shop.ask(REDEEM, code="12345678", basis=200, ref=None, terminal=place, key=str(uuid4()))
        for answer, reason in ((wrong, "WRONG_PLACE"), (unknown, "NOT_VALID")):
            told = {key: value for key, value in answer.items() if value is not None}
            assert told == {"allowed": False, "reason": reason, "message": answer["message"]}
        missing = await shop.ask(REDEEM, code=shown["code"], basis=None, ref=None, terminal=place, key=str(uuid4()))
        assert (missing["errorCode"], missing["inputField"]) == ("BASIS_NEEDED", "basis")


END_PART = f"""mutation ($id: ID!, $key: UUID!) {{
    suspendOrganisation(id: $id, reason: "Rebuilding.", idempotencyKey: $key) {{
        ... on Organisation {{ status }} {FAULT} }} }}"""
COME_BACK = f"""mutation ($id: ID!, $key: UUID!) {{
    resumeOrganisation(id: $id, idempotencyKey: $key) {{ ... on Organisation {{ status }} {FAULT} }} }}"""


async def test_the_page_says_before_anybody_walks_that_a_suspended_provider_gives_nothing(city: City) -> None:
    async with (
        city.client(await city.caller(Role.CITIZEN)) as phone,
        city.client(await city.caller(Role.OFFICER)) as office,
    ):
        before = await product(phone, "bus-40")
        assert before["group"] == "USABLE_NOW"
        provider = before["product"]["provider"]["id"]
        assert (await office.ask(END_PART, id=provider, key=str(uuid4())))["status"] == "SUSPENDED"
        shown = await product(phone, "bus-40")
        refusal = await present(phone, "bus-40")
        one = await phone.ask("query ($id: ID!) { node(id: $id) { ... on Benefit { group } } }", id=shown["id"])
        usable = await phone.ask("{ me { benefits(qualified: true) { product { code } } } }")
        assert (await office.ask(COME_BACK, id=provider, key=str(uuid4())))["status"] == "ADMITTED"
        after = await product(phone, "bus-40")
    assert (shown["group"], shown["decision"]["qualified"], shown["decision"]["nearest"]) == ("NOT_GIVEN", False, [])
    assert refusal["errorCode"] == "PRODUCT_UNAVAILABLE"
    assert shown["decision"]["sentence"] == refusal["message"]
    assert one == {"group": "NOT_GIVEN"}
    assert "bus-40" not in {each["product"]["code"] for each in usable["benefits"]}
    assert after == before
