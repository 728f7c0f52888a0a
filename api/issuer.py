"""The client of the OpenID issuer where people prove who they are: the demo provider, or any issuer by settings.

Authlib speaks the protocol. An identity token is believed only after PyJWT has verified it with a key that the
issuer publishes, and those keys are fetched at most once a minute, whatever is sent to us.
"""

import asyncio
import hmac
import time
import unicodedata
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2
import jwt
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from starlette.applications import Starlette

from api.provider import IDENTITY_CLAIM, NAME, PATH, DemoProvider
from domain.people.actions import Identity

ALGORITHMS: Final = ("ES256", "RS256")
LEEWAY_S: Final = 30
KEYS_FETCH_PAUSE_S: Final = 60
METADATA_LIFETIME_S: Final = 3600
TIMEOUT_S: Final = 5.0
MAX_CLAIM_CHARS: Final = 255

_ENDPOINTS: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_AT_HOME: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class Fault(Enum):
    """Why a sign-in ends without a session: OAuth's word for it, and a sentence that says what to do."""

    BAD_REQUEST = "invalid_request", "A parameter is missing, repeated or malformed. Correct the request."
    BAD_REDIRECT = "invalid_request", "This redirect_uri is not registered. Ask the programme office to register it."
    NO_PKCE = "invalid_request", "A code_challenge with code_challenge_method S256 is required."
    UNKNOWN_ROLE = "invalid_request", "There is no such role. Name one that a person can hold."
    STATE_MISMATCH = "invalid_request", "This sign-in was not begun in this browser, or took too long. Begin again."
    OTHER_ISSUER = "invalid_request", "The answer comes from another issuer than the one asked. Begin again."
    DENIED = "access_denied", "The sign-in was cancelled or refused at the identity provider. Begin again."
    CODE_REFUSED = "access_denied", "The identity provider did not accept its code: used or expired. Begin again."
    NONCE_MISMATCH = "access_denied", "The identity token belongs to another sign-in. Begin again."
    BAD_IDENTITY = "access_denied", "The identity token could not be verified. Begin again."
    ISSUER_UNREACHABLE = "temporarily_unavailable", "The identity provider does not answer. Try again in a minute."
    BAD_GRANT = "invalid_grant", "This code or token is unknown, used, expired or not yours. Sign in again."
    UNKNOWN_GRANT = "unsupported_grant_type", "Use authorization_code or refresh_token."

    @property
    def error(self) -> str:
        """The error code of OAuth 2.0."""
        return self.value[0]

    @property
    def description(self) -> str:
        """What happened and what to do next."""
        return self.value[1]


