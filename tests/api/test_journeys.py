"""The main job in all eight cities, over HTTP only: a citizen's phone, a shop's till, a volunteer and an officer.

One demo serves all; its clock is moved once, between checking in to an event and checking out of it.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from phone import Phone, fresh_key, read_picture, sign_in
from processes import BENEFITS, PATIENCE_S, running

from seeds.demo import people_of, programme_codes

EVERYTHING, ONE_SHORT, CONTESTABLE, NOT_JOINED, MINOR = 1, 2, 3, 4, 5

ERROR = "... on UserError { errorCode message inputField retryAfterMs }"
SCORE = "score { points ruleSet { basePoints } lines { id points effect reason record { id } } receipt { digest } }"
BENEFIT = """
    id group product { id title redeemedBy provider { id name } shape { __typename } }
    decision { qualified sentence conditions { way kind met required actual missing sentence } nearest { sentence } }
    allowance { used remaining window }
"""
SCAN = f"""
    ... on ScanAnswer {{
        allowed reason message product {{ id }} basis relief holderPays matchNumber heldUntil
        redemption {{ id receiptNumber status basis relief holderPays dueOn }}
    }}
    {ERROR}
"""
PRESENT = f"""mutation ($product: ID!, $key: UUID!) {{ presentBenefit(productId: $product, idempotencyKey: $key) {{
    ... on Presentation {{ id code typedCode svg expiresAt status matchNumber }} {ERROR} }} }}"""
PREVIEW = f"""mutation ($code: String!, $basis: Int, $terminal: ID!) {{
    previewRedemption(code: $code, basis: $basis, terminalId: $terminal) {{ {SCAN} }} }}"""
REDEEM = f"""mutation ($code: String!, $basis: Int, $terminal: ID!, $key: UUID!) {{
    redeem(code: $code, basis: $basis, terminalId: $terminal, idempotencyKey: $key) {{ {SCAN} }} }}"""
PRESENTATION = """query ($id: ID!) { node(id: $id) { ... on Presentation {
    status matchNumber refusal { sentence } redemption { receiptNumber status relief holderPays } } } }"""
ME = f"{{ me {{ id displayName {SCORE} benefits {{ {BENEFIT} }} }} }}"


@dataclass(frozen=True, slots=True)
class City:
    """One programme of the running demo."""

    code: str
    address: str

    def sign_in(self, role: str, index: int = 1) -> Phone:
        return sign_in(self.address, programme=self.code, role=role, subject=f"{self.code}-{role}-{index}")

    def till_of(self, merchant: str) -> tuple[Phone, str]:
        """The cashier of a shop, and the terminal they stand at."""
        for person in people_of(self.code):
            if person.role == "cashier":
                cashier = self.sign_in("cashier", person.index)
                desk = cashier.ask("{ desk { merchant { id } terminals { id } } }")
                if desk["merchant"]["id"] == merchant:
                    return cashier, desk["terminals"][0]["id"]
                cashier.close()
        raise AssertionError(f"nobody works at {merchant}")

    def organiser_of(self, event: str) -> Phone:
        """An organiser of the body that holds an event."""
        for person in people_of(self.code):
            if person.role == "organiser":
                organiser = self.sign_in("organiser", person.index)
                held = organiser.ask("{ organiser { events { edges { node { event { id } } } } } }")
                if event in {edge["node"]["event"]["id"] for edge in held["events"]["edges"]}:
                    return organiser
                organiser.close()
        raise AssertionError(f"nobody organises {event}")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Callable[..., str]]]:
    """The demo, fresh: its address, and a way to run another command beside it."""
    folder = tmp_path_factory.mktemp("demo")
    data = str(folder / "data")
    with running([*BENEFITS, "demo", "--port", "0", "--data", data, "--fresh"], folder) as server:
        address = server.line("ready ")

        def benefits(*arguments: str) -> str:
            beside = folder / "-".join(arguments).replace("/", "_")
            beside.mkdir()
            with running([*BENEFITS, *arguments, "--data", data], beside) as command:
                assert command.process.wait(PATIENCE_S) == 0, command.errors
                return command.output

        yield address, benefits


@pytest.fixture(scope="module")
def cities(demo: tuple[str, Callable[..., str]]) -> dict[str, City]:
    return {code: City(code, demo[0]) for code in programme_codes()}


@pytest.fixture(params=programme_codes())
def city(request: pytest.FixtureRequest, cities: dict[str, City], served: dict[str, "Served"]) -> City:
    """Each city in turn, once everybody's service has been given."""
    assert set(served) == set(cities)
    return cities[request.param]


