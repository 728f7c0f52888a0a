"""Confirming by somebody else, and what an organiser sees."""

import asyncio
from typing import Any
from uuid import uuid4

from sqlalchemy import text

from domain.actor import Caller, Role
from domain.vault import Vault
from domain.volunteering import actions
from domain.volunteering.queries import shapes
from tests.actions.serving import DOCUMENT, HOUR, NOON, TERMS, City, city, refused

__all__ = ["city"]


async def test_r17_nobody_confirms_their_own_service(city: City) -> None:
    organiser = await city.organiser()
    as_volunteer = Caller(role=Role.VOLUNTEER, person_id=organiser.person_id, programme=DOCUMENT.code)
    await city.register(as_volunteer)
    event_id = await city.publish(organiser)
    service_id = await city.served(as_volunteer, event_id, start=NOON + HOUR, end=NOON + 2 * HOUR)
    before, key = await city.state(event_id), uuid4()

    async def confirm(caller: Caller) -> Any:
        return await city.act(
            caller, actions.confirm_services, NOON + 3 * HOUR, terms=TERMS, service_ids=[service_id], key=key
        )

    outcome = await confirm(organiser)
    assert (outcome.confirmed, {one: error.code for one, error in outcome.refused.items()}) == (
        (),
        {service_id: "SAME_PERSON"},
    )
    assert outcome.refused[service_id].rule_source == "R17"
    error = await refused(
        city.act(organiser, actions.reject_service, NOON, terms=TERMS, service_id=service_id, reason="x", key=uuid4())
    )
    assert error.code == "SAME_PERSON"
    assert await city.state(event_id) == before
    assert (await confirm(await city.organiser())).confirmed == (service_id,)


async def test_a_batch_reports_each_refusal_and_repeats_its_answer(city: City) -> None:
    organiser, other, key = await city.organiser(), await city.organiser("warm-home"), uuid4()
    event_id, elsewhere = await city.publish(organiser), await city.publish(other)
    done, running = await city.volunteer(), await city.volunteer()
    confirmed = await city.served(done, event_id, start=NOON + HOUR, end=NOON + 2 * HOUR)
    foreign = await city.served(done, elsewhere, start=NOON + 2 * HOUR, end=NOON + 3 * HOUR)
    await city.sign_up(running, event_id)
    open_still = await city.check_in(running, city.code(event_id, NOON + HOUR), NOON + HOUR)
    asked = [open_still, confirmed, foreign, 2**40, confirmed]

    async def confirm(**values: Any) -> tuple[Any, Any]:
        outcome = await city.act(
            organiser,
            actions.confirm_services,
            NOON + 3 * HOUR,
            **{"terms": TERMS, "service_ids": asked, "key": key, **values},
        )
        return outcome.confirmed, {one: error.code for one, error in outcome.refused.items()}

    answer = ((confirmed,), {open_still: "TOO_EARLY", foreign: "NOT_FOUND", 2**40: "NOT_FOUND"})
    assert await confirm() == answer
    assert await confirm() == answer
    assert await confirm(key=uuid4()) == ((), {**answer[1], confirmed: "ALREADY_DECIDED"})
    assert await city.rows("SELECT status FROM service WHERE id = :id", id=foreign) == [("AWAITING_CONFIRMATION",)]


async def test_two_organisers_confirming_at_once_record_the_hours_once(city: City) -> None:
    volunteer = await city.member(NOON - 48 * HOUR)
    organisers = [await city.organiser() for _ in range(4)]
    event_id = await city.publish(organisers[0])
    service_id = await city.served(volunteer, event_id, start=NOON + HOUR, end=NOON + 3 * HOUR)
    outcomes = await asyncio.gather(*(city.confirm(one, [service_id], at=NOON + 4 * HOUR) for one in organisers))
    assert sorted(len(one.confirmed) for one in outcomes) == [0, 0, 0, 1]
    assert await city.rows(
        "SELECT s.points FROM score AS s JOIN citizen AS c ON c.id = s.citizen_id WHERE c.person_id = :person",
        person=volunteer.person_id,
    ) == [(DOCUMENT.rule_set.base_points + 2,)]


async def test_a_rejection_has_a_reason_that_only_the_volunteer_reads(city: City, vault: Vault) -> None:
    organiser, volunteer = await city.organiser(), await city.volunteer()
    event_id = await city.publish(organiser)
    service_id = await city.served(volunteer, event_id, start=NOON + HOUR, end=NOON + 2 * HOUR)

    async def reject(reason: str) -> Any:
        return await city.act(
            organiser,
            actions.reject_service,
            NOON + 3 * HOUR,
            terms=TERMS,
            service_id=service_id,
            reason=reason,
            key=uuid4(),
        )

    before = await city.state(event_id)
    assert (await refused(reject(" "))).field == "reason"
    assert await city.state(event_id) == before
    assert await reject("提前离开") == service_id
    [(status, key, sealed)] = await city.rows(
        "SELECT s.status, v.wrapped_key, s.sealed_reason FROM service AS s JOIN volunteer AS v ON v.id = s.volunteer_id"
        " WHERE s.id = :id",
        id=service_id,
    )
    assert (status, vault.open(key, "reason", sealed)) == ("REJECTED", "提前离开")
    [entry] = await city.read(volunteer, shapes.service_log_fragment("log", first=20, after=None))
    assert (entry["status"], bool(entry["reason"])) == ("REJECTED", True)
    assert (await refused(reject("提前离开"))).code == "ALREADY_DECIDED"


async def test_only_an_organiser_confirms_and_rejects_once(city: City) -> None:
    organiser, volunteer = await city.organiser(), await city.volunteer()
    event_id = await city.publish(organiser)
    service_id, key = await city.served(volunteer, event_id, start=NOON + HOUR, end=NOON + 2 * HOUR), uuid4()
    assert (await refused(city.confirm(volunteer, [service_id], at=NOON + 3 * HOUR))).code == "NOT_ALLOWED"
    values = {"terms": TERMS, "service_id": service_id, "reason": "提前离开", "key": key}
    for _ in range(2):
        assert await city.act(organiser, actions.reject_service, NOON + 3 * HOUR, **values) == service_id


async def test_an_organiser_sees_number_and_call_name_of_their_own_volunteers_only(city: City, vault: Vault) -> None:
    organiser, other = await city.organiser(), await city.organiser("warm-home")
    volunteer = await city.member(NOON - 48 * HOUR)
    event_id = await city.publish(organiser)
    service_id = await city.served(volunteer, event_id, start=NOON + HOUR, end=NOON + 2 * HOUR)
    mine = shapes.desk_event_fragment("d", organisation_id=organiser.organisation_id or 0, event_id=event_id)
    shape = await city.read(organiser, mine)
    [entry] = shape["roster"]
    assert set(entry["participant"]) == {"id", "number", "key", "call_name", "minor"}
    assert (entry["status"], entry["service"]["id"]) == ("CHECKED_IN", service_id)
    awaiting = shapes.awaiting_fragment(
        "a", organisation_id=organiser.organisation_id or 0, first=100, after=service_id - 1
    )
    [waits, *_] = await city.read(organiser, awaiting)
    assert (waits["id"], waits["minutes"], waits["participant"]) == (service_id, 60, entry["participant"])
    # Another organisation finds nothing, even when it asks for somebody else's desk.
    assert await city.read(other, awaiting) == []
    assert (await city.read(other, mine))["roster"] == []
    async with city.database.reading(organiser) as unit:
        for table in ("score", "credit_record", "citizen", "person"):
            assert (await unit.session.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one() <= (
                table == "person"
            )
