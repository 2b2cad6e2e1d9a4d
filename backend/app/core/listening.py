"""Hearing what the database notifies, on a connection of one's own that is begun anew whenever it breaks."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from app.core.pool import FAILURES, connect

PULSE_SECONDS = 2.0
MOST_UNHEARD = 10_000
"""Words that wait for whoever listens: who comes later than that reads everything anew, as after a break."""

_CLOSED = "\0closed"
_MISSED = {
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "3",
    "tcp_keepalives_count": "3",
}
"""How soon the server gives up a listener that can't be reached: those of the way in count as open intake till then."""


async def listen(url: str, channel: str, *, name: str, pulse: float) -> AsyncIterator[str | None]:
    """Yields the payloads of a NOTIFY channel; None when listening begins, or begins again after a break.

    What was notified while it was away is lost: read after every None.

    Args:
        url: The database itself: a pooler would lend the session to others.
        channel: What is listened to.
        name: Under which others see the connection, for as long as this process lives and can be reached.
        pulse: Seconds of silence after which it is seen whether the other end is still there.
    """
    while True:
        with suppress(*FAILURES):
            async for payload in _once(url, channel, name, pulse):
                yield payload
        await asyncio.sleep(0.5)


async def _once(url: str, channel: str, name: str, pulse: float) -> AsyncIterator[str | None]:
    connection = await connect(url, cached=100, application_name=name, **_MISSED)
    queue: asyncio.Queue[str | None] = asyncio.Queue()

    def heard(
        _: "asyncpg.Connection[Any] | PoolConnectionProxy[Any]", _pid: int, _c: str, payload: object
    ) -> None:
        if queue.qsize() < MOST_UNHEARD:
            queue.put_nowait(str(payload))
            return
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(_CLOSED)

    def closed(_: object) -> None:
        queue.put_nowait(_CLOSED)

    try:
        await connection.add_listener(channel, heard)
        connection.add_termination_listener(closed)
        yield None
        beat = time.monotonic()
        while (silent := time.monotonic() - beat) < 2 * pulse:
            if silent >= pulse:  # A cable may be cut: whoever only listens never learns of it.
                await connection.execute(f'LISTEN "{channel}"', timeout=pulse)
                beat = time.monotonic()
            payload = await _next_of(queue, beat + pulse - time.monotonic())
            if payload is _CLOSED:
                return
            if payload is not None:
                yield payload
        # It was stopped itself, and begins anew: nobody shall think that it was there all the time.
    finally:
        connection.terminate()


async def _next_of(queue: asyncio.Queue[str | None], seconds: float) -> str | None:
    """What comes next; None when nothing has come in time."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            return await queue.get()
    return None
