"""Notices: of an adverse record before it counts, of a coming expiry, of other rules; each told once."""

from datetime import date, timedelta
from uuid import uuid4

import pytest

from api.case_days import turn_cases
from domain.actor import ANONYMOUS
from domain.notices import actions
from domain.notices.rules import BODIES, TITLES, Kind, body_of, title_of
from tests.actions.cases import DEMERIT, DOCUMENT, TEN, Cases, cases, day_of, refused

__all__ = ["cases"]

DAY = timedelta(days=1)
BASE = DOCUMENT.rule_set.base_points


async def turn(cases: Cases, days: int) -> None:
    """The morning so many days later."""
    at = TEN + days * DAY
    async with cases.worker.transaction(ANONYMOUS) as unit:
        await turn_cases(unit.session, at, today=day_of(at))


async def test_an_adverse_record_is_announced_before_it_counts_and_counts_when_its_days_are_over(cases: Cases) -> None:
    citizen, record = await cases.person_with(announce=True)
    assert await cases.points(record) == BASE
    [(kind, params)] = await cases.rows("SELECT kind, params FROM notice WHERE person_id = :id", id=citizen.person_id)
    counts_from = day_of(TEN) + timedelta(days=DOCUMENT.announced_days)
    assert (kind, params["from"]) == ("RECORD_ANNOUNCED", counts_from.isoformat())
    assert params["item"] == {"zh": DEMERIT.title.zh, "en": DEMERIT.title.en}
    assert body_of(kind, params).en.endswith(
        f"It does not count yet and will from {counts_from} on. Look at the record now, and object if it is wrong."
    )
    await turn(cases, DOCUMENT.announced_days - 1)
    assert await cases.states(record) == ["ANNOUNCED"]
    await turn(cases, DOCUMENT.announced_days)
    await turn(cases, DOCUMENT.announced_days + 1)
    assert await cases.states(record) == ["ANNOUNCED", "ACTIVE"]
    assert await cases.points(record) == BASE + (DEMERIT.points or 0)


async def test_what_a_programme_takes_over_counts_already(cases: Cases) -> None:
    citizen, record = await cases.person_with()
    assert await cases.states(record) == []
    assert await cases.told(citizen) == []
    assert await cases.points(record) == BASE + (DEMERIT.points or 0)


async def test_the_phone_hears_of_each_notice_and_of_one_thing_once(cases: Cases) -> None:
    citizen, record = await cases.person_with(announce=True)
    [(notice,)] = await cases.rows("SELECT id FROM notice WHERE person_id = :id", id=citizen.person_id)
    heard = "SELECT subject FROM outbox WHERE topic = 'noticeAdded' AND person_id = :id"
    assert await cases.rows(heard, id=citizen.person_id) == [(str(notice),)]
    number = await cases.object_to(citizen, record, TEN + DAY)
    await cases.withdraw(citizen, number, TEN + 2 * DAY)
    assert await cases.told(citizen) == ["RECORD_ANNOUNCED"]


async def test_a_coming_expiry_is_told_thirty_days_ahead_and_once(cases: Cases) -> None:
    citizen, _ = await cases.person_with(on=date(2024, 7, 10))
    for days in (-6, -5, -4):
        await turn(cases, days)
    assert await cases.told(citizen) == ["EXPIRY_COMING"]
    [(params,)] = await cases.rows("SELECT params FROM notice WHERE person_id = :id", id=citizen.person_id)
    assert params == {"on": "2026-07-10"}


async def test_only_ones_own_notices_are_marked_as_read(cases: Cases) -> None:
    citizen, _ = await cases.person_with(announce=True)
    stranger = await cases.citizen()
    [(notice,)] = await cases.rows("SELECT id FROM notice WHERE person_id = :id", id=citizen.person_id)
    foreign = await refused(cases.act(stranger, actions.mark_read, TEN, ids=[notice], key=uuid4()))
    assert (foreign.code, foreign.field) == ("NOT_FOUND", "ids")
    too_many = await refused(cases.act(citizen, actions.mark_read, TEN, ids=list(range(101)), key=uuid4()))
    assert (too_many.code, too_many.field) == ("INVALID_INPUT", "ids")
    key = uuid4()
    for _ in range(2):
        await cases.act(citizen, actions.mark_read, TEN + DAY, ids=[notice], key=key)
    assert await cases.rows("SELECT read_at FROM notice WHERE id = :id", id=notice) == [(TEN + DAY,)]


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_has_a_title_and_sentences_in_both_languages(kind: Kind) -> None:
    assert title_of(kind.value) == TITLES[kind]
    assert BODIES[kind].zh.endswith("。")
    assert BODIES[kind].en.endswith(".")
