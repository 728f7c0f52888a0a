"""Histories of one small city, against a model in plain Python: after every step all balances are the same.

200 histories of 50 steps, several at a time; BENEFITS_MACHINE_HISTORIES makes it as large as one likes.
"""

import asyncio
import json
import os
from collections import Counter as Tally
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import asyncpg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from api.database import Database, WorkerDatabase
from api.embedded import Urls, superuser_url
from domain.actor import ANONYMOUS, Caller
from domain.errors import DomainError
from domain.incentives.actions import open_budgets, publish_products
from domain.incentives.actions.accounts import link_account
from domain.incentives.rules.standing import Catalogue
from domain.ledger import queries as ledger
from domain.ledger.actions import budget_account, fund_budget
from domain.ledger.queries import CITY, payable
from domain.programmes.actions import publish_programme
from domain.programmes.rules.document import Budget, Product
from domain.programmes.rules.shapes import AmountOff, DepositWaiver, PayRatio, Shape
from domain.programmes.rules.terms import BudgetUnit, RedeemPath, ServiceAccountKind, Window
from domain.redemption.actions.claiming import Wish, claim_benefit, confirm_claim, refuse_claim
from domain.redemption.actions.ending import Close, close_redemption, reverse_redemption
from domain.redemption.actions.lives import cut_settled, turn_sales
from domain.redemption.actions.presenting import present_benefit
from domain.redemption.actions.scanning import redeem
from domain.redemption.queries.books import first_fault
from domain.redemption.rules import codes
from domain.redemption.rules.claims import ClaimRefusal, Confirmation
from domain.redemption.rules.scans import Scan
from domain.vault import Vault
from tests.actions.counter import DOCUMENT, TEN, Counter, day_of
from tests.rules import money_model as model
from tests.rules.benefits import product, uses
from tests.rules.money_model import Kind, Model, Purse

HISTORIES: Final = int(os.environ.get("BENEFITS_MACHINE_HISTORIES", "200"))
STEPS: Final = 50
LANES: Final = 8
CITIZENS: Final = 2
PURSE: Final = 5_000
PIECES: Final = 4
CONSENTS: Final = ("score", "benefits", "account")
COMMANDS: Final = (
    "redeem", "redeem", "redeem", "redeem", "present", "present", "present", "present", "fund", "reverse", "close",
    "damage", "damage", "claim", "claim", "confirm", "refuse", "wait", "settle",
)  # fmt: skip
WAITS: Final = (1, 2, 8, 16, 70)
SHAPES: Final[dict[Kind, Shape]] = {
    Kind.RATIO: PayRatio(pay_percent=model.PAY_PERCENT, max_relief_fen=model.MOST_RELIEF),
    Kind.DEPOSIT: DepositWaiver(max_deposit_fen=model.DEPOSIT, max_days=model.DEPOSIT_DAYS),
    Kind.ACCOUNT: AmountOff(amount_fen=model.HEATING),
    Kind.PIECES: DepositWaiver(max_deposit_fen=model.DEPOSIT, max_days=model.DEPOSIT_DAYS),
}
# What the ledger, the budgets, the allowances and the sales of one history come to.
STATE: Final = """
    SELECT
        (SELECT json_object_agg(b.product_code, json_build_array(b.total, b.reserved, b.spent))
            FROM budget AS b WHERE b.programme_id = $1 AND b.product_code = ANY ($2)) AS budgets,
        (SELECT json_object_agg(a.owner, json_build_array(
            (SELECT coalesce(sum(CASE WHEN t.credit_id = a.id THEN t.amount_fen ELSE -t.amount_fen END), 0)
                FROM transfer AS t WHERE t.state = 'POSTED' AND (t.credit_id = a.id OR t.debit_id = a.id)),
            (SELECT coalesce(sum(t.amount_fen), 0) FROM transfer AS t
                WHERE t.state = 'PENDING' AND t.debit_id = a.id
                  AND NOT EXISTS (SELECT FROM transfer AS r WHERE r.resolves = t.id))))
            FROM account AS a WHERE a.programme_id = $1
              AND a.owner = ANY (ARRAY(SELECT c || '/0001-01-01' FROM unnest($2::text[]) AS c) || $3)) AS accounts,
        (SELECT coalesce(json_agg(json_build_array(u.product_code, encode(u.holder, 'hex'), u.used)), '[]')
            FROM allowance_use AS u WHERE u.programme_id = $1 AND u.product_code = ANY ($2)) AS used,
        (SELECT coalesce(json_agg(json_build_array(r.status, r.relief, r.owed_fen) ORDER BY r.id), '[]')
            FROM redemption AS r WHERE r.id = ANY ($4)) AS sales
"""


