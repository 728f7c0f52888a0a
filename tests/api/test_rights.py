"""An objection from the phone to its decision, a repair, notices and look-ups: over HTTP, as phones and desks do it."""

import base64
from typing import Any
from uuid import UUID, uuid4

import pytest

from api.database import Database, WorkerDatabase
from domain.actor import Caller, Role
from tests.api.city import City, Client

CODE = "suqian"
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(64)).decode()

ATTACH = """mutation ($name: String!, $type: String!, $base64: String!, $key: UUID!) {
  attach(fileName: $name, mediaType: $type, base64: $base64, idempotencyKey: $key) {
    ... on Attachment { id fileName mediaType bytes digest base64 }
    ... on UserError { errorCode inputField }
  }
}"""
OBJECTION = """
    id target reason status dueOn decision nextRemedy decidedAt dueProvisional
    attachments { id fileName bytes } steps { by what dueOn }
    reviewOf { id } restored { product { code } decision { qualified } }
    subject { __typename id ... on Record { item { code } status } }"""
OBJECT = (
    """mutation ($target: ObjectionTarget!, $id: ID, $reason: String!, $attachments: [ID!], $key: UUID!) {
  objectTo(target: $target, id: $id, reason: $reason, attachments: $attachments, idempotencyKey: $key) {
    ... on Objection {"""
    + OBJECTION
    + """}
    ... on UserError { errorCode inputField message }
  }
}"""
)
WITHDRAW = """mutation ($id: ID!, $key: UUID!) {
  withdrawObjection(id: $id, idempotencyKey: $key) {
    ... on Objection { id status } ... on UserError { errorCode inputField }
  }
}"""
REVIEW = """mutation ($id: ID!, $reason: String!, $key: UUID!) {
  askForReview(objectionId: $id, reason: $reason, idempotencyKey: $key) {
    ... on Objection { id status reviewOf { id status } } ... on UserError { errorCode inputField }
  }
}"""
HAND_OVER = """mutation ($id: ID!, $question: String!, $key: UUID!) {
  handOverObjection(id: $id, question: $question, idempotencyKey: $key) {
    ... on Objection { id status reason dueOn attachments { fileName base64 } subject { ... on Record { source } } }
    ... on UserError { errorCode inputField message }
  }
}"""
EXTEND = """mutation ($id: ID!, $reason: String!, $key: UUID!) {
  extendObjection(id: $id, reason: $reason, idempotencyKey: $key) {
    ... on Objection { id status dueOn } ... on UserError { errorCode inputField }
  }
}"""
DECIDE = """mutation ($id: ID!, $outcome: CaseStatus!, $decision: String!, $key: UUID!) {
  decideObjection(id: $id, outcome: $outcome, decision: $decision, idempotencyKey: $key) {
    ... on Objection { id status reason decision nextRemedy restored { product { code } } }
    ... on UserError { errorCode inputField }
  }
}"""
ANSWER = """mutation ($id: ID!, $finding: SourceFinding!, $statement: String!, $key: UUID!) {
  answerObjection(id: $id, finding: $finding, statement: $statement, idempotencyKey: $key) {
    ... on SourceObjection { id sourceRef question item { code } } ... on UserError { errorCode inputField }
  }
}"""
REPAIR = """mutation ($id: ID!, $statement: String!, $attachments: [ID!], $key: UUID!) {
  requestRepair(recordId: $id, statement: $statement, attachments: $attachments, idempotencyKey: $key) {
    ... on Repair { id status dueOn statement record { id } attachments { id } }
    ... on UserError { errorCode inputField ruleSource }
  }
}"""
LOOK_UP = """mutation ($value: String!, $purpose: LookUpPurpose!, $key: UUID!) {
  lookUpCitizen(by: CASE, value: $value, purpose: $purpose, idempotencyKey: $key) {
    ... on CitizenFile {
      displayName score { points } records { id } repairs { id } openObligations { id }
      objections { id reason subject { id ... on Benefit { decision { sentence conditions { met } } } } }
    }
    ... on UserError { errorCode inputField }
  }
}"""
OFFICE = """{ office {
  objections { edges { node { id target status reason dueOn attachments { id } steps { what } subject { id } } } }
  repairs { id status }
} }"""
SCORE = "{ me { score { points lines { effect points record { id status } } } } }"
READ = """mutation ($ids: [ID!]!, $key: UUID!) {
  markNoticesRead(ids: $ids, idempotencyKey: $key) {
    ... on NoticesRead { unread } ... on UserError { errorCode inputField }
  }
}"""
NOTICES = "{ me { unreadNotices notices { edges { node { id kind title body readAt } } } } }"


