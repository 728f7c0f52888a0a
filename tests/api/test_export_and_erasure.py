"""Taking everything along and being erased, over HTTP, as a phone does it."""

import json
from typing import Any
from uuid import uuid4

import pytest

from api.database import Database, WorkerDatabase
from domain.actor import Role
from tests.api.city import City, Client
from tests.api.test_membership import ENROL, GIVE, PRESENCE
from tests.api.test_rights import ATTACH, OBJECT, PNG, demerit

EXPORT = """mutation ($key: UUID!) {
  exportMyData(idempotencyKey: $key) { ... on DataExport { document } ... on UserError { errorCode message } }
}"""
ERASE = """mutation ($confirm: Boolean!, $key: UUID!) {
  eraseMyData(confirm: $confirm, idempotencyKey: $key) {
    ... on Withdrawal { at erased kept } ... on UserError { errorCode inputField message }
  }
}"""
REGISTER = """mutation ($consents: [ConsentInput!]!, $key: UUID!) {
  registerVolunteer(programme: "suqian", callName: "小林", consents: $consents, idempotencyKey: $key) {
    ... on Volunteering { volunteerNumber } ... on UserError { errorCode }
  }
}"""
EVERYTHING_OF_ME = """{ me { displayName memberships { joinedOn } score { points } consents { purpose withdrawnAt }
  benefits { decision { qualified } } records { edges { node { id } } } openObligations { id } unreadNotices
  objections { edges { node { id reason status } } } redemptions { edges { node { id } } }
  accessLog { edges { node { purpose } } } } }"""


@pytest.fixture(scope="module")
async def city(database: Database, worker: WorkerDatabase) -> City:
    return await City(database, worker, "suqian").seeded()


def key() -> str:
    return str(uuid4())


async def export(phone: Client) -> Any:
    return json.loads((await phone.ask(EXPORT, key=key()))["document"])


async def test_the_copy_has_what_was_written_and_attached_as_it_was(city: City) -> None:
    async with city.client(await city.caller(Role.CITIZEN, 3)) as phone:
        paper = await phone.ask(ATTACH, name="收据.png", type="image/png", base64=PNG, key=key())
        wish = {"target": "RECORD", "id": await demerit(phone), "reason": "账已结清。", "attachments": [paper["id"]]}
        await phone.ask(OBJECT, **wish, key=key())
        (held,) = (await export(phone))["programmes"]
        (objection,) = held["objections"]
        assert (objection["reason"], objection["status"]) == ("账已结清。", "OPEN")
        assert [(one["name"], one["base64"]) for one in objection["attachments"]] == [("收据.png", PNG)]
        contested = [one for one in held["records"] if one["events"] and one["events"][-1]["state"] == "CONTESTED"]
        assert [bool(one["document"]) for one in contested] == [True]
        me = await phone.ask("{ me { records(first: 100) { edges { node { id } } } score { points } } }")
        assert len(held["records"]) == len(me["records"]["edges"])
        assert [one["points"] for one in held["score"]] in ([], [me["score"]["points"]])


async def test_who_is_erased_is_told_what_went_and_what_stays_and_is_nobody_afterwards(city: City) -> None:
    async with city.client(await city.caller(Role.CITIZEN, 6)) as phone:
        refused = await phone.ask(ERASE, confirm=False, key=key())
        assert (refused["errorCode"], refused["inputField"]) == ("INVALID_INPUT", "confirm")
        assert (await phone.ask(EVERYTHING_OF_ME))["memberships"] != []
        once = {"confirm": True, "key": key()}
        erased = await phone.ask(ERASE, **once)
        assert "Your name, birth date and identity, and the name you go by." in erased["erased"]
        assert "The log of who has read about you." in erased["kept"]
        assert await phone.ask(ERASE, **once) == erased

        me = await phone.ask(EVERYTHING_OF_ME)
        assert (me["memberships"], me["score"], me["benefits"], me["unreadNotices"]) == ([], None, [], 0)
        assert [one for one in me["consents"] if one["withdrawnAt"] is None] == []
        score = [{"purpose": "score", "version": 1}]
        answers = [
            await phone.ask(ENROL, programme="suqian", consents=score, key=key()),
            await phone.ask(GIVE, purpose="score", version=1, key=key()),
            await phone.ask(PRESENCE, key=key()),
            await phone.ask(EXPORT, key=key()),
            await phone.ask(REGISTER, consents=[{"purpose": "volunteering", "version": 2}], key=key()),
        ]
        assert [answer["errorCode"] for answer in answers] == [
            "RULE_REFUSED",
            "NOT_ALLOWED",
            "NOT_ALLOWED",
            "NOT_ALLOWED",
            "RULE_REFUSED",
        ]
