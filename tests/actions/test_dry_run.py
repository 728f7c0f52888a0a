"""What drafted rules would do to everybody, and what everybody keeps when they begin."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from api.database import Database, WorkerDatabase
from api.jobs import KINDS, Kind, run_entitlements, run_jobs
from domain import jobs
from domain.actor import ANONYMOUS, Caller, Role
from domain.errors import AlreadyDecided
from domain.incentives import queries as incentives
from domain.incentives.actions import releases as people
from domain.incentives.queries import population
from domain.incentives.rules.decision import decide
from domain.incentives.rules.population import PARTS, added, qualifies
from domain.incentives.rules.standing import Standing
from domain.jobs import MAX_ATTEMPTS, Job
from domain.programmes.actions import releases
from domain.programmes.rules.releases import EVE
from domain.redemption.actions.presenting import present_benefit
from domain.redemption.actions.scanning import redeem
from domain.redemption.rules import codes
from domain.redemption.rules.scans import Scan, ScanReason
from domain.scoring.actions import rescore_due
from tests.actions.releasing import DAY, ZONE, Town, found, points_of, stricter


@pytest.fixture
async def town(database: Database, worker: WorkerDatabase) -> AsyncIterator[Town]:
    async with worker.transaction(ANONYMOUS) as unit:
        await unit.session.execute(
            text("UPDATE job SET done_at = not_before WHERE done_at IS NULL AND failed_at IS NULL")
        )
    town = await found(database, worker)
    yield town
    async with worker.transaction(ANONYMOUS) as unit:
        await unit.session.execute(text("UPDATE clock SET ahead = '0'"))


# Some gain and some lose: books on time give more, and a course in first aid less.
CHANGES = (stricter, points_of("library-on-time", 6), points_of("first-aid-course", 1))


async def start(town: Town, version: int) -> int:
    number: int = await town.act(await town.caller(Role.OFFICER), releases.start_dry_run, version=version)
    return number


async def sums(town: Town, number: int) -> Counter[tuple[str, ...]]:
    return added(
        row.counts for row in await town.rows("SELECT counts FROM dry_run_part WHERE dry_run_id = :id", id=number)
    )


async def status(town: Town, number: int) -> tuple[str, list[str]]:
    [row] = await town.rows("SELECT status, problems FROM dry_run WHERE id = :id", id=number)
    return row.status, row.problems


async def stored_scores(town: Town, day: date) -> Mapping[int, int]:
    """Everybody's stored score, brought up to a day by the rules in force on it."""
    rule_set_id = (await town.catalogue(day)).rule_set_id
    async with town.worker.transaction(ANONYMOUS) as unit:
        await rescore_due(unit.session, unit.now, programme_id=town.programme_id, rule_set_id=rule_set_id, today=day)
    # Who has no record yet has no stored score: it is the base.
    rows = await town.rows(
        """
        SELECT c.id, coalesce(k.points, r.base_points) AS points
        FROM citizen AS c
        JOIN rule_set AS r ON r.id = :rule_set
        LEFT JOIN score AS k ON k.citizen_id = c.id
        WHERE c.programme_id = :programme AND c.scored_from IS NOT NULL""",
        rule_set=rule_set_id,
    )
    return {row.id: row.points for row in rows}


async def standings(town: Town, day: date) -> dict[int, Standing]:
    """Everybody's standing as the counter would read it, one by one, without what is kept."""
    catalogue = await town.catalogue(day)
    product_id = next(iter(catalogue.products))
    rows = await town.rows("SELECT id FROM citizen WHERE programme_id = :programme AND scored_from IS NOT NULL")
    found: dict[int, Standing] = {}
    async with town.worker.reading(ANONYMOUS) as unit:
        for row in rows:
            standing, _ = await incentives.inputs(
                unit.session,
                unit.now,
                citizen_id=row.id,
                product_id=product_id,
                organisation_id=None,
                catalogue=catalogue,
            )
            found[row.id] = replace(standing, entitled=frozenset())
    return found


