"""What an access token must be, and every way we know in which one is forged, stretched or swapped."""

import base64
import hashlib
import hmac
import json
from typing import Any
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from api.tokens import (
    Fault,
    Keyring,
    TokenRefused,
    generate_signing_key,
    mint_access_token,
    public_jwk,
    read_access_token,
    verify_access_token,
)
from domain.actor import Caller, Role

ISSUER = "https://benefits.example"
NOW = 1_800_000_000
SESSION = UUID("0198c0de-0000-7000-8000-000000000001")
PEM = generate_signing_key()
KEY = load_pem_private_key(PEM.encode(), password=None)
assert isinstance(KEY, ec.EllipticCurvePrivateKey)
PUBLIC_PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
CASHIER = Caller(role=Role.CASHIER, person_id=7, programme="rongcheng", organisation_id=3, terminal_id=9)


@pytest.fixture
def keyring() -> Keyring:
    return Keyring(issuer=ISSUER, signing_key=PEM)


def b64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def part(content: Any) -> str:
    return b64(content if isinstance(content, bytes) else json.dumps(content).encode())


def good_header(**changes: Any) -> dict[str, Any]:
    header = {"alg": "ES256", "typ": "at+jwt", "kid": Keyring(issuer=ISSUER, signing_key=PEM).kid, **changes}
    return {name: value for name, value in header.items() if value is not ...}


def good_claims(**changes: Any) -> dict[str, Any]:
    claims = {
        "iss": ISSUER,
        "aud": "benefits-api",
        "sub": "7",
        "role": "citizen",
        "programme": "rongcheng",
        "iat": NOW,
        "exp": NOW + 900,
        "jti": "0123456789abcdefABCDEF",
        **changes,
    }
    return {name: value for name, value in claims.items() if value is not ...}


def forge(header: Any, claims: Any, key: Any = KEY) -> str:
    """A token of any header and claims whose ES256 signature is right for the key."""
    signing_input = f"{part(header)}.{part(claims)}"
    signature = jwt.get_algorithm_by_name("ES256").sign(signing_input.encode(), key)
    return f"{signing_input}.{b64(signature)}"


def refusal(keyring: Keyring, token: str, now: float = NOW) -> Fault:
    with pytest.raises(TokenRefused) as refused:
        verify_access_token(keyring, token, now)
    assert refused.value.reason == refused.value.fault.value
    return refused.value.fault


def test_a_minted_token_names_its_caller_session_and_times(keyring: Keyring) -> None:
    token = mint_access_token(keyring, CASHIER, now=NOW + 0.9, session_id=SESSION)
    read = read_access_token(keyring, token, NOW)
    assert (read.caller, read.session_id) == (CASHIER, SESSION)
    assert (read.issued_at, read.not_before, read.expires_at) == (NOW, NOW, NOW + 900)


def test_a_minted_token_has_exactly_these_headers_and_claims(keyring: Keyring) -> None:
    token = mint_access_token(keyring, Caller(role=Role.CITIZEN, person_id=7), now=NOW)
    assert jwt.get_unverified_header(token) == {"alg": "ES256", "typ": "at+jwt", "kid": keyring.kid}
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert len(claims.pop("jti")) == 22
    assert claims == {
        "iss": ISSUER, "aud": "benefits-api", "sub": "7", "role": "citizen", "iat": NOW, "exp": NOW + 900,
    }  # fmt: skip


# The clock: exact to the second, with 30 seconds of leeway on each side.


@pytest.mark.parametrize("now", [NOW - 30, NOW, NOW + 900, NOW + 929.9])
def test_a_token_is_good_from_thirty_seconds_early_to_thirty_late(keyring: Keyring, now: float) -> None:
    assert verify_access_token(keyring, forge(good_header(), good_claims()), now).person_id == 7


@pytest.mark.parametrize(
    ("now", "fault"),
    [(NOW - 31, Fault.NOT_YET_VALID), (NOW + 930, Fault.EXPIRED), (NOW + 10**8, Fault.EXPIRED)],
)
def test_a_token_outside_its_time_is_refused(keyring: Keyring, now: float, fault: Fault) -> None:
    assert refusal(keyring, forge(good_header(), good_claims()), now) is fault