class SignInRefused(Exception):
    """A sign-in that ends here."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.description)
        self.fault = fault


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerSettings:
    """Where the issuer is, what our tables call it (its address, if nothing else), and what we are to it."""

    url: str
    name: str | None = None
    client_id: str
    client_secret: str | None = None
    redirect_uri: str
    identity_claim: str = "sub"
    scope: str = "openid profile"


class PublishedKeys:
    """The keys with which an issuer signs, asked for at most once a minute; the old ones outlive a failure."""

    def __init__(self, fetch: Callable[[], Awaitable[dict[str, Any]]], clock: Callable[[], float]) -> None:
        self._fetch = fetch
        self._clock = clock
        self._keys: list[jwt.PyJWK] = []
        self._asked_at = float("-inf")
        self._lock = asyncio.Lock()

    async def find(self, header: Mapping[str, Any]) -> jwt.PyJWK:
        """The published key that a token names; nothing but its name is taken from the token."""
        if header.get("alg") not in ALGORITHMS:
            raise SignInRefused(Fault.BAD_IDENTITY)
        key = self._known(header)
        if key is None:
            await self._ask()
            key = self._known(header)
        if key is None:
            raise SignInRefused(Fault.BAD_IDENTITY if self._keys else Fault.ISSUER_UNREACHABLE)
        return key

    def _known(self, header: Mapping[str, Any]) -> jwt.PyJWK | None:
        """By its id; without one, only if there is no choice."""
        fitting = [key for key in self._keys if key.algorithm_name == header["alg"]]
        if "kid" in header:
            fitting = [key for key in fitting if key.key_id == header["kid"]]
        return fitting[0] if len(fitting) == 1 else None

    async def _ask(self) -> None:
        async with self._lock:
            if self._clock() < self._asked_at + KEYS_FETCH_PAUSE_S:
                return
            self._asked_at = self._clock()
            self._keys = _usable_keys(await self._fetch()) or self._keys


class Issuer:
    """One OpenID issuer, with what it publishes kept for a while.

    `transport` reaches an issuer inside this process; without it the issuer is reached over HTTPS.
    """

    def __init__(
        self,
        settings: IssuerSettings,
        *,
        transport: httpx2.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if transport is None and not _is_safe(settings.url):
            raise ValueError("an issuer is reached over https")
        self.settings = settings
        self._transport = transport
        self._clock = clock
        self._metadata: dict[str, Any] = {}
        self._metadata_until = float("-inf")
        self._keys = PublishedKeys(self._fetched_keys, clock)

    async def authorization_url(self, *, state: str, nonce: str, verifier: str) -> str:
        """Where the browser goes to prove who somebody is."""
        metadata = await self._described()
        async with self._client() as client:
            url, _ = client.create_authorization_url(
                metadata["authorization_endpoint"], state=state, nonce=nonce, code_verifier=verifier
            )
        return str(url)

    async def identify(self, *, code: str, verifier: str, nonce: str) -> Identity:
        """Whom the issuer's code stands for. Raises SignInRefused."""
        metadata = await self._described()
        async with self._client() as client:
            with _translated(Fault.CODE_REFUSED):
                answer = await client.fetch_token(
                    metadata["token_endpoint"], grant_type="authorization_code", code=code, code_verifier=verifier
                )
            claims = await self._verified(answer.get("id_token"), nonce)
            if not {"name", "birthdate", self.settings.identity_claim} <= claims.keys():
                claims = {**await _more_claims(client, metadata.get("userinfo_endpoint"), claims["sub"]), **claims}
        return Identity(
            issuer=self.settings.name or self.settings.url,
            subject=claims["sub"],
            name=_text(claims.get("name")),
            birth_date=_day(claims.get("birthdate")),
            identity_ref=_text(claims.get(self.settings.identity_claim)),
        )

    def _client(self) -> AsyncOAuth2Client:
        settings = self.settings
        return AsyncOAuth2Client(
            client_id=settings.client_id,
            client_secret=settings.client_secret,
            scope=settings.scope,
            redirect_uri=settings.redirect_uri,
            code_challenge_method="S256",
            timeout=TIMEOUT_S,
            transport=self._transport,
            trust_env=self._transport is None,
        )

    async def _described(self) -> dict[str, Any]:
        """The issuer's own description of itself, an hour old at most."""
        if self._clock() < self._metadata_until:
            return self._metadata
        metadata = await self._fetched(self.settings.url.rstrip("/") + "/.well-known/openid-configuration")
        if not _is_sound(metadata, self.settings.url):
            raise SignInRefused(Fault.ISSUER_UNREACHABLE)
        self._metadata, self._metadata_until = metadata, self._clock() + METADATA_LIFETIME_S
        return metadata

    async def _fetched(self, url: str) -> dict[str, Any]:
        async with self._client() as client:
            with _translated(Fault.ISSUER_UNREACHABLE):
                response = await client.request("GET", url, withhold_token=True)
                document = response.raise_for_status().json()
        return document if isinstance(document, dict) else {}

    async def _fetched_keys(self) -> dict[str, Any]:
        return await self._fetched((await self._described())["jwks_uri"])

    async def _verified(self, token: object, nonce: str) -> dict[str, Any]:
        """The claims of an identity token that is genuine, current, ours, and of this very sign-in."""
        try:
            key = await self._keys.find(jwt.get_unverified_header(str(token)))
            claims: dict[str, Any] = jwt.decode(
                str(token),
                key,
                algorithms=[key.algorithm_name],
                issuer=self.settings.url,
                audience=self.settings.client_id,
                leeway=LEEWAY_S,
                options={"require": ["iss", "sub", "aud", "exp", "iat"], "enforce_minimum_key_length": True},
            )
        except (jwt.PyJWTError, ValueError) as error:
            raise SignInRefused(Fault.BAD_IDENTITY) from error
        shared = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if claims.get("azp", None if shared else self.settings.client_id) != self.settings.client_id:
            raise SignInRefused(Fault.BAD_IDENTITY)
        if _text(claims["sub"]) is None:
            raise SignInRefused(Fault.BAD_IDENTITY)
        if not hmac.compare_digest(str(claims.get("nonce")).encode(errors="replace"), nonce.encode()):
            raise SignInRefused(Fault.NONCE_MISMATCH)
        return claims