async def counted(town: Town, day: date) -> Counter[str]:
    """How many qualify for each product on a day."""
    catalogue = await town.catalogue(day)
    each = (await standings(town, day)).values()
    return Counter(
        product.code for product in town.document.products for one in each if qualifies(product, catalogue, one)
    )


async def test_a_dry_run_says_what_happens_after_publishing(town: Town) -> None:
    version = await town.draft(*CHANGES)
    number = await start(town, version)
    await run_jobs(town.worker)
    assert await status(town, number) == ("DONE", [])
    told = await sums(town, number)
    today = await town.today()
    before, qualified_before = await stored_scores(town, today), await counted(town, today)

    # The same rules, in force on the very day of the dry run.
    async with town.worker.transaction(ANONYMOUS) as unit:
        await unit.session.execute(
            text("UPDATE rule_set SET status = 'WITHDRAWN' WHERE programme_id = :programme AND version = 1"),
            {"programme": town.programme_id},
        )
        await unit.session.execute(
            text("""UPDATE rule_set SET status = 'PUBLISHED', effective_from = :day
                WHERE programme_id = :programme AND version = :version"""),
            {"programme": town.programme_id, "version": version, "day": today},
        )
    after, qualified_after = await stored_scores(town, today), await counted(town, today)

    assert before.keys() == after.keys()
    change = Counter(
        "gaining" if after[one] > before[one] else "losing" if after[one] < before[one] else "unchanged"
        for one in before
    )
    assert {"gaining", "losing", "unchanged"} == change.keys()
    assert {key[0]: count for key, count in told.items() if len(key) == 1} == {**change, "people": len(before)}
    for product in town.document.products:
        said = told["product", product.code, "before"], told["product", product.code, "after"]
        assert said == (qualified_before[product.code], qualified_after[product.code]), product.code
    assert qualified_before != qualified_after
    rules = (await town.catalogue(today)).rules.rule_set
    bands = Counter(rules.band_at(points).code for points in after.values())
    assert {key[2]: count for key, count in told.items() if key[:2] == ("band", "after")} == bands


async def test_groups_add_up_to_everybody(town: Town) -> None:
    number = await start(town, await town.draft(*CHANGES))
    await run_jobs(town.worker)
    told = await sums(town, number)
    for kind in ("cohort", "registration"):
        for column in ("people", "gaining", "losing"):
            parts = [count for key, count in told.items() if key[0] == kind and key[2] == column]
            assert sum(parts) == told[(column,)]
    rows = await town.rows("""
        SELECT registration_kind, count(*) AS people FROM citizen
        WHERE programme_id = :programme AND scored_from IS NOT NULL GROUP BY 1""")
    assert {key[1]: count for key, count in told.items() if key[0] == "registration" and key[2] == "people"} == {
        row.registration_kind: row.people for row in rows
    }


async def test_a_dry_run_touches_nothing(town: Town) -> None:
    number = await start(town, await town.draft(stricter))
    tables = ("score", "score_change", "entitlement", "outbox", "credit_record", "audit_event")
    count = " UNION ALL ".join(f"SELECT '{table}' AS name, count(*) FROM {table}" for table in tables)
    before = await town.rows(count)
    await run_jobs(town.worker)
    assert await town.rows(count) == before
    async with town.worker.reading(ANONYMOUS) as unit:
        await population.only_read(unit.session)
        with pytest.raises(DBAPIError, match="read-only transaction"):
            await unit.session.execute(text("UPDATE dry_run SET status = 'FAILED' WHERE id = :id"), {"id": number})


async def test_a_dry_run_under_way_is_the_answer_to_whoever_asks_for_another(town: Town) -> None:
    version = await town.draft(stricter)
    number = await start(town, version)
    assert await start(town, version) == number
    await run_jobs(town.worker)
    assert await start(town, version) != number
    published = await town.published()
    refused = await town.refusal(await town.caller(Role.OFFICER), releases.start_dry_run, version=published)
    assert type(refused) is AlreadyDecided


