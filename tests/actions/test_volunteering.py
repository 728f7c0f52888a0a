"""The life of a stretch of service, from registering to points; nobody is asked for a score."""

import asyncio
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from domain.actor import ANONYMOUS, Role
from domain.people.settlement import Membership
from domain.vault import Vault
from domain.volunteering import actions
from domain.volunteering.actions import Registration
from domain.volunteering.queries import shapes
from domain.volunteering.rules.registration import new_number
from tests.actions.serving import CONSENTS, DOCUMENT, HOUR, MINUTE, NOON, TERMS, City, city, refused

__all__ = ["city"]


# The whole life of a stretch


async def test_a_stretch_becomes_hours_and_exactly_the_points_of_the_rule(city: City) -> None:
    organiser, volunteer = await city.organiser(), await city.member(NOON - 48 * HOUR)
    event_id = await city.publish(organiser)
    await city.sign_up(volunteer, event_id)
    start, end = NOON + HOUR + 3 * MINUTE, NOON + 3 * HOUR + 40 * MINUTE
    service_id = await city.check_in(volunteer, city.code(event_id, start), start)
    assert await city.check_out(volunteer, city.code(event_id, end), end) == service_id
    assert await city.rows(
        "SELECT status, minutes, entered_by, confirm_by, signals FROM service WHERE id = :id", id=service_id
    ) == [("AWAITING_CONFIRMATION", 150, "CODE", date(2026, 12, 4), [])]
    outcome = await city.confirm(organiser, [service_id], at=end + HOUR)
    assert (outcome.confirmed, outcome.refused) == ((service_id,), {})
    [(status, ref_hash, decided_by)] = await city.rows(
        "SELECT status, ref_hash, decided_by_person FROM service WHERE id = :id", id=service_id
    )
    assert (status, decided_by) == ("CONFIRMED", organiser.person_id)
    # Two and a half hours are two points: one for each whole hour up to twenty.
    assert await city.rows(
        "SELECT r.quantity_x100, s.points, d.evidence FROM credit_record AS r"
        " JOIN record_document AS d USING (citizen_id, source_id, ref_hash)"
        " JOIN citizen AS c ON c.id = r.citizen_id JOIN score AS s ON s.citizen_id = c.id"
        " WHERE c.person_id = :person AND r.ref_hash = :ref",
        person=volunteer.person_id,
        ref=ref_hash,
    ) == [(250, DOCUMENT.rule_set.base_points + 2, "海岸清洁 · 海岸志愿服务队(示例)")]
    shape = await city.read(volunteer, shapes.volunteering_fragment(timezone=TERMS.timezone), at=end)
    assert (shape["minutes"], shape["minutes_this_year"]) == (150, 150)
    [entry] = await city.read(volunteer, shapes.service_log_fragment("log", first=20, after=None), at=end)
    assert (entry["status"], entry["minutes"], entry["event"]["title"]) == ("CONFIRMED", 150, "海岸清洁")
    [title] = await city.read(volunteer, shapes.service_titles_fragment())
    assert (title["ref_hash"], title["title"]) == (ref_hash, "海岸清洁")


async def test_the_volunteer_sees_who_confirmed_and_why_they_read(city: City) -> None:
    organiser, volunteer = await city.organiser(), await city.volunteer()
    event_id = await city.publish(organiser)
    service_id = await city.served(volunteer, event_id, start=NOON + HOUR, end=NOON + 2 * HOUR)
    await city.confirm(organiser, [service_id], at=NOON + 3 * HOUR)
    assert await city.rows(
        "SELECT role, purpose, actor ->> 'zh', actor_person_id FROM access_event WHERE person_id = :person",
        person=volunteer.person_id,
    ) == [("organiser", "service confirmation", "海岸志愿服务队(示例)", organiser.person_id)]