def key() -> str:
    return str(uuid4())


@pytest.fixture(scope="module")
async def city(database: Database, worker: WorkerDatabase) -> City:
    return await City(database, worker, CODE).seeded()


async def demerit(phone: Client) -> str:
    """The adverse record of citizen 3."""
    me = await phone.ask(SCORE)
    [line] = [one for one in me["score"]["lines"] if one["points"] <= 0]
    record: str = line["record"]["id"]
    return record


async def department(city: City) -> Caller:
    """The source whose desk has a question."""
    index = 1
    while True:
        caller = await city.caller(Role.SOURCE, index)
        async with city.client(caller) as desk:
            if (await desk.ask("{ source { objections { id } } }"))["objections"]:
                return caller
        index += 1


async def test_an_objection_lives_from_the_phone_to_the_decision_and_gives_back_what_was_missed(city: City) -> None:
    citizen, officer = await city.caller(Role.CITIZEN, 3), await city.caller(Role.OFFICER)
    async with city.client(citizen) as phone, city.client(officer) as desk:
        record = await demerit(phone)
        paper = await phone.ask(ATTACH, name="收据.png", type="image/png", base64=PNG, key=key())
        assert (paper["fileName"], paper["bytes"], paper["base64"]) == ("收据.png", 72, PNG)
        wish: dict[str, Any] = {
            "target": "RECORD",
            "id": record,
            "reason": "The bill was paid in time.",
            "attachments": [paper["id"]],
            "key": key(),
        }
        opened = await phone.ask(OBJECT, **wish)
        assert (opened["status"], opened["reason"]) == ("OPEN", "The bill was paid in time.")
        assert (opened["subject"]["id"], opened["subject"]["status"]) == (record, "CONTESTED")
        assert opened["attachments"] == [{"id": paper["id"], "fileName": "收据.png", "bytes": 72}]
        assert await phone.ask(OBJECT, **wish) == opened
        score = (await phone.ask(SCORE))["score"]
        assert score["points"] == 1000
        assert [one["effect"] for one in score["lines"]] == ["CONTESTED"]
        again = await phone.ask(OBJECT, **{**wish, "attachments": [], "key": key()})
        assert again["errorCode"] == "OVERLAP"

        await office_sees_that_it_is_there(desk, opened["id"])
        await office_asks_the_department(city, desk, opened["id"])

        verdict = {"id": opened["id"], "outcome": "UPHELD", "decision": "The receipt proves it.", "key": key()}
        decided = await desk.ask(DECIDE, **verdict)
        assert (decided["status"], decided["nextRemedy"]) == ("UPHELD", None)
        assert decided["restored"] == []
        assert await desk.ask(DECIDE, **verdict) == decided
        assert (await desk.ask(DECIDE, **{**verdict, "key": key()}))["errorCode"] == "ALREADY_DECIDED"
        async with city.client(await city.caller(Role.OFFICER, 2)) as other:
            assert (await other.ask(DECIDE, **{**verdict, "key": key()}))["errorCode"] == "ALREADY_DECIDED"
            closed = await other.ask(LOOK_UP, value=opened["id"], purpose="OBJECTION", key=key())
            assert closed == {"errorCode": "NOT_FOUND", "inputField": "value"}

        [edge] = (await phone.ask(f"{{ me {{ objections {{ edges {{ node {{ {OBJECTION} }} }} }} }} }}"))["objections"][
            "edges"
        ]
        mine = edge["node"]
        assert (mine["status"], mine["decision"], mine["subject"]) == ("UPHELD", "The receipt proves it.", None)
        assert mine["restored"] == [{"product": {"code": "stall-papers"}, "decision": {"qualified": True}}]
        assert [step["what"].split(".")[0].split(":")[0] for step in mine["steps"]] == [
            "Taken in",
            "The record is marked as contested; an adverse one gives no points until this is decided",
            "Handed over to the department that reported the record",
            "The department answers",
            "Decided",
            "Score and decisions were worked out again",
        ]
        assert (await phone.ask(SCORE))["score"] == {"points": 1000, "lines": []}
        assert await phone.ask("query ($id: ID!) { node(id: $id) { id } }", id=record) is None
        await everything_is_told(phone)


