"""Claims that no provider has answered in time: the office sees them, and answers in the provider's stead."""

from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import uuid4

import pytest

from api.database import Database, WorkerDatabase
from api.graphql.view import Subject, compose
from domain.actor import Caller, Role
from domain.errors import AlreadyDecided, NotFound, SamePerson
from domain.people.settlement import Post
from domain.redemption.actions.claiming import open_claim
from domain.redemption.queries.claims import late_claims_fragment
from domain.redemption.queries.shapes import SALE
from domain.redemption.rules.claims import ClaimRefusal
from seeds.loader import PROGRAMMES, read_file
from tests.actions.accounts import assisted, city_of, claim, confirm, link, product_of, refuse, told, turn
from tests.actions.counter import Counter, books_agree, day_of, refused

OPEN = datetime(2026, 11, 26, 2, 0, tzinfo=UTC)
# The day after the last on which the provider answers in time.
LATE = datetime(2026, 12, 11, 2, 0, tzinfo=UTC)
STATE = "SELECT status, basis, relief, holder_pays, owed_fen, budget_taken FROM redemption WHERE id = :id"


@pytest.fixture(scope="module")
async def rongcheng(database: Database, worker: WorkerDatabase) -> Counter:
    return await city_of(read_file(PROGRAMMES / "rongcheng.toml"), OPEN, database, worker)


async def staff(counter: Counter, role: Role) -> Caller:
    return await counter.settle(role, post=Post(role=role.value))


async def late(counter: Counter, official: Caller) -> list[tuple[int, date]]:
    """What the office reads: sale, and the day by which it should have been answered."""
    fragment = late_claims_fragment("q", sale=SALE, first=50, after=None)
    async with counter.database.reading(official) as unit:
        subject = Subject(
            citizen=None,
            person=official.person_id,
            volunteer=None,
            programme=unit.actor.programme_id,
            rule_set=None,
            today=day_of(LATE),
            now=LATE,
        )
        statement, values = compose([fragment], subject)
        rows = (await unit.session.execute(statement, values)).scalar_one()
    return [(row["sale"]["id"], date.fromisoformat(row["answer_by"])) for row in rows]


async def silent(counter: Counter, number: str) -> tuple[Caller, int]:
    """A claim that its provider has let pass, and whose it is."""
    citizen, product_id = await assisted(counter), await product_of(counter, "heating-300")
    claimed = await claim(counter, citizen, product_id, await link(counter, citizen, "HEATING", number, OPEN), OPEN)
    await turn(counter, LATE)
    return citizen, claimed


async def test_an_officer_confirms_a_late_claim_in_the_providers_stead(rongcheng: Counter) -> None:
    citizen, number = await silent(rongcheng, "RC-0101")
    officer, approver = await staff(rongcheng, Role.OFFICER), await staff(rongcheng, Role.APPROVER)
    looking, answering, basis = uuid4(), uuid4(), 25_000
    assert await late(rongcheng, officer) == await late(rongcheng, approver)
    assert (number, date(2026, 12, 10)) in await late(rongcheng, officer)
    assert await rongcheng.looks(citizen) == []
    for _ in range(2):
        await rongcheng.act(officer, open_claim, LATE, redemption_id=number, key=looking)
    midnight = datetime(2026, 12, 10, 16, 0, tzinfo=UTC)
    look = "Read your account number for “Heating bill relief”, since the provider has not answered"
    assert (
        await rongcheng.looks(citizen)
        == [("The programme office", "officer", "ACCOUNT_CLAIM", look, midnight, None)] * 2
    )
    for _ in range(2):
        await confirm(rongcheng, officer, number, basis, LATE, key=answering)
    assert await rongcheng.rows(STATE, id=number) == [("COMPLETED", basis, basis, 0, basis, basis)]
    assert number not in [one[0] for one in await late(rongcheng, officer)]
    assert (await told(rongcheng, citizen))[-1] == "CLAIM_CONFIRMED"
    for answer in (
        rongcheng.act(officer, open_claim, LATE, redemption_id=number, key=uuid4()),
        refuse(rongcheng, officer, number, LATE),
        confirm(rongcheng, await rongcheng.cashier("heating"), number, 5, LATE),
    ):
        assert isinstance(await refused(answer), AlreadyDecided)
    # Answering opens nothing else: undoing it still wants the citizen in front of the officer.
    assert isinstance(await refused(rongcheng.reverse(officer, number, LATE)), NotFound)
    await books_agree(rongcheng)


async def test_an_officer_refuses_a_late_claim_and_everything_comes_back(rongcheng: Counter) -> None:
    product_id = await product_of(rongcheng, "heating-300")
    before = await rongcheng.budget(product_id, OPEN)
    citizen, number = await silent(rongcheng, "RC-0102")
    officer = await staff(rongcheng, Role.OFFICER)
    await refuse(rongcheng, officer, number, LATE, ClaimRefusal.UNKNOWN_ACCOUNT)
    assert await rongcheng.rows(STATE, id=number) == [("REFUSED", None, None, None, 30_000, 30_000)]
    assert await rongcheng.budget(product_id, OPEN) == before
    used = "SELECT used FROM allowance_use AS u JOIN redemption_holder AS h USING (holder) WHERE h.redemption_id = :id"
    assert await rongcheng.rows(used, id=number) == [(0,)]
    assert (await told(rongcheng, citizen))[-1] == "CLAIM_REFUSED"
    await books_agree(rongcheng)


async def test_a_claim_in_time_is_its_providers_alone_and_nobody_answers_their_own(rongcheng: Counter) -> None:
    citizen, product_id = await assisted(rongcheng), await product_of(rongcheng, "heating-300")
    number = await claim(
        rongcheng, citizen, product_id, await link(rongcheng, citizen, "HEATING", "RC-0103", OPEN), OPEN
    )
    officer = await staff(rongcheng, Role.OFFICER)
    assert number not in [one[0] for one in await late(rongcheng, officer)]
    for answer in (
        rongcheng.act(officer, open_claim, OPEN, redemption_id=number, key=uuid4()),
        confirm(rongcheng, officer, number, 5, OPEN),
        refuse(rongcheng, officer, number, OPEN),
    ):
        assert isinstance(await refused(answer), NotFound)
    await turn(rongcheng, LATE)
    own = replace(citizen, role=Role.OFFICER)
    await rongcheng.change(
        "INSERT INTO staff (person_id, programme_id, role, display_name)"
        " VALUES (:person, :programme, 'officer', '试人')",
        person=citizen.person_id,
        programme=rongcheng.programme_id,
    )
    for answer in (
        rongcheng.act(own, open_claim, LATE, redemption_id=number, key=uuid4()),
        confirm(rongcheng, own, number, 5, LATE),
        refuse(rongcheng, own, number, LATE),
    ):
        assert isinstance(await refused(answer), SamePerson)
    assert await rongcheng.looks(citizen) == []
    for stranger in (await staff(rongcheng, Role.APPROVER), await rongcheng.cashier("water")):
        error = await refused(rongcheng.act(stranger, open_claim, LATE, redemption_id=number, key=uuid4()))
        assert isinstance(error, NotFound)
    assert await rongcheng.rows("SELECT status FROM redemption WHERE id = :id", id=number) == [("CLAIM_SENT",)]
    await refuse(rongcheng, await rongcheng.cashier("heating"), number, LATE)