async def test_a_dry_run_that_was_killed_goes_on_behind_the_last_part(town: Town) -> None:
    number = await start(town, await town.draft(*CHANGES))
    async with town.worker.transaction(ANONYMOUS) as unit:
        killed = await jobs.claim(unit.session, unit.now, kinds=KINDS)
        assert await people.dry_run_parts(unit.session, unit.now, dry_run_id=number) == list(range(PARTS))
    assert killed is not None
    async with town.worker.transaction(ANONYMOUS) as unit:
        await people.note_part(unit.session, dry_run_id=number, part=0, counts={"people": 1000})
        await jobs.advance(unit.session, unit.now, job=killed, reached=1)
    assert await run_jobs(town.worker) == 0
    assert await status(town, number) == ("RUNNING", [])
    await town.wait(jobs.LEASE)
    assert await run_jobs(town.worker) == 1
    assert await status(town, number) == ("DONE", [])
    told = await sums(town, number)
    rows = await town.rows("SELECT counts FROM dry_run_part WHERE dry_run_id = :id", id=number)
    assert len(rows) == PARTS
    assert 1000 < told[("people",)] <= 1043


async def test_a_job_is_tried_again_a_few_times_and_then_given_up(town: Town) -> None:
    number = await start(town, await town.draft())

    async def break_off(_: WorkerDatabase, job: Job) -> None:
        raise ValueError("broken")

    broken = {kind: Kind(run=break_off, give_up=one.give_up) for kind, one in KINDS.items()}
    for attempt in range(MAX_ATTEMPTS):
        assert await run_jobs(town.worker, broken) == 1, attempt
        assert await run_jobs(town.worker, broken) == 0
        await town.wait(timedelta(minutes=10))
    assert await run_jobs(town.worker) == 0
    assert await status(town, number) == ("FAILED", ["the dry run broke off 5 times; start another one"])
    [row] = await town.rows("SELECT attempts, fault FROM job WHERE subject = :id AND kind = 'dry_run'", id=number)
    assert tuple(row) == (MAX_ATTEMPTS, "ValueError")


async def test_a_job_whose_worker_is_killed_each_time_is_given_up_as_well(town: Town) -> None:
    number = await start(town, await town.draft())
    for _ in range(MAX_ATTEMPTS):
        async with town.worker.transaction(ANONYMOUS) as unit:
            assert await jobs.claim(unit.session, unit.now, kinds=KINDS) is not None
        await town.wait(jobs.LEASE)
    assert await run_jobs(town.worker) == 1
    assert (await status(town, number))[0] == "FAILED"


async def entitlements(town: Town) -> set[tuple[int, str, date, date]]:
    rows = await town.rows("""
        SELECT e.citizen_id, e.product_code, e.since, e.until
        FROM entitlement AS e JOIN citizen AS c ON c.id = e.citizen_id
        WHERE c.programme_id = :programme""")
    return {tuple(row) for row in rows}


async def test_whoever_qualifies_on_the_eve_keeps_it_to_the_end_of_the_window(town: Town) -> None:
    await town.published(stricter)
    eve = await town.today()
    since = eve + DAY
    catalogue = await town.catalogue(eve)
    each = await standings(town, eve)
    midnight = datetime.combine(since, time(), ZONE)
    async with town.worker.reading(ANONYMOUS) as unit:
        early = unit.now < midnight - EVE
    # The notices go at once.
    assert await run_jobs(town.worker) == (1 if early else 2)
    await town.wait(DAY)
    await run_jobs(town.worker)

    kept = await entitlements(town)
    for product in town.document.products:
        holders = {citizen for citizen, code, _, _ in kept if code == product.code}
        qualified = {citizen for citizen, one in each.items() if qualifies(product, catalogue, one)}
        rests = any("GRADE" in one.kind or "POINTS" in one.kind for way in product.ways for one in way)
        assert holders == (qualified if rests else set()), product.code
    untils = {code: (first, until) for _, code, first, until in kept}
    month_end = (since.replace(day=28) + timedelta(days=4)).replace(day=1)
    assert untils["bus-40"] == (since, month_end)
    assert untils["library-deposit"] == (since, date(since.year + 1, 1, 1))
    # And some of them would have nothing without it.
    bus = next(one for one in town.document.products if one.code == "bus-40")
    new, by_new = await town.catalogue(since), await standings(town, since)
    assert {citizen for citizen, code, _, _ in kept if code == "bus-40" and not qualifies(bus, new, by_new[citizen])}


