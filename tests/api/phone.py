"""A phone, a till or a desk at the other end of the wire: signs in at the provider and speaks GraphQL over HTTP."""

import base64
import hashlib
import html
import re
import secrets
from io import BytesIO
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import httpx2
import resvg_py
import zxingcpp
from PIL import Image


def fresh_key() -> str:
    """An idempotency key, made by the client."""
    return str(uuid4())


def read_picture(svg: str) -> str:
    """What a camera reads off the screen: the drawing as a picture, decoded by a decoder of its own."""
    picture = Image.open(BytesIO(bytes(resvg_py.svg_to_bytes(svg_string=svg, width=400, background="white"))))
    codes = zxingcpp.read_barcodes(picture.convert("L"))
    assert len(codes) == 1
    return str(codes[0].text)


class Phone:
    """One signed-in caller."""

    def __init__(self, address: str, token: str | None = None, language: str = "en") -> None:
        headers = {"Accept-Language": language, "Accept": "application/graphql-response+json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        self.client = httpx2.Client(base_url=address, headers=headers, timeout=20)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Hangs up."""
        self.client.close()

    def answer(self, document: str, **variables: Any) -> dict[str, Any]:
        """The whole GraphQL response."""
        response = self.client.post("/graphql", json={"query": document, "variables": variables})
        return dict(response.json())

    def ask(self, document: str, **variables: Any) -> Any:
        """The data of the answer's only root field; an error in it fails the test."""
        answer = self.answer(document, **variables)
        assert "errors" not in answer, answer["errors"]
        (value,) = answer["data"].values()
        return value


def sign_in(address: str, *, programme: str, role: str, subject: str) -> Phone:
    """Walks the authorisation code flow with PKCE, as an app with an in-app browser does."""
    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    with httpx2.Client(base_url=address, timeout=20) as browser:
        begun = browser.get(
            "/signin",
            params={
                "programme": programme,
                "role": role,
                "code_challenge": challenge,
                "code_challenge_method": "S256",
            },
        )
        assert begun.status_code == 303, begun.text
        page = browser.get(begun.headers["location"])
        hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page.text)
        fields = {name: html.unescape(value) for name, value in hidden}
        assert fields["state"], page.text
        chosen = browser.post(str(page.url).partition("?")[0], data={**fields, "subject": subject})
        back = browser.get(chosen.headers["location"])
        code = back.json()["code"]
        granted = browser.post(
            "/signin/token", data={"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
        )
        assert granted.status_code == 200, granted.text
        return Phone(address, granted.json()["access_token"])
