"""Who volunteers, which time counts, and when a code holds: tables of examples."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.calendar import add_working_days, is_published, is_working_day
from domain.errors import DomainError
from domain.vault import Vault
from domain.volunteering.rules import attendance, events, registration, services, trust
from domain.volunteering.rules.attendance import Stamp
from domain.volunteering.rules.events import EventDraft, EventState, Near
from domain.volunteering.rules.services import AwaitedService, Stretch
from domain.volunteering.rules.terms import VolunteerTerms, minutes_to_next_star, stars
from domain.volunteering.rules.trust import TimeElsewhere

VAULT = Vault(bytes(range(32)))
NOON = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
TERMS = VolunteerTerms(
    timezone="Asia/Shanghai",
    minimum_age=14,
    daily_hours=8,
    yearly_hours=400,
    confirm_working_days=10,
    stars_hours=(100, 300, 600, 1000, 1500),
    activity_types=frozenset({"elder-visits"}),
)


def refused(decide: Callable[[], object]) -> DomainError:
    with pytest.raises(DomainError) as caught:
        decide()
    return caught.value


# Working days


@pytest.mark.parametrize(
    ("day", "count", "last", "provisional"),
    [
        # The national holiday of 2026 rests from the 1st to the 7th, and Saturday the 10th is worked.
        (date(2026, 9, 30), 1, date(2026, 10, 8), False),
        (date(2026, 10, 9), 1, date(2026, 10, 10), False),
        (date(2026, 11, 20), 10, date(2026, 12, 4), False),
        (date(2026, 12, 31), 1, date(2027, 1, 1), True),
        (date(2026, 11, 20), 0, date(2026, 11, 20), False),
    ],
)
def test_working_days_follow_the_published_calendar(day: date, count: int, last: date, provisional: bool) -> None:
    assert add_working_days(day, count) == (last, provisional)


def test_beyond_the_published_years_weekdays_stand_in() -> None:
    assert not is_published(date(2031, 1, 1))
    assert [is_working_day(date(2031, 1, day)) for day in range(1, 6)] == [True, True, True, False, False]


# Registration


def test_a_number_is_readable_derived_from_the_person_and_catches_a_slip() -> None:
    number = registration.new_number(VAULT, programme_id=1, person_id=7, attempt=0)
    assert number == registration.new_number(VAULT, programme_id=1, person_id=7, attempt=0)
    assert number != registration.new_number(VAULT, programme_id=2, person_id=7, attempt=0)
    assert number != registration.new_number(VAULT, programme_id=1, person_id=7, attempt=1)
    assert registration.read_number(number.lower().replace("-", " ")) == number
    assert registration.read_number("V123-456-78") is None


@given(st.integers(0, 10**9 - 1), st.integers(0, 9), st.integers(1, 9))
def test_every_single_wrong_digit_is_found(body: int, place: int, by: int) -> None:
    digits = f"{body:09}"
    whole = f"{digits}{registration.check_digit(digits)}"
    wrong = f"{whole[:place]}{(int(whole[place]) + by) % 10}{whole[place + 1 :]}"
    assert registration.read_number(whole) is not None
    assert registration.read_number(wrong) is None


@given(st.integers(0, 10**9 - 1), st.integers(0, 8))
def test_every_swap_of_neighbours_is_found(body: int, place: int) -> None:
    digits = f"{body:09}"
    whole = f"{digits}{registration.check_digit(digits)}"
    swapped = f"{whole[:place]}{whole[place + 1]}{whole[place]}{whole[place + 2 :]}"
    assert swapped == whole or registration.read_number(swapped) is None


@pytest.mark.parametrize(("typed", "name"), [(" 小  林 ", "小 林"), ("Lin", "Lin"), ("x" * 20, "x" * 20)])
def test_a_call_name_is_one_clean_line(typed: str, name: str) -> None:
    assert registration.call_name(typed) == name


@pytest.mark.parametrize("typed", ["", "   ", "x" * 21, "a\u0000b"])
def test_a_call_name_that_cannot_be_called_out_is_refused(typed: str) -> None:
    error = refused(lambda: registration.call_name(typed))
    assert (error.code, error.field) == ("INVALID_INPUT", "callName")


@pytest.mark.parametrize(
    ("born", "field"),
    [
        (date(2012, 11, 23), None),
        (date(2012, 11, 22), "guardianCode"),
        (date(2008, 11, 23), "guardianCode"),
        (None, None),
    ],
)
def test_whoever_is_too_young_or_of_unknown_age_is_refused_with_the_rule(born: date | None, field: str | None) -> None:
    error = refused(lambda: registration.minor_until(born, date(2026, 11, 22), TERMS))
    assert (error.code, error.rule_source, error.field) == ("RULE_REFUSED", "R20", field)


def test_an_adult_registers_on_the_day_of_coming_of_age() -> None:
    assert registration.minor_until(date(2008, 11, 22), date(2026, 11, 22), TERMS) is None


@pytest.mark.parametrize(
    ("hours", "earned", "missing"),
    [(0, 0, 100), (99.75, 0, 0.25), (100, 1, 200), (1499, 4, 1), (1500, 5, None), (9000, 5, None)],
)
def test_stars_follow_the_thresholds(hours: float, earned: int, missing: float | None) -> None:
    minutes = int(hours * 60)
    assert stars(minutes, TERMS.stars_hours) == earned
    assert minutes_to_next_star(minutes, TERMS.stars_hours) == (None if missing is None else int(missing * 60))


# The attendance code


@pytest.mark.parametrize(("after", "fresh"), [(-1, False), (0, True), (29, True), (30, True), (59, True), (60, False)])
def test_a_code_holds_for_its_half_minute_and_one_more(after: int, fresh: bool) -> None:
    stamp = Stamp(event_id=42, step=attendance.step_at(NOON))
    assert stamp.is_fresh_at(NOON + timedelta(seconds=after)) is fresh
    assert (stamp.step in attendance.live_steps(NOON + timedelta(seconds=after))) is fresh


def test_the_next_code_takes_over_after_thirty_seconds() -> None:
    step = attendance.step_at(NOON + timedelta(seconds=17))
    assert attendance.step_ends(step) == NOON + timedelta(seconds=30)
    assert attendance.step_at(attendance.step_ends(step)) == step + 1


@given(st.integers(1, 2**48 - 1), st.integers(0, 2**32 - 1))
def test_a_code_names_its_event_and_half_minute(event_id: int, step: int) -> None:
    stamp = Stamp(event_id=event_id, step=step)
    text = attendance.code_text(VAULT, stamp)
    assert len(text) == 36
    assert attendance.read_code(VAULT, text) == stamp
    assert attendance.read_code(VAULT, f" at1:{text[4:].lower().replace('0', 'o').replace('1', 'l')} ") == stamp
    assert attendance.read_code(Vault(bytes(32)), text) is None


def test_a_code_that_was_altered_is_nobodys() -> None:
    text = attendance.code_text(VAULT, Stamp(event_id=42, step=59_000_000))
    altered = [f"{text[:at]}{'X' if text[at] != 'X' else 'Y'}{text[at + 1 :]}" for at in range(4, len(text))]
    for wrong in [*altered, text[:-1], text.replace("AT1:", "AT2:"), "AT1:" + "U" * 32, ""]:
        assert attendance.read_code(VAULT, wrong) is None


def test_typed_digits_may_be_full_width_and_spaced() -> None:
    assert attendance.read_digits(" 1234 5678 ") == "12345678"
    assert attendance.read_digits("１２３４-５６７８") == "12345678"
    assert attendance.read_digits("1234567") is None
    assert attendance.read_digits("1234567A") is None


def test_digits_differ_by_event_and_half_minute() -> None:
    seen = {
        attendance.digits_text(VAULT, Stamp(event_id=event, step=step)) for event in range(1, 40) for step in range(10)
    }
    assert len(seen) == 390
    assert {len(digits) for digits in seen} == {8}


@pytest.mark.parametrize(
    ("scanned", "expected"),
    [(None, NOON), (NOON, NOON), (NOON - 24 * HOUR, NOON - 24 * HOUR), (NOON + timedelta(seconds=60), NOON)],
)
def test_a_scan_happened_now_or_up_to_a_day_ago(scanned: datetime | None, expected: datetime) -> None:
    assert attendance.scan_instant(NOON, scanned) == expected


@pytest.mark.parametrize(
    ("scanned", "code"),
    [
        (NOON + timedelta(seconds=61), "INVALID_INPUT"),
        (NOON.replace(tzinfo=None), "INVALID_INPUT"),
        (NOON - 24 * HOUR - timedelta(seconds=1), "TOO_LATE"),
    ],
)
def test_a_scan_of_the_future_or_of_long_ago_is_refused(scanned: datetime, code: str) -> None:
    error = refused(lambda: attendance.scan_instant(NOON, scanned))
    assert (error.code, error.field) == (code, "scannedAt")


@pytest.mark.parametrize(
    ("given_time", "minutes"),
    [
        (timedelta(0), 0),
        (timedelta(minutes=14, seconds=59), 0),
        (timedelta(minutes=15), 15),
        (timedelta(minutes=59, seconds=59), 45),
        (HOUR, 60),
        (timedelta(hours=2, minutes=44), 150),
        (timedelta(minutes=-5), 0),
    ],
)
def test_time_counts_in_whole_quarters_rounded_down(given_time: timedelta, minutes: int) -> None:
    assert attendance.minutes_given(NOON, NOON + given_time) == minutes


def test_time_counts_until_half_an_hour_after_the_event() -> None:
    assert attendance.counted_end(NOON + timedelta(minutes=29), NOON) == NOON + timedelta(minutes=29)
    assert attendance.counted_end(NOON + HOUR, NOON) == NOON + timedelta(minutes=30)


@pytest.mark.parametrize(
    ("at", "code"),
    [(NOON - timedelta(minutes=31), "TOO_EARLY"), (NOON + 5 * HOUR + timedelta(seconds=1), "TOO_LATE")],
)
def test_a_code_is_shown_only_around_its_event(at: datetime, code: str) -> None:
    assert refused(lambda: attendance.check_code_hours(NOON, NOON + 3 * HOUR, at)).code == code


def test_a_code_is_shown_from_half_an_hour_before_until_two_hours_after() -> None:
    attendance.check_code_hours(NOON, NOON + 3 * HOUR, NOON - timedelta(minutes=30))
    attendance.check_code_hours(NOON, NOON + 3 * HOUR, NOON + 5 * HOUR)


# Events


def draft(**changes: object) -> EventDraft:
    values: dict[str, object] = {
        "title": "Reading aloud",
        "description": "We read to those who cannot.",
        "place": "City library",
        "starts_at": NOON + HOUR,
        "ends_at": NOON + 3 * HOUR,
        "capacity": 5,
        "activity_type": "elder-visits",
    }
    return EventDraft(**{**values, **changes})  # type: ignore[arg-type]  # a table of examples


def test_an_event_to_come_is_published() -> None:
    events.check_draft(draft(), NOON, TERMS)
    events.check_draft(draft(lat=37.1, lon=122.4, minimum_age=16), NOON, TERMS)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"title": " "}, "title"),
        ({"title": "x" * 81}, "title"),
        ({"description": ""}, "description"),
        ({"place": ""}, "place"),
        ({"starts_at": NOON}, "startsAt"),
        ({"starts_at": NOON + 367 * 24 * HOUR, "ends_at": NOON + 367 * 24 * HOUR + HOUR}, "startsAt"),
        ({"starts_at": datetime(2026, 12, 1, 9)}, "startsAt"),  # noqa: DTZ001 - without a zone on purpose
        ({"ends_at": NOON + HOUR}, "endsAt"),
        ({"ends_at": NOON + 26 * HOUR}, "endsAt"),
        ({"capacity": 0}, "capacity"),
        ({"capacity": 1001}, "capacity"),
        ({"minimum_age": -1}, "minimumAge"),
        ({"minimum_age": 121}, "minimumAge"),
        ({"lat": 37.1}, "lat"),
        ({"lat": 91.0, "lon": 0.0}, "lat"),
    ],
)
def test_a_draft_out_of_its_limits_is_refused_by_field(changes: dict[str, object], field: str) -> None:
    error = refused(lambda: events.check_draft(draft(**changes), NOON, TERMS))
    assert (error.code, error.field) == ("INVALID_INPUT", field)


def test_what_is_not_volunteering_is_refused_with_the_rule() -> None:
    error = refused(lambda: events.check_draft(draft(activity_type="sales"), NOON, TERMS))
    assert (error.code, error.field, error.rule_source) == ("RULE_REFUSED", "activityType", "R16")


@pytest.mark.parametrize(("lat", "lon", "metres"), [(91, 0, 100), (0, 181, 100), (0, 0, 0), (0, 0, 100_001)])
def test_a_place_that_is_not_on_earth_is_refused(lat: float, lon: float, metres: int) -> None:
    error = refused(lambda: Near(lat=lat, lon=lon, within_metres=metres))
    assert (error.code, error.field) == ("INVALID_INPUT", "near")


def event(**changes: object) -> EventState:
    values: dict[str, object] = {
        "id": 9,
        "programme_id": 1,
        "organisation_id": 3,
        "starts_at": NOON - HOUR,
        "ends_at": NOON + HOUR,
        "minimum_age": None,
        "cancelled": False,
    }
    return EventState(**{**values, **changes})  # type: ignore[arg-type]  # a table of examples


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (None, "NOT_FOUND"),
        (event(programme_id=2), "NOT_FOUND"),
        (event(cancelled=True), "TOO_LATE"),
        (event(ends_at=NOON), "TOO_LATE"),
    ],
)
def test_only_events_to_come_or_going_on_take_sign_ups(found: EventState | None, code: str) -> None:
    assert refused(lambda: events.check_open(found, programme_id=1, now=NOON)).code == code


@pytest.mark.parametrize("standing", ["SIGNED_UP", "WAITING", "CHECKED_IN"])
def test_nobody_signs_up_twice(standing: str) -> None:
    assert refused(lambda: events.check_may_sign_up(standing)).code == "ALREADY_DECIDED"


@pytest.mark.parametrize("standing", [None, "CANCELLED"])
def test_whoever_cancelled_may_come_back(standing: str | None) -> None:
    events.check_may_sign_up(standing)


@pytest.mark.parametrize(
    ("standing", "code"), [(None, "NOT_FOUND"), ("CHECKED_IN", "ALREADY_DECIDED"), ("CANCELLED", "ALREADY_DECIDED")]
)
def test_only_a_standing_sign_up_is_cancelled(standing: str | None, code: str) -> None:
    assert refused(lambda: events.check_may_cancel(standing)).code == code


@pytest.mark.parametrize("born", [None, date(2011, 1, 1)])
def test_an_event_may_ask_for_an_age(born: date | None) -> None:
    error = refused(lambda: events.check_old_enough(event(minimum_age=16), born, date(2026, 11, 22)))
    assert (error.code, error.rule_source) == ("RULE_REFUSED", "R20")


@pytest.mark.parametrize(("minimum", "born"), [(None, None), (16, date(2010, 11, 22))])
def test_whoever_is_old_enough_may_come(minimum: int | None, born: date | None) -> None:
    events.check_old_enough(event(minimum_age=minimum), born, date(2026, 11, 22))


# Stretches


def stretch(start: float, end: float | None, *, status: str = "CONFIRMED", number: int = 1, at: int = 9) -> Stretch:
    """Hours from noon."""
    return Stretch(
        id=number,
        event_id=at,
        organisation_id=3,
        event_ends_at=NOON + 3 * HOUR,
        started_at=NOON + start * HOUR,
        ended_at=None if end is None else NOON + end * HOUR,
        minutes=None,
        status=status,
    )


@pytest.mark.parametrize(
    ("others", "code"),
    [
        ([stretch(-1, None, status="CHECKED_IN")], "ALREADY_DECIDED"),
        ([stretch(-1, None, status="CHECKED_IN", at=8)], "OVERLAP"),
        ([stretch(1, None, status="CHECKED_IN", at=8)], "OVERLAP"),
        ([stretch(-1, 1, at=8)], "OVERLAP"),
        ([stretch(0, 1, at=8, status="AWAITING_CONFIRMATION")], "OVERLAP"),
        ([stretch(-9, -8), stretch(-1, 0.25)], "OVERLAP"),
    ],
)
def test_nobody_begins_twice_or_in_two_places(others: list[Stretch], code: str) -> None:
    assert refused(lambda: services.check_may_begin(others, 9, NOON)).code == code


@pytest.mark.parametrize(
    "others",
    [
        [],
        [stretch(-1, 0)],
        [stretch(-1, 1, status="REJECTED")],
        [stretch(-1, None, status="LAPSED", at=8)],
    ],
)
def test_a_stretch_begins_where_another_has_ended(others: list[Stretch]) -> None:
    services.check_may_begin(others, 9, NOON)


@pytest.mark.parametrize(
    ("start", "end", "overlaps"),
    [(0, 1, False), (2, 3, False), (0, 1.25, True), (1.75, 3, True), (1.25, 1.5, True), (0, 3, True)],
)
def test_r17_finished_stretches_share_no_minute(start: float, end: float, overlaps: bool) -> None:
    own = stretch(start, None, status="CHECKED_IN", number=2)
    others = [own, stretch(1, 2, at=8), stretch(1, 2, status="REJECTED", number=3), stretch(0, None, number=4)]
    if overlaps:
        error = refused(lambda: services.check_apart(others, own, NOON + end * HOUR))
        assert (error.code, error.rule_source) == ("OVERLAP", "R17")
    else:
        services.check_apart(others, own, NOON + end * HOUR)


def test_a_check_out_ends_the_open_stretch_even_one_that_lapsed() -> None:
    done, running = stretch(-3, -2, number=1), stretch(-1, None, status="CHECKED_IN", number=2)
    lapsed = stretch(-1, None, status="LAPSED", number=3)
    assert services.stretch_to_end([done, running], 9, NOON) is running
    assert services.stretch_to_end([done, lapsed], 9, NOON) is lapsed


@pytest.mark.parametrize(
    ("own", "code"),
    [
        ([], "TOO_EARLY"),
        ([stretch(-1, None, status="CHECKED_IN", at=8)], "TOO_EARLY"),
        ([stretch(1, None, status="CHECKED_IN")], "TOO_EARLY"),
        ([stretch(-2, -1)], "ALREADY_DECIDED"),
    ],
)
def test_nobody_checks_out_before_checking_in_or_twice(own: list[Stretch], code: str) -> None:
    assert refused(lambda: services.stretch_to_end(own, 9, NOON)).code == code


@pytest.mark.parametrize(
    ("found", "standing", "code"),
    [
        (None, None, "NOT_FOUND"),
        (event(programme_id=2), "SIGNED_UP", "NOT_FOUND"),
        (event(cancelled=True), "SIGNED_UP", "TOO_LATE"),
        (event(), None, "NOT_ALLOWED"),
        (event(), "WAITING", "NOT_ALLOWED"),
        (event(), "CANCELLED", "NOT_ALLOWED"),
    ],
)
def test_only_who_holds_a_seat_attends(found: EventState | None, standing: str | None, code: str) -> None:
    assert refused(lambda: services.check_may_attend(found, standing, programme_id=1)).code == code


def test_check_in_is_open_from_half_an_hour_before_until_the_end() -> None:
    opens = event(starts_at=NOON, ends_at=NOON + HOUR)
    services.check_in_hours(opens, NOON - timedelta(minutes=30))
    assert refused(lambda: services.check_in_hours(opens, NOON - timedelta(minutes=31))).code == "TOO_EARLY"
    assert refused(lambda: services.check_in_hours(opens, NOON + HOUR)).code == "TOO_LATE"


def test_check_out_closes_two_hours_after_the_end() -> None:
    services.check_out_hours(event(ends_at=NOON), NOON + 2 * HOUR)
    assert refused(lambda: services.check_out_hours(event(ends_at=NOON), NOON + 2.01 * HOUR)).code == "TOO_LATE"


@pytest.mark.parametrize(
    ("of_day", "of_year", "signals"),
    [(480, 24_000, []), (495, 495, ["DAILY_CAP"]), (495, 24_015, ["DAILY_CAP", "YEARLY_CAP"])],
)
def test_hours_beyond_a_cap_are_marked(of_day: int, of_year: int, signals: list[str]) -> None:
    elsewhere = TimeElsewhere(
        overlaps=False, minutes_of_day=of_day - 60, minutes_of_year=of_year - 60, metres_per_second=0
    )
    assert trust.signals_of_time(elsewhere, 60, TERMS) == signals


def awaited(*, status: str = "AWAITING_CONFIRMATION", entered_by: int | None = None) -> AwaitedService:
    return AwaitedService(
        id=1,
        programme_id=1,
        organisation_id=3,
        event_id=4,
        title="Reading aloud",
        volunteer_id=5,
        volunteer_person_id=50,
        wrapped_key=None,
        entered_by_person=entered_by,
        status=status,
        started_at=NOON,
        ended_at=NOON + HOUR,
        event_ends_at=NOON + 2 * HOUR,
        minutes=60,
    )


@pytest.mark.parametrize(
    ("service", "person", "code"),
    [
        (awaited(), 60, None),
        (awaited(status="ESCALATED"), 60, None),
        (None, 60, "NOT_FOUND"),
        (awaited(status="CHECKED_IN"), 60, "TOO_EARLY"),
        (awaited(status="CONFIRMED"), 60, "ALREADY_DECIDED"),
        (awaited(status="REJECTED"), 60, "ALREADY_DECIDED"),
        (awaited(), 50, "SAME_PERSON"),
        (awaited(entered_by=60), 60, "SAME_PERSON"),
    ],
)
def test_service_is_confirmed_by_somebody_else_and_once(
    service: AwaitedService | None, person: int, code: str | None
) -> None:
    assert services.refusal_to_decide(service, person) == code
    assert code is None or services.refusal(code).code == code


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501])
def test_a_reason_is_given(reason: str) -> None:
    assert refused(lambda: services.check_reason(reason)).code == "INVALID_INPUT"
    assert services.check_reason(" late ") == "late"


@pytest.mark.parametrize("count", [0, 101])
def test_a_batch_has_limits(count: int) -> None:
    assert refused(lambda: services.check_batch(range(count))).code == "INVALID_INPUT"
