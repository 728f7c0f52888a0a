"""Checking in and out with the code that rotates, once and in one place at a time."""

import asyncio
from datetime import timedelta
from uuid import uuid4

from sqlalchemy import text

from domain.actor import ANONYMOUS
from domain.errors import DomainError
from domain.volunteering import actions
from domain.volunteering.rules.attendance import guesser_of
from tests.actions.serving import HOUR, MINUTE, NOON, TERMS, City, city, refused
from tests.actions.test_trust import volunteer_id

__all__ = ["city"]


async def test_the_organiser_shows_a_code_that_rotates(city: City) -> None:
    organiser, volunteer = await city.organiser(), await city.volunteer()
    event_id = await city.publish(organiser)
    at = NOON + HOUR + timedelta(seconds=10)
    shown = await city.act(organiser, actions.show_attendance_code, at, event_id=event_id)
    assert (shown.code, shown.digits) == (city.code(event_id, at), city.digits(event_id, at))
    assert shown.expires_at == NOON + HOUR + timedelta(seconds=30)
    later = await city.act(organiser, actions.show_attendance_code, shown.expires_at, event_id=event_id)
    assert {shown.code, shown.digits}.isdisjoint({later.code, later.digits})
    await city.sign_up(volunteer, event_id)
    before = await city.state(event_id)
    error = await refused(city.check_in(volunteer, shown.code, NOON + HOUR + 60 * timedelta(seconds=1)))
    assert (error.code, error.field) == ("TOO_LATE", "code")
    assert await city.state(event_id) == before
    await city.check_in(volunteer, shown.code, NOON + HOUR + timedelta(seconds=59))


async def test_a_code_is_shown_only_by_its_own_organisation_and_around_the_event(city: City) -> None:
    organiser, other = await city.organiser(), await city.organiser("warm-home")
    event_id = await city.publish(organiser)
    show = actions.show_attendance_code
    assert (await refused(city.act(other, show, NOON + HOUR, event_id=event_id))).code == "NOT_FOUND"
    assert (await refused(city.act(organiser, show, NOON, event_id=event_id))).code == "TOO_EARLY"
    assert (await refused(city.act(organiser, show, NOON + 7 * HOUR, event_id=event_id))).code == "TOO_LATE"


async def test_typed_digits_check_in_and_out(city: City) -> None:
    organiser, volunteer = await city.organiser(), await city.volunteer()
    event_id = await city.publish(organiser)
    await city.sign_up(volunteer, event_id)
    start, end = NOON + HOUR, NOON + 2 * HOUR
    service_id = await city.check_in(volunteer, city.digits(event_id, start), start + timedelta(seconds=45))
    assert await city.check_out(volunteer, city.digits(event_id, end), end) == service_id
    assert await city.rows("SELECT minutes FROM service WHERE id = :id", id=service_id) == [(45,)]


async def test_refused_check_ins_change_nothing(city: City) -> None:
    organiser, volunteer, other = await city.organiser(), await city.volunteer(), await city.volunteer()
    event_id, foreign = await city.publish(organiser), await city.publish(organiser)
    await city.sign_up(volunteer, event_id)
    start = NOON + HOUR
    before = await city.state(event_id, foreign)
    code = city.code(event_id, start)
    for caller, text_given, at, expected in (
        (volunteer, code[:-1] + ("X" if code[-1] != "X" else "Y"), start, "INVALID_INPUT"),
        (volunteer, "00000000", start, "INVALID_INPUT"),
        (volunteer, "", start, "INVALID_INPUT"),
        (volunteer, city.digits(foreign, start), start, "INVALID_INPUT"),
        (volunteer, city.code(foreign, start), start, "NOT_ALLOWED"),
        (other, code, start, "NOT_ALLOWED"),
        (volunteer, code, start + MINUTE, "TOO_LATE"),
        (volunteer, city.code(event_id, NOON), NOON, "TOO_EARLY"),
        (volunteer, city.code(event_id, NOON + 4 * HOUR), NOON + 4 * HOUR, "TOO_LATE"),
        (volunteer, city.code(2**40, start), start, "NOT_FOUND"),
    ):
        error = await refused(city.check_in(caller, text_given, at))
        assert (error.code, text_given) == (expected, text_given)
    assert (await refused(city.check_out(volunteer, code, start))).code == "TOO_EARLY"
    assert await city.state(event_id, foreign) == before


