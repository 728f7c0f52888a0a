"""How rules come into force, step by step, and what is refused on the way."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from api.database import Database, WorkerDatabase
from domain.actor import ANONYMOUS, Role
from domain.errors import (
    AlreadyDecided,
    CapacityFull,
    DomainError,
    IdempotencyConflict,
    InvalidInput,
    NotFound,
    RuleRefused,
    SamePerson,
    TooEarly,
)
from domain.programmes.actions import publish_programme, releases
from tests.actions.releasing import DAY, Change, Town, found, points_of, rule_set_draft, stricter


@pytest.fixture
async def town(database: Database, worker: WorkerDatabase) -> AsyncIterator[Town]:
    town = await found(database, worker)
    yield town
    async with worker.transaction(ANONYMOUS) as unit:
        await unit.session.execute(text("UPDATE clock SET ahead = '0'"))


def without_the_best_grade(rules: dict[str, Any]) -> None:
    rules["bands"][-1]["code"] = "BEST"
    for code, marked in rules["sources"].items():
        if marked != "rest":
            rules["sources"][code] = [key.replace("bands.AAA", "bands.BEST") for key in marked]


def a_long_memory(rules: dict[str, Any]) -> None:
    next(one for one in rules["items"] if not one["merit"])["valid_months"] = 61


def an_unknown_key(rules: dict[str, Any]) -> None:
    rules["bonus"] = 1


async def standing(town: Town) -> list[tuple[int, str]]:
    rows = await town.rows("SELECT version, status FROM rule_set WHERE programme_id = :programme ORDER BY version")
    return [tuple(row) for row in rows]


@pytest.mark.parametrize(
    ("change", "refusal", "source", "named"),
    [
        (a_long_memory, RuleRefused, "R13", "items[utility-debt-judgment].valid_months: R13"),
        (an_unknown_key, InvalidInput, None, "bonus: FORM"),
        (without_the_best_grade, InvalidInput, None, "products[heating-300].ways"),
    ],
)
async def test_a_bad_draft_is_refused_by_rule_and_key_and_nothing_is_stored(
    town: Town, change: Change, refusal: type[DomainError], source: str | None, named: str
) -> None:
    before = await standing(town)
    refused = await town.refusal(
        await town.caller(Role.OFFICER),
        releases.draft_rule_set,
        text=rule_set_draft(change),
        products=town.document.products,
    )
    assert (type(refused), refused.field, refused.rule_source) == (refusal, "document", source)
    assert named in refused.message.en
    assert await standing(town) == before


async def test_a_draft_counts_for_nobody_and_the_same_key_is_the_same_draft(town: Town) -> None:
    officer, key = await town.caller(Role.OFFICER), uuid4()
    given = {"text": rule_set_draft(stricter), "products": town.document.products, "key": key}
    first = await town.act(officer, releases.draft_rule_set, **given)
    assert await town.act(officer, releases.draft_rule_set, **given) == first
    refused = await town.refusal(officer, releases.draft_rule_set, **{**given, "text": rule_set_draft()})
    assert type(refused) is IdempotencyConflict
    assert await standing(town) == [(1, "PUBLISHED"), (2, "DRAFT")]
    assert (await town.catalogue(await town.today())).rules.rule_set == town.document.rule_set


async def test_every_step_waits_for_the_one_before(town: Town) -> None:
    officer, approver = await town.caller(Role.OFFICER), await town.caller(Role.APPROVER)
    version = await town.draft(stricter)
    tomorrow = await town.today() + DAY
    for action, values in (
        (releases.approve_rule_set, {}),
        (releases.publish_rule_set, {"effective_from": tomorrow, "answer": None}),
        (releases.comment, {"text": "好"}),
    ):
        refused = await town.refusal(approver, action, version=version, **values)
        assert type(refused) is AlreadyDecided
        assert "draft" in refused.message.en
    assert type(await town.refusal(officer, releases.open_consultation, version=9, until=tomorrow)) is NotFound
    refused = await town.refusal(officer, releases.open_consultation, version=version, until=await town.today())
    assert (type(refused), refused.field) == (InvalidInput, "until")
    await town.act(officer, releases.open_consultation, version=version, until=tomorrow)
    assert "runs until" in (await town.refusal(approver, releases.approve_rule_set, version=version)).message.en
    await town.wait(2 * DAY)
    refused = await town.refusal(approver, releases.approve_rule_set, version=version)
    assert (type(refused), refused.message.en[:11]) == (TooEarly, "No dry run ")
    await town.assessed(version)
    await town.act(approver, releases.approve_rule_set, version=version)
    assert await standing(town) == [(1, "PUBLISHED"), (2, "APPROVED")]


async def test_r23_who_has_drafted_does_not_approve(town: Town) -> None:
    version = await town.draft()
    await town.consult(version)
    await town.assessed(version)
    drafter = (await town.caller(Role.OFFICER)).person_id
    approver = await town.caller(Role.APPROVER)
    async with town.worker.transaction(ANONYMOUS) as unit:
        await unit.session.execute(
            text("UPDATE rule_set SET drafted_by = :approver WHERE drafted_by = :drafter"),
            {"approver": approver.person_id, "drafter": drafter},
        )
    assert type(await town.refusal(approver, releases.approve_rule_set, version=version)) is SamePerson
    await town.act(await town.caller(Role.APPROVER, 2), releases.approve_rule_set, version=version)


async def test_everybody_comments_until_the_consultation_closes_and_gets_an_answer(town: Town) -> None:
    officer, approver = await town.caller(Role.OFFICER), await town.caller(Role.APPROVER)
    citizen, volunteer = await town.caller(Role.CITIZEN, 6), await town.caller(Role.VOLUNTEER, 1)
    version = await town.draft(stricter)
    until = await town.today() + DAY
    await town.act(officer, releases.open_consultation, version=version, until=until)
    key = uuid4()
    at = await town.act(citizen, releases.comment, version=version, text="太严了", key=key)
    assert await town.act(citizen, releases.comment, version=version, text="太严了", key=key) == at
    for number in range(9):
        await town.act(citizen, releases.comment, version=version, text=f"第{number}条")
    assert type(await town.refusal(citizen, releases.comment, version=version, text="再说")) is CapacityFull
    await town.act(volunteer, releases.comment, version=version, text="支持")
    refused = await town.refusal(volunteer, releases.comment, version=version, text=" ")
    assert (type(refused), refused.field) == (InvalidInput, "text")
    await town.wait(2 * DAY)
    assert type(await town.refusal(volunteer, releases.comment, version=version, text="太晚")) is CapacityFull
    await town.assessed(version)
    await town.act(approver, releases.approve_rule_set, version=version)
    begins = {"version": version, "effective_from": await town.today() + DAY}
    refused = await town.refusal(approver, releases.publish_rule_set, **begins, answer=None)
    assert (type(refused), refused.field) == (InvalidInput, "answerToComments")
    assert "11 comments" in refused.message.en
    await town.act(approver, releases.publish_rule_set, **begins, answer="已放宽")
    assert [
        tuple(row)
        for row in await town.rows("""
        SELECT c.comments, c.answer FROM consultation AS c JOIN rule_set AS r ON r.id = c.rule_set_id
        WHERE r.programme_id = :programme""")
    ] == [(11, "已放宽")]


async def test_nobody_but_the_office_reads_a_comment_of_somebody_else(town: Town) -> None:
    version = await town.draft()
    await town.act(
        await town.caller(Role.OFFICER), releases.open_consultation, version=version, until=await town.today() + DAY
    )
    await town.act(await town.caller(Role.CITIZEN, 6), releases.comment, version=version, text="我的话")
    elsewhere = await found(town.database, town.worker)
    seen = {}
    for name, caller in (
        ("author", await town.caller(Role.CITIZEN, 6)),
        ("another", await town.caller(Role.CITIZEN, 7)),
        ("cashier", await town.caller(Role.CASHIER)),
        ("officer", await town.caller(Role.OFFICER, 2)),
        ("foreign officer", await elsewhere.caller(Role.OFFICER)),
    ):
        async with town.database.reading(caller) as unit:
            statement = """SELECT count(*) FROM rule_comment AS m JOIN rule_set AS r ON r.id = m.rule_set_id
                WHERE r.programme_id = :programme"""
            seen[name] = (await unit.session.execute(text(statement), {"programme": town.programme_id})).scalar_one()
    assert seen == {"author": 1, "another": 0, "cashier": 0, "officer": 1, "foreign officer": 0}


async def test_rules_begin_tomorrow_at_the_earliest_and_close_those_before(town: Town) -> None:
    approver = await town.caller(Role.APPROVER)
    version = await town.approved(stricter)
    today = await town.today()
    refused = await town.refusal(
        approver, releases.publish_rule_set, version=version, effective_from=today, answer=None
    )
    assert (type(refused), refused.field, refused.rule_source) == (TooEarly, "effectiveFrom", "R22")
    await town.act(approver, releases.publish_rule_set, version=version, effective_from=today + DAY, answer=None)
    rows = await town.rows("""
        SELECT version, status, effective_from, effective_until FROM rule_set
        WHERE programme_id = :programme ORDER BY version""")
    assert [tuple(row) for row in rows] == [
        (1, "PUBLISHED", town.document.rule_set.effective_from, today + DAY),
        (2, "PUBLISHED", today + DAY, None),
    ]
    assert (await town.catalogue(today)).rules.rule_set == town.document.rule_set
    assert (await town.catalogue(today + DAY)).rules.rule_set.band_at(1044).code == "A"


async def test_r22_a_new_demerit_never_looks_back_behind_the_day_on_which_it_begins(town: Town) -> None:
    day = await town.today() + DAY

    def another_demerit(rules: dict[str, Any]) -> None:
        demerit = dict(next(one for one in rules["items"] if not one["merit"]))
        rules["items"].append({**demerit, "code": "another", "facts_since": day})
        rules["effective_from"] = day

    version = await town.approved(another_demerit)
    approver, later = await town.caller(Role.APPROVER), await town.today() + DAY
    refused = await town.refusal(
        approver, releases.publish_rule_set, version=version, effective_from=later, answer=None
    )
    assert (type(refused), refused.rule_source) == (RuleRefused, "R22")


async def test_rules_are_withdrawn_until_they_begin_and_rolled_back_after(town: Town) -> None:
    officer, approver = await town.caller(Role.OFFICER), await town.caller(Role.APPROVER)
    version = await town.published(stricter)
    refused = await town.refusal(approver, releases.roll_back_rule_set, reason="改回")
    assert (type(refused), "Withdraw" in refused.message.en) == (TooEarly, True)
    await town.act(officer, releases.withdraw_rule_set, version=version, reason="有误")
    day = await town.today() + 5 * DAY
    assert (await town.catalogue(day)).rules.rule_set == town.document.rule_set
    assert type(await town.refusal(approver, releases.roll_back_rule_set, reason="改回")) is NotFound

    again = await town.published(stricter)
    await town.wait(DAY)
    refused = await town.refusal(officer, releases.withdraw_rule_set, version=again, reason="有误")
    assert (type(refused), "in force" in refused.message.en) == (AlreadyDecided, True)
    await town.act(approver, releases.roll_back_rule_set, reason="市民反映过严")
    today = await town.today()
    assert (await town.catalogue(today)).rules.rule_set.band_at(1044).code == "A"
    assert (await town.catalogue(today + DAY)).rules.rule_set == town.document.rule_set
    assert await standing(town) == [
        (1, "PUBLISHED"),
        (2, "WITHDRAWN"),
        (3, "PUBLISHED"),
        (4, "PUBLISHED"),
    ]


async def test_r22_what_is_public_is_never_rewritten(town: Town) -> None:
    version = await town.draft(points_of("library-on-time", 2))
    await town.consult(version)
    rule_set_id = (await town.rows("SELECT id FROM rule_set WHERE programme_id = :programme AND version = 2"))[0].id
    for statement in (
        "UPDATE rule_set SET base_points = base_points + 1 WHERE id = :id",
        "UPDATE rule_set SET content = content || '{\"base_points\": 1}' WHERE id = :id",
        "INSERT INTO rule_field (rule_set_id, code) VALUES (:id, 'another')",
        "UPDATE product SET content = content || '{\"title\": 1}' WHERE status = 'PUBLISHED'",
    ):
        with pytest.raises(DBAPIError, match="is final"):
            async with town.worker.transaction(ANONYMOUS) as unit:
                await unit.session.execute(text(statement), {"id": rule_set_id} if ":id" in statement else {})


async def test_loading_the_file_again_leaves_standing_what_the_office_has_released(town: Town) -> None:
    await town.published(stricter)
    await town.wait(DAY)
    async with town.worker.transaction(ANONYMOUS) as unit:
        await publish_programme(unit.session, document=town.document, today=await town.today())
    assert await standing(town) == [(1, "PUBLISHED"), (2, "PUBLISHED")]


async def test_every_step_is_written_down_with_who_took_it(town: Town) -> None:
    await town.published()
    rows = await town.rows("""
        SELECT action, role FROM audit_event
        WHERE programme_id = :programme AND (action LIKE '%rule_set' OR action LIKE '%consultation')
        ORDER BY id""")
    assert [tuple(row) for row in rows] == [
        ("draft_rule_set", "officer"),
        ("open_consultation", "officer"),
        ("approve_rule_set", "approver"),
        ("publish_rule_set", "approver"),
    ]


async def test_no_version_begins_on_or_before_the_day_of_one_that_is_published(town: Town) -> None:
    approver = await town.caller(Role.APPROVER)
    first, second = await town.draft(stricter), await town.draft()
    for version in (first, second):
        await town.consult(version)
        await town.assessed(version)
        await town.act(approver, releases.approve_rule_set, version=version)
    day = await town.today() + 3 * DAY
    await town.act(approver, releases.publish_rule_set, version=first, effective_from=day, answer=None)
    refused = await town.refusal(approver, releases.publish_rule_set, version=second, effective_from=day, answer=None)
    assert (type(refused), refused.field) == (TooEarly, "effectiveFrom")
    later = day + DAY
    await town.act(approver, releases.publish_rule_set, version=second, effective_from=later, answer=None)
    assert (await town.catalogue(day)).rules.rule_set.band_at(1044).code == "A"
    assert (await town.catalogue(later)).rules.rule_set.band_at(1044).code == "AA"


async def test_every_step_happens_once_for_each_key(town: Town) -> None:
    officer, approver = await town.caller(Role.OFFICER), await town.caller(Role.APPROVER)
    version = await town.draft(stricter)

    async def twice(caller: Any, action: Any, **values: Any) -> None:
        key = uuid4()
        first = await town.act(caller, action, key=key, **values)
        assert await town.act(caller, action, key=key, **values) == first, action

    await twice(officer, releases.open_consultation, version=version, until=await town.today() + DAY)
    await twice(officer, releases.start_dry_run, version=version)
    await town.wait(2 * DAY)
    await town.assessed(version)
    await twice(approver, releases.approve_rule_set, version=version)
    begins = await town.today() + DAY
    await twice(approver, releases.publish_rule_set, version=version, effective_from=begins, answer=None)
    await town.wait(DAY)
    await twice(approver, releases.roll_back_rule_set, reason="改回")
    await twice(officer, releases.withdraw_rule_set, version=3, reason="再改")
    await twice(officer, releases.withdraw_rule_set, version=await town.draft(), reason="不要了")
    assert await standing(town) == [(1, "PUBLISHED"), (2, "PUBLISHED"), (3, "WITHDRAWN"), (4, "WITHDRAWN")]
