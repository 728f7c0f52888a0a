"""A seeded city behind the real application, and callers of every role at the other end of the wire."""

import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx
from sqlalchemy import event
from starlette.applications import Starlette
from starlette.routing import Route

from api.database import Database, WorkerDatabase
from api.graphql.endpoint import GraphQLEndpoint
from api.graphql.schema import build
from api.tokens import Keyring, generate_signing_key, mint_access_token
from domain.actor import ANONYMOUS, Caller, Role
from domain.people.settlement import caller_of
from seeds.demo import seed_programme
from seeds.people import ISSUER, subject_of

CODE = "rongcheng"
ADDRESS = "http://benefits.test"
PEM = generate_signing_key()


class City:
    """One server over the test database, with the invented people of one programme."""

    def __init__(self, database: Database, worker: WorkerDatabase, code: str = CODE) -> None:
        self.code = code
        self.database = database
        self.worker = worker
        self.keyring = Keyring(issuer=ADDRESS, signing_key=PEM)
        endpoint = GraphQLEndpoint(build(), database, self.keyring)
        self.app = Starlette(routes=[Route("/graphql", endpoint)])

    async def seeded(self) -> "City":
        """The city with its programme and people, loaded once."""
        async with self.worker.transaction(ANONYMOUS) as unit:
            await seed_programme(unit.session, unit.now, code=self.code)
        return self

    async def caller(self, role: Role, index: int = 1) -> Caller:
        """One of the invented people, as a token would name them."""
        async with self.worker.reading(ANONYMOUS) as unit:
            subject = subject_of(self.code, role.value, index)
            caller = await caller_of(unit.session, issuer=ISSUER, subject=subject, role=role, programme=self.code)
        assert caller is not None, (role, index)
        return caller

    def token(self, caller: Caller) -> str:
        return mint_access_token(self.keyring, caller, now=time.time())

    @asynccontextmanager
    async def client(self, caller: Caller | None = None, **headers: str) -> AsyncIterator["Client"]:
        """An HTTP client that acts as this caller, or as nobody."""
        if caller is not None:
            headers["authorization"] = f"Bearer {self.token(caller)}"
        headers = {"accept": "application/graphql-response+json", "accept-language": "en", **headers}
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url=ADDRESS, headers=headers) as http:
            yield Client(http)


class Client:
    """Speaks GraphQL over HTTP."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def answer(self, query: str, **variables: Any) -> dict[str, Any]:
        """The whole response."""
        response = await self.http.post("/graphql", json={"query": query, "variables": variables})
        return dict(response.json())

    async def ask(self, query: str, **variables: Any) -> Any:
        """The value of the only root field; an error fails the test."""
        answer = await self.answer(query, **variables)
        assert "errors" not in answer, answer["errors"]
        (value,) = answer["data"].values()
        return value


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """The statements that run meanwhile; beginning, ending and taking on an identity are not counted."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "FROM assume(" not in statement:
            seen.append(statement)

    engine = database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


def error_of(answer: Mapping[str, Any]) -> tuple[list[Any], str]:
    """Path and code of the only error of an answer."""
    (error,) = answer["errors"]
    return error.get("path", []), error["extensions"]["code"]
