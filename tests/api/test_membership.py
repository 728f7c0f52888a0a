"""Joining, consents one by one, leaving, and being looked up: over HTTP, as phones and desks do it."""

from dataclasses import replace
from uuid import uuid4

import pytest
from sqlalchemy import text

from api.database import Database, WorkerDatabase
from domain.actor import ANONYMOUS, Role
from tests.api.city import City, Client

ENROL = """mutation ($programme: String!, $consents: [ConsentInput!]!, $key: UUID!) {
  enrol(programme: $programme, consents: $consents, idempotencyKey: $key) {
    ... on Citizen { displayName memberships { programme { code } } consents { purpose version withdrawnAt } }
    ... on UserError { errorCode inputField ruleSource }
  }
}"""
GIVE = """mutation ($purpose: String!, $version: Int!, $key: UUID!) {
  giveConsent(purpose: $purpose, version: $version, idempotencyKey: $key) {
    ... on Consent { id purpose version withdrawnAt }
    ... on UserError { errorCode inputField ruleSource }
  }
}"""
TAKE_BACK = """mutation ($purpose: String!, $key: UUID!) {
  withdrawConsent(purpose: $purpose, idempotencyKey: $key) {
    ... on Withdrawal { at erased kept }
    ... on UserError { errorCode }
  }
}"""
WITHDRAW = """mutation ($key: UUID!) {
  withdraw(idempotencyKey: $key) { ... on Withdrawal { at erased kept } ... on UserError { errorCode } }
}"""
PRESENCE = """mutation ($key: UUID!) {
  presenceCode(idempotencyKey: $key) { ... on PresenceCode { code expiresAt svg } ... on UserError { errorCode } }
}"""
LOOK_UP = """mutation ($value: String!, $purpose: LookUpPurpose!, $key: UUID!, $by: CitizenKey = PRESENCE_CODE) {
  lookUpCitizen(by: $by, value: $value, purpose: $purpose, idempotencyKey: $key) {
    ... on CitizenFile { reference displayName }
    ... on UserError { errorCode inputField retryAfterMs }
  }
}"""
NOTICES = "{ me { notices { edges { node { kind } } } } }"
LOG = "{ me { accessLog { edges { node { actor role purpose what } } } } }"


@pytest.fixture(scope="module")
async def city(database: Database, worker: WorkerDatabase) -> City:
    return await City(database, worker, "weifang").seeded()


def key() -> str:
    return str(uuid4())


async def live(client: Client) -> set[str]:
    """The purposes that the caller agrees to."""
    me = await client.ask("{ me { consents { purpose withdrawnAt } } }")
    return {one["purpose"] for one in me["consents"] if one["withdrawnAt"] is None}


async def test_who_joins_agrees_to_each_purpose_and_leaves_with_nothing_kept_but_the_proof(city: City) -> None:
    async with city.client(await city.caller(Role.CITIZEN, 4)) as phone:
        before = await phone.ask("{ me { memberships { joinedOn } consents { purpose } } }")
        assert before == {"memberships": [], "consents": []}
        enrolment = {"programme": "weifang", "consents": [{"purpose": "score", "version": 1}], "key": key()}
        joined = await phone.ask(ENROL, **enrolment)
        assert joined["memberships"] == [{"programme": {"code": "weifang"}}]
        assert joined["consents"] == [{"purpose": "score", "version": 1, "withdrawnAt": None}]
        assert await phone.ask(ENROL, **enrolment) == joined
        assert await phone.ask(ENROL, **{**enrolment, "consents": []}) == {
            "errorCode": "IDEMPOTENCY_CONFLICT",
            "inputField": "idempotencyKey",
            "ruleSource": None,
        }
        assert (await phone.ask(ENROL, **{**enrolment, "key": key()}))["errorCode"] == "ALREADY_DECIDED"

        given = await phone.ask(GIVE, purpose="benefits", version=1, key=key())
        assert (given["purpose"], given["version"], given["withdrawnAt"]) == ("benefits", 1, None)
        assert await live(phone) == {"score", "benefits"}

        once = {"purpose": "score", "key": key()}
        taken_back = await phone.ask(TAKE_BACK, **once)
        assert taken_back["erased"] == ["The score, the records, the lines and the history of changes."]
        assert await phone.ask(TAKE_BACK, **once) == taken_back
        assert await live(phone) == {"benefits"}

        left = await phone.ask(WITHDRAW, key=key())
        assert len(left["kept"]) == 4
        assert await live(phone) == set()
        assert (await phone.ask("{ me { memberships { joinedOn } } }"))["memberships"] == []
        again = await phone.ask(ENROL, **{**enrolment, "key": key()})
        assert again["memberships"] == [{"programme": {"code": "weifang"}}]


