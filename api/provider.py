"""The demo OpenID provider: whoever picks a person from its list is that person. For trying out, never for a city.

It is an application of its own behind our own address, so that everything before it is what a real issuer sees.
Codes and access tokens live in this process; all times are real time.
"""

import html
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from urllib.parse import urlencode

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from api.tokens import ALGORITHM, CHALLENGE, public_jwk, s256_challenge, thumbprint

PATH: Final = "/demo-provider"
IDENTITY_CLAIM: Final = "identity_ref"
# What our tables call this issuer: its address changes with the demo's port, its people do not.
NAME: Final = "demo"
CODE_LIFETIME_S: Final = 60
TOKEN_LIFETIME_S: Final = 300
MAX_GRANTS: Final = 10_000
MAX_FIELD_CHARS: Final = 1000

_NO_STORE: Final = {"Cache-Control": "no-store"}
_PAGE_HEADERS: Final = {
    **_NO_STORE,
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
}
_KEPT_FIELDS: Final = (
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
)
_PAGE: Final = """<!doctype html>
<html lang="zh"><head><meta charset="utf-8"><title>演示登录 · Demo sign-in</title>
<meta name="viewport" content="width=device-width">
<style>body{{font:16px/1.5 sans-serif;max-width:40rem;margin:2rem auto;padding:0 1rem}}
button{{display:block;width:100%;margin:.3rem 0;padding:.6rem;text-align:left;font:inherit}}</style></head>
<body><h1>演示登录 · Demo sign-in</h1>
<p>这些人都是虚构的。请选择一位登录。<br>All of these people are invented. Choose one to sign in as.</p>
<form method="post" action="authorize">{hidden}{buttons}</form></body></html>"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderAccount:
    """One invented person, and how the list names them."""

    subject: str
    name: str
    birthdate: date | None
    identity_ref: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Grant:
    """What a code or an access token of this provider stands for."""

    account: ProviderAccount
    challenge: str
    nonce: str


class _Grants:
    """Grants behind unguessable handles, each for a short time. The oldest gives way when there are too many."""

    def __init__(self, lifetime_s: int) -> None:
        self._lifetime_s = lifetime_s
        self._kept: dict[str, tuple[float, _Grant]] = {}

    def put(self, grant: _Grant, now: float) -> str:
        """Keeps a grant and names it."""
        if len(self._kept) >= MAX_GRANTS:
            self._kept.pop(next(iter(self._kept)))
        handle = secrets.token_urlsafe(32)
        self._kept[handle] = (now + self._lifetime_s, grant)
        return handle

    def take(self, handle: str, now: float) -> _Grant | None:
        """The grant, once."""
        return _living(self._kept.pop(handle, None), now)

    def look(self, handle: str, now: float) -> _Grant | None:
        """The grant, as long as it lives."""
        return _living(self._kept.get(handle), now)


def _living(kept: tuple[float, _Grant] | None, now: float) -> _Grant | None:
    return None if kept is None or kept[0] <= now else kept[1]


class DemoProvider:
    """An OpenID provider for one public client: authorisation code with PKCE, ES256 identity tokens."""

    def __init__(
        self,
        *,
        public_url: str,
        redirect_uri: str,
        accounts: Callable[[], Sequence[ProviderAccount]],
        configured_issuer: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if configured_issuer is not None:
            raise ValueError("the demo provider lets anybody in, so it never runs beside a real issuer")
        self.issuer = public_url.rstrip("/") + PATH
        self.client_id = "benefits-demo"
        self._redirect_uri = redirect_uri
        self._accounts = accounts
        self._clock = clock
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._codes = _Grants(CODE_LIFETIME_S)
        self._tokens = _Grants(TOKEN_LIFETIME_S)

    def app(self) -> Starlette:
        """The provider's pages, to be mounted at `PATH`."""
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self.configuration),
                Route("/jwks.json", self.jwks),
                Route("/authorize", self.authorize, methods=["GET", "POST"]),
                Route("/token", self.token, methods=["POST"]),
                Route("/userinfo", self.userinfo),
            ]
        )

    async def configuration(self, _request: Request) -> Response:
        """What a client has to know (OpenID Connect Discovery)."""
        return JSONResponse(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "userinfo_endpoint": f"{self.issuer}/userinfo",
                "jwks_uri": f"{self.issuer}/jwks.json",
                "response_types_supported": ["code"],
                "response_modes_supported": ["query"],
                "grant_types_supported": ["authorization_code"],
                "subject_types_supported": ["public"],
                "scopes_supported": ["openid", "profile"],
                "id_token_signing_alg_values_supported": [ALGORITHM],
                "token_endpoint_auth_methods_supported": ["none"],
                "code_challenge_methods_supported": ["S256"],
                "claims_supported": ["sub", "name", "birthdate", IDENTITY_CLAIM],
            }
        )

    async def jwks(self, _request: Request) -> Response:
        """The key that signs identity tokens."""
        return JSONResponse({"keys": [public_jwk(self._key.public_key())]})

    async def authorize(self, request: Request) -> Response:
        """The list of people; picking one sends the browser back with a code."""
        fields = request.query_params if request.method == "GET" else await _form(request)
        if fields.get("client_id") != self.client_id or fields.get("redirect_uri") != self._redirect_uri:
            return _refusal("invalid_request", "Unknown client or address to return to.")
        mistake = _authorize_mistake(fields)
        if mistake is not None:
            return _back(fields, mistake)
        if request.method == "GET":
            return HTMLResponse(_page(fields, self._accounts()), headers=_PAGE_HEADERS)
        chosen = fields.get("subject")
        account = next((account for account in self._accounts() if account.subject == chosen), None)
        if account is None:
            return _back(fields, {"error": "access_denied", "error_description": "Nobody was chosen."})
        grant = _Grant(account=account, challenge=fields["code_challenge"], nonce=fields["nonce"])
        return _back(fields, {"code": self._codes.put(grant, self._clock())})

    async def token(self, request: Request) -> Response:
        """Exchanges a code, once and within its minute, for an identity token and an access token."""
        form = await _form(request)
        if form.get("grant_type") != "authorization_code":
            return _refusal("unsupported_grant_type", "Only authorization_code is supported.")
        now = self._clock()
        grant = self._codes.take(form.get("code", ""), now)
        if grant is None or not _fits(grant, form, self.client_id, self._redirect_uri):
            return _refusal("invalid_grant", "The code is unknown, used, expired or not yours.")
        answer = {
            "access_token": self._tokens.put(grant, now),
            "token_type": "Bearer",
            "expires_in": TOKEN_LIFETIME_S,
            "id_token": self._identity_token(grant, now),
        }
        return JSONResponse(answer, headers=_NO_STORE)

    async def userinfo(self, request: Request) -> Response:
        """The claims of whoever the access token was given for."""
        scheme, _, presented = request.headers.get("authorization", "").partition(" ")
        grant = self._tokens.look(presented, self._clock()) if scheme.lower() == "bearer" else None
        if grant is None:
            refused = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            return JSONResponse({"error": "invalid_token"}, 401, {**_NO_STORE, **refused})
        return JSONResponse(_claims(grant.account), headers=_NO_STORE)

    def _identity_token(self, grant: _Grant, now: float) -> str:
        claims = {
            **_claims(grant.account),
            "iss": self.issuer,
            "aud": self.client_id,
            "nonce": grant.nonce,
            "iat": int(now),
            "exp": int(now) + TOKEN_LIFETIME_S,
        }
        headers = {"kid": thumbprint(self._key.public_key())}
        return jwt.encode(claims, self._key, algorithm=ALGORITHM, headers=headers)


