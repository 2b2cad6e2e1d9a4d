"""Reads a file in a confined child process; whatever the file is, this process stays well and responsive.

``python -m app.services.knowledge._confined`` is the child. It gets the file through an unlinked temporary file, an
environment without secrets, and limits on memory, time, files and processes; it runs in a session of its own, which is
killed as a whole when time is up or nobody waits any more.
"""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any
from weakref import WeakKeyDictionary

import structlog

from app.core import errors
from app.core.errors import InvalidInput, TooLarge, Unavailable, WafaaError
from app.core.priority import stand_back
from app.services.knowledge.base import Block, BlockKind

log = structlog.get_logger(__name__)

_CHILD = "app.services.knowledge._confined"
_ROOT = Path(__file__).parents[3]
_TOO_LONG = "This file takes too long to read. Split it, or save it in a simpler form."
_NAME_LENGTH = 255


@dataclass(frozen=True, slots=True)
class Limits:
    """What reading one file may cost.

    Attributes:
        size: Bytes of the file.
        memory: Bytes of the child's address space.
        cpu_seconds: Seconds of computing.
        wall_seconds: Seconds on the clock, once it is the file's turn.
        output: Bytes of what was read.
        at_once: Files read at the same time; others wait.
    """

    size: int = 20 * 2**20
    memory: int = 600 * 2**20
    cpu_seconds: int = 20
    wall_seconds: float = 30
    output: int = 48 * 2**20
    at_once: int = 2


async def parse(
    content: bytes, *, media_type: str, filename: str, limits: Limits | None = None
) -> list[Block]:
    """The file's blocks in reading order.

    Args:
        content: The file.
        media_type: What its sender says it is; may be empty.
        filename: Its name; only the extension counts.
        limits: What it may cost.

    Raises:
        InvalidInput: Empty, broken, protected, or not what it claims to be.
        TooLarge: It is too large, unfolds to too much, or takes too long.
        UnsupportedMedia: Files of its kind aren't read.
        Unavailable: The child process can't run here.
    """
    limits = limits or Limits()
    if len(content) > limits.size:
        raise TooLarge(f"This file is larger than {limits.size // 2**20} MB. Split it.")
    async with _turn(limits.at_once):
        written = await _run(content, media_type, filename, limits)
    return await asyncio.to_thread(_blocks, written)


_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()
"""One queue a loop; the first file's limit holds."""


def _turn(at_once: int) -> asyncio.Semaphore:
    return _turns.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(at_once))


async def _run(content: bytes, media_type: str, filename: str, limits: Limits) -> bytes:
    """What the child writes about the file."""
    request = {
        "media_type": media_type,
        "filename": filename[-_NAME_LENGTH:],
        "memory": limits.memory,
    }
    header = json.dumps({**request, "cpu_seconds": limits.cpu_seconds}).encode() + b"\n"
    with await asyncio.to_thread(_spool, header, content) as file:
        try:
            async with asyncio.timeout(limits.wall_seconds), _child(file) as child:
                written = await _read(child, limits.output)
                code = await child.wait()
        except TimeoutError as error:
            raise TooLarge(_TOO_LONG) from error
    _check_exit(code)
    return written


def _spool(header: bytes, content: bytes) -> IO[bytes]:
    file = TemporaryFile()  # noqa: SIM115 - Closed by who asked for it.
    file.write(header)
    file.write(content)
    file.seek(0)
    return file


@asynccontextmanager
async def _child(file: IO[bytes]) -> AsyncIterator[Process]:
    """The confined process; it and all it may have started are gone afterwards."""
    command = (sys.executable, "-s", "-P", "-B", "-m", _CHILD)
    environment = {"PYTHONPATH": str(_ROOT), "PYTHONUTF8": "1", "LC_ALL": "C.UTF-8"}
    child = await asyncio.create_subprocess_exec(
        *command,
        stdin=file,
        stdout=PIPE,
        stderr=DEVNULL,
        env=environment,
        cwd="/",
        start_new_session=True,
    )
    stand_back(child.pid)
    try:
        yield child
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        await asyncio.shield(child.communicate())


async def _read(child: Process, most: int) -> bytes:
    if child.stdout is None:
        raise Unavailable
    written = bytearray()
    while piece := await child.stdout.read(2**16):
        written += piece
        if len(written) > most:
            raise TooLarge("This file holds more text than one document can. Split it.")
    return bytes(written)


def _check_exit(code: int) -> None:
    if code == 0:
        return
    log.warning("parser_died", code=code)
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        raise TooLarge(_TOO_LONG)
    if code < 0:
        raise InvalidInput("This file is broken. Save it again in its program and send that.")
    raise Unavailable


def _blocks(written: bytes) -> list[Block]:
    """Decodes line by line, so that other threads get their turn in between."""
    blocks: list[Block] = []
    for line in BytesIO(written):
        match json.loads(line):
            case [kind, *rest]:
                blocks.append(Block(BlockKind(kind), *rest))
            case ending:
                _check_ending(ending)
                return blocks
    raise Unavailable("The process that reads files broke off.")


def _check_ending(ending: dict[str, Any]) -> None:
    if not ending["alone"]:
        _warn_of_network()
    if name := ending.get("error"):
        log.info("file_refused", error_type=name, reason=ending["cause"])
        kind: type[WafaaError] = getattr(errors, name)
        raise kind(ending["message"])


@cache
def _warn_of_network() -> None:
    """Once a process: the operator may allow user namespaces, or not mind."""
    log.warning(
        "parser_shares_network",
        hint="Allow user namespaces, so that the parser runs without a network.",
    )
