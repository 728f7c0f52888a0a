"""The application on one page: routes, middleware, lifespan."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from functools import lru_cache, partial

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute

from api import certificates, exchange
from api.body_limit import BodyLimit
from api.database import Database
from api.feed import Feed
from api.graphql.endpoint import GraphQLEndpoint
from api.graphql.schema import build
from api.graphql.socket import SocketEndpoint
from api.issuer import Issuer, IssuerSettings, demo_issuer
from api.machines import Machines, body_limit
from api.metrics import Metrics, MetricsEndpoint
from api.provider import PATH as PROVIDER_PATH
from api.provider import DemoProvider, ProviderAccount
from api.request_ids import RequestIds
from api.settings import Settings
from api.signin import CALLBACK_PATH, SignIn, SignInSettings
from api.statements import Statements
from api.tokens import Keyring
from domain.vault import Vault
from seeds.demo import people_of, programme_codes

_READY_LIMIT_S = 2.0


def create_app(settings: Settings) -> Starlette:
    """The server for these settings; it connects to the database when it is first asked something."""
    vault = Vault(settings.vault_key)
    database = Database(settings.database_url, vault)
    keyring = Keyring(
        issuer=settings.public_url,
        signing_key=settings.token_signing_key,
        previous_public_keys=settings.token_previous_keys,
    )
    feed, metrics = Feed(settings.database_url), Metrics()
    graphql = GraphQLEndpoint(build(), database, keyring, feed, metrics)
    sockets = SocketEndpoint(graphql.operations)
    app = Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metrics", MetricsEndpoint(metrics, database, feed).answer, methods=["GET"]),
            Route("/graphql", graphql),
            WebSocketRoute("/graphql", sockets),
            *sign_in_routes(settings, database, keyring),
            *certificates.routes(database, settings.public_url),
            *exchange.routes(database, keyring),
            *Machines(database, keyring, public_url=settings.public_url).routes(),
            *Statements(database, keyring).routes(),
        ],
        middleware=[
            Middleware(RequestIds),
            Middleware(BodyLimit, limit=partial(body_limit, keyring)),
        ],
        lifespan=_lifespan,
    )
    app.state.settings = settings
    app.state.database = database
    app.state.feed = feed
    app.state.sockets = sockets
    return app


def sign_in_routes(settings: Settings, database: Database, keyring: Keyring) -> list[BaseRoute]:
    """Signing in at the configured issuer, or at the demo's own provider, which is then reachable as well."""
    redirect_uri = settings.public_url + CALLBACK_PATH
    routes: list[BaseRoute] = []
    if settings.oidc_issuer is None:
        provider = DemoProvider(public_url=settings.public_url, redirect_uri=redirect_uri, accounts=provider_accounts)
        provider_app = provider.app()
        routes.append(Mount(PROVIDER_PATH, provider_app))
        issuer = demo_issuer(provider, provider_app, redirect_uri=redirect_uri)
    else:
        issuer = Issuer(
            IssuerSettings(
                url=settings.oidc_issuer,
                client_id=settings.oidc_client_id or "",
                client_secret=settings.oidc_client_secret,
                redirect_uri=redirect_uri,
                identity_claim=settings.oidc_identity_claim,
            )
        )
    sign_in = SignIn(
        SignInSettings(
            public_url=settings.public_url,
            redirect_uris=settings.sign_in_redirect_uris,
            cookie_key=database.vault.digest("signin_cookie").hex(),
        ),
        database=database,
        keyring=keyring,
        issuer=issuer,
    )
    return [*routes, *sign_in.routes()]


def provider_accounts() -> tuple[ProviderAccount, ...]:
    """The invented people of the demo, as its provider knows them today."""
    return _accounts_on(datetime.now(UTC).date())


@lru_cache(maxsize=1)
def _accounts_on(today: date) -> tuple[ProviderAccount, ...]:
    return tuple(
        ProviderAccount(
            subject=person.settler.subject,
            name=person.settler.name,
            birthdate=person.settler.birth_date,
            identity_ref=person.settler.identity_ref,
            label=f"{code} · {person.role} {person.index} · {person.settler.name}: {person.label}",
        )
        for code in programme_codes()
        for person in people_of(code, today)
    )


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    """What lives as long as the server."""
    listening = asyncio.create_task(app.state.feed.listen(), name="feed")
    yield
    await leave(app)
    await listening
    await app.state.database.dispose()


async def leave(app: Starlette) -> None:
    """Completes every subscription and closes every socket: nobody waits for a server that is going away."""
    app.state.feed.close()
    await app.state.sockets.close()


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
