"""The application's frame: it answers for itself and for its database, and takes no large bodies."""

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from api.app import create_app
from api.body_limit import MAX_BODY_BYTES, BodyLimit
from api.embedded import Urls
from api.settings import Settings
from api.tokens import generate_signing_key


def settings_for(urls: Urls) -> Settings:
    return Settings(
        demo=True,
        database_url=urls.app,
        database_worker_url=urls.worker,
        database_owner_url=urls.owner,
        vault_key=bytes(range(32)),
        token_signing_key=generate_signing_key(),
        public_url="http://127.0.0.1:8000",
    )


async def asked(settings: Settings, path: str) -> httpx.Response:
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
            return await client.get(path)


async def test_a_server_with_its_database_is_alive_and_ready(urls: Urls) -> None:
    alive = await asked(settings_for(urls), "/healthz")
    ready = await asked(settings_for(urls), "/readyz")
    assert (alive.status_code, alive.json()) == (200, {"status": "ok"})
    assert (ready.status_code, ready.json()) == (200, {"status": "ready"})


async def test_a_server_without_its_database_is_alive_but_not_ready() -> None:
    nowhere = "postgresql+asyncpg://app@127.0.0.1:1/benefits"
    settings = settings_for(Urls(app=nowhere, worker=nowhere, owner=nowhere))
    alive = await asked(settings, "/healthz")
    ready = await asked(settings, "/readyz")
    assert alive.status_code == 200
    assert (ready.status_code, ready.json()) == (503, {"status": "database"})
    assert ready.headers["retry-after"] == "1"


async def measure(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that answers with the length of what it was sent."""
    body = await Request(scope, receive).body()
    await JSONResponse(len(body))(scope, receive, send)


async def pieces(count: int) -> AsyncIterator[bytes]:
    """A body that does not say its length."""
    for _ in range(count):
        yield bytes(1000)


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (bytes(MAX_BODY_BYTES), 200),
        (bytes(MAX_BODY_BYTES + 1), 413),
        (pieces(MAX_BODY_BYTES // 1000), 200),
        (pieces(MAX_BODY_BYTES // 1000 + 1), 413),
    ],
    ids=["declared", "declared too large", "counted", "counted too large"],
)
async def test_a_body_is_taken_up_to_the_limit(content: bytes | AsyncIterator[bytes], status: int) -> None:
    transport = httpx.ASGITransport(BodyLimit(measure))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
        answer = await client.post("/", content=content)
    assert answer.status_code == status
    if status == 200:
        assert answer.json() == MAX_BODY_BYTES
    else:
        assert answer.json()["errors"][0]["extensions"] == {"code": "BODY_TOO_LARGE"}


async def test_a_length_of_thousands_of_digits_is_only_too_large() -> None:
    transport = httpx.ASGITransport(BodyLimit(measure))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
        answer = await client.post("/", content=b"", headers={"content-length": "9" * 5000})
    assert answer.status_code == 413