@dataclass(frozen=True, slots=True)
class Served:
    """A volunteer's stretch of service, from check-in to check-out."""

    before: Any
    event: str
    title: str
    service: Any


REGISTER = f"""mutation ($programme: String!, $version: Int!, $key: UUID!) {{ registerVolunteer(
    programme: $programme, callName: "Little Sea", consents: [{{ purpose: "volunteering", version: $version }}],
    idempotencyKey: $key) {{ ... on Volunteering {{ volunteerNumber confirmedHours }} {ERROR} }} }}"""
SIGN_UP = f"""mutation ($event: ID!, $key: UUID!) {{ signUp(eventId: $event, idempotencyKey: $key) {{
    ... on SignUp {{ status event {{ id free }} }} {ERROR} }} }}"""
CODE = f"""mutation ($event: ID!) {{ attendanceCode(eventId: $event) {{
    ... on AttendanceCode {{ code digits svg }} {ERROR} }} }}"""
CHECK_IN = f"""mutation ($code: String!, $key: UUID!) {{ checkIn(code: $code, idempotencyKey: $key) {{
    ... on Service {{ id status from }} {ERROR} }} }}"""
CHECK_OUT = f"""mutation ($code: String!, $key: UUID!) {{ checkOut(code: $code, idempotencyKey: $key) {{
    ... on Service {{ id status hours }} {ERROR} }} }}"""
CONFIRM = f"""mutation ($ids: [ID!]!, $key: UUID!) {{ confirmServices(ids: $ids, idempotencyKey: $key) {{
    ... on ConfirmedServices {{ services {{ id status hours participant {{ volunteerNumber callName }} }}
        refused {{ id error {{ errorCode }} }} }} {ERROR} }} }}"""


@pytest.fixture(scope="module")
def served(demo: tuple[str, Callable[..., str]], cities: dict[str, City]) -> dict[str, Served]:
    """Citizen 2 of every city signs up, checks in, serves three hours by the demo's clock and checks out."""
    with ThreadPoolExecutor(4) as walkers:
        begun = dict(zip(cities, walkers.map(check_in, cities.values()), strict=True))
        demo[1]("clock", "+3h")
        ended = walkers.map(lambda code: check_out(cities[code], begun[code]), cities)
        return dict(zip(cities, ended, strict=True))


def check_in(city: City) -> Served:
    with city.sign_in("citizen", ONE_SHORT) as phone:
        before = phone.ask(ME)
        programme = phone.ask(
            "query ($p: String!) { programme(code: $p) { consentTexts { purpose version } } }", p=city.code
        )
        version = next(text["version"] for text in programme["consentTexts"] if text["purpose"] == "volunteering")
        registered = phone.ask(REGISTER, programme=city.code, version=version, key=fresh_key())
        assert registered["confirmedHours"] == 0, registered
        listed = phone.ask(
            """query ($p: String!) { events(programme: $p, first: 1) {
                edges { node { id title free status } } } }""",
            p=city.code,
        )
        event = listed["edges"][0]["node"]
        assert event["free"] > 0
        signed_up = phone.ask(SIGN_UP, event=event["id"], key=fresh_key())
        assert signed_up["status"] == "SIGNED_UP", signed_up
        with city.organiser_of(event["id"]) as organiser:
            shown = organiser.ask(CODE, event=event["id"])
        assert read_picture(shown["svg"]) == shown["code"]
        service = phone.ask(CHECK_IN, code=shown["code"], key=fresh_key())
        assert service["status"] == "CHECKED_IN", service
        return Served(before, event["id"], event["title"], service)