TOP_UP: Final = text("UPDATE budget SET total = total + :fen WHERE programme_id = :programme AND product_code = :code")


Script = list[tuple[str, int, int]]


class Lane:
    """One programme with its people, in which one history after another is played."""

    counter: Counter
    citizens: list[Caller]
    accounts: list[int]
    holders: list[str]
    till: Caller
    catalogue: Catalogue
    plain: asyncpg.Connection

    def __init__(self, number: int, database: Database, worker: WorkerDatabase) -> None:
        self.number = number
        self.database = database
        self.worker = worker
        self.played = 0

    async def open(self, folder: Path) -> "Lane":
        """Publishes the programme and settles its people."""
        document = replace(DOCUMENT, code=f"machine-{self.number}")
        async with self.worker.transaction(ANONYMOUS) as unit:
            programme_id = await publish_programme(unit.session, document=document, today=day_of(TEN))
        self.counter = Counter(programme_id=programme_id, database=self.database, worker=self.worker, document=document)
        self.citizens = [await self.counter.citizen(CONSENTS) for _ in range(CITIZENS)]
        self.till = await self.counter.cashier()
        self.accounts = [
            await self.counter.act(
                citizen, link_account, TEN, kind=ServiceAccountKind.WATER, number=f"LANE-{number}", key=uuid4()
            )
            for number, citizen in enumerate(self.citizens)
        ]
        rows = await self.counter.rows(
            "SELECT encode(pseudonym, 'hex') FROM citizen WHERE programme_id = :id ORDER BY id", id=programme_id
        )
        self.holders = [row[0] for row in rows]
        self.catalogue = await self.counter.catalogue(TEN)
        self.plain = await asyncpg.connect(superuser_url(folder).replace("+asyncpg", ""))
        return self