def _claims(account: ProviderAccount) -> dict[str, str]:
    claims = {"sub": account.subject, "name": account.name, IDENTITY_CLAIM: account.identity_ref}
    return claims if account.birthdate is None else {**claims, "birthdate": account.birthdate.isoformat()}


def _fits(grant: _Grant, form: Mapping[str, str], client_id: str, redirect_uri: str) -> bool:
    """Whether the code is exchanged by the client that asked for it."""
    return (
        form.get("client_id") == client_id
        and form.get("redirect_uri") == redirect_uri
        and s256_challenge(form.get("code_verifier", "")) == grant.challenge
    )


def _authorize_mistake(fields: Mapping[str, str]) -> dict[str, str] | None:
    """What is wrong with a request whose client and return address are right."""
    if fields.get("response_type") != "code":
        return {"error": "unsupported_response_type", "error_description": "Only code is supported."}
    if "openid" not in fields.get("scope", "").split():
        return {"error": "invalid_scope", "error_description": "The scope must contain openid."}
    if fields.get("code_challenge_method") != "S256" or not CHALLENGE.fullmatch(fields.get("code_challenge", "")):
        return {"error": "invalid_request", "error_description": "PKCE with S256 is required."}
    if not fields.get("state") or not fields.get("nonce"):
        return {"error": "invalid_request", "error_description": "A state and a nonce are required."}
    if any(len(fields.get(name, "")) > MAX_FIELD_CHARS for name in _KEPT_FIELDS):
        return {"error": "invalid_request", "error_description": "A parameter is too long."}
    return None


def _page(fields: Mapping[str, str], accounts: Sequence[ProviderAccount]) -> str:
    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{html.escape(fields[name])}">'
        for name in _KEPT_FIELDS
        if name in fields
    )
    buttons = "".join(
        f'<button name="subject" value="{html.escape(account.subject)}">{html.escape(account.label)}</button>'
        for account in accounts
    )
    return _PAGE.format(hidden=hidden, buttons=buttons)


def _back(fields: Mapping[str, str], answer: Mapping[str, str]) -> Response:
    """Sends the browser back to the client, with the client's own state."""
    query = urlencode({**answer, "state": fields.get("state", "")})
    return RedirectResponse(f"{fields['redirect_uri']}?{query}", 303, headers=_NO_STORE)


def _refusal(error: str, description: str) -> Response:
    return JSONResponse({"error": error, "error_description": description}, 400, _NO_STORE)


async def _form(request: Request) -> Mapping[str, str]:
    """The text fields of a form, the last of each name; uploads are no fields."""
    async with request.form(max_files=0, max_fields=20) as form:
        return {name: value for name, value in form.items() if isinstance(value, str)}
