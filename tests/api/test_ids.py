"""Ids and cursors: what we made opens, and nothing else does."""

import pytest

from api.graphql import ids
from domain.errors import InvalidInput, NotFound
from domain.vault import Vault

VAULT = Vault(bytes(range(32)))
OTHER = Vault(bytes(32))


@pytest.mark.parametrize("parts", [(), (0,), (1, -1), (2**63 - 1, -(2**63), 7)])
def test_an_id_gives_back_its_kind_and_parts(parts: tuple[int, ...]) -> None:
    text = ids.seal(VAULT, "record", *parts)
    assert ids.opened(VAULT, text) == ("record", parts)
    assert ids.unseal(VAULT, "record", text) == parts
    assert ids.unseal(VAULT, ("score", "record"), text) == parts


def test_equal_objects_have_equal_ids_and_neighbours_show_no_likeness() -> None:
    first, again, second = (ids.seal(VAULT, "record", number) for number in (1, 1, 2))
    assert first == again
    assert sum(left == right for left, right in zip(first, second, strict=True)) < len(first) // 2


def test_an_id_of_another_kind_or_another_city_is_no_id() -> None:
    text = ids.seal(VAULT, "record", 1)
    for vault, kind in ((VAULT, "score"), (VAULT, "recor"), (OTHER, "record")):
        with pytest.raises(NotFound):
            ids.unseal(vault, kind, text)


def test_no_letter_of_an_id_can_be_changed() -> None:
    text = ids.seal(VAULT, "record", 1, 2)
    for place in range(len(text)):
        for letter in "Aa0-_":
            forged = text[:place] + letter + text[place + 1 :]
            if forged != text:
                with pytest.raises(NotFound):
                    ids.opened(VAULT, forged)


@pytest.mark.parametrize("text", ["", "x", "=", "ä", "A" * 401, "A" * 400, " ", "\n", "A" * 10 + "=="])
def test_garbage_is_no_id(text: str) -> None:
    with pytest.raises(NotFound):
        ids.opened(VAULT, text)


def test_a_cursor_belongs_to_one_list_and_is_no_id() -> None:
    cursor = ids.seal_cursor(VAULT, "Citizen.records", ("2026-01-01", 5, None))
    assert ids.unseal_cursor(VAULT, "Citizen.records", cursor) == ("2026-01-01", 5, None)
    for name, text in (("Citizen.accessLog", cursor), ("Citizen.records", ids.seal(VAULT, "record", 1))):
        with pytest.raises(InvalidInput) as refused:
            ids.unseal_cursor(VAULT, name, text)
        assert refused.value.field == "after"
    with pytest.raises(NotFound):
        ids.opened(VAULT, cursor)