class History:
    """One history: every command goes to the product and to the model, and then both are compared."""

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self.model = Model({kind: Purse(PURSE if kind in model.MONEY else PIECES) for kind in Kind})
        self.names = {kind: f"{kind}-{lane.played}" for kind in Kind}
        self.products: dict[Kind, int] = {}
        self.codes: list[int] = []
        self.sales: list[int] = []
        self.seen: Tally[str] = Tally()
        self.owed_before = 0
        lane.played += 1

    @property
    def now(self) -> datetime:
        return TEN + timedelta(days=self.model.day)

    @property
    def catalogue(self) -> Catalogue:
        return replace(self.lane.catalogue, today=self.model.today)

    async def begin(self) -> None:
        """New products with full purses, as a catalogue that the server holds."""
        lane, offered = self.lane, [self.offered(kind) for kind in Kind]
        async with lane.worker.transaction(ANONYMOUS) as unit:
            await publish_products(unit.session, programme_id=lane.counter.programme_id, products=offered)
            await open_budgets(unit.session, TEN, programme_id=lane.counter.programme_id, today=day_of(TEN))
        rows = await lane.plain.fetch(
            "SELECT id, code FROM product WHERE programme_id = $1 AND code = ANY ($2)",
            lane.counter.programme_id,
            list(self.names.values()),
        )
        row = await lane.plain.fetchrow(
            STATE, lane.counter.programme_id, list(self.names.values()), [str(lane.till.organisation_id)], []
        )
        # Nothing, unless an earlier history was broken off.
        self.owed_before = json.loads(row["accounts"]).get(str(lane.till.organisation_id), [0, 0])[0]
        numbers = {row["code"]: row["id"] for row in rows}
        self.products = {kind: numbers[name] for kind, name in self.names.items()}
        known = {self.products[kind]: one for kind, one in zip(Kind, offered, strict=True)}
        lane.catalogue = replace(lane.catalogue, products=known)

    def offered(self, kind: Kind) -> Product:
        account, purse = kind is Kind.ACCOUNT, self.model.purses[kind].total
        unit = BudgetUnit.FEN if kind in model.MONEY else BudgetUnit.PIECES
        return product(
            SHAPES[kind],
            code=self.names[kind],
            provider="here",
            redeemed_by=RedeemPath.ACCOUNT if account else RedeemPath.COUNTER,
            account_kind=ServiceAccountKind.WATER if account else None,
            allowance=uses(model.USES, Window.PROGRAMME),
            budget=Budget(amount=purse, unit=unit, window=Window.PROGRAMME),
        )

    async def step(self, command: str, which: int, size: int) -> None:
        """One command. What it needs and does not find is nothing to do."""
        name, plan = self.plan(command, which, size)
        if plan is None:
            return
        expected = plan[0]()
        got = await self.outcome(name, plan[1])
        self.seen[f"{command} {expected}"] += 1
        assert got == expected, (command, which, size, self.why, self.model.purses, self.model.day)
        await self.compare((command, which, size))

    def plan(self, command: str, which: int, size: int) -> tuple[str, Any]:
        """What the model does, and what the product does, for one command."""
        play, citizen = self.model, which % CITIZENS
        kind = model.COUNTER[which % 5 % 3]
        if command == "fund":
            kind = model.MONEY[which % 3]
            return command, (lambda: play.fund(kind, 2_500 * (1 + size % 2)), self.fund(kind, 2_500 * (1 + size % 2)))
        if command == "present":
            return command, (lambda: play.present(citizen, kind), self.present(citizen, kind))
        if command == "redeem" and self.recent():
            number = self.recent()[which % len(self.recent())]
            return command, (lambda: play.redeem(number, size * 20 + 1), self.redeem(number, size * 20 + 1))
        if command == "claim":
            return command, (lambda: play.claim(citizen), self.claim(citizen))
        if command == "wait":
            days = WAITS[size % len(WAITS)]
            return command, (lambda: play.wait(days), self.turn(days))
        if command == "settle":
            return command, (play.settle, self.settle(play.payable))
        return self.plan_for_sale(command, which, size)

    def plan_for_sale(self, command: str, which: int, size: int) -> tuple[str, Any]:
        """The same for what is done with a sale."""
        play, fitting = self.model, self.fitting(command)
        if not fitting:
            return command, None
        number = fitting[which % len(fitting)]
        if command == "reverse":
            return command, (lambda: play.reverse(number), self.reverse(number))
        if command == "close":
            return command, (lambda: play.close(number, 0), self.close(number, 0))
        if command == "damage":
            return command, (lambda: play.close(number, size * 12 + 1), self.close(number, size * 12 + 1))
        if command == "confirm":
            return command, (lambda: play.confirm(number, size * 16 + 1), self.confirm(number, size * 16 + 1))
        if command == "refuse":
            return command, (lambda: play.refuse(number), self.refuse(number))
        return command, None

    def recent(self) -> list[int]:
        """The last few codes; those of settled sales are gone."""
        known = [number for number, code in enumerate(self.model.codes) if self.model.day - code.day <= 60]
        return known[-6:]

    def fitting(self, command: str) -> list[int]:
        """The sales to which a command may go: now and then one to which it must not."""
        wanted = {
            "reverse": ("COMPLETED", "OPEN", "LATE", "REVERSED"),
            "close": ("OPEN", "LATE", "RELEASED"),
            "damage": ("OPEN", "LATE", "CLAIMED"),
            "confirm": ("CLAIM_SENT", "REFUSED"),
            "refuse": ("CLAIM_SENT", "COMPLETED"),
        }.get(command, ())
        account_only = command in ("confirm", "refuse")
        return [
            number
            for number, sale in enumerate(self.model.sales)
            if sale.status in wanted and (sale.kind is Kind.ACCOUNT or not account_only)
        ]

    async def outcome(self, command: str, doing: Any) -> str:
        try:
            done = await doing
        except DomainError as refusal:
            self.why = refusal.message.en
            return refusal.code
        return str(done) if command == "redeem" else "ok"

    async def act(self, caller: Caller, action: Any, **values: Any) -> Any:
        return await self.lane.counter.act(caller, action, self.now, **values)

    async def fund(self, kind: Kind, fen: int) -> None:
        programme_id = self.lane.counter.programme_id
        async with self.lane.worker.transaction(ANONYMOUS) as unit:
            budget = budget_account(self.names[kind], date.min)
            await fund_budget(
                unit.session, self.now, programme_id=programme_id, budget=budget, amount_fen=fen, reason="top-up"
            )
            await unit.session.execute(TOP_UP, {"fen": fen, "programme": programme_id, "code": self.names[kind]})

    async def present(self, citizen: int, kind: Kind) -> None:
        number = await self.act(
            self.lane.citizens[citizen],
            present_benefit,
            catalogue=self.catalogue,
            product_id=self.products[kind],
            voucher_kind=None,
            key=uuid4(),
        )
        self.codes.append(number)

    async def redeem(self, number: int, basis: int) -> str:
        till = self.lane.till
        code = codes.code_of(self.lane.database.vault, self.codes[number])
        scan = Scan(code=code, terminal_id=till.terminal_id or 0, basis=basis)
        outcome = await self.act(till, redeem, catalogue=self.catalogue, scan=scan, key=uuid4())
        if outcome.sold is not None:
            self.sales.append(outcome.sold.redemption_id)
        return str(outcome.reason.value)

    async def claim(self, citizen: int) -> None:
        wish = Wish(product_id=self.products[Kind.ACCOUNT], account_id=self.lane.accounts[citizen])
        number = await self.act(
            self.lane.citizens[citizen], claim_benefit, catalogue=self.catalogue, wish=wish, key=uuid4()
        )
        self.sales.append(number)

    async def reverse(self, number: int) -> None:
        await self.act(self.lane.till, reverse_redemption, redemption_id=self.sales[number], reason="错", key=uuid4())

    async def close(self, number: int, claim: int) -> None:
        close = Close(redemption_id=self.sales[number], claim_fen=claim, reason="损坏" if claim else None)
        await self.act(self.lane.till, close_redemption, close=close, key=uuid4())

    async def confirm(self, number: int, basis: int) -> None:
        bill = Confirmation(redemption_id=self.sales[number], basis=basis, merchant_ref="B-1")
        await self.act(self.lane.till, confirm_claim, catalogue=self.catalogue, confirmation=bill, key=uuid4())

    async def refuse(self, number: int) -> None:
        await self.act(
            self.lane.till,
            refuse_claim,
            redemption_id=self.sales[number],
            reason=ClaimRefusal.NOTHING_DUE,
            key=uuid4(),
        )

    async def turn(self, days: int) -> None:
        """The model has moved on already; the jobs run on the day that it has come to."""
        async with self.lane.worker.transaction(ANONYMOUS) as unit:
            await turn_sales(
                unit.session, self.now, programme_id=self.lane.counter.programme_id, today=self.model.today
            )

    async def settle(self, owed: int) -> None:
        """Pays what the shop is owed, or takes what it owes, and cuts what nobody can undo any more."""
        programme_id, shop = self.lane.counter.programme_id, self.lane.till.organisation_id or 0
        async with self.lane.worker.transaction(ANONYMOUS) as unit:
            if owed != 0:
                debit, credit = (payable(shop), CITY) if owed > 0 else (CITY, payable(shop))
                await ledger.post(
                    unit.session,
                    self.now,
                    programme_id=programme_id,
                    debit=debit,
                    credit=credit,
                    amount_fen=abs(owed),
                    reason="paid",
                )
            month = (self.model.today - timedelta(days=61)).replace(day=1)
            await cut_settled(unit.session, self.now, programme_id=programme_id, month=month, organisation_id=shop)

    async def compare(self, after: object) -> None:
        """Every balance, use and state of this history, as both have them."""
        play, shop = self.model, str(self.lane.till.organisation_id)
        row = await self.lane.plain.fetchrow(
            STATE, self.lane.counter.programme_id, list(self.names.values()), [shop], self.sales
        )
        budgets, accounts, used, sales = (json.loads(row[name]) for name in ("budgets", "accounts", "used", "sales"))
        for kind, purse in play.purses.items():
            assert budgets[self.names[kind]] == [purse.total, purse.reserved, purse.spent], (after, kind)
            assert min(purse.reserved, purse.spent, purse.left) >= 0, (after, kind)
            held = accounts.get(f"{self.names[kind]}/0001-01-01")
            funds = [purse.total - purse.spent, purse.reserved] if kind in model.MONEY else None
            assert held == funds, (after, kind)
        assert accounts.get(shop, [0, 0])[0] - self.owed_before == play.payable, after
        names = {name: kind for kind, name in self.names.items()}
        counted = {(self.lane.holders.index(holder), names[code]): number for code, holder, number in used}
        assert {key: number for key, number in counted.items() if number} == {
            key: number for key, number in play.used.items() if number
        }, after
        assert [sale[0] for sale in sales] == [sale.status for sale in play.sales], after
        assert [sale[2] for sale in sales] == [sale.owed for sale in play.sales], after

    async def play(self, script: Script) -> None:
        """All commands of one history, and then its end, so that nothing of it is open for the next."""
        await self.begin()
        for command, which, size in script:
            await self.step(command, which, size)
        for number in [place for place, sale in enumerate(self.model.sales) if sale.status == "CLAIM_SENT"]:
            self.model.refuse(number)
            await self.refuse(number)
        self.model.wait(100)
        await self.turn(100)
        owed = self.model.payable
        self.model.settle()
        await self.settle(owed)
        await self.compare("the end")


