"""Before leaving: what would end, stay open, be erased and kept; and afterwards it is so."""

from typing import Any
from uuid import uuid4

import pytest

from api.database import Database, WorkerDatabase
from domain.actor import Role
from seeds.people import EVERYTHING, NOT_JOINED
from tests.api.city import City, Client, error_of
from tests.api.test_benefits import REDEEM, cashier_of, present, terminal
from tests.api.test_membership import TAKE_BACK, WITHDRAW

PREVIEW = """query ($purpose: String) { me { withdrawalPreview(purpose: $purpose) {
    ends { code } staysOpen { id status } erased kept } openObligations { id } } }"""
QUALIFIED = "{ me { benefits(qualified: true) { product { code } } } }"


@pytest.fixture(scope="module")
async def city(database: Database, worker: WorkerDatabase) -> City:
    return await City(database, worker).seeded()


async def preview(phone: Client, purpose: str | None = None) -> Any:
    me = await phone.ask(PREVIEW, purpose=purpose)
    shown = me["withdrawalPreview"]
    assert [one["id"] for one in shown["staysOpen"]] == [one["id"] for one in me["openObligations"]]
    return {**shown, "ends": {one["code"] for one in shown["ends"]}}


async def qualified(phone: Client) -> set[str]:
    return {one["product"]["code"] for one in (await phone.ask(QUALIFIED))["benefits"]}


async def test_what_a_preview_says_is_what_taking_a_consent_back_does(city: City) -> None:
    async with city.client(await city.caller(Role.CITIZEN, EVERYTHING)) as phone:
        before, shown = await qualified(phone), await preview(phone, "score")
        assert shown["ends"], before
        assert shown["erased"] == ["The score, the records, the lines and the history of changes."]
        assert await qualified(phone) == before
        ended = await phone.ask(TAKE_BACK, purpose="score", key=str(uuid4()))
        assert (ended["erased"], ended["kept"]) == (shown["erased"], shown["kept"])
        assert await qualified(phone) == before - shown["ends"]
        assert (await preview(phone, "score"))["ends"] == set()


async def test_leaving_ends_everything_and_keeps_what_the_preview_says(city: City) -> None:
    async with city.client(await city.caller(Role.CITIZEN, 6)) as phone:
        before, shown = await qualified(phone), await preview(phone)
        assert shown["ends"] == before
        assert len(shown["erased"]) == 4
        left = await phone.ask(WITHDRAW, key=str(uuid4()))
        assert sorted(left["erased"]) == sorted(shown["erased"])
        assert left["kept"] == shown["kept"]


async def test_who_has_not_joined_has_nothing_to_lose_and_an_unknown_purpose_is_refused(city: City) -> None:
    async with city.client(await city.caller(Role.CITIZEN, NOT_JOINED)) as phone:
        shown = await preview(phone)
        assert (shown["ends"], shown["staysOpen"], shown["erased"]) == (set(), [], [])
        path, code = error_of(await phone.answer(PREVIEW, purpose="advertising"))
        assert (path[-1], code) == ("withdrawalPreview", "INVALID_INPUT")


async def test_who_has_left_still_sees_what_is_open_and_who_has_looked_and_nobody_else_does(city: City) -> None:
    seen = """{ me { memberships { joinedOn } redemptions { edges { node { id } } } openObligations { id status dueOn }
        accessLog { edges { node { purpose } } } } }"""
    till = city.client(await city.caller(Role.CASHIER, await cashier_of(city, "library-deposit")))
    async with (
        city.client(await city.caller(Role.CITIZEN, 2)) as phone,
        city.client(await city.caller(Role.CITIZEN, 7)) as neighbour,
        till as shop,
    ):
        code = (await present(phone, "library-deposit"))["code"]
        place = await terminal(shop)
        await shop.ask(REDEEM, code=code, basis=10_000, ref=None, terminal=place, key=str(uuid4()))
        before = await phone.ask(seen)
        assert [one["status"] for one in before["openObligations"]] == ["OPEN"]
        await phone.ask(WITHDRAW, key=str(uuid4()))
        assert await phone.ask(seen) == {**before, "memberships": []}
        found = "query ($id: ID!) { node(id: $id) { id } }"
        mine = before["openObligations"][0]["id"]
        assert (await phone.ask(found, id=mine)) == {"id": mine}
        assert await neighbour.ask(found, id=mine) is None
