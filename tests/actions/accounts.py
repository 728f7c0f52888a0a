"""Linking accounts, claiming, answering and letting days pass: what tests of benefits without a counter share."""

from dataclasses import replace
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text

from api.database import Database, WorkerDatabase
from api.graphql.view import Subject, compose
from domain.actor import ANONYMOUS, Caller
from domain.incentives.actions import open_budgets, publish_products
from domain.incentives.actions.accounts import Signature, link_account, sign_promise, unlink_account
from domain.incentives.rules.accounts import SEALED_AS
from domain.programmes.actions import publish_programme
from domain.programmes.rules.document import ProgrammeDocument
from domain.programmes.rules.terms import ServiceAccountKind
from domain.redemption.actions.claiming import Wish, claim_benefit, confirm_claim, refuse_claim
from domain.redemption.actions.lives import cut_settled, turn_sales
from domain.redemption.queries.claims import desk_claims_fragment
from domain.redemption.queries.shapes import SALE
from domain.redemption.rules.claims import ClaimRefusal, Confirmation
from tests.actions.counter import Counter, day_of

CONSENTS = ("score", "benefits", "account", "household")


async def city_of(document: ProgrammeDocument, at: datetime, database: Database, worker: WorkerDatabase) -> Counter:
    """A whole city from its file, under a name of its own, with its budgets open."""
    renamed = replace(document, code=f"accounts-{document.code}")
    async with worker.transaction(ANONYMOUS) as unit:
        programme_id = await publish_programme(unit.session, document=renamed, today=day_of(at))
        await publish_products(unit.session, programme_id=programme_id, products=document.products)
        await open_budgets(unit.session, at, programme_id=programme_id, today=day_of(at))
    return Counter(programme_id=programme_id, database=database, worker=worker, document=renamed)


async def product_of(counter: Counter, code: str) -> int:
    rows = await counter.rows(
        "SELECT max(id) FROM product WHERE programme_id = :programme AND code = :code",
        programme=counter.programme_id,
        code=code,
    )
    return int(rows[0][0])


async def assisted(counter: Counter) -> Caller:
    """A citizen who qualifies for whatever is open to those whom the city assists."""
    return await counter.citizen(CONSENTS, groups=("assisted",))


async def link(counter: Counter, citizen: Caller, kind: str, number: str, at: datetime, key: UUID | None = None) -> int:
    account: int = await counter.act(
        citizen, link_account, at, kind=ServiceAccountKind(kind), number=number, key=key or uuid4()
    )
    return account


async def unlink(counter: Counter, citizen: Caller, account_id: int, at: datetime) -> Any:
    return await counter.act(citizen, unlink_account, at, account_id=account_id, key=uuid4())


async def claim(
    counter: Counter, citizen: Caller, product_id: int, account_id: int, at: datetime, key: UUID | None = None
) -> int:
    wish = Wish(product_id=product_id, account_id=account_id)
    number: int = await counter.act(
        citizen, claim_benefit, at, catalogue=await counter.catalogue(at), wish=wish, key=key or uuid4()
    )
    return number


async def confirm(
    counter: Counter,
    provider: Caller,
    redemption_id: int,
    basis: int,
    at: datetime,
    *,
    ref: str = "B-1",
    key: UUID | None = None,
) -> Any:
    confirmation = Confirmation(redemption_id=redemption_id, basis=basis, merchant_ref=ref)
    return await counter.act(
        provider,
        confirm_claim,
        at,
        catalogue=await counter.catalogue(at),
        confirmation=confirmation,
        key=key or uuid4(),
    )


async def refuse(
    counter: Counter,
    provider: Caller,
    redemption_id: int,
    at: datetime,
    reason: ClaimRefusal = ClaimRefusal.NOTHING_DUE,
    key: UUID | None = None,
) -> Any:
    return await counter.act(provider, refuse_claim, at, redemption_id=redemption_id, reason=reason, key=key or uuid4())


async def sign(counter: Counter, citizen: Caller, product_id: int, digest: str, at: datetime) -> Any:
    signature = Signature(product_id=product_id, digest=digest)
    return await counter.act(
        citizen, sign_promise, at, catalogue=await counter.catalogue(at), signature=signature, key=uuid4()
    )


async def queue(counter: Counter, provider: Caller, at: datetime, first: int = 50) -> list[tuple[int, str, date]]:
    """What a provider reads: sale, account number, day to answer by. The look is kept, as the server keeps it."""
    catalogue = await counter.catalogue(at)
    fragment = desk_claims_fragment("q", sale=SALE, first=first, after=None, midnight=catalogue.midnight)
    async with counter.database.transaction(provider) as unit:
        subject = Subject(
            citizen=None,
            person=provider.person_id,
            volunteer=None,
            programme=unit.actor.programme_id,
            rule_set=None,
            today=catalogue.today,
            now=at,
        )
        statement, values = compose([fragment], subject)
        rows = (await unit.session.execute(statement, values)).scalar_one()
    vault = counter.database.vault
    return [
        (
            row["sale"]["id"],
            vault.open(bytes.fromhex(row["key"]), SEALED_AS, bytes.fromhex(row["number"])),
            date.fromisoformat(row["answer_by"]),
        )
        for row in rows
    ]


async def turn(counter: Counter, at: datetime) -> None:
    """The jobs of the day."""
    async with counter.worker.transaction(ANONYMOUS) as unit:
        await turn_sales(unit.session, at, programme_id=counter.programme_id, today=day_of(at))


async def cut(counter: Counter, at: datetime, month: date, organisation: str) -> int:
    rows = await counter.rows(
        "SELECT id FROM organisation WHERE programme_id = :programme AND code = :code",
        programme=counter.programme_id,
        code=organisation,
    )
    async with counter.worker.transaction(ANONYMOUS) as unit:
        return await cut_settled(
            unit.session, at, programme_id=counter.programme_id, month=month, organisation_id=int(rows[0][0])
        )


async def told(counter: Counter, citizen: Caller) -> list[str]:
    """The kinds of notices that a person has got."""
    rows = await counter.rows("SELECT kind FROM notice WHERE person_id = :person ORDER BY id", person=citizen.person_id)
    return [row[0] for row in rows]


async def everything_of(counter: Counter, skip: set[str]) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, as somebody with a copy of the whole database reads it."""
    names = await counter.rows(
        "SELECT c.relname FROM pg_class AS c WHERE c.relnamespace = 'public'::regnamespace"
        " AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND has_table_privilege(c.oid, 'SELECT')"
    )
    found: dict[str, list[dict[str, Any]]] = {}
    async with counter.worker.reading(ANONYMOUS) as unit:
        for (name,) in names:
            if name not in skip:
                rows = await unit.session.execute(text(f"SELECT to_jsonb(t) FROM {name} AS t"))
                found[name] = list(rows.scalars())
    return found
