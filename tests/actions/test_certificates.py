"""A printed record of confirmed hours: what stands in it, who may check it, and how it ends."""

import asyncio
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from domain import guesses
from domain.actor import ANONYMOUS, Caller, Role
from domain.errors import RateLimited
from domain.people.settlement import Post
from domain.volunteering import actions
from domain.volunteering.actions.certificates import Opened
from domain.volunteering.rules import certificates as rules
from domain.volunteering.rules.certificates import Heading
from tests.actions.serving import DOCUMENT, HOUR, NOON, TERMS, City, city, refused
from tests.actions.test_trust import confirmed, correct

__all__ = ["city"]

TODAY = date(2026, 11, 22)
HEADING = Heading(
    programme=DOCUMENT.name,
    timezone=DOCUMENT.timezone,
    activities={one.code: one.title for one in DOCUMENT.activity_types},
    is_certificate=False,
)
LINES = "SELECT count(*) FROM certificate WHERE volunteer_id IN (SELECT id FROM volunteer WHERE person_id = :person)"


async def issue(
    city: City, caller: Caller, *, key: UUID | None = None, heading: Heading = HEADING, **period: date
) -> int:
    whole = (period.get("since", TODAY - timedelta(days=30)), period.get("until", TODAY))
    issued: int = await city.act(
        caller,
        actions.issue_certificate,
        NOON + 6 * HOUR,
        terms=TERMS,
        period=whole,
        heading=heading,
        key=key or uuid4(),
    )
    return issued


async def number_of(city: City, certificate_id: int) -> str:
    [(number,)] = await city.rows("SELECT number FROM certificate WHERE id = :id", id=certificate_id)
    return str(number)


async def check(
    city: City, number: str, code: str | None = None, *, address: str = "192.0.2.1", at: datetime = NOON
) -> Opened | None:
    given = rules.check_code(city.database.vault, number) if code is None else code
    async with city.database.transaction(ANONYMOUS) as unit:
        return await actions.check_certificate(unit.session, at, number=number, code=given, address=address)


async def revoke(city: City, caller: Caller, number: str, *, reason: str = "误开", key: UUID | None = None) -> Any:
    return await city.act(
        caller, actions.revoke_certificate, NOON + 7 * HOUR, number=number, reason=reason, key=key or uuid4()
    )


async def test_a_record_names_time_content_and_recording_unit_of_confirmed_hours_only(city: City) -> None:
    organiser, volunteer = await city.organiser(), await city.volunteer(name="王小明")
    service_id = await confirmed(city, organiser, volunteer)
    waiting = await city.publish(organiser, starts_at=NOON + 4 * HOUR, ends_at=NOON + 6 * HOUR)
    await city.served(volunteer, waiting, start=NOON + 4 * HOUR, end=NOON + 5 * HOUR)
    key = uuid4()
    certificate_id = await issue(city, volunteer, key=key)
    assert await issue(city, volunteer, key=key) == certificate_id
    assert await issue(city, volunteer) == certificate_id
    assert await city.rows(
        "SELECT minutes, service_ids, from_on, until_on, issued_on FROM certificate WHERE id = :id", id=certificate_id
    ) == [(180, [service_id], TODAY - timedelta(days=30), TODAY, TODAY)]
    found = await check(city, await number_of(city, certificate_id))
    assert found is not None
    assert (found.minutes, found.revoked, found.content.holder) == (180, False, "王小明")
    assert (rules.masked(found.content.holder), found.content.recorded_by.zh) == ("王**", "海岸志愿服务队(示例)")
    assert [line.zh for line in found.content.lines] == [
        "2026-11-22 13:00–16:00 海岸清洁(公园与海岸清洁)3小时,海岸志愿服务队(示例)记录"
    ]
    [(sealed,)] = await city.rows("SELECT sealed_content FROM certificate WHERE id = :id", id=certificate_id)
    assert "王小明".encode() not in sealed


