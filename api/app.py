"""The application on one page: routes, middleware, lifespan."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from api.body_limit import BodyLimit
from api.database import Database
from api.settings import Settings
from domain.vault import Vault

_READY_LIMIT_S = 2.0


def create_app(settings: Settings) -> Starlette:
    """The server for these settings; it connects to the database when it is first asked something."""
    app = Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/readyz", readyz),
        ],
        middleware=[
            Middleware(BodyLimit),
        ],
        lifespan=_lifespan,
    )
    app.state.settings = settings
    app.state.database = Database(settings.database_url, Vault(settings.vault_key))
    return app


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    """What ends with the server."""
    yield
    await app.state.database.dispose()


async def healthz(_: Request) -> Response:
    """The process answers."""
    return JSONResponse({"status": "ok"})


async def readyz(request: Request) -> Response:
    """The database answers as well."""
    try:
        async with asyncio.timeout(_READY_LIMIT_S), request.app.state.database.engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
    except (SQLAlchemyError, OSError, TimeoutError):
        return JSONResponse({"status": "database"}, status_code=503, headers={"retry-after": "1"})
    return JSONResponse({"status": "ready"})
