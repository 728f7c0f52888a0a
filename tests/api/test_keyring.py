"""The keys behind the tokens: what is minted, published, rotated and remembered."""

import base64
import hashlib
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from api.tokens import (
    Fault,
    Keyring,
    TokenRefused,
    generate_signing_key,
    mint_access_token,
    verify_access_token,
)
from domain.actor import ANONYMOUS, Caller, Role

ISSUER = "https://benefits.example"
NOW = 1_800_000_000
PEM = generate_signing_key()
CASHIER = Caller(role=Role.CASHIER, person_id=7, programme="rongcheng", organisation_id=3, terminal_id=9)


@pytest.fixture
def keyring() -> Keyring:
    return Keyring(issuer=ISSUER, signing_key=PEM)


def b64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def refusal(keyring: Keyring, token: str, now: float = NOW) -> Fault:
    with pytest.raises(TokenRefused) as refused:
        verify_access_token(keyring, token, now)
    return refused.value.fault


def public_pem(key: Any) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def test_two_tokens_of_one_second_differ(keyring: Keyring) -> None:
    assert mint_access_token(keyring, CASHIER, now=NOW) != mint_access_token(keyring, CASHIER, now=NOW)


@pytest.mark.parametrize("caller", [ANONYMOUS, Caller(role=Role.WORKER, person_id=1), Caller(role=Role.CITIZEN)])
def test_no_token_is_minted_without_a_person_and_a_role_of_people(keyring: Keyring, caller: Caller) -> None:
    with pytest.raises(ValueError, match="a token needs a person"):
        mint_access_token(keyring, caller, now=NOW)


@pytest.mark.parametrize("lifetime_s", [0, -1, 901])
def test_no_token_is_minted_for_longer_than_fifteen_minutes(keyring: Keyring, lifetime_s: int) -> None:
    with pytest.raises(ValueError, match="a token lives 1 to 900 seconds"):
        mint_access_token(keyring, CASHIER, now=NOW, lifetime_s=lifetime_s)


def test_the_published_key_verifies_a_token_and_its_kid_is_its_thumbprint(keyring: Keyring) -> None:
    (published,) = keyring.jwks()["keys"]
    assert set(published) == {"kty", "crv", "use", "alg", "kid", "x", "y"}
    canonical = '{"crv":"P-256","kty":"EC","x":"%s","y":"%s"}' % (published["x"], published["y"])  # noqa: UP031
    assert published["kid"] == keyring.kid == b64(hashlib.sha256(canonical.encode()).digest())
    token = mint_access_token(keyring, CASHIER, now=NOW)
    claims = jwt.decode(
        token,
        jwt.PyJWK(published),
        algorithms=["ES256"],
        audience="benefits-api",
        options={"verify_exp": False, "verify_iat": False},
    )
    assert claims["sub"] == "7"


def test_a_previous_key_still_verifies_and_a_removed_one_does_not(keyring: Keyring) -> None:
    token = mint_access_token(keyring, CASHIER, now=NOW)
    rotated = Keyring(
        issuer=ISSUER,
        signing_key=generate_signing_key(),
        previous_public_keys=[public_pem(load_pem_private_key(PEM.encode(), None))],
    )
    assert verify_access_token(rotated, token, NOW) == CASHIER
    assert [key["kid"] for key in rotated.jwks()["keys"]] == [rotated.kid, keyring.kid]
    assert refusal(Keyring(issuer=ISSUER, signing_key=generate_signing_key()), token) is Fault.KEY


def pem_of(key: Any) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize("key", [ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 2048)])
def test_only_p256_keys_sign_and_verify(key: Any) -> None:
    with pytest.raises(ValueError, match="P-256 private key"):
        Keyring(issuer=ISSUER, signing_key=pem_of(key))
    with pytest.raises(ValueError, match="P-256 public key"):
        Keyring(issuer=ISSUER, signing_key=PEM, previous_public_keys=[public_pem(key)])


def test_a_keyring_shows_no_key(keyring: Keyring) -> None:
    assert repr(keyring) == f"Keyring(issuer='{ISSUER}', kid='{keyring.kid}')"


def test_the_memory_of_verified_tokens_is_bounded(keyring: Keyring, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.tokens._CACHE_SIZE", 2)
    tokens = [mint_access_token(keyring, CASHIER, now=NOW) for _ in range(3)]
    digests = [hashlib.sha256(token.encode()).digest() for token in tokens]
    for token in tokens[:2]:
        verify_access_token(keyring, token, NOW)
    verify_access_token(keyring, tokens[0], NOW)
    verify_access_token(keyring, tokens[2], NOW)
    assert [keyring.recall(digest) is not None for digest in digests] == [True, False, True]
    assert verify_access_token(keyring, tokens[1], NOW) == CASHIER


def test_a_refused_token_is_not_remembered(keyring: Keyring) -> None:
    token = mint_access_token(keyring, CASHIER, now=NOW)
    refusal(keyring, token, NOW + 5000)
    assert keyring.recall(hashlib.sha256(token.encode()).digest()) is None
