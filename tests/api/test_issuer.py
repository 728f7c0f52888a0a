"""What is believed of an identity token, and how little an issuer can make us do, against a small one of our own."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from api.issuer import Fault, Issuer, IssuerSettings, SignInRefused
from api.provider import DemoProvider
from api.tokens import public_jwk

ISSUER = "https://issuer.example/realm"
CLIENT = "benefits"
EC_KEY = ec.generate_private_key(ec.SECP256R1())
RSA_KEY = rsa.generate_private_key(65537, 2048)
WEAK_KEY = rsa.generate_private_key(65537, 1024)  # noqa: S505 (it is there to be refused)
EC_KID = public_jwk(EC_KEY.public_key())["kid"]


def rsa_jwk(key: rsa.RSAPrivateKey, kid: str) -> dict[str, Any]:
    return {**jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig"}


class FakeIssuer:
    """An issuer that says whatever a test wants it to say."""

    def __init__(self) -> None:
        self.metadata: dict[str, Any] = {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/authorize",
            "token_endpoint": f"{ISSUER}/token",
            "userinfo_endpoint": f"{ISSUER}/userinfo",
            "jwks_uri": f"{ISSUER}/jwks",
        }
        self.keys: Any = {"keys": [public_jwk(EC_KEY.public_key()), rsa_jwk(RSA_KEY, "r"), rsa_jwk(WEAK_KEY, "weak")]}
        self.keys_asked = 0
        self.up = True
        self.answer: Any = {}
        self.userinfo: Any = {}
        self.asked: dict[str, Any] = {}
        self.seconds = 0.0

    def issuer(self, **changes: Any) -> Issuer:
        app = Starlette(
            routes=[
                Route("/realm/.well-known/openid-configuration", self.tell_metadata),
                Route("/realm/jwks", self.tell_keys),
                Route("/realm/token", self.tell_token, methods=["POST"]),
                Route("/realm/userinfo", self.tell_userinfo),
            ]
        )
        settings = {"url": ISSUER, "client_id": CLIENT, "redirect_uri": "https://benefits.example/signin/callback"}
        return Issuer(
            IssuerSettings(**{**settings, **changes}),
            transport=httpx2.ASGITransport(app=app),
            clock=lambda: self.seconds,
        )

    async def tell_metadata(self, _request: Request) -> Response:
        return JSONResponse(self.metadata)

    async def tell_keys(self, _request: Request) -> Response:
        self.keys_asked += 1
        return JSONResponse(self.keys, 200 if self.up else 503)

    async def tell_token(self, request: Request) -> Response:
        async with request.form() as form:
            self.asked = {**form, "authorization": request.headers.get("authorization")}
        return JSONResponse(self.answer, 400 if "error" in self.answer else 200)

    async def tell_userinfo(self, request: Request) -> Response:
        self.asked["bearer"] = request.headers.get("authorization")
        return JSONResponse(self.userinfo)


@pytest.fixture
def fake() -> FakeIssuer:
    return FakeIssuer()


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    said = {"iss": ISSUER, "aud": CLIENT, "sub": "s", "iat": now, "exp": now + 300, "nonce": "n", "name": "李明",
            "birthdate": "1990-05-17", **changes}  # fmt: skip
    return {name: value for name, value in said.items() if value is not ...}


def es256(said: dict[str, Any], key: Any = EC_KEY, **headers: Any) -> str:
    return jwt.encode(said, key, algorithm="ES256", headers={"kid": EC_KID, **headers})


async def identify(fake: FakeIssuer, token: object, issuer: Issuer | None = None) -> Any:
    fake.answer = {"access_token": "a", "token_type": "Bearer", "id_token": token}
    return await (issuer or fake.issuer()).identify(code="c", verifier="v" * 43, nonce="n")


async def refusal(fake: FakeIssuer, token: object, issuer: Issuer | None = None) -> Fault:
    with pytest.raises(SignInRefused) as refused:
        await identify(fake, token, issuer)
    return refused.value.fault


async def test_a_genuine_token_names_the_person(fake: FakeIssuer) -> None:
    identity = await identify(fake, es256(claims()))
    assert (identity.issuer, identity.subject, identity.name) == (ISSUER, "s", "李明")
    assert (identity.birth_date.isoformat(), identity.identity_ref) == ("1990-05-17", "s")
    assert (fake.asked["code"], fake.asked["code_verifier"], fake.asked["client_id"]) == ("c", "v" * 43, CLIENT)


async def test_our_password_goes_in_the_header_only(fake: FakeIssuer) -> None:
    await identify(fake, es256(claims()), fake.issuer(client_secret="p"))
    assert fake.asked["authorization"] == "Basic " + base64.b64encode(f"{CLIENT}:p".encode()).decode()
    assert "client_secret" not in fake.asked


async def test_the_browser_is_sent_with_state_nonce_and_a_challenge(fake: FakeIssuer) -> None:
    url = httpx2.URL(await fake.issuer().authorization_url(state="s", nonce="n", verifier="v" * 43))
    assert str(url.copy_with(query=None)) == f"{ISSUER}/authorize"
    asked = dict(url.params)
    assert len(asked.pop("code_challenge")) == 43
    assert asked == {
        "response_type": "code", "client_id": CLIENT, "scope": "openid profile", "state": "s", "nonce": "n",
        "redirect_uri": "https://benefits.example/signin/callback", "code_challenge_method": "S256",
    }  # fmt: skip


async def test_rs256_is_believed_as_well(fake: FakeIssuer) -> None:
    token = jwt.encode(claims(), RSA_KEY, algorithm="RS256", headers={"kid": "r"})
    assert (await identify(fake, token)).subject == "s"


async def test_a_key_without_a_name_is_used_only_when_there_is_no_choice(fake: FakeIssuer) -> None:
    nameless = jwt.encode(claims(), EC_KEY, algorithm="ES256")
    assert (await identify(fake, nameless)).subject == "s"
    other = ec.generate_private_key(ec.SECP256R1())
    fake.keys = {"keys": [public_jwk(EC_KEY.public_key()), public_jwk(other.public_key())]}
    assert await refusal(fake, nameless) is Fault.BAD_IDENTITY


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"}, {"iss": ISSUER + "/"}, {"iss": ...}, {"aud": "other"}, {"aud": ...},
        {"aud": [CLIENT, "other"]}, {"aud": [CLIENT, "other"], "azp": "other"}, {"azp": "other"}, {"sub": ...},
        {"sub": ""}, {"sub": 5}, {"sub": "a\x00b"}, {"sub": "x" * 256}, {"exp": ...}, {"exp": 1}, {"iat": ...},
        {"exp": int(time.time()) - 31}, {"iat": int(time.time()) + 86400}, {"nbf": int(time.time()) + 86400},
    ],
)  # fmt: skip
async def test_a_token_that_is_not_current_or_not_for_us_is_refused(fake: FakeIssuer, changes: dict[str, Any]) -> None:
    assert await refusal(fake, es256(claims(**changes))) is Fault.BAD_IDENTITY


async def test_a_token_for_several_readers_must_be_meant_for_us(fake: FakeIssuer) -> None:
    assert (await identify(fake, es256(claims(aud=[CLIENT, "other"], azp=CLIENT)))).subject == "s"


@pytest.mark.parametrize("nonce", ["", "other", ..., 5, None, ["n"], "\ud800"])
async def test_a_token_of_another_sign_in_is_refused(fake: FakeIssuer, nonce: Any) -> None:
    assert await refusal(fake, es256(claims(nonce=nonce))) is Fault.NONCE_MISMATCH


@pytest.mark.parametrize("token", [None, "", "x", "a.b.c", 5, [], "e30.e30."])
async def test_an_answer_without_a_token_is_refused(fake: FakeIssuer, token: object) -> None:
    assert await refusal(fake, token) is Fault.BAD_IDENTITY


async def test_no_other_algorithm_is_believed(fake: FakeIssuer) -> None:
    unsigned = jwt.encode(claims(), "", algorithm="none", headers={"kid": EC_KID})
    assert await refusal(fake, unsigned) is Fault.BAD_IDENTITY
    header = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "kid": EC_KID}).encode()).rstrip(b"=")
    signed = header + b"." + base64.urlsafe_b64encode(json.dumps(claims()).encode()).rstrip(b"=")
    secret = json.dumps(public_jwk(EC_KEY.public_key())).encode()
    mac = base64.urlsafe_b64encode(hmac.digest(secret, signed, hashlib.sha256)).rstrip(b"=")
    assert await refusal(fake, (signed + b"." + mac).decode()) is Fault.BAD_IDENTITY
    mixed = jwt.encode(claims(), RSA_KEY, algorithm="RS256", headers={"kid": EC_KID})
    assert await refusal(fake, mixed) is Fault.BAD_IDENTITY


async def test_a_weak_key_is_not_believed(fake: FakeIssuer) -> None:
    with pytest.warns(jwt.warnings.InsecureKeyLengthWarning):
        token = jwt.encode(claims(), WEAK_KEY, algorithm="RS256", headers={"kid": "weak"})
    assert await refusal(fake, token) is Fault.BAD_IDENTITY


async def test_a_stranger_s_key_is_not_believed_even_if_the_token_brings_it(fake: FakeIssuer) -> None:
    stranger = ec.generate_private_key(ec.SECP256R1())
    brought = {"jwk": public_jwk(stranger.public_key()), "jku": "https://evil.example/jwks"}
    assert await refusal(fake, es256(claims(), stranger, **brought)) is Fault.BAD_IDENTITY


async def test_a_flood_of_unknown_keys_asks_the_issuer_once_a_minute(fake: FakeIssuer) -> None:
    issuer = fake.issuer()
    for second in range(0, 120, 2):
        fake.seconds = second
        assert await refusal(fake, es256(claims(), kid=f"unknown {second}"), issuer) is Fault.BAD_IDENTITY
    assert fake.keys_asked == 2


async def test_a_new_key_of_the_issuer_is_found_and_a_silent_issuer_s_old_keys_last(fake: FakeIssuer) -> None:
    issuer, new = fake.issuer(), ec.generate_private_key(ec.SECP256R1())
    await identify(fake, es256(claims()), issuer)
    jwk = public_jwk(new.public_key())
    fake.keys = {"keys": [jwk]}
    fake.seconds = 60
    assert (await identify(fake, es256(claims(), new, kid=jwk["kid"]), issuer)).subject == "s"
    fake.up = False
    for fake.seconds in (120.0, 300.0, 600.0):
        assert await refusal(fake, es256(claims(), kid="unknown"), issuer) is Fault.ISSUER_UNREACHABLE
        assert (await identify(fake, es256(claims(), new, kid=jwk["kid"]), issuer)).subject == "s"


@pytest.mark.parametrize(
    "keys",
    [{}, [], {"keys": None}, {"keys": [5, {}, {"kty": "oct", "k": "c2VjcmV0"}]}, {"keys": [{"kty": "EC", "x": 1}]},
     {"keys": [{**public_jwk(EC_KEY.public_key()), "use": "enc"}]},
     {"keys": [{**public_jwk(EC_KEY.public_key()), "alg": "ES384"}]}],
)  # fmt: skip
async def test_keys_that_are_none_are_passed_over(fake: FakeIssuer, keys: Any) -> None:
    fake.keys = keys
    assert await refusal(fake, es256(claims())) is Fault.ISSUER_UNREACHABLE


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": None},
        {"jwks_uri": 5},
        {"authorization_endpoint": ""},
        {"userinfo_endpoint": "http://plain.example/"},
    ],
)
async def test_an_issuer_that_describes_itself_wrongly_is_not_asked(fake: FakeIssuer, changes: dict[str, Any]) -> None:
    fake.metadata.update(changes)
    assert await refusal(fake, es256(claims())) is Fault.ISSUER_UNREACHABLE


async def test_what_the_token_leaves_out_is_asked_for_with_the_access_token(fake: FakeIssuer) -> None:
    fake.userinfo = {"sub": "s", "name": "other", "id_number": "42"}
    identity = await identify(fake, es256(claims(birthdate=...)), fake.issuer(identity_claim="id_number"))
    assert (identity.name, identity.identity_ref, identity.birth_date) == ("李明", "42", None)
    assert fake.asked["bearer"] == "Bearer a"


async def test_an_issuer_that_tells_no_more_is_not_asked_for_more(fake: FakeIssuer) -> None:
    del fake.metadata["userinfo_endpoint"]
    assert (await identify(fake, es256(claims(name=...)))).name is None
    assert "bearer" not in fake.asked


@pytest.mark.parametrize("said", [{"sub": "t", "birthdate": "2000-01-01"}, {}, [], "x"])
async def test_more_about_somebody_else_is_refused(fake: FakeIssuer, said: Any) -> None:
    fake.userinfo = said
    assert await refusal(fake, es256(claims(birthdate=...))) is Fault.BAD_IDENTITY


@pytest.mark.parametrize("birthdate", ["1990", "0000-05-17", "17.5.1990", "", 19900517, None])
async def test_a_birth_date_that_is_no_full_day_is_none(fake: FakeIssuer, birthdate: Any) -> None:
    assert (await identify(fake, es256(claims(birthdate=birthdate)))).birth_date is None


@pytest.mark.parametrize("name", ["", "a\x00b", "\ud800", "x" * 256, 5, None])
async def test_a_name_that_cannot_be_kept_is_none(fake: FakeIssuer, name: Any) -> None:
    assert (await identify(fake, es256(claims(name=name)))).name is None


async def test_a_refusal_and_a_silence_of_the_issuer_are_told_apart(fake: FakeIssuer) -> None:
    issuer = fake.issuer()
    for fake.answer, fault in (({"error": "invalid_grant"}, Fault.CODE_REFUSED), ([], Fault.ISSUER_UNREACHABLE)):
        with pytest.raises(SignInRefused) as refused:
            await issuer.identify(code="c", verifier="v" * 43, nonce="n")
        assert refused.value.fault is fault


async def test_nobody_signs_in_while_the_issuer_is_away() -> None:
    settings = IssuerSettings(url=ISSUER, client_id=CLIENT, redirect_uri="https://benefits.example/signin/callback")
    issuer = Issuer(settings, transport=httpx2.MockTransport(_no_answer))
    with pytest.raises(SignInRefused) as refused:
        await issuer.authorization_url(state="s", nonce="n", verifier="v" * 43)
    assert refused.value.fault is Fault.ISSUER_UNREACHABLE


def _no_answer(request: httpx2.Request) -> httpx2.Response:
    raise httpx2.ConnectError("nobody there", request=request)


@pytest.mark.parametrize("url", ["http://issuer.example", "ftp://issuer.example", "issuer.example", ""])
def test_an_issuer_is_reached_over_tls(url: str) -> None:
    with pytest.raises(ValueError, match="https"):
        Issuer(IssuerSettings(url=url, client_id=CLIENT, redirect_uri="x"))
    Issuer(IssuerSettings(url="http://127.0.0.1:9", client_id=CLIENT, redirect_uri="x"))


def test_the_demo_provider_never_runs_beside_a_real_issuer() -> None:
    with pytest.raises(ValueError, match="never runs beside a real issuer"):
        DemoProvider(public_url="x", redirect_uri="x", accounts=list, configured_issuer=ISSUER)
