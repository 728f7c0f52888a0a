"""Erasure: the key is destroyed, nothing leads to the person any more, and the books still add up."""

import base64
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from api.database import Database, WorkerDatabase
from domain.actor import ANONYMOUS, Caller, Role
from domain.consent.queries import current_versions
from domain.people.actions import enrol
from domain.people.settlement import Membership, Settler, caller_of, settle
from domain.programmes.rules.shapes import DepositWaiver
from domain.rights.actions import erase_my_data, export_my_data
from domain.vault import Vault
from seeds.loader import PROGRAMMES, read_file
from tests.actions.accounts import assisted, city_of, claim, link, product_of, queue
from tests.actions.counter import CODE, CONSENTS, ISSUER, MINUTE, TEN, Counter, books_agree, counter, refused
from tests.rules.benefits import money, uses

NAME, BORN = "金丝雀", date(1990, 5, 1)
PURPOSES = (*CONSENTS, "household", "account", "volunteering")

__all__ = ["counter"]


async def canary(counter: Counter, reference: str | None = None) -> Caller:
    """Somebody whose name and identity can be looked for everywhere."""
    reference = reference or str(uuid4())
    settler = Settler(
        subject=f"canary-{reference}",
        name=NAME,
        birth_date=BORN,
        identity_ref=reference,
        membership=Membership(since=TEN, registration_kind="REGISTERED", consents=PURPOSES),
    )
    async with counter.worker.transaction(ANONYMOUS) as unit:
        await settle(unit.session, TEN, issuer=ISSUER, programme=(counter.programme_id, CODE), settlers=[settler])
        found = await caller_of(unit.session, issuer=ISSUER, subject=settler.subject, role=Role.CITIZEN, programme=CODE)
    assert found is not None
    return found


async def erase(counter: Counter, caller: Caller, **values: Any) -> Any:
    return await counter.act(caller, erase_my_data, TEN + MINUTE, **{"confirmed": True, "key": uuid4(), **values})


async def sold_to(counter: Counter, citizen: Caller, product_id: int, basis: int) -> tuple[Caller, int]:
    cashier = await counter.cashier()
    presented = await counter.present(citizen, product_id)
    outcome = await counter.redeem(cashier, counter.code(presented), basis=basis)
    assert outcome.sold is not None, outcome
    return cashier, outcome.sold.redemption_id


async def come_back(counter: Counter, reference: str) -> Caller:
    """The same human being signs in and joins again."""
    settler = Settler(subject=str(uuid4()), name=NAME, birth_date=BORN, identity_ref=reference)
    async with counter.worker.transaction(ANONYMOUS) as unit:
        await settle(unit.session, TEN, issuer=ISSUER, programme=(counter.programme_id, CODE), settlers=[settler])
        again = await caller_of(unit.session, issuer=ISSUER, subject=settler.subject, role=Role.CITIZEN, programme=CODE)
        versions = await current_versions(unit.session, programme_id=counter.programme_id)
    assert again is not None
    consents = [(purpose, versions[purpose]) for purpose in CONSENTS]
    await counter.act(again, enrol, TEN + 2 * MINUTE, consents=consents, key=uuid4())
    return again


async def test_erasure_destroys_the_key_and_leaves_the_ledger_in_balance(counter: Counter) -> None:
    product_id = await counter.offer(allowance=uses(1), budget=money())
    reference = str(uuid4())
    person = await canary(counter, reference)
    cashier, sale = await sold_to(counter, person, product_id, 200)
    await counter.act(person, export_my_data, TEN, key=uuid4())
    before = await counter.budget(product_id)

    await erase(counter, person)

    mine = {"person": person.person_id}
    assert await counter.rows("SELECT * FROM person_key WHERE person_id = :person", **mine) == []
    assert await counter.rows("SELECT * FROM notice WHERE person_id = :person", **mine) == []
    assert await counter.rows("SELECT * FROM export WHERE person_id = :person", **mine) == []
    left = await counter.rows(
        "SELECT issuer, sealed_name, sealed_birth_date, sealed_identity_ref, identity_digest FROM person"
        " WHERE id = :person",
        **mine,
    )
    assert left == [("erased", None, None, None, None)]
    assert await counter.rows(
        "SELECT count(*) FROM consent WHERE person_id = :person AND withdrawn_at IS NULL", **mine
    ) == [(0,)]
    assert await counter.rows(
        "SELECT count(*) FROM presentation AS p JOIN citizen AS c ON c.id = p.citizen_id WHERE c.person_id = :person",
        **mine,
    ) == [(0,)]
    assert await counter.budget(product_id) == before
    await books_agree(counter)

    again = await come_back(counter, reference)
    assert again.person_id != person.person_id
    assert (await refused(counter.present(again, product_id, TEN + 3 * MINUTE))).code == "ALLOWANCE_USED_UP"
    await counter.reverse(cashier, sale, TEN + 4 * MINUTE)
    await books_agree(counter)
    await counter.present(again, product_id, TEN + 5 * MINUTE)


