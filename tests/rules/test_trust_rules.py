"""Signals, entries by hand, corrections, records and the exchange format: tables of examples."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from domain.actor import Role
from domain.errors import DomainError
from domain.values import words
from domain.vault import Vault
from domain.volunteering.rules import certificates, entries, exchange, registration, services, trust
from domain.volunteering.rules.certificates import Certified, Heading
from domain.volunteering.rules.trust import TimeElsewhere
from tests.rules.test_volunteering_rules import HOUR, NOON, TERMS, VAULT, awaited

MINUTE = timedelta(minutes=1)


def refused(decide: Callable[[], object]) -> DomainError:
    with pytest.raises(DomainError) as caught:
        decide()
    return caught.value


# Signals


@pytest.mark.parametrize(
    ("metres_per_second", "signals"), [(0, []), (33.3, []), (33.4, ["DISTANCE"]), (9000, ["DISTANCE"])]
)
def test_nobody_travels_faster_than_120_km_an_hour(metres_per_second: float, signals: list[str]) -> None:
    elsewhere = TimeElsewhere(overlaps=False, minutes_of_day=0, minutes_of_year=0, metres_per_second=metres_per_second)
    assert trust.signals_of_time(elsewhere, 60, TERMS) == signals


@pytest.mark.parametrize(
    ("ended_at", "lately", "signals"),
    [
        (NOON - HOUR, 100, []),
        (NOON - HOUR, 101, ["BURST"]),
        (NOON - 2 * MINUTE, 1, []),
        (NOON - MINUTE, 1, ["BURST"]),
        (None, 1, []),
    ],
)
def test_confirming_too_quickly_or_too_much_is_noticed(
    ended_at: datetime | None, lately: int, signals: list[str]
) -> None:
    assert trust.signals_of_confirming(ended_at, NOON, confirmed_lately=lately) == signals


def test_about_one_stretch_in_twenty_is_drawn_and_always_the_same_ones() -> None:
    drawn = [number for number in range(20_000) if trust.is_sampled(VAULT, number)]
    assert 900 < len(drawn) < 1100
    assert drawn[:50] != [n for n in range(20_000) if trust.is_sampled(Vault(bytes(32)), n)][:50]


@pytest.mark.parametrize("signal", trust.HELD)
def test_a_stretch_with_a_signal_waits_for_the_office_and_says_which(signal: str) -> None:
    held = replace(awaited(), signals=[signal])
    code = services.refusal_to_confirm(held, 60)
    assert code == f"HELD:{signal}"
    assert (services.refusal(code).code, signal in services.refusal(code).message.en) == ("RULE_REFUSED", True)
    assert services.refusal_to_confirm(held, 60, Role.OFFICER) is None
    assert services.refusal_to_decide(held, 60) is None


@pytest.mark.parametrize("signal", ["SAMPLED", "NO_CHECK_OUT"])
def test_other_signals_hold_nothing_back(signal: str) -> None:
    assert services.refusal_to_confirm(replace(awaited(), signals=[signal]), 60) is None


@pytest.mark.parametrize("device", ["", "short", "x" * 201, "line\nbreak-in-the-id"])
def test_a_device_is_an_id_that_an_app_makes(device: str) -> None:
    assert refused(lambda: trust.device_digest(VAULT, 1, device)).field == "device"


def test_a_device_is_told_again_within_one_event_only() -> None:
    phone = "0123456789abcdef"
    assert trust.device_digest(VAULT, 1, phone) == trust.device_digest(VAULT, 1, phone)
    assert trust.device_digest(VAULT, 1, phone) != trust.device_digest(VAULT, 2, phone)
    assert trust.device_digest(VAULT, 1, None) is None


# Corrections


@pytest.mark.parametrize(
    ("status", "minutes", "then"),
    [
        ("CONFIRMED", 30, ("CONFIRMED", True)),
        ("CONFIRMED", 0, ("CORRECTED", True)),
        ("CONFIRMED", 75, ("AWAITING_CONFIRMATION", False)),
        ("AWAITING_CONFIRMATION", 30, ("AWAITING_CONFIRMATION", False)),
        ("ESCALATED", 30, ("AWAITING_CONFIRMATION", False)),
        ("LAPSED", 30, ("AWAITING_CONFIRMATION", False)),
        ("AWAITING_COUNTERSIGNATURE", 30, ("AWAITING_COUNTERSIGNATURE", False)),
    ],
)
def test_what_a_correction_makes_of_a_stretch(status: str, minutes: int, then: tuple[str, bool]) -> None:
    done = entries.corrected(awaited(status=status), minutes, person_id=60, role=Role.ORGANISER)
    assert (done.status, done.gives_less, done.minutes) == (*then, minutes)


@pytest.mark.parametrize(
    ("status", "minutes", "person", "code"),
    [
        ("CHECKED_IN", 30, 60, "TOO_EARLY"),
        ("REJECTED", 30, 60, "ALREADY_DECIDED"),
        ("CORRECTED", 30, 60, "ALREADY_DECIDED"),
        ("CONFIRMED", 30, 50, "SAME_PERSON"),
        ("CONFIRMED", 60, 60, "INVALID_INPUT"),
        # Half an hour after the event at most: two and a half hours.
        ("CONFIRMED", 165, 60, "INVALID_INPUT"),
        ("AWAITING_CONFIRMATION", 0, 60, "INVALID_INPUT"),
    ],
)
def test_corrections_that_cannot_be(status: str, minutes: int, person: int, code: str) -> None:
    error = refused(lambda: entries.corrected(awaited(status=status), minutes, person_id=person, role=Role.ORGANISER))
    assert error.code == code


# Guardians


def test_a_guardians_code_is_read_however_it_is_typed() -> None:
    code = registration.guardian_code(VAULT, 7, "key")
    assert (code[:3], len(code), code) == ("GC-", 14, registration.guardian_code(VAULT, 7, "key"))
    typed = code.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    assert registration.guardian_mac(VAULT, typed) == registration.guardian_mac(VAULT, code)
    assert registration.guardian_mac(VAULT, code[:-1]) != registration.guardian_mac(VAULT, code)


# Records

STRETCH = Certified(
    id=1,
    organisation_id=3,
    organisation=words("海岸队", "Shore"),
    title="海岸清洁",
    activity_type="unlisted",
    started_at=datetime(2026, 11, 21, 23, 0, tzinfo=UTC),
    ended_at=datetime(2026, 11, 22, 0, 30, tzinfo=UTC),
    minutes=90,
)
HEADING = Heading(programme=words("示例", "Example"), timezone="Asia/Shanghai", activities={}, is_certificate=False)


def test_a_record_is_sealed_and_read_again() -> None:
    other = replace(STRETCH, organisation_id=4, organisation=words("书香队", "Readers"))
    content = certificates.compose("王小明", [STRETCH, other, STRETCH], HEADING)
    assert certificates.content_of(content.to_json()) == content
    assert (content.recorded_by.zh, content.recorded_by.en) == ("海岸队、书香队", "Shore, Readers")
    # Local time, and a kind of service that has left the list keeps its code.
    assert content.lines[0].en == "2026-11-22 07:00–08:30 海岸清洁 (unlisted), 1.5 h, recorded by Shore"


@pytest.mark.parametrize(("name", "seen"), [("王小明", "王**"), ("王", "王**"), ("Lee", "L**")])
def test_a_masked_name_tells_not_even_its_length(name: str, seen: str) -> None:
    assert certificates.masked(name) == seen


def test_only_a_programme_of_the_national_system_issues_certificates() -> None:
    record, certificate = certificates.label_of(False), certificates.label_of(True)
    assert ("平台" in record.zh, record.en.startswith("Platform record")) == (True, True)
    assert ("证明" in certificate.zh, certificate.en.startswith("Certificate")) == (True, True)


def test_an_address_is_kept_as_a_digest_of_the_day_and_a_subscriber_counts_as_one() -> None:
    today = date(2026, 11, 22)
    kept = certificates.address_digest(VAULT, "2001:db8:1:2::7", today)
    assert (len(kept), kept) == (16, certificates.address_digest(VAULT, "2001:db8:1:2:ffff::1", today))
    others = [("2001:db8:1:3::7", today), ("192.0.2.1", today), ("192.0.2.2", today), ("testclient", today)]
    digests = {certificates.address_digest(VAULT, *other) for other in others}
    tomorrow = certificates.address_digest(VAULT, "2001:db8:1:2::7", today + timedelta(days=1))
    assert len(digests | {kept, tomorrow}) == 6


@pytest.mark.parametrize("name", [None, "", "  "])
def test_a_record_needs_a_name(name: str | None) -> None:
    assert refused(lambda: certificates.holder_name(name)).code == "RULE_REFUSED"


def test_a_record_has_limits() -> None:
    today = date(2026, 11, 22)
    assert refused(lambda: certificates.check_period(today, today + timedelta(days=1), today)).field == "until"
    assert refused(lambda: certificates.check_stretches([])).code == "RULE_REFUSED"
    assert refused(lambda: certificates.check_stretches([STRETCH] * 1001)).code == "INVALID_INPUT"
    certificates.check_stretches([STRETCH])


def test_numbers_tell_nothing_and_carry_a_check_digit() -> None:
    numbers = {
        certificates.new_number(VAULT, volunteer_id=1, service_ids=[1], period="x", attempt=attempt)
        for attempt in range(100)
    }
    assert len(numbers) == 100
    for number in numbers:
        digits = number[1:].replace("-", "")
        assert (len(digits), registration.check_digit(digits)) == (12, 0)
        assert len(certificates.check_code(VAULT, number)) == certificates.CODE_SIGNS


# The exchange format


def given(**values: Any) -> str:
    service = {
        "activity": {"title": "陪伴老人", "type": "elder-visits", "place": "敬老院"},
        "from": (NOON - 5 * HOUR).isoformat(),
        "until": (NOON - 3 * HOUR).isoformat(),
        **values.pop("service", {}),
    }
    number = registration.new_number(VAULT, programme_id=1, person_id=1, attempt=0)
    personal = {"volunteerNumber": number}
    made = {"format": "volunteer-service/1", "platform": "p", "ref": "r", "personal": personal, "service": service}
    return json.dumps({**made, **values})


def test_a_line_of_the_format_is_a_claim() -> None:
    claim = exchange.delivered_by(given(), NOON, TERMS).claim
    assert (claim.minutes, claim.draft.title, claim.event_ref) == (120, "陪伴老人", "import:p:r")


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("[]", ""),
        ("[" * 100_000, ""),
        (given(format="other"), "format"),
        (given(platform=7), "platform"),
        (given(ref="a\tb"), "ref"),
        (given(service={"until": (NOON + HOUR).isoformat()}), "service.until"),
        (given(service={"until": (NOON - 5 * HOUR + 14 * MINUTE).isoformat()}), "service.until"),
        (given(service={"until": 7}), "service.until"),
        (given(service={"from": "2019-01-01T00:00:00Z", "until": "2019-01-01T01:00:00Z"}), "service.until"),
        (given(service={"activity": {"title": "x\0", "type": "elder-visits", "place": "y"}}), "service.activity.title"),
    ],
)
def test_a_line_that_is_not_of_the_format_names_the_field(line: str, field: str) -> None:
    error = refused(lambda: exchange.delivered_by(line, NOON, TERMS))
    assert (error.code, error.field) == ("INVALID_INPUT", field)
    assert exchange.told(error)["code"] == "INVALID_INPUT"
