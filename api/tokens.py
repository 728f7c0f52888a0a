"""Our own tokens: short ES256 access tokens, the keys that sign them, and opaque refresh tokens.

An access token is believed only if every one of its claims is exactly what `mint_access_token` writes; what a
token says about keys (`jku`, `x5u`, `x5c`, `jwk`) is never read. Times here are real time, in Unix seconds.
"""

import base64
import hashlib
import hmac
import json
import re
import secrets
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from domain.actor import PERSON_ROLES, STAFF_ROLES, Caller, Role

ALGORITHM: Final = "ES256"
TOKEN_TYPE: Final = "at+jwt"  # noqa: S105 (a media type)
AUDIENCE: Final = "benefits-api"
LIFETIME_S: Final = 15 * 60
LEEWAY_S: Final = 30
MAX_TOKEN_CHARS: Final = 4096
REFRESH_LIFETIME_S: Final = 30 * 24 * 3600
EXCHANGE_LIFETIME_S: Final = 60
CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)

_CACHE_SIZE: Final = 20_000
_SECRET_BYTES: Final = 32
_MAX_ID: Final = 2**63 - 1
_MAX_TIME: Final = 2**53
_TOKEN_ROLES: Final = PERSON_ROLES | STAFF_ROLES
_COMPACT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)
_SUBJECT: Final = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)
_CODE: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_OPAQUE: Final = re.compile(r"([0-9a-f]{32})\.([A-Za-z0-9_-]{43})", re.ASCII)
_JWS: Final = jwt.PyJWS(algorithms=[ALGORITHM])


class Fault(StrEnum):
    """Why a token is refused; each is safe to show, since it says nothing about our keys."""

    MALFORMED = "The access token is not a signed token of this service. Sign in again."
    ALGORITHM = "The access token is not signed with ES256. Sign in again."
    TYPE = "This is not an access token. Send the access token, not another one."
    KEY = "The access token is signed with a key that is not in use. Sign in again."
    SIGNATURE = "The signature of the access token is wrong. Sign in again."
    ISSUER = "The access token comes from another service. Sign in here."
    AUDIENCE = "The access token is meant for another service. Sign in here."
    LIFETIME = "The access token lives longer than this service allows. Sign in again."
    EXPIRED = "The access token has expired. Refresh it."
    NOT_YET_VALID = "The access token is not valid yet. Check the clock of the device."
    CLAIMS = "The access token lacks something or says it wrongly. Sign in again."


class TokenRefused(Exception):
    """An access token that is not believed."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.value)
        self.fault = fault
        self.reason: str = fault.value


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """What a believed token says."""

    caller: Caller
    session_id: UUID | None
    issued_at: int
    not_before: int
    expires_at: int


class Keyring:
    """The key that signs, the earlier ones that still verify, and the tokens found good a moment ago.

    Rotate by making the new key current and passing the old one's public half for as long as a token lives.
    """

    def __init__(self, *, issuer: str, signing_key: str, previous_public_keys: Sequence[str] = ()) -> None:
        self.issuer = issuer
        self._signing_key = _private_key(signing_key)
        current = self._signing_key.public_key()
        self.kid = thumbprint(current)
        publics = [current, *(_public_key(pem) for pem in previous_public_keys)]
        self._publics = {thumbprint(key): key for key in publics}
        self._verified: OrderedDict[bytes, AccessToken] = OrderedDict()

    def __repr__(self) -> str:
        return f"Keyring(issuer={self.issuer!r}, kid={self.kid!r})"

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The public keys as a JWK Set (RFC 7517), current first."""
        return {"keys": [public_jwk(key) for key in self._publics.values()]}

    def sign(self, claims: Mapping[str, object]) -> str:
        """The claims as a compact `at+jwt`."""
        headers = {"typ": TOKEN_TYPE, "kid": self.kid}
        return jwt.encode(dict(claims), self._signing_key, algorithm=ALGORITHM, headers=headers)

    def public_key(self, kid: object) -> ec.EllipticCurvePublicKey | None:
        """The public key with exactly this thumbprint."""
        return self._publics.get(kid) if isinstance(kid, str) else None

    def recall(self, digest: bytes) -> AccessToken | None:
        """The token of this digest, if its signature was found good before."""
        token = self._verified.get(digest)
        if token is not None:
            self._verified.move_to_end(digest)
        return token

    def remember(self, digest: bytes, token: AccessToken) -> None:
        """Keeps a verified token; the least recently used gives way."""
        self._verified[digest] = token
        if len(self._verified) > _CACHE_SIZE:
            self._verified.popitem(last=False)


