"""What follows a sign-in: one-time codes, refreshing, signing out, and roles that must really be held."""

import asyncio
from typing import Any

import pytest
from signin_city import (
    PROGRAMME,
    City,
    arrive,
    assert_refused,
    exchange,
    refresh,
    tokens,
)

from api.database import Database, WorkerDatabase
from api.issuer import Fault
from api.tokens import parse_opaque_token, verify_access_token
from domain.actor import STAFF_ROLES, Caller, Role
from domain.people.actions import pairing_mac
from domain.vault import Vault

DAY_S = 24 * 3600


@pytest.fixture
async def city(database: Database, worker: WorkerDatabase) -> City:
    return await City(database, worker).founded()


async def code_of(city: City, **wished: str) -> str:
    return str((await arrive(city, city.invent(), **wished)).json()["code"])


async def ended(city: City, token: str) -> str | None:
    """Why the session of a code or token has ended."""
    session = await city.session_of(token)
    assert (session.ended_at is None) == (session.ended_reason is None)
    return session.ended_reason


# The one-time code.


async def test_a_one_time_code_works_once_and_its_replay_ends_the_session(city: City) -> None:
    code = await code_of(city)
    first = (await exchange(city, code)).json()
    assert_refused(await exchange(city, code), Fault.BAD_GRANT)
    assert await ended(city, code) == "REUSED"
    assert_refused(await refresh(city, first["refresh_token"]), Fault.BAD_GRANT)


async def test_a_code_with_another_verifier_is_refused_and_there_is_no_second_guess(city: City) -> None:
    code = await code_of(city)
    assert_refused(await exchange(city, code, "w" * 43), Fault.BAD_GRANT)
    assert_refused(await exchange(city, code), Fault.BAD_GRANT)
    assert await ended(city, code) == "REUSED"


@pytest.mark.parametrize("verifier", ["", "v" * 42, "v" * 129, "v" * 42 + "é", "v" * 43 + "\n"])
async def test_a_malformed_verifier_is_refused_before_the_code_is_touched(city: City, verifier: str) -> None:
    code = await code_of(city)
    assert_refused(await exchange(city, code, verifier), Fault.BAD_GRANT)
    assert (await exchange(city, code)).status_code == 200


async def test_a_code_lives_for_a_minute(city: City) -> None:
    early, late = await code_of(city), await code_of(city)
    city.clock.ahead = 55
    assert (await exchange(city, early)).status_code == 200
    city.clock.ahead = 61
    assert_refused(await exchange(city, late), Fault.BAD_GRANT)


async def test_a_code_is_no_refresh_token_and_a_refresh_token_no_code(city: City) -> None:
    assert_refused(await refresh(city, await code_of(city)), Fault.BAD_GRANT)
    answer = await tokens(city, city.invent())
    assert_refused(await exchange(city, answer["refresh_token"]), Fault.BAD_GRANT)


# Refreshing.


async def test_each_refresh_gives_new_tokens_of_the_same_session(city: City) -> None:
    first = await tokens(city, city.invent())
    second = (await refresh(city, first["refresh_token"])).json()
    third = (await refresh(city, second["refresh_token"])).json()
    assert len({first["refresh_token"], second["refresh_token"], third["refresh_token"]}) == 3
    callers = {verify_access_token(city.keyring, answer["access_token"], city.clock()) for answer in (first, third)}
    assert len(callers) == 1
    assert await ended(city, third["refresh_token"]) is None


async def test_a_used_refresh_token_ends_the_session_for_its_thief_and_its_owner(city: City) -> None:
    first = await tokens(city, city.invent())
    second = (await refresh(city, first["refresh_token"])).json()
    assert_refused(await refresh(city, first["refresh_token"]), Fault.BAD_GRANT)
    assert_refused(await refresh(city, second["refresh_token"]), Fault.BAD_GRANT)
    assert await ended(city, first["refresh_token"]) == "REUSED"


async def test_the_end_of_a_session_ends_no_other_session_of_the_person(city: City) -> None:
    account = city.invent()
    phone, tablet = await tokens(city, account), await tokens(city, account)
    await refresh(city, phone["refresh_token"])
    await refresh(city, phone["refresh_token"])
    assert (await refresh(city, tablet["refresh_token"])).status_code == 200


async def test_of_many_refreshes_at_once_one_wins_and_the_session_ends(city: City) -> None:
    answer = await tokens(city, city.invent())
    replies = await asyncio.gather(*(refresh(city, answer["refresh_token"]) for _ in range(6)))
    assert sorted(reply.status_code for reply in replies) == [200, 400, 400, 400, 400, 400]
    assert await ended(city, answer["refresh_token"]) == "REUSED"


