"""Declining a positive record: it is gone from the score for good, and nothing tells anybody that it was declined."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from api.case_days import case_terms
from domain.actor import Caller
from domain.rights import actions
from domain.scoring.queries.states import RecordKey
from tests.actions.cases import DOCUMENT, MERIT, TEN, Cases, cases, day_of, refused

__all__ = ["cases"]

DAY = timedelta(days=1)
BASE = DOCUMENT.rule_set.base_points


async def decline(cases: Cases, caller: Caller, record: RecordKey, at: Any = TEN + DAY, key: UUID | None = None) -> Any:
    terms = case_terms(await cases.known(), day_of(at))
    return await cases.act(caller, actions.decline_record, at, terms=terms, record=record, key=key or uuid4())


async def test_a_declined_merit_counts_no_more_and_is_declined_once(cases: Cases) -> None:
    citizen, record = await cases.person_with(MERIT)
    assert await cases.points(record) > BASE
    key = uuid4()
    assert await decline(cases, citizen, record, key=key) == TEN + DAY
    assert await decline(cases, citizen, record, TEN + 2 * DAY, key) == TEN + DAY
    assert await cases.points(record) == BASE
    assert await cases.states(record) == ["DECLINED"]
    assert (await refused(decline(cases, citizen, record))).code == "NOT_FOUND"


async def test_r09_nothing_anywhere_shows_that_somebody_declined(cases: Cases) -> None:
    citizen, record = await cases.person_with(MERIT)
    counts = {
        "access_event": "SELECT count(*) FROM access_event",
        "audit_event": "SELECT count(*) FROM audit_event",
        "notice": "SELECT count(*) FROM notice",
        "delivery": "SELECT count(*), count(ended) FROM delivery",
    }
    before = {table: await cases.rows(sql) for table, sql in counts.items()}
    await decline(cases, citizen, record)
    assert {table: await cases.rows(sql) for table, sql in counts.items()} == before
    causes = await cases.rows("SELECT cause FROM score_change WHERE citizen_id = :id", id=record.citizen_id)
    assert not [cause for (cause,) in causes if "declin" in cause["en"].lower() or "拒绝" in cause["zh"]]


async def test_only_a_merit_of_ones_own_can_be_declined(cases: Cases) -> None:
    citizen, demerit = await cases.person_with()
    refusal = await refused(decline(cases, citizen, demerit))
    assert (refusal.code, refusal.field) == ("RULE_REFUSED", "recordId")
    assert await cases.states(demerit) == []
    _, foreign = await cases.person_with(MERIT)
    assert (await refused(decline(cases, citizen, foreign))).code == "NOT_FOUND"
    assert await cases.states(foreign) == []
