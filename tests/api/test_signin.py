"""Signing in over HTTP, against the demo provider at the wire: every way there and back."""

import asyncio

import pytest
from signin_city import (
    APP,
    PROGRAMME,
    City,
    arrive,
    assert_refused,
    exchange,
    query,
    to_callback,
    tokens,
    wish,
)

from api.database import Database, WorkerDatabase
from api.issuer import Fault
from api.provider import ProviderAccount
from api.signin import CALLBACK_PATH
from api.tokens import read_access_token
from domain.actor import Role
from domain.vault import Vault


@pytest.fixture
async def city(database: Database, worker: WorkerDatabase) -> City:
    return await City(database, worker).founded()


async def test_a_citizen_signs_in_and_gets_tokens_that_this_service_believes(city: City) -> None:
    answer = await tokens(city, city.invent())
    assert set(answer) == {"access_token", "token_type", "expires_in", "refresh_token", "role", "programme"}
    assert (answer["token_type"], answer["expires_in"], answer["role"]) == ("Bearer", 900, "citizen")
    read = read_access_token(city.keyring, answer["access_token"], city.clock())
    session = await city.session_of(answer["refresh_token"])
    assert read.session_id == session.id
    assert (read.caller.person_id, read.caller.role, read.caller.programme) == (
        session.person_id, Role.CITIZEN, PROGRAMME,
    )  # fmt: skip
    async with city.browser() as browser:
        assert (await browser.get("/.well-known/jwks.json")).json() == city.keyring.jwks()


async def test_the_app_is_sent_back_to_its_registered_address_with_its_own_state(city: City) -> None:
    arrived = await arrive(city, city.invent(), redirect_uri=APP, state="app & state")
    assert arrived.status_code == 303
    address, answer = arrived.headers["location"].split("?")[0], query(arrived.headers["location"])
    assert (address, set(answer), answer["state"]) == (APP, {"code", "state"}, "app & state")
    assert (await exchange(city, answer["code"])).status_code == 200


async def test_what_the_issuer_says_is_sealed_and_kept_under_one_key(city: City, vault: Vault) -> None:
    account = city.invent()
    await tokens(city, account)
    city.accounts[:] = [ProviderAccount(subject=account.subject, name="李小明", birthdate=None, identity_ref="",
                                        label="x")]  # fmt: skip
    await tokens(city, account)
    found = await city.sql(
        "SELECT * FROM person AS p JOIN person_key AS k ON k.person_id = p.id WHERE p.subject = :subject",
        subject=account.subject,
    )
    person = found.one()
    assert vault.open(person.wrapped_key, "name", person.sealed_name) == "李小明"
    assert vault.open(person.wrapped_key, "birth_date", person.sealed_birth_date) == "1990-05-17"
    assert vault.open(person.wrapped_key, "identity_ref", person.sealed_identity_ref) == account.identity_ref
    assert person.identity_digest == vault.digest("identity", account.identity_ref)


async def test_first_sign_ins_at_the_same_moment_make_one_person(city: City) -> None:
    account = city.invent()
    answers = await asyncio.gather(*(tokens(city, account) for _ in range(4)))
    people = {(await city.session_of(answer["refresh_token"])).person_id for answer in answers}
    assert len(people) == 1


# On the way to the issuer and back.


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"redirect_uri": "https://evil.example/"}, Fault.BAD_REDIRECT),
        ({"redirect_uri": APP + "/x"}, Fault.BAD_REDIRECT),
        ({"redirect_uri": ""}, Fault.BAD_REDIRECT),
        ({"code_challenge": None}, Fault.NO_PKCE),
        ({"code_challenge": "short"}, Fault.NO_PKCE),
        ({"code_challenge_method": "plain"}, Fault.NO_PKCE),
        ({"code_challenge_method": None}, Fault.NO_PKCE),
        ({"role": "anonymous"}, Fault.UNKNOWN_ROLE),
        ({"role": "worker"}, Fault.UNKNOWN_ROLE),
        ({"role": None}, Fault.UNKNOWN_ROLE),
        ({"programme": None}, Fault.BAD_REQUEST),
        ({"programme": "a\x00b"}, Fault.BAD_REQUEST),
        ({"state": "x" * 501}, Fault.BAD_REQUEST),
    ],
)
async def test_a_request_that_is_not_in_order_never_reaches_the_issuer(
    city: City, changes: dict[str, str | None], fault: Fault
) -> None:
    async with city.browser() as browser:
        assert_refused(await browser.get("/signin", params=wish(**changes)), fault)


