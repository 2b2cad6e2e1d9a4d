"""How the embedding server and its clients talk: frames of a length and a payload over a Unix socket.

A request is one byte for the purpose, the id of the client whose texts they are, then every text with its length. An
answer is one byte for the outcome, then a message for people or the vectors as little-endian float32. One request at a
time a connection.
"""

import asyncio
import struct
import sys
from array import array
from collections.abc import Iterator, Sequence
from uuid import UUID

from app.services.knowledge.base import Purpose, Vector

MAX_FRAME = 8 * 1024 * 1024
DONE, FAILED = b"\0", b"\1"

_LENGTH = struct.Struct("<I")
_HEAD = 1 + 16
_NOBODY = UUID(int=0)
_PURPOSES = {Purpose.QUERY: b"\0", Purpose.PASSAGE: b"\1"}
_BY_BYTE = {code: purpose for purpose, code in _PURPOSES.items()}


class Garbled(ValueError):
    """The other side doesn't speak this protocol."""


async def read_frame(reader: asyncio.StreamReader) -> bytes:
    """The next payload.

    Raises:
        asyncio.IncompleteReadError: The other side is gone.
        Garbled: The frame is too long.
    """
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    if length > MAX_FRAME:
        raise Garbled(f"A frame of {length} bytes.")
    return await reader.readexactly(length)


def frame(*parts: bytes) -> bytes:
    """A payload with its length in front."""
    return b"".join((_LENGTH.pack(sum(map(len, parts))), *parts))


def pack_request(texts: Sequence[str], purpose: Purpose, whose: UUID | None = None) -> bytes:
    """A request's frame; ``whose`` is None for the installation's own texts.

    Lone surrogates, which UTF-8 can't carry, become question marks.
    """
    encoded = [text.encode("utf-8", "replace") for text in texts]
    return frame(
        _PURPOSES[purpose],
        (whose or _NOBODY).bytes,
        *(part for text in encoded for part in (_LENGTH.pack(len(text)), text)),
    )


def unpack_request(payload: bytes) -> tuple[list[str], Purpose, UUID]:
    """The texts and the purpose of a request, and whose it is.

    Raises:
        Garbled: The payload isn't a request.
    """
    try:
        return list(_texts(payload)), _BY_BYTE[payload[:1]], UUID(bytes=payload[1:_HEAD])
    except (KeyError, ValueError, struct.error, UnicodeDecodeError) as error:
        raise Garbled("This is no request.") from error


def _texts(payload: bytes) -> Iterator[str]:
    at = _HEAD
    while at < len(payload):
        (length,) = _LENGTH.unpack_from(payload, at)
        at += _LENGTH.size
        if at + length > len(payload):
            raise Garbled("A text ends behind its frame.")
        yield payload[at : at + length].decode()
        at += length


def unpack_vectors(content: bytes, dimensions: int) -> list[Vector]:
    """The vectors of an answer."""
    floats = array("f", content)
    if sys.byteorder == "big":
        floats.byteswap()
    return [tuple(floats[at : at + dimensions]) for at in range(0, len(floats), dimensions)]