async def test_hours_before_joining_or_without_joining_leave_no_record(city: City) -> None:
    organiser, stranger = await city.organiser(), await city.volunteer()
    newcomer = await city.member(NOON + 24 * HOUR)
    event_id = await city.publish(organiser)
    services = [
        await city.served(one, event_id, start=NOON + HOUR, end=NOON + 2 * HOUR) for one in (stranger, newcomer)
    ]
    outcome = await city.confirm(organiser, services, at=NOON + 3 * HOUR)
    assert outcome.confirmed == tuple(services)
    assert (
        await city.rows(
            "SELECT 1 FROM credit_record AS r JOIN citizen AS c ON c.id = r.citizen_id WHERE c.person_id = ANY (:ids)",
            ids=[stranger.person_id, newcomer.person_id],
        )
        == []
    )


async def test_hours_without_consent_to_volunteering_give_no_points(city: City) -> None:
    organiser, volunteer = await city.organiser(), await city.member(NOON - 48 * HOUR)
    event_id = await city.publish(organiser)
    service_id = await city.served(volunteer, event_id, start=NOON + HOUR, end=NOON + 2 * HOUR)
    async with city.worker.transaction(ANONYMOUS) as unit:
        await unit.session.execute(
            text("UPDATE consent SET withdrawn_at = :now WHERE person_id = :person AND purpose = 'volunteering'"),
            {"now": NOON, "person": volunteer.person_id},
        )
    await city.confirm(organiser, [service_id], at=NOON + 3 * HOUR)
    sql = "SELECT 1 FROM credit_record AS r JOIN citizen AS c ON c.id = r.citizen_id WHERE c.person_id = :person"
    assert await city.rows(sql, person=volunteer.person_id) == []


@pytest.mark.parametrize(
    ("given", "minutes"),
    [(14 * MINUTE, 0), (15 * MINUTE, 15), (59 * MINUTE, 45), (timedelta(hours=3, minutes=29, seconds=59), 195)],
)
async def test_time_is_given_in_whole_quarters(city: City, given: timedelta, minutes: int) -> None:
    organiser, volunteer = await city.organiser(), await city.volunteer()
    event_id = await city.publish(organiser)
    start = NOON + HOUR
    service_id = await city.served(volunteer, event_id, start=start, end=start + given)
    assert await city.rows("SELECT minutes FROM service WHERE id = :id", id=service_id) == [(minutes,)]


async def test_no_time_counts_later_than_half_an_hour_after_the_event(city: City) -> None:
    organiser, volunteer = await city.organiser(), await city.volunteer()
    event_id = await city.publish(organiser)
    service_id = await city.served(volunteer, event_id, start=NOON + 2 * HOUR, end=NOON + 5.5 * HOUR)
    assert await city.rows("SELECT minutes, ended_at FROM service WHERE id = :id", id=service_id) == [
        (150, NOON + 4.5 * HOUR)
    ]


async def test_r17_hours_beyond_the_daily_cap_are_marked(city: City) -> None:
    organiser, volunteer = await city.organiser(), await city.volunteer()
    start = NOON - 2 * HOUR
    event_id = await city.publish(organiser, at=start - HOUR, starts_at=start, ends_at=start + 9 * HOUR)
    service_id = await city.served(volunteer, event_id, start=start, end=start + TERMS.daily_hours * HOUR + 15 * MINUTE)
    assert await city.rows("SELECT signals FROM service WHERE id = :id", id=service_id) == [(["DAILY_CAP"],)]


# Registration


async def test_a_volunteer_needs_no_score_and_goes_by_number_and_sealed_name(city: City) -> None:
    caller = await city.settle(Role.CITIZEN)
    volunteer_id = await city.register(caller, call_name=" 阿  海 ")
    [(number, key, sealed, minor_until)] = await city.rows(
        "SELECT number, wrapped_key, sealed_call_name, minor_until FROM volunteer WHERE id = :id", id=volunteer_id
    )
    assert (number[0], len(number), minor_until) == ("V", 13, None)
    assert "阿 海".encode() not in sealed
    assert city.database.vault.open(key, "call_name", sealed) == "阿 海"
    assert await city.rows(
        "SELECT purpose, version FROM consent WHERE person_id = :person", person=caller.person_id
    ) == [("volunteering", 2)]


