"""What rests is sealed: a value opens only with its client's key, and only in the place it was sealed for.

AES-256-GCM. Client, table, column and row are bound as associated data, so a value that was copied to another place
doesn't open. A client's secret never seals by itself: each purpose has a key of its own, derived from it by HKDF.
Look-up values are keyed BLAKE2b hashes.

Layout: ``format (1) | key version (4) | nonce (12) | ciphertext and tag``.
"""

import os
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Protocol, TypeVar
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.core.errors import Unavailable, Unreadable
from app.utils.chance import Chance
from app.utils.kept import Kept

V = TypeVar("V")

FORMAT = b"\x02"
INDEX_BYTES = 16
_HEAD = 5
_BODY = 17
_SHORTEST = _BODY + 16
_NONCES = Chance(12)


@dataclass(frozen=True, slots=True)
class Secret:
    """What one version of a client's key consists of.

    Attributes:
        sealing: Values are sealed with what is derived from it. Each version has another one.
        index: Look-up values are made with what is derived from it. It is the same in every version: a look-up value
            can't be made anew where only the value itself is known.
    """

    sealing: bytes = field(repr=False)
    index: bytes = field(repr=False)

    @classmethod
    def new(cls) -> "Secret":
        """The secret of a new client."""
        return cls(os.urandom(32), os.urandom(32))

    @classmethod
    def read(cls, raw: bytes) -> "Secret":
        """The secret that ``raw`` was made of."""
        return cls(raw[:32], raw[32:])

    def next(self) -> "Secret":
        """The secret of the next version."""
        return Secret(os.urandom(32), self.index)

    @property
    def raw(self) -> bytes:
        """As it is wrapped."""
        return self.sealing + self.index


class Cipher:
    """Seals and opens one client's values, and makes what sealed values are looked up by."""

    def __init__(
        self,
        client_id: UUID,
        secrets: Mapping[int, Secret],
        current: int,
        opened: Kept | None = None,
    ) -> None:
        """Takes every version that may still be met, the one that seals, and what keeps what was opened."""
        self.client_id = client_id
        self._opened = opened
        self._client = client_id.bytes
        self._heads = {version: FORMAT + version.to_bytes(4, "big") for version in secrets}
        self._keys = {
            self._heads[version]: AESGCM(_derive(secret.sealing, b"wafaa/seal"))
            for version, secret in secrets.items()
        }
        self.version = current
        self.head = self._heads[current]
        self._key = self._keys[self.head]
        self._index = secrets[current].index
        self._index_keys: dict[str, bytes] = {}

    def seal(self, plaintext: bytes, place: bytes, row: bytes) -> bytes:
        """Seals a value for one row of a place."""
        nonce = _NONCES.take()
        bound = self.head + self._client + place + row
        return self.head + nonce + self._key.encrypt(nonce, plaintext, bound)

    def open(self, sealed: bytes, place: bytes, row: bytes) -> bytes:
        """Opens a value in the place it was sealed for.

        Raises:
            Unreadable: It was altered, moved here from another place, or its key is gone.
            Unavailable: It was sealed under a key so new that this process doesn't know it yet.
        """
        head = sealed[:_HEAD]
        key = self._keys.get(head)
        if key is None or len(sealed) < _SHORTEST:
            self._refuse(sealed)
        else:
            try:
                return key.decrypt(
                    sealed[_HEAD:_BODY], sealed[_BODY:], head + self._client + place + row
                )
            except InvalidTag as error:
                raise Unreadable from error
        raise Unreadable

    def once(self, key: Hashable, make: Callable[[], V]) -> V:
        """What ``make`` makes of sealed values, which it opens: made once, and kept for no longer than this key is.

        Args:
            key: The sealed values themselves, each with the row it was sealed for.
            make: Opens them.
        """
        return self._opened.once(self._client, key, make) if self._opened else make()

    def _refuse(self, sealed: bytes) -> None:
        newest = max(self._heads.values())
        if sealed[:1] == FORMAT and len(sealed) >= _SHORTEST and sealed[:_HEAD] > newest:
            raise Unavailable("A value's key isn't known here yet. Try again shortly.")

    def is_current(self, sealed: bytes) -> bool:
        """Whether the newest version sealed it; rotation seals the others again."""
        return sealed[:_HEAD] == self.head

    def index(self, value: str | bytes, purpose: str) -> bytes:
        """What a sealed value is looked up by: equal for equal values of one client and purpose, and of no others."""
        raw = value.encode() if isinstance(value, str) else value
        key = self._index_keys.get(purpose) or self._index_key(purpose)
        return blake2b(raw, digest_size=INDEX_BYTES, key=key).digest()

    def _index_key(self, purpose: str) -> bytes:
        key = self._index_keys[purpose] = _derive(self._index, b"wafaa/index/" + purpose.encode())
        return key


class Ciphers(Protocol):
    """Who knows clients' keys."""

    async def of(self, client_id: UUID) -> Cipher:
        """A client's cipher. Never call it inside a transaction: it may have to ask a key service.

        Raises:
            Erased: The client's key was destroyed.
            Unavailable: The key can't be had now.
        """


def place(table: str, column: str) -> bytes:
    """How a column is bound: no two columns give the same bytes, nor the beginning of each other's."""
    return join(table, column)


def join(*parts: bytes | str) -> bytes:
    """Joins parts with their lengths, so that no two lists of parts give the same bytes."""
    pieces: list[bytes] = []
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        pieces += (len(raw).to_bytes(4, "big"), raw)
    return b"".join(pieces)


def _derive(secret: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(secret)
