"""A small city to sign in to: our routes, the demo provider behind them, and a browser for each person."""

import time
from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

import httpx2
from sqlalchemy import text
from starlette.applications import Starlette
from starlette.routing import Mount

from api.database import Database, WorkerDatabase
from api.issuer import Fault, demo_issuer
from api.provider import NAME, PATH, DemoProvider, ProviderAccount
from api.signin import CALLBACK_PATH, SignIn, SignInSettings
from api.tokens import Keyring, generate_signing_key, parse_opaque_token, s256_challenge
from domain.actor import ANONYMOUS, Role

PUBLIC_URL = "https://benefits.example"
APP = "example.city.app:/signed-in"
VERIFIER = "v" * 43
PEM = generate_signing_key()
PROGRAMME = "signin-city"


class Clock:
    """Real time, moved on by the test."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


class City:
    """One server with its demo provider, and a browser per person."""

    def __init__(self, database: Database, worker: WorkerDatabase) -> None:
        self.clock = Clock()
        self.worker = worker
        self.keyring = Keyring(issuer=PUBLIC_URL, signing_key=PEM)
        self.accounts: list[ProviderAccount] = []
        redirect_uri = PUBLIC_URL + CALLBACK_PATH
        provider = DemoProvider(
            public_url=PUBLIC_URL, redirect_uri=redirect_uri, accounts=lambda: self.accounts, clock=self.clock
        )
        provider_app = provider.app()
        self.signin = SignIn(
            SignInSettings(public_url=PUBLIC_URL, redirect_uris=frozenset({APP}), cookie_key="a key for tests"),
            database=database,
            keyring=self.keyring,
            issuer=demo_issuer(provider, provider_app, redirect_uri=redirect_uri),
            clock=self.clock,
        )
        self.app = Starlette(routes=[*self.signin.routes(), Mount(PATH, provider_app)])

    async def founded(self) -> "City":
        """The city with its programme."""
        await self.sql(
            "INSERT INTO programme (code, content) VALUES (:code, '{}') ON CONFLICT DO NOTHING", code=PROGRAMME
        )
        return self

    def browser(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=self.app), base_url=PUBLIC_URL)

    def invent(self, **changes: Any) -> ProviderAccount:
        """A new person at the provider."""
        subject = f"subject {uuid4()}"
        words = {"name": "李明", "birthdate": date(1990, 5, 17), "identity_ref": f"ID-{subject}", "label": "<李明>"}
        account = ProviderAccount(subject=subject, **{**words, **changes})
        self.accounts.append(account)
        return account

    async def sql(self, statement: str, **values: Any) -> Any:
        async with self.worker.transaction(ANONYMOUS) as unit:
            return await unit.session.execute(text(statement), values)

    async def employ(self, account: ProviderAccount, role: Role, *, terminal_id: int | None = None) -> int | None:
        """Gives the person a post, at a new organisation where the role needs one."""
        organisation_id = None
        if role in {Role.CASHIER, Role.MANAGER, Role.ORGANISER, Role.SOURCE}:
            organisation_id = await self.organisation()
        await self.sql(
            """INSERT INTO staff (person_id, role, programme_id, organisation_id, terminal_id, display_name)
            SELECT sign_in(:issuer, :subject, CURRENT_TIMESTAMP), :role, p.id, :organisation_id, :terminal_id, '王'
            FROM programme AS p WHERE p.code = :code""",
            issuer=NAME,
            subject=account.subject,
            role=role.value,
            code=PROGRAMME,
            organisation_id=organisation_id,
            terminal_id=terminal_id,
        )
        return organisation_id

    async def organisation(self) -> int:
        result = await self.sql(
            """INSERT INTO organisation (programme_id, code, kind, name, category)
            SELECT p.id, :shop, 'MERCHANT', '{}', '{}' FROM programme AS p WHERE p.code = :code RETURNING id""",
            shop=str(uuid4()),
            code=PROGRAMME,
        )
        return int(result.scalar_one())

    async def terminal(self, organisation_id: int, mac: bytes | None = None) -> int:
        result = await self.sql(
            "INSERT INTO terminal (organisation_id, name, pairing_mac) VALUES (:shop, 'till', :mac) RETURNING id",
            shop=organisation_id,
            mac=mac,
        )
        return int(result.scalar_one())

    async def session_of(self, token: str) -> Any:
        opaque = parse_opaque_token(token)
        assert opaque is not None
        result = await self.sql("SELECT * FROM refresh_session WHERE id = :id", id=opaque.session_id)
        return result.one()


def wish(**changes: str | None) -> dict[str, str]:
    fields = {
        "programme": PROGRAMME,
        "role": "citizen",
        "code_challenge": s256_challenge(VERIFIER),
        "code_challenge_method": "S256",
        **changes,
    }
    return {name: value for name, value in fields.items() if value is not None}


def query(address: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(address).query))


async def to_callback(
    browser: httpx2.AsyncClient, account: ProviderAccount, changes: Mapping[str, str] | None = None, **wished: str
) -> str:
    """The address with which the provider sends the browser back to us."""
    begun = await browser.get("/signin", params=wish(**wished))
    assert begun.status_code == 303, begun.text
    picked = {**query(begun.headers["location"]), **(changes or {}), "subject": account.subject}
    chosen = await browser.post(f"{PATH}/authorize", data=picked)
    assert chosen.status_code == 303, chosen.text
    return str(chosen.headers["location"])


async def arrive(city: City, account: ProviderAccount, **wished: str) -> httpx2.Response:
    async with city.browser() as browser:
        return await browser.get(await to_callback(browser, account, **wished))


async def exchange(city: City, code: str, verifier: str = VERIFIER) -> httpx2.Response:
    form = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
    async with city.browser() as app:
        return await app.post("/signin/token", data=form)


async def refresh(city: City, token: str) -> httpx2.Response:
    async with city.browser() as app:
        return await app.post("/signin/token", data={"grant_type": "refresh_token", "refresh_token": token})


async def tokens(city: City, account: ProviderAccount, **wished: str) -> dict[str, Any]:
    arrived = await arrive(city, account, **wished)
    assert arrived.status_code == 200, arrived.text
    answer = await exchange(city, arrived.json()["code"])
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def assert_refused(response: httpx2.Response, fault: Fault, status: int = 400) -> None:
    assert (response.status_code, response.json()) == (
        status,
        {"error": fault.error, "error_description": fault.description},
    )
    assert response.headers["cache-control"] == "no-store"