async def test_a_session_ends_thirty_days_after_signing_in_however_often_it_is_refreshed(city: City) -> None:
    answer = await tokens(city, city.invent())
    city.clock.ahead = 30 * DAY_S - 60
    answer = (await refresh(city, answer["refresh_token"])).json()
    city.clock.ahead = 30 * DAY_S + 60
    assert_refused(await refresh(city, answer["refresh_token"]), Fault.BAD_GRANT)


async def test_only_digests_of_secrets_are_stored(city: City) -> None:
    answer = await tokens(city, city.invent())
    opaque = parse_opaque_token(answer["refresh_token"])
    assert opaque is not None
    session = await city.session_of(answer["refresh_token"])
    assert session.secret_hash == opaque.refresh_digest()
    assert opaque.secret not in str(session)


@pytest.mark.parametrize("token", ["", "x", "00000000000070008000000000000000." + "A" * 43, "\x00", "é" * 76])
async def test_a_token_that_is_not_ours_is_refused(city: City, token: str) -> None:
    assert_refused(await refresh(city, token), Fault.BAD_GRANT)


# The form.


@pytest.mark.parametrize("grant_type", ["", "password", "client_credentials", "implicit"])
async def test_no_other_grant_is_known(city: City, grant_type: str) -> None:
    async with city.browser() as app:
        assert_refused(await app.post("/signin/token", data={"grant_type": grant_type}), Fault.UNKNOWN_GRANT)


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b'{"grant_type": "refresh_token"}', "application/json"),
        (b"grant_type=refresh_token", "text/plain"),
        (b"grant_type=refresh_token&grant_type=refresh_token", "application/x-www-form-urlencoded"),
        (b"grant_type=%ff", "application/x-www-form-urlencoded"),
        (b"\xff", "application/x-www-form-urlencoded"),
        (b"a=" + b"x" * 9000, "application/x-www-form-urlencoded"),
        (b"a=" + b"x" * 3000, "application/x-www-form-urlencoded"),
        (b"&".join(b"a%d=1" % n for n in range(30)), "application/x-www-form-urlencoded"),
    ],
)
@pytest.mark.parametrize("path", ["/signin/token", "/signin/logout"])
async def test_a_form_that_is_none_is_refused(city: City, path: str, content: bytes, content_type: str) -> None:
    async with city.browser() as app:
        posted = await app.post(path, content=content, headers={"Content-Type": content_type})
    assert_refused(posted, Fault.BAD_REQUEST)


async def test_tokens_are_never_given_to_a_get(city: City) -> None:
    async with city.browser() as app:
        for path in ("/signin/token", "/signin/logout"):
            assert (await app.get(path)).status_code == 405


# Signing out.


async def logout(city: City, token: str) -> Any:
    async with city.browser() as app:
        answer = await app.post("/signin/logout", data={"refresh_token": token})
    return answer.status_code, answer.json()


async def test_signing_out_ends_the_session_and_may_be_repeated(city: City) -> None:
    answer = await tokens(city, city.invent())
    assert await logout(city, answer["refresh_token"]) == (200, {})
    assert await logout(city, answer["refresh_token"]) == (200, {})
    assert await ended(city, answer["refresh_token"]) == "SIGNED_OUT"
    assert_refused(await refresh(city, answer["refresh_token"]), Fault.BAD_GRANT)


@pytest.mark.parametrize("token", ["", "nonsense", "00000000000070008000000000000000." + "A" * 43])
async def test_signing_out_of_nothing_answers_alike(city: City, token: str) -> None:
    assert await logout(city, token) == (200, {})


# Roles.


async def caller_of(city: City, answer: dict[str, Any]) -> Caller:
    return verify_access_token(city.keyring, answer["access_token"], city.clock())


@pytest.mark.parametrize("role", sorted(STAFF_ROLES))
async def test_a_role_of_the_office_or_a_shop_needs_a_row_of_our_own(city: City, role: Role) -> None:
    arrived = await arrive(city, city.invent(), role=role.value)
    assert (arrived.status_code, arrived.json()["error"]) == (403, "access_denied")


async def test_nothing_remains_of_a_refused_first_sign_in(city: City) -> None:
    account = city.invent()
    await arrive(city, account, role="officer")
    found = await city.sql("SELECT id FROM person WHERE subject = :subject", subject=account.subject)
    assert found.all() == []