async def test_digits_are_guessed_at_five_times_a_minute_and_the_picture_goes_on_working(city: City) -> None:
    organiser, volunteer, other = await city.organiser(), await city.volunteer(), await city.volunteer()
    event_id = await city.publish(organiser)
    for one in (volunteer, other):
        await city.sign_up(one, event_id)
    start, key = NOON + HOUR, uuid4()
    before = await city.state(event_id)
    right = city.digits(event_id, start)
    wrong = [f"{guess:08}" for guess in range(20) if f"{guess:08}" != right]
    guessed = await asyncio.gather(*(city.check_in(volunteer, one, start) for one in wrong), return_exceptions=True)
    codes = [one.code for one in guessed if isinstance(one, DomainError)]
    assert sorted(codes) == ["INVALID_INPUT"] * 5 + ["RATE_LIMITED"] * (len(wrong) - 5)
    limited = await refused(city.check_in(volunteer, right, start))
    assert (limited.code, limited.retry_after_ms) == ("RATE_LIMITED", 60_000)
    assert (await refused(city.check_out(volunteer, right, start))).code == "RATE_LIMITED"
    assert await city.state(event_id) == before
    # Others type, the picture is scanned, and a minute later digits are read again; right ones are no guesses.
    await city.check_in(other, right, start)
    await city.check_in(volunteer, city.code(event_id, start), start)
    end = start + HOUR
    scan = ("00000000", None)
    for _ in range(4):
        outcome = await city.act(volunteer, actions.check_out, end, terms=TERMS, scan=scan, key=key)
        assert outcome.code == "INVALID_INPUT"
    scan = (city.digits(event_id, end), None)
    assert isinstance(await city.act(volunteer, actions.check_out, end, terms=TERMS, scan=scan, key=key), int)
    assert await city.rows(
        "SELECT wrong FROM guess WHERE guesser = :guesser ORDER BY minute",
        guesser=guesser_of(city.database.vault, await volunteer_id(city, volunteer)),
    ) == [(5,), (4,)]


async def test_whoever_has_left_checks_in_no_more(city: City) -> None:
    organiser, volunteer = await city.organiser(), await city.volunteer()
    event_id = await city.publish(organiser)
    await city.sign_up(volunteer, event_id)
    async with city.worker.transaction(ANONYMOUS) as unit:
        await unit.session.execute(
            text("UPDATE volunteer SET left_at = :now WHERE person_id = :id"), {"now": NOON, "id": volunteer.person_id}
        )
    error = await refused(city.check_in(volunteer, city.code(event_id, NOON + HOUR), NOON + HOUR))
    assert error.code == "NOT_ALLOWED"


async def test_nobody_checks_in_or_out_twice(city: City) -> None:
    organiser, volunteer = await city.organiser(), await city.volunteer()
    event_id = await city.publish(organiser)
    await city.sign_up(volunteer, event_id)
    start, end, key = NOON + HOUR, NOON + 2 * HOUR, uuid4()
    ids = {
        await city.act(volunteer, actions.check_in, start, code=city.code(event_id, start), scanned_at=None, key=key)
        for _ in range(2)
    }
    assert len(ids) == 1
    before = await city.state(event_id)
    assert (await refused(city.check_in(volunteer, city.code(event_id, end), end))).code == "ALREADY_DECIDED"
    assert (await refused(city.cancel(volunteer, event_id, at=end))).code == "ALREADY_DECIDED"
    assert await city.state(event_id) == before
    key = uuid4()
    for _ in range(2):
        await city.act(volunteer, actions.check_out, end, terms=TERMS, scan=(city.code(event_id, end), None), key=key)
    before = await city.state(event_id)
    assert (await refused(city.check_out(volunteer, city.code(event_id, end), end))).code == "ALREADY_DECIDED"
    assert await city.state(event_id) == before


