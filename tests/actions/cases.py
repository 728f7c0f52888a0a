"""A city with an office and a department: what the tests of rights have in common."""

import itertools
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from api.case_days import case_terms
from api.database import Database, WorkerDatabase
from api.graphql.reference import KnownProgramme, load
from domain.actor import ANONYMOUS, Caller, Role
from domain.errors import DomainError
from domain.incentives.actions import open_budgets, publish_products
from domain.people.settlement import Membership, Post, Settler, caller_of, settle
from domain.programmes.actions import publish_programme
from domain.programmes.rules.document import Item
from domain.rights import actions
from domain.rights.actions.repairs import RepairWish
from domain.rights.rules.cases import Finding, Status, Target, Verdict, Wish
from domain.rights.rules.papers import Paper
from domain.scoring.actions import deliver_records
from domain.scoring.queries.states import RecordKey
from domain.scoring.rules.deliveries import Delivery, ref_hash_of
from seeds.loader import PROGRAMMES, read_file

ISSUER: Final = "test-cases"
# A Monday, ten o'clock in Shanghai; the dragon boat festival falls on Friday of that week.
TEN: Final = datetime(2026, 6, 15, 2, 0, tzinfo=UTC)
SINCE: Final = datetime(2024, 1, 2, tzinfo=UTC)
DOCUMENT: Final = replace(read_file(PROGRAMMES / "suqian.toml"), code="cases-city")
DEMERIT: Final[Item] = next(item for item in DOCUMENT.rule_set.items if not item.merit)
MERIT: Final[Item] = DOCUMENT.rule_set.volunteer_item()
ZONE: Final = ZoneInfo("Asia/Shanghai")
_SEQUENCE: Final = itertools.count(1)