async def test_a_repeated_parameter_is_refused(city: City) -> None:
    async with city.browser() as browser:
        doubled = [*wish().items(), ("role", "officer")]
        assert_refused(await browser.get("/signin", params=doubled), Fault.BAD_REQUEST)


async def test_the_cookie_of_a_sign_in_is_short_lived_and_out_of_reach_of_scripts(city: City) -> None:
    async with city.browser() as browser:
        begun = await browser.get("/signin", params=wish())
    cookie = begun.headers["set-cookie"].lower()
    for part in ("httponly", "secure", "samesite=lax", "path=/signin", "max-age=600"):
        assert part in cookie


@pytest.mark.parametrize("state", ["", "wrong", "é", None])
async def test_an_answer_with_another_state_is_refused_and_the_right_one_still_works(
    city: City, state: str | None
) -> None:
    async with city.browser() as browser:
        address = await to_callback(browser, city.invent())
        answer = {**query(address), "state": state}
        wrong = {name: value for name, value in answer.items() if value is not None}
        assert_refused(await browser.get(CALLBACK_PATH, params=wrong), Fault.STATE_MISMATCH)
        assert (await browser.get(address)).status_code == 200


async def test_an_answer_in_another_browser_is_refused(city: City) -> None:
    async with city.browser() as browser, city.browser() as other:
        address = await to_callback(browser, city.invent())
        assert_refused(await other.get(address), Fault.STATE_MISMATCH)


async def test_an_answer_works_once(city: City) -> None:
    async with city.browser() as browser:
        address = await to_callback(browser, city.invent())
        cookies = dict(browser.cookies)
        assert (await browser.get(address)).status_code == 200
        assert_refused(await browser.get(address), Fault.STATE_MISMATCH)
    async with city.browser() as thief:
        thief.cookies.update(cookies)
        assert_refused(await thief.get(address), Fault.CODE_REFUSED, 403)


async def test_an_answer_that_comes_too_late_is_refused(city: City) -> None:
    async with city.browser() as browser:
        address = await to_callback(browser, city.invent())
        city.clock.ahead = 60
        assert_refused(await browser.get(address), Fault.CODE_REFUSED, 403)


async def test_a_code_of_another_sign_in_is_refused(city: City) -> None:
    async with city.browser() as browser, city.browser() as other:
        mine, theirs = await to_callback(browser, city.invent()), await to_callback(other, city.invent())
        injected = {**query(mine), "code": query(theirs)["code"]}
        assert_refused(await browser.get(CALLBACK_PATH, params=injected), Fault.CODE_REFUSED, 403)


async def test_an_identity_token_with_another_nonce_is_refused(city: City) -> None:
    async with city.browser() as browser:
        address = await to_callback(browser, city.invent(), {"nonce": "somebody else's"})
        assert_refused(await browser.get(address), Fault.NONCE_MISMATCH, 403)


async def test_an_answer_of_another_issuer_is_refused(city: City) -> None:
    async with city.browser() as browser:
        address = await to_callback(browser, city.invent())
        assert_refused(await browser.get(address + "&iss=https://evil.example"), Fault.OTHER_ISSUER)


async def test_who_declines_at_the_issuer_is_sent_back_to_the_app_with_a_reason(city: City) -> None:
    async with city.browser() as browser:
        begun = await browser.get("/signin", params=wish(redirect_uri=APP, state="s"))
        state = query(begun.headers["location"])["state"]
        back = await browser.get(CALLBACK_PATH, params={"state": state, "error": "access_denied"})
    assert query(back.headers["location"]) == {
        "error": "access_denied",
        "error_description": Fault.DENIED.description,
        "state": "s",
    }
