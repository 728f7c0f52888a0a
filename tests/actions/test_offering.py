"""How a product comes to people, and what is refused on the way."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from uuid import uuid4

import pytest
from sqlalchemy import text

from api.database import Database, WorkerDatabase
from domain.actor import ANONYMOUS, Role
from domain.errors import AlreadyDecided, InvalidInput, NotAllowed, NotFound, RuleRefused, SamePerson
from domain.incentives.actions import offering
from domain.incentives.actions.offering import Money
from domain.incentives.rules.offering import MAX_AMOUNT
from domain.programmes.actions.releases import in_force, local_day
from tests.actions.releasing import DAY, Town, found, product_draft, stricter


@pytest.fixture
async def town(database: Database, worker: WorkerDatabase) -> AsyncIterator[Town]:
    town = await found(database, worker)
    yield town
    async with worker.transaction(ANONYMOUS) as unit:
        await unit.session.execute(text("UPDATE clock SET ahead = '0'"))


async def drafted(town: Town, like: str = "bus-40", **changes: object) -> int:
    number: int = await town.act(
        await town.caller(Role.OFFICER), offering.draft_product, text=product_draft(like, **changes)
    )
    return number


async def published(town: Town, like: str = "bus-40", **changes: object) -> int:
    number = await drafted(town, like, **changes)
    approver = await town.caller(Role.APPROVER)
    await town.act(approver, offering.approve_product, product_id=number)
    await town.act(approver, offering.publish_product, product_id=number)
    return number


async def current(town: Town, code: str) -> int:
    [row] = await town.rows(
        "SELECT id FROM product WHERE programme_id = :programme AND code = :code AND status = 'PUBLISHED'", code=code
    )
    return int(row.id)


async def test_every_change_happens_once_for_each_key(town: Town) -> None:
    officer, approver = await town.caller(Role.OFFICER), await town.caller(Role.APPROVER)
    number = await drafted(town)
    money = Money(product_id=number, amount=7, decision_ref="7号")
    given = {"product_id": number}
    shop = (await town.rows("SELECT id FROM organisation WHERE programme_id = :programme AND code = 'cinema'"))[0].id
    steps = (
        (officer, offering.draft_product, {"text": product_draft("bus-40", answer_days=9)}),
        (approver, offering.approve_product, given),
        (approver, offering.publish_product, given),
        (officer, offering.suspend_product, {**given, "reason": "检修"}),
        (approver, offering.resume_product, given),
        (officer, offering.offer_product, {**given, "organisation_id": shop}),
        (officer, offering.confirm_baseline, given),
        (officer, offering.add_budget, {"money": money}),
        (approver, offering.add_budget, {"money": money}),
    )
    for caller, action, values in steps:
        key = uuid4()
        first = await town.act(caller, action, key=key, **values)
        assert await town.act(caller, action, key=key, **values) == first, action
    [row] = await town.rows(
        "SELECT sum(total) AS total FROM budget WHERE product_code = 'bus-40'"
        " AND programme_id = :programme AND window_start <= :day AND window_end > :day",
        day=await town.today(),
    )
    assert row.total == 20_000_007
    rows = await town.rows(
        "SELECT action FROM audit_event WHERE programme_id = :programme AND object ? 'product' ORDER BY id"
    )
    done = ["draft_product", *(action.__name__ for _, action, _ in steps[:-2]), "propose_budget", "add_budget"]
    assert [row.action for row in rows] == done


async def test_who_has_drafted_a_product_does_not_approve_it(town: Town) -> None:
    number = await drafted(town)
    officer = await town.caller(Role.OFFICER)
    assert type(await town.refusal(officer, offering.approve_product, product_id=number)) is SamePerson


async def test_a_version_that_a_later_one_has_overtaken_is_not_published(town: Town) -> None:
    early = await drafted(town)
    await published(town, answer_days=9)
    approver = await town.caller(Role.APPROVER)
    await town.act(approver, offering.approve_product, product_id=early)
    refused = await town.refusal(approver, offering.publish_product, product_id=early)
    assert (type(refused), "Version 3" in refused.message.en) == (AlreadyDecided, True)


async def test_a_product_of_another_programme_is_no_product(town: Town) -> None:
    elsewhere = await found(town.database, town.worker)
    foreign, officer = await current(elsewhere, "bus-40"), await town.caller(Role.OFFICER)
    assert type(await town.refusal(officer, offering.confirm_baseline, product_id=foreign)) is NotFound
    shop = (await elsewhere.rows("SELECT id FROM organisation WHERE programme_id = :programme AND code = 'cinema'"))[0]
    refused = await town.refusal(
        officer, offering.offer_product, product_id=await current(town, "bus-40"), organisation_id=shop.id
    )
    assert (type(refused), refused.field) == (NotFound, "merchantId")


async def test_a_bad_product_is_refused_by_rule_and_key(town: Town) -> None:
    officer = await town.caller(Role.OFFICER)
    for changes, kind, named in (
        ({"provider": "nobody"}, InvalidInput, "provider: LINK"),
        ({"baseline": {"zh": "无", "en": "none"}}, RuleRefused, "baseline: R25"),
        ({"secret": 1}, InvalidInput, "secret: FORM"),
        ({"baseline_checked_on": await town.today() + DAY}, InvalidInput, "after today"),
    ):
        refused = await town.refusal(officer, offering.draft_product, text=product_draft("bus-40", **changes))
        assert (type(refused), refused.field, named in refused.message.en) == (kind, "document", True)
    rows = await town.rows("SELECT count(*) FROM product WHERE programme_id = :programme AND status = 'DRAFT'")
    assert rows[0][0] == 0


async def test_a_product_is_checked_again_by_the_rules_of_its_own_day(town: Town) -> None:
    number = await drafted(town, "library-books")
    approver = await town.caller(Role.APPROVER)
    await town.act(approver, offering.approve_product, product_id=number)
    async with town.worker.transaction(ANONYMOUS) as unit:
        await unit.session.execute(
            text("UPDATE organisation SET kind = 'SCHOOL' WHERE programme_id = :programme AND code = 'library'"),
            {"programme": town.programme_id},
        )
    refused = await town.refusal(approver, offering.publish_product, product_id=number)
    assert (type(refused), "provider" in refused.message.en) == (InvalidInput, True)


async def test_a_new_product_begins_with_a_budget_of_its_own_and_one_of_pieces_moves_no_money(town: Town) -> None:
    budget = {"amount": 30, "unit": "PIECES", "window": "MONTH"}
    number = await published(town, like="printing-30", code="printing-new", budget=budget)
    before = await town.rows("SELECT count(*) FROM transfer WHERE programme_id = :programme")
    approver = await town.caller(Role.APPROVER)
    money = Money(product_id=number, amount=5, decision_ref="5号")
    await town.act(await town.caller(Role.OFFICER), offering.add_budget, money=money)
    start = await town.act(approver, offering.add_budget, money=money)
    assert start == (await town.today()).replace(day=1)
    rows = await town.rows(
        """SELECT total FROM budget
        WHERE programme_id = :programme AND product_code = 'printing-new' AND window_start = :day""",
        day=start,
    )
    assert [row.total for row in rows] == [35]
    assert await town.rows("SELECT count(*) FROM transfer WHERE programme_id = :programme") == before


async def test_money_needs_a_budget_a_decision_and_a_sum_in_reason(town: Town) -> None:
    approver = await town.caller(Role.APPROVER)
    bus = await current(town, "bus-40")
    without = next(one.code for one in town.document.products if one.budget is None)
    good = Money(product_id=bus, amount=1, decision_ref="1号")
    for money, field in (
        (replace(good, amount=0), "amount"),
        (replace(good, amount=MAX_AMOUNT + 1), "amount"),
        (replace(good, decision_ref=" "), "decisionRef"),
        (replace(good, product_id=await current(town, without)), "productId"),
    ):
        refused = await town.refusal(approver, offering.add_budget, money=money)
        assert (type(refused), refused.field) == (InvalidInput, field)


async def test_money_needs_two_people_and_one_decision_gives_it_once(town: Town) -> None:
    officer, approver = await town.caller(Role.OFFICER), await town.caller(Role.APPROVER)
    bus = await current(town, "bus-40")
    total = "SELECT sum(total) AS total FROM budget WHERE programme_id = :programme AND product_code = 'bus-40'"
    before = (await town.rows(total))[0].total
    money = Money(product_id=bus, amount=300, decision_ref="3号")
    await town.act(approver, offering.add_budget, money=money)
    assert (await town.rows(total))[0].total == before
    alone = await town.refusal(approver, offering.add_budget, money=money)
    assert type(alone) is SamePerson
    unapproved = await town.refusal(officer, offering.add_budget, money=money)
    assert type(unapproved) is NotAllowed
    await town.act(officer, offering.add_budget, money=replace(money, decision_ref="4号"))
    other = await town.refusal(approver, offering.add_budget, money=replace(money, decision_ref="4号", amount=301))
    assert (type(other), other.field) == (InvalidInput, "amount")
    await town.act(approver, offering.add_budget, money=replace(money, decision_ref="4号"))
    assert (await town.rows(total))[0].total == before + 300
    again = await town.refusal(approver, offering.add_budget, money=replace(money, decision_ref="4号"))
    assert (type(again), again.field) == (AlreadyDecided, "decisionRef")


async def test_before_the_first_rules_there_is_nothing_to_draft_against(town: Town) -> None:
    async with town.database.reading(await town.caller(Role.OFFICER)) as unit:
        local = await local_day(unit.session, unit.actor, unit.now)
        with pytest.raises(NotFound):
            await in_force(unit.session, replace(local, today=date(2000, 1, 1)))


async def test_new_rules_leave_products_as_they_are(town: Town) -> None:
    before = await current(town, "bus-40")
    await town.published(stricter)
    await town.wait(DAY)
    assert await current(town, "bus-40") == before