async def test_r20_nobody_under_18_joins(city: City) -> None:
    async with city.client(await city.caller(Role.CITIZEN, 5)) as phone:
        consents = [{"purpose": "score", "version": 1}]
        refused = await phone.ask(ENROL, programme="weifang", consents=consents, key=key())
        assert refused == {"errorCode": "RULE_REFUSED", "inputField": None, "ruleSource": "R20"}
        assert (await phone.ask("{ me { memberships { joinedOn } } }"))["memberships"] == []


@pytest.mark.parametrize(
    ("consents", "code"),
    [
        ([], "CONSENT_REQUIRED"),
        ([{"purpose": "score", "version": 2}], "INVALID_INPUT"),
        ([{"purpose": "ranking", "version": 1}], "INVALID_INPUT"),
        ([{"purpose": "score", "version": 1}, {"purpose": "score", "version": 1}], "INVALID_INPUT"),
    ],
    ids=["none", "another version", "unknown purpose", "twice"],
)
async def test_joining_without_a_proper_consent_is_refused_and_changes_nothing(
    city: City, consents: list[dict[str, object]], code: str
) -> None:
    person = replace(await city.caller(Role.VOLUNTEER), role=Role.CITIZEN)
    async with city.client(person) as phone:
        refused = await phone.ask(ENROL, programme="weifang", consents=consents, key=key())
        assert (refused["errorCode"], refused["inputField"]) == (code, "consents")
        assert (await phone.ask("{ me { memberships { joinedOn } } }"))["memberships"] == []


async def test_consent_to_a_score_needs_membership(city: City) -> None:
    person = replace(await city.caller(Role.VOLUNTEER), role=Role.CITIZEN)
    async with city.client(person) as phone:
        assert (await phone.ask(GIVE, purpose="score", version=1, key=key()))["errorCode"] == "NOT_ALLOWED"
        assert (await phone.ask(WITHDRAW, key=key()))["errorCode"] == "NOT_ALLOWED"
        assert (await phone.ask(PRESENCE, key=key()))["errorCode"] == "NOT_ALLOWED"


async def test_r23_an_officer_looks_up_once_with_the_code_and_the_citizen_sees_it(city: City) -> None:
    citizen, officer = await city.caller(Role.CITIZEN, 3), await city.caller(Role.OFFICER)
    async with city.client(citizen) as phone, city.client(officer) as desk:
        shown = {"key": key()}
        code = (await phone.ask(PRESENCE, **shown))["code"]
        assert (await phone.ask(PRESENCE, **shown))["code"] == code
        request = {"value": f" {code[:4].lower()}-{code[4:]}", "purpose": "OBJECTION", "key": key()}
        file = await desk.ask(LOOK_UP, **request)
        assert file["displayName"] == (await phone.ask("{ me { displayName } }"))["displayName"]
        assert await desk.ask(LOOK_UP, **request) == file
        refused = {"errorCode": "NOT_FOUND", "inputField": "value", "retryAfterMs": None}
        assert await desk.ask(LOOK_UP, **{**request, "key": key()}) == refused
        assert await desk.ask(LOOK_UP, value="00000000", purpose="OBJECTION", key=key()) == refused
        assert await desk.ask(LOOK_UP, value="V-1", purpose="OBJECTION", key=key(), by="VOLUNTEER_NUMBER") == refused
        # Opening the file again is another look, and says so; it is no second notice.
        entries = [edge["node"] for edge in (await phone.ask(LOG))["accessLog"]["edges"]]
        assert [(one["role"], one["purpose"]) for one in entries] == [("officer", "OBJECTION")] * 2
        assert all("an objection" in one["what"] for one in entries)
        told = (await phone.ask(NOTICES))["notices"]["edges"]
        assert [edge["node"]["kind"] for edge in told].count("LOOKED_UP") == 1


