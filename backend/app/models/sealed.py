"""Sealed columns: each knows its table and column, and of which key parts its row is made."""

import zlib
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson

from app.core.multi_tenant import TenantTx, cipher_of
from app.core.sealing import Cipher, join, place

Part = UUID | bytes | str | int
"""A part of a row's key."""


class SealedColumn:
    """A column whose values are sealed, as JSON, for their own row.

    All of them stand in ``SEALED``: rotation seals them anew.
    """

    def __init__(self, table: str, column: str, *key: str, packed: bool = False) -> None:
        """Names the place.

        Args:
            table: The table.
            column: The column.
            key: The columns that, after ``client_id``, tell its rows apart.
            packed: Whether values are compressed before they are sealed: what is sealed can't be.
        """
        self.table, self.column, self.key = table, column, key
        self.client = "id" if table == "clients" else "client_id"
        self._place = place(table, column)
        self._packed = packed
        SEALED.append(self)

    def seal(self, cipher: Cipher, value: Any, *row: Part) -> bytes:
        """Seals a value for a row."""
        written = orjson.dumps(value, default=str)
        return cipher.seal(_pack(written) if self._packed else written, self._place, row_of(row))

    def open(self, cipher: Cipher, sealed: bytes, *row: Part) -> Any:
        """Opens a row's value.

        Raises:
            Unreadable: It was altered or moved, or its key is gone.
        """
        return orjson.loads(self.written(cipher, sealed, *row))

    def written(self, cipher: Cipher, sealed: bytes, *row: Part) -> bytes:
        """A row's value as it was written: JSON, or what ``put_bytes`` was given.

        Raises:
            Unreadable: It was altered or moved, or its key is gone.
        """
        value = cipher.open(sealed, self._place, row_of(row))
        return zlib.decompress(value) if self._packed and value.startswith(_PACKED) else value

    def put(self, tx: TenantTx, value: Any, *row: Part) -> bytes | None:
        """What is written into the row: NULL stays NULL."""
        return None if value is None else self.seal(cipher_of(tx), value, *row)

    def get(self, tx: TenantTx, sealed: bytes | None, *row: Part) -> Any:
        """What stands in the row."""
        return None if sealed is None else self.open(cipher_of(tx), sealed, *row)

    def put_bytes(self, tx: TenantTx, value: bytes, *row: Part) -> bytes:
        """What is written for a value that is bytes already, such as a file."""
        return cipher_of(tx).seal(value, self._place, row_of(row))

    def get_bytes(self, tx: TenantTx, sealed: bytes | None, *row: Part) -> bytes | None:
        """The bytes that stand in the row."""
        return None if sealed is None else cipher_of(tx).open(sealed, self._place, row_of(row))

    def again(self, cipher: Cipher, sealed: bytes, *row: Part) -> bytes:
        """The same value, sealed with the newest key."""
        bound = row_of(row)
        return cipher.seal(cipher.open(sealed, self._place, bound), self._place, bound)


_PACKED = b"X"
"""How zlib's format begins with ours of its windows (RFC 1950), and no JSON: what rests unpacked is read as well."""

SEALED: list[SealedColumn] = []


def _pack(written: bytes) -> bytes:
    """Compressed, with a window of 8 KiB: preparing the usual one takes ten times as long as filling it."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 13, 5)
    return packer.compress(written) + packer.flush()


def row_of(parts: Sequence[Part]) -> bytes:
    """A row's key as bytes; a column's rows all have the same kind of key."""
    if len(parts) == 1 and isinstance(parts[0], UUID):
        return parts[0].bytes
    return join(*map(_raw, parts))


def _raw(part: Part) -> bytes | str:
    match part:
        case UUID():
            return part.bytes
        case int():
            return part.to_bytes(8, "big")
        case _:
            return part
