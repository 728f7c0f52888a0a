"""How a code, its typed digits, its match number and a receipt number are spelled.

All of them follow from the number of the presentation and a key outside the database: they can be computed again, and
a dump of the database tells nothing, since only a second digest of each is stored.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import segno

from domain.values import typed
from domain.vault import Vault

LIFE: Final = timedelta(seconds=60)
DIGITS: Final = 8
MAX_TYPED: Final = 64

_PREFIX: Final = "CB1:"
_LETTERS: Final = 26
# Crockford's alphabet leaves out I, L, O and U, which people misread.
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_READ: Final = str.maketrans("OIL", "011")
_RECEIPT_LETTERS: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Macs:
    """What is stored of a code and of its typed digits."""

    code: bytes
    typed: bytes


def code_of(vault: Vault, presentation_id: int) -> str:
    """The text behind the QR picture: 128 bits."""
    digest = vault.digest("presentation", str(presentation_id))
    return _PREFIX + _base32(int.from_bytes(digest[:16], "big"), _LETTERS)


def typed_code_of(vault: Vault, presentation_id: int) -> str:
    """Eight digits for a shop that cannot scan."""
    digest = vault.digest("presentation typed", str(presentation_id))
    return f"{int.from_bytes(digest[:16], 'big') % 10**DIGITS:0{DIGITS}}"


def match_number_of(vault: Vault, presentation_id: int) -> int:
    """Two digits that both screens show."""
    digest = vault.digest("presentation match", str(presentation_id))
    return 10 + int.from_bytes(digest[:8], "big") % 90


def receipt_number_of(vault: Vault, presentation_id: int) -> str:
    """A number to read out on the phone, such as 4F7K-92MQ-XPA3-Y: the last letter checks the others."""
    return _receipt(vault.digest("receipt", str(presentation_id)))


def receipt_number_of_claim(vault: Vault, redemption_id: int) -> str:
    """The same for a claim to an account, for which no code was shown."""
    return _receipt(vault.digest("receipt of claim", str(redemption_id)))


def _receipt(digest: bytes) -> str:
    body = _base32(int.from_bytes(digest[:8], "big") >> 4, _RECEIPT_LETTERS)
    return "-".join((body[:4], body[4:8], body[8:], _check_letter(body)))


def receipt_is_spelled_right(number: str) -> bool:
    """Whether the check letter fits the others."""
    letters = typed(number)
    if len(letters) != _RECEIPT_LETTERS + 1 or not set(letters) <= set(_ALPHABET):
        return False
    return _check_letter(letters[:-1]) == letters[-1]


def spelled_receipt(number: str) -> str:
    """A receipt number as we write it, however somebody has typed it."""
    letters = typed(number).translate(_READ)
    return "-".join((letters[:4], letters[4:8], letters[8:12], letters[12:]))


def macs_of(vault: Vault, presentation_id: int) -> Macs:
    """What is stored of this presentation's code and digits."""
    return Macs(
        code=_stored(vault, code_of(vault, presentation_id)),
        typed=_stored(vault, typed_code_of(vault, presentation_id)),
    )


def mac_of_scanned(vault: Vault, text: str) -> bytes | None:
    """The digest under which a scanned or typed code is looked for; None for what cannot be one."""
    if len(text) > MAX_TYPED:
        return None
    letters = typed(text)
    if len(letters) == DIGITS and letters.isascii() and letters.isdecimal():
        return _stored(vault, letters)
    prefix, body = letters[:4], letters[4:].translate(_READ)
    if prefix != _PREFIX or len(body) != _LETTERS or not set(body) <= set(_ALPHABET):
        return None
    return _stored(vault, _PREFIX + body)


def svg_of(code: str) -> str:
    """The code as a picture: black on white, error correction M, with a margin of four modules."""
    picture = segno.make_qr(code, error="m", boost_error=False)
    return picture.svg_inline(border=4, scale=8, dark="#000", light="#fff")


def _stored(vault: Vault, text: str) -> bytes:
    return vault.digest("presentation stored", text)


def _base32(value: int, letters: int) -> str:
    return "".join(_ALPHABET[value >> 5 * place & 31] for place in reversed(range(letters)))


def _check_letter(body: str) -> str:
    """Luhn's sum over the alphabet: finds every single wrong letter and nearly every swapped pair."""
    total = 0
    for place, letter in enumerate(reversed(body)):
        value = _ALPHABET.index(letter) * (2 if place % 2 == 0 else 1)
        total += value // 32 + value % 32
    return _ALPHABET[-total % 32]