def check_out(city: City, begun: Served) -> Served:
    with city.organiser_of(begun.event) as organiser:
        shown = organiser.ask(CODE, event=begun.event)
    with city.sign_in("citizen", ONE_SHORT) as phone:
        service = phone.ask(CHECK_OUT, code=shown["digits"], key=fresh_key())
    assert (service["status"], service["hours"]) == ("AWAITING_CONFIRMATION", 3.0), service
    return Served(begun.before, begun.event, begun.title, service)


def test_a_citizen_joins_and_every_point_is_explained(city: City) -> None:
    with city.sign_in("citizen", NOT_JOINED) as phone:
        stranger = phone.ask("{ me { id score { points } } }")
        assert stranger["score"] is None
        texts = phone.ask(
            "query ($p: String!) { programme(code: $p) { consentTexts { purpose version text digest } } }", p=city.code
        )["consentTexts"]
        wanted = [
            {"purpose": text["purpose"], "version": text["version"]} for text in texts if text["purpose"] != "household"
        ]
        key = fresh_key()
        enrol = f"""mutation ($p: String!, $c: [ConsentInput!]!, $key: UUID!) {{
            enrol(programme: $p, consents: $c, idempotencyKey: $key) {{
                ... on Citizen {{ id memberships {{ programme {{ code }} }} consents {{ purpose }} {SCORE} }}
                {ERROR} }} }}"""
        joined = phone.ask(enrol, p=city.code, c=wanted, key=key)
        assert joined["score"]["points"] == joined["score"]["ruleSet"]["basePoints"]
        assert {consent["purpose"] for consent in joined["consents"]} == {one["purpose"] for one in wanted}
        assert phone.ask(enrol, p=city.code, c=wanted, key=key) == joined
        left = phone.ask(
            f"""mutation ($key: UUID!) {{ withdraw(idempotencyKey: $key) {{
                ... on Withdrawal {{ erased kept }} {ERROR} }} }}""",
            key=fresh_key(),
        )
        assert left["erased"], left
        assert phone.ask("{ me { score { points } } }")["score"] is None


def test_r20_somebody_under_18_is_never_scored(city: City) -> None:
    with city.sign_in("citizen", MINOR) as phone:
        refused = phone.ask(
            f"""mutation ($p: String!, $key: UUID!) {{ enrol(programme: $p,
                consents: [{{ purpose: "score", version: 1 }}], idempotencyKey: $key) {{
                ... on Citizen {{ id }} {ERROR} }} }}""",
            p=city.code,
            key=fresh_key(),
        )
        assert refused["errorCode"] == "RULE_REFUSED"
        assert phone.ask("{ me { score { points } } }")["score"] is None


@pytest.mark.parametrize("index", [EVERYTHING, ONE_SHORT, CONTESTABLE, 6, 7])
def test_base_and_lines_add_up_to_the_points(city: City, index: int) -> None:
    with city.sign_in("citizen", index) as phone:
        score = phone.ask(ME)["score"]
    assert score["ruleSet"]["basePoints"] + sum(line["points"] for line in score["lines"]) == score["points"]
    assert all(line["reason"] for line in score["lines"])


def test_citizen_1_qualifies_for_whatever_season_and_window_allow(city: City) -> None:
    with city.sign_in("citizen", EVERYTHING) as phone:
        benefits = phone.ask(ME)["benefits"]
    assert {benefit["group"] for benefit in benefits} <= {"USABLE_NOW", "NOT_IN_SEASON"}


def test_citizen_3_has_a_demerit_that_can_be_contested(city: City) -> None:
    with city.sign_in("citizen", CONTESTABLE) as phone:
        lines = phone.ask(ME)["score"]["lines"]
    demerits = [line for line in lines if line["points"] < 0]
    assert [line["effect"] for line in demerits] == ["COUNTED"]
    assert demerits[0]["record"]["id"]


BASIS = {"PayRatio": 199, "AmountOff": 500, "QuantityFree": 2, "DepositWaiver": 10000}


