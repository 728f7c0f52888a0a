"""Repairs: after the waiting time, with statement and proof, never for hours; what is repaired is gone."""

import json
from datetime import date, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from domain.actor import ANONYMOUS, Role
from domain.people.settlement import Post
from domain.rights.rules.cases import Status
from domain.scoring.queries.states import RecordKey
from tests.actions.cases import DEMERIT, DOCUMENT, MERIT, TEN, Cases, cases, refused

__all__ = ["cases"]

DAY = timedelta(days=1)
BASE = DOCUMENT.rule_set.base_points


async def test_r13_a_repaired_record_is_gone_and_the_auditor_alone_keeps_a_sealed_copy(cases: Cases) -> None:
    citizen, record = await cases.person_with(on=date(2026, 3, 1))
    officer = await cases.officer()
    number = await cases.request_repair(citizen, record)
    assert await cases.points(record) == BASE + (DEMERIT.points or 0)
    await cases.decide_repair(officer, number, Status.UPHELD, TEN + DAY)
    assert await cases.points(record) == BASE
    assert await cases.states(record) == ["REPAIRED"]
    assert await cases.told(citizen) == ["REPAIR_DECIDED"]
    copies = "SELECT wrapped_key, sealed_copy FROM repaired_record WHERE repair_id = :id"
    for caller, rows in ((officer, 0), (citizen, 0), (await cases.settle(Role.AUDITOR, post=Post(role="auditor")), 1)):
        async with cases.database.reading(caller) as unit:
            found = (await unit.session.execute(text(copies), {"id": number})).all()
        assert len(found) == rows
    key, sealed = found[0]
    assert json.loads(cases.database.vault.open(key, "repaired_record", sealed))["item"] == DEMERIT.code
    async with cases.worker.reading(ANONYMOUS) as unit:
        with pytest.raises(DBAPIError):
            await unit.session.execute(text(copies), {"id": number})


async def test_a_repair_waits_for_the_time_of_its_class(cases: Cases) -> None:
    citizen, record = await cases.person_with(on=date(2026, 4, 1))
    early = await refused(cases.request_repair(citizen, record))
    assert (early.code, early.field, early.rule_source) == ("TOO_EARLY", "recordId", "国办发〔2025〕22号")
    assert "2026-07-01" in early.message.en
    july = TEN + 16 * DAY
    number = await cases.request_repair(citizen, record, july)
    assert (await refused(cases.request_repair(citizen, record, july))).code == "OVERLAP"
    officer = await cases.officer()
    await cases.decide_repair(officer, number, Status.REJECTED, july + DAY)
    assert await cases.states(record) == []
    rows = await cases.rows("SELECT status, remedy_until IS NOT NULL FROM repair WHERE id = :id", id=number)
    assert rows == [("REJECTED", True)]
    assert (await refused(cases.decide_repair(officer, number, Status.UPHELD, july))).code == "ALREADY_DECIDED"
    again = await cases.request_repair(citizen, record, july + 2 * DAY)
    await cases.decide_repair(officer, again, Status.UPHELD, july + 3 * DAY)
    assert await cases.states(record) == ["REPAIRED"]


async def test_only_a_demerit_of_ones_own_is_repaired(cases: Cases) -> None:
    citizen, record = await cases.person_with(MERIT)
    assert (await refused(cases.request_repair(citizen, record))).code == "RULE_REFUSED"
    stranger, foreign = await cases.person_with()
    assert (await refused(cases.request_repair(citizen, foreign))).code == "NOT_FOUND"
    absent = RecordKey(citizen_id=foreign.citizen_id, source_id=foreign.source_id, ref_hash=1)
    assert (await refused(cases.request_repair(stranger, absent))).code == "NOT_FOUND"


async def test_a_repair_is_upheld_or_rejected_and_nothing_in_between(cases: Cases) -> None:
    citizen, record = await cases.person_with()
    number = await cases.request_repair(citizen, record)
    officer = await cases.officer()
    refusal = await refused(cases.decide_repair(officer, number, Status.PARTLY_UPHELD))
    assert (refusal.code, refusal.field) == ("INVALID_INPUT", "outcome")
    await cases.decide_repair(officer, number, Status.UPHELD)


async def test_r12_a_repair_that_nobody_decides_in_time_is_made(cases: Cases) -> None:
    citizen, record = await cases.person_with()
    number = await cases.request_repair(citizen, record)
    assert await cases.overdue(TEN + 8 * DAY) == 0
    assert await cases.overdue(TEN + 9 * DAY) == 1
    assert await cases.states(record) == ["REPAIRED"]
    rows = await cases.rows("SELECT status, decided_by FROM repair WHERE id = :id", id=number)
    assert rows == [("UPHELD", None)]


async def test_r13_a_repaired_record_stays_gone_when_it_is_objected_to(cases: Cases) -> None:
    citizen, record = await cases.person_with()
    officer = await cases.officer()
    objection = await cases.object_to(citizen, record)
    repair = await cases.request_repair(citizen, record)
    await cases.decide_repair(officer, repair, Status.UPHELD, TEN + DAY)
    await cases.decide(officer, objection, Status.REJECTED, TEN + 2 * DAY)
    assert await cases.states(record) == ["CONTESTED", "REPAIRED"]
    assert (await refused(cases.object_to(citizen, record, TEN + 3 * DAY))).code == "NOT_FOUND"


async def test_r16_hours_never_buy_a_repair(cases: Cases) -> None:
    columns = await cases.rows(
        "SELECT column_name FROM information_schema.columns WHERE table_name IN ('repair', 'repaired_record')"
    )
    assert not [name for (name,) in columns if "hour" in name or "minute" in name or "fen" in name]


async def test_a_repair_is_given_more_days_once_by_an_approver_and_its_person_reads_why(cases: Cases) -> None:
    citizen, record = await cases.person_with(on=date(2026, 3, 1))
    approver, number = await cases.approver(), await cases.request_repair(citizen, record)
    await cases.extend_repair(approver, number, TEN + DAY)
    # Five working days and five more; the first Friday is the dragon boat festival.
    state = "SELECT status, due_on, provisional FROM repair WHERE id = :id"
    assert await cases.rows(state, id=number) == [("EXTENDED", date(2026, 6, 30), False)]
    assert await cases.told(citizen) == ["REPAIR_EXTENDED"]
    assert (await refused(cases.extend_repair(approver, number, TEN + DAY))).code == "ALREADY_DECIDED"
    assert await cases.overdue(TEN + 15 * DAY) == 0
    assert await cases.overdue(TEN + 16 * DAY) == 1
    assert await cases.states(record) == ["REPAIRED"]
    late = await cases.request_repair(*await cases.person_with(on=date(2026, 3, 1)))
    assert (await refused(cases.extend_repair(approver, late, TEN + 20 * DAY))).code == "TOO_LATE"
