"""The demo provider by itself: it keeps the rules of OpenID Connect, so that a real issuer can take its place."""

import time
from datetime import date
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import jwt
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from api.provider import NAME, PATH, DemoProvider, ProviderAccount
from api.tokens import s256_challenge
from seeds.people import ISSUER

PUBLIC_URL = "https://benefits.example"
REDIRECT = f"{PUBLIC_URL}/signin/callback"
VERIFIER = "v" * 43
PEOPLE = [
    ProviderAccount(
        subject="s1", name="李明", birthdate=date(1990, 5, 17), identity_ref="I1", label='<李明> & "citizen"'
    ),
    ProviderAccount(subject="s2", name="王芳", birthdate=None, identity_ref="I2", label="王芳"),
]


class Clock:
    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def browser(clock: Clock) -> httpx2.AsyncClient:
    provider = DemoProvider(public_url=PUBLIC_URL + "/", redirect_uri=REDIRECT, accounts=lambda: PEOPLE, clock=clock)
    app = Starlette(routes=[Mount(PATH, provider.app())])
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=PUBLIC_URL + PATH)


def request(**changes: Any) -> dict[str, str]:
    fields = {
        "response_type": "code",
        "client_id": "benefits-demo",
        "redirect_uri": REDIRECT,
        "scope": "openid profile",
        "state": "s",
        "nonce": "n",
        "code_challenge": s256_challenge(VERIFIER),
        "code_challenge_method": "S256",
        **changes,
    }
    return {name: value for name, value in fields.items() if value is not None}


async def code(browser: httpx2.AsyncClient, subject: str = "s1") -> str:
    chosen = await browser.post("/authorize", data={**request(), "subject": subject})
    assert (chosen.status_code, chosen.headers["location"].split("?")[0]) == (303, REDIRECT)
    answer = dict(parse_qsl(urlsplit(chosen.headers["location"]).query))
    assert answer.pop("state") == "s"
    return answer["code"]


async def exchange(browser: httpx2.AsyncClient, code: str, **changes: Any) -> httpx2.Response:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "client_id": "benefits-demo",
        "redirect_uri": REDIRECT,
        "code_verifier": VERIFIER,
        **changes,
    }
    return await browser.post("/token", data=form)


def test_the_people_of_the_demo_are_the_provider_s() -> None:
    assert NAME == ISSUER


async def test_it_describes_itself_and_its_addresses_answer(browser: httpx2.AsyncClient) -> None:
    said = (await browser.get("/.well-known/openid-configuration")).json()
    assert said["issuer"] == PUBLIC_URL + PATH
    for name in ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri"):
        assert said[name].startswith(said["issuer"] + "/")
        assert (await browser.get(said[name])).status_code != 404


async def test_the_page_lists_the_people_and_escapes_what_is_shown(browser: httpx2.AsyncClient) -> None:
    page = await browser.get("/authorize", params=request(state='"><script>'))
    assert page.status_code == 200
    assert "&lt;李明&gt; &amp; &quot;citizen&quot;" in page.text
    assert 'value="s2">王芳' in page.text
    assert "<script" not in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none'")


async def test_a_code_gives_an_identity_token_that_the_published_key_verifies(browser: httpx2.AsyncClient) -> None:
    answer = (await exchange(browser, await code(browser))).json()
    (key,) = (await browser.get("/jwks.json")).json()["keys"]
    claims = jwt.decode(answer["id_token"], jwt.PyJWK(key), algorithms=["ES256"], audience="benefits-demo")
    assert claims["exp"] - claims["iat"] == 300
    assert {name: claims[name] for name in claims if name not in {"exp", "iat"}} == {
        "iss": PUBLIC_URL + PATH,
        "aud": "benefits-demo",
        "nonce": "n",
        "sub": "s1",
        "name": "李明",
        "birthdate": "1990-05-17",
        "identity_ref": "I1",
    }


async def test_the_access_token_tells_more_until_it_expires(browser: httpx2.AsyncClient, clock: Clock) -> None:
    answer = (await exchange(browser, await code(browser, "s2"))).json()
    bearer = {"Authorization": f"Bearer {answer['access_token']}"}
    told = await browser.get("/userinfo", headers=bearer)
    assert told.json() == {"sub": "s2", "name": "王芳", "identity_ref": "I2"}
    clock.ahead = 300
    assert (await browser.get("/userinfo", headers=bearer)).status_code == 401
    assert (await browser.get("/userinfo")).status_code == 401


async def test_a_code_works_once(browser: httpx2.AsyncClient) -> None:
    given = await code(browser)
    assert (await exchange(browser, given)).status_code == 200
    assert (await exchange(browser, given)).json()["error"] == "invalid_grant"


async def test_a_code_lives_sixty_seconds(browser: httpx2.AsyncClient, clock: Clock) -> None:
    early, late = await code(browser), await code(browser)
    clock.ahead = 55
    assert (await exchange(browser, early)).status_code == 200
    clock.ahead = 60
    assert (await exchange(browser, late)).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    "changes",
    [{"code_verifier": "w" * 43}, {"code_verifier": ""}, {"client_id": "x"}, {"redirect_uri": "x"}],
)
async def test_a_code_fits_only_the_client_that_asked(browser: httpx2.AsyncClient, changes: dict[str, str]) -> None:
    refused = await exchange(browser, await code(browser), **changes)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")


async def test_no_other_grant_is_known(browser: httpx2.AsyncClient) -> None:
    refused = await exchange(browser, "x", grant_type="password")
    assert (refused.status_code, refused.json()["error"]) == (400, "unsupported_grant_type")


@pytest.mark.parametrize("changes", [{"client_id": "x"}, {"redirect_uri": "https://evil.example"}, {"client_id": None}])
async def test_nobody_is_sent_to_an_unknown_address(browser: httpx2.AsyncClient, changes: dict[str, Any]) -> None:
    for refused in (
        await browser.get("/authorize", params=request(**changes)),
        await browser.post("/authorize", data={**request(**changes), "subject": "s1"}),
    ):
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"state": None}, "invalid_request"),
        ({"nonce": None}, "invalid_request"),
        ({"nonce": "x" * 1001}, "invalid_request"),
        ({"subject": "nobody"}, "access_denied"),
    ],
)
async def test_a_request_that_is_not_in_order_goes_back_with_a_reason(
    browser: httpx2.AsyncClient, changes: dict[str, Any], error: str
) -> None:
    refused = await browser.post("/authorize", data={"subject": "s1", **request(**changes)})
    assert refused.headers["location"].startswith(REDIRECT + "?")
    assert dict(parse_qsl(urlsplit(refused.headers["location"]).query))["error"] == error


async def test_what_it_remembers_is_bounded(browser: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.provider.MAX_GRANTS", 2)
    first, second, third = [await code(browser) for _ in range(3)]
    assert (await exchange(browser, first)).status_code == 400
    assert (await exchange(browser, second)).status_code == 200
    assert (await exchange(browser, third)).status_code == 200
