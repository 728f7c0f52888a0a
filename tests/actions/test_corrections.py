"""Correcting and withdrawing a delivered record: score, lines and decisions follow at once, for members only."""

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from department import BASE, CIVIL, UTILITIES, Departments, city, write_lines
from sqlalchemy import text

from api.database import Unit
from domain.actor import ANONYMOUS, Caller
from domain.errors import (
    AlreadyDecided,
    DomainError,
    IdempotencyConflict,
    InvalidInput,
    NotAllowed,
    NotFound,
    RuleRefused,
)
from domain.scoring import corrections, imports
from domain.scoring.actions import rescore
from domain.scoring.queries import lines_of
from domain.scoring.rules import Line
from domain.scoring.rules.delivered_lines import read_record
from domain.scoring.rules.deliveries import Delivery
from domain.values import words

__all__ = ["city"]

WHY = "录入有误"
EVENTS = """
    SELECT string_agg(e.state || ' ' || coalesce(e.reason, '-'), ', ' ORDER BY e.at)
    FROM record_event AS e WHERE e.citizen_id = :citizen
"""
CAUSES = "SELECT string_agg(h.cause ->> 'en', ' | ' ORDER BY h.id) FROM score_change AS h WHERE h.citizen_id = :citizen"


def delivery(city: Departments, person: str, **given: Any) -> Delivery:
    """A record as it comes out of a call."""
    read = read_record(json.dumps(city.record(person, **given)).encode())
    assert isinstance(read, Delivery)
    return read


async def deliver(city: Departments, clerk: Caller, *given: Delivery) -> int:
    """One call of the department's own; gives the run."""
    async with city.acting(clerk) as unit:
        return await imports.import_batch(unit.session, unit.actor, unit.now, given=given, key=uuid4())


async def correct(
    city: Departments,
    clerk: Caller,
    source_ref: str,
    given: Delivery,
    *,
    reason: str = "录入有误",
    key: UUID | None = None,
) -> str:
    async with city.acting(clerk) as unit:
        return await corrections.correct_record(
            unit.session, unit.actor, unit.now, source_ref=source_ref, given=given, reason=reason, key=key or uuid4()
        )


async def withdraw(
    city: Departments, clerk: Caller, source_ref: str, *, reason: str = "不应报送", key: UUID | None = None
) -> str:
    async with city.acting(clerk) as unit:
        return await corrections.withdraw_record(
            unit.session, unit.actor, unit.now, source_ref=source_ref, reason=reason, key=key or uuid4()
        )


async def lines(city: Departments, person: str) -> list[Line]:
    """What the phone would show."""
    citizen = await city.value("SELECT CAST(:citizen AS integer)", person)
    async with city.worker.reading(ANONYMOUS) as unit:
        found = await lines_of(
            unit.session, citizens=[citizen], rule_set_id=await rule_set(city, unit), day=city.today, known_at=unit.now
        )
    return found[citizen]


async def turn(city: Departments, record: Delivery, state: str) -> None:
    """What others make of a record: its announcement is over, or it was repaired."""
    note = """
        INSERT INTO record_event (citizen_id, source_id, ref_hash, at, state)
        SELECT d.citizen_id, d.source_id, d.ref_hash, :now, :state
        FROM record_document AS d WHERE d.source_ref = :reference
        RETURNING citizen_id
    """
    async with city.worker.transaction(ANONYMOUS) as unit:
        values = {"now": unit.now, "state": state, "reference": record.source_ref}
        [citizen] = (await unit.session.execute(text(note), values)).scalars()
        await rescore(
            unit.session,
            unit.now,
            citizens=[citizen],
            rule_set_id=await rule_set(city, unit),
            today=city.today,
            cause=words("变更", "Changed"),
        )


async def rule_set(city: Departments, unit: Unit) -> int:
    """The rules in force."""
    find = text("SELECT id FROM rule_set WHERE programme_id = :programme")
    return int((await unit.session.execute(find, {"programme": city.programme_id})).scalar_one())


