"""What makes a stretch trustworthy: two signatures, kept history, signals that hold back, and the office's sample."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from domain.actor import ANONYMOUS, Caller, Role
from domain.errors import DomainError
from domain.people.settlement import Membership, Post
from domain.volunteering import actions
from domain.volunteering.queries import shapes
from domain.volunteering.rules import trust
from domain.volunteering.rules.entries import Entry
from domain.volunteering.rules.events import EventDraft
from tests.actions.serving import DOCUMENT, EVENT, HOUR, MINUTE, NOON, TERMS, City, city, refused

__all__ = ["city"]

BASE = DOCUMENT.rule_set.base_points
OWN_SCORE = "SELECT s.points FROM score AS s JOIN citizen AS c ON c.id = s.citizen_id WHERE c.person_id = :person"
SERVICE = "SELECT status, minutes, signals FROM service WHERE id = :id"
HISTORY = (
    "SELECT role, from_status, to_status, from_minutes, to_minutes FROM service_event"
    " WHERE service_id = :id ORDER BY id"
)
PHONE = "a-phone-that-goes-from-hand-to-hand"


async def officer(city: City) -> Caller:
    return await city.settle(Role.OFFICER, post=Post(role="officer"))


async def number_of(city: City, caller: Caller) -> str:
    [(number,)] = await city.rows("SELECT number FROM volunteer WHERE person_id = :person", person=caller.person_id)
    return str(number)


async def enter(city: City, organiser: Caller, event_id: int, volunteer: Caller, **values: Any) -> Any:
    given: dict[str, Any] = {
        "event_id": event_id,
        "volunteer_number": await number_of(city, volunteer),
        "started_at": NOON + HOUR,
        "ended_at": NOON + 3 * HOUR,
        "reason": "手机没电",
        **{name: value for name, value in values.items() if name not in ("at", "key")},
    }
    return await city.act(
        organiser,
        actions.enter_attendance,
        values.get("at", NOON + 4 * HOUR),
        terms=TERMS,
        entry=Entry(**given),
        key=values.get("key", uuid4()),
    )


async def sign(city: City, organiser: Caller, service_id: int, *, at: datetime = NOON + 5 * HOUR) -> Any:
    return await city.act(organiser, actions.countersign_attendance, at, service_id=service_id, key=uuid4())


async def correct(city: City, caller: Caller, service_id: int, hours: float, *, at: datetime = NOON + 24 * HOUR) -> Any:
    return await city.act(
        caller,
        actions.correct_service,
        at,
        terms=TERMS,
        correction=(service_id, hours, "核对签到表"),
        key=uuid4(),
    )


async def reject(city: City, caller: Caller, service_id: int, *, at: datetime = NOON + 24 * HOUR) -> Any:
    return await city.act(
        caller, actions.reject_service, at, terms=TERMS, service_id=service_id, reason="未到场", key=uuid4()
    )


def codes(outcome: Any) -> Mapping[int, str]:
    return {one: error.code for one, error in outcome.refused.items()}


# Attendance by hand


async def test_r17_two_organisers_stand_for_attendance_that_no_code_has_proved(city: City) -> None:
    first, second, volunteer = await city.organiser(), await city.organiser(), await city.member(NOON - 48 * HOUR)
    event_id = await city.publish(first)
    await city.sign_up(volunteer, event_id)
    key = uuid4()
    service_id = await enter(city, first, event_id, volunteer, key=key)
    assert await enter(city, first, event_id, volunteer, key=key) == service_id
    assert await city.rows(SERVICE, id=service_id) == [("AWAITING_COUNTERSIGNATURE", 120, [])]
    unsigned = await city.confirm(second, [service_id], at=NOON + 5 * HOUR)
    assert (codes(unsigned), "会签" in unsigned.refused[service_id].message.zh) == ({service_id: "TOO_EARLY"}, True)
    error = await refused(sign(city, first, service_id))
    assert (error.code, error.rule_source) == ("SAME_PERSON", "R17")
    assert await sign(city, second, service_id) == service_id
    assert (await refused(sign(city, second, service_id))).code == "ALREADY_DECIDED"
    assert (await refused(sign(city, await city.organiser("warm-home"), service_id))).code == "NOT_FOUND"
    assert codes(await city.confirm(first, [service_id], at=NOON + 6 * HOUR)) == {service_id: "SAME_PERSON"}
    assert (await city.confirm(second, [service_id], at=NOON + 6 * HOUR)).confirmed == (service_id,)
    assert await city.rows(OWN_SCORE, person=volunteer.person_id) == [(BASE + 2,)]
    assert await city.rows(HISTORY, id=service_id) == [
        ("organiser", None, "AWAITING_COUNTERSIGNATURE", None, 120),
        ("organiser", "AWAITING_COUNTERSIGNATURE", "AWAITING_CONFIRMATION", 120, 120),
        ("organiser", "AWAITING_CONFIRMATION", "CONFIRMED", 120, 120),
    ]
    purposes = "SELECT purpose FROM access_event WHERE person_id = :person ORDER BY at, id"
    assert await city.rows(purposes, person=volunteer.person_id) == [
        ("attendance by hand",),
        ("attendance by hand",),
        ("service confirmation",),
    ]


@pytest.mark.parametrize(
    ("values", "code", "field"),
    [
        ({"reason": " "}, "INVALID_INPUT", "reason"),
        ({"started_at": NOON}, "INVALID_INPUT", "from"),
        ({"ended_at": NOON + HOUR}, "INVALID_INPUT", "until"),
        ({"ended_at": NOON + HOUR + 14 * MINUTE}, "INVALID_INPUT", "until"),
        ({"ended_at": NOON + 3 * HOUR, "at": NOON + 2 * HOUR}, "INVALID_INPUT", "until"),
        ({"volunteer_number": "V123-456-7890"}, "NOT_FOUND", "volunteerNumber"),
        ({"at": NOON + timedelta(days=30)}, "TOO_LATE", None),
    ],
)
async def test_attendance_by_hand_has_limits(city: City, values: dict[str, Any], code: str, field: str | None) -> None:
    organiser, volunteer = await city.organiser(), await city.volunteer()
    event_id = await city.publish(organiser)
    await city.sign_up(volunteer, event_id)
    before = await city.state(event_id)
    error = await refused(enter(city, organiser, event_id, volunteer, **values))
    assert (error.code, error.field) == (code, field)
    assert await city.state(event_id) == before


async def test_nobody_is_entered_who_did_not_sign_up_or_enters_themselves(city: City) -> None:
    organiser, stranger = await city.organiser(), await city.volunteer()
    event_id, other = await city.publish(organiser), await city.publish(organiser)
    assert (await refused(enter(city, organiser, 2**40, stranger))).code == "NOT_FOUND"
    # Never signed up with this organisation, or for another event of it: one hears of no such number, one of no seat.
    assert (await refused(enter(city, organiser, event_id, stranger))).code == "NOT_FOUND"
    await city.sign_up(stranger, other)
    error = await refused(enter(city, organiser, event_id, stranger))
    assert (error.code, error.rule_source) == ("NOT_ALLOWED", "R16")
    as_volunteer = Caller(role=Role.VOLUNTEER, person_id=organiser.person_id, programme=DOCUMENT.code)
    await city.register(as_volunteer)
    await city.sign_up(as_volunteer, event_id)
    assert (await refused(enter(city, organiser, event_id, as_volunteer))).code == "SAME_PERSON"


async def test_what_was_rejected_is_not_entered_again_and_nothing_in_a_cancelled_event(city: City) -> None:
    organiser, second, volunteer = await city.organiser(), await city.organiser(), await city.volunteer()
    event_id = await city.publish(organiser)
    await city.sign_up(volunteer, event_id)
    service_id, key = await enter(city, organiser, event_id, volunteer), uuid4()
    for _ in range(2):
        signed = await city.act(second, actions.countersign_attendance, NOON + 5 * HOUR, service_id=service_id, key=key)
        assert signed == service_id
    await reject(city, second, service_id)
    assert (await refused(enter(city, organiser, event_id, volunteer))).code == "ALREADY_DECIDED"
    cancelled = await city.publish(organiser)
    await city.sign_up(volunteer, cancelled)
    await city.act(organiser, actions.cancel_event, NOON, event_id=cancelled, reason="大风", key=uuid4())
    assert (await refused(enter(city, organiser, cancelled, volunteer))).field == "eventId"


async def test_attendance_by_hand_overlaps_nothing_at_any_organisation(city: City) -> None:
    shore, home, volunteer = await city.organiser(), await city.organiser("warm-home"), await city.volunteer()
    here, there = await city.publish(shore), await city.publish(home)
    await city.served(volunteer, there, start=NOON + HOUR, end=NOON + 2 * HOUR)
    await city.sign_up(volunteer, here)
    before = await city.state(here, there)
    error = await refused(enter(city, shore, here, volunteer))
    assert (error.code, error.rule_source) == ("OVERLAP", "R17")
    assert await city.state(here, there) == before
    service_id = await enter(city, shore, here, volunteer, started_at=NOON + 2 * HOUR)
    assert await city.rows(SERVICE, id=service_id) == [("AWAITING_COUNTERSIGNATURE", 60, [])]
    assert (await refused(enter(city, shore, here, volunteer, started_at=NOON + 2 * HOUR))).code == "OVERLAP"


async def test_many_entries_within_minutes_are_held_back_for_the_office(city: City) -> None:
    first, second = await city.organiser(), await city.organiser()
    event_id = await city.publish(first, capacity=trust.MOST_ENTERED + 1)
    entered = []
    for _ in range(trust.MOST_ENTERED + 1):
        volunteer = await city.volunteer()
        await city.sign_up(volunteer, event_id)
        entered.append(await enter(city, first, event_id, volunteer))
    signals = await city.rows("SELECT id, signals FROM service WHERE id = ANY (:ids) ORDER BY id", ids=entered)
    assert signals == [*((one, []) for one in entered[:-1]), (entered[-1], ["BURST"])]
    await sign(city, second, entered[-1])
    outcome = await city.confirm(second, [entered[-1]], at=NOON + 6 * HOUR)
    assert codes(outcome) == {entered[-1]: "RULE_REFUSED"}
    assert "BURST" in outcome.refused[entered[-1]].message.en
    assert (await city.confirm(await officer(city), [entered[-1]], at=NOON + 6 * HOUR)).confirmed == (entered[-1],)


# Corrections


async def confirmed(city: City, organiser: Caller, volunteer: Caller, **values: Any) -> int:
    """A confirmed stretch of three hours."""
    event_id = await city.publish(organiser, **values)
    service_id = await city.served(volunteer, event_id, start=NOON + HOUR, end=NOON + 4 * HOUR)
    assert (await city.confirm(organiser, [service_id], at=NOON + 5 * HOUR)).confirmed == (service_id,)
    return service_id


async def test_fewer_hours_hold_at_once_and_the_points_follow(city: City) -> None:
    organiser, volunteer = await city.organiser(), await city.member(NOON - 48 * HOUR)
    service_id = await confirmed(city, organiser, volunteer)
    assert await city.rows(OWN_SCORE, person=volunteer.person_id) == [(BASE + 3,)]
    assert await correct(city, organiser, service_id, 1.25) == service_id
    [(status, minutes, _)] = await city.rows(SERVICE, id=service_id)
    assert (status, minutes) == ("CONFIRMED", 75)
    assert await city.rows(OWN_SCORE, person=volunteer.person_id) == [(BASE + 1,)]
    assert await city.rows(
        "SELECT e.state FROM record_event AS e JOIN citizen AS c ON c.id = e.citizen_id WHERE c.person_id = :person",
        person=volunteer.person_id,
    ) == [("CORRECTED",)]
    changes = (
        "SELECT h.before, h.after FROM score_change AS h JOIN citizen AS c ON c.id = h.citizen_id"
        " WHERE c.person_id = :person ORDER BY h.id"
    )
    assert await city.rows(changes, person=volunteer.person_id) == [(BASE, BASE + 3), (BASE + 3, BASE + 1)]
    assert (await city.rows(HISTORY, id=service_id))[-1] == ("organiser", "CONFIRMED", "CONFIRMED", 180, 75)
    histories = await city.read(volunteer, shapes.histories_fragment())
    last = histories[str(service_id)][-1]
    assert (last["from_minutes"], last["to_minutes"], bool(last["reason"])) == (180, 75, True)


async def test_more_hours_are_confirmed_again_by_somebody_else(city: City) -> None:
    first, second, volunteer = await city.organiser(), await city.organiser(), await city.member(NOON - 48 * HOUR)
    service_id = await confirmed(city, first, volunteer)
    await correct(city, first, service_id, 3.5)
    [(status, minutes, _)] = await city.rows(SERVICE, id=service_id)
    assert (status, minutes) == ("AWAITING_CONFIRMATION", 210)
    assert await city.rows(OWN_SCORE, person=volunteer.person_id) == [(BASE,)]
    assert codes(await city.confirm(first, [service_id], at=NOON + 25 * HOUR)) == {service_id: "SAME_PERSON"}
    assert (await city.confirm(second, [service_id], at=NOON + 25 * HOUR)).confirmed == (service_id,)
    assert await city.rows(OWN_SCORE, person=volunteer.person_id) == [(BASE + 3,)]


async def test_a_correction_happens_once_and_never_reaches_into_another_stretch(city: City) -> None:
    organiser, volunteer, key = await city.organiser(), await city.volunteer(), uuid4()
    first, second = await city.publish(organiser), await city.publish(organiser)
    service_id = await city.served(volunteer, first, start=NOON + HOUR, end=NOON + 2 * HOUR)
    await city.served(volunteer, second, start=NOON + 2 * HOUR, end=NOON + 3 * HOUR)
    assert (await refused(correct(city, organiser, service_id, 1.5))).code == "OVERLAP"
    for _ in range(2):
        again = await city.act(
            organiser,
            actions.correct_service,
            NOON + 24 * HOUR,
            terms=TERMS,
            correction=(service_id, 0.5, "核对签到表"),
            key=key,
        )
        assert again == service_id
    assert len(await city.rows(HISTORY, id=service_id)) == 1


async def test_hours_of_whoever_has_left_are_corrected_without_a_score(city: City) -> None:
    organiser, volunteer = await city.organiser(), await city.member(NOON - 48 * HOUR)
    service_id = await confirmed(city, organiser, volunteer)
    async with city.worker.transaction(ANONYMOUS) as unit:
        await unit.session.execute(
            text("UPDATE citizen SET left_at = :now, scored_from = NULL WHERE person_id = :person"),
            {"now": NOON, "person": volunteer.person_id},
        )
    assert await correct(city, organiser, service_id, 0) == service_id
    assert [row[0] for row in await city.rows(SERVICE, id=service_id)] == ["CORRECTED"]


async def test_a_stretch_corrected_to_nothing_takes_its_points_with_it_and_says_why(city: City) -> None:
    organiser, volunteer = await city.organiser(), await city.member(NOON - 48 * HOUR)
    service_id = await confirmed(city, organiser, volunteer)
    await correct(city, organiser, service_id, 0)
    [(status, minutes, _)] = await city.rows(SERVICE, id=service_id)
    assert (status, minutes) == ("CORRECTED", 0)
    assert await city.rows(OWN_SCORE, person=volunteer.person_id) == [(BASE,)]
    [(cause,)] = await city.rows(
        "SELECT h.cause ->> 'zh' FROM score_change AS h JOIN citizen AS c ON c.id = h.citizen_id"
        " WHERE c.person_id = :person AND h.after = :base",
        person=volunteer.person_id,
        base=BASE,
    )
    assert cause == "志愿服务时长已撤销:海岸清洁 · 海岸志愿服务队(示例)"
    assert (await refused(correct(city, organiser, service_id, 1))).code == "ALREADY_DECIDED"
    # The hour is free again.
    other = await city.publish(organiser)
    await city.served(volunteer, other, start=NOON + HOUR, end=NOON + 2 * HOUR)


@pytest.mark.parametrize(
    ("hours", "code"),
    [
        (3, "INVALID_INPUT"),
        (4, "INVALID_INPUT"),
        (1.1, "INVALID_INPUT"),
        (-1, "INVALID_INPUT"),
        (float("inf"), "INVALID_INPUT"),
    ],
)
async def test_hours_that_cannot_be_are_refused(city: City, hours: float, code: str) -> None:
    organiser, volunteer = await city.organiser(), await city.member(NOON - 48 * HOUR)
    service_id = await confirmed(city, organiser, volunteer)
    error = await refused(correct(city, organiser, service_id, hours))
    assert (error.code, error.field) == (code, "hours")
    assert await city.rows(OWN_SCORE, person=volunteer.person_id) == [(BASE + 3,)]
    assert (await refused(correct(city, await city.organiser("warm-home"), service_id, 1))).code == "NOT_FOUND"


async def test_hours_without_a_check_out_are_put_right_by_one_and_confirmed_by_another(city: City) -> None:
    first, second, volunteer = await city.organiser(), await city.organiser(), await city.volunteer()
    event_id = await city.publish(first)
    await city.sign_up(volunteer, event_id)
    service_id = await city.check_in(volunteer, city.code(event_id, NOON + HOUR), NOON + HOUR)
    assert (await refused(correct(city, first, service_id, 2))).code == "TOO_EARLY"
    after = NOON + timedelta(days=2)
    async with city.worker.transaction(ANONYMOUS) as unit:
        await actions.escalate_overdue(unit.session, after, programme_id=city.programme_id, today=TERMS.day_of(after))
    assert await city.rows(SERVICE, id=service_id) == [("LAPSED", None, ["NO_CHECK_OUT"])]
    await correct(city, first, service_id, 2, at=after)
    assert await city.rows(SERVICE, id=service_id) == [("AWAITING_CONFIRMATION", 120, ["NO_CHECK_OUT"])]
    assert codes(await city.confirm(first, [service_id], at=after)) == {service_id: "SAME_PERSON"}
    assert (await city.confirm(second, [service_id], at=after)).confirmed == (service_id,)


# Signals


async def test_one_phone_for_several_volunteers_is_held_back(city: City) -> None:
    organiser, pair = await city.organiser(), [await city.volunteer() for _ in range(3)]
    event_id, start, end = await city.publish(organiser), NOON + HOUR, NOON + 2 * HOUR
    services = []
    for volunteer, device in zip(pair, (PHONE, PHONE, None), strict=True):
        await city.sign_up(volunteer, event_id)
        code = city.code(event_id, start)
        services.append(
            await city.act(volunteer, actions.check_in, start, code=code, scanned_at=None, key=uuid4(), device=device)
        )
        await city.check_out(volunteer, city.code(event_id, end), end)
    found = await city.rows("SELECT signals FROM service WHERE id = ANY (:ids) ORDER BY id", ids=services)
    assert found == [(["SHARED_DEVICE"],), (["SHARED_DEVICE"],), ([],)]
    outcome = await city.confirm(organiser, services, at=NOON + 3 * HOUR)
    assert (outcome.confirmed, codes(outcome)) == (
        (services[2],),
        {services[0]: "RULE_REFUSED", services[1]: "RULE_REFUSED"},
    )
    assert "SHARED_DEVICE" in outcome.refused[services[0]].message.zh
    assert outcome.refused[services[0]].rule_source == "R17"
    # An organiser may still say that nobody was there.
    assert await reject(city, organiser, services[1]) == services[1]
    assert (await city.confirm(await officer(city), services[:1], at=NOON + 24 * HOUR)).confirmed == (services[0],)


async def test_the_same_phone_at_another_event_cannot_be_told_again(city: City) -> None:
    organiser, volunteer, other = await city.organiser(), await city.volunteer(), await city.volunteer()
    for one, starts in ((volunteer, NOON + HOUR), (other, NOON + HOUR)):
        event_id = await city.publish(organiser)
        await city.sign_up(one, event_id)
        await city.act(
            one,
            actions.check_in,
            starts,
            code=city.code(event_id, starts),
            scanned_at=None,
            key=uuid4(),
            device=PHONE,
        )
    stored = await city.rows(
        "SELECT DISTINCT s.device FROM service AS s JOIN volunteer AS v ON v.id = s.volunteer_id"
        " WHERE v.person_id = ANY (:ids) AND s.signals = '{}'",
        ids=[volunteer.person_id, other.person_id],
    )
    assert len(stored) == 2


async def test_two_places_too_far_apart_in_time_are_held_back(city: City) -> None:
    organiser, volunteer = await city.organiser(), await city.volunteer()
    shore = {"lat": 37.39, "lon": 122.70}
    # Eighty kilometres further along the coast.
    harbour = {"lat": 37.39, "lon": 121.80}
    first = await city.publish(organiser, **shore)
    second = await city.publish(organiser, **harbour)
    third = await city.publish(organiser, **shore)
    near = await city.served(volunteer, first, start=NOON + HOUR, end=NOON + HOUR + 30 * MINUTE)
    far = await city.served(volunteer, second, start=NOON + 2 * HOUR, end=NOON + 2.5 * HOUR)
    home = await city.served(volunteer, third, start=NOON + 3.5 * HOUR, end=NOON + 4 * HOUR)
    found = await city.rows("SELECT signals FROM service WHERE id = ANY (:ids) ORDER BY id", ids=[near, far, home])
    assert found == [([],), (["DISTANCE"],), ([],)]
    assert codes(await city.confirm(organiser, [far], at=NOON + 6 * HOUR)) == {far: "RULE_REFUSED"}


async def test_r17_an_organiser_who_confirms_within_minutes_is_noticed(city: City) -> None:
    organiser, volunteer = await city.organiser(), await city.volunteer()
    event_id, end = await city.publish(organiser), NOON + 2 * HOUR
    service_id = await city.served(volunteer, event_id, start=NOON + HOUR, end=end)
    assert (await city.confirm(organiser, [service_id], at=end + MINUTE)).confirmed == (service_id,)
    [(status, _, signals)] = await city.rows(SERVICE, id=service_id)
    assert (status, signals[0]) == ("CONFIRMED", "BURST")
    sampled = await city.read(await officer(city), shapes.sampled_fragment("s", first=100, after=service_id - 1))
    assert [one["id"] for one in sampled] == [service_id]


# The office


async def test_r17_the_office_draws_one_in_twenty_and_takes_back_what_did_not_happen(city: City) -> None:
    organiser, office = await city.organiser(), await officer(city)
    volunteer = await city.member(NOON - 48 * HOUR)
    drawn = None
    while drawn is None:
        service_id = await confirmed(city, organiser, volunteer)
        if trust.is_sampled(city.database.vault, service_id):
            drawn = service_id
        else:
            # What is known at one instant: time does not run backwards between two stretches.
            await correct(city, organiser, service_id, 0, at=NOON + 5 * HOUR)
    [(_, _, signals)] = await city.rows(SERVICE, id=drawn)
    assert signals == ["SAMPLED"]
    sampled = shapes.sampled_fragment("s", first=100, after=drawn - 1)
    [shape] = await city.read(office, sampled)
    assert (shape["id"], shape["minutes"]) == (drawn, 180)
    assert (await refused(reject(city, organiser, drawn))).code == "ALREADY_DECIDED"
    assert await city.rows(OWN_SCORE, person=volunteer.person_id) == [(BASE + 3,)]
    assert await reject(city, office, drawn) == drawn
    assert await city.rows(OWN_SCORE, person=volunteer.person_id) == [(BASE,)]
    assert await city.read(office, sampled) == []
    access = "SELECT actor ->> 'en', role FROM access_event WHERE person_id = :person ORDER BY at DESC, id DESC LIMIT 1"
    assert await city.rows(access, person=volunteer.person_id) == [("Programme office", "officer")]


async def test_what_the_office_has_looked_at_leaves_its_list(city: City) -> None:
    organiser, volunteer, office = await city.organiser(), await city.volunteer(), await officer(city)
    event_id, end = await city.publish(organiser), NOON + 2 * HOUR
    service_id = await city.served(volunteer, event_id, start=NOON + HOUR, end=end)
    await city.confirm(organiser, [service_id], at=end)
    sampled = shapes.sampled_fragment("s", first=100, after=service_id - 1)
    assert len(await city.read(office, sampled)) == 1
    assert (await city.confirm(office, [service_id], at=NOON + 24 * HOUR)).confirmed == (service_id,)
    assert await city.read(office, sampled) == []
    assert codes(await city.confirm(office, [service_id], at=NOON + 24 * HOUR)) == {service_id: "ALREADY_DECIDED"}


async def test_the_office_sees_no_stretch_that_does_not_wait_for_it(city: City) -> None:
    organiser, volunteer, office = await city.organiser(), await city.volunteer(), await officer(city)
    event_id = await city.publish(organiser)
    service_id = await city.served(volunteer, event_id, start=NOON + HOUR, end=NOON + 2 * HOUR)
    assert codes(await city.confirm(office, [service_id], at=NOON + 3 * HOUR)) == {service_id: "NOT_FOUND"}
    assert (await refused(reject(city, office, service_id))).code == "NOT_FOUND"
    assert (await refused(correct(city, office, service_id, 0.5))).code == "NOT_FOUND"
    assert await city.read(office, shapes.sampled_fragment("s", first=100, after=service_id - 1)) == []


async def test_silence_past_the_working_days_goes_to_the_office(city: City) -> None:
    organiser, other, volunteer = await city.organiser(), await city.organiser(), await city.member(NOON - 48 * HOUR)
    event_id = await city.publish(organiser)
    waiting = await city.served(volunteer, event_id, start=NOON + HOUR, end=NOON + 2 * HOUR)
    absent = await city.volunteer()
    await city.sign_up(absent, event_id)
    unsigned = await enter(city, organiser, event_id, absent)

    def dawn(day: date) -> datetime:
        return TERMS.between(day, day)[0]

    async def turn(day: date) -> int:
        async with city.worker.transaction(ANONYMOUS) as unit:
            return await actions.escalate_overdue(unit.session, dawn(day), programme_id=city.programme_id, today=day)

    # Ten working days after Sunday the 22nd of November end with Friday the 4th of December.
    await turn(date(2026, 12, 4))
    assert await city.rows(SERVICE, id=waiting) == [("AWAITING_CONFIRMATION", 60, [])]
    await turn(date(2026, 12, 5))
    assert await city.rows(SERVICE, id=waiting) == [("ESCALATED", 60, [])]
    assert await city.rows(SERVICE, id=unsigned) == [("LAPSED", 120, [])]
    assert await turn(date(2026, 12, 5)) == 0
    assert (await city.rows(HISTORY, id=waiting)) == [("worker", "AWAITING_CONFIRMATION", "ESCALATED", 60, 60)]
    office = await officer(city)
    sampled = await city.read(office, shapes.sampled_fragment("s", first=100, after=waiting - 1))
    assert [one["id"] for one in sampled] == [waiting]
    assert (await city.confirm(office, [waiting], at=dawn(date(2026, 12, 7)))).confirmed == (waiting,)
    assert await city.rows(OWN_SCORE, person=volunteer.person_id) == [(BASE + 1,)]
    assert (await refused(sign(city, other, unsigned))).code == "ALREADY_DECIDED"


# Who is told


async def notices(city: City, caller: Caller) -> list[tuple[Any, ...]]:
    sql = "SELECT kind, params FROM notice WHERE person_id = :person ORDER BY id"
    return await city.rows(sql, person=caller.person_id)


async def test_whoever_signed_up_hears_of_changes_and_of_the_end_of_an_event(city: City) -> None:
    organiser, seated, waiting, left = [await city.organiser(), *[await city.volunteer() for _ in range(3)]]
    event_id = await city.publish(organiser, capacity=1)
    for one in (seated, waiting, left):
        await city.sign_up(one, event_id)
    await city.cancel(left, event_id)

    async def change(*, at: datetime = NOON, by: Caller = organiser, key: UUID | None = None, **values: Any) -> Any:
        change = (event_id, EventDraft(**{**EVENT, "capacity": 2, **values}))
        return await city.act(by, actions.change_event, at, terms=TERMS, change=change, key=key or uuid4())

    key = uuid4()
    assert await change(title="海岸清洁(改期)", key=key) == event_id
    assert await change(title="海岸清洁(改期)", key=key) == event_id
    # The new seat goes to whoever waited.
    assert await city.rows("SELECT taken, capacity FROM event WHERE id = :id", id=event_id) == [(2, 2)]
    assert (await city.state(event_id))[1] == sorted(
        [
            (event_id, await volunteer_id(city, seated), "SIGNED_UP"),
            (event_id, await volunteer_id(city, waiting), "SIGNED_UP"),
            (event_id, await volunteer_id(city, left), "CANCELLED"),
        ]
    )
    before = await city.state(event_id)
    for values, code in (
        ({"capacity": 1}, "CAPACITY_FULL"),
        ({"at": NOON + HOUR}, "TOO_LATE"),
        ({"activity_type": "debt-collection"}, "RULE_REFUSED"),
        ({"by": await city.organiser("warm-home")}, "NOT_FOUND"),
        ({"title": ""}, "INVALID_INPUT"),
    ):
        assert (await refused(change(**values))).code == code
    assert await city.state(event_id) == before
    await city.act(organiser, actions.cancel_event, NOON, event_id=event_id, reason="大风", key=uuid4())
    told = [
        ("EVENT_CHANGED", {"title": "海岸清洁(改期)"}),
        ("EVENT_CANCELLED", {"title": "海岸清洁(改期)", "reason": "大风"}),
    ]
    moved_up = [told[0], ("EVENT_SEAT", {"title": "海岸清洁(改期)"}), told[1]]
    assert [await notices(city, one) for one in (seated, waiting, left)] == [told, moved_up, []]
    assert (await refused(change())).code == "TOO_LATE"


async def volunteer_id(city: City, caller: Caller) -> int:
    [(found,)] = await city.rows("SELECT id FROM volunteer WHERE person_id = :person", person=caller.person_id)
    return int(found)


async def test_a_voided_stretch_says_so_to_its_volunteer(city: City) -> None:
    organiser, volunteer = await city.organiser(), await city.volunteer()
    service_id = await confirmed(city, organiser, volunteer)
    await correct(city, organiser, service_id, 2)
    await correct(city, organiser, service_id, 0, at=NOON + 25 * HOUR)
    assert await notices(city, volunteer) == [
        ("SERVICE_CORRECTED", {"title": "海岸清洁"}),
        ("SERVICE_VOIDED", {"title": "海岸清洁"}),
    ]


async def test_risky_work_needs_insurance(city: City) -> None:
    organiser = await city.organiser()
    terms = replace(TERMS, insured_types=frozenset({EVENT["activity_type"]}))

    async def publish(**values: Any) -> Any:
        draft = EventDraft(**{**EVENT, **values})
        return await city.act(organiser, actions.publish_event, NOON, terms=terms, draft=draft, key=uuid4())

    error = await refused(publish())
    assert (error.code, error.field) == ("RULE_REFUSED", "insured")
    event_id = await publish(insured=True)
    assert await city.rows("SELECT insured FROM event WHERE id = :id", id=event_id) == [(True,)]


# A guardian's consent


async def test_a_minor_registers_with_a_guardians_code_used_once(city: City) -> None:
    guardian, minor = await city.settle(Role.CITIZEN), await city.settle(Role.VOLUNTEER, birth_date=date(2011, 5, 1))
    sibling = await city.settle(Role.VOLUNTEER, birth_date=date(2010, 5, 1))
    key = uuid4()

    async def code(caller: Caller, *, key: UUID, at: datetime = NOON) -> Any:
        return await city.act(caller, actions.make_guardian_code, at, terms=TERMS, key=key)

    assert (await refused(code(minor, key=uuid4()))).rule_source == "R20"
    made = await code(guardian, key=key)
    assert await code(guardian, key=key, at=NOON + HOUR) == made
    assert made.expires_at == NOON + 24 * HOUR
    for caller, given, at in (
        (minor, "GC-00000-00000", NOON),
        (minor, made.code, NOON + 24 * HOUR),
        (sibling, "", NOON),
    ):
        error = await refused(city.register(caller, guardian_code=given, at=at))
        assert (error.code, error.field) == ("INVALID_INPUT", "guardianCode")
    assert (await refused(city.register(minor))).field == "guardianCode"
    registered = await city.register(minor, guardian_code=made.code.lower().replace("-", " "))
    assert await city.rows("SELECT minor_until, guardian_person_id FROM volunteer WHERE id = :id", id=registered) == [
        (date(2029, 5, 1), guardian.person_id)
    ]
    error = await refused(city.register(sibling, guardian_code=made.code))
    assert (error.code, error.field) == ("INVALID_INPUT", "guardianCode")
    child = await city.settle(Role.VOLUNTEER, birth_date=date(2013, 5, 1))
    fresh = await code(guardian, key=uuid4())
    assert (await refused(city.register(child, guardian_code=fresh.code))).field is None


async def test_of_two_minors_with_one_code_one_registers(city: City) -> None:
    guardian = await city.settle(Role.CITIZEN)
    minors = [await city.settle(Role.VOLUNTEER, birth_date=date(2011, 5, 1)) for _ in range(4)]
    made = await city.act(guardian, actions.make_guardian_code, NOON, terms=TERMS, key=uuid4())
    outcomes = await asyncio.gather(
        *(city.register(minor, guardian_code=made.code) for minor in minors), return_exceptions=True
    )
    refusals = [one.field for one in outcomes if isinstance(one, DomainError)]
    assert (refusals, len([one for one in outcomes if isinstance(one, int)])) == (["guardianCode"] * 3, 1)


async def test_two_corrections_at_once_leave_one_truth(city: City) -> None:
    organisers, volunteer = [await city.organiser() for _ in range(3)], await city.member(NOON - 48 * HOUR)
    service_id = await confirmed(city, organisers[0], volunteer)
    at = NOON + 24 * HOUR
    outcomes = await asyncio.gather(
        *(correct(city, one, service_id, 0, at=at) for one in organisers), return_exceptions=True
    )
    assert sorted(getattr(one, "code", "DONE") for one in outcomes) == ["ALREADY_DECIDED", "ALREADY_DECIDED", "DONE"]
    assert await city.rows(OWN_SCORE, person=volunteer.person_id) == [(BASE,)]


# Hours from before joining


async def test_hours_from_before_joining_count_only_when_the_volunteer_says_so(city: City) -> None:
    organiser, newcomer = await city.organiser(), await city.member(NOON + 24 * HOUR)
    stranger = await city.volunteer()
    service_id = await confirmed(city, organiser, newcomer)

    async def say_so(caller: Caller, *, key: UUID) -> Any:
        return await city.act(caller, actions.count_earlier_hours, NOON + 48 * HOUR, terms=TERMS, key=key)

    assert await city.rows(OWN_SCORE, person=newcomer.person_id) == []
    unwilling = await city.volunteer(
        membership=Membership(since=NOON, registration_kind="REGISTERED", consents=("volunteering",))
    )
    assert (await refused(say_so(unwilling, key=uuid4()))).code == "CONSENT_REQUIRED"
    assert (await refused(say_so(stranger, key=uuid4()))).code == "NOT_ALLOWED"
    key = uuid4()
    assert (await say_so(newcomer, key=key), await say_so(newcomer, key=key)) == (1, 1)
    assert await say_so(newcomer, key=uuid4()) == 0
    assert await city.rows(OWN_SCORE, person=newcomer.person_id) == [(BASE + 3,)]
    await correct(city, organiser, service_id, 0, at=NOON + 49 * HOUR)
    assert await city.rows(OWN_SCORE, person=newcomer.person_id) == [(BASE,)]
