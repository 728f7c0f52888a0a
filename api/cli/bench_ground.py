"""A city with one hot budget, as many tills as there are clients, and a live code for every scan of a measurement."""

import json
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import asyncpg
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncSession

from api.database import Database, WorkerDatabase
from api.embedded import Urls
from api.errors import CannotStart
from domain.actor import ANONYMOUS, Caller, Role
from domain.incentives.actions import open_budgets, publish_products
from domain.incentives.rules.standing import Catalogue, Rules
from domain.people.settlement import Membership, Post, Settler, caller_of, settle
from domain.programmes.actions import publish_programme
from domain.programmes.queries import rule_set_on
from domain.programmes.rules.codec import from_json
from domain.programmes.rules.document import Allowance, Budget, Product, ProgrammeDocument, RuleSetDocument
from domain.programmes.rules.shapes import PayRatio
from domain.programmes.rules.terms import BudgetUnit, ProductArea, RedeemPath, Window
from domain.redemption.actions.scanning import redeem
from domain.redemption.queries.books import first_fault
from domain.redemption.rules.codes import code_of, macs_of, match_number_of, receipt_number_of
from domain.redemption.rules.scans import Scan
from domain.values import words
from domain.vault import Vault
from seeds.loader import PROGRAMMES, read_file

CODE: Final = "bench"
BASIS: Final = 200
RELIEF: Final = 120
_ISSUER: Final = "bench"
_ZONE: Final = ZoneInfo("Asia/Shanghai")
_PRODUCT: Final = text("SELECT id FROM product WHERE programme_id = :programme")
_CITIZENS: Final = text("SELECT id, person_id FROM citizen WHERE programme_id = :programme ORDER BY id")
_CODES: Final = text("""
    INSERT INTO presentation (id, citizen_id, programme_id, product_id, code_mac, typed_mac, match_number, created_at,
        expires_at)
    SELECT c.id, c.citizen, :programme, :product, c.code_mac, c.typed_mac, c.match, CAST(:now AS timestamptz),
        CAST(:now AS timestamptz) + interval '1 hour'
    FROM unnest(CAST(:ids AS bigint[]), CAST(:citizens AS integer[]), CAST(:codes AS bytea[]),
        CAST(:typed AS bytea[]), CAST(:matches AS smallint[])) AS c (id, citizen, code_mac, typed_mac, match)
""")
_TABLES: Final = (
    "CREATE TABLE bench_till (client integer PRIMARY KEY, person bigint, organisation bigint, terminal bigint)",
    """CREATE TABLE bench_code (client integer, place integer, citizen integer, code_mac bytea, key uuid, taken jsonb,
        PRIMARY KEY (client, place))""",
    "GRANT SELECT ON bench_till, bench_code TO PUBLIC",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What both measurements stand on; each till has its own codes, once for each of them."""

    urls: Urls
    database: Database
    worker: WorkerDatabase
    now: datetime
    catalogue: Catalogue
    product_id: int
    tills: tuple[Caller, ...]
    codes: tuple[tuple[tuple[str, UUID], ...], ...]
    basis: int = BASIS

    def constants(self) -> dict[str, str]:
        """What is the same in every scan, as pgbench writes it into the statements."""
        return {
            "now": self.now.isoformat(),
            "today": self.catalogue.today.isoformat(),
            "rule_set": str(self.catalogue.rule_set_id),
            "volunteer_item": self.catalogue.rules.volunteer_item,
            "product": str(self.product_id),
        }

    def socket(self) -> list[str]:
        """Where and as whom a client of PostgreSQL signs in, as the server does."""
        parts = urlsplit(self.urls.app)
        return ["-h", parse_qs(parts.query)["host"][0], "-U", parts.username or "", parts.path.strip("/")]

    async def check(self, sold: int) -> None:
        """Raises: CannotStart when a scan is missing or the books do not agree."""
        async with self.worker.reading(ANONYMOUS) as unit:
            count = (await unit.session.execute(text("SELECT count(*) FROM redemption"))).scalar_one()
            fault = await first_fault(unit.session)
        if count != sold or fault is not None:
            raise CannotStart(f"{count} of {sold} scans were written, and the books say {fault}.")

    async def dispose(self) -> None:
        """Closes all connections."""
        await self.database.dispose()
        await self.worker.dispose()


async def lay_ground(urls: Urls, *, clients: int, each: int) -> Ground:
    """Publishes, settles and shows everything that the measurements need, and makes one scan as a pattern."""
    vault = Vault(bytes(range(32)))
    database, worker = Database(urls.app, vault, pool_size=clients), WorkerDatabase(urls.worker, vault, pool_size=2)
    total = 1 + 2 * clients * each
    async with worker.transaction(ANONYMOUS) as unit:
        now, today = unit.now, unit.now.astimezone(_ZONE).date()
        document = replace(read_file(PROGRAMMES / "rongcheng.toml"), code=CODE, products=())
        programme_id = await publish_programme(unit.session, document=document, today=today)
        hot = _hot_product(document, today, total)
        await publish_products(unit.session, programme_id=programme_id, products=[hot])
        await open_budgets(unit.session, now, programme_id=programme_id, today=today)
        product_id = int((await unit.session.execute(_PRODUCT, {"programme": programme_id})).scalar_one())
        tills = await _settle(unit.session, now, place=(programme_id, hot.provider), clients=clients, people=total)
        catalogue = await _catalogue(unit.session, document, programme_id, today, {product_id: hot})
        people = [(row.id, row.person_id) for row in await unit.session.execute(_CITIZENS, {"programme": programme_id})]
        await _show(unit.session, now, place=(programme_id, product_id), citizens=[one for one, _ in people])
    keys = [uuid4() for _ in people]
    shown = [(code_of(vault, number), key) for number, key in enumerate(keys, start=1)]
    ground = Ground(
        urls=urls,
        database=database,
        worker=worker,
        now=now,
        catalogue=catalogue,
        product_id=product_id,
        tills=tills,
        codes=tuple(tuple(shown[1 + client * each : 1 + (client + 1) * each]) for client in range(clients)),
    )
    pattern = await _pattern(ground, *shown[0])
    await _bench_tables(ground, pattern, people=people, keys=keys, each=each)
    return ground


def _hot_product(document: ProgrammeDocument, today: date, sales: int) -> Product:
    """One product for everybody, whose budget is just enough."""
    return Product(
        code="hot",
        title=words("热门优惠", "Hot benefit"),
        terms=words("测量用。", "For measuring."),
        baseline=words("全价。", "The full price."),
        baseline_checked_on=today,
        field="general",
        area=ProductArea.TRANSIT,
        shape=PayRatio(pay_percent=40),
        provider=document.organisations[0].code,
        redeemed_by=RedeemPath.COUNTER,
        ways=((),),
        allowance=Allowance(quantity=2, unit=words("次", "times"), window=Window.CALENDAR_YEAR),
        budget=Budget(amount=sales * RELIEF, unit=BudgetUnit.FEN, window=Window.CALENDAR_YEAR),
    )


async def _settle(
    session: AsyncSession, now: datetime, *, place: tuple[int, str], clients: int, people: int
) -> tuple[Caller, ...]:
    """As many cashiers with tills as there are clients, and a citizen for each code."""
    programme_id, shop = place
    member = Membership(since=now, registration_kind="REGISTERED", consents=("score", "benefits"))
    crowd = [_person(f"bench-{number}", membership=member) for number in range(people)]
    staff = [
        _person(f"till-{number}", post=Post(role="cashier", organisation=shop, terminal=f"till-{number}"))
        for number in range(clients)
    ]
    await settle(session, now, issuer=_ISSUER, programme=(programme_id, CODE), settlers=[*crowd, *staff])
    callers = [
        await caller_of(session, issuer=_ISSUER, subject=one.subject, role=Role.CASHIER, programme=CODE)
        for one in staff
    ]
    return tuple(caller for caller in callers if caller is not None)


def _person(subject: str, **values: Any) -> Settler:
    return Settler(subject=subject, name="测量", birth_date=date(1990, 5, 1), identity_ref=subject, **values)


async def _catalogue(
    session: AsyncSession, document: ProgrammeDocument, programme_id: int, today: date, products: dict[int, Product]
) -> Catalogue:
    row: Any = await rule_set_on(session, programme_id=programme_id, day=today)
    rules = Rules(
        rule_set=from_json(RuleSetDocument, row.content),
        groups=document.groups,
        stars_hours=document.stars_hours,
        baseline_valid_months=document.baseline_valid_months,
    )
    return Catalogue(today=today, zone=_ZONE, rule_set_id=row.id, rules=rules, products=products)


async def _show(session: AsyncSession, now: datetime, *, place: tuple[int, int], citizens: list[int]) -> None:
    """A live code for each citizen, good for an hour."""
    programme_id, product_id = place
    vault: Vault = session.info["vault"]
    macs = {number: macs_of(vault, number) for number in range(1, len(citizens) + 1)}
    values = {
        "programme": programme_id,
        "product": product_id,
        "now": now,
        "ids": list(macs),
        "citizens": citizens,
        "codes": [one.code for one in macs.values()],
        # Short digits would meet each other among so many; nobody types them here.
        "typed": [one.code[::-1] for one in macs.values()],
        "matches": [match_number_of(vault, number) for number in macs],
    }
    await session.execute(_CODES, params=values)


async def _pattern(ground: Ground, code: str, key: UUID) -> dict[str, Any]:
    """What one real scan has handed to the function that writes it."""
    seen: list[str] = []

    def listen(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "take_benefit(" in statement:
            seen.extend(value for value in parameters if isinstance(value, str) and value.startswith("{"))

    event.listen(ground.database.engine.sync_engine, "before_cursor_execute", listen)
    till = ground.tills[0]
    scan = Scan(code=code, terminal_id=till.terminal_id or 0, basis=ground.basis)
    async with ground.database.transaction(till) as unit:
        await redeem(unit.session, unit.actor, ground.now, catalogue=ground.catalogue, scan=scan, key=key)
    event.remove(ground.database.engine.sync_engine, "before_cursor_execute", listen)
    found: dict[str, Any] = json.loads(seen[0])
    return found


async def _bench_tables(
    ground: Ground, pattern: dict[str, Any], *, people: list[tuple[int, int]], keys: list[UUID], each: int
) -> None:
    """What each client of pgbench scans, in which order: the second half of all codes."""
    vault, clients = ground.database.vault, len(ground.tills)
    tills = [
        (client, till.person_id, till.organisation_id, till.terminal_id) for client, till in enumerate(ground.tills)
    ]
    codes = []
    for place in range(clients * each):
        number = 2 + clients * each + place
        citizen, person = people[number - 1]
        taken = pattern | {
            "code_id": number,
            "citizen_id": citizen,
            "person_id": person,
            "terminal_id": tills[place // each][3],
            "key": str(keys[number - 1]),
            "receipt_number": receipt_number_of(vault, number),
            "match_number": match_number_of(vault, number),
        }
        mac = macs_of(vault, number).code
        entry = (place // each, place % each + 1, citizen, mac, keys[number - 1], json.dumps(taken))
        codes.append(entry)
    connection = await asyncpg.connect(ground.urls.owner.replace("+asyncpg", "", 1))
    for statement in _TABLES:
        await connection.execute(statement)
    await connection.executemany("INSERT INTO bench_till VALUES ($1, $2, $3, $4)", tills)
    await connection.executemany("INSERT INTO bench_code VALUES ($1, $2, $3, $4, $5, $6)", codes)
    await connection.execute("ANALYZE")
    await connection.close()
