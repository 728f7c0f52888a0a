"""Who may volunteer, and under which number and name. No score is asked for, and nobody has a minimum."""

import unicodedata
from datetime import date, timedelta

from domain.errors import InvalidInput, RuleRefused
from domain.values import add_months, typed, words
from domain.vault import Vault
from domain.volunteering.rules.terms import VolunteerTerms

ADULT_AGE = 18
CALL_NAME_LENGTH = 20
GUARDIAN_CODE_LASTS = timedelta(hours=24)

# Crockford's alphabet, and the signs that people write for others.
_SIGNS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ALIKE = str.maketrans("ILO", "110")

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


def read_number(number: str) -> str | None:
    """The number as stored, however it was typed; None when its check digit is wrong."""
    digits = "".join(sign for sign in typed(number) if sign.isdecimal())
    if len(digits) != 10 or check_digit(digits) != 0:
        return None
    return f"V{digits[:3]}-{digits[3:6]}-{digits[6:]}"


def call_name(name: str) -> str:
    """The name an organiser calls out, cleaned.

    Raises:
        InvalidInput: it is empty, too long, or not one line of text.
    """
    name = " ".join(unicodedata.normalize("NFC", name).split())
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


def is_minor(birth_date: date | None, day: date) -> bool:
    """Whether somebody of a known age needs a guardian's consent."""
    return birth_date is not None and not is_aged(birth_date, ADULT_AGE, day)


def check_guardian(birth_date: date | None, day: date) -> None:
    """Only an adult consents for a minor.

    Raises:
        RuleRefused: under 18, or of unknown age.
    """
    if birth_date is None or not is_aged(birth_date, ADULT_AGE, day):
        raise RuleRefused(
            words(
                "只有成年的监护人可以取得同意码。请由监护人本人登录后取得。",
                "Only a guardian of full age gets a consent code. They have to sign in themselves.",
            ),
            rule_source="R20",
        )


def guardian_code(vault: Vault, person_id: int, key: str) -> str:
    """A code such as GC-4F7Q2-9XKTM, which stands for a guardian's consent; computed again for a repeated request."""
    digest = vault.digest("guardian code", str(person_id), key)
    number = int.from_bytes(digest[:8])
    signs = "".join(_SIGNS[number >> 5 * place & 31] for place in range(10))
    return f"GC-{signs[:5]}-{signs[5:]}"


def guardian_mac(vault: Vault, code: str) -> bytes:
    """What is kept of a code, however it was typed."""
    return vault.digest("guardian code mac", typed(code).translate(_ALIKE))


def wrong_guardian_code() -> InvalidInput:
    """What is said to a code that is unknown, used or past its day; one is as good as another."""
    return InvalidInput(
        words(
            "监护人同意码不正确或已失效。请请监护人重新取得。",
            "This guardian's code is wrong or no longer good. Ask your guardian for a new one.",
        ),
        field="guardianCode",
    )


def minor_until(
    birth_date: date | None, day: date, terms: VolunteerTerms, *, guardian_id: int | None = None
) -> date | None:
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
    if guardian_id is not None:
        return add_months(birth_date, 12 * ADULT_AGE)
    raise RuleRefused(
        words(
            "未满18周岁须有监护人同意。请请监护人取得同意码后再登记。",
            "Under 18 a guardian has to consent. Ask your guardian for a consent code, then register again.",
        ),
        field="guardianCode",
        rule_source="R20",
    )
