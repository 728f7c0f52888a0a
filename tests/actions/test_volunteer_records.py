"""Training, awards and evaluations: who records them, who sees them, and that they count for nothing."""

import json
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from domain.actor import ANONYMOUS, Caller
from domain.consent.actions import take_back
from domain.volunteering import actions
from domain.volunteering.rules.records import Kind, RecordDraft
from tests.actions.serving import HOUR, NOON, TERMS, City, city, refused
from tests.actions.test_trust import confirmed, number_of

__all__ = ["city"]

TODAY = date(2026, 11, 22)
LATER = NOON + 6 * HOUR


async def add(city: City, organiser: Caller, number: str, *, key: UUID | None = None, **values: Any) -> int:
    made = {"kind": Kind.AWARD, "title": "年度志愿者", "on": TODAY, "volunteer_number": number, **values}
    at = made.pop("at", LATER)
    draft = RecordDraft(**made)
    added: int = await city.act(organiser, actions.add_record, at, terms=TERMS, draft=draft, key=key or uuid4())
    return added


async def decline(city: City, caller: Caller, record_id: int, *, key: UUID | None = None) -> Any:
    return await city.act(caller, actions.decline_record, LATER, record_id=record_id, key=key or uuid4())


async def kept(city: City, record_id: int) -> Any:
    [row] = await city.rows(
        "SELECT kind, dated_on, sealed_content, declined_at FROM volunteer_record WHERE id = :id", id=record_id
    )
    return row


async def test_a_record_is_kept_sealed_once_and_its_volunteer_is_told(city: City) -> None:
    organiser, volunteer = await city.organiser(), await city.member(NOON - 48 * HOUR)
    await confirmed(city, organiser, volunteer)
    number, key = await number_of(city, volunteer), uuid4()
    before = await city.rows("SELECT count(*) FROM credit_record")
    record_id = await add(city, organiser, number, key=key)
    assert await add(city, organiser, number, key=key) == record_id
    assert (await refused(add(city, organiser, number, title=" 年度志愿者 "))).code == "ALREADY_DECIDED"
    kind, on, sealed, declined_at = await kept(city, record_id)
    assert (kind, on, declined_at) == ("AWARD", TODAY, None)
    assert "年度志愿者".encode() not in sealed
    told = "SELECT kind, params -> 'organisation' ->> 'zh' FROM notice WHERE person_id = :person AND kind LIKE 'VOL%'"
    assert await city.rows(told, person=volunteer.person_id) == [("VOLUNTEER_RECORD_ADDED", "海岸志愿服务队(示例)")]
    seen = "SELECT count(*) FROM access_event WHERE person_id = :person AND purpose = 'volunteer record'"
    assert await city.rows(seen, person=volunteer.person_id) == [(1,)]
    # An award gives no points, and neither does anything else of these groups.
    assert await city.rows("SELECT count(*) FROM credit_record") == before


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"volunteer_number": "V1"}, "NOT_FOUND"),
        ({"kind": Kind.EVALUATION, "text": "准时到场,耐心带领新人。", "on": TODAY - timedelta(days=1)}, "NOT_FOUND"),
        ({"kind": Kind.EVALUATION, "text": "优秀"}, "RULE_REFUSED"),
        ({"kind": Kind.EVALUATION, "text": "准时到场,耐心。", "at": NOON + timedelta(days=14)}, "TOO_LATE"),
        ({"title": ""}, "INVALID_INPUT"),
    ],
)
async def test_a_refused_record_leaves_nothing(city: City, values: dict[str, Any], code: str) -> None:
    organiser, volunteer = await city.organiser(), await city.volunteer()
    await confirmed(city, organiser, volunteer)
    number = await number_of(city, volunteer)
    state = [
        await city.rows(f"SELECT count(*) FROM {table}") for table in ("volunteer_record", "idempotency", "notice")
    ]
    assert (await refused(add(city, organiser, number, **values))).code == code
    assert state == [
        await city.rows(f"SELECT count(*) FROM {table}") for table in ("volunteer_record", "idempotency", "notice")
    ]


async def test_nobody_is_written_about_who_did_not_take_part_or_by_themselves(city: City) -> None:
    organiser, volunteer = await city.organiser(), await city.volunteer()
    event_id = await city.publish(organiser)
    await city.sign_up(volunteer, event_id)
    assert (await refused(add(city, organiser, await number_of(city, volunteer)))).code == "NOT_FOUND"
    other = await city.organiser("warm-home")
    await confirmed(city, organiser, volunteer)
    assert (await refused(add(city, other, await number_of(city, volunteer)))).code == "NOT_FOUND"
    assert (await refused(add(city, volunteer, await number_of(city, volunteer)))).code == "NOT_ALLOWED"


