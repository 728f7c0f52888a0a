"""Refresh tokens and one-time codes: opaque texts of which the database keeps only a digest."""

from uuid import UUID

import pytest

from api.tokens import OpaqueToken, new_opaque_token, parse_opaque_token, s256_challenge

SESSION = UUID("0198c0de-0000-7000-8000-000000000001")


def test_an_opaque_token_survives_being_spelled() -> None:
    token = new_opaque_token(SESSION)
    assert parse_opaque_token(token.spell()) == token
    assert len(token.refresh_digest()) == 32
    assert token.refresh_digest() != new_opaque_token(SESSION).refresh_digest()


def test_an_opaque_token_shows_no_secret_when_logged() -> None:
    assert repr(OpaqueToken(session_id=SESSION, secret="s" * 43)) == f"OpaqueToken(session_id={SESSION!r})"


def test_a_one_time_code_fits_one_challenge_and_is_no_refresh_token() -> None:
    code = new_opaque_token(SESSION)
    digests = {
        code.refresh_digest(),
        code.exchange_digest("a"),
        code.exchange_digest("b"),
        code.exchange_digest(""),
    }
    assert len(digests) == 4


@pytest.mark.parametrize(
    "text",
    ["", ".", "x.y", f"{SESSION}.{'s' * 43}", f"{SESSION.hex}.{'s' * 42}", f"{SESSION.hex}.{'s' * 44}",
     f"{SESSION.hex}.{'s' * 42}é", f"{SESSION.hex}.{'s' * 43}\n", "\x00" * 76,
     f"{SESSION.hex.upper()}.{'s' * 43}",
     f" {SESSION.hex}.{'s' * 43}"],
)  # fmt: skip
def test_a_text_that_cannot_be_ours_is_no_opaque_token(text: str) -> None:
    assert parse_opaque_token(text) is None


def test_the_pkce_challenge_is_that_of_the_standard_s_example() -> None:
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert s256_challenge(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
