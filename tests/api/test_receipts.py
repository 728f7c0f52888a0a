"""Receipts over HTTP: the holder can have one checked later; a changed one, or somebody else's, says what differs."""

from typing import Any
from uuid import uuid4

import pytest

from api.database import Database, WorkerDatabase
from domain.actor import Role
from seeds.people import CONTESTABLE, EVERYTHING
from tests.api.city import City, Client, error_of
from tests.api.test_membership import TAKE_BACK

FIELDS = "receipt { digest ruleSetVersion asOf computedAt }"
SCORE = f"{{ me {{ score {{ points {FIELDS} }} }} }}"
DECISIONS = f"{{ me {{ benefits {{ product {{ id }} decision {{ {FIELDS} }} }} }} }}"
VERIFY = "query ($receipt: ReceiptInput!) { me { verifyMyReceipt(receipt: $receipt) { same difference } } }"
DECLINE = """mutation ($id: ID!, $key: UUID!) {
  declineRecord(recordId: $id, idempotencyKey: $key) { ... on Declined { at } ... on UserError { errorCode } }
}"""
SAME = {"same": True, "difference": None}


@pytest.fixture(scope="module")
async def city(database: Database, worker: WorkerDatabase) -> City:
    return await City(database, worker).seeded()


async def verify(phone: Client, receipt: dict[str, Any], **changed: Any) -> Any:
    return (await phone.ask(VERIFY, receipt={**receipt, **changed}))["verifyMyReceipt"]


async def test_a_receipt_is_the_same_again_even_after_the_score_has_moved(city: City) -> None:
    async with city.client(await city.caller(Role.CITIZEN, EVERYTHING)) as phone:
        score = (await phone.ask(SCORE))["score"]
        decisions = (await phone.ask(DECISIONS))["benefits"]
        assert await verify(phone, score["receipt"]) == SAME
        records = await phone.ask("{ me { records(first: 50) { edges { node { id item { merit } } } } } }")
        merits = [edge["node"]["id"] for edge in records["records"]["edges"] if edge["node"]["item"]["merit"]]
        declined = await phone.ask(DECLINE, id=merits[0], key=str(uuid4()))
        assert set(declined) == {"at"}
        assert (await phone.ask(SCORE))["score"]["receipt"]["digest"] != score["receipt"]["digest"]
        assert await verify(phone, score["receipt"]) == SAME
        one = decisions[0]
        assert await verify(phone, one["decision"]["receipt"], productId=one["product"]["id"]) == SAME


async def test_a_receipt_of_one_product_or_person_is_none_for_another(city: City) -> None:
    async with city.client(await city.caller(Role.CITIZEN, CONTESTABLE)) as phone:
        first, second, *_ = (await phone.ask(DECISIONS))["benefits"]
        receipt = first["decision"]["receipt"]
        assert await verify(phone, receipt, productId=first["product"]["id"]) == SAME
        assert not (await verify(phone, receipt, productId=second["product"]["id"]))["same"]
        assert not (await verify(phone, receipt))["same"]
    async with city.client(await city.caller(Role.CITIZEN, EVERYTHING)) as stranger:
        assert not (await verify(stranger, receipt, productId=first["product"]["id"]))["same"]


async def test_what_differs_is_named(city: City) -> None:
    async with city.client(await city.caller(Role.CITIZEN, 8)) as phone:
        score = (await phone.ask(SCORE))["score"]
        receipt = score["receipt"]
        changed = await verify(phone, receipt, digest="00" * 32)
        assert changed["difference"].startswith(f"What was known then gives {score['points']} points by version 1")
        assert "no such version" in (await verify(phone, receipt, ruleSetVersion=99))["difference"]
        assert "not come" in (await verify(phone, receipt, asOf="2999-01-01"))["difference"]
        path, code = error_of(await phone.answer(VERIFY, receipt={**receipt, "productId": "nothing"}))
        assert (path[-1], code) == ("verifyMyReceipt", "NOT_FOUND")
        await phone.ask(TAKE_BACK, purpose="score", key=str(uuid4()))
        assert "erased" in (await verify(phone, receipt))["difference"]


async def test_a_decisions_receipt_stands_for_its_answer_and_names_what_keeps_no_history(city: City) -> None:
    async with city.client(await city.caller(Role.CITIZEN, 7)) as phone:
        asked = f"{{ me {{ benefits {{ group product {{ id }} decision {{ qualified {FIELDS} }} }} }} }}"
        before = {one["product"]["id"]: one for one in (await phone.ask(asked))["benefits"]}
        await phone.ask(TAKE_BACK, purpose="benefits", key=str(uuid4()))
        after = {one["product"]["id"]: one for one in (await phone.ask(asked))["benefits"]}
        changed = [number for number, one in before.items() if one["group"] != after[number]["group"]]
        assert changed
        for number in changed:
            receipt = before[number]["decision"]["receipt"]
            assert receipt["digest"] != after[number]["decision"]["receipt"]["digest"]
            check = await verify(phone, receipt, productId=number)
            assert (check["same"], "The receipt is genuine" in check["difference"]) == (False, True)
            assert check["difference"].endswith("as they are now the answer is “a condition is not met”.")
            assert await verify(phone, after[number]["decision"]["receipt"], productId=number) == SAME