def test_a_benefit_goes_from_the_phone_to_the_till_and_back(city: City) -> None:
    with city.sign_in("citizen", EVERYTHING) as phone:
        benefit = usable(phone.ask(ME)["benefits"])
        product = benefit["product"]
        basis = BASIS[product["shape"]["__typename"]]
        till, terminal = city.till_of(product["provider"]["id"])
        key = fresh_key()
        shown = phone.ask(PRESENT, product=product["id"], key=key)
        assert shown["status"] == "OPEN"
        assert read_picture(shown["svg"]) == shown["code"]
        assert phone.ask(PRESENT, product=product["id"], key=key)["code"] == shown["code"]
        with till:
            held = till.ask(PREVIEW, code=shown["code"], basis=basis, terminal=terminal)
            assert (held["allowed"], held["reason"], held["matchNumber"]) == (True, "OK", shown["matchNumber"]), held
            assert phone.ask(PRESENTATION, id=shown["id"])["status"] == "HELD"
            key = fresh_key()
            sold = till.ask(REDEEM, code=shown["code"], basis=basis, terminal=terminal, key=key)
            assert (sold["allowed"], sold["reason"], sold["relief"] + sold["holderPays"]) == (True, "OK", basis), sold
            assert till.ask(REDEEM, code=shown["code"], basis=basis, terminal=terminal, key=key) == sold
            again = till.ask(REDEEM, code=shown["code"], basis=basis, terminal=terminal, key=fresh_key())
            assert (again["allowed"], again["reason"]) == (False, "CODE_USED")
            other = till.ask(REDEEM, code=shown["code"], basis=basis + 1, terminal=terminal, key=key)
            assert other["errorCode"] == "IDEMPOTENCY_CONFLICT"
        seen = phone.ask(PRESENTATION, id=shown["id"])
        assert (seen["status"], seen["matchNumber"]) == ("REDEEMED", sold["matchNumber"])
        assert seen["redemption"]["receiptNumber"] == sold["redemption"]["receiptNumber"]
        mine = phone.ask(
            """{ me { redemptions { edges { node { receiptNumber relief product { id } } } }
                accessLog { edges { node { role } } } } }"""
        )
        assert sold["redemption"]["receiptNumber"] in {
            edge["node"]["receiptNumber"] for edge in mine["redemptions"]["edges"]
        }
        assert "cashier" in {edge["node"]["role"] for edge in mine["accessLog"]["edges"]}


def test_typed_digits_and_a_reversal_bring_everything_back(city: City) -> None:
    with city.sign_in("citizen", EVERYTHING) as phone:
        benefit = usable(phone.ask(ME)["benefits"])
        product, used = benefit["product"], benefit["allowance"]["used"]
        shown = phone.ask(PRESENT, product=product["id"], key=fresh_key())
        till, terminal = city.till_of(product["provider"]["id"])
        with till:
            assert (
                till.ask(REDEEM, code=shown["typedCode"], terminal=terminal, key=fresh_key())["errorCode"]
                == "BASIS_NEEDED"
            )
            negative = till.ask(REDEEM, code=shown["typedCode"], basis=-1, terminal=terminal, key=fresh_key())
            assert negative["errorCode"] == "INVALID_INPUT"
            basis = BASIS[product["shape"]["__typename"]]
            sold = till.ask(REDEEM, code=shown["typedCode"], basis=basis, terminal=terminal, key=fresh_key())
            assert sold["allowed"], sold
            reversed_sale = till.ask(
                f"""mutation ($id: ID!, $key: UUID!) {{ reverseRedemption(
                    redemptionId: $id, reason: "typed for the wrong customer", idempotencyKey: $key) {{
                    ... on DeskRedemption {{ status }} {ERROR} }} }}""",
                id=sold["redemption"]["id"],
                key=fresh_key(),
            )
            assert reversed_sale["status"] == "REVERSED", reversed_sale
        after = next(one for one in phone.ask(ME)["benefits"] if one["product"]["id"] == product["id"])
        assert after["allowance"]["used"] == used


