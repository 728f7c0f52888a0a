"""A city of its own behind real server processes, for tests that race for it and kill parts of it."""

import asyncio
import base64
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import httpx
from sqlalchemy import text

from api.database import Database, WorkerDatabase
from api.embedded import Urls
from api.graphql import ids
from api.tokens import Keyring, generate_signing_key, mint_access_token
from domain.actor import ANONYMOUS, Caller
from domain.programmes.actions import publish_programme
from domain.vault import Vault
from tests.actions.counter import DOCUMENT, TEN, Counter, day_of
from tests.api.processes import BENEFITS, Running, running

MASTER_KEY: Final = bytes(range(32))
PEM: Final = generate_signing_key()
PUBLIC_URL: Final = "http://127.0.0.1:1"
PATIENCE_S: Final = 90.0
SET_CLOCK: Final = text("UPDATE clock SET ahead = ahead + (CAST(:ten AS timestamptz) - CAST(:now AS timestamptz))")
REDEEM: Final = """
    mutation ($code: String!, $basis: Int, $terminal: ID!, $key: UUID!) {
        redeem(code: $code, basis: $basis, terminalId: $terminal, idempotencyKey: $key) {
            ... on ScanAnswer { allowed reason relief holderPays redemption { id receiptNumber status } }
            ... on UserError { errorCode }
        }
    }
"""


@dataclass(frozen=True, kw_only=True)
class Order:
    """One redemption that somebody is determined to get an answer to."""

    code: str
    till: Caller
    basis: int = 200
    key: UUID = field(default_factory=uuid4)


@dataclass(kw_only=True)
class Ground:
    """The databases, and what the servers over them are started with."""

    urls: Urls
    folder: Path
    vault: Vault
    counter: Counter

    @property
    def environment(self) -> dict[str, str]:
        return {
            "DATABASE_URL": self.urls.app,
            "DATABASE_WORKER_URL": self.urls.worker,
            "DATABASE_OWNER_URL": self.urls.owner,
            "VAULT_KEY": base64.b64encode(MASTER_KEY).decode(),
            "TOKEN_SIGNING_KEY": PEM,
        }

    @contextmanager
    def server(self) -> Iterator[tuple[Running, str]]:
        """One server process, ready at an address."""
        place = self.folder / f"server-{uuid4().hex[:8]}"
        command = (*BENEFITS, "serve", "--port", "0", "--data", str(self.folder))
        with running(command, place, environment=self.environment) as process:
            yield process, process.line("ready")

    @contextmanager
    def servers(self, count: int) -> Iterator[list[tuple[Running, str]]]:
        """Several server processes over one database."""
        with ExitStack() as stack:
            yield [stack.enter_context(self.server()) for _ in range(count)]

    def ledger_check(self) -> Running:
        """`benefits ledger check`, run to its end."""
        command = (*BENEFITS, "ledger", "check", "--data", str(self.folder))
        with running(command, self.folder / f"check-{uuid4().hex[:8]}", environment=self.environment) as process:
            process.process.wait(60)
            return process

    def request(self, order: Order) -> dict[str, Any]:
        """The JSON of a redemption, with the token of its cashier."""
        terminal = ids.seal(self.vault, "terminal", order.till.terminal_id or 0)
        values = {"code": order.code, "basis": order.basis, "terminal": terminal, "key": str(order.key)}
        keyring = Keyring(issuer=PUBLIC_URL, signing_key=PEM)
        token = mint_access_token(keyring, order.till, now=time.time())
        return {
            "json": {"query": REDEEM, "variables": values},
            "headers": {"authorization": f"Bearer {token}", "accept": "application/graphql-response+json"},
        }

    async def shown(self, product_id: int, count: int) -> list[str]:
        """Codes of so many new citizens, good for an hour so that nothing of the race is about the minute."""
        async with self.counter.worker.reading(ANONYMOUS) as unit:
            now = unit.now
        numbers = [await self.counter.present(await self.counter.citizen(), product_id, now) for _ in range(count)]
        await self.counter.change(
            "UPDATE presentation SET expires_at = expires_at + interval '1 hour' WHERE id = ANY (:ids)", ids=numbers
        )
        return [self.counter.code(number) for number in numbers]


async def settle(urls: Urls, folder: Path) -> Ground:
    """A programme with its shops, whose business clock stands at ten o'clock of a Monday in June."""
    vault = Vault(MASTER_KEY)
    database, worker = Database(urls.app, vault), WorkerDatabase(urls.worker, vault)
    async with worker.transaction(ANONYMOUS) as unit:
        await unit.session.execute(SET_CLOCK, {"ten": TEN, "now": unit.now})
        programme_id = await publish_programme(unit.session, document=DOCUMENT, today=day_of(TEN))
    (folder / "address").write_text(PUBLIC_URL)
    return Ground(
        urls=urls,
        folder=folder,
        vault=vault,
        counter=Counter(programme_id=programme_id, database=database, worker=worker),
    )


async def insist(http: httpx.AsyncClient, ground: Ground, addresses: Sequence[str], order: Order) -> dict[str, Any]:
    """The definite answer to one key: asked again, anywhere, until there is one."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE_S
    request = ground.request(order)
    attempt = hash(order.key)
    while loop.time() < deadline:
        address = addresses[attempt % len(addresses)]
        attempt += 1
        try:
            response = await http.post(f"{address}/graphql", **request)
            body = response.json()
        except (httpx.HTTPError, ValueError):
            body = {"errors": "no answer"}
        if "errors" not in body:
            return dict(body["data"]["redeem"])
        await asyncio.sleep(0.05)
    raise AssertionError(f"no answer in {PATIENCE_S} s: {body}")


def client(parallel: int) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=parallel, max_keepalive_connections=parallel)
    return httpx.AsyncClient(limits=limits, timeout=httpx.Timeout(20.0, pool=60.0))
