"""What a programme tells about itself: worked out by the day's job, exact for the office, rounded for everybody."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import text

from api.database import Database, WorkerDatabase
from api.embedded import superuser_url
from api.jobs import run_jobs
from domain.actor import ANONYMOUS, Caller, Role
from domain.people.settlement import Membership, Settler, settle
from domain.rights.actions.figures import queue_figures
from tests.api.city import City
from tests.api.test_benefits import REDEEM, cashier_of, present, terminal

FIGURES = """year participants registeredVolunteers volunteerHours products departments records beneficiaries
    redemptions reliefFen depositsWaivedFen objectionsOpened objectionsUpheld overdueDecidedForCitizen
    byProduct { product { code } beneficiaries redemptions reliefFen eligibleNeverUsed }"""


@pytest.fixture(scope="module")
async def city(database: Database, worker: WorkerDatabase) -> City:
    return await City(database, worker).seeded()


async def read(city: City, caller: Caller | None = None, year: int | None = None) -> Any:
    document = (
        f'query ($year: Int) {{ programme(code: "{city.code}") {{ transparency(year: $year) {{ {FIGURES} }} }} }}'
    )
    async with city.client(caller) as client:
        return (await client.ask(document, year=year))["transparency"]


async def work_out(city: City) -> None:
    async with city.worker.transaction(ANONYMOUS) as unit:
        number = (await unit.session.execute(text("SELECT id FROM programme"))).scalar_one()
        for _ in range(2):
            await queue_figures(unit.session, unit.now, programme_id=number)
    assert await run_jobs(city.worker) == 1


async def sell(city: City) -> None:
    till = city.client(await city.caller(Role.CASHIER, await cashier_of(city, "bus-40")))
    async with city.client(await city.caller(Role.CITIZEN)) as phone, till as shop:
        code = (await present(phone, "bus-40"))["code"]
        sale = {"code": code, "basis": 199, "ref": None, "terminal": await terminal(shop), "key": str(uuid4())}
        assert (await shop.ask(REDEEM, **sale))["allowed"]


def of(figures: Any, code: str) -> dict[str, Any]:
    return next(one for one in figures["byProduct"] if one["product"]["code"] == code)


async def test_before_the_first_day_is_worked_out_nothing_is_told(city: City) -> None:
    figures = await read(city)
    assert (figures["participants"], figures["byProduct"]) == (None, [])
    assert figures["products"] > 0
    assert figures["departments"] > 0
    assert figures["year"] == (datetime.now(UTC) + timedelta(hours=8)).year


async def test_the_office_reads_exactly_what_everybody_reads_rounded(city: City) -> None:
    await work_out(city)
    exact, public = await read(city, await city.caller(Role.OFFICER)), await read(city)
    joined = await count(city, "SELECT count(*) FROM citizen")
    assert (exact["participants"], public["participants"]) == (joined, joined // 10 * 10)
    assert (exact["beneficiaries"], public["beneficiaries"]) == (0, None)
    before = of(exact, "bus-40")["eligibleNeverUsed"]
    assert before >= 1
    assert of(public, "bus-40")["eligibleNeverUsed"] == (before // 10 * 10 if before >= 10 else None)
    await sell(city)
    await work_out(city)
    after = await read(city, await city.caller(Role.APPROVER))
    assert of(after, "bus-40") == {
        "product": {"code": "bus-40"},
        "beneficiaries": 1,
        "redemptions": 1,
        "reliefFen": 119,
        "eligibleNeverUsed": before - 1,
    }
    assert (after["beneficiaries"], after["redemptions"], after["reliefFen"]) == (1, 1, 119)
    hidden = await read(city)
    assert (hidden["redemptions"], of(hidden, "bus-40")["redemptions"]) == (None, None)
    stored = await count(city, "SELECT eligible_never_used FROM uptake WHERE product_code = 'bus-40'")
    assert stored == before - 1


async def test_who_was_counted_stays_counted_when_the_sale_is_cut_from_its_person(city: City) -> None:
    async with city.worker.transaction(ANONYMOUS) as unit:
        await unit.session.execute(text("DELETE FROM redemption_holder"))
        await unit.session.execute(text("DELETE FROM allowance_use"))
    await work_out(city)
    figures = await read(city, await city.caller(Role.OFFICER))
    assert (of(figures, "bus-40")["beneficiaries"], figures["beneficiaries"]) == (1, 1)


async def test_another_year_has_figures_of_its_own_and_no_year_is_nonsense(city: City) -> None:
    assert (await read(city, year=2020))["participants"] is None
    document = f'{{ programme(code: "{city.code}") {{ transparency(year: 20) {{ year }} }} }}'
    async with city.client() as client:
        answer = await client.answer(document)
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["INVALID_INPUT"]


PEOPLE = 6_543
EACH_FEN = 6_120
# Everybody rides the bus once, and three of them have their heating paid.
SALES = """
    INSERT INTO redemption (programme_id, product_id, product_code, organisation_id, receipt_number, at, status, basis,
        relief, holder_pays, budget_taken, owed_fen)
    SELECT c.programme_id, p.id, p.code, p.provider_id, p.code || '-' || c.id, $2, 'COMPLETED',
        n.fen, n.fen, 0, n.fen, n.fen
    FROM citizen AS c JOIN product AS p ON p.programme_id = c.programme_id AND p.code = $1
    CROSS JOIN (SELECT CAST($3 AS integer) AS fen) AS n
    WHERE c.id = ANY ($4)
