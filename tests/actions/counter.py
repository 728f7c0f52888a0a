"""A city with a shop's counter: what the tests of benefits have in common."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from api.database import Database, WorkerDatabase
from domain.actor import ANONYMOUS, Caller, Role
from domain.errors import DomainError
from domain.incentives import queries as incentives
from domain.incentives.actions import open_budgets, publish_products
from domain.incentives.rules.standing import Catalogue, Rules
from domain.ledger import queries as ledger
from domain.ledger.actions import budget_account, fund_budget
from domain.people.settlement import Membership, Post, Settler, caller_of, settle
from domain.programmes import queries as programmes
from domain.programmes.actions import publish_programme
from domain.programmes.rules.codec import from_json
from domain.programmes.rules.document import Organisation, Product, ProgrammeDocument, RuleSetDocument
from domain.programmes.rules.shapes import Shape
from domain.programmes.rules.terms import OrganisationKind
from domain.redemption.actions.ending import (
    Close,
    Extension,
    close_redemption,
    extend_redemption,
    reverse_redemption,
)
from domain.redemption.actions.presenting import cancel_presentation, present_benefit
from domain.redemption.actions.scanning import preview_redemption, redeem
from domain.redemption.queries import sales
from domain.redemption.rules import codes
from domain.redemption.rules.scans import Scan, ScanOutcome
from domain.values import words
from seeds.loader import PROGRAMMES, read_file
from tests.rules.benefits import product

CODE: Final = "counter-city"
ISSUER: Final = "test-counter"
ZONE: Final = ZoneInfo("Asia/Shanghai")
# A Monday, ten o'clock in Shanghai.
TEN: Final = datetime(2026, 6, 15, 2, 0, tzinfo=UTC)
SECOND: Final = timedelta(seconds=1)
MINUTE: Final = timedelta(minutes=1)
CONSENTS: Final = ("score", "benefits")
_SEQUENCE: Final = itertools.count(1)


def shop(code: str) -> Organisation:
    """A synthetic shop."""
    return Organisation(
        code=code,
        kind=OrganisationKind.MERCHANT,
        name=words("测试商店", "Test shop"),
        category=words("零售", "Retail"),
        address=words("测试路 1 号", "1 Test Road"),
        lat=37.0,
        lon=122.0,
    )


DOCUMENT: Final = replace(
    read_file(PROGRAMMES / "rongcheng.toml"),
    code=CODE,
    organisations=(shop("here"), shop("there")),
    products=(),
)


@dataclass(frozen=True, kw_only=True)
class Counter:
    """A loaded programme, and the two ways into its database."""

    programme_id: int
    database: Database
    worker: WorkerDatabase
    document: ProgrammeDocument = DOCUMENT

    async def offer(self, shape: Shape | None = None, **changes: Any) -> int:
        """Publishes a product of its own, with its budgets open; gives its number."""
        code = f"product-{next(_SEQUENCE)}"
        offered = product(shape, **{"code": code, "provider": "here", **changes})
        return await self.publish(offered)

    async def publish(self, offered: Product) -> int:
        async with self.worker.transaction(ANONYMOUS) as unit:
            await publish_products(unit.session, programme_id=self.programme_id, products=[offered])
            await open_budgets(unit.session, TEN, programme_id=self.programme_id, today=day_of(TEN))
        rows = await self.rows("SELECT max(id) FROM product WHERE code = :code", code=offered.code)
        return int(rows[0][0])

    async def top_up(self, product_id: int, amount_fen: int, at: datetime = TEN) -> None:
        """More money from the city for the window that is open."""
        async with self.worker.transaction(ANONYMOUS) as unit:
            row = (
                await unit.session.execute(
                    text(
                        "UPDATE budget SET total = total + :amount FROM product AS p WHERE p.id = :id"
                        " AND p.code = product_code AND window_start <= :day"
                        " AND (window_end IS NULL OR window_end > :day) RETURNING product_code, window_start"
                    ),
                    {"amount": amount_fen, "id": product_id, "day": day_of(at)},
                )
            ).one()
            await fund_budget(
                unit.session,
                at,
                programme_id=self.programme_id,
                budget=budget_account(row.product_code, row.window_start),
                amount_fen=amount_fen,
                reason="top-up",
            )

    async def settle(self, role: Role, **values: Any) -> Caller:
        """A new person, as they would be after signing in."""
        subject = str(uuid4())
        settler = Settler(
            **{"subject": subject, "name": "试人", "birth_date": date(1990, 5, 1), "identity_ref": subject, **values}
        )
        async with self.worker.transaction(ANONYMOUS) as unit:
            await settle(
                unit.session, TEN, issuer=ISSUER, programme=(self.programme_id, self.document.code), settlers=[settler]
            )
            caller = await caller_of(
                unit.session, issuer=ISSUER, subject=subject, role=role, programme=self.document.code
            )
        assert caller is not None
        return caller

    async def citizen(self, consents: Sequence[str] = CONSENTS, groups: Sequence[str] = ()) -> Caller:
        membership = Membership(
            since=TEN, registration_kind="REGISTERED", consents=tuple(consents), groups=tuple(groups)
        )
        return await self.settle(Role.CITIZEN, membership=membership)

    async def cashier(self, organisation: str = "here") -> Caller:
        terminal = f"till-{next(_SEQUENCE)}"
        return await self.settle(Role.CASHIER, post=Post(role="cashier", organisation=organisation, terminal=terminal))

    async def catalogue(self, at: datetime) -> Catalogue:
        """What is published, as the server holds it."""
        day = day_of(at)
        async with self.worker.reading(ANONYMOUS) as unit:
            row: Any = await programmes.rule_set_on(unit.session, programme_id=self.programme_id, day=day)
            products: Any = await incentives.products(unit.session)
        return Catalogue(
            today=day,
            zone=ZONE,
            rule_set_id=row.id,
            rules=Rules(
                rule_set=from_json(RuleSetDocument, row.content),
                groups=self.document.groups,
                stars_hours=self.document.stars_hours,
                baseline_valid_months=self.document.baseline_valid_months,
            ),
            products={one.id: from_json(Product, one.content) for one in products},
        )

    async def act(self, caller: Caller, action: Any, at: datetime, **values: Any) -> Any:
        """One action in one transaction, as the server does it."""
        async with self.database.transaction(caller) as unit:
            return await action(unit.session, unit.actor, at, **values)

    async def present(
        self,
        caller: Caller,
        product_id: int,
        at: datetime = TEN,
        *,
        voucher: str | None = None,
        key: UUID | None = None,
    ) -> int:
        presentation_id: int = await self.act(
            caller,
            present_benefit,
            at,
            catalogue=await self.catalogue(at),
            product_id=product_id,
            voucher_kind=voucher,
            key=key or uuid4(),
        )
        return presentation_id

    async def cancel(self, caller: Caller, presentation_id: int, at: datetime = TEN) -> Any:
        return await self.act(caller, cancel_presentation, at, presentation_id=presentation_id, key=uuid4())

    def code(self, presentation_id: int) -> str:
        return codes.code_of(self.database.vault, presentation_id)

    def digits(self, presentation_id: int) -> str:
        return codes.typed_code_of(self.database.vault, presentation_id)

    async def preview(self, cashier: Caller, code: str, at: datetime = TEN, *, basis: int | None = None) -> ScanOutcome:
        scan = Scan(code=code, terminal_id=cashier.terminal_id or 0, basis=basis)
        outcome: ScanOutcome = await self.act(
            cashier, preview_redemption, at, catalogue=await self.catalogue(at), scan=scan
        )
        return outcome

    async def redeem(
        self,
        cashier: Caller,
        code: str,
        at: datetime = TEN,
        *,
        basis: int | None = 200,
        ref: str | None = None,
        key: UUID | None = None,
        catalogue: Catalogue | None = None,
    ) -> ScanOutcome:
        scan = Scan(code=code, terminal_id=cashier.terminal_id or 0, basis=basis, merchant_ref=ref)
        held = catalogue or await self.catalogue(at)
        outcome: ScanOutcome = await self.act(cashier, redeem, at, catalogue=held, scan=scan, key=key or uuid4())
        return outcome

    async def sell(self, product_id: int, *, basis: int | None = 200, at: datetime = TEN) -> tuple[Caller, Caller, int]:
        """A whole sale: citizen, cashier, redemption."""
        citizen, cashier = await self.citizen(), await self.cashier()
        outcome = await self.redeem(cashier, self.code(await self.present(citizen, product_id, at)), at, basis=basis)
        assert outcome.sold is not None
        return citizen, cashier, outcome.sold.redemption_id

    async def reverse(
        self, caller: Caller, redemption_id: int, at: datetime = TEN, *, reason: str = "收错了", key: UUID | None = None
    ) -> Any:
        return await self.act(
            caller, reverse_redemption, at, redemption_id=redemption_id, reason=reason, key=key or uuid4()
        )

    async def close(
        self, caller: Caller, redemption_id: int, at: datetime = TEN, *, claim: int = 0, reason: str | None = None
    ) -> Any:
        close = Close(redemption_id=redemption_id, claim_fen=claim, reason=reason)
        return await self.act(caller, close_redemption, at, close=close, key=uuid4())

    async def extend(self, caller: Caller, redemption_id: int, days: int, at: datetime = TEN) -> Any:
        extension = Extension(redemption_id=redemption_id, days=days, reason="出差")
        return await self.act(caller, extend_redemption, at, extension=extension, key=uuid4())

    async def rows(self, sql: str, **values: object) -> list[tuple[Any, ...]]:
        """What the database holds, as the worker sees it."""
        async with self.worker.reading(ANONYMOUS) as unit:
            return [tuple(row) for row in await unit.session.execute(text(sql), values)]

    async def change(self, sql: str, **values: object) -> None:
        """What an office does to the database."""
        async with self.worker.transaction(ANONYMOUS) as unit:
            await unit.session.execute(text(sql), values)

    async def presentation(self, presentation_id: int) -> Any:
        """Status and refusal of a code."""
        rows = await self.rows("SELECT status, refusal FROM presentation WHERE id = :id", id=presentation_id)
        return rows[0]

    async def budget(self, product_id: int, at: datetime = TEN) -> tuple[int, int]:
        """Reserved and spent in the window that is open."""
        rows = await self.rows(
            "SELECT b.reserved, b.spent FROM budget AS b JOIN product AS p ON p.code = b.product_code"
            " WHERE p.id = :id AND b.window_start <= :day AND (b.window_end IS NULL OR b.window_end > :day)",
            id=product_id,
            day=day_of(at),
        )
        return rows[0][0], rows[0][1]

    async def used(self, product_id: int) -> list[int]:
        """What every holder has used of a product."""
        rows = await self.rows(
            "SELECT u.used FROM allowance_use AS u JOIN product AS p ON p.code = u.product_code WHERE p.id = :id",
            id=product_id,
        )
        return [row[0] for row in rows]

    async def looks(self, caller: Caller) -> list[tuple[Any, ...]]:
        """What stands in a person's access log."""
        return await self.rows(
            "SELECT actor ->> 'en', role, purpose, what ->> 'en', at, actor_person_id FROM access_event"
            " WHERE person_id = :person ORDER BY at, id",
            person=caller.person_id,
        )


def day_of(at: datetime) -> date:
    """The local date."""
    return at.astimezone(ZONE).date()


@pytest.fixture(scope="module")
async def counter(database: Database, worker: WorkerDatabase) -> Counter:
    async with worker.transaction(ANONYMOUS) as unit:
        programme_id = await publish_programme(unit.session, document=DOCUMENT, today=date(2026, 6, 1))
    return Counter(programme_id=programme_id, database=database, worker=worker)


async def refused(doing: Any) -> DomainError:
    with pytest.raises(DomainError) as caught:
        await doing
    return caught.value


async def books_agree(counter: Counter) -> None:
    async with counter.worker.reading(ANONYMOUS) as unit:
        assert await ledger.first_fault(unit.session) is None
        assert await sales.first_fault(unit.session) is None


def number_of(outcome: ScanOutcome) -> int:
    assert outcome.sold is not None
    return outcome.sold.redemption_id
