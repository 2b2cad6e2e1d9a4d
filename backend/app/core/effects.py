"""The last moment before an effect that can't be taken back: when a request's bytes go to the socket.

Whoever holds a lease may be paused anywhere: before a check, after it, while a connection opens. So the check is
asked once more by the HTTP session itself, right before it hands a body to its transport. What is left between that
question and the socket is a few instructions; the half of the lease that the check keeps free is for them.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import SimpleNamespace

import aiohttp

Check = Callable[[], None]
"""Raises when the effect must not begin any more."""


class _LastWord:
    """A check, and what it said."""

    def __init__(self, check: Check) -> None:
        self._check = check
        self.refusal: Exception | None = None

    def ask(self) -> None:
        try:
            self._check()
        except Exception as refusal:
            self.refusal = refusal
            raise


_asked: ContextVar[_LastWord | None] = ContextVar("last_word", default=None)


@contextmanager
def checked(check: Check) -> Iterator[None]:
    """Asks ``check`` now, and again before each write of a body within. Its refusal is what is raised."""
    word = _LastWord(check)
    word.ask()
    token = _asked.set(word)
    try:
        yield
    except Exception as error:
        if word.refusal is not None:  # The session speaks of a connection that broke; this is why.
            raise word.refusal from error
        raise
    finally:
        _asked.reset(token)


def tracing() -> aiohttp.TraceConfig:
    """What makes a session ask."""
    trace = aiohttp.TraceConfig()
    trace.on_request_chunk_sent.append(_ask)
    return trace


async def _ask(
    _session: aiohttp.ClientSession,
    _context: SimpleNamespace,
    _params: aiohttp.TraceRequestChunkSentParams,
) -> None:
    """Despite its name the signal comes before the bytes are written, and an exception keeps them from it."""
    if word := _asked.get():
        word.ask()
