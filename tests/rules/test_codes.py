"""How codes, digits and receipts are spelled."""

import pytest
import segno
from hypothesis import given
from hypothesis import strategies as st

from domain.redemption.rules import codes
from domain.vault import Vault

VAULT = Vault(bytes(range(32)))
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def test_a_code_is_the_same_for_its_number_and_no_other() -> None:
    assert codes.code_of(VAULT, 7) == codes.code_of(VAULT, 7)
    assert len({codes.code_of(VAULT, number) for number in range(500)}) == 500
    assert codes.code_of(VAULT, 7) != codes.code_of(Vault(bytes(32)), 7)


@given(st.integers(1, 2**62))
def test_every_number_gives_well_spelled_codes(number: int) -> None:
    code = codes.code_of(VAULT, number)
    assert (code[:4], len(code), set(code[4:]) <= set(ALPHABET)) == ("CB1:", 30, True)
    digits = codes.typed_code_of(VAULT, number)
    assert len(digits) == 8
    assert digits.isdecimal()
    assert 10 <= codes.match_number_of(VAULT, number) <= 99
    assert codes.receipt_is_spelled_right(codes.receipt_number_of(VAULT, number))
    assert codes.mac_of_scanned(VAULT, code) == codes.macs_of(VAULT, number).code
    assert codes.mac_of_scanned(VAULT, digits) == codes.macs_of(VAULT, number).typed


def test_case_blanks_and_letters_that_look_alike_do_not_matter() -> None:
    code = codes.code_of(VAULT, 7)
    blurred = code.lower().replace("0", "o").replace("1", "l").replace("cbl:", "cb1:")
    spread = " ".join((blurred[:12], blurred[12:]))
    assert codes.mac_of_scanned(VAULT, spread) == codes.macs_of(VAULT, 7).code


def test_digits_typed_on_a_chinese_keyboard_are_the_same_digits() -> None:
    digits = codes.typed_code_of(VAULT, 7)
    wide = "".join(chr(ord(sign) + 0xFEE0) for sign in f"{digits[:4]}-{digits[4:]}")
    assert wide.isdecimal() is False
    assert codes.mac_of_scanned(VAULT, f"\u3000{wide} ") == codes.macs_of(VAULT, 7).typed


@pytest.mark.parametrize(
    "text", ["", "1234567", "123456789", "١٢٣٤٥٦٧٨", "CB2:" + "0" * 26, "CB1:" + "0" * 25, "CB1:" + "U" * 26, "0" * 65]
)
def test_what_cannot_be_a_code_is_looked_for_nowhere(text: str) -> None:
    assert codes.mac_of_scanned(VAULT, text) is None


def test_a_code_fits_a_small_picture_that_scans_from_a_screen() -> None:
    picture = segno.make_qr(codes.code_of(VAULT, 7), error="m", boost_error=False)
    assert (picture.version, picture.error) == (2, "M")
    assert codes.svg_of(codes.code_of(VAULT, 7)).startswith("<svg")


@given(st.integers(1, 2**40), st.integers(0, 12), st.sampled_from(ALPHABET))
def test_one_wrong_letter_in_a_receipt_is_noticed(number: int, place: int, letter: str) -> None:
    letters = codes.receipt_number_of(VAULT, number).replace("-", "")
    wrong = letters[:place] + letter + letters[place + 1 :]
    assert codes.receipt_is_spelled_right(wrong) is (wrong == letters)


def test_a_receipt_is_found_however_it_is_typed() -> None:
    number = codes.receipt_number_of(VAULT, 7)
    assert codes.spelled_receipt(number.lower().replace("-", " ").replace("1", "i")) == number
    assert not codes.receipt_is_spelled_right("hello")