async def test_a_department_delivers_with_its_own_rights_and_the_score_follows(city: Departments) -> None:
    clerk, person = await city.clerk(), await city.person()
    run = await deliver(city, clerk, delivery(city, person))
    assert await city.points(person) == BASE + 1
    async with city.acting(clerk) as unit:
        seen = await unit.session.execute(
            text("SELECT accepted, finished_at IS NOT NULL FROM import_run WHERE id = :id"), {"id": run}
        )
        assert seen.one() == (1, True)
        # What it wrote is not the department's to read.
        assert (await unit.session.execute(text("SELECT count(*) FROM credit_record"))).scalar_one() == 0
        assert (await unit.session.execute(text("SELECT count(*) FROM citizen"))).scalar_one() == 0
        assert (await unit.session.execute(text("SELECT count(*) FROM score"))).scalar_one() == 0


async def test_a_correction_takes_the_records_place_at_once(city: Departments) -> None:
    clerk, person = await city.clerk(), await city.person()
    wrong = delivery(city, person)
    await deliver(city, clerk, wrong)
    right = replace(wrong, item="overdue-book-returned")
    assert await correct(city, clerk, wrong.source_ref, right) == "CORRECTED"
    assert await city.points(person) == BASE + 2
    [line] = await lines(city, person)
    assert (line.item, line.points) == ("overdue-book-returned", 2)
    assert await city.value(EVENTS, person) == "CORRECTED 录入有误"
    assert await city.value(CAUSES, person) == (
        "New records: Books returned on time | Record corrected: An overdue book brought back (录入有误)"
    )
    corrects = """
        SELECT d.corrects = first.ref_hash AND d.source_ref = first.source_ref
        FROM record_document AS d
        JOIN record_document AS first ON first.citizen_id = d.citizen_id AND first.corrects IS NULL
        WHERE d.citizen_id = :citizen AND d.corrects IS NOT NULL
    """
    assert await city.value(corrects, person) is True


async def test_a_correction_may_bring_a_reference_of_its_own(city: Departments) -> None:
    clerk, person = await city.clerk(), await city.person()
    wrong = delivery(city, person)
    await deliver(city, clerk, wrong)
    right = replace(wrong, item="overdue-book-returned", source_ref=str(uuid4()))
    assert await correct(city, clerk, wrong.source_ref, right) == "CORRECTED"
    assert await city.points(person) == BASE + 2
    with pytest.raises(AlreadyDecided):
        await correct(city, clerk, wrong.source_ref, right)
    assert await withdraw(city, clerk, right.source_ref) == "WITHDRAWN"
    assert await city.points(person) == BASE


async def test_a_record_can_be_corrected_again_and_again_and_then_withdrawn(city: Departments) -> None:
    clerk, person = await city.clerk(), await city.person()
    first = delivery(city, person)
    await deliver(city, clerk, first)
    for item, points in (("overdue-book-returned", 2), ("library-on-time", 1), ("overdue-book-returned", 2)):
        await correct(city, clerk, first.source_ref, replace(first, item=item, evidence=f"更正为 {item} {points}"))
        assert await city.points(person) == BASE + points
    assert await withdraw(city, clerk, first.source_ref) == "WITHDRAWN"
    assert await city.points(person) == BASE
    assert await lines(city, person) == []
    with pytest.raises(AlreadyDecided):
        await withdraw(city, clerk, first.source_ref)


async def test_a_record_of_the_wrong_person_goes_to_the_right_one(city: Departments) -> None:
    clerk, wrong, right = await city.clerk(), await city.person(), await city.person()
    record = delivery(city, wrong)
    await deliver(city, clerk, record)
    await correct(city, clerk, record.source_ref, replace(record, citizen_ref=right))
    assert [await city.points(one) for one in (wrong, right)] == [BASE, BASE + 1]


async def test_after_a_correction_the_old_line_is_refused_and_the_new_one_a_duplicate(
    city: Departments, tmp_path: Path
) -> None:
    clerk, person = await city.clerk(), await city.person()
    old = city.record(person)
    new = old | {"item": "overdue-book-returned"}
    await city.take(write_lines(tmp_path / "a.ndjson", old))
    await correct(city, clerk, old["sourceRef"], delivery(city, person, **new))
    run = await city.take(write_lines(tmp_path / "b.ndjson", old, new))
    assert (run.accepted, run.duplicates, run.refused) == (0, 1, 1)


