"""How the number of a heating, water, plate or card account is read, shown in part, and recognised again."""

from typing import Final

from domain.errors import InvalidInput
from domain.programmes.rules.terms import ServiceAccountKind
from domain.values import words
from domain.vault import Vault

SEALED_AS: Final = "account"
MAX_LIVE: Final = 10
_SHORTEST: Final = 4
_LONGEST: Final = 32
_MOST_SHOWN: Final = 4
_BETWEEN: Final = str.maketrans("", "", " \t-·•.")


def number_of(text: str) -> str:
    """An account number as we keep it: letters and digits in capitals. Raises: InvalidInput for anything else."""
    number = text.translate(_BETWEEN).upper()
    if not _SHORTEST <= len(number) <= _LONGEST or not number.isalnum():
        raise InvalidInput(
            words(
                f"账号须为 {_SHORTEST} 至 {_LONGEST} 位字母、数字或汉字。请对照账单重新输入。",
                f"An account number has {_SHORTEST} to {_LONGEST} letters and digits. Please copy it from the bill.",
            ),
            field="number",
        )
    return number


def masked(number: str) -> str:
    """The last few characters, enough to tell one's own accounts apart."""
    shown = min(_MOST_SHOWN, len(number) // 3)
    return "*" * (len(number) - shown) + number[len(number) - shown :]


def digest_of_account(vault: Vault, programme_id: int, kind: ServiceAccountKind, number: str) -> bytes:
    """What is compared: the same account linked by two people has one digest."""
    return vault.digest("account", str(programme_id), kind.value, number)