def test_a_token_seen_before_still_expires(keyring: Keyring) -> None:
    token = mint_access_token(keyring, CASHIER, now=NOW)
    assert verify_access_token(keyring, token, NOW) == CASHIER
    assert verify_access_token(keyring, token, NOW + 929) == CASHIER
    assert refusal(keyring, token, NOW + 930) is Fault.EXPIRED
    assert refusal(keyring, token, NOW - 31) is Fault.NOT_YET_VALID


def test_not_before_is_kept(keyring: Keyring) -> None:
    token = forge(good_header(), good_claims(nbf=NOW + 100))
    assert refusal(keyring, token, NOW + 69) is Fault.NOT_YET_VALID
    assert verify_access_token(keyring, token, NOW + 70).person_id == 7
    assert refusal(keyring, token, NOW + 69) is Fault.NOT_YET_VALID


# Headers.


@pytest.mark.parametrize(
    "alg", ["none", "None", "nOnE", "", "es256", "ES384", "ES256K", "RS256", "HS256", None, ..., 1]
)
def test_no_other_algorithm_is_believed(keyring: Keyring, alg: Any) -> None:
    assert refusal(keyring, forge(good_header(alg=alg), good_claims())) is Fault.ALGORITHM


@pytest.mark.parametrize("signature", ["", "AA", "."])
def test_a_token_without_a_signature_is_refused(keyring: Keyring, signature: str) -> None:
    unsigned = f"{part(good_header(alg='none'))}.{part(good_claims())}.{signature}"
    assert refusal(keyring, unsigned) in {Fault.MALFORMED, Fault.ALGORITHM}


@pytest.mark.parametrize("secret", [PUBLIC_PEM, PUBLIC_PEM.strip(), b"", b"secret"])
def test_the_public_key_is_no_hmac_secret(keyring: Keyring, secret: bytes) -> None:
    signing_input = f"{part(good_header(alg='HS256'))}.{part(good_claims())}"
    signature = hmac.digest(secret, signing_input.encode(), hashlib.sha256)
    assert refusal(keyring, f"{signing_input}.{b64(signature)}") is Fault.ALGORITHM
    keeping_alg = f"{part(good_header())}.{part(good_claims())}"
    signature = hmac.digest(secret, keeping_alg.encode(), hashlib.sha256)
    assert refusal(keyring, f"{keeping_alg}.{b64(signature)}") is Fault.SIGNATURE


@pytest.mark.parametrize("typ", ["JWT", "jwt", "AT+JWT", "application/at+jwt", "id_token", "", None, ..., ["at+jwt"]])
def test_another_type_of_token_is_refused(keyring: Keyring, typ: Any) -> None:
    assert refusal(keyring, forge(good_header(typ=typ), good_claims())) is Fault.TYPE


@pytest.mark.parametrize(
    "kid",
    [
        "",
        "../../../../dev/null",
        "/etc/passwd",
        "' OR 1=1 --",
        "https://evil.example/jwks",
        "\x00",
        "a" * 1000,
        ...,
    ],
)
def test_an_unknown_key_id_is_refused(keyring: Keyring, kid: Any) -> None:
    assert refusal(keyring, forge(good_header(kid=kid), good_claims())) is Fault.KEY


@pytest.mark.parametrize("kid", [None, 1, [], {}, True])
def test_a_key_id_that_is_no_text_is_refused(keyring: Keyring, kid: Any) -> None:
    assert refusal(keyring, forge(good_header(kid=kid), good_claims())) is Fault.MALFORMED


def test_a_key_that_the_token_brings_along_is_never_used(keyring: Keyring) -> None:
    stranger = ec.generate_private_key(ec.SECP256R1())
    jwk = public_jwk(stranger.public_key())
    brought = {
        "jwk": jwk,
        "jku": "https://evil.example/jwks.json",
        "x5u": "https://evil.example/x",
        "x5c": ["AAAA"],
    }
    for name, value in brought.items():
        assert refusal(keyring, forge(good_header(**{name: value}), good_claims(), stranger)) is Fault.SIGNATURE
        assert refusal(keyring, forge(good_header(**{name: value, "kid": jwk["kid"]}), good_claims(), stranger)) is (
            Fault.KEY
        )
        assert verify_access_token(keyring, forge(good_header(**{name: value}), good_claims()), NOW).person_id == 7