def test_a_wrong_code_tells_nothing(city: City) -> None:
    with city.sign_in("cashier") as till:
        terminal = till.ask("{ desk { terminals { id } } }")["terminals"][0]["id"]
        unknown = till.ask(REDEEM, code="CB1:" + "0" * 26, basis=100, terminal=terminal, key=fresh_key())
    assert (unknown["allowed"], unknown["reason"], unknown["product"]) == (False, "NOT_VALID", None)


def test_three_confirmed_hours_open_the_product(city: City, served: dict[str, Served]) -> None:
    given = served[city.code]
    with city.organiser_of(given.event) as organiser:
        desk = organiser.ask(
            """{ organiser { awaitingConfirmation { edges { node {
                id hours enteredBy signals participant { volunteerNumber callName } } } } } }"""
        )
        awaiting = [edge["node"] for edge in desk["awaitingConfirmation"]["edges"]]
        assert [(one["hours"], one["enteredBy"]) for one in awaiting] == [(3.0, "CODE")]
        answer = organiser.ask(CONFIRM, ids=[awaiting[0]["id"]], key=fresh_key())
    assert answer.get("refused") == [], answer
    assert [(one["status"], one["hours"], one["participant"]["callName"]) for one in answer["services"]] == [
        ("CONFIRMED", 3.0, "Little Sea")
    ]
    with city.sign_in("citizen", ONE_SHORT) as phone:
        after = phone.ask(ME)
        log = phone.ask("{ volunteer { confirmedHours log { edges { node { status points hours } } } } }")
    assert log["confirmedHours"] == 3.0
    new = {line["id"] for line in after["score"]["lines"]} - {line["id"] for line in given.before["score"]["lines"]}
    lines = [line for line in after["score"]["lines"] if line["id"] in new]
    assert len(lines) == 1
    assert given.title in lines[0]["reason"]
    gained = after["score"]["points"] - given.before["score"]["points"]
    assert lines[0]["points"] == gained >= 1
    assert [edge["node"]["points"] for edge in log["log"]["edges"]] == [gained]
    opened = qualified(after) - qualified(given.before)
    assert opened != set()
    assert qualified(given.before) <= qualified(after)


def test_an_officer_looks_up_by_presence_code_and_the_citizen_sees_it(city: City) -> None:
    look_up = f"""mutation ($value: String!, $key: UUID!) {{ lookUpCitizen(
        by: PRESENCE_CODE, value: $value, purpose: ASSISTED_SERVICE, idempotencyKey: $key) {{
        ... on CitizenFile {{ reference displayName score {{ points }} }} {ERROR} }} }}"""
    with city.sign_in("citizen", EVERYTHING) as phone, city.sign_in("officer") as officer:
        shown = phone.ask(
            f"""mutation ($key: UUID!) {{ presenceCode(idempotencyKey: $key) {{
                ... on PresenceCode {{ code svg }} {ERROR} }} }}""",
            key=fresh_key(),
        )
        file = officer.ask(look_up, value=shown["code"], key=fresh_key())
        assert file["displayName"], file
        assert officer.ask(look_up, value=shown["code"], key=fresh_key())["errorCode"] == "NOT_FOUND"
        log = phone.ask("{ me { accessLog(first: 1) { edges { node { role purpose what actor } } } } }")["accessLog"]
    assert (log["edges"][0]["node"]["role"], log["edges"][0]["node"]["purpose"]) == ("officer", "ASSISTED_SERVICE")


def usable(benefits: list[Any]) -> Any:
    """A benefit that can be taken at the counter now, of a shape that the counter computes."""
    return next(
        benefit
        for benefit in benefits
        if benefit["group"] == "USABLE_NOW"
        and benefit["product"]["redeemedBy"] == "COUNTER"
        and benefit["product"]["shape"]["__typename"] in BASIS
    )


def qualified(me: Any) -> set[str]:
    return {benefit["product"]["id"] for benefit in me["benefits"] if benefit["decision"]["qualified"]}
