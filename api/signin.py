"""Signing in: to the OpenID issuer and back, then our own tokens for the app, refreshed until they end.

What the browser carries between the two is signed, lives ten minutes and holds no token. The app gets a one-time
code that fits only with its own PKCE verifier; no token ever stands in an address. All times here are real time.
"""

import hmac
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import parse_qsl, urlencode
from uuid import UUID, uuid4

import structlog
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from api.database import Database
from api.issuer import Fault, Issuer, SignInRefused
from api.tokens import (
    CHALLENGE,
    EXCHANGE_LIFETIME_S,
    LIFETIME_S,
    REFRESH_LIFETIME_S,
    Keyring,
    OpaqueToken,
    mint_access_token,
    new_opaque_token,
    parse_opaque_token,
    s256_challenge,
)
from domain.actor import ANONYMOUS, PERSON_ROLES, STAFF_ROLES, Caller, Role
from domain.errors import DomainError, NotAllowed
from domain.people import actions
from domain.people.actions import Wish
from domain.people.queries import Rotation, Ticket

CALLBACK_PATH: Final = "/signin/callback"

_COOKIE: Final = "signin"
_COOKIE_LIFETIME_S: Final = 600
_MAX_FORM_BYTES: Final = 8192
_MAX_FIELD_CHARS: Final = 2000
_MAX_KEPT_CHARS: Final = 500  # A browser drops a cookie of more than 4 kB.
_FORM: Final = "application/x-www-form-urlencoded"
_NO_STORE: Final = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
_PUBLIC: Final = {"Cache-Control": "public, max-age=300"}
_STATUS: Final = {"access_denied": 403, "temporarily_unavailable": 503}
_PROGRAMME: Final = re.compile(r"[a-z0-9_-]{1,64}", re.ASCII)
_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}", re.ASCII)
_ROLES: Final = PERSON_ROLES | STAFF_ROLES

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInSettings:
    """Our own address, where apps may be sent back to (exactly), and the key that signs the browser's cookie."""

    public_url: str
    redirect_uris: frozenset[str]
    cookie_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pending:
    """A sign-in on its way, as the browser keeps it for us."""

    state: str
    nonce: str
    verifier: str
    programme: str
    role: str
    code_challenge: str
    redirect_uri: str | None
    app_state: str | None
    pairing_code: str | None
    invitation_code: str | None