async def test_nobody_serves_two_organisations_at_once(city: City) -> None:
    shore, home = await city.organiser(), await city.organiser("warm-home")
    volunteer = await city.volunteer()
    first, second = await city.publish(shore), await city.publish(home)
    for event_id in (first, second):
        await city.sign_up(volunteer, event_id)
    start = NOON + HOUR
    await city.check_in(volunteer, city.code(first, start), start)
    before = await city.state(first, second)
    error = await refused(city.check_in(volunteer, city.code(second, start + HOUR), start + HOUR))
    assert (error.code, error.rule_source) == ("OVERLAP", "R17")
    assert await city.state(first, second) == before
    await city.check_out(volunteer, city.code(first, start + HOUR), start + HOUR)
    within = start + 30 * MINUTE
    before = await city.state(first, second)
    error = await refused(city.check_in(volunteer, city.code(second, within), start + HOUR, scanned_at=within))
    assert error.code == "OVERLAP"
    assert await city.state(first, second) == before
    await city.check_in(volunteer, city.code(second, start + HOUR), start + HOUR)


async def test_two_phones_checking_in_at_once_begin_one_stretch(city: City) -> None:
    shore, home = await city.organiser(), await city.organiser("warm-home")
    volunteer = await city.volunteer()
    events = [await city.publish(shore), await city.publish(home)]
    for event_id in events:
        await city.sign_up(volunteer, event_id)
    start = NOON + HOUR
    outcomes = await asyncio.gather(
        *(city.check_in(volunteer, city.code(one, start), start) for one in events * 5), return_exceptions=True
    )
    begun = [one for one in outcomes if not isinstance(one, BaseException)]
    codes = {one.code for one in outcomes if isinstance(one, DomainError)}
    assert len(begun) == 1
    assert codes <= {"OVERLAP", "ALREADY_DECIDED"}
    assert len([one for one in outcomes if isinstance(one, DomainError)]) == 9


async def test_a_code_scanned_without_a_network_counts_within_a_day(city: City) -> None:
    organiser, volunteer = await city.organiser(), await city.volunteer()
    event_id = await city.publish(organiser)
    await city.sign_up(volunteer, event_id)
    start, end = NOON + HOUR, NOON + 2 * HOUR
    late = start + 24 * HOUR + timedelta(seconds=1)
    before = await city.state(event_id)
    error = await refused(city.check_in(volunteer, city.code(event_id, start), late, scanned_at=start))
    assert (error.code, error.field) == ("TOO_LATE", "scannedAt")
    error = await refused(city.check_in(volunteer, city.code(event_id, start), late, scanned_at=start + 2 * MINUTE))
    assert (error.code, error.field) == ("TOO_LATE", "code")
    assert await city.state(event_id) == before
    delivered = end + 20 * HOUR
    service_id = await city.check_in(volunteer, city.digits(event_id, start), delivered, scanned_at=start)
    await city.check_out(volunteer, city.code(event_id, end), delivered, scanned_at=end)
    assert await city.rows("SELECT entered_by, started_at, minutes FROM service WHERE id = :id", id=service_id) == [
        ("OFFLINE_CODE", start, 60)
    ]


async def test_a_forgotten_check_out_lapses_and_may_still_arrive(city: City) -> None:
    shore, home = await city.organiser(), await city.organiser("warm-home")
    volunteer = await city.volunteer()
    first = await city.publish(shore)
    second = await city.publish(home, starts_at=NOON + 4 * HOUR, ends_at=NOON + 8 * HOUR)
    for event_id in (first, second):
        await city.sign_up(volunteer, event_id)
    start, next_start = NOON + HOUR, NOON + 5 * HOUR
    forgotten = await city.check_in(volunteer, city.code(first, start), start)
    await city.check_in(volunteer, city.code(second, next_start), next_start)
    sql = "SELECT status, signals, minutes FROM service WHERE id = :id"
    assert await city.rows(sql, id=forgotten) == [("LAPSED", ["NO_CHECK_OUT"], None)]
    end = NOON + 3 * HOUR
    await city.check_out(volunteer, city.code(first, end), next_start, scanned_at=end)
    assert await city.rows(sql, id=forgotten) == [("AWAITING_CONFIRMATION", [], 120)]