def demo_issuer(provider: DemoProvider, app: Starlette, *, redirect_uri: str) -> Issuer:
    """The client of the demo provider: same protocol, same checks, but no network in between."""
    settings = IssuerSettings(
        url=provider.issuer,
        name=NAME,
        client_id=provider.client_id,
        redirect_uri=redirect_uri,
        identity_claim=IDENTITY_CLAIM,
    )
    return Issuer(settings, transport=httpx2.ASGITransport(app=app, root_path=PATH))


@contextmanager
def _translated(refusal: Fault) -> Iterator[None]:
    """Turns an issuer's refusal into ours, and its silence or babble into one answer."""
    try:
        yield
    except AuthlibBaseError as error:
        raise SignInRefused(refusal) from error
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
        raise SignInRefused(Fault.ISSUER_UNREACHABLE) from error


async def _more_claims(client: AsyncOAuth2Client, url: str | None, subject: str) -> dict[str, Any]:
    """What the issuer tells only when asked with the access token; it must speak of the same person."""
    if url is None:
        return {}
    with _translated(Fault.ISSUER_UNREACHABLE):
        claims = (await client.get(url)).raise_for_status().json()
    if not isinstance(claims, dict) or claims.get("sub") != subject:
        raise SignInRefused(Fault.BAD_IDENTITY)
    return claims


def _usable_keys(document: Mapping[str, Any]) -> list[jwt.PyJWK]:
    """The signature keys of a JWK Set whose algorithm we accept; all others are passed over."""
    keys = document.get("keys")
    found = [_usable_key(entry) for entry in keys] if isinstance(keys, list) else []
    return [key for key in found if key is not None]


def _usable_key(entry: object) -> jwt.PyJWK | None:
    if not isinstance(entry, dict) or entry.get("use", "sig") != "sig":
        return None
    try:
        key = jwt.PyJWK(entry)
    except jwt.PyJWTError:
        return None
    return key if key.algorithm_name in ALGORITHMS else None


def _is_sound(metadata: Mapping[str, Any], issuer: str) -> bool:
    """Whether a description is the issuer's own, and sends us only to its own address or over TLS."""
    endpoints = [metadata.get(name) for name in _ENDPOINTS]
    endpoints.append(metadata.get("userinfo_endpoint", issuer))
    return metadata.get("issuer") == issuer and all(
        isinstance(url, str) and (url.startswith(issuer) or _is_safe(url)) for url in endpoints
    )


def _is_safe(url: str) -> bool:
    """Over TLS, or to this very machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _AT_HOME)


def _text(claim: object) -> str | None:
    """A claim as a text that can be stored, or None."""
    if not isinstance(claim, str) or not 0 < len(claim) <= MAX_CLAIM_CHARS:
        return None
    return None if any(unicodedata.category(character) in {"Cc", "Cs"} for character in claim) else claim


def _day(claim: object) -> date | None:
    """A full date of birth; a year alone, or nonsense, is none."""
    try:
        return date.fromisoformat(claim) if isinstance(claim, str) else None
    except ValueError:
        return None
