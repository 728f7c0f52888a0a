"""One release of rules and one of a product over HTTP, from the draft to the rollback."""

from collections.abc import AsyncIterator
from datetime import date
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from api.database import Database, WorkerDatabase
from api.jobs import run_jobs
from domain.actor import ANONYMOUS, Role
from tests.actions.releasing import DAY, Town, found, points_of, product_draft, rule_set_draft, stricter
from tests.api.city import City, Client, statements

FAULT = "... on UserError { errorCode message inputField ruleSource }"
RULE_SET = f"... on RuleSet {{ id version status effectiveFrom effectiveUntil bands {{ code minPoints }} }} {FAULT}"
DRY_RUN = """id version status donePercent people gaining losing unchanged problems
    products { product { code } qualifiedBefore qualifiedAfter } bands { band { code } before after }
    groups { group people gaining losing }"""
PRODUCT = f"... on Product {{ id code version title baselineCheckedOn current {{ version }} }} {FAULT}"
LINE = "id product { code } unit total reserved spent remaining window waiting { decisionRef amount }"


def rules(name: str, arguments: str = "") -> str:
    """A mutation of rules; `arguments` are variables with their types."""
    declared = "".join(f", ${one}" for one in arguments.split("; ") if one)
    given = "".join(f"{one.split(':')[0]}: ${one.split(':')[0]}, " for one in arguments.split("; ") if one)
    return f"mutation ($key: UUID!{declared}) {{ {name}({given}idempotencyKey: $key) {{ {RULE_SET} }} }}"


DRAFT = rules("draftRuleSet", "document: String!")
OPEN = rules("openConsultation", "version: Int!; until: Date!")
APPROVE = rules("approveRuleSet", "version: Int!")
PUBLISH = rules("publishRuleSet", "version: Int!; effectiveFrom: Date!; answerToComments: String")
WITHDRAW = rules("withdrawRuleSet", "version: Int!; reason: String!")
ROLL_BACK = rules("rollBackRuleSet", "reason: String!")
COMMENT = f"""mutation ($programme: String!, $version: Int!, $text: String!, $key: UUID!) {{
    commentOnRuleSet(programme: $programme, version: $version, text: $text, idempotencyKey: $key) {{
        ... on RuleComment {{ at }} {FAULT} }} }}"""
START = f"""mutation ($version: Int!, $key: UUID!) {{ startDryRun(version: $version, idempotencyKey: $key) {{
    ... on DryRun {{ {DRY_RUN} }} {FAULT} }} }}"""
OFFICE_RUN = f"query ($id: ID!) {{ office {{ dryRun(id: $id) {{ {DRY_RUN} }} }} }}"
CONSULTATIONS = """query ($code: String!) { programme(code: $code) {
    ruleSet { version } ruleSets { version status }
    consultations { ruleSet { id version status } opensOn closesOn comments answer
        assessment { people gaining losing unchanged products { product { code } qualifiedBefore qualifiedAfter }
            bands { band { code } before after } groups { group people gaining losing } } } } }"""
COMMENTS = """query ($version: Int!) { office { ruleComments(version: $version) { edges { node { text } } } } }"""


def product(name: str, arguments: str) -> str:
    """A mutation of products."""
    declared = "".join(f", ${one}" for one in arguments.split("; "))
    given = "".join(f"{one.split(':')[0]}: ${one.split(':')[0]}, " for one in arguments.split("; "))
    return f"mutation ($key: UUID!{declared}) {{ {name}({given}idempotencyKey: $key) {{ {PRODUCT} }} }}"


class Place:
    """A town behind the real application."""

    def __init__(self, town: Town, city: City) -> None:
        self.town = town
        self.city = city

    async def change(self, client: Client, query: str, **values: Any) -> Any:
        return await client.ask(query, key=str(uuid4()), **values)

    async def today(self) -> date:
        return await self.town.today()


@pytest.fixture
async def place(database: Database, worker: WorkerDatabase) -> AsyncIterator[Place]:
    town = await found(database, worker)
    yield Place(town, City(database, worker, town.document.code))
    async with worker.transaction(ANONYMOUS) as unit:
        await unit.session.execute(text("UPDATE clock SET ahead = '0'"))


def codes_of(answer: dict[str, Any]) -> tuple[str, str | None, str | None]:
    return answer["errorCode"], answer["inputField"], answer["ruleSource"]