@dataclass(frozen=True, kw_only=True)
class Cases:
    """A loaded programme, and the two ways into its database."""

    programme_id: int
    database: Database
    worker: WorkerDatabase

    async def settle(self, role: Role, **values: Any) -> Caller:
        """A new person, as they would be after signing in."""
        subject = str(uuid4())
        settler = Settler(
            **{"subject": subject, "name": "试人", "birth_date": date(1990, 5, 1), "identity_ref": subject, **values}
        )
        async with self.worker.transaction(ANONYMOUS) as unit:
            await settle(
                unit.session, TEN, issuer=ISSUER, programme=(self.programme_id, DOCUMENT.code), settlers=[settler]
            )
            caller = await caller_of(unit.session, issuer=ISSUER, subject=subject, role=role, programme=DOCUMENT.code)
        assert caller is not None
        return caller

    async def citizen(self, ref: str | None = None) -> Caller:
        membership = Membership(since=SINCE, registration_kind="REGISTERED", consents=("score", "benefits"))
        values = {} if ref is None else {"identity_ref": ref}
        return await self.settle(Role.CITIZEN, membership=membership, **values)

    async def officer(self) -> Caller:
        return await self.settle(Role.OFFICER, post=Post(role="officer"))

    async def approver(self) -> Caller:
        return await self.settle(Role.APPROVER, post=Post(role="approver"))

    async def source(self) -> Caller:
        entry = next(one for one in DOCUMENT.catalogue if one.code == DEMERIT.catalogue)
        return await self.settle(Role.SOURCE, post=Post(role="source", organisation=entry.department))

    async def known(self) -> KnownProgramme:
        async with self.worker.reading(ANONYMOUS) as unit:
            return (await load(unit.session, 0)).programmes[self.programme_id]

    async def person_with(
        self, item: Item = DEMERIT, *, on: date = date(2026, 3, 1), announce: bool = False, at: datetime = TEN
    ) -> tuple[Caller, RecordKey]:
        """Somebody with one record."""
        ref = str(uuid4())
        caller = await self.citizen(ref)
        known = await self.known()
        entry = next(one for one in DOCUMENT.catalogue if one.code == item.catalogue)
        source_id = next(one.id for one in known.organisations if one.code == entry.department)
        reference = f"case-{next(_SEQUENCE)}"
        delivery = Delivery(
            citizen_ref=ref,
            item=item.code,
            source_ref=reference,
            occurred_on=on,
            ended_on=on,
            determined_on=on,
            quantity=5.0 if item.tiers else None,
            evidence="判决书",
            document_id=f"D-{reference}",
        )
        async with self.worker.transaction(ANONYMOUS) as unit:
            delivered = await deliver_records(
                unit.session,
                unit.actor,
                at,
                programme_id=self.programme_id,
                source_id=source_id,
                rule_set_id=known.rule_set_on(day_of(at)).id,
                deliveries=[delivery],
                announce=announce,
            )
        assert delivered.refused == ()
        [(citizen_id,)] = await self.rows("SELECT id FROM citizen WHERE person_id = :id", id=caller.person_id)
        return caller, RecordKey(citizen_id=citizen_id, source_id=source_id, ref_hash=ref_hash_of(reference))

    async def act(self, caller: Caller, action: Any, at: datetime, **values: Any) -> Any:
        """One action in one transaction, as the server does it."""
        async with self.database.transaction(caller) as unit:
            return await action(unit.session, unit.actor, at, **values)

    async def attach(self, caller: Caller, paper: Paper, at: datetime = TEN) -> int:
        number: int = await self.act(caller, actions.attach, at, paper=paper, key=uuid4())
        return number

    async def object_to(
        self,
        caller: Caller,
        key: RecordKey,
        at: datetime = TEN,
        *,
        papers: tuple[int, ...] = (),
        request: UUID | None = None,
    ) -> int:
        wish = Wish(
            target=Target.RECORD,
            subject_key=(key.citizen_id, key.source_id, key.ref_hash),
            reason="已按时缴费。",
            attachments=papers,
        )
        return await self.wish(caller, wish, at, request=request)

    async def wish(self, caller: Caller, wish: Wish, at: datetime = TEN, *, request: UUID | None = None) -> int:
        terms = case_terms(await self.known(), day_of(at))
        number: int = await self.act(caller, actions.object_to, at, terms=terms, wish=wish, key=request or uuid4())
        return number

    async def withdraw(self, caller: Caller, number: int, at: datetime = TEN) -> None:
        terms = case_terms(await self.known(), day_of(at))
        await self.act(caller, actions.withdraw_objection, at, terms=terms, objection_id=number, key=uuid4())

    async def review(self, caller: Caller, number: int, at: datetime) -> int:
        terms = case_terms(await self.known(), day_of(at))
        new: int = await self.act(
            caller, actions.ask_for_review, at, terms=terms, review=(number, "再看。"), key=uuid4()
        )
        return new

    async def hand_over(self, caller: Caller, number: int, at: datetime = TEN) -> None:
        terms = case_terms(await self.known(), day_of(at))
        await self.act(caller, actions.hand_over_objection, at, terms=terms, asked=(number, "属实吗?"), key=uuid4())

    async def answer(self, caller: Caller, number: int, finding: Finding, at: datetime = TEN) -> None:
        await self.act(
            caller, actions.answer_objection, at, objection_id=number, answer=(finding, "已核查。"), key=uuid4()
        )

    async def extend(self, caller: Caller, number: int, at: datetime = TEN) -> None:
        terms = case_terms(await self.known(), day_of(at))
        await self.act(caller, actions.extend_objection, at, terms=terms, extension=(number, "调档。"), key=uuid4())

    async def decide(
        self, caller: Caller, number: int, outcome: Status, at: datetime = TEN, *, request: UUID | None = None
    ) -> None:
        known = await self.known()
        await self.act(
            caller,
            actions.decide_objection,
            at,
            terms=case_terms(known, day_of(at)),
            catalogue=known.catalogue(day_of(at)),
            verdict=Verdict(case_id=number, outcome=outcome, decision="理由。"),
            key=request or uuid4(),
        )

    async def request_repair(
        self, caller: Caller, key: RecordKey, at: datetime = TEN, *, papers: tuple[int, ...] = ()
    ) -> int:
        terms = case_terms(await self.known(), day_of(at))
        wish = RepairWish(record=key, statement="已履行。", attachments=papers)
        number: int = await self.act(caller, actions.request_repair, at, terms=terms, wish=wish, key=uuid4())
        return number

    async def extend_repair(self, caller: Caller, number: int, at: datetime = TEN) -> None:
        terms = case_terms(await self.known(), day_of(at))
        await self.act(caller, actions.extend_repair, at, terms=terms, extension=(number, "调档。"), key=uuid4())

    async def decide_repair(self, caller: Caller, number: int, outcome: Status, at: datetime = TEN) -> None:
        terms = case_terms(await self.known(), day_of(at))
        verdict = Verdict(case_id=number, outcome=outcome, decision="理由。")
        await self.act(caller, actions.decide_repair, at, terms=terms, verdict=verdict, key=uuid4())

    async def overdue(self, at: datetime) -> int:
        known = await self.known()
        async with self.worker.transaction(ANONYMOUS) as unit:
            return await actions.decide_overdue(
                unit.session, at, terms=case_terms(known, day_of(at)), catalogue=known.catalogue(day_of(at))
            )

    async def rows(self, sql: str, **values: object) -> list[tuple[Any, ...]]:
        """What the database holds, as the worker sees it."""
        async with self.worker.reading(ANONYMOUS) as unit:
            return [tuple(row) for row in await unit.session.execute(text(sql), values)]

    async def states(self, key: RecordKey) -> list[str]:
        """What a record has become, in order."""
        rows = await self.rows(
            "SELECT state FROM record_event WHERE citizen_id = :citizen AND source_id = :source"
            " AND ref_hash = :ref_hash ORDER BY at",
            **key.binds(),
        )
        return [row[0] for row in rows]

    async def points(self, key: RecordKey) -> int:
        rows = await self.rows("SELECT points FROM score WHERE citizen_id = :id", id=key.citizen_id)
        return int(rows[0][0])

    async def objection(self, number: int) -> Any:
        """Status, due date, remedy date and restored products."""
        rows = await self.rows("SELECT status, due_on, remedy_until, restored FROM objection WHERE id = :id", id=number)
        return rows[0]

    async def told(self, caller: Caller) -> list[str]:
        rows = await self.rows("SELECT kind FROM notice WHERE person_id = :id ORDER BY id", id=caller.person_id)
        return [row[0] for row in rows]


def day_of(at: datetime) -> date:
    """The local date."""
    return at.astimezone(ZONE).date()


@pytest.fixture(scope="module")
async def cases(database: Database, worker: WorkerDatabase) -> Cases:
    async with worker.transaction(ANONYMOUS) as unit:
        programme_id = await publish_programme(unit.session, document=DOCUMENT, today=date(2026, 6, 1))
        await publish_products(unit.session, programme_id=programme_id, products=DOCUMENT.products)
        await open_budgets(unit.session, TEN, programme_id=programme_id, today=day_of(TEN))
    return Cases(programme_id=programme_id, database=database, worker=worker)


async def refused(doing: Any) -> DomainError:
    with pytest.raises(DomainError) as caught:
        await doing
    return caught.value
