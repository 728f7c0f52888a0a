"""What a demo says when it is ready: where everything is, and one ready-made sign-in for each role."""

from collections.abc import Iterator
from pathlib import Path
from shlex import quote
from urllib.parse import urlencode

from api.provider import PATH as PROVIDER_PATH
from api.tokens import s256_challenge
from domain.actor import PERSON_ROLES, STAFF_ROLES

PROGRAMME = "rongcheng"
# Known to everybody who tries the demo, so that a code can be exchanged by hand; an app makes its own each time.
VERIFIER = "a-demo-verifier-that-everybody-knows-and-no-app-uses"


def lines(address: str, folder: Path, *, is_usual_folder: bool) -> Iterator[str]:
    """All lines after the first, which says that the demo is ready."""
    yield ""
    yield f"  GraphQL   {address}/graphql   live: the same over WebSocket, or with Accept: text/event-stream"
    yield f"  sign-in   {address}/signin   provider: {address}{PROVIDER_PATH} (pick anybody, no password)"
    yield f"  health    {address}/healthz, {address}/readyz"
    yield f"  metrics   {address}/metrics"
    yield f"  data      {folder}"
    yield ""
    yield "One of each role, by a token or in a browser; `benefits token --list` knows them all:"
    yield ""
    data = "" if is_usual_folder else f" --data {quote(str(folder))}"
    for role in (*sorted(PERSON_ROLES), *sorted(STAFF_ROLES)):
        yield f"  {role:10}benefits token {role} --programme {PROGRAMME}{data}"
        yield f"  {'':10}{sign_in_link(address, role)}"
    yield ""
    yield f"A browser ends with a code. Send it to {address}/signin/token with grant_type=authorization_code and"
    yield f"code_verifier={VERIFIER}"
    yield ""
    yield "Ctrl-C stops it; the data stays. All people and organisations here are invented."


def sign_in_link(address: str, role: str) -> str:
    """Where a browser begins to sign in for this role."""
    asked = {
        "programme": PROGRAMME,
        "role": role,
        "code_challenge": s256_challenge(VERIFIER),
        "code_challenge_method": "S256",
    }
    return f"{address}/signin?{urlencode(asked)}"