async def office_sees_that_it_is_there(desk: Client, objection: str) -> None:
    """The list tells when it is due; what it says stays sealed until the case is opened."""
    [edge] = (await desk.ask(OFFICE))["objections"]["edges"]
    node = edge["node"]
    assert (node["id"], node["status"], node["attachments"], node["subject"]) == (objection, "OPEN", [], None)
    assert node["reason"] == "(Sealed. Look up the citizen by this case to read it.)"
    file = await desk.ask(LOOK_UP, value=objection, purpose="OBJECTION", key=key())
    [case] = file["objections"]
    assert (case["id"], case["reason"]) == (objection, "The bill was paid in time.")
    assert (file["score"]["points"], len(file["records"])) == (1000, 1)
    assert (file["repairs"], file["openObligations"]) == (None, None)
    refused = await desk.ask(LOOK_UP, value=objection, purpose="REPAIR", key=key())
    assert refused == {"errorCode": "NOT_ALLOWED", "inputField": "purpose"}
    refused = await desk.ask(LOOK_UP, value="V-1", purpose="OBJECTION", key=key())
    assert refused == {"errorCode": "NOT_FOUND", "inputField": "value"}


async def office_asks_the_department(city: City, desk: Client, objection: str) -> None:
    """The department sees its own reference, the item and the question; nothing tells it of whom."""
    asked = await desk.ask(HAND_OVER, id=objection, question="Was the bill paid?", key=key())
    assert (asked["status"], asked["attachments"]) == ("WITH_SOURCE", [{"fileName": "收据.png", "base64": PNG}])
    assert (await desk.ask(HAND_OVER, id=objection, question="Again?", key=key()))["errorCode"] == "ALREADY_DECIDED"
    async with city.client(await department(city)) as source:
        [question] = (
            await source.ask("{ source { objections { id sourceRef item { code merit } question dueOn } } }")
        )["objections"]
        assert question["item"] == {"code": "utility-debt", "merit": False}
        assert question["question"] == "Was the bill paid?"
        assert UUID(question["sourceRef"])
        answer = {"id": question["id"], "finding": "WRONG", "statement": "It was paid.", "key": key()}
        answered = await source.ask(ANSWER, **answer)
        assert answered["sourceRef"] == question["sourceRef"]
        assert await source.ask(ANSWER, **answer) == answered
        assert (await source.ask(ANSWER, **{**answer, "key": key()}))["errorCode"] == "ALREADY_DECIDED"
        assert (await source.ask("{ source { objections { id } } }"))["objections"] == []


