"""A town of its own for each test of releases: the demo's people and records, and an office that changes the rules."""

import itertools
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
import tomlkit
from sqlalchemy import text

from api.database import Database, WorkerDatabase
from domain.actor import ANONYMOUS, Actor, Caller, Role
from domain.errors import DomainError
from domain.incentives import queries as incentives
from domain.incentives.actions import open_budgets, publish_products
from domain.incentives.rules.standing import Catalogue, Rules
from domain.people.settlement import caller_of, settle
from domain.programmes import queries as programmes
from domain.programmes.actions import publish_programme, releases
from domain.programmes.rules.codec import from_json
from domain.programmes.rules.document import ProgrammeDocument, RuleSetDocument
from domain.scoring.actions import deliver_records
from seeds.loader import PROGRAMMES, read_file
from seeds.people import ISSUER, cast, subject_of
from seeds.records import deliveries

FILE: Final = PROGRAMMES / "rongcheng.toml"
DOCUMENT: Final = read_file(FILE)
RAW: Final = tomllib.loads(FILE.read_text(encoding="utf-8"))
ZONE: Final = ZoneInfo("Asia/Shanghai")
DAY: Final = timedelta(days=1)
_TOWNS: Final = itertools.count(1)
Change = Callable[[dict[str, Any]], None]


def rule_set_draft(*changes: Change) -> str:
    """The rules of the file as an office would draft them, with changes."""
    draft = tomllib.loads(FILE.read_text(encoding="utf-8"))
    rules = {"references": draft["references"], **draft["rule_set"]}
    for change in changes:
        change(rules)
    return tomlkit.dumps(rules)


def product_draft(like: str, **changes: Any) -> str:
    """One product of the file as an office would draft it, with changes."""
    product = next(one for one in RAW["products"] if one["code"] == like)
    return tomlkit.dumps({"references": RAW["references"], **product, **changes})


def points_of(item: str, points: int) -> Change:
    """One record of this item gives so many points."""

    def change(rules: dict[str, Any]) -> None:
        next(one for one in rules["items"] if one["code"] == item)["points"] = points

    return change


def stricter(rules: dict[str, Any]) -> None:
    """The two best grades begin later."""
    bands = {one["code"]: one for one in rules["bands"]}
    bands["A"]["max_points"] = bands["AA"]["min_points"] = 1045
    bands["AA"]["max_points"] = bands["AAA"]["min_points"] = 1090