async def test_one_release_from_draft_to_rollback(place: Place) -> None:
    city, code = place.city, place.town.document.code
    async with (
        city.client(await city.caller(Role.OFFICER)) as officer,
        city.client(await city.caller(Role.APPROVER)) as approver,
        city.client(await city.caller(Role.CITIZEN, 6)) as citizen,
        city.client() as nobody,
    ):
        refused = await place.change(officer, DRAFT, document="base_points = 'high'")
        assert codes_of(refused) == ("INVALID_INPUT", "document", None)
        key, document = str(uuid4()), rule_set_draft(stricter, points_of("library-on-time", 6))
        draft = await officer.ask(DRAFT, document=document, key=key)
        assert (draft["version"], draft["status"], draft["effectiveFrom"]) == (2, "DRAFT", None)
        assert {"code": "AAA", "minPoints": 1090} in draft["bands"]
        assert await officer.ask(DRAFT, document=document, key=key) == draft

        # A draft is for the office.
        node = "query ($id: ID!) { node(id: $id) { id } }"
        assert (await officer.ask(node, id=draft["id"]))["id"] == draft["id"]
        assert await citizen.ask(node, id=draft["id"]) is None
        told = await nobody.ask(CONSULTATIONS, code=code)
        assert told == {
            "ruleSet": {"version": 1},
            "ruleSets": [{"version": 1, "status": "PUBLISHED"}],
            "consultations": [],
        }

        today = await place.today()
        until = str(today + DAY)
        assert codes_of(await place.change(officer, OPEN, version=2, until=str(today)))[:2] == (
            "INVALID_INPUT",
            "until",
        )
        assert (await place.change(officer, OPEN, version=2, until=until))["status"] == "IN_CONSULTATION"
        said = await place.change(citizen, COMMENT, programme=code, version=2, text="请给老人留余地")
        assert said["at"].endswith("Z")
        unsigned = await place.change(nobody, COMMENT, programme=code, version=2, text="匿名")
        assert codes_of(unsigned)[0] == "NOT_ALLOWED"
        assert (await nobody.ask(CONSULTATIONS, code=code))["consultations"] == [
            {
                "ruleSet": {"id": draft["id"], "version": 2, "status": "IN_CONSULTATION"},
                "opensOn": str(today),
                "closesOn": until,
                "comments": 1,
                "answer": None,
                "assessment": None,
            }
        ]
        edges = (await officer.ask(COMMENTS, version=2))["ruleComments"]["edges"]
        assert edges == [{"node": {"text": "请给老人留余地"}}]

        started = await place.change(officer, START, version=2)
        assert (started["status"], started["donePercent"], started["people"]) == ("QUEUED", 0, None)
        await run_jobs(place.town.worker)
        run = (await approver.ask(OFFICE_RUN, id=started["id"]))["dryRun"]
        assert (run["status"], run["donePercent"], run["people"], run["problems"]) == ("DONE", 100, 43, [])
        assert run["id"] == started["id"]
        assert [one["band"]["code"] for one in run["bands"]] == ["ENTRY", "A", "AA", "AAA"]
        counts = [run["gaining"], run["losing"], run["unchanged"]]
        counts += [one[name] for one in run["groups"] for name in ("people", "gaining", "losing")]
        counts += [one[name] for one in run["products"] for name in ("qualifiedBefore", "qualifiedAfter")]
        counts += [one[name] for one in run["bands"] for name in ("before", "after")]
        assert all(count is None or count >= 10 for count in counts)
        assert {one["product"]["code"] for one in run["products"]} == {one.code for one in place.town.document.products}
        assert any(one["group"].startswith("born ") for one in run["groups"])
        assert (await citizen.answer(OFFICE_RUN, id=started["id"]))["data"] == {"office": None}

        assert codes_of(await place.change(approver, APPROVE, version=2))[0] == "TOO_EARLY"
        assert codes_of(await place.change(officer, APPROVE, version=2))[0] == "NOT_ALLOWED"
        await place.town.wait(2 * DAY)
        assert (await place.change(approver, APPROVE, version=2))["status"] == "APPROVED"
        begins = str(await place.today() + DAY)
        refused = await place.change(approver, PUBLISH, version=2, effectiveFrom=begins)
        assert codes_of(refused) == ("INVALID_INPUT", "answerToComments", None)
        published = await place.change(
            approver, PUBLISH, version=2, effectiveFrom=begins, answerToComments="老人另有途径。"
        )
        assert (published["status"], published["effectiveFrom"]) == ("PUBLISHED", begins)
        assert (await nobody.ask(CONSULTATIONS, code=code))["ruleSet"] == {"version": 1}

        await place.town.wait(DAY)
        told = await nobody.ask(CONSULTATIONS, code=code)
        assert (told["ruleSet"], told["consultations"][0]["answer"]) == ({"version": 2}, "老人另有途径。")
        public = told["consultations"][0]["assessment"]
        assert (public["people"], [one["band"]["code"] for one in public["bands"]]) == (40, ["ENTRY", "A", "AA", "AAA"])
        rounded = [public[name] for name in ("gaining", "losing", "unchanged")]
        rounded += [one[name] for one in public["groups"] for name in ("people", "gaining", "losing")]
        rounded += [one[name] for one in public["products"] for name in ("qualifiedBefore", "qualifiedAfter")]
        rounded += [one[name] for one in public["bands"] for name in ("before", "after")]
        assert rounded == [None if count is None else count // 10 * 10 for count in counts]
        rolled = await place.change(approver, ROLL_BACK, reason="市民认为过严")
        assert (rolled["version"], rolled["status"], rolled["effectiveFrom"]) == (
            3,
            "PUBLISHED",
            str(await place.today() + DAY),
        )
        await place.town.wait(DAY)
        told = await nobody.ask(CONSULTATIONS, code=code)
        assert told["ruleSet"] == {"version": 3}
        rolled = await place.change(approver, ROLL_BACK, reason="再试一次")
        withdrawn = await place.change(officer, WITHDRAW, version=4, reason="不试了")
        assert (withdrawn["id"], withdrawn["status"]) == (rolled["id"], "WITHDRAWN")


async def test_what_somebody_keeps_is_shown_as_usable(place: Place) -> None:
    town, city = place.town, place.city
    await town.published(stricter)
    await town.wait(DAY)
    await run_jobs(town.worker)
    rows = await town.rows("""
        SELECT e.citizen_id, p.subject FROM entitlement AS e JOIN citizen AS c ON c.id = e.citizen_id
        JOIN person AS p ON p.id = c.person_id
        WHERE c.programme_id = :programme AND e.product_code = 'library-books' ORDER BY e.citizen_id""")
    benefits = "{ me { benefits { product { code } group decision { qualified conditions { way kind met } } } } }"
    decisions = []
    for row in rows:
        index = int(row.subject.rsplit("-", 1)[1])
        async with city.client(await city.caller(Role.CITIZEN, index)) as phone:
            all_of_them = (await phone.ask(benefits))["benefits"]
        decisions.append(next(one for one in all_of_them if one["product"]["code"] == "library-books"))
    assert all(one["decision"]["qualified"] for one in decisions)
    only_kept = [
        one["decision"]["conditions"]
        for one in decisions
        if not any(each["met"] for each in one["decision"]["conditions"] if each["kind"].startswith("MIN_"))
    ]
    assert only_kept
    assert all(max(each["way"] for each in one) == 3 for one in only_kept)


async def test_a_product_from_draft_to_its_next_version(place: Place) -> None:
    city, code = place.city, "bus-40"
    mine = "query ($code: String!) { programme(code: $code) { products { id code version terms } } }"
    async with (
        city.client(await city.caller(Role.OFFICER)) as officer,
        city.client(await city.caller(Role.APPROVER)) as approver,
        city.client(await city.caller(Role.CITIZEN, 1)) as citizen,
        city.client() as nobody,
    ):

        async def shown() -> dict[str, Any]:
            listed = (await nobody.ask(mine, code=place.town.document.code))["products"]
            return next((one for one in listed if one["code"] == code), {})

        before = await shown()
        bad = product_draft(code, shape={"kind": "PAY_RATIO", "pay_percent": 140, "max_relief_fen": 600})
        refused = await place.change(officer, product("draftProduct", "document: String!"), document=bad)
        assert refused["errorCode"] in ("RULE_REFUSED", "INVALID_INPUT")
        assert "pay_percent" in refused["message"] or "shape" in refused["message"]
        text_of = product_draft(code, terms={"zh": "凭码四折。", "en": "40 percent with a code."})
        draft = await place.change(officer, product("draftProduct", "document: String!"), document=text_of)
        assert (draft["version"], draft["current"]["version"]) == (2, 1)
        assert await nobody.ask("query ($id: ID!) { product(id: $id) { id } }", id=draft["id"]) is None
        present = f"""mutation ($id: ID!, $key: UUID!) {{ presentBenefit(productId: $id, idempotencyKey: $key) {{
            __typename {FAULT} }} }}"""
        assert codes_of(await place.change(citizen, present, id=draft["id"]))[0] == "NOT_FOUND"

        step = {name: product(name, "id: ID!") for name in ("approveProduct", "publishProduct", "resumeProduct")}
        assert codes_of(await place.change(approver, step["publishProduct"], id=draft["id"]))[0] == "ALREADY_DECIDED"
        assert (await place.change(approver, step["approveProduct"], id=draft["id"]))["version"] == 2
        published = await place.change(approver, step["publishProduct"], id=draft["id"])
        assert published["current"]["version"] == 2
        after = await shown()
        assert (after["version"], after["terms"]) == (2, "40 percent with a code.")
        old = await nobody.ask("query ($id: ID!) { product(id: $id) { version current { id } } }", id=before["id"])
        assert old == {"version": 1, "current": {"id": draft["id"]}}

        suspend = product("suspendProduct", "id: ID!; reason: String!")
        assert codes_of(await place.change(officer, suspend, id=draft["id"], reason=" "))[1] == "reason"
        await place.change(officer, suspend, id=draft["id"], reason="线路检修")
        assert await shown() == {}
        assert codes_of(await place.change(citizen, present, id=draft["id"]))[0] == "PRODUCT_UNAVAILABLE"
        await place.change(approver, step["resumeProduct"], id=draft["id"])
        assert await shown() == after

        places = "query ($code: String!) { programme(code: $code) { products { code provider { id } } } }"
        listed = (await nobody.ask(places, code=place.town.document.code))["products"]
        another = next(one["provider"]["id"] for one in listed if one["code"] == "cinema-15")
        offer = product("offerProduct", "productId: ID!; merchantId: ID!")
        assert codes_of(await place.change(officer, offer, productId=draft["id"], merchantId="x"))[1] == "merchantId"
        await place.change(officer, offer, productId=draft["id"], merchantId=another)
        given = "query ($id: ID!) { node(id: $id) { ... on Merchant { products { code } } } }"
        assert {"code": code} in (await nobody.ask(given, id=another))["products"]

        confirm = product("confirmBaseline", "productId: ID!")
        confirmed = await place.change(officer, confirm, productId=draft["id"])
        assert confirmed["baselineCheckedOn"] == str(await place.today())


async def test_money_is_added_on_a_decision_and_seen_to_the_fen(place: Place) -> None:
    city = place.city
    add = f"""mutation ($id: ID!, $amount: Amount!, $ref: String!, $key: UUID!) {{
        addBudget(productId: $id, amount: $amount, decisionRef: $ref, idempotencyKey: $key) {{
            ... on BudgetLine {{ {LINE} }} {FAULT} }} }}"""
    lines = f"""{{ office {{ programme {{ code }} budgets {{ {LINE} }} ruleSets {{ version }}
        draftedProducts {{ code }} }} }}"""
    async with (
        city.client(await city.caller(Role.OFFICER)) as officer,
        city.client(await city.caller(Role.APPROVER)) as approver,
    ):
        office = await officer.ask(lines)
        assert (office["programme"]["code"], office["ruleSets"]) == (place.town.document.code, [{"version": 1}])
        bus = [one for one in office["budgets"] if one["product"]["code"] == "bus-40"]
        line = bus[0]
        assert (line["total"], line["spent"], line["remaining"]) == (20_000_000, 0, 20_000_000)
        assert (line["unit"], line["window"]) == ("fen", "MONTH")
        listed = await officer.ask(
            "query ($code: String!) { programme(code: $code) { products { id code } } }", code=place.town.document.code
        )
        ids = {one["code"]: one["id"] for one in listed["products"]}
        given = {"id": ids["bus-40"], "amount": 500, "ref": "荣信办〔2026〕7号", "key": str(uuid4())}
        put_forward = await officer.ask(add, **{**given, "key": str(uuid4())})
        assert put_forward == {**line, "waiting": [{"decisionRef": given["ref"], "amount": 500}]}
        added = await approver.ask(add, **given)
        assert added == {**line, "total": 20_000_500, "remaining": 20_000_500, "waiting": []}
        assert await approver.ask(add, **given) == added
        assert (await officer.ask("query ($id: ID!) { node(id: $id) { id } }", id=line["id"])) == {"id": line["id"]}
        for wrong, field in (({"amount": 0}, "amount"), ({"ref": " "}, "decisionRef"), ({"id": "x"}, "productId")):
            refused = await approver.ask(add, **{**given, "key": str(uuid4()), **wrong})
            assert refused["inputField"] == field
        refused = await officer.ask(add, **{**given, "key": str(uuid4())})
        assert (refused["errorCode"], refused["inputField"]) == ("ALREADY_DECIDED", "decisionRef")
    rows = await place.town.rows("""
        SELECT d.kind AS debit, c.kind AS credit, t.amount_fen, t.state, t.reason
        FROM transfer AS t JOIN account AS d ON d.id = t.debit_id JOIN account AS c ON c.id = t.credit_id
        WHERE t.programme_id = :programme ORDER BY t.id DESC LIMIT 1""")
    assert [tuple(row) for row in rows] == [("CITY", "BUDGET", 500, "POSTED", "荣信办〔2026〕7号")]


async def test_the_office_is_read_in_one_statement(place: Place) -> None:
    query = """{ office { programme { consultations { comments } } budgets { total } ruleComments(version: 1) {
        edges { node { text } } } } }"""
    async with place.city.client(await place.city.caller(Role.OFFICER)) as officer:
        await officer.ask(query)
        with statements(place.town.database) as seen:
            await officer.ask(query)
    assert len(seen) == 1