@pytest.mark.parametrize("role", sorted(STAFF_ROLES - {Role.CASHIER}))
async def test_whoever_holds_a_role_signs_in_with_it_and_its_organisation(city: City, role: Role) -> None:
    account = city.invent()
    organisation_id = await city.employ(account, role)
    caller = await caller_of(city, await tokens(city, account, role=role.value))
    assert (caller.role, caller.organisation_id, caller.terminal_id) == (role, organisation_id, None)


async def test_a_role_in_one_programme_is_none_in_another(city: City) -> None:
    account = city.invent()
    await city.employ(account, Role.OFFICER)
    await city.sql("INSERT INTO programme (code, content) VALUES ('other', '{}') ON CONFLICT DO NOTHING")
    arrived = await arrive(city, account, role="officer", programme="other")
    assert (arrived.status_code, arrived.json()["error"]) == (403, "access_denied")


async def test_an_unknown_programme_is_refused(city: City) -> None:
    arrived = await arrive(city, city.invent(), programme="nowhere")
    assert arrived.status_code == 403
    assert arrived.json()["error_description"] == "There is no such programme. Please sign in again."


async def test_a_blocked_role_neither_signs_in_nor_refreshes(city: City) -> None:
    account = city.invent()
    await city.employ(account, Role.OFFICER)
    answer = await tokens(city, account, role="officer")
    await city.sql("UPDATE staff SET blocked_at = created_at FROM person AS p WHERE p.id = person_id AND "
                   "p.subject = :subject", subject=account.subject)  # fmt: skip
    assert (await arrive(city, account, role="officer")).status_code == 403
    assert_refused(await refresh(city, answer["refresh_token"]), Fault.BAD_GRANT)
    assert await ended(city, answer["refresh_token"]) == "ROLE_LOST"
    assert (await tokens(city, account, role="citizen"))["role"] == "citizen"


async def test_a_cashier_is_bound_to_the_terminal_of_the_post(city: City) -> None:
    account = city.invent()
    organisation_id = await city.employ(account, Role.CASHIER)
    assert organisation_id is not None
    refused = await arrive(city, account, role="cashier")
    assert "pairing code" in refused.json()["error_description"]
    terminal_id = await city.terminal(organisation_id)
    await city.sql(
        "UPDATE staff SET terminal_id = :terminal WHERE organisation_id = :shop",
        terminal=terminal_id,
        shop=organisation_id,
    )
    answer = await tokens(city, account, role="cashier")
    caller = await caller_of(city, (await refresh(city, answer["refresh_token"])).json())
    assert (caller.organisation_id, caller.terminal_id) == (organisation_id, terminal_id)
    await city.sql("UPDATE terminal SET blocked_at = CURRENT_TIMESTAMP WHERE id = :id", id=terminal_id)
    assert (await arrive(city, account, role="cashier")).status_code == 403


async def test_a_pairing_code_binds_a_cashier_of_that_shop_once(city: City, vault: Vault) -> None:
    account, stranger = city.invent(), city.invent()
    organisation_id = await city.employ(account, Role.CASHIER)
    await city.employ(stranger, Role.CASHIER)
    assert organisation_id is not None
    terminal_id = await city.terminal(organisation_id, pairing_mac(vault, "ABCD-1234"))
    wished = {"role": "cashier", "pairing_code": "abcd 1234"}
    assert (await arrive(city, stranger, **wished)).status_code == 403
    assert (await caller_of(city, await tokens(city, account, **wished))).terminal_id == terminal_id
    again = await arrive(city, account, **wished)
    assert again.json()["error_description"].startswith("This pairing code is wrong or was used.")


async def test_a_sign_in_and_the_end_of_a_session_are_in_the_office_s_trail(city: City) -> None:
    answer = await tokens(city, city.invent())
    await logout(city, answer["refresh_token"])
    session = await city.session_of(answer["refresh_token"])
    found = await city.sql(
        "SELECT action, role, actor_person_id FROM audit_event WHERE object->>'session' = :id ORDER BY id",
        id=str(session.id),
    )
    assert [tuple(row) for row in found] == [
        ("sign_in", "citizen", session.person_id),
        ("end_session", "anonymous", None),
    ]


async def test_the_programme_of_the_token_is_the_one_signed_in_for(city: City) -> None:
    answer = await tokens(city, city.invent(), role="volunteer")
    assert await caller_of(city, answer) == Caller(
        role=Role.VOLUNTEER,
        person_id=(await city.session_of(answer["refresh_token"])).person_id,
        programme=PROGRAMME,
    )