@dataclass(frozen=True, kw_only=True)
class Town:
    """A loaded programme, and the two ways into its database."""

    document: ProgrammeDocument
    programme_id: int
    database: Database
    worker: WorkerDatabase

    async def caller(self, role: Role, index: int = 1) -> Caller:
        subject = subject_of(self.document.code, role.value, index)
        async with self.worker.reading(ANONYMOUS) as unit:
            caller = await caller_of(
                unit.session, issuer=ISSUER, subject=subject, role=role, programme=self.document.code
            )
        assert caller is not None, subject
        return caller

    async def act(self, caller: Caller, action: Any, **values: Any) -> Any:
        """One action in one transaction, as the server does it."""
        async with self.database.transaction(caller) as unit:
            return await action(unit.session, unit.actor, unit.now, **{"key": uuid4(), **values})

    async def refusal(self, caller: Caller, action: Any, **values: Any) -> DomainError:
        """Why an action is refused."""
        with pytest.raises(DomainError) as refused:
            await self.act(caller, action, **values)
        return refused.value

    async def rows(self, statement: str, **values: Any) -> list[Any]:
        async with self.worker.reading(ANONYMOUS) as unit:
            return list((await unit.session.execute(text(statement), {"programme": self.programme_id, **values})).all())

    async def today(self) -> date:
        async with self.worker.reading(ANONYMOUS) as unit:
            return unit.now.astimezone(ZONE).date()

    async def wait(self, by: timedelta) -> None:
        """Lets business time pass."""
        async with self.worker.transaction(ANONYMOUS) as unit:
            await unit.session.execute(text("UPDATE clock SET ahead = ahead + :by"), {"by": by})

    async def catalogue(self, day: date) -> Catalogue:
        """What decisions rest on, on a day."""
        async with self.worker.reading(ANONYMOUS) as unit:
            rule_set = await programmes.rule_set_on(unit.session, programme_id=self.programme_id, day=day)
            versions = [row for row in await incentives.products(unit.session) if row.programme_id == self.programme_id]
        assert rule_set is not None
        rules = Rules(
            rule_set=from_json(RuleSetDocument, rule_set.content),
            groups=self.document.groups,
            stars_hours=self.document.stars_hours,
            baseline_valid_months=self.document.baseline_valid_months,
        )
        known = {product.code: product for product in self.document.products}
        return Catalogue(
            today=day,
            zone=ZONE,
            rule_set_id=rule_set.id,
            rules=rules,
            products={row.id: known[row.code] for row in versions if row.status == "PUBLISHED" and row.code in known},
        )

    async def draft(self, *changes: Change) -> int:
        """A draft of the first officer; gives its version."""
        number = await self.act(
            await self.caller(Role.OFFICER),
            releases.draft_rule_set,
            text=rule_set_draft(*changes),
            products=self.document.products,
        )
        return int((await self.rows("SELECT version FROM rule_set WHERE id = :id", id=number))[0].version)

    async def consult(self, version: int) -> None:
        """A consultation that is over."""
        until = await self.today() + DAY
        officer = await self.caller(Role.OFFICER)
        await self.act(officer, releases.open_consultation, version=version, until=until)
        await self.wait(2 * DAY)

    async def assessed(self, version: int) -> None:
        """As if a dry run had been done."""
        await self.act(await self.caller(Role.OFFICER), releases.start_dry_run, version=version)
        async with self.worker.transaction(ANONYMOUS) as unit:
            await unit.session.execute(text("UPDATE dry_run SET status = 'DONE' WHERE status = 'QUEUED'"))
            await unit.session.execute(
                text("UPDATE job SET done_at = not_before WHERE done_at IS NULL AND failed_at IS NULL")
            )

    async def approved(self, *changes: Change) -> int:
        """A version that only waits to be published."""
        version = await self.draft(*changes)
        await self.consult(version)
        await self.assessed(version)
        await self.act(await self.caller(Role.APPROVER), releases.approve_rule_set, version=version)
        return version

    async def published(self, *changes: Change) -> int:
        """A version that begins tomorrow."""
        version = await self.approved(*changes)
        await self.act(
            await self.caller(Role.APPROVER),
            releases.publish_rule_set,
            version=version,
            effective_from=await self.today() + DAY,
            answer=None,
        )
        return version


async def found(database: Database, worker: WorkerDatabase) -> Town:
    """A new town, with the people and the records of the demo."""
    document = replace(DOCUMENT, code=f"release-town-{next(_TOWNS)}")
    async with worker.transaction(ANONYMOUS) as unit:
        session, now = unit.session, unit.now
        today = now.astimezone(ZONE).date()
        number = await publish_programme(session, document=document, today=today)
        await publish_products(session, programme_id=number, products=document.products)
        people = [person.settler for person in cast(document, today)]
        await settle(session, now, issuer=ISSUER, programme=(number, document.code), settlers=people)
        await _deliver(session, now, document, number, today)
        await open_budgets(session, now, programme_id=number, today=today)
    return Town(document=document, programme_id=number, database=database, worker=worker)


async def _deliver(session: Any, now: datetime, document: ProgrammeDocument, number: int, today: date) -> None:
    rule_set = await programmes.rule_set_on(session, programme_id=number, day=today)
    assert rule_set is not None
    places = {row.code: row.id for row in await programmes.organisations(session) if row.programme_id == number}
    for department, batch in deliveries(document, today).items():
        await deliver_records(
            session,
            Actor(role=Role.WORKER, programme_id=number),
            now,
            programme_id=number,
            source_id=places[department],
            rule_set_id=rule_set.id,
            deliveries=batch,
        )