class SignIn:
    """The routes of signing in, on top of one database, one keyring and one issuer."""

    def __init__(
        self,
        settings: SignInSettings,
        *,
        database: Database,
        keyring: Keyring,
        issuer: Issuer,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._database = database
        self._keyring = keyring
        self._issuer = issuer
        self._clock = clock

    def routes(self) -> list[Route]:
        """Everything under /signin, and the keys that verify our access tokens."""
        cookie = Middleware(
            SessionMiddleware,
            secret_key=self._settings.cookie_key,
            session_cookie=_COOKIE,
            max_age=_COOKIE_LIFETIME_S,
            path="/signin",
            same_site="lax",
            https_only=self._settings.public_url.startswith("https:"),
        )
        return [
            Route("/signin", self.begin, methods=["GET"], middleware=[cookie]),
            Route(CALLBACK_PATH, self.callback, methods=["GET"], middleware=[cookie]),
            Route("/signin/token", self.token, methods=["POST"]),
            Route("/signin/logout", self.logout, methods=["POST"]),
            Route("/.well-known/jwks.json", self.jwks, methods=["GET"]),
        ]

    async def begin(self, request: Request) -> Response:
        """Sends the browser to the issuer, with a state, a nonce and a PKCE challenge of our own."""
        try:
            pending = _pending(_single(request.query_params.multi_items()), self._settings.redirect_uris)
            address = await self._issuer.authorization_url(
                state=pending.state, nonce=pending.nonce, verifier=pending.verifier
            )
        except SignInRefused as refused:
            return _refusal(refused.fault)
        request.session["pending"] = asdict(pending)
        return RedirectResponse(address, 303, headers=_NO_STORE)

    async def callback(self, request: Request) -> Response:
        """Takes the issuer's answer and sends the app its one-time code."""
        fields = request.query_params
        kept = request.session.get("pending")
        state = fields.get("state", "").encode()
        if kept is None or not hmac.compare_digest(state, kept["state"].encode()):
            return _refusal(Fault.STATE_MISMATCH)
        request.session.clear()
        pending = _Pending(**kept)
        try:
            code = await self._open_session(pending, fields)
        except SignInRefused as refused:
            log.info("sign_in_refused", fault=refused.fault.name)
            return _back_to_app(pending, _error(refused.fault))
        except DomainError as refused:
            log.info("sign_in_refused", fault=refused.code)
            return _back_to_app(pending, {"error": "access_denied", "error_description": refused.message.en})
        return _back_to_app(pending, {"code": code.spell()})

    async def token(self, request: Request) -> Response:
        """Exchanges a one-time code, or a refresh token, for fresh tokens: each of them works once."""
        try:
            now = self._clock()
            rotation, fresh = _rotation(await _form(request), _instant(now))
            caller = await _rotated(self._database, rotation, _instant(now))
        except SignInRefused as refused:
            return _refusal(refused.fault)
        answer = {
            "access_token": mint_access_token(self._keyring, caller, now=now, session_id=rotation.session_id),
            "token_type": "Bearer",
            "expires_in": LIFETIME_S,
            "refresh_token": fresh.spell(),
            "role": caller.role.value,
            "programme": caller.programme,
        }
        return JSONResponse(answer, headers=_NO_STORE)

    async def logout(self, request: Request) -> Response:
        """Ends the session of a refresh token. A token that is not ours gets the same answer (RFC 7009)."""
        try:
            presented = parse_opaque_token((await _form(request)).get("refresh_token", ""))
        except SignInRefused as refused:
            return _refusal(refused.fault)
        if presented is not None:
            await _end(self._database, presented.session_id, _instant(self._clock()), "SIGNED_OUT")
        return JSONResponse({}, headers=_NO_STORE)

    async def jwks(self, _request: Request) -> Response:
        """The public keys of our access tokens."""
        return JSONResponse(self._keyring.jwks(), headers=_PUBLIC)

    async def _open_session(self, pending: _Pending, fields: Mapping[str, str]) -> OpaqueToken:
        """The one-time code of a new session for whoever the issuer names."""
        if fields.get("iss", self._issuer.settings.url) != self._issuer.settings.url:
            raise SignInRefused(Fault.OTHER_ISSUER)
        if not 0 < len(fields.get("code", "")) <= _MAX_FIELD_CHARS:
            raise SignInRefused(Fault.DENIED)
        identity = await self._issuer.identify(code=fields["code"], verifier=pending.verifier, nonce=pending.nonce)
        wish = Wish(
            role=Role(pending.role),
            programme=pending.programme,
            pairing_code=pending.pairing_code,
            invitation_code=pending.invitation_code,
        )
        code = new_opaque_token(uuid4())
        now = _instant(self._clock())
        ticket = Ticket(
            session_id=code.session_id,
            secret_hash=code.exchange_digest(pending.code_challenge),
            at=now,
            expires_at=now + timedelta(seconds=EXCHANGE_LIFETIME_S),
        )
        async with self._database.transaction(Caller(role=Role.ANONYMOUS, programme=wish.programme)) as unit:
            await actions.sign_in(unit.session, unit.actor, unit.now, identity=identity, wish=wish, ticket=ticket)
        return code


def _pending(fields: Mapping[str, str], redirect_uris: frozenset[str]) -> _Pending:
    """A sign-in as the app asks for it. Raises SignInRefused."""
    if any(len(value) > _MAX_KEPT_CHARS for value in fields.values()):
        raise SignInRefused(Fault.BAD_REQUEST)
    redirect_uri = fields.get("redirect_uri")
    if redirect_uri is not None and redirect_uri not in redirect_uris:
        raise SignInRefused(Fault.BAD_REDIRECT)
    if fields.get("code_challenge_method") != "S256" or not CHALLENGE.fullmatch(fields.get("code_challenge", "")):
        raise SignInRefused(Fault.NO_PKCE)
    if fields.get("role") not in _ROLES:
        raise SignInRefused(Fault.UNKNOWN_ROLE)
    if not _PROGRAMME.fullmatch(fields.get("programme", "")):
        raise SignInRefused(Fault.BAD_REQUEST)
    return _Pending(
        state=secrets.token_urlsafe(32),
        nonce=secrets.token_urlsafe(32),
        verifier=secrets.token_urlsafe(48),
        programme=fields["programme"],
        role=fields["role"],
        code_challenge=fields["code_challenge"],
        redirect_uri=redirect_uri,
        app_state=fields.get("state"),
        pairing_code=fields.get("pairing_code"),
        invitation_code=fields.get("invitation_code"),
    )


def _rotation(form: Mapping[str, str], now: datetime) -> tuple[Rotation, OpaqueToken]:
    """Which stored digest the presented secret must have, and the token that comes next. Raises SignInRefused."""
    grant_type = form.get("grant_type")
    if grant_type not in {"authorization_code", "refresh_token"}:
        raise SignInRefused(Fault.UNKNOWN_GRANT)
    is_code = grant_type == "authorization_code"
    presented = parse_opaque_token(form.get("code" if is_code else "refresh_token", ""))
    verifier = form.get("code_verifier", "")
    if presented is None or (is_code and not _VERIFIER.fullmatch(verifier)):
        raise SignInRefused(Fault.BAD_GRANT)
    fresh = new_opaque_token(presented.session_id)
    rotation = Rotation(
        session_id=presented.session_id,
        secret_hash=presented.exchange_digest(s256_challenge(verifier)) if is_code else presented.refresh_digest(),
        new_hash=fresh.refresh_digest(),
        expires_at=now + timedelta(seconds=REFRESH_LIFETIME_S) if is_code else None,
    )
    return rotation, fresh


async def _rotated(database: Database, rotation: Rotation, now: datetime) -> Caller:
    """Whose session it is, once its secret has been exchanged and its role is still held. Raises SignInRefused."""
    async with database.transaction(ANONYMOUS) as unit:
        caller = await actions.refresh_session(unit.session, unit.actor, now, rotation=rotation)
    if caller is None:
        log.info("refresh_refused", session_id=str(rotation.session_id))
        raise SignInRefused(Fault.BAD_GRANT)
    try:
        async with database.reading(caller):
            return caller
    except NotAllowed as refused:
        await _end(database, rotation.session_id, now, "ROLE_LOST")
        raise SignInRefused(Fault.BAD_GRANT) from refused


async def _end(database: Database, session_id: UUID, now: datetime, reason: str) -> None:
    async with database.transaction(ANONYMOUS) as unit:
        await actions.end_session(unit.session, unit.actor, now, session_id=session_id, reason=reason)


def _instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


async def _form(request: Request) -> dict[str, str]:
    """The fields of a small URL-encoded form, each given once. Raises SignInRefused."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise SignInRefused(Fault.BAD_REQUEST)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_FORM_BYTES:
            raise SignInRefused(Fault.BAD_REQUEST)
    try:
        return _single(parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=20))
    except ValueError as error:
        raise SignInRefused(Fault.BAD_REQUEST) from error


def _single(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Each parameter once and of a sane length (RFC 6749, 3.1). Raises SignInRefused."""
    fields = dict(pairs)
    if len(fields) != len(pairs) or any(len(value) > _MAX_FIELD_CHARS for value in fields.values()):
        raise SignInRefused(Fault.BAD_REQUEST)
    return fields


def _back_to_app(pending: _Pending, answer: Mapping[str, str]) -> Response:
    """The answer at the app's own address; without one, as a page of JSON for whoever reads the browser."""
    if pending.app_state is not None:
        answer = {**answer, "state": pending.app_state}
    if pending.redirect_uri is None:
        status = _STATUS.get(answer["error"], 400) if "error" in answer else 200
        return JSONResponse(answer, status, _NO_STORE)
    joint = "&" if "?" in pending.redirect_uri else "?"
    return RedirectResponse(f"{pending.redirect_uri}{joint}{urlencode(answer)}", 303, headers=_NO_STORE)


def _refusal(fault: Fault) -> Response:
    return JSONResponse(_error(fault), _STATUS.get(fault.error, 400), _NO_STORE)


def _error(fault: Fault) -> dict[str, str]:
    return {"error": fault.error, "error_description": fault.description}
