"""Delivering records: what is taken, what is refused, what leaves no trace; and the stored score that follows."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from api.database import Database, WorkerDatabase
from domain.actor import ANONYMOUS, Role
from domain.errors import RuleRefused
from domain.people.settlement import Membership, Settler, caller_of, settle
from domain.programmes.actions import publish_programme
from domain.programmes.queries import organisations, rule_set_on
from domain.scoring import queries
from domain.scoring.actions import Delivered, deliver_records, record_services, rescore
from domain.scoring.rules import Delivery, ServiceRecord, line_of, total
from domain.values import words
from seeds.loader import PROGRAMMES, read_file

DOCUMENT = read_file(PROGRAMMES / "rongcheng.toml")
RULES = DOCUMENT.rule_set
NOW = datetime(2026, 11, 22, 4, tzinfo=UTC)
TODAY = date(2026, 11, 22)
JOINED = datetime(2026, 1, 1, tzinfo=UTC)
DEPARTMENT = "civil-affairs"
TABLES = (
    "credit_record",
    "record_document",
    "record_event",
    "score",
    "score_change",
    "outbox",
    "access_event",
    "person",
    "citizen",
    "consent",
)


@dataclass(frozen=True, kw_only=True)
class Office:
    """One loaded programme and a department that delivers to it."""

    worker: WorkerDatabase
    programme_id: int
    rule_set_id: int
    source_id: int
    other_source_id: int

    async def citizen(self, since: datetime = JOINED, *, joined: bool = True, born: date = date(1990, 5, 1)) -> str:
        """A new person; gives the reference under which departments know them."""
        ref = str(uuid4())
        membership = Membership(since=since, registration_kind="REGISTERED", consents=("score",)) if joined else None
        settler = Settler(subject=ref, name="试人", birth_date=born, identity_ref=ref, membership=membership)
        async with self.worker.transaction(ANONYMOUS) as unit:
            await settle(
                unit.session, NOW, issuer="test", programme=(self.programme_id, DOCUMENT.code), settlers=[settler]
            )
        return ref

    async def deliver(self, *deliveries: Delivery, now: datetime = NOW, source_id: int | None = None) -> Delivered:
        async with self.worker.transaction(ANONYMOUS) as unit:
            return await deliver_records(
                unit.session,
                unit.actor,
                now,
                programme_id=self.programme_id,
                source_id=source_id or self.source_id,
                rule_set_id=self.rule_set_id,
                deliveries=deliveries,
                announce=False,
            )

    async def rows(self, sql: str, **values: object) -> list[tuple[Any, ...]]:
        async with self.worker.reading(ANONYMOUS) as unit:
            return [tuple(row) for row in await unit.session.execute(text(sql), values)]

    async def id_of(self, ref: str) -> int:
        [(citizen_id,)] = await self.rows(
            "SELECT c.id FROM citizen AS c JOIN person AS p ON p.id = c.person_id WHERE p.subject = :ref", ref=ref
        )
        return int(citizen_id)

    async def points(self, ref: str, day: date = TODAY, known_at: datetime = NOW) -> int:
        """What the lines add up to."""
        citizen = await self.id_of(ref)
        async with self.worker.reading(ANONYMOUS) as unit:
            lines = await queries.lines_of(
                unit.session, citizens=[citizen], rule_set_id=self.rule_set_id, day=day, known_at=known_at
            )
        return total(lines.get(citizen, []), RULES).points

    async def stored(self, ref: str) -> list[tuple[Any, ...]]:
        sql = "SELECT points, as_of, valid_until FROM score WHERE citizen_id = :citizen"
        return await self.rows(sql, citizen=await self.id_of(ref))

    async def changes(self, ref: str) -> list[tuple[Any, ...]]:
        sql = "SELECT before, after, cause ->> 'en' FROM score_change WHERE citizen_id = :citizen ORDER BY id"
        return await self.rows(sql, citizen=await self.id_of(ref))

    async def counts(self) -> list[int]:
        return [(await self.rows(f"SELECT count(*) FROM {table}"))[0][0] for table in TABLES]


@pytest.fixture(scope="module")
async def office(worker: WorkerDatabase) -> Office:
    async with worker.transaction(ANONYMOUS) as unit:
        programme_id = await publish_programme(unit.session, document=DOCUMENT, today=TODAY)
        rule_set = await rule_set_on(unit.session, programme_id=programme_id, day=TODAY)
        assert rule_set is not None
        sources = [
            one.id
            for one in await organisations(unit.session)
            if one.programme_id == programme_id and one.kind in ("DEPARTMENT", "UTILITY")
        ]
    return Office(
        worker=worker,
        programme_id=programme_id,
        rule_set_id=rule_set.id,
        source_id=sources[0],
        other_source_id=sources[1],
    )


def course(citizen_ref: str, on: date = date(2026, 6, 1), **changes: Any) -> Delivery:
    """A first-aid course: 5 points, at most 10 a year."""
    plain = Delivery(
        citizen_ref=citizen_ref, item="first-aid-course", source_ref=str(uuid4()), occurred_on=on, evidence="签到表"
    )
    return replace(plain, **changes)


def judgment(citizen_ref: str, **changes: Any) -> Delivery:
    plain = course(citizen_ref, item="utility-debt-judgment", determined_on=date(2026, 7, 1), document_id=str(uuid4()))
    return replace(plain, **changes)


def hours(citizen_ref: str, quantity: float | None, **changes: Any) -> Delivery:
    plain = course(citizen_ref, item="volunteer-hours", ended_on=date(2026, 6, 1), quantity=quantity)
    return replace(plain, **changes)


def refusals(delivered: Delivered) -> list[tuple[int, str, str | None]]:
    return [(index, refusal.code, refusal.field) for index, refusal in delivered.refused]


async def test_records_are_stored_and_the_score_follows_in_the_same_step(office: Office) -> None:
    ref = await office.citizen()
    delivered = await office.deliver(course(ref), hours(ref, 21.5), judgment(ref))
    assert delivered == Delivered(accepted=3, duplicates=0, refused=())
    assert await office.points(ref) == 1000 + 5 + 20 - 50
    assert await office.stored(ref) == [(975, TODAY, date(2028, 6, 1))]
    [(before, after, cause)] = await office.changes(ref)
    assert (before, after) == (1000, 975)
    assert cause.startswith("New records: ")
    assert "A community first-aid course completed" in cause


async def test_the_phone_is_told_once_for_each_score_that_moves(office: Office) -> None:
    ref = await office.citizen()
    await office.deliver(course(ref, date(2026, 6, 1)), course(ref, date(2026, 6, 2)))
    await office.deliver(course(ref, date(2026, 6, 3)))
    told = await office.rows(
        "SELECT o.subject FROM outbox AS o JOIN person AS p ON p.id = o.person_id WHERE p.subject = :ref", ref=ref
    )
    assert told == [(str(await office.id_of(ref)),)]
    assert len(await office.changes(ref)) == 1


async def test_same_reference_and_content_is_a_duplicate_and_changes_nothing(office: Office) -> None:
    delivery = course(await office.citizen())
    await office.deliver(delivery)
    before = await office.counts()
    assert await office.deliver(delivery, delivery) == Delivered(accepted=0, duplicates=2, refused=())
    assert await office.counts() == before


async def test_same_reference_with_other_content_is_refused(office: Office) -> None:
    ref = await office.citizen()
    delivery = course(ref)
    await office.deliver(delivery)
    before = await office.counts()
    delivered = await office.deliver(replace(delivery, occurred_on=date(2026, 6, 2)))
    assert (delivered.accepted, delivered.duplicates) == (0, 0)
    assert refusals(delivered) == [(0, "INVALID_INPUT", "sourceRef")]
    assert await office.counts() == before


async def test_a_reference_that_arrives_for_another_citizen_is_refused(office: Office) -> None:
    one, other = await office.citizen(), await office.citizen()
    delivery = course(one)
    await office.deliver(delivery)
    assert refusals(await office.deliver(replace(delivery, citizen_ref=other))) == [(0, "INVALID_INPUT", "sourceRef")]
    assert await office.points(other) == 1000


async def test_within_one_delivery_the_first_line_of_a_reference_stands(office: Office) -> None:
    ref = await office.citizen()
    delivery = course(ref)
    delivered = await office.deliver(delivery, delivery, replace(delivery, evidence="另一份"))
    assert (delivered.accepted, delivered.duplicates) == (1, 1)
    assert refusals(delivered) == [(2, "INVALID_INPUT", "sourceRef")]


async def test_two_sources_may_use_the_same_reference(office: Office) -> None:
    ref = await office.citizen()
    delivery = course(ref)
    await office.deliver(delivery)
    other = replace(delivery, occurred_on=date(2026, 6, 2))
    assert (await office.deliver(other, source_id=office.other_source_id)).accepted == 1
    assert await office.points(ref) == 1010


async def leaver(office: Office) -> str:
    ref = await office.citizen()
    async with office.worker.transaction(ANONYMOUS) as unit:
        await unit.session.execute(
            text("UPDATE citizen SET scored_from = NULL, left_at = :now WHERE id = :id"),
            {"id": await office.id_of(ref), "now": NOW},
        )
    return ref


async def people_without_a_score(office: Office) -> list[str]:
    """Unknown, known but not joined, withdrawn, and joined only after the fact."""
    return [
        "nobody knows this one",
        await office.citizen(joined=False),
        await leaver(office),
        await office.citizen(since=NOW),
    ]


async def test_r09_who_has_no_score_is_accepted_and_leaves_no_trace(office: Office) -> None:
    people = await people_without_a_score(office)
    before = await office.counts()
    delivered = await office.deliver(*(course(ref) for ref in people))
    assert delivered == Delivered(accepted=len(people), duplicates=0, refused=())
    assert await office.counts() == before


async def test_r09_no_reply_tells_who_has_a_score(office: Office) -> None:
    answers = []
    for ref in [await office.citizen(), *await people_without_a_score(office)]:
        line, faulty = course(ref), hours(ref, None)
        first = await office.deliver(line, line, faulty)
        again = await office.deliver(line, replace(line, evidence="另一份"))
        answers.append((first.accepted, first.duplicates, refusals(first), again.duplicates, refusals(again)))
    assert len(set(map(str, answers))) == 1


async def test_r20_nobody_who_was_under_18_on_joining_is_taken_over_or_scored(office: Office) -> None:
    before = await office.counts()
    with pytest.raises(RuleRefused) as refused:
        await office.citizen(born=date(2008, 1, 2))
    assert refused.value.rule_source == "R20"
    assert await office.counts() == before
    of_age = await office.citizen(born=date(2008, 1, 1))
    assert (await office.deliver(course(of_age))).accepted == 1
    assert await office.points(of_age) == 1005


async def test_what_is_kept_of_a_delivery_names_no_person(office: Office) -> None:
    ref = await office.citizen(joined=False)
    await office.deliver(course(ref, source_ref=f"about-{ref}"))
    for table in ("delivery", "audit_event", "outbox"):
        rows = await office.rows(f"SELECT CAST(t AS text) FROM {table} AS t")
        assert not [row for row in rows if ref in row[0]]


FAULTS: Sequence[tuple[Delivery, str, str]] = (
    (course("x", item="kindness"), "INVALID_INPUT", "item"),
    (course("x", on=date(2026, 11, 23)), "INVALID_INPUT", "occurredOn"),
    (course("x", determined_on=date(2026, 11, 23)), "INVALID_INPUT", "determinedOn"),
    (course("x", ended_on=date(2026, 5, 31)), "INVALID_INPUT", "endedOn"),
    (course("x", evidence=" "), "INVALID_INPUT", "evidence"),
    (course("x", evidence="a\x00b"), "INVALID_INPUT", "evidence"),
    (course("x", source_ref="r" * 201), "INVALID_INPUT", "sourceRef"),
    (course(""), "INVALID_INPUT", "citizenRef"),
    (course("x", document_id=""), "INVALID_INPUT", "documentId"),
    (hours("x", None), "INVALID_INPUT", "quantity"),
    (hours("x", -1), "INVALID_INPUT", "quantity"),
    (hours("x", float("nan")), "INVALID_INPUT", "quantity"),
    (hours("x", 0.125), "INVALID_INPUT", "quantity"),
    (hours("x", 1_000_001), "INVALID_INPUT", "quantity"),
    (hours("x", 1, ended_on=None), "INVALID_INPUT", "endedOn"),
    (judgment("x", determined_on=None), "INVALID_INPUT", "determinedOn"),
    (judgment("x", document_id=None), "RULE_REFUSED", "documentId"),
    (judgment("x", occurred_on=date(2023, 12, 31)), "RULE_REFUSED", "occurredOn"),
)


@pytest.mark.parametrize(("fault", "code", "field"), FAULTS, ids=range(len(FAULTS)))
async def test_a_faulty_line_is_refused_by_itself(office: Office, fault: Delivery, code: str, field: str) -> None:
    ref = await office.citizen()
    delivered = await office.deliver(replace(fault, citizen_ref=fault.citizen_ref and ref), course(ref))
    assert refusals(delivered) == [(0, code, field)]
    assert delivered.accepted == 1
    assert await office.points(ref) == 1005


async def test_any_date_of_today_is_not_in_the_future(office: Office) -> None:
    # Half past midnight in Shanghai, still the day before in UTC.
    now = datetime(2026, 11, 22, 16, 30, tzinfo=UTC)
    assert (await office.deliver(course(await office.citizen(), date(2026, 11, 23)), now=now)).refused == ()


async def test_nothing_delivered_is_nothing_done(office: Office) -> None:
    before = await office.counts()
    assert await office.deliver() == Delivered(accepted=0, duplicates=0, refused=())
    assert await office.counts() == before


async def test_what_was_known_earlier_can_be_asked_again(office: Office) -> None:
    ref = await office.citizen()
    await office.deliver(course(ref), now=NOW - timedelta(days=2))
    await office.deliver(judgment(ref))
    assert await office.points(ref, known_at=NOW - timedelta(days=3)) == 1000
    assert await office.points(ref, known_at=NOW - timedelta(days=1)) == 1005
    assert await office.points(ref) == 955
    assert await office.points(ref, day=date(2028, 7, 1)) == 1000


async def test_deliveries_at_the_same_moment_are_all_in_the_stored_score(office: Office) -> None:
    ref = await office.citizen()
    await asyncio.gather(*(office.deliver(hours(ref, 1)) for _ in range(8)))
    [(points, _, _)] = await office.stored(ref)
    assert points == await office.points(ref) == 1008


async def test_rescoring_writes_only_what_differs(office: Office) -> None:
    ref = await office.citizen()
    await office.deliver(course(ref))
    citizen = await office.id_of(ref)
    cause = words("重新计算", "Computed again")

    async def again(today: date) -> None:
        async with office.worker.transaction(ANONYMOUS) as unit:
            await rescore(
                unit.session, NOW, citizens=[citizen], rule_set_id=office.rule_set_id, today=today, cause=cause
            )

    before = await office.rows("SELECT xmin FROM score WHERE citizen_id = :id", id=citizen)
    await again(TODAY + timedelta(days=1))
    assert await office.rows("SELECT xmin FROM score WHERE citizen_id = :id", id=citizen) == before
    await again(date(2028, 6, 1))
    assert await office.stored(ref) == [(1000, date(2028, 6, 1), None)]
    assert (await office.changes(ref))[1:] == [(1005, 1000, "Computed again")]


async def test_who_has_left_is_not_scored_again(office: Office) -> None:
    ref = await leaver(office)
    async with office.worker.transaction(ANONYMOUS) as unit:
        await rescore(
            unit.session,
            NOW,
            citizens=[await office.id_of(ref)],
            rule_set_id=office.rule_set_id,
            today=TODAY,
            cause=words("重新计算", "Computed again"),
        )
    assert await office.stored(ref) == []


async def test_confirmed_services_become_hours_whose_lines_name_the_event(office: Office, database: Database) -> None:
    ref, late = await office.citizen(), await office.citizen(since=NOW)
    services = [
        ServiceRecord(
            citizen_id=await office.id_of(who),
            service_id=number,
            hours_x100=1050,
            served_on=date(2026, 11, number - 9000),
            about=f"海滩清洁{number}·海岸志愿队",
        )
        for number, who in ((9001, ref), (9002, ref), (9003, late))
    ]
    async with office.worker.transaction(ANONYMOUS) as unit:
        await record_services(
            unit.session,
            unit.actor,
            NOW,
            programme_id=office.programme_id,
            source_id=office.source_id,
            rule_set_id=office.rule_set_id,
            services=services,
        )
    assert await office.stored(ref) == [(1020, TODAY, date(2028, 11, 1))]
    assert await office.stored(late) == []
    [(_, _, cause)] = await office.changes(ref)
    assert cause == "Confirmed volunteer hours: 海滩清洁9001·海岸志愿队; 海滩清洁9002·海岸志愿队"
    caller = await own_caller(office, ref)
    async with database.reading(caller) as unit:
        fragment = queries.score_lines()
        values = {"citizen": unit.actor.citizen_id, "rule_set": office.rule_set_id, "today": TODAY, "now": NOW}
        statement = f"WITH lines AS ({fragment.ctes['lines']}) {fragment.sql}"
        rows = (await unit.session.execute(text(statement), values)).scalar_one()
    assert [(line_of(row).points, line_of(row).evidence) for row in rows] == [
        (10, "海滩清洁9001·海岸志愿队"),
        (10, "海滩清洁9002·海岸志愿队"),
    ]


async def own_caller(office: Office, ref: str) -> Any:
    async with office.worker.reading(ANONYMOUS) as unit:
        return await caller_of(unit.session, issuer="test", subject=ref, role=Role.CITIZEN, programme=DOCUMENT.code)


async def test_a_citizen_sees_nobody_elses_lines(office: Office, database: Database) -> None:
    ref, other = await office.citizen(), await office.citizen()
    await office.deliver(course(ref), course(other))
    both = [await office.id_of(ref), await office.id_of(other)]
    async with database.reading(await own_caller(office, ref)) as unit:
        lines = await queries.lines_of(
            unit.session, citizens=both, rule_set_id=office.rule_set_id, day=TODAY, known_at=NOW
        )
    assert list(lines) == [both[0]]
