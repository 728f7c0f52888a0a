"""How a department's machine proves who it is: a short signed assertion (RFC 7523, private_key_jwt), shown once.

Its key was registered beforehand; what an assertion says about keys is never read. Times here are real time.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from api.tokens import ALGORITHM, LEEWAY_S, public_jwk

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LIFETIME_S: Final = 300
MAX_ASSERTION_CHARS: Final = 4096

_COMPACT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)
_JTI: Final = re.compile(r"[\x21-\x7e]{1,128}", re.ASCII)
_CLIENT: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
_MAX_TIME: Final = 2**53
_JWS: Final = jwt.PyJWS(algorithms=[ALGORITHM])


class AssertionRefused(Exception):
    """An assertion that is not believed, with the reason in words that tell nothing about our keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """What a believed assertion says."""

    client_id: str
    jti: str
    expires_at: int


def is_client_id(text: str) -> bool:
    """Whether a machine can have this name."""
    return _CLIENT.fullmatch(text) is not None


def registered_key(text: str) -> dict[str, str]:
    """A department's public key as it is kept, from its JWK. Raises: ValueError for anything but a public P-256 key."""
    given = json.loads(text)
    if not isinstance(given, dict) or "d" in given:
        raise ValueError("the file must hold one public key, and no private one")
    try:
        key = jwt.PyJWK.from_dict(given, algorithm=ALGORITHM).key
    except jwt.PyJWTError as problem:
        raise ValueError("the key must be a JWK of type EC, curve P-256") from problem
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("the key must be a JWK of type EC, curve P-256")
    return public_jwk(key)


def claimed_client(assertion: str) -> str:
    """Whom an assertion claims to come from, before anything of it is believed. Raises: AssertionRefused."""
    if not 0 < len(assertion) <= MAX_ASSERTION_CHARS or not _COMPACT.fullmatch(assertion):
        raise AssertionRefused("The assertion is no signed token.")
    try:
        payload = _JWS.decode_complete(assertion, options={"verify_signature": False})["payload"]
        client_id = _claims(payload).get("sub")
    except jwt.InvalidTokenError as problem:
        raise AssertionRefused("The assertion is no signed token.") from problem
    if not isinstance(client_id, str) or not is_client_id(client_id):
        raise AssertionRefused("The assertion's sub is no name of a machine.")
    return client_id


def verify_assertion(
    assertion: str, *, public_key: Mapping[str, str], audiences: frozenset[str], now: float
) -> Assertion:
    """The assertion, once signature and claims are exactly right. Raises: AssertionRefused."""
    header = _JWS.get_unverified_header(assertion)
    if header.get("alg") != ALGORITHM or "crit" in header or "b64" in header:
        raise AssertionRefused("The assertion must be signed with ES256.")
    try:
        key = jwt.PyJWK.from_dict(dict(public_key), algorithm=ALGORITHM)
        payload = _JWS.decode(assertion, key, algorithms=[ALGORITHM])
    except jwt.PyJWTError as problem:
        raise AssertionRefused("The assertion is not signed with the registered key.") from problem
    return _checked(_claims(payload), audiences, now)


def _checked(claims: Mapping[str, object], audiences: frozenset[str], now: float) -> Assertion:
    client_id, jti = claims.get("sub"), claims.get("jti")
    if not isinstance(client_id, str) or claims.get("iss") != client_id:
        raise AssertionRefused("The assertion's iss and sub must both be the machine's name.")
    audience = claims.get("aud")
    if isinstance(audience, list) and len(audience) == 1:
        audience = audience[0]
    if not isinstance(audience, str) or audience not in audiences:
        raise AssertionRefused("The assertion's aud must be the address of this service.")
    if not isinstance(jti, str) or not _JTI.fullmatch(jti):
        raise AssertionRefused("The assertion needs a jti of at most 128 characters.")
    expires_at = _time(claims, "exp")
    if now >= expires_at + LEEWAY_S:
        raise AssertionRefused("The assertion has expired.")
    if expires_at > now + LIFETIME_S + LEEWAY_S:
        raise AssertionRefused(f"The assertion lives longer than {LIFETIME_S} seconds.")
    for name in ("iat", "nbf"):
        if name in claims and _time(claims, name) > now + LEEWAY_S:
            raise AssertionRefused("The assertion is not valid yet.")
    return Assertion(client_id=client_id, jti=jti, expires_at=expires_at)


def _time(claims: Mapping[str, object], name: str) -> int:
    value = claims.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= _MAX_TIME:
        raise AssertionRefused(f"The assertion's {name} must be a time in whole seconds.")
    return value


def _claims(payload: bytes) -> Mapping[str, object]:
    try:
        claims = json.loads(payload)
    except (ValueError, RecursionError) as problem:
        raise AssertionRefused("The assertion holds no JSON.") from problem
    if not isinstance(claims, dict):
        raise AssertionRefused("The assertion holds no claims.")
    return claims