async def everything_is_told(phone: Client) -> None:
    """The phone knows what was decided and who has looked, and can put it aside."""
    me = await phone.ask(NOTICES)
    nodes = [edge["node"] for edge in me["notices"]["edges"]]
    assert [node["kind"] for node in nodes] == ["OBJECTION_DECIDED", "LOOKED_UP"]
    assert nodes[0]["body"].startswith("The outcome: in your favour.")
    assert me["unreadNotices"] == 2
    mark = {"ids": [nodes[0]["id"]], "key": key()}
    assert await phone.ask(READ, **mark) == {"unread": 1}
    assert await phone.ask(READ, **mark) == {"unread": 1}
    read = (await phone.ask(NOTICES))["notices"]["edges"]
    assert [edge["node"]["readAt"] is None for edge in read] == [False, True]
    log = (await phone.ask("{ me { accessLog { edges { node { role purpose what } } } } }"))["accessLog"]["edges"]
    assert [edge["node"]["what"].split(":")[0].split(",")[0] for edge in log] == [
        "Worked on your objection and decided it.",
        "Handed your objection over to " + log[1]["node"]["what"].split("over to ")[1].split(",")[0],
        "Opened what an objection needs of your file",
    ]
    assert {(edge["node"]["role"], edge["node"]["purpose"]) for edge in log} == {("officer", "OBJECTION")}


async def test_nobody_reads_or_changes_the_case_of_somebody_else(city: City) -> None:
    async with city.client(await city.caller(Role.CITIZEN, 1)) as phone:
        opened = await phone.ask(OBJECT, target="SCORE", reason="It should be more.", key=key())
        assert (opened["target"], opened["subject"]["__typename"]) == ("SCORE", "Score")
    async with city.client(await city.caller(Role.CITIZEN, 2)) as stranger:
        absent = {"errorCode": "NOT_FOUND", "inputField": None}
        assert await stranger.ask(WITHDRAW, id=opened["id"], key=key()) == absent
        review = await stranger.ask(REVIEW, id=opened["id"], reason="?", key=key())
        assert review == {"errorCode": "NOT_FOUND", "inputField": None}
        assert await stranger.ask("query ($id: ID!) { node(id: $id) { id } }", id=opened["id"]) is None
    async with city.client(await city.caller(Role.CITIZEN, 1)) as phone:
        taken_back = await phone.ask(WITHDRAW, id=opened["id"], key=key())
        assert taken_back == {"id": opened["id"], "status": "WITHDRAWN"}
        closed = await phone.ask(WITHDRAW, id=opened["id"], key=key())
        assert closed == {"errorCode": "ALREADY_DECIDED", "inputField": "id"}


async def test_each_kind_of_thing_can_be_objected_to_and_is_shown(city: City) -> None:
    async with city.client(await city.caller(Role.CITIZEN, 1)) as phone:
        benefit = (await phone.ask("{ me { benefits { id } } }"))["benefits"][0]["id"]
        opened = await phone.ask(OBJECT, target="DECISION", id=benefit, reason="I am old enough.", key=key())
        assert opened["subject"] == {"__typename": "Benefit", "id": benefit}
        async with city.client(await city.caller(Role.OFFICER)) as desk:
            file = await desk.ask(LOOK_UP, value=opened["id"], purpose="OBJECTION", key=key())
            [case] = [one for one in file["objections"] if one["id"] == opened["id"]]
            assert case["subject"]["id"] == benefit
            assert case["subject"]["decision"]["sentence"]
        for target in ("RECORD", "REDEMPTION", "SERVICE", "ACCESS", "DECISION"):
            refused = await phone.ask(OBJECT, target=target, reason="?", key=key())
            assert (refused["errorCode"], refused["inputField"]) == ("INVALID_INPUT", "id")
            refused = await phone.ask(OBJECT, target=target, id="forged", reason="?", key=key())
            assert refused["errorCode"] == "NOT_FOUND"
        refused = await phone.ask(OBJECT, target="HOUSEHOLD", reason="Not my dwelling.", key=key())
        assert refused["errorCode"] == "NOT_FOUND"


@pytest.mark.parametrize(
    ("name", "media_type", "content", "field"),
    [
        ("a.png", "image/gif", PNG, "mediaType"),
        ("a.png", "application/pdf", PNG, "base64"),
        ("a.png", "image/png", "not base64!", "base64"),
        ("a.png", "image/png", "", "base64"),
        ("../a.png", "image/png", PNG, "fileName"),
        ("", "image/png", PNG, "fileName"),
        ("a.png", "image/png", base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(65_536)).decode(), "base64"),
    ],
)
async def test_a_paper_that_is_not_what_it_says_is_refused(
    city: City, name: str, media_type: str, content: str, field: str
) -> None:
    async with city.client(await city.caller(Role.CITIZEN, 2)) as phone:
        refused = await phone.ask(ATTACH, name=name, type=media_type, base64=content, key=key())
        assert refused == {"errorCode": "INVALID_INPUT", "inputField": field}


