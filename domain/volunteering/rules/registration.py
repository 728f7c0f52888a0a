"""Who may volunteer, and under which number and name. No score is asked for, and nobody has a minimum."""

import unicodedata
from datetime import date

from domain.errors import InvalidInput, RuleRefused
from domain.values import add_months, words
from domain.vault import Vault
from domain.volunteering.rules.terms import VolunteerTerms

ADULT_AGE = 18
CALL_NAME_LENGTH = 20

# Damm's quasigroup of order 10: finds every single wrong digit and every swap of two neighbours.
_DAMM = (
    (0, 3, 1, 7, 5, 9, 8, 6, 4, 2),
    (7, 0, 9, 2, 1, 5, 4, 8, 6, 3),
    (4, 2, 0, 6, 8, 7, 1, 3, 5, 9),
    (1, 7, 5, 0, 9, 8, 3, 4, 2, 6),
    (6, 1, 2, 3, 0, 4, 5, 9, 7, 8),
    (3, 6, 7, 4, 2, 0, 9, 5, 8, 1),
    (5, 8, 6, 9, 7, 2, 0, 1, 3, 4),
    (8, 9, 4, 5, 3, 6, 2, 0, 1, 7),
    (9, 4, 3, 8, 6, 1, 7, 2, 0, 5),
    (2, 5, 8, 1, 4, 3, 6, 7, 9, 0),
)


def check_digit(digits: str) -> int:
    """The digit that follows these digits."""
    interim = 0
    for digit in digits:
        interim = _DAMM[interim][int(digit)]
    return interim


def new_number(vault: Vault, *, programme_id: int, person_id: int, attempt: int) -> str:
    """A volunteer number such as V123-456-7890: nine digits that tell nothing, and a check digit.

    It is derived from the person, so that whoever comes back gets the same one.
    """
    digest = vault.digest("volunteer_number", str(programme_id), str(person_id), str(attempt))
    digits = f"{int.from_bytes(digest[:8], 'big') % 10**9:09}"
    return f"V{digits[:3]}-{digits[3:6]}-{digits[6:]}{check_digit(digits)}"


def read_number(typed: str) -> str | None:
    """The number as stored, however it was typed; None when its check digit is wrong."""
    digits = "".join(sign for sign in unicodedata.normalize("NFKC", typed) if sign.isdigit())
    if len(digits) != 10 or check_digit(digits) != 0:
        return None
    return f"V{digits[:3]}-{digits[3:6]}-{digits[6:]}"


def call_name(typed: str) -> str:
    """The name an organiser calls out, cleaned.

    Raises:
        InvalidInput: it is empty, too long, or not one line of text.
    """
    name = " ".join(unicodedata.normalize("NFC", typed).split())
    if not 0 < len(name) <= CALL_NAME_LENGTH or not name.isprintable():
        raise InvalidInput(
            words(
                f"称呼须为1至{CALL_NAME_LENGTH}个字符。请填写组织者可以喊出的称呼。",
                f"A call name has 1 to {CALL_NAME_LENGTH} characters. Enter what the organiser may call out.",
            ),
            field="callName",
        )
    return name


def is_aged(birth_date: date, years: int, day: date) -> bool:
    """Whether somebody is at least so old on this day."""
    return add_months(birth_date, 12 * years) <= day


def minor_until(birth_date: date | None, day: date, terms: VolunteerTerms) -> date | None:
    """The day on which a volunteer comes of age; None for an adult.

    Raises:
        RuleRefused: too young, of unknown age, or under 18 without a guardian's consent.
    """
    if birth_date is None:
        raise RuleRefused(
            words(
                "身份提供方没有给出您的出生日期,无法确认年龄。请用实名账户登录后再登记。",
                "Your identity provider gives no birth date, so your age cannot be checked. "
                "Sign in with a verified account and register again.",
            ),
            rule_source="R20",
        )
    if not is_aged(birth_date, terms.minimum_age, day):
        raise RuleRefused(
            words(
                f"本项目的志愿者须年满{terms.minimum_age}周岁。到时欢迎您登记。",
                f"Volunteers of this programme are at least {terms.minimum_age}. Please come back then.",
            ),
            rule_source="R20",
        )
    if is_aged(birth_date, ADULT_AGE, day):
        return None
    raise RuleRefused(
        words(
            "未满18周岁须有监护人同意。请请监护人取得同意码后再登记。",
            "Under 18 a guardian has to consent. Ask your guardian for a consent code, then register again.",
        ),
        field="guardianCode",
        rule_source="R20",
    )