@pytest.mark.parametrize("crit", [["b64"], ["exp"], [], "exp", None, ["x"], [1]])
def test_critical_extensions_are_refused(keyring: Keyring, crit: Any) -> None:
    assert refusal(keyring, forge(good_header(crit=crit, x=1, exp=1), good_claims())) is Fault.MALFORMED


@pytest.mark.parametrize("b64_flag", [True, False])
def test_the_unencoded_payload_option_is_refused(keyring: Keyring, b64_flag: bool) -> None:
    assert refusal(keyring, forge(good_header(b64=b64_flag), good_claims())) is Fault.MALFORMED
    with_crit = good_header(b64=b64_flag, crit=["b64"])
    assert refusal(keyring, forge(with_crit, good_claims())) is Fault.MALFORMED


@pytest.mark.parametrize("header", [b"[]", b'"x"', b"null", b"{", b"\xff\xfe", b"[" * 2500, b"1"])
def test_a_header_that_is_no_object_is_refused(keyring: Keyring, header: bytes) -> None:
    assert refusal(keyring, forge(header, good_claims())) is Fault.MALFORMED


# Signatures.


def test_a_stranger_s_signature_is_refused(keyring: Keyring) -> None:
    stranger = ec.generate_private_key(ec.SECP256R1())
    assert refusal(keyring, forge(good_header(), good_claims(), stranger)) is Fault.SIGNATURE


@pytest.mark.parametrize("raw", [bytes(64), bytes(63), bytes(65), b"\xff" * 64, b"\x30\x06\x02\x01\x00\x02\x01\x00"])
def test_an_empty_short_long_or_der_signature_is_refused(keyring: Keyring, raw: bytes) -> None:
    token = f"{part(good_header())}.{part(good_claims())}.{b64(raw)}"
    assert refusal(keyring, token) is Fault.SIGNATURE


@pytest.mark.parametrize("changed", [{"sub": "8"}, {"role": "officer"}, {"exp": NOW + 901}])
def test_claims_changed_after_signing_are_refused(keyring: Keyring, changed: dict[str, Any]) -> None:
    header, _, signature = forge(good_header(), good_claims()).split(".")
    assert refusal(keyring, f"{header}.{part(good_claims(**changed))}.{signature}") is Fault.SIGNATURE