async def test_coming_back_restores_the_number(city: City) -> None:
    caller = await city.settle(Role.VOLUNTEER)
    volunteer_id = await city.register(caller)
    before = await city.rows("SELECT number FROM volunteer WHERE id = :id", id=volunteer_id)
    async with city.worker.transaction(ANONYMOUS) as unit:
        await unit.session.execute(
            text("UPDATE volunteer SET left_at = :now, wrapped_key = NULL, sealed_call_name = NULL WHERE id = :id"),
            {"now": NOON, "id": volunteer_id},
        )
    assert await city.register(caller, call_name="阿海") == volunteer_id
    assert await city.rows("SELECT number FROM volunteer WHERE id = :id", id=volunteer_id) == before
    assert await city.rows("SELECT left_at FROM volunteer WHERE id = :id", id=volunteer_id) == [(None,)]


async def test_a_number_that_is_taken_is_passed_over(city: City, vault: Vault) -> None:
    caller, holder = await city.settle(Role.VOLUNTEER), await city.volunteer()
    assert caller.person_id is not None
    numbers = [
        new_number(vault, programme_id=city.programme_id, person_id=caller.person_id, attempt=attempt)
        for attempt in range(2)
    ]
    async with city.worker.transaction(ANONYMOUS) as unit:
        await unit.session.execute(
            text("UPDATE volunteer SET number = :number WHERE person_id = :person"),
            {"number": numbers[0], "person": holder.person_id},
        )
    volunteer_id = await city.register(caller)
    assert await city.rows("SELECT number FROM volunteer WHERE id = :id", id=volunteer_id) == [(numbers[1],)]


async def test_two_phones_registering_at_once_are_one_volunteer(city: City) -> None:
    # Whoever has consented before does not wait for the other phone's consent.
    membership = Membership(since=NOON, registration_kind="REGISTERED", consents=("score", "volunteering"))
    caller = await city.settle(Role.VOLUNTEER, membership=membership)
    ids = await asyncio.gather(*(city.register(caller) for _ in range(6)))
    assert len(set(ids)) == 1


async def test_whoever_is_of_unknown_age_is_refused_until_they_sign_in_with_one(city: City) -> None:
    caller = await city.settle(Role.VOLUNTEER)
    async with city.worker.transaction(ANONYMOUS) as unit:
        await unit.session.execute(
            text("UPDATE person SET sealed_birth_date = NULL WHERE id = :id"), {"id": caller.person_id}
        )
    assert (await refused(city.register(caller))).rule_source == "R20"


async def test_the_same_key_registers_once(city: City) -> None:
    caller, key = await city.settle(Role.VOLUNTEER), uuid4()
    wish = Registration(call_name="小林", consents=CONSENTS)
    ids = {await city.act(caller, actions.register_volunteer, NOON, terms=TERMS, wish=wish, key=key) for _ in range(2)}
    assert len(ids) == 1
    other = Registration(call_name="小王", consents=CONSENTS)
    error = await refused(city.act(caller, actions.register_volunteer, NOON, terms=TERMS, wish=other, key=key))
    assert error.code == "IDEMPOTENCY_CONFLICT"


@pytest.mark.parametrize(
    ("wish", "born", "code", "field"),
    [
        ({"call_name": " "}, date(1990, 5, 1), "INVALID_INPUT", "callName"),
        ({"consents": ()}, date(1990, 5, 1), "CONSENT_REQUIRED", "consents"),
        ({"consents": (("score", 1),)}, date(1990, 5, 1), "CONSENT_REQUIRED", "consents"),
        ({"consents": (("volunteering", 3),)}, date(1990, 5, 1), "INVALID_INPUT", "consents"),
        ({}, date(2015, 5, 1), "RULE_REFUSED", None),
        ({}, date(2011, 5, 1), "RULE_REFUSED", "guardianCode"),
    ],
)
async def test_a_refused_registration_leaves_nothing(
    city: City, wish: dict[str, Any], born: date, code: str, field: str | None
) -> None:
    caller = await city.settle(Role.VOLUNTEER, birth_date=born)
    error = await refused(city.register(caller, **wish))
    assert (error.code, error.field) == (code, field)
    for table in ("volunteer", "consent"):
        assert await city.rows(f"SELECT 1 FROM {table} WHERE person_id = :id", id=caller.person_id) == []
