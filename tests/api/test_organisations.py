"""Organisations from their application on: signing, admission, staff, tills, suspension, the public list."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from api.database import Database, WorkerDatabase
from domain.actor import ANONYMOUS, Caller, Role
from domain.errors import DomainError, NotAllowed, TerminalBlocked
from domain.people.actions import Identity, Wish, sign_in
from domain.people.queries import Ticket
from tests.api.city import CODE, City

FAULT = "... on UserError { errorCode message inputField }"
ORGANISATION = "... on Organisation { id name kind status commitment { version signedOn digest text } }"
APPLY = f"""mutation ($name: String!, $key: UUID!) {{ applyAsOrganisation(programme: "{CODE}", kind: MERCHANT,
    name: $name, registrationNumber: "91371082MA3TEST00X", address: "1 New Road", idempotencyKey: $key) {{
    {ORGANISATION} {FAULT} }} }}"""
SIGN = f"""mutation ($version: Int!, $digest: String!, $key: UUID!) {{
    signCommitment(version: $version, digest: $digest, idempotencyKey: $key) {{ {ORGANISATION} {FAULT} }} }}"""
ADMIT = f"""mutation ($id: ID!, $key: UUID!) {{
    admitOrganisation(id: $id, idempotencyKey: $key) {{ {ORGANISATION} {FAULT} }} }}"""
SUSPEND = f"""mutation ($id: ID!, $reason: String!, $key: UUID!) {{
    suspendOrganisation(id: $id, reason: $reason, idempotencyKey: $key) {{ {ORGANISATION} {FAULT} }} }}"""
RESUME = f"""mutation ($id: ID!, $key: UUID!) {{
    resumeOrganisation(id: $id, idempotencyKey: $key) {{ {ORGANISATION} {FAULT} }} }}"""
MEMBER = "... on StaffMember { id displayName role blocked invited invitationCode }"
INVITE = f"""mutation ($role: String!, $contact: String!, $key: UUID!) {{
    inviteStaff(role: $role, contact: $contact, idempotencyKey: $key) {{ {MEMBER} {FAULT} }} }}"""
BLOCK = f"mutation ($id: ID!, $key: UUID!) {{ blockStaff(id: $id, idempotencyKey: $key) {{ {MEMBER} {FAULT} }} }}"
TERMINAL = "... on Terminal { id name pairingCode blocked }"
REGISTER = f"""mutation ($name: String!, $key: UUID!) {{
    registerTerminal(name: $name, idempotencyKey: $key) {{ {TERMINAL} {FAULT} }} }}"""
END = f"mutation ($id: ID!, $key: UUID!) {{ blockTerminal(id: $id, idempotencyKey: $key) {{ {TERMINAL} {FAULT} }} }}"
STAFF = "{ desk { staff { id displayName role blocked invited invitationCode } terminals { id name pairingCode } } }"
TEXT = f'{{ programme(code: "{CODE}") {{ commitmentText {{ version digest text }} }} }}'


@pytest.fixture(scope="module")
async def city(database: Database, worker: WorkerDatabase) -> City:
    return await City(database, worker).seeded()


async def does(city: City, caller: Caller, document: str, **values: Any) -> Any:
    async with city.client(caller) as client:
        return await client.ask(document, **{"key": str(uuid4()), **values})


async def arrives(city: City, role: Role, subject: str, **wish: Any) -> Caller:
    """Somebody signs in, as their issuer names them."""
    at = datetime.now(UTC)
    ticket = Ticket(session_id=uuid4(), secret_hash=uuid4().bytes, at=at, expires_at=at + timedelta(minutes=1))
    async with city.database.transaction(Caller(role=Role.ANONYMOUS, programme=CODE)) as unit:
        return await sign_in(
            unit.session,
            unit.actor,
            unit.now,
            identity=Identity(issuer="test", subject=subject, name="新店员"),
            wish=Wish(role=role, programme=CODE, **wish),
            ticket=ticket,
        )


async def applied(city: City, name: str) -> tuple[dict[str, Any], Caller]:
    """A shop that has just applied, and its manager."""
    citizen = await arrives(city, Role.CITIZEN, str(uuid4()))
    organisation = await does(city, citizen, APPLY, name=name)
    async with city.worker.reading(ANONYMOUS) as unit:
        rows = await unit.session.connection()
        found = await rows.exec_driver_sql(
            f"SELECT organisation_id FROM staff WHERE person_id = {citizen.person_id} AND role = 'manager'"
        )
        number = found.scalar_one()
    return organisation, Caller(role=Role.MANAGER, person_id=citizen.person_id, programme=CODE, organisation_id=number)


async def signed(city: City, manager: Caller) -> Any:
    async with city.client() as public:
        text = (await public.ask(TEXT))["commitmentText"]
    return await does(city, manager, SIGN, version=text["version"], digest=text["digest"])


async def enters(city: City, caller: Caller) -> None:
    async with city.database.reading(caller):
        pass


async def test_whoever_applies_becomes_the_manager_and_the_office_sees_the_application(city: City) -> None:
    organisation, manager = await applied(city, "新店")
    assert organisation == {
        "id": organisation["id"],
        "name": "新店",
        "kind": "MERCHANT",
        "status": "APPLIED",
        "commitment": None,
    }
    async with city.client(await city.caller(Role.OFFICER)) as office:
        waiting = await office.ask("{ office { applications { id name status } } }")
    assert {"id": organisation["id"], "name": "新店", "status": "APPLIED"} in waiting["applications"]
    async with city.client(manager) as desk:
        staff = (await desk.ask(STAFF))["staff"]
    assert [(one["displayName"], one["role"], one["blocked"]) for one in staff] == [("新店员", "manager", False)]


async def test_an_application_without_a_name_is_refused(city: City) -> None:
    refusal = await does(city, await city.caller(Role.CITIZEN), APPLY, name="  ")
    assert (refusal["errorCode"], refusal["inputField"]) == ("INVALID_INPUT", "name")


async def test_a_shop_is_admitted_only_when_it_has_signed_exactly_the_text_in_force(city: City) -> None:
    organisation, manager = await applied(city, "签约店")
    officer = await city.caller(Role.OFFICER)
    early = await does(city, officer, ADMIT, id=organisation["id"])
    assert early["errorCode"] == "TOO_EARLY"
    async with city.client() as public:
        text = (await public.ask(TEXT))["commitmentText"]
    other = await does(city, manager, SIGN, version=text["version"] + 1, digest=text["digest"])
    assert (other["errorCode"], other["inputField"]) == ("INVALID_INPUT", "version")
    forged = await does(city, manager, SIGN, version=text["version"], digest="0" * 64)
    assert (forged["errorCode"], forged["inputField"]) == ("INVALID_INPUT", "digest")
    assert (await signed(city, manager))["commitment"] == {
        "version": text["version"],
        "digest": text["digest"],
        "text": text["text"],
        "signedOn": (datetime.now(UTC) + timedelta(hours=8)).date().isoformat(),
    }
    assert (await signed(city, manager))["errorCode"] == "ALREADY_DECIDED"
    assert (await does(city, officer, ADMIT, id=organisation["id"]))["status"] == "ADMITTED"
    assert (await does(city, officer, ADMIT, id=organisation["id"]))["errorCode"] == "ALREADY_DECIDED"


async def test_a_cashier_of_a_shop_that_only_applies_may_do_nothing(city: City) -> None:
    _, manager = await applied(city, "未批店")
    invited = await does(city, manager, INVITE, role="cashier", contact="13800000001")
    till = await does(city, manager, REGISTER, name="收银 1")
    cashier = await arrives(
        city,
        Role.CASHIER,
        str(uuid4()),
        invitation_code=invited["invitationCode"],
        pairing_code=till["pairingCode"],
    )
    with pytest.raises(NotAllowed):
        await enters(city, cashier)
    await enters(city, manager)


async def test_an_invitation_is_taken_up_once_when_signing_in(city: City) -> None:
    manager = await city.caller(Role.MANAGER)
    invited = await does(city, manager, INVITE, role="cashier", contact="new.cashier@shop.example")
    assert (invited["displayName"], invited["blocked"], invited["invited"]) == ("new***le", True, True)
    till = await does(city, manager, REGISTER, name="新收银台")
    code = invited["invitationCode"].lower().replace("-", " ")
    subject = str(uuid4())
    cashier = await arrives(city, Role.CASHIER, subject, invitation_code=code, pairing_code=till["pairingCode"])
    assert cashier.organisation_id == manager.organisation_id
    await enters(city, cashier)
    async with city.client(manager) as desk:
        staff = {one["displayName"]: one for one in (await desk.ask(STAFF))["staff"]}
    assert (staff["新店员"]["blocked"], staff["新店员"]["invited"]) == (False, False)
    assert "new***le" not in staff
    with pytest.raises(NotAllowed):
        await arrives(city, Role.CASHIER, str(uuid4()), invitation_code=code, pairing_code=till["pairingCode"])
    async with city.client(cashier) as desk:
        assert [one["role"] for one in (await desk.ask(STAFF))["staff"]] == ["cashier"]


async def test_an_invitation_is_for_its_own_role_only_and_can_be_taken_back(city: City) -> None:
    manager = await city.caller(Role.MANAGER)
    invited = await does(city, manager, INVITE, role="cashier", contact="13900000002")
    with pytest.raises(NotAllowed):
        await arrives(city, Role.MANAGER, str(uuid4()), invitation_code=invited["invitationCode"])
    gone = await does(city, manager, BLOCK, id=invited["id"])
    assert (gone["blocked"], gone["invited"]) == (True, False)
    with pytest.raises(NotAllowed):
        await arrives(city, Role.CASHIER, str(uuid4()), invitation_code=invited["invitationCode"])


@pytest.mark.parametrize(
    ("role", "contact", "field"), [("organiser", "13900000003", "role"), ("cashier", " ", "contact")]
)
async def test_a_shop_fills_no_post_that_it_does_not_have(city: City, role: str, contact: str, field: str) -> None:
    refusal = await does(city, await city.caller(Role.MANAGER), INVITE, role=role, contact=contact)
    assert (refusal["errorCode"], refusal["inputField"]) == ("INVALID_INPUT", field)


async def test_the_same_key_shows_the_same_code_again(city: City) -> None:
    manager, key = await city.caller(Role.MANAGER), str(uuid4())
    first = await does(city, manager, REGISTER, name="重试台", key=key)
    assert await does(city, manager, REGISTER, name="重试台", key=key) == first
    renewed = await does(city, manager, REGISTER, name="重试台")
    assert renewed["id"] == first["id"]
    assert renewed["pairingCode"] != first["pairingCode"]


async def test_whoever_is_blocked_can_do_nothing_from_the_next_transaction_on(city: City) -> None:
    manager = await city.caller(Role.MANAGER)
    invited = await does(city, manager, INVITE, role="manager", contact="13900000004")
    colleague = await arrives(city, Role.MANAGER, str(uuid4()), invitation_code=invited["invitationCode"])
    await enters(city, colleague)
    blocked = await does(city, manager, BLOCK, id=invited["id"])
    assert (blocked["displayName"], blocked["blocked"]) == ("新店员", True)
    with pytest.raises(NotAllowed):
        await enters(city, colleague)


async def test_a_manager_cannot_block_themselves(city: City) -> None:
    _, manager = await applied(city, "独店")
    async with city.client(manager) as desk:
        own = (await desk.ask(STAFF))["staff"][0]["id"]
    assert (await does(city, manager, BLOCK, id=own))["errorCode"] == "SAME_PERSON"
    await enters(city, manager)


async def test_staff_and_tills_of_another_shop_are_not_there(city: City) -> None:
    _, manager = await applied(city, "别家店")
    async with city.client(await city.caller(Role.MANAGER)) as desk:
        theirs = await desk.ask(STAFF)
    assert (await does(city, manager, BLOCK, id=theirs["staff"][0]["id"]))["errorCode"] == "NOT_FOUND"
    assert (await does(city, manager, END, id=theirs["terminals"][0]["id"]))["errorCode"] == "NOT_FOUND"


async def test_a_blocked_till_is_dead_at_once_and_gives_its_name_to_no_other(city: City) -> None:
    manager = await city.caller(Role.MANAGER)
    invited = await does(city, manager, INVITE, role="cashier", contact="13900000005")
    till = await does(city, manager, REGISTER, name="失窃台")
    cashier = await arrives(
        city, Role.CASHIER, str(uuid4()), invitation_code=invited["invitationCode"], pairing_code=till["pairingCode"]
    )
    await enters(city, cashier)
    assert (await does(city, manager, END, id=till["id"]))["blocked"] is True
    with pytest.raises(TerminalBlocked):
        await enters(city, cashier)
    assert (await does(city, manager, REGISTER, name="失窃台"))["errorCode"] == "ALREADY_DECIDED"


async def test_a_suspended_shop_reads_why_is_not_listed_and_comes_back(city: City) -> None:
    organisation, manager = await applied(city, "停业店")
    officer = await city.caller(Role.OFFICER)
    await signed(city, manager)
    await does(city, officer, ADMIT, id=organisation["id"])
    assert (await does(city, officer, RESUME, id=organisation["id"]))["errorCode"] == "ALREADY_DECIDED"
    empty = await does(city, officer, SUSPEND, id=organisation["id"], reason=" ")
    assert (empty["errorCode"], empty["inputField"]) == ("INVALID_INPUT", "reason")
    assert (await does(city, officer, SUSPEND, id=organisation["id"], reason="Prices were raised."))[
        "status"
    ] == "SUSPENDED"
    with pytest.raises(DomainError) as refused:
        await enters(city, manager)
    assert "Prices were raised." in refused.value.message.en
    assert (await does(city, officer, RESUME, id=organisation["id"]))["status"] == "ADMITTED"
    await enters(city, manager)


async def test_the_public_list_names_shops_that_have_signed_with_what_they_signed(city: City) -> None:
    shops = "edges { node { id commitment { version digest } } }"
    document = f'{{ merchants(programme: "{CODE}", first: 100) {{ {shops} }} }}'
    async with city.client() as public:
        text = (await public.ask(TEXT))["commitmentText"]
        shown = [edge["node"] for edge in (await public.ask(document))["edges"]]
    assert shown
    assert {(one["commitment"]["version"], one["commitment"]["digest"]) for one in shown} == {
        (text["version"], text["digest"])
    }
    async with city.worker.transaction(ANONYMOUS) as unit:
        connection = await unit.session.connection()
        await connection.exec_driver_sql("UPDATE organisation SET status = 'SUSPENDED' WHERE kind = 'UTILITY'")
    async with city.client() as public:
        fewer = [edge["node"]["id"] for edge in (await public.ask(document))["edges"]]
    assert 0 < len(fewer) < len(shown)