SCRIPT: Final = st.lists(
    st.tuples(st.sampled_from(COMMANDS), st.integers(0, 255), st.integers(0, 255)), min_size=STEPS, max_size=STEPS
)
SCRIPTS: Final = st.lists(SCRIPT, min_size=LANES, max_size=LANES)


def test_every_history_leads_where_the_model_says(urls: Urls, vault: Vault, cluster_folder: Path) -> None:
    seen: Tally[str] = Tally()
    with asyncio.Runner() as runner:
        database, worker = Database(urls.app, vault), WorkerDatabase(urls.worker, vault)
        lanes = runner.run(open_lanes(database, worker, cluster_folder))

        @settings(
            max_examples=1 + -(-HISTORIES // LANES),
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(scripts=SCRIPTS)
        def histories(scripts: list[Script]) -> None:
            seen.update(runner.run(together(lanes, worker, scripts)))

        histories()
        runner.run(close_lanes(lanes, database, worker))
    assert sum(lane.played for lane in lanes) >= HISTORIES
    # Every way a step can go has been gone; a few histories may miss a rare refusal, but never a thing done.
    sought = WAYS if HISTORIES >= MANY else [way for way in WAYS if way.lower().endswith(" ok")]
    assert {way for way in sought if not seen[way]} == set()


MANY: Final = 2000
WAYS: Final = (
    "fund ok", "present ok", "present ALLOWANCE_USED_UP", "present BUDGET_USED_UP", "redeem OK", "redeem NOT_VALID",
    "redeem CODE_USED", "redeem CODE_EXPIRED", "reverse ok", "reverse TOO_LATE", "reverse ALREADY_DECIDED",
    "close ok", "close ALREADY_DECIDED", "damage ok", "damage INVALID_INPUT", "claim ok", "claim BUDGET_USED_UP",
    "confirm ok", "confirm ALREADY_DECIDED", "refuse ok", "refuse ALREADY_DECIDED", "wait ok", "settle ok",
)  # fmt: skip


async def open_lanes(database: Database, worker: WorkerDatabase, folder: Path) -> list[Lane]:
    return [await Lane(number, database, worker).open(folder) for number in range(LANES)]


async def close_lanes(lanes: list[Lane], database: Database, worker: WorkerDatabase) -> None:
    for lane in lanes:
        await lane.plain.close()
    await database.dispose()
    await worker.dispose()


async def together(lanes: list[Lane], worker: WorkerDatabase, scripts: list[Script]) -> Tally[str]:
    """One history in each lane at the same time; then the books of all of them are proved from their rows."""
    histories = [History(lane) for lane in lanes]
    played = (one.play(script) for one, script in zip(histories, scripts, strict=True))
    for failed in await asyncio.gather(*played, return_exceptions=True):
        if failed is not None:
            raise failed
    async with worker.reading(ANONYMOUS) as unit:
        assert await first_fault(unit.session) is None
    return sum((one.seen for one in histories), Tally())