async def test_nothing_is_recorded_of_who_has_not_agreed_to_the_newest_text(city: City) -> None:
    organiser, volunteer, old = await city.organiser(), await city.volunteer(), await city.volunteer()
    for one in (volunteer, old):
        await confirmed(city, organiser, one)
    numbers = [await number_of(city, one) for one in (volunteer, old)]
    async with city.worker.transaction(ANONYMOUS) as unit:
        earlier = "INSERT INTO consent_text SELECT programme_id, purpose, 1, title, body, digest FROM consent_text"
        here = {"programme": city.programme_id}
        await unit.session.execute(
            text(f"{earlier} WHERE purpose = 'volunteering' AND programme_id = :programme"), here
        )
        update = text("UPDATE consent SET version = 1 WHERE person_id = :person")
        await unit.session.execute(update, {"person": old.person_id})
    assert (await refused(add(city, organiser, numbers[1]))).code == "NOT_FOUND"
    await add(city, organiser, numbers[0])
    await city.act(volunteer, take_back, LATER, purposes=["volunteering"])
    assert (await refused(add(city, organiser, numbers[0], title="另一项"))).code == "NOT_FOUND"


async def test_the_organisation_puts_a_record_right_and_no_other_does(city: City) -> None:
    organiser, volunteer, other = (
        await city.organiser(),
        await city.volunteer(),
        await city.organiser("warm-home"),
    )
    await confirmed(city, organiser, volunteer)
    number, key = await number_of(city, volunteer), uuid4()
    training = {"kind": Kind.TRAINING, "text": "心肺复苏", "hours": 2.0}
    record_id = await add(city, organiser, number, title="急救", **training)
    sealed = (await kept(city, record_id))[2]
    right = RecordDraft(volunteer_number=number, title="急救培训", on=TODAY, kind=Kind.TRAINING, text="包扎", hours=3.0)

    async def correct(caller: Caller, draft: RecordDraft = right, key: UUID | None = None) -> Any:
        correction = (record_id, draft)
        return await city.act(
            caller, actions.correct_record, LATER, terms=TERMS, correction=correction, key=key or uuid4()
        )

    assert (await refused(correct(other))).code == "NOT_FOUND"
    award = RecordDraft(volunteer_number=number, title="x", on=TODAY, kind=Kind.AWARD)
    assert (await refused(correct(organiser, award))).code == "NOT_FOUND"
    assert (await kept(city, record_id))[2] == sealed
    assert await correct(organiser, key=key) == record_id
    assert await correct(organiser, key=key) == record_id
    assert (await kept(city, record_id))[2] != sealed
    told = "SELECT count(*) FROM notice WHERE person_id = :person AND kind = 'VOLUNTEER_RECORD_CORRECTED'"
    assert await city.rows(told, person=volunteer.person_id) == [(1,)]


async def test_a_declined_record_is_deleted_and_not_recorded_again(city: City) -> None:
    organiser, volunteer, other = await city.organiser(), await city.volunteer(), await city.volunteer()
    await confirmed(city, organiser, volunteer)
    number, key = await number_of(city, volunteer), uuid4()
    record_id = await add(city, organiser, number)
    assert (await refused(decline(city, other, record_id))).code == "NOT_FOUND"
    assert (await refused(decline(city, organiser, record_id))).code == "NOT_ALLOWED"
    assert await decline(city, volunteer, record_id, key=key) == record_id
    assert await decline(city, volunteer, record_id, key=key) == record_id
    assert (await refused(decline(city, volunteer, record_id))).code == "ALREADY_DECIDED"
    assert (await kept(city, record_id))[2] is None
    assert (await refused(add(city, organiser, number))).code == "ALREADY_DECIDED"
    async with city.database.reading(organiser) as unit:
        lines = await actions.export_records(unit.session, unit.actor, LATER, between=(date.min, date.max), after=0)
    assert [json.loads(line)["ref"] for _, line in lines if json.loads(line)["ref"] == f"record-{record_id}"] == []


async def test_records_of_an_erased_volunteer_say_nothing(city: City) -> None:
    organiser, volunteer = await city.organiser(), await city.volunteer()
    await confirmed(city, organiser, volunteer)
    number = await number_of(city, volunteer)
    record_id = await add(city, organiser, number)
    async with city.worker.transaction(ANONYMOUS) as unit:
        await unit.session.execute(
            text("UPDATE volunteer SET wrapped_key = NULL WHERE number = :number"), {"number": number}
        )
    async with city.database.reading(organiser) as unit:
        lines = await actions.export_records(
            unit.session, unit.actor, LATER, between=(date.min, date.max), after=record_id - 1
        )
    assert [json.loads(line) for number_, line in lines if number_ == record_id] == [
        {
            "format": "volunteer-service/1",
            "platform": "rongcheng",
            "ref": f"record-{record_id}",
            "personal": {"volunteerNumber": number},
            "service": None,
        }
    ]
    assert (await refused(add(city, organiser, number, title="另一项"))).code == "NOT_FOUND"