async def test_an_officer_does_not_guess_at_codes_shown_by_citizens(city: City) -> None:
    citizen, officer = await city.caller(Role.CITIZEN, 3), await city.caller(Role.OFFICER, 2)
    async with city.client(citizen) as phone, city.client(officer) as desk:
        code = (await phone.ask(PRESENCE, key=key()))["code"]
        guess = {"purpose": "OBJECTION"}
        wrong = [await desk.ask(LOOK_UP, value=f"0000000{digit}", **guess, key=key()) for digit in range(5)]
        assert {one["errorCode"] for one in wrong} == {"NOT_FOUND"}
        refused = await desk.ask(LOOK_UP, value=code, **guess, key=key())
        assert refused["errorCode"] == "RATE_LIMITED"
        assert 0 < refused["retryAfterMs"] <= 60_000
    async with city.client(await city.caller(Role.OFFICER)) as desk:
        wide = "".join(chr(ord(sign) + 0xFEE0) for sign in f"{code[:4]}-{code[4:]}")
        assert "reference" in await desk.ask(LOOK_UP, value=f"\u3000{wide}", **guess, key=key())


COUNTS = """
    SELECT (SELECT count(*) FROM credit_record WHERE citizen_id = c.id) AS records,
        (SELECT count(*) FROM record_document WHERE citizen_id = c.id) AS documents,
        (SELECT count(*) FROM record_event WHERE citizen_id = c.id) AS events,
        (SELECT count(*) FROM score WHERE citizen_id = c.id) AS scores,
        (SELECT count(*) FROM score_change WHERE citizen_id = c.id) AS changes,
        (SELECT count(*) FROM allowance_use WHERE holder = c.pseudonym) AS allowances,
        c.scored_from IS NULL AS unscored
    FROM citizen AS c JOIN programme AS p ON p.id = c.programme_id
    WHERE c.person_id = :person AND p.code = 'weifang'
"""


async def kept_of(city: City, person_id: int | None) -> dict[str, int]:
    """What the database holds of a citizen."""
    async with city.worker.reading(ANONYMOUS) as unit:
        return dict((await unit.session.execute(text(COUNTS), {"person": person_id})).one()._mapping)


async def use_something(city: City, person_id: int | None) -> None:
    async with city.worker.transaction(ANONYMOUS) as unit:
        await unit.session.execute(
            text("""
                INSERT INTO allowance_use (holder, programme_id, product_code, window_start, used)
                SELECT c.pseudonym, c.programme_id, 'library', '2026-01-01', 1
                FROM citizen AS c JOIN programme AS p ON p.id = c.programme_id
                WHERE c.person_id = :person AND p.code = 'weifang'
            """),
            {"person": person_id},
        )


@pytest.mark.parametrize(("index", "document"), [(9, WITHDRAW), (10, TAKE_BACK)], ids=["leaving", "no more score"])
async def test_records_lines_and_scores_are_erased_and_what_was_used_stays_used(
    city: City, index: int, document: str
) -> None:
    caller = await city.caller(Role.CITIZEN, index)
    await use_something(city, caller.person_id)
    before = await kept_of(city, caller.person_id)
    assert before["records"] > 0
    assert not before["unscored"]
    async with city.client(caller) as phone:
        variables = {"key": key()} if document == WITHDRAW else {"key": key(), "purpose": "score"}
        assert "erased" in await phone.ask(document, **variables)
    after = await kept_of(city, caller.person_id)
    assert after.pop("allowances") == 1
    assert after == {"records": 0, "documents": 0, "events": 0, "scores": 0, "changes": 0, "unscored": True}
