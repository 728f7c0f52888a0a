"""What keeps personal data unreadable: a data key per person, and keyed digests derived from one master key.

The master key lives outside the database. Erasing a person is deleting the row with the wrapped data key.
"""

import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12


class Vault:
    """Wraps data keys, seals texts under them, and makes keyed digests for look-ups and codes.

    The 32-byte master key is never used directly: each purpose has a key of its own.
    """

    def __init__(self, master_key: bytes) -> None:
        if len(master_key) != 32:
            raise ValueError("the vault's master key has 32 bytes")
        self._master = master_key
        self._purposes: dict[str, bytes] = {}

    def __repr__(self) -> str:
        return "Vault(…)"

    def digest(self, purpose: str, *parts: str) -> bytes:
        """A keyed 32-byte digest of the parts, good for this purpose only."""
        key = self._purposes.get(purpose)
        if key is None:
            key = self._purposes[purpose] = hmac.digest(self._master, purpose.encode(), "sha256")
        return hmac.digest(key, "\x1f".join(parts).encode(), "sha256")

    def new_data_key(self) -> bytes:
        """A fresh data key, wrapped: this is what `person_key` stores."""
        return self._encrypt(self._wrapping_key(), os.urandom(32), b"person_key")

    def seal(self, wrapped_key: bytes, field: str, text: str) -> bytes:
        """The text, readable only with that person's key and only as that field."""
        return self._encrypt(self._unwrap(wrapped_key), text.encode(), field.encode())

    def open(self, wrapped_key: bytes, field: str, sealed: bytes) -> str:
        """The sealed text. Raises ValueError when key, field or content do not fit."""
        return self._decrypt(self._unwrap(wrapped_key), sealed, field.encode()).decode()

    def _wrapping_key(self) -> bytes:
        return hmac.digest(self._master, b"wrap", "sha256")

    def _unwrap(self, wrapped_key: bytes) -> bytes:
        return self._decrypt(self._wrapping_key(), wrapped_key, b"person_key")

    @staticmethod
    def _encrypt(key: bytes, content: bytes, bound_to: bytes) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + AESGCM(key).encrypt(nonce, content, bound_to)

    @staticmethod
    def _decrypt(key: bytes, sealed: bytes, bound_to: bytes) -> bytes:
        try:
            return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound_to)
        except InvalidTag as error:
            raise ValueError("this text was not sealed with this key for this field") from error