async def incentives_of(town: Town, day: date) -> dict[int, Standing]:
    """Everybody's standing as the counter reads it, with what is kept."""
    catalogue = await town.catalogue(day)
    product_id = next(iter(catalogue.products))
    found: dict[int, Standing] = {}
    rows = await town.rows("SELECT id FROM citizen WHERE programme_id = :programme AND scored_from IS NOT NULL")
    async with town.worker.reading(ANONYMOUS) as unit:
        for row in rows:
            found[row.id], _ = await incentives.inputs(
                unit.session,
                unit.now,
                citizen_id=row.id,
                product_id=product_id,
                organisation_id=None,
                catalogue=catalogue,
            )
    return found


async def loser(town: Town, since: date) -> Caller:
    """Somebody who rode the bus by the rules before, and would not by the new ones."""
    catalogue = await town.catalogue(since)
    bus = next(one for one in town.document.products if one.code == "bus-40")
    kept = {citizen for citizen, code, _, _ in await entitlements(town) if code == "bus-40"}
    each = await standings(town, since)
    citizen_id = next(one for one in sorted(kept) if not qualifies(bus, catalogue, each[one]))
    [row] = await town.rows("SELECT person_id FROM citizen WHERE id = :id", id=citizen_id)
    return Caller(role=Role.CITIZEN, person_id=row.person_id, programme=town.document.code)


async def test_r22_the_gate_accepts_what_is_kept_and_no_longer_than_that(town: Town) -> None:
    await town.published(stricter)
    await town.wait(DAY)
    await run_jobs(town.worker)
    today = await town.today()
    catalogue = await town.catalogue(today)
    product_id = next(number for number, one in catalogue.products.items() if one.code == "bus-40")
    citizen, cashier = await loser(town, today), await town.caller(Role.CASHIER, bus_till(town))
    key = uuid4()
    async with town.database.transaction(citizen) as unit:
        presentation = await present_benefit(
            unit.session, unit.actor, unit.now, catalogue=catalogue, product_id=product_id, voucher_kind=None, key=key
        )
    async with town.database.transaction(cashier) as unit:
        code = codes.code_of(town.database.vault, presentation)
        scan = Scan(code=code, terminal_id=cashier.terminal_id or 0, basis=200)
        outcome = await redeem(unit.session, unit.actor, unit.now, catalogue=catalogue, scan=scan, key=uuid4())
    assert (outcome.reason, outcome.relief, outcome.holder_pays) == (ScanReason.OK, 120, 80)

    rows = await town.rows("""SELECT max(e.until) AS until FROM entitlement AS e
        JOIN citizen AS c ON c.id = e.citizen_id
        WHERE c.programme_id = :programme AND e.product_code = 'bus-40'""")
    last = rows[0].until
    bus = catalogue.products[product_id]
    verdicts = []
    for day in (last - DAY, last):
        after = await incentives_of(town, day)
        [row] = await town.rows(
            "SELECT id FROM citizen WHERE person_id = :person AND programme_id = :programme", person=citizen.person_id
        )
        verdicts.append(decide(bus, catalogue.rules, after[row.id]).qualified)
    assert verdicts == [True, False]


def bus_till(town: Town) -> int:
    """The index of the cashier at the bus company."""
    codes_of = [place.code for place in town.document.places()]
    return codes_of.index("bus") + 1