"""
HOLDERS = """
    INSERT INTO redemption_holder (redemption_id, citizen_id, holder, allowance_window, allowance_taken)
    SELECT r.id, c.id, c.pseudonym, CAST($1 AS date), 1
    FROM redemption AS r JOIN citizen AS c ON r.receipt_number = r.product_code || '-' || c.id
"""


async def generate(city: City, cluster_folder: Path) -> None:
    """So many people, and what they have used this year."""
    async with city.worker.transaction(ANONYMOUS) as unit:
        now = unit.now
        programme = (await unit.session.execute(text("SELECT id FROM programme"))).scalar_one()
        member = Membership(since=now, registration_kind="REGISTERED", consents=("score", "benefits"))
        crowd = [
            Settler(subject=name, name="测算", birth_date=date(1990, 5, 1), identity_ref=name, membership=member)
            for name in (f"crowd-{number}" for number in range(PEOPLE))
        ]
        await settle(unit.session, now, issuer="crowd", programme=(programme, city.code), settlers=crowd)
        crowd_ids = text("SELECT c.id FROM citizen AS c JOIN person AS p ON p.id = c.person_id AND p.issuer = 'crowd'")
        numbers = sorted((await unit.session.execute(crowd_ids)).scalars())
    connection = await asyncpg.connect(superuser_url(cluster_folder).replace("+asyncpg", ""))
    try:
        await connection.execute(SALES, "bus-40", now, EACH_FEN, numbers)
        await connection.execute(SALES, "heating-300", now, 30_000, numbers[:3])
        await connection.execute(HOLDERS, now.date())
    finally:
        await connection.close()


async def test_the_sentence_of_the_report_is_rebuilt_and_three_people_in_it_are_not_told(
    city: City, cluster_folder: Path
) -> None:
    before = await read(city, await city.caller(Role.OFFICER))
    await generate(city, cluster_folder)
    await work_out(city)
    exact, public = await read(city, await city.caller(Role.OFFICER)), await read(city)
    assert (exact["beneficiaries"], exact["redemptions"]) == (PEOPLE, PEOPLE + 3 + before["redemptions"])
    assert exact["reliefFen"] == PEOPLE * EACH_FEN + 3 * 30_000 + before["reliefFen"]
    people, yuan = public["beneficiaries"], public["reliefFen"] // 100
    sentence = f"{people // 100 * 100:,} people benefited, {yuan // 10_000 * 10_000:,} yuan waived"
    assert sentence == "6,500 people benefited, 400,000 yuan waived"
    assert of(public, "heating-300") | {"eligibleNeverUsed": None} == {
        "product": {"code": "heating-300"},
        "beneficiaries": None,
        "redemptions": None,
        "reliefFen": None,
        "eligibleNeverUsed": None,
    }
    bus = of(public, "bus-40")
    assert (bus["beneficiaries"], bus["redemptions"], bus["reliefFen"]) == (6_540, 6_540, 654 * 10 * EACH_FEN)
    assert (public["redemptions"], public["reliefFen"]) == (bus["redemptions"], bus["reliefFen"])


async def count(city: City, statement: str) -> int:
    async with city.worker.reading(ANONYMOUS) as unit:
        return int((await unit.session.execute(text(statement))).scalar_one())