async def test_a_demerit_that_is_withdrawn_leaves_nothing_behind_in_the_score(city: Departments) -> None:
    clerk, person = await city.clerk(UTILITIES), await city.person()
    day = (city.today - timedelta(days=60)).isoformat()
    debt = delivery(
        city, person, item="utility-debt-judgment", occurredOn=day, determinedOn=day, endedOn=None, documentId="J-1"
    )
    await deliver(city, clerk, debt)
    await turn(city, debt, "ACTIVE")
    assert await city.points(person) == BASE - 50
    await withdraw(city, clerk, debt.source_ref)
    assert await city.points(person) == BASE
    assert await lines(city, person) == []


async def test_a_corrected_demerit_is_announced_and_waits_again(city: Departments) -> None:
    clerk, person = await city.clerk(UTILITIES), await city.person()
    day = (city.today - timedelta(days=60)).isoformat()
    debt = delivery(
        city, person, item="utility-debt-judgment", occurredOn=day, determinedOn=day, endedOn=None, documentId="J-5"
    )
    await deliver(city, clerk, debt)
    await turn(city, debt, "ACTIVE")
    await correct(city, clerk, debt.source_ref, replace(debt, document_id="J-6"))
    assert await city.points(person) == BASE
    assert [(line.state, line.points) for line in await lines(city, person)] == [("ANNOUNCED", 0)]


async def test_when_the_first_report_of_a_fact_is_withdrawn_the_second_counts(city: Departments) -> None:
    clerk, person = await city.clerk(), await city.person()
    reports = [delivery(city, person) for _ in range(2)]
    await deliver(city, clerk, reports[0])
    await deliver(city, clerk, reports[1])
    assert [(line.points, line.cap) for line in sorted(await lines(city, person), key=lambda line: -line.points)] == [
        (1, None),
        (0, "FACT"),
    ]
    await withdraw(city, clerk, reports[0].source_ref)
    assert [(line.points, line.cap) for line in await lines(city, person)] == [(1, None)]
    assert await city.points(person) == BASE + 1


async def test_what_the_citizen_is_rid_of_does_not_come_back_as_a_correction(city: Departments) -> None:
    clerk, person = await city.clerk(UTILITIES), await city.person()
    day = (city.today - timedelta(days=60)).isoformat()
    debt = delivery(
        city, person, item="utility-debt-judgment", occurredOn=day, determinedOn=day, endedOn=None, documentId="J-2"
    )
    await deliver(city, clerk, debt)
    await turn(city, debt, "REPAIRED")
    await correct(city, clerk, debt.source_ref, replace(debt, document_id="J-3"))
    assert await city.points(person) == BASE
    assert await lines(city, person) == []


async def test_for_people_who_did_not_join_the_answers_are_the_same_and_nothing_is_kept(city: Departments) -> None:
    clerk = await city.clerk()
    for person in (await city.person(joined=False), str(uuid4())):
        record = delivery(city, person)
        await deliver(city, clerk, record)
        with pytest.raises(InvalidInput):
            await correct(city, clerk, record.source_ref, record)
        assert await correct(city, clerk, record.source_ref, replace(record, evidence="别的")) == "CORRECTED"
        assert await withdraw(city, clerk, record.source_ref) == "WITHDRAWN"
        with pytest.raises(AlreadyDecided):
            await withdraw(city, clerk, record.source_ref)
        assert await city.records(person) == 0


