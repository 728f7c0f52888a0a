"""Objections: marked at once, decided in time or by time, and right again when they were right."""

import base64
from dataclasses import replace
from datetime import date, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from domain.actor import ANONYMOUS, Role
from domain.rights.rules.cases import Finding, Status, Target, Wish
from domain.rights.rules.papers import Paper
from tests.actions.cases import DEMERIT, DOCUMENT, MERIT, TEN, Cases, cases, refused

__all__ = ["cases"]

DAY = timedelta(days=1)
BASE = DOCUMENT.rule_set.base_points
PAPER = Paper(file_name="收据.pdf", media_type="application/pdf", base64=base64.b64encode(b"%PDF-1.7 x").decode())


async def test_a_demerit_gives_no_points_from_the_objection_on_and_is_gone_when_it_is_upheld(cases: Cases) -> None:
    citizen, record = await cases.person_with()
    officer = await cases.officer()
    assert await cases.points(record) == BASE + (DEMERIT.points or 0)
    number = await cases.object_to(citizen, record, TEN + DAY)
    assert await cases.points(record) == BASE
    assert await cases.states(record) == ["CONTESTED"]
    await cases.decide(officer, number, Status.UPHELD, TEN + 2 * DAY)
    assert await cases.points(record) == BASE
    assert await cases.states(record) == ["CONTESTED", "WITHDRAWN"]
    status, _, remedy_until, restored = await cases.objection(number)
    titles = await cases.rows("SELECT code FROM product WHERE id = ANY (:ids)", ids=restored)
    assert (status, remedy_until, titles) == ("UPHELD", None, [("stall-papers",)])
    assert await cases.told(citizen) == ["OBJECTION_DECIDED"]


async def test_a_rejection_lets_the_record_count_again_and_names_the_next_remedy(cases: Cases) -> None:
    citizen, record = await cases.person_with()
    number = await cases.object_to(citizen, record, TEN + DAY)
    await cases.decide(await cases.officer(), number, Status.REJECTED, TEN + 2 * DAY)
    assert await cases.points(record) == BASE + (DEMERIT.points or 0)
    assert await cases.states(record) == ["CONTESTED", "ACTIVE"]
    assert (await cases.objection(number))[::2] == ("REJECTED", date(2026, 7, 16))


async def test_a_second_objection_on_the_same_ground_suspends_nothing(cases: Cases) -> None:
    citizen, record = await cases.person_with()
    number = await cases.object_to(citizen, record, TEN + DAY)
    twice = await refused(cases.object_to(citizen, record, TEN + DAY))
    assert (twice.code, twice.field) == ("OVERLAP", "id")
    await cases.withdraw(citizen, number, TEN + 2 * DAY)
    assert await cases.points(record) == BASE + (DEMERIT.points or 0)
    again = await cases.object_to(citizen, record, TEN + 3 * DAY)
    assert await cases.points(record) == BASE + (DEMERIT.points or 0)
    assert await cases.states(record) == ["CONTESTED", "ACTIVE"]
    await cases.decide(await cases.officer(), again, Status.PARTLY_UPHELD, TEN + 4 * DAY)
    assert await cases.states(record) == ["CONTESTED", "ACTIVE", "WITHDRAWN"]


async def test_a_contested_merit_goes_on_counting_and_an_objection_never_costs_points(cases: Cases) -> None:
    citizen, record = await cases.person_with(MERIT)
    points = await cases.points(record)
    assert points > BASE
    number = await cases.object_to(citizen, record, TEN + DAY)
    assert await cases.points(record) == points
    await cases.decide(await cases.officer(), number, Status.UPHELD, TEN + 2 * DAY)
    assert await cases.points(record) == points
    assert await cases.states(record) == ["CONTESTED", "ACTIVE"]


async def test_r12_what_nobody_decides_in_time_is_decided_for_the_citizen(cases: Cases) -> None:
    citizen, record = await cases.person_with()
    number = await cases.object_to(citizen, record, TEN)
    due_on = (await cases.objection(number))[1]
    assert due_on == date(2026, 6, 23)
    last_day = TEN + (due_on - date(2026, 6, 15))
    assert await cases.overdue(last_day) == 0
    assert await cases.overdue(last_day + DAY) == 1
    assert await cases.overdue(last_day + DAY) == 0
    assert await cases.states(record) == ["CONTESTED", "WITHDRAWN"]
    rows = await cases.rows("SELECT status, decided_by, sealed_decision FROM objection WHERE id = :id", id=number)
    assert rows == [("UPHELD", None, None)]
    steps = await cases.rows("SELECT kind, by ->> 'en' FROM case_step WHERE objection_id = :id ORDER BY id", id=number)
    assert steps[-2:] == [("OVERDUE", "the service itself"), ("RECALCULATED", "the service itself")]
    late = await refused(cases.decide(await cases.officer(), number, Status.REJECTED, last_day + 2 * DAY))
    assert late.code == "ALREADY_DECIDED"


