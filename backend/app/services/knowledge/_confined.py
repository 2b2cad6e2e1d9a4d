"""What runs in the confined child process: limits first, then one file is read and its blocks are written out.

Reads from standard input one line of JSON (what the file claims to be) and then the file; writes one line of JSON a
block and a last one that tells how it ended. It gets no secrets, no network where the system lets it, little memory and
little time, so that a hostile file harms nobody but itself.
"""

import ctypes
import gc
import json
import logging
import os
import resource
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from app.core import plugins
from app.core.errors import InvalidInput, TooLarge, Unavailable, UnsupportedMedia, WafaaError
from app.services.knowledge._sniff import media_type_of
from app.services.knowledge.base import Block, BlockKind, Parser

PARSERS = "app.services.knowledge.parsers"
MAX_BLOCKS = 50_000
MAX_CHARACTERS = 5_000_000
LONGEST_BLOCK = 20_000
"""Longer texts are cut between words."""

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_SIGKILL = 9


def main() -> None:
    """Reads the file on standard input within the limits given there."""
    request: dict[str, Any] = json.loads(sys.stdin.buffer.readline())
    alone = confine(request["memory"], request["cpu_seconds"])
    logging.disable()
    gc.disable()  # One file, then the end: looking for cycles only takes time.
    ending = _outcome(request)
    _write({**ending, "alone": alone})
    sys.stdout.flush()
    os._exit(0)  # What was parsed may take long to tear down.


def _outcome(request: dict[str, Any]) -> dict[str, Any]:
    """Writes the blocks; tells how it went."""
    try:
        content = sys.stdin.buffer.read()
        for block in bounded(read(content, request["media_type"], request["filename"])):
            _write([block.kind, block.text, block.level, block.question, block.page, block.suspect])
    except WafaaError as error:
        return _failure(type(error), error.message, error)
    except ImportError as error:
        return _failure(Unavailable, "The part that reads files isn't installed completely.", error)
    except MemoryError as error:
        return _failure(TooLarge, "This file takes too much to read. Split it.", error)
    except Exception as error:  # Whatever a file provokes in a parser, it is the file's fault.
        return _failure(
            InvalidInput,
            "This file is broken or unusual. Save it again in its program and send that.",
            error,
        )
    return {}


def _failure(kind: type[WafaaError], message: str, cause: BaseException) -> dict[str, str]:
    """How it failed: for people, and for the log, which gets the place in our code and nothing of the file."""
    place = cause.__traceback__
    while place and place.tb_next:
        place = place.tb_next
    where = f"{Path(place.tb_frame.f_code.co_filename).name}:{place.tb_lineno}" if place else "?"
    return {
        "error": kind.__name__,
        "message": message,
        "cause": f"{type(cause).__name__} in {where}",
    }


def confine(memory: int, cpu_seconds: int) -> bool:
    """Gives up what a parser doesn't need; tells whether the network is among it.

    As root, the limit on processes isn't enforced by the kernel, and where user namespaces are forbidden, the network
    stays; both are told to whoever runs this installation.
    """
    alone = sys.platform == "linux" and _leave(ctypes.CDLL(None, use_errno=True))
    _lower(resource.RLIMIT_AS, memory)
    _lower(resource.RLIMIT_CPU, cpu_seconds, grace=1)
    _lower(resource.RLIMIT_NOFILE, 32)
    _lower(resource.RLIMIT_FSIZE, 0)
    _lower(resource.RLIMIT_NPROC, 0)
    _lower(resource.RLIMIT_CORE, 0)
    return alone


def _leave(system: ctypes.CDLL) -> bool:
    """Dies with its parent, gains no rights, and moves to a network of its own where there is nobody."""
    system.prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
    system.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    namespaces = (_CLONE_NEWUSER | _CLONE_NEWNET, _CLONE_NEWNET)
    return any(system.unshare(namespace) == 0 for namespace in namespaces)


def _lower(limit: int, value: int, grace: int = 0) -> None:
    """Sets a limit, unless a lower one is set already."""
    soft, hard = (
        found if found != resource.RLIM_INFINITY else sys.maxsize
        for found in resource.getrlimit(limit)
    )
    resource.setrlimit(limit, (min(value, soft), min(value + grace, hard)))


def read(content: bytes, media_type: str, filename: str) -> Iterable[Block]:
    """The blocks of a file, by the parser for what it is."""
    found = media_type_of(content, media_type, filename)
    return parser_for(found, filename).parse(content)


def parser_for(media_type: str, filename: str = "") -> Parser:
    """The parser that reads a media type.

    Those named like the type or the extension are asked first, so that usually one module is imported and not all.

    Raises:
        UnsupportedMedia: None does.
    """
    likely = {*media_type.split("/"), filename.rpartition(".")[2].lower()}
    for name in sorted(plugins.names(PARSERS), key=lambda name: name not in likely):
        parser: Parser = plugins.load(PARSERS, name).adapter()
        if media_type in parser.media_types:
            return parser
    raise UnsupportedMedia


def bounded(blocks: Iterable[Block]) -> Iterator[Block]:
    """The blocks in pieces of bearable length.

    Raises:
        TooLarge: There are too many, or too many letters in all.
    """
    count = characters = 0
    for block in blocks:
        for piece in _pieces(block):
            count += 1
            characters += len(piece.text) + len(piece.question or "")
            if count > MAX_BLOCKS or characters > MAX_CHARACTERS:
                raise TooLarge("This file holds more text than one document can. Split it.")
            yield piece


def _pieces(block: Block) -> Iterator[Block]:
    if len(block.question or "") > LONGEST_BLOCK:
        raise TooLarge("A question in this file is longer than any person asks.")
    if block.suspect and not block.text:
        yield block
    start = 0
    while start < len(block.text):
        end = _end(block.text, start)
        kind = block.kind if start == 0 else BlockKind.PARAGRAPH
        text = block.text[start:end].strip()
        yield Block(
            kind,
            text,
            block.level,
            block.question if start == 0 else None,
            block.page,
            block.suspect,
        )
        start = end


def _end(text: str, start: int) -> int:
    """Where the piece that begins at ``start`` ends: between words, if there are any."""
    end = start + LONGEST_BLOCK
    if end >= len(text):
        return len(text)
    space = max(text.rfind(" ", start + 1, end), text.rfind("\n", start + 1, end))
    return space if space > start else end


def _write(line: object) -> None:
    sys.stdout.buffer.write(json.dumps(line, ensure_ascii=False).encode("utf-8", "replace") + b"\n")


if __name__ == "__main__":
    main()