async def test_an_open_deposit_ends_on_its_own_day_after_erasure(counter: Counter) -> None:
    product_id = await counter.offer(DepositWaiver(max_deposit_fen=100_000, max_days=30))
    person = await canary(counter)
    cashier, sale = await sold_to(counter, person, product_id, 60_000)
    await erase(counter, person)
    assert await counter.rows(
        "SELECT status, due_on - CAST(:at AS date) FROM redemption WHERE id = :id", id=sale, at=TEN
    ) == [("OPEN", 30)]
    await counter.close(cashier, sale, TEN + timedelta(days=2))
    assert await counter.rows("SELECT status FROM redemption WHERE id = :id", id=sale) == [("COMPLETED",)]
    await books_agree(counter)


async def test_no_dump_holds_a_word_about_somebody_who_was_erased(counter: Counter) -> None:
    """Every column of every row, in every spelling; and what is still sealed opens with no key that is left."""
    reference = str(uuid4())
    person = await canary(counter, reference)
    sealed = await counter.rows("SELECT sealed_name FROM person WHERE id = :person", person=person.person_id)
    digests = await counter.rows(
        "SELECT identity_digest, pseudonym FROM citizen WHERE person_id = :person", person=person.person_id
    )
    await erase(counter, person)
    tables = await counter.rows(
        "SELECT c.relname FROM pg_class AS c WHERE c.relnamespace = 'public'::regnamespace"
        " AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND has_table_privilege(c.oid, 'SELECT')"
    )
    needles = [NAME, NAME.encode().hex(), base64.b64encode(NAME.encode()).decode()[:10], reference]
    needles += [bytes(value).hex() for row in (*sealed, *digests) for value in row]
    found = {
        (table, needle)
        for (table,) in tables
        for (dump,) in await counter.rows(f"SELECT coalesce(string_agg(t::text, chr(10)), '') FROM \"{table}\" AS t")
        for needle in needles
        if needle in dump
    }
    assert found == set()
    keys = await counter.rows("SELECT wrapped_key FROM person_key")
    vault: Vault = counter.database.vault
    for (key,) in keys:
        with pytest.raises(ValueError, match="not sealed with this key"):
            vault.open(key, "name", sealed[0][0])


async def test_erasing_has_to_be_confirmed_and_a_post_has_to_end_first(counter: Counter) -> None:
    person = await canary(counter)
    refusal = await refused(erase(counter, person, confirmed=False))
    assert (refusal.code, refusal.field) == ("INVALID_INPUT", "confirm")
    await counter.change(
        "INSERT INTO staff (person_id, role, programme_id, display_name) VALUES (:person, 'officer', :programme, 'A')",
        person=person.person_id,
        programme=counter.programme_id,
    )
    assert (await refused(erase(counter, person))).code == "NOT_ALLOWED"
    assert await counter.rows("SELECT count(*) FROM person_key WHERE person_id = :person", person=person.person_id) == [
        (1,)
    ]
    await counter.change("UPDATE staff SET blocked_at = :at WHERE person_id = :person", at=TEN, person=person.person_id)
    await erase(counter, person)


async def test_the_same_request_is_answered_again_and_nothing_else_is_left_to_do(counter: Counter) -> None:
    person, key = await canary(counter), uuid4()
    first = await erase(counter, person, key=key)
    assert await erase(counter, person, key=key) == first
    assert set(first.purposes) == set(PURPOSES)
    refusal = await refused(counter.act(person, export_my_data, TEN, key=uuid4()))
    assert refusal.code == "NOT_ALLOWED"
    assert (await erase(counter, person)).purposes == ()


async def test_a_claim_that_waits_ends_with_its_citizen_and_everything_kept_ready_goes_back(
    database: Database, worker: WorkerDatabase
) -> None:
    at = datetime(2026, 11, 26, 2, 0, tzinfo=UTC)
    city = await city_of(read_file(PROGRAMMES / "rongcheng.toml"), at, database, worker)
    citizen, product_id = await assisted(city), await product_of(city, "heating-300")
    account_id = await link(city, citizen, "HEATING", "12345678", at)
    number = await claim(city, citizen, product_id, account_id, at)
    assert (await city.budget(product_id, at))[0] > 0
    await city.act(citizen, erase_my_data, at + MINUTE, confirmed=True, key=uuid4())
    assert await city.rows("SELECT status FROM redemption WHERE id = :id", id=number) == [("EXPIRED",)]
    assert (await city.budget(product_id, at), await city.used(product_id)) == ((0, 0), [0])
    assert await queue(city, await city.cashier("heating"), at) == []
    assert await city.rows("SELECT sealed_number FROM service_account WHERE id = :id", id=account_id) == [(None,)]
    await books_agree(city)
