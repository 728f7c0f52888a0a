"""Opaque, signed ids and cursors: what an object is, whose it is, and its key, unreadable to forge."""

import base64
import binascii
import hmac
import json
import re
import struct
from collections.abc import Sequence
from typing import Final, TypeAlias

from domain.errors import InvalidInput, NotFound
from domain.values import words
from domain.vault import Vault

_MAC_BYTES: Final = 10
_MAX_CHARS: Final = 400
_FORM: Final = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)

Key: TypeAlias = tuple[int | str | None, ...]


def seal(vault: Vault, kind: str, *parts: int) -> str:
    """The id of one object; parts are whole numbers of 64 bits, the owner's first where there is one."""
    return _sign(vault, "id", kind.encode() + b"\0" + struct.pack(f">{len(parts)}q", *parts))


def opened(vault: Vault, text: str) -> tuple[str, tuple[int, ...]]:
    """The kind and the parts of an id that we made. Raises: NotFound for anything else."""
    payload = _verify(vault, "id", text)
    if payload is None:
        raise NotFound
    kind, _, packed = payload.partition(b"\0")
    return kind.decode(), struct.unpack(f">{len(packed) // 8}q", packed)


def unseal(vault: Vault, kinds: str | Sequence[str], text: str) -> tuple[int, ...]:
    """The parts of an id of this kind, or of one of these kinds. Raises: NotFound for anything else."""
    kind, parts = opened(vault, text)
    if kind != kinds and (isinstance(kinds, str) or kind not in kinds):
        raise NotFound
    return parts


def seal_cursor(vault: Vault, name: str, key: Key) -> str:
    """A place in the list of this name: the sort key of its last entry."""
    return _sign(vault, f"cursor {name}", json.dumps(key, separators=(",", ":")).encode())


def unseal_cursor(vault: Vault, name: str, text: str) -> Key:
    """The sort key behind a cursor of this list. Raises: InvalidInput for anything else."""
    payload = _verify(vault, f"cursor {name}", text)
    if payload is None:
        raise InvalidInput(
            words("游标无效。请从第一页重新读取。", "This cursor belongs to no page of this list. Start at the first."),
            field="after",
        )
    return tuple(json.loads(payload))


def _sign(vault: Vault, purpose: str, payload: bytes) -> str:
    mac = _mac(vault, purpose, payload)
    return base64.urlsafe_b64encode(mac + _mask(vault, purpose, mac, payload)).rstrip(b"=").decode()


def _verify(vault: Vault, purpose: str, text: str) -> bytes | None:
    """What was signed; None unless the text is to the letter what `_sign` wrote."""
    if not 0 < len(text) <= _MAX_CHARS or not _FORM.fullmatch(text):
        return None
    try:
        signed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        return None
    mac = signed[:_MAC_BYTES]
    payload = _mask(vault, purpose, mac, signed[_MAC_BYTES:])
    if not hmac.compare_digest(mac, _mac(vault, purpose, payload)):
        return None
    # The last letter carries unused bits: of all its spellings only ours is an id.
    return payload if base64.urlsafe_b64encode(signed).rstrip(b"=").decode() == text else None


def _mac(vault: Vault, purpose: str, payload: bytes) -> bytes:
    return vault.digest(purpose, payload.hex())[:_MAC_BYTES]


def _mask(vault: Vault, purpose: str, mac: bytes, payload: bytes) -> bytes:
    """Hides or shows the payload: numbers that count up would tell how many people there are."""
    stream = b""
    while len(stream) < len(payload):
        stream += vault.digest("mask", purpose, mac.hex(), str(len(stream)))
    return bytes(left ^ right for left, right in zip(payload, stream, strict=False))