def generate_signing_key() -> str:
    """A fresh P-256 private key as PEM, for a demo that has none yet."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def thumbprint(key: ec.EllipticCurvePublicKey) -> str:
    """The key's RFC 7638 thumbprint: its name in a token's `kid`."""
    point = _point(key)
    canonical = json.dumps({"crv": "P-256", "kty": "EC", **point}, separators=(",", ":"), sort_keys=True)
    return _b64(hashlib.sha256(canonical.encode()).digest())


def public_jwk(key: ec.EllipticCurvePublicKey) -> dict[str, str]:
    """The key as a JWK for signatures."""
    use = {"kty": "EC", "crv": "P-256", "use": "sig", "alg": ALGORITHM}
    return {**use, "kid": thumbprint(key), **_point(key)}


def mint_access_token(
    keyring: Keyring,
    caller: Caller,
    *,
    now: float,
    session_id: UUID | None = None,
    lifetime_s: int = LIFETIME_S,
) -> str:
    """A signed access token for one person in one role."""
    if caller.person_id is None or caller.role not in _TOKEN_ROLES:
        raise ValueError("a token needs a person and a role that a person can hold")
    if not 0 < lifetime_s <= LIFETIME_S:
        raise ValueError(f"a token lives 1 to {LIFETIME_S} seconds")
    issued_at = int(now)
    claims = {
        "iss": keyring.issuer,
        "aud": AUDIENCE,
        "sub": str(caller.person_id),
        "role": caller.role.value,
        "programme": caller.programme,
        "org": caller.organisation_id,
        "terminal": caller.terminal_id,
        "sid": None if session_id is None else session_id.hex,
        "iat": issued_at,
        "exp": issued_at + lifetime_s,
        "jti": secrets.token_urlsafe(16),
    }
    return keyring.sign({name: value for name, value in claims.items() if value is not None})


def verify_access_token(keyring: Keyring, token: str, now: float) -> Caller:
    """Whom the token names. Raises TokenRefused."""
    return read_access_token(keyring, token, now).caller


def read_access_token(keyring: Keyring, token: str, now: float) -> AccessToken:
    """The token with its session and times. Raises TokenRefused.

    A signature is verified once; the times are looked at every time.
    """
    if not 0 < len(token) <= MAX_TOKEN_CHARS or not _COMPACT.fullmatch(token):
        raise TokenRefused(Fault.MALFORMED)
    digest = hashlib.sha256(token.encode()).digest()
    found = keyring.recall(digest)
    if found is None:
        found = _checked_claims(keyring, _verified_payload(keyring, token))
        _check_times(found, now)
        keyring.remember(digest, found)
        return found
    _check_times(found, now)
    return found


def _verified_payload(keyring: Keyring, token: str) -> bytes:
    """The signed bytes, once header, key and signature are exactly ours."""
    try:
        header = _JWS.get_unverified_header(token)
    except jwt.InvalidTokenError as error:
        raise TokenRefused(Fault.MALFORMED) from error
    if header.get("alg") != ALGORITHM:
        raise TokenRefused(Fault.ALGORITHM)
    if header.get("typ") != TOKEN_TYPE:
        raise TokenRefused(Fault.TYPE)
    if "crit" in header or "b64" in header:
        raise TokenRefused(Fault.MALFORMED)
    key = keyring.public_key(header.get("kid"))
    if key is None:
        raise TokenRefused(Fault.KEY)
    try:
        payload: bytes = _JWS.decode(token, key, algorithms=[ALGORITHM])
    except jwt.InvalidTokenError as error:
        raise TokenRefused(Fault.SIGNATURE) from error
    return payload


def _checked_claims(keyring: Keyring, payload: bytes) -> AccessToken:
    """The claims as values, each of the form that we mint."""
    claims = _json_object(payload)
    if claims.get("iss") != keyring.issuer:
        raise TokenRefused(Fault.ISSUER)
    if claims.get("aud") != AUDIENCE:
        raise TokenRefused(Fault.AUDIENCE)
    issued_at = _integer(claims, "iat", _MAX_TIME)
    expires_at = _integer(claims, "exp", _MAX_TIME)
    if not 0 < expires_at - issued_at <= LIFETIME_S:
        raise TokenRefused(Fault.LIFETIME)
    not_before = _integer(claims, "nbf", _MAX_TIME) if "nbf" in claims else issued_at
    _text(claims, "jti", _CODE)
    return AccessToken(
        caller=_caller(claims),
        session_id=UUID(_text(claims, "sid", re.compile(r"[0-9a-f]{32}"))) if "sid" in claims else None,
        issued_at=issued_at,
        not_before=not_before,
        expires_at=expires_at,
    )


def _caller(claims: Mapping[str, object]) -> Caller:
    role = claims.get("role")
    if not isinstance(role, str) or role not in _TOKEN_ROLES:
        raise TokenRefused(Fault.CLAIMS)
    person_id = int(_text(claims, "sub", _SUBJECT))
    if person_id > _MAX_ID:
        raise TokenRefused(Fault.CLAIMS)
    return Caller(
        role=Role(role),
        person_id=person_id,
        programme=_text(claims, "programme", _CODE) if "programme" in claims else None,
        organisation_id=_integer(claims, "org", _MAX_ID) if "org" in claims else None,
        terminal_id=_integer(claims, "terminal", _MAX_ID) if "terminal" in claims else None,
    )


def _check_times(token: AccessToken, now: float) -> None:
    if now >= token.expires_at + LEEWAY_S:
        raise TokenRefused(Fault.EXPIRED)
    if now < max(token.issued_at, token.not_before) - LEEWAY_S:
        raise TokenRefused(Fault.NOT_YET_VALID)


def _json_object(payload: bytes) -> dict[str, object]:
    try:
        claims = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise TokenRefused(Fault.MALFORMED) from error
    if not isinstance(claims, dict):
        raise TokenRefused(Fault.MALFORMED)
    return claims


def _integer(claims: Mapping[str, object], name: str, most: int) -> int:
    value = claims.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= most:
        raise TokenRefused(Fault.CLAIMS)
    return value


def _text(claims: Mapping[str, object], name: str, form: re.Pattern[str]) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not form.fullmatch(value):
        raise TokenRefused(Fault.CLAIMS)
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class OpaqueToken:
    """A refresh token, or the one-time code before it: the session it belongs to, and a 256-bit secret.

    The database keeps only a digest of the secret.
    """

    session_id: UUID
    secret: str

    def __repr__(self) -> str:
        return f"OpaqueToken(session_id={self.session_id!r})"

    def spell(self) -> str:
        """The token as the phone keeps it."""
        return f"{self.session_id.hex}.{self.secret}"

    def refresh_digest(self) -> bytes:
        """What is stored of a refresh token."""
        return hashlib.sha256(self.secret.encode()).digest()

    def exchange_digest(self, code_challenge: str) -> bytes:
        """What is stored of a one-time code: it fits only together with the app's own PKCE challenge."""
        return hmac.digest(self.secret.encode(), b"exchange:" + code_challenge.encode(), hashlib.sha256)