async def test_the_department_sees_the_question_once_and_its_answer_goes_to_the_officer(cases: Cases) -> None:
    citizen, record = await cases.person_with()
    officer, source, stranger = await cases.officer(), await cases.source(), await cases.officer()
    number = await cases.object_to(citizen, record)
    early = await refused(cases.answer(source, number, Finding.WRONG))
    assert early.code == "NOT_FOUND"
    await cases.hand_over(officer, number)
    assert (await cases.objection(number))[:2] == ("WITH_SOURCE", date(2026, 6, 25))
    again = await refused(cases.hand_over(stranger, number))
    assert again.code == "ALREADY_DECIDED"
    await cases.answer(source, number, Finding.STANDS, TEN + DAY)
    assert (await cases.objection(number))[0] == "OPEN"
    looks = await cases.rows(
        "SELECT role, purpose FROM access_event WHERE person_id = :id ORDER BY at, id", id=citizen.person_id
    )
    assert looks == [("officer", "OBJECTION")]


async def test_only_a_departments_record_can_be_handed_over(cases: Cases) -> None:
    citizen = await cases.citizen()
    number = await cases.wish(citizen, Wish(target=Target.SCORE, subject_key=(), reason="少算了。"))
    assert (await refused(cases.hand_over(await cases.officer(), number))).code == "RULE_REFUSED"
    assert (await cases.objection(number))[0] == "OPEN"


async def test_one_extension_with_a_reason_by_an_approver_who_did_not_work_on_it(cases: Cases) -> None:
    citizen, record = await cases.person_with()
    approver, other = await cases.approver(), await cases.approver()
    number = await cases.object_to(citizen, record)
    await cases.hand_over(approver, number)
    assert (await refused(cases.extend(approver, number))).code == "SAME_PERSON"
    await cases.extend(other, number)
    assert (await cases.objection(number))[:2] == ("WITH_SOURCE", date(2026, 7, 2))
    assert (await refused(cases.extend(other, number))).code == "ALREADY_DECIDED"
    assert await cases.told(citizen) == ["OBJECTION_EXTENDED"]
    await cases.answer(await cases.source(), number, Finding.CANNOT_TELL, TEN + DAY)
    assert (await cases.objection(number))[0] == "EXTENDED"


async def test_an_overdue_case_cannot_be_extended_any_more(cases: Cases) -> None:
    citizen, record = await cases.person_with()
    number = await cases.object_to(citizen, record)
    assert (await refused(cases.extend(await cases.approver(), number, TEN + 20 * DAY))).code == "TOO_LATE"
    await cases.withdraw(citizen, number, TEN + 20 * DAY)


async def test_a_review_is_decided_by_somebody_who_did_not_decide_first_and_only_in_time(cases: Cases) -> None:
    citizen, record = await cases.person_with()
    first, second = await cases.officer(), await cases.officer()
    number = await cases.object_to(citizen, record, TEN + DAY)
    assert (await refused(cases.review(citizen, number, TEN + DAY))).code == "TOO_EARLY"
    await cases.decide(first, number, Status.REJECTED, TEN + 2 * DAY)
    until = (await cases.objection(number))[2]
    late = TEN + DAY * ((until - date(2026, 6, 15)).days + 1)
    assert (await refused(cases.review(citizen, number, late))).code == "TOO_LATE"
    review = await cases.review(citizen, number, late - DAY)
    assert await cases.points(record) == BASE + (DEMERIT.points or 0)
    assert (await refused(cases.decide(first, review, Status.UPHELD, late))).code == "SAME_PERSON"
    await cases.decide(second, review, Status.UPHELD, late)
    assert await cases.states(record) == ["CONTESTED", "ACTIVE", "WITHDRAWN"]
    restored = (await cases.objection(review))[3]
    titles = await cases.rows("SELECT code FROM product WHERE id = ANY (:ids)", ids=restored)
    assert titles == [("stall-papers",)]


