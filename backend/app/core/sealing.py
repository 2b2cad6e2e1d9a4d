"""Secrets at rest: sealed so that they open only in the row that they were written to.

AES-256-GCM. Each client has a key of its own, derived from the master key (HKDF); client, table, column and
row are bound as associated data, so a sealed value copied to another place doesn't open. The first bytes name
the format and the master key: a wrapped data key per client, and the rotation of both, can come as a new format
without changing a caller.

Layout: ``format (1) | key id (4) | nonce (12) | ciphertext and tag``.
"""

import hashlib
import hmac
import os
from functools import lru_cache
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.core.errors import Misconfigured

FORMAT = b"\x01"
SHORTEST_KEY = 32
_KEY_ID = slice(1, 5)
_HEAD = slice(0, 5)
_NONCE = slice(5, 17)
_BODY = slice(17, None)
_TAG_BYTES = 16


class Sealer:
    """Seals and opens secrets; makes keyed look-up values."""

    def __init__(self, master_key: str, *retired: str) -> None:
        """Takes the key that seals, and older ones that still open.

        Raises:
            Misconfigured: A key is too short.
        """
        if any(len(key.encode()) < SHORTEST_KEY for key in (master_key, *retired)):
            raise Misconfigured(f"WAFAA_MASTER_KEY needs at least {SHORTEST_KEY} bytes.")
        self._masters = {_key_id(key.encode()): key.encode() for key in (*retired, master_key)}
        self._key_id = _key_id(master_key.encode())
        self._index_master = _derive(master_key.encode(), b"wafaa/blind-index")
        self._cipher = lru_cache(maxsize=4096)(self._make_cipher)

    def seal(
        self, plaintext: bytes, *, client_id: UUID, table: str, column: str, row: UUID | str
    ) -> bytes:
        """Seals a secret for one place."""
        head, nonce = FORMAT + self._key_id, os.urandom(12)
        place = _place(head, client_id, table, column, row)
        return head + nonce + self._cipher(self._key_id, client_id).encrypt(nonce, plaintext, place)

    def unseal(
        self, sealed: bytes, *, client_id: UUID, table: str, column: str, row: UUID | str
    ) -> bytes:
        """Opens a secret in the place it was sealed for.

        Raises:
            Misconfigured: It was sealed under a key we don't have, altered, or moved here from another place.
        """
        key_id = sealed[_KEY_ID]
        if sealed[:1] != FORMAT or len(sealed) < _BODY.start + _TAG_BYTES:
            raise Misconfigured("A stored secret is damaged. Enter it again.")
        if key_id not in self._masters:
            raise Misconfigured("A stored secret was sealed under another WAFAA_MASTER_KEY.")
        place = _place(sealed[_HEAD], client_id, table, column, row)
        try:
            return self._cipher(key_id, client_id).decrypt(sealed[_NONCE], sealed[_BODY], place)
        except InvalidTag as error:
            raise Misconfigured("A stored secret was altered or moved. Enter it again.") from error

    def is_current(self, sealed: bytes) -> bool:
        """Whether the newest key sealed it; rotation seals the others again."""
        return sealed[_HEAD] == FORMAT + self._key_id

    def blind_index(self, value: str, client_id: UUID, purpose: str) -> bytes:
        """What to look a sealed value up by: equal for equal values of one client and purpose, and of no others."""
        return hmac.digest(self._index_master, _join(client_id.bytes, purpose, value), "sha256")

    def _make_cipher(self, key_id: bytes, client_id: UUID) -> AESGCM:
        return AESGCM(_derive(self._masters[key_id], b"wafaa/seal/" + client_id.bytes))


def _key_id(master: bytes) -> bytes:
    return hashlib.sha256(b"wafaa/key-id\0" + master).digest()[:4]


def _derive(master: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(master)


def _place(head: bytes, client_id: UUID, table: str, column: str, row: UUID | str) -> bytes:
    return _join(head, client_id.bytes, table, column, str(row))


def _join(*parts: bytes | str) -> bytes:
    """Joins parts with their lengths, so that no two lists of parts give the same bytes."""
    raw = [part.encode() if isinstance(part, str) else part for part in parts]
    return b"".join(len(part).to_bytes(4, "big") + part for part in raw)