REFUSED: dict[str, tuple[dict[str, Any], type[DomainError], str | None]] = {
    "nothing differs": ({}, InvalidInput, "record"),
    "not in the catalogue": ({"item": "first-aid-course"}, NotAllowed, "item"),
    "the future": ({"occurred_on": date(2999, 1, 1), "ended_on": date(2999, 1, 1)}, InvalidInput, "occurredOn"),
    "no date": ({"ended_on": None}, InvalidInput, "endedOn"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_a_correction_obeys_the_rules_of_a_delivery(city: Departments, case: str) -> None:
    clerk, person = await city.clerk(), await city.person()
    record = delivery(city, person)
    await deliver(city, clerk, record)
    change, kind, field = REFUSED[case]
    with pytest.raises(kind) as refused:
        await correct(city, clerk, record.source_ref, replace(record, **change))
    assert refused.value.field == field
    assert await city.points(person) == BASE + 1


async def test_a_demerit_without_its_final_document_is_no_correction(city: Departments) -> None:
    clerk, person = await city.clerk(UTILITIES), await city.person()
    day = (city.today - timedelta(days=60)).isoformat()
    debt = delivery(
        city, person, item="utility-debt-judgment", occurredOn=day, determinedOn=day, endedOn=None, documentId="J-4"
    )
    await deliver(city, clerk, debt)
    with pytest.raises(RuleRefused) as refused:
        await correct(city, clerk, debt.source_ref, replace(debt, document_id=None))
    assert refused.value.rule_source == "R6"


async def test_nobody_corrects_what_another_department_delivered(city: Departments) -> None:
    clerk, other, person = await city.clerk(), await city.clerk(CIVIL), await city.person()
    record = delivery(city, person)
    await deliver(city, clerk, record)
    with pytest.raises(NotFound):
        await withdraw(city, other, record.source_ref)
    with pytest.raises(NotFound):
        await correct(city, other, record.source_ref, replace(record, item="first-aid-course"))
    assert await city.points(person) == BASE + 1


async def test_a_correction_cannot_take_the_reference_of_another_record(city: Departments) -> None:
    clerk, person = await city.clerk(), await city.person()
    first, second = delivery(city, person), delivery(city, person, item="overdue-book-returned")
    await deliver(city, clerk, first, second)
    with pytest.raises(InvalidInput) as refused:
        await correct(city, clerk, first.source_ref, replace(second, evidence="别的"))
    assert refused.value.field == "record.sourceRef"


@pytest.mark.parametrize("reason", ["", "  ", "长" * 201, "bell\x07"])
async def test_a_reason_is_given(city: Departments, reason: str) -> None:
    clerk, person = await city.clerk(), await city.person()
    record = delivery(city, person)
    await deliver(city, clerk, record)
    with pytest.raises(InvalidInput) as refused:
        await withdraw(city, clerk, record.source_ref, reason=reason)
    assert refused.value.field == "reason"


async def test_a_reference_that_no_database_could_hold_is_refused(city: Departments) -> None:
    clerk = await city.clerk()
    with pytest.raises(InvalidInput) as refused:
        await withdraw(city, clerk, "\ud800")
    assert refused.value.field == "sourceRef"


async def test_the_same_key_corrects_once(city: Departments) -> None:
    clerk, person = await city.clerk(), await city.person()
    record, key = delivery(city, person), uuid4()
    await deliver(city, clerk, record)
    right = replace(record, item="overdue-book-returned")
    answers = [await correct(city, clerk, record.source_ref, right, key=key) for _ in range(2)]
    assert answers == ["CORRECTED", "CORRECTED"]
    assert await city.records(person) == 2
    with pytest.raises(IdempotencyConflict):
        await correct(city, clerk, record.source_ref, replace(right, evidence="别的"), key=key)


async def test_a_call_takes_five_hundred_records_and_no_more(city: Departments) -> None:
    clerk, person = await city.clerk(), await city.person()
    records = [delivery(city, person) for _ in range(501)]
    for given in ([], records):
        with pytest.raises(InvalidInput) as refused:
            await deliver(city, clerk, *given)
        assert refused.value.field == "records"
    await deliver(city, clerk, *records[:500])
    assert await city.records(person) == 500


async def test_a_call_with_the_same_key_is_one_delivery(city: Departments) -> None:
    clerk, person, key = await city.clerk(), await city.person(), uuid4()
    given = [delivery(city, person), delivery(city, person, item="nothing")]
    runs = []
    for _ in range(2):
        async with city.acting(clerk) as unit:
            runs.append(await imports.import_batch(unit.session, unit.actor, unit.now, given=given, key=key))
    assert runs[0] == runs[1]
    async with city.acting(clerk) as unit:
        with pytest.raises(IdempotencyConflict):
            await imports.import_batch(unit.session, unit.actor, unit.now, given=given[:1], key=key)