def new_opaque_token(session_id: UUID) -> OpaqueToken:
    """A token with a fresh secret for this session."""
    return OpaqueToken(session_id=session_id, secret=secrets.token_urlsafe(_SECRET_BYTES))


def parse_opaque_token(text: str) -> OpaqueToken | None:
    """The token spelled by the phone, or None if it cannot be one of ours."""
    parts = _OPAQUE.fullmatch(text)
    return None if parts is None else OpaqueToken(session_id=UUID(parts[1]), secret=parts[2])


def s256_challenge(verifier: str) -> str:
    """The PKCE challenge of a verifier (RFC 7636, S256)."""
    return _b64(hashlib.sha256(verifier.encode()).digest())


def _private_key(pem: str) -> ec.EllipticCurvePrivateKey:
    key = load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("the signing key must be a P-256 private key in PEM")
    return key


def _public_key(pem: str) -> ec.EllipticCurvePublicKey:
    key = load_pem_public_key(pem.encode())
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("a previous key must be a P-256 public key in PEM")
    return key


def _point(key: ec.EllipticCurvePublicKey) -> dict[str, str]:
    numbers = key.public_numbers()
    return {"x": _b64(numbers.x.to_bytes(32, "big")), "y": _b64(numbers.y.to_bytes(32, "big"))}


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