async def test_nobody_decides_their_own_case(cases: Cases) -> None:
    citizen, record = await cases.person_with()
    number = await cases.object_to(citizen, record)
    async with cases.worker.transaction(ANONYMOUS) as unit:
        await unit.session.execute(
            text(
                "INSERT INTO staff (person_id, role, programme_id, display_name)"
                " VALUES (:person, 'officer', :programme, 'x')"
            ),
            {"person": citizen.person_id, "programme": cases.programme_id},
        )
    own = replace(citizen, role=Role.OFFICER)
    assert (await refused(cases.decide(own, number, Status.UPHELD))).code == "SAME_PERSON"
    assert (await cases.objection(number))[0] == "OPEN"


async def test_what_was_objected_to_while_it_waited_waits_again_when_the_objection_fails(cases: Cases) -> None:
    citizen, record = await cases.person_with(announce=True)
    assert await cases.points(record) == BASE
    number = await cases.object_to(citizen, record, TEN + DAY)
    await cases.decide(await cases.officer(), number, Status.REJECTED, TEN + 2 * DAY)
    assert await cases.states(record) == ["ANNOUNCED", "CONTESTED", "ANNOUNCED"]
    assert await cases.points(record) == BASE


async def test_texts_and_papers_are_sealed_with_the_persons_key(cases: Cases) -> None:
    citizen, record = await cases.person_with()
    paper = await cases.attach(citizen, PAPER)
    number = await cases.object_to(citizen, record, papers=(paper,))
    [(reason, name, content)] = await cases.rows(
        "SELECT o.sealed_reason, a.sealed_name, a.sealed_content FROM objection AS o"
        " JOIN attachment AS a ON a.objection_id = o.id WHERE o.id = :id",
        id=number,
    )
    assert "已按时缴费".encode() not in bytes(reason)
    assert "收据".encode() not in bytes(name)
    assert PAPER.base64.encode() not in bytes(content)


async def test_a_paper_belongs_to_one_case_of_its_own_person(cases: Cases) -> None:
    citizen, record = await cases.person_with()
    stranger, other = await cases.person_with()
    paper = await cases.attach(citizen, PAPER)
    foreign = await refused(cases.object_to(stranger, other, papers=(paper,)))
    assert (foreign.code, foreign.field) == ("NOT_FOUND", "attachments")
    assert await cases.states(other) == []
    await cases.object_to(citizen, record, papers=(paper,))
    used = await refused(
        cases.wish(citizen, Wish(target=Target.SCORE, subject_key=(), reason="少算了。", attachments=(paper,)))
    )
    assert used.code == "NOT_FOUND"
    too_many = Wish(target=Target.SCORE, subject_key=(), reason="x", attachments=tuple(range(6)))
    assert (await refused(cases.wish(citizen, too_many))).code == "INVALID_INPUT"


async def test_at_most_twenty_papers_wait_for_a_case(cases: Cases) -> None:
    citizen = await cases.citizen()
    for _ in range(20):
        await cases.attach(citizen, PAPER)
    assert (await refused(cases.attach(citizen, PAPER))).code == "CAPACITY_FULL"


async def test_the_same_key_objects_once(cases: Cases) -> None:
    citizen, record = await cases.person_with()
    request = uuid4()
    number = await cases.object_to(citizen, record, request=request)
    assert await cases.object_to(citizen, record, TEN + DAY, request=request) == number
    assert len(await cases.rows("SELECT 1 FROM objection WHERE person_id = :id", id=citizen.person_id)) == 1


@pytest.mark.parametrize("role", ["officer", "approver", "source", "cashier"])
async def test_row_security_shows_no_case_of_a_person_to_whom_no_door_leads(cases: Cases, role: str) -> None:
    citizen, record = await cases.person_with()
    paper = await cases.attach(citizen, PAPER)
    number = await cases.object_to(citizen, record, papers=(paper,))
    makers = {"officer": cases.officer, "approver": cases.approver, "source": cases.source}
    stranger = await makers[role]() if role in makers else await cases.citizen()
    async with cases.database.reading(stranger) as unit:
        values = {"id": number, "person": citizen.person_id}
        seen = [
            (await unit.session.execute(text(sql), values)).scalar_one()
            for sql in (
                "SELECT count(*) FROM objection WHERE id = :id AND :person > 0",
                "SELECT count(*) FROM attachment WHERE objection_id = :id AND :person > 0",
                "SELECT count(*) FROM person_key WHERE person_id = :person AND :id > 0",
            )
        ]
    assert seen == [int(role in ("officer", "approver")), 0, 0]