def test_every_bit_of_the_signature_counts(keyring: Keyring) -> None:
    header, claims, signature = forge(good_header(), good_claims()).split(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    for at in range(64):
        bent = bytes([*raw[:at], raw[at] ^ 1, *raw[at + 1 :]])
        assert refusal(keyring, f"{header}.{claims}.{b64(bent)}") is Fault.SIGNATURE


# The shape of the text.


@pytest.mark.parametrize(
    "bend",
    [
        lambda token: "",
        lambda token: ".",
        lambda token: "..",
        lambda token: "...",
        lambda token: token.rsplit(".", 1)[0],
        lambda token: token.rsplit(".", 1)[0] + ".",
        lambda token: token + ".",
        lambda token: token + ".AAAA",
        lambda token: token + "=",
        lambda token: token + "\n",
        lambda token: " " + token,
        lambda token: token + "\x00",
        lambda token: token.replace(".", ".\x00", 1),
        lambda token: token + "é",
        lambda token: token + "\ud800",
        lambda token: "Bearer " + token,
        lambda token: "A" * 4097,
        lambda token: token + "A" * 4096,
        lambda token: "A.A.A",
        lambda token: json.dumps({"payload": "e30", "signatures": []}),
    ],
)
def test_a_text_that_is_no_compact_token_is_refused(keyring: Keyring, bend: Any) -> None:
    assert refusal(keyring, bend(forge(good_header(), good_claims()))) is Fault.MALFORMED


def test_a_token_cut_anywhere_is_refused(keyring: Keyring) -> None:
    token = forge(good_header(), good_claims())
    faults = {refusal(keyring, token[:length]) for length in range(len(token))}
    assert faults == {Fault.MALFORMED, Fault.SIGNATURE}


def test_a_huge_but_well_signed_token_is_refused(keyring: Keyring) -> None:
    assert refusal(keyring, forge(good_header(), good_claims(pad="x" * 4000))) is Fault.MALFORMED


def test_a_token_inside_a_token_is_refused(keyring: Keyring) -> None:
    inner = forge(good_header(), good_claims())
    assert refusal(keyring, forge(good_header(cty="JWT"), inner.encode())) is Fault.MALFORMED
    assert refusal(keyring, forge(good_header(cty="JWT"), json.dumps(inner).encode())) is Fault.MALFORMED


@pytest.mark.parametrize("claims", [b"[]", b"null", b"", b"{", b"[" * 2500, b"\xff", b"1" * 2500])
def test_signed_claims_that_are_no_object_are_refused(keyring: Keyring, claims: bytes) -> None:
    assert refusal(keyring, forge(good_header(), claims)) is Fault.MALFORMED


# Claims.


@pytest.mark.parametrize(
    "iss", [..., None, "", "https://benefits.example/", "https://evil.example", [ISSUER], ISSUER.upper()]
)
def test_another_issuer_is_refused(keyring: Keyring, iss: Any) -> None:
    assert refusal(keyring, forge(good_header(), good_claims(iss=iss))) is Fault.ISSUER


@pytest.mark.parametrize("aud", [..., None, "", "benefits", "benefits-api ", ["benefits-api"], ["benefits-api", "x"]])
def test_another_audience_is_refused(keyring: Keyring, aud: Any) -> None:
    assert refusal(keyring, forge(good_header(), good_claims(aud=aud))) is Fault.AUDIENCE


@pytest.mark.parametrize("sub", [..., None, "", " ", "0", "-7", "07", "7 ", "٧", "7\x00", 7, ["7"], "9" * 19, "9" * 20])
def test_an_empty_or_odd_subject_is_refused(keyring: Keyring, sub: Any) -> None:
    assert refusal(keyring, forge(good_header(), good_claims(sub=sub))) is Fault.CLAIMS


@pytest.mark.parametrize("role", [..., None, "", "anonymous", "worker", "admin", "Citizen", ["citizen"], {"a": 1}, 1])
def test_a_role_that_nobody_can_hold_is_refused(keyring: Keyring, role: Any) -> None:
    assert refusal(keyring, forge(good_header(), good_claims(role=role))) is Fault.CLAIMS


@pytest.mark.parametrize(("iat", "exp"), [(NOW, NOW + 901), (NOW, NOW + 10**9), (NOW, NOW), (NOW, NOW - 1)])
def test_a_long_or_backward_lifetime_is_refused(keyring: Keyring, iat: int, exp: int) -> None:
    assert refusal(keyring, forge(good_header(), good_claims(iat=iat, exp=exp))) is Fault.LIFETIME


@pytest.mark.parametrize("name", ["iat", "exp"])
@pytest.mark.parametrize("time", [..., None, str(NOW), float(NOW), True, -1, 0, 10**400, "Infinity", [NOW], 1e308])
def test_times_must_be_whole_seconds(keyring: Keyring, name: str, time: Any) -> None:
    assert refusal(keyring, forge(good_header(), good_claims(**{name: time}))) is Fault.CLAIMS


@pytest.mark.parametrize(
    "claim",
    [
        {"nbf": "soon"}, {"nbf": None}, {"jti": ...}, {"jti": ""}, {"jti": 5}, {"sid": "x"}, {"sid": None},
        {"programme": ""}, {"programme": "a b"}, {"programme": "x\x00"}, {"programme": None},
        {"programme": "x" * 65},
        {"org": "3"}, {"org": 0}, {"org": 2**63}, {"org": True}, {"terminal": -1},
        {"terminal": 1.0}, {"terminal": None},
    ],
)  # fmt: skip
def test_a_claim_of_the_wrong_form_is_refused(keyring: Keyring, claim: dict[str, Any]) -> None:
    assert refusal(keyring, forge(good_header(), good_claims(**claim))) is Fault.CLAIMS


def test_an_identity_token_of_the_same_key_is_no_access_token(keyring: Keyring) -> None:
    claims = {"iss": ISSUER, "aud": "phone", "sub": "7", "iat": NOW, "exp": NOW + 300, "nonce": "n"}
    assert refusal(keyring, forge(good_header(typ="JWT"), claims)) is Fault.TYPE
    assert refusal(keyring, forge(good_header(), claims)) is Fault.AUDIENCE