async def test_the_largest_paper_fits_into_one_request(city: City) -> None:
    content = base64.b64encode(b"%PDF-" + bytes(65_531)).decode()
    async with city.client(await city.caller(Role.CITIZEN, 2)) as phone:
        kept = await phone.ask(ATTACH, name="a.pdf", type="application/pdf", base64=content, key=key())
        assert (kept["bytes"], kept["base64"]) == (65_536, content)


async def test_r14_a_review_is_decided_by_somebody_else_and_names_the_way_beyond(city: City) -> None:
    citizen = await city.caller(Role.CITIZEN, 2)
    officers = [await city.caller(Role.OFFICER, 1), await city.caller(Role.OFFICER, 2)]
    approver = await city.caller(Role.APPROVER)
    async with (
        city.client(citizen) as phone,
        city.client(officers[0]) as first,
        city.client(officers[1]) as second,
        city.client(approver) as third,
    ):
        opened = await phone.ask(OBJECT, target="SCORE", reason="Count again.", key=key())
        early = await phone.ask(REVIEW, id=opened["id"], reason="?", key=key())
        assert early == {"errorCode": "TOO_EARLY", "inputField": "objectionId"}
        bad = await first.ask(DECIDE, id=opened["id"], outcome="WITHDRAWN", decision="?", key=key())
        assert bad == {"errorCode": "INVALID_INPUT", "inputField": "outcome"}
        foreign = await first.ask(EXTEND, id=opened["id"], reason="?", key=key())
        assert foreign == {"errorCode": "NOT_ALLOWED", "inputField": None}
        longer = await third.ask(EXTEND, id=opened["id"], reason="We wait for the archive.", key=key())
        assert longer["status"] == "EXTENDED"
        assert longer["dueOn"] > opened["dueOn"]
        twice = await third.ask(EXTEND, id=opened["id"], reason="Once more.", key=key())
        assert twice == {"errorCode": "ALREADY_DECIDED", "inputField": "id"}
        rejected = await first.ask(DECIDE, id=opened["id"], outcome="REJECTED", decision="It adds up.", key=key())
        assert rejected["nextRemedy"].startswith("You can ask for a review until 20")
        review = await phone.ask(REVIEW, id=opened["id"], reason="Please look again.", key=key())
        assert review["reviewOf"] == {"id": opened["id"], "status": "REJECTED"}
        twice = await phone.ask(REVIEW, id=opened["id"], reason="Again.", key=key())
        assert twice["errorCode"] == "OVERLAP"
        verdict = {"id": review["id"], "outcome": "REJECTED", "decision": "It still adds up."}
        assert (await first.ask(DECIDE, **verdict, key=key()))["errorCode"] == "SAME_PERSON"
        final = await second.ask(DECIDE, **verdict, key=key())
        assert "administrative reconsideration until 20" in final["nextRemedy"]
        over = await phone.ask(REVIEW, id=review["id"], reason="Again.", key=key())
        assert over["errorCode"] == "ALREADY_DECIDED"


async def test_a_record_that_is_too_young_or_no_demerit_is_not_repaired(city: City) -> None:
    async with city.client(await city.caller(Role.CITIZEN, 1)) as phone:
        me = await phone.ask("{ me { records { edges { node { id item { merit } } } } repairs { id } } }")
        merit = me["records"]["edges"][0]["node"]["id"]
        refused = await phone.ask(REPAIR, id=merit, statement="I would like to.", key=key())
        assert (refused["errorCode"], refused["inputField"]) == ("RULE_REFUSED", "recordId")
        assert me["repairs"] == []
