"""Runs a page's drawing operators, with a scanner of its own.

Most of the time of reading a PDF goes into cutting its content streams into tokens, letter by letter: a page of shaped
Arabic has tens of thousands of them. One regular expression halves the time of the whole; what it doesn't know
(pictures inside the stream, strings with bare brackets inside) is left to pdfminer's own parser.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pdfminer.pdfinterp import PDFPageInterpreter
from pdfminer.pdftypes import stream_value
from pdfminer.psparser import LIT

_TOKEN = re.compile(
    rb"""[\0\t\n\f\r ]*+(?:
    (?P<number>[+-]?(?:\d++\.?\d*+|\.\d++)) |
    (?P<operator>[A-Za-z'"][A-Za-z0-9*'"]*+) |
    /(?P<name>[^\0\t\n\f\r ()<>\[\]{}/%]*+) |
    <(?P<hex>[0-9A-Fa-f\0\t\n\f\r ]*+)> |
    \((?P<string>(?:[^()\\]++|\\.)*+)\) |
    (?P<bracket><<|>>|\[|\]) |
    (?P<comment>%[^\r\n]*+) |
    (?P<unusual>[^\0\t\n\f\r ])
    )""",
    re.DOTALL | re.VERBOSE,
)
_INLINE_IMAGE = re.compile(rb"\bBI\b")
_ESCAPE = re.compile(rb"\\([0-7]{1,3}|\r\n|.)", re.DOTALL)
_HASH = re.compile(rb"#([0-9A-Fa-f]{2})")
_LETTERS = {
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
    b"b": b"\b",
    b"f": b"\f",
    b"\n": b"",
    b"\r": b"",
    b"\r\n": b"",
}
_CONSTANTS = {b"true": True, b"false": False, b"null": None}


class Unusual(Exception):
    """Something that this scanner leaves to pdfminer. Not an error, so not named like one."""


class Operator(str):
    """A word that draws, or sets how to draw."""

    __slots__ = ()


class Interpreter(PDFPageInterpreter):
    """Pdfminer's interpreter on a faster scanner."""

    def execute(self, streams: Sequence[object]) -> None:
        """Draws content streams, unless they are being drawn already."""
        found = [stream_value(stream) for stream in streams]
        fresh = {
            stream.objid: stream
            for stream in found
            if stream.objid and stream.objid not in self.parent_stream_ids
        }
        try:
            tokens = list(scan(b"\n".join(stream.get_data() for stream in fresh.values())))
        except Unusual:
            super().execute(streams)
            return
        self.stream_ids.clear()
        self.stream_ids.update(fresh)
        self._draw(tokens)

    def _draw(self, tokens: Sequence[Any]) -> None:
        methods: dict[str, tuple[Callable[..., None], int] | None] = {}
        for token in tokens:
            if not isinstance(token, Operator):
                self.argstack.append(token)
                continue
            if token not in methods:
                methods[token] = self._method(token)
            if (method := methods[token]) is not None:
                draw, count = method
                operands = self.pop(count) if count else []
                if len(operands) == count:
                    draw(*operands)
            self.argstack = []

    def _method(self, operator: str) -> tuple[Callable[..., None], int] | None:
        name = operator.replace("*", "_a").replace('"', "_w").replace("'", "_q")
        method = getattr(self, f"do_{name}", None)
        return (method, method.__code__.co_argcount - 1) if method else None


def scan(content: bytes) -> Iterator[Any]:
    """Operands and operators in their order.

    Raises:
        Unusual: There is something in it that only pdfminer's parser knows.
    """
    if _INLINE_IMAGE.search(content):
        raise Unusual
    open_lists: list[list[object]] = []
    for match in _TOKEN.finditer(content):
        kind = match.lastgroup
        text = match[kind or 0]
        if kind == "comment":
            continue
        if kind == "bracket" and text in (b"[", b"<<"):
            open_lists.append([])
            continue
        token = _closed(open_lists, text) if kind == "bracket" else _READ[kind or "unusual"](text)
        if open_lists:
            open_lists[-1].append(token)
        else:
            yield token


def _closed(open_lists: list[list[object]], bracket: bytes) -> object:
    if not open_lists:
        raise Unusual
    items = open_lists.pop()
    if bracket == b"]":
        return items
    return {
        getattr(key, "name", key): value
        for key, value in zip(items[::2], items[1::2], strict=False)
    }


def _number(text: bytes) -> float:
    return float(text) if b"." in text else int(text[:32])


def _word(text: bytes) -> object:
    return _CONSTANTS[text] if text in _CONSTANTS else Operator(text.decode("latin-1"))


def _name(text: bytes) -> object:
    plain = _HASH.sub(lambda code: bytes((int(code[1], 16),)), text) if b"#" in text else text
    try:
        return LIT(plain.decode())
    except UnicodeDecodeError:
        return LIT(plain)


def _hex(text: bytes) -> bytes:
    digits = b"".join(text.replace(b"\0", b"").split())
    return bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode())


def _string(text: bytes) -> bytes:
    return _ESCAPE.sub(_escaped, text) if b"\\" in text else text


def _escaped(match: re.Match[bytes]) -> bytes:
    code = match[1]
    return (
        bytes((int(code, 8) & 255,)) if code.isdigit() and code < b"8" else _LETTERS.get(code, code)
    )


def _unusual(_: bytes) -> object:
    raise Unusual


_READ: dict[str, Callable[[bytes], Any]] = {
    "number": _number,
    "operator": _word,
    "name": _name,
    "hex": _hex,
    "string": _string,
    "unusual": _unusual,
}