async def test_number_and_code_lead_to_a_record_however_typed_and_neither_does_alone(city: City) -> None:
    organiser, volunteer = await city.organiser(), await city.volunteer()
    await confirmed(city, organiser, volunteer)
    number = await number_of(city, await issue(city, volunteer))
    code = rules.check_code(city.database.vault, number)
    typed = await check(city, number.replace("-", " ").lower(), f" {code[:4].lower()}-{code[4:]} ")
    assert typed == await check(city, number)
    assert typed is not None
    other = "0" if code[-1] != "0" else "1"
    for wrong in ((number, code[:-1] + other), (number, ""), ("R0000-0000-0000", code), ("", ""), (code, number)):
        assert await check(city, *wrong) is None


@pytest.mark.parametrize(
    ("period", "code", "field"),
    [
        ({"until": TODAY + timedelta(days=1)}, "INVALID_INPUT", "until"),
        ({"since": TODAY, "until": TODAY - timedelta(days=1)}, "INVALID_INPUT", "until"),
        ({"until": TODAY - timedelta(days=1)}, "RULE_REFUSED", None),
    ],
)
async def test_no_record_without_confirmed_hours(city: City, period: Any, code: str, field: str | None) -> None:
    organiser, volunteer = await city.organiser(), await city.volunteer()
    await confirmed(city, organiser, volunteer)
    error = await refused(issue(city, volunteer, **period))
    assert (error.code, error.field) == (code, field)
    assert await city.rows(LINES, person=volunteer.person_id) == [(0,)]


async def test_a_corrected_stretch_ends_the_records_that_hold_it_and_a_new_one_says_what_is_true(city: City) -> None:
    organiser, volunteer = await city.organiser(), await city.volunteer()
    service_id = await confirmed(city, organiser, volunteer)
    first = await number_of(city, await issue(city, volunteer))
    await correct(city, organiser, service_id, 2)
    ended = await check(city, first)
    assert ended is not None
    assert ended.revoked
    second = await number_of(city, await issue(city, volunteer))
    found = await check(city, second)
    assert found is not None
    assert (second != first, found.minutes, found.revoked) == (True, 120, False)
    told = "SELECT kind, params FROM notice WHERE person_id = :person ORDER BY id"
    assert ("CERTIFICATE_REVOKED", {"number": first}) in await city.rows(told, person=volunteer.person_id)


async def test_more_confirmed_hours_give_a_new_record_in_place_of_the_old(city: City) -> None:
    organiser, volunteer = await city.organiser(), await city.volunteer()
    await confirmed(city, organiser, volunteer)
    first = await number_of(city, await issue(city, volunteer))
    later = await city.publish(organiser, starts_at=NOON + 4 * HOUR, ends_at=NOON + 6 * HOUR)
    service_id = await city.served(volunteer, later, start=NOON + 4 * HOUR, end=NOON + 5 * HOUR)
    await city.confirm(organiser, [service_id], at=NOON + 5.5 * HOUR)
    second = await check(city, await number_of(city, await issue(city, volunteer)))
    old = await check(city, first)
    assert second is not None
    assert old is not None
    assert (second.minutes, second.revoked, old.minutes, old.revoked) == (240, False, 180, True)


async def test_a_record_of_before_joining_the_national_system_makes_room_for_a_certificate(city: City) -> None:
    organiser, volunteer = await city.organiser(), await city.volunteer()
    await confirmed(city, organiser, volunteer)
    record = await issue(city, volunteer)
    assert await issue(city, volunteer) == record
    certificate = await issue(city, volunteer, heading=replace(HEADING, is_certificate=True))
    assert certificate != record
    found = await check(city, await number_of(city, certificate))
    before = await check(city, await number_of(city, record))
    assert found is not None
    assert before is not None
    assert [(one.is_certificate, one.revoked) for one in (before, found)] == [(False, True), (True, False)]