async def test_rules_that_were_withdrawn_leave_nothing_behind(town: Town) -> None:
    version = await town.published(stricter)
    since = await town.today() + DAY
    [row] = await town.rows(
        "SELECT id FROM rule_set WHERE programme_id = :programme AND version = :version", version=version
    )
    job = Job(id=0, kind=releases.ENTITLEMENTS, subject=row.id, attempts=1, reached=0)
    await run_entitlements(town.worker, job)
    assert await entitlements(town) != set()
    await town.act(await town.caller(Role.OFFICER), releases.withdraw_rule_set, version=version, reason="有误")
    assert {code for one in (await incentives_of(town, since)).values() for code in one.entitled} == set()
    async with town.worker.transaction(ANONYMOUS) as unit:
        for part in range(PARTS):
            assert await people.keep_entitlements(unit.session, unit.now, rule_set_id=row.id, part=part) == 0


async def test_what_is_kept_goes_with_the_score(town: Town) -> None:
    await town.published(stricter)
    await town.wait(DAY)
    await run_jobs(town.worker)
    before = await entitlements(town)
    citizen = await loser(town, await town.today())
    async with town.worker.transaction(ANONYMOUS) as unit:
        [number] = (
            await unit.session.execute(
                text("""UPDATE citizen SET scored_from = NULL
                    WHERE person_id = :person AND programme_id = :programme RETURNING id"""),
                {"person": citizen.person_id, "programme": town.programme_id},
            )
        ).scalars()
    assert await entitlements(town) == {one for one in before if one[0] != number}


async def test_only_the_citizen_sees_what_they_keep(town: Town) -> None:
    await town.published(stricter)
    await town.wait(DAY)
    await run_jobs(town.worker)
    citizen = await loser(town, await town.today())
    seen: dict[str, Any] = {}
    for name, caller in (
        ("own", citizen),
        ("another", await town.caller(Role.CITIZEN, 2)),
        ("office", await town.caller(Role.OFFICER)),
    ):
        async with town.database.reading(caller) as unit:
            rows = await unit.session.execute(text("SELECT DISTINCT citizen_id FROM entitlement"))
            seen[name] = [row.citizen_id == unit.actor.citizen_id for row in rows]
    assert seen["own"] == [True]
    assert set(seen["another"]) <= {True}
    assert seen["office"] == []


async def test_what_people_keep_goes_before_a_dry_run_that_has_waited_longer(town: Town) -> None:
    version = await town.approved(stricter)
    number = await start(town, await town.draft(*CHANGES))
    await town.act(
        await town.caller(Role.APPROVER),
        releases.publish_rule_set,
        version=version,
        effective_from=await town.today() + DAY,
        answer=None,
    )
    await town.wait(DAY)
    await run_jobs(town.worker)
    assert await status(town, number) == ("DONE", [])
    rows = await town.rows(
        """
        SELECT kind FROM job
        WHERE subject = :run AND kind = 'dry_run' OR kind = 'entitlements' AND subject IN (
            SELECT id FROM rule_set WHERE programme_id = :programme)
        ORDER BY done_at""",
        run=number,
    )
    assert [row.kind for row in rows] == ["entitlements", "entitlements", "dry_run"]


async def test_everybody_with_a_score_hears_of_new_rules_once_when_they_are_published(town: Town) -> None:
    version = await town.published(stricter)
    await run_jobs(town.worker)
    told = await town.rows(
        """SELECT n.person_id, n.params FROM notice AS n
        WHERE n.programme_id = :programme AND n.kind = 'RULES_CHANGED' AND n.subject = :subject""",
        programme=town.programme_id,
        subject=f"rules:{version}",
    )
    scored = await town.rows(
        "SELECT person_id FROM citizen WHERE programme_id = :programme AND scored_from IS NOT NULL",
        programme=town.programme_id,
    )
    assert sorted(one.person_id for one in told) == sorted(one.person_id for one in scored)
    begins = (await town.today() + DAY).isoformat()
    assert {(one.params["version"], one.params["from"]) for one in told} == {(version, begins)}
