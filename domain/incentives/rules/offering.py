"""How a product comes to people: who may take which step, and in which words it is refused."""

from collections.abc import Mapping
from typing import Final

from domain.errors import AlreadyDecided, InvalidInput, SamePerson
from domain.values import Words, words

MAX_REASON: Final = 500
MAX_REF: Final = 100
# One million yuan in fen, a thousand times over: more in one step is a slip of the hand.
MAX_AMOUNT: Final = 100_000_000_000
GIVEN: Final = frozenset({"PUBLISHED", "SUSPENDED"})

_STATUS: Final[Mapping[str, Words]] = {
    "DRAFT": words("草案", "a draft"),
    "APPROVED": words("已批准", "approved"),
    "PUBLISHED": words("已发布", "published"),
    "SUSPENDED": words("已暂停", "suspended"),
    "REPLACED": words("已被新版取代", "replaced by a later version"),
}


def check_status(status: str, allowed: frozenset[str], field: str) -> None:
    """Raises: AlreadyDecided when a product does not stand where this step begins."""
    if status not in allowed:
        stands = _STATUS[status]
        raise AlreadyDecided(
            words(
                f"这项惠民目前是“{stands.zh}”,不能进行这一步。请先查看其状态。",
                f"This product is {stands.en}; this step does not follow. Look at where it stands first.",
            ),
            field=field,
        )


def check_second_person(drafted_by: int | None, person_id: int | None) -> int:
    """Raises: SamePerson when whoever has drafted would approve."""
    if person_id is None or person_id == drafted_by:
        raise SamePerson(
            words("起草人不能批准自己的草案。请由另一人批准。", "Who has drafted does not approve. Ask somebody else.")
        )
    return person_id


def check_newest(version: int, current: int) -> None:
    """Raises: AlreadyDecided for a version that a later one has overtaken."""
    if version < current:
        raise AlreadyDecided(
            words(
                f"第 {current} 版已经发布。请在它的基础上重新起草。",
                f"Version {current} is published already. Draft again on top of that.",
            ),
            field="id",
        )


def check_text(value: str, field: str, most: int) -> str:
    """The text without blanks around it. Raises: InvalidInput when nothing, or too much, is left."""
    written = value.strip()
    if not 0 < len(written) <= most:
        raise InvalidInput(
            words(f"请填写 1 到 {most} 个字符。", f"Write between 1 and {most} characters."), field=field
        )
    return written


def check_addition(waiting: int, amount: int, *, approved: bool, by: tuple[int, int]) -> None:
    """A second person stands for the same money on the same decision. `by`: who put it forward, and who approves.

    Raises: AlreadyDecided when the money is there, SamePerson, InvalidInput for another sum.
    """
    if approved:
        raise AlreadyDecided(
            words(
                "已按这一决定追加过。如需再次追加,请填写新的决定。", "This decision was used for it. Name a new one."
            ),
            field="decisionRef",
        )
    if by[0] == by[1]:
        raise SamePerson(
            words(
                "追加须由另一人批准。请等待审批员批准。", "Somebody else approves an addition. Please ask an approver."
            )
        )
    if waiting != amount:
        raise InvalidInput(
            words(
                f"按这一决定提交的是 {waiting}。请核对决定后填写同一数额。",
                f"On this decision {waiting} was put forward. Check the decision, and give the same sum.",
            ),
            field="amount",
        )


def check_amount(amount: int) -> None:
    """Raises: InvalidInput for nothing, and for more than one decision gives."""
    if not 0 < amount <= MAX_AMOUNT:
        raise InvalidInput(
            words(f"金额须为 1 到 {MAX_AMOUNT} 之间的整数。", f"Give a whole number from 1 to {MAX_AMOUNT}."),
            field="amount",
        )
