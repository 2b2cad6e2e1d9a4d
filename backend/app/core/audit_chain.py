"""How a log is sealed: each batch's digest goes into a head that also holds the one before, and the head is signed.

Pure. Whoever owns the database can write rows and heads; without the installation's master key they can't sign.
"""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

START = bytes(32)
"""Stands before the first head."""


class Digest:
    """The digest of a batch, taken row by row."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256(b"wafaa audit batch 1")
        self.entries = 0

    def add(self, fields: Sequence[Any]) -> None:
        """Takes a row in: its fields with their lengths, so that no two rows look alike."""
        self._hash.update(joined(fields))
        self.entries += 1

    def value(self) -> bytes:
        """The digest of all rows so far."""
        return self._hash.digest()


def head_of(
    before: bytes, client_id: UUID, number: int, upto: datetime, entries: int, digest: bytes
) -> bytes:
    """The head of a batch, chained to the one before."""
    fields = ("wafaa audit head 1", before, client_id, number, upto, entries, digest)
    return hashlib.sha256(joined(fields)).digest()


class HeadSigner:
    """Signs heads with a key derived from the installation's master key."""

    def __init__(self, master_key: str) -> None:
        self._key = hashlib.sha256(b"wafaa audit head\0" + master_key.encode()).digest()

    def sign(self, head: bytes) -> bytes:
        """The signature of a head."""
        return hmac.digest(self._key, head, "sha256")

    def is_signed(self, head: bytes, signature: bytes) -> bool:
        """Whether we signed it."""
        return hmac.compare_digest(self.sign(head), signature)


def joined(fields: Sequence[Any]) -> bytes:
    """Fields as bytes, each with its length; a time by its microseconds."""
    raw = [_bytes(field) for field in fields]
    return b"".join(len(part).to_bytes(8, "big") + part for part in raw)


def _bytes(field: Any) -> bytes:
    match field:
        case bytes():
            return field
        case datetime():
            return field.astimezone(UTC).isoformat(timespec="microseconds").encode()
        case _:
            return str(field).encode("utf-8", "surrogatepass")