async def test_ten_wrong_checks_a_minute_from_one_address_are_enough(city: City) -> None:
    organiser, volunteer = await city.organiser(), await city.volunteer()
    await confirmed(city, organiser, volunteer)
    number = await number_of(city, await issue(city, volunteer))
    at = NOON + 30 * HOUR + timedelta(seconds=20)
    wrong = [check(city, number, f"{guess:08}", at=at) for guess in range(25)]
    answers = await asyncio.gather(*wrong, return_exceptions=True)
    limited = [one for one in answers if isinstance(one, RateLimited)]
    assert (answers.count(None), len(limited)) == (10, 15)
    assert [one.retry_after_ms for one in limited] == [40_000] * 15
    # The right code as well, from there; somebody else checks, and so does everybody in the next minute.
    assert (await refused(check(city, number, at=at))).code == "RATE_LIMITED"
    assert await check(city, number, address="192.0.2.2", at=at) is not None
    for _ in range(12):
        assert await check(city, number, at=at + timedelta(minutes=1)) is not None
    kept = await city.rows("SELECT wrong, octet_length(guesser) FROM guess ORDER BY wrong")
    assert (10, 16) in kept
    async with city.worker.transaction(ANONYMOUS) as unit:
        await guesses.forget(unit.session, at + timedelta(minutes=2))
    assert await city.rows("SELECT 1 FROM guess WHERE minute <= :at", at=at + timedelta(minutes=1)) == []


async def test_whoever_recorded_it_and_the_office_revoke_a_record_with_a_reason(city: City) -> None:
    organiser, other, volunteer = await city.organiser(), await city.organiser("warm-home"), await city.volunteer()
    office = await city.settle(Role.OFFICER, post=Post(role="officer"))
    await confirmed(city, organiser, volunteer)
    number = await number_of(city, await issue(city, volunteer))
    for caller, code in ((other, "NOT_FOUND"), (volunteer, "NOT_ALLOWED")):
        assert (await refused(revoke(city, caller, number))).code == code
    assert (await refused(revoke(city, organiser, number, reason=" "))).field == "reason"
    key = uuid4()
    revoked = await revoke(city, organiser, number, key=key)
    assert (revoked.number, revoked.revoked_at) == (number, NOON + 7 * HOUR)
    assert await revoke(city, organiser, number, key=key) == revoked
    assert (await refused(revoke(city, office, number))).code == "ALREADY_DECIDED"
    again = await number_of(city, await issue(city, volunteer))
    assert again != number
    assert (await revoke(city, office, again)).revoked_at is not None
    roles = "SELECT role FROM access_event WHERE person_id = :person AND purpose = 'certificate' ORDER BY role DESC"
    assert await city.rows(roles, person=volunteer.person_id) == [("organiser",), ("officer",)]


async def test_a_record_is_its_holders_alone(city: City) -> None:
    organiser, volunteer, other = await city.organiser(), await city.volunteer(), await city.volunteer()
    await confirmed(city, organiser, volunteer)
    certificate_id = await issue(city, volunteer)
    for caller, sees in ((volunteer, True), (other, False), (organiser, False)):
        async with city.database.reading(caller) as unit:
            found = await actions.own_certificate(unit.session, certificate_id=certificate_id)
        assert (found is not None) is sees


async def test_without_a_key_or_a_name_there_is_no_record(city: City) -> None:
    organiser, nameless, erased = await city.organiser(), await city.volunteer(), await city.volunteer()
    for volunteer in (nameless, erased):
        await confirmed(city, organiser, volunteer)
    number = await number_of(city, await issue(city, erased))
    async with city.worker.transaction(ANONYMOUS) as unit:
        await unit.session.execute(
            text("UPDATE person SET sealed_name = NULL WHERE id = :person"), {"person": nameless.person_id}
        )
        await unit.session.execute(
            text("UPDATE volunteer SET wrapped_key = NULL WHERE person_id = :person"), {"person": erased.person_id}
        )
    assert (await refused(issue(city, nameless))).code == "RULE_REFUSED"
    assert await check(city, number) is None
    assert (await refused(issue(city, erased, since=TODAY))).code == "NOT_FOUND"
