"""Having the database's log written to the disk for all who wait, so that not everybody does it for themselves.

Whoever commits holds the log's end until what they wrote rests on the disk, and whoever else commits waits. Workers do
so hundreds of times a second. Where they let the server commit without waiting, and wait here for many commits at once,
with a pause in between, a webhook finds the log free.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial

from app.core.errors import Unavailable
from app.core.hands import resting
from app.core.pool import FAILURES, Connection

PAUSE_SECONDS = 0.007
"""From the end of one flush to the beginning of the next, at least: meanwhile the log is free of us."""

FLUSH_SECONDS = 5.0
"""How long a flush may take: whoever waits is told then that nothing is known."""

RESTED_SECONDS = 20.0
"""After so long without a word a connection is asked whether it lives, before anything depends on it."""

_FLUSH = "SELECT pg_catalog.pg_logical_emit_message(true, 'wafaa', '')"
"""The least that a transaction can write. Its commit waits for the disk, and for all that was committed before it."""


class Flushes:
    """One connection by which one flush after the other is asked for."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[Connection]],
        *,
        seconds: float = FLUSH_SECONDS,
        rested: float = RESTED_SECONDS,
    ) -> None:
        """Opens nothing yet.

        Args:
            connect: Opens a connection to the database itself.
            seconds: How long a flush may take.
            rested: After how long without a word it is asked whether the connection lives.
        """
        self._connect = connect
        self._seconds = seconds
        self._rested = rested
        self._opening, self._asking = asyncio.Lock(), asyncio.Lock()
        self._connection: Connection | None = None
        self._waiting: list[asyncio.Future[None]] = []
        self._task: asyncio.Task[None] | None = None
        self._free_at = self._heard_at = 0.0

    async def begin(self) -> Callable[[], Awaitable[None]]:
        """Gives what waits, once called, until all that was committed by then rests on the disk.

        Called before the commit: a server that dies in between loses what hadn't been written, and may be back at
        once. So the connection has to be the same from before the commit until after the flush.

        Raises:
            Unavailable: The database can't be reached; or, of what is given, it isn't known what rests there, as when a
                commit isn't answered.
        """
        return partial(self._flushed, await self._opened())

    async def close(self) -> None:
        """Hangs up. Who still waits is told that nothing is known."""
        if self._task:
            self._task.cancel()
        self._break([])
        if self._connection:
            self._connection.terminate()

    async def _opened(self) -> Connection:
        async with self._opening:
            connection = self._connection
            if connection is None or not await self._lives(connection):
                try:
                    connection = self._connection = await self._connect()
                except FAILURES as error:
                    raise _unknown() from error
                self._heard_at = time.monotonic()
            return connection

    async def _lives(self, connection: Connection) -> bool:
        """Whether it can be trusted: one that rested for long may have been given up by somebody between."""
        if time.monotonic() - self._heard_at > self._rested:
            try:
                await self._ask(connection, "SELECT 1")
            except FAILURES:
                connection.terminate()
        return not connection.is_closed()

    async def _flushed(self, connection: Connection) -> None:
        if connection.is_closed() or connection is not self._connection:
            raise _unknown()
        self._waiting.append(mine := asyncio.get_running_loop().create_future())
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._serve(connection))
        async with resting():
            await mine

    async def _serve(self, connection: Connection) -> None:
        while self._waiting:
            await asyncio.sleep(max(0.0, self._free_at - time.monotonic()))
            served, self._waiting = self._waiting, []
            try:
                await self._ask(connection, _FLUSH)
            except BaseException as error:
                connection.terminate()
                self._break(served)
                if isinstance(error, FAILURES):
                    return
                raise
            self._free_at = time.monotonic() + PAUSE_SECONDS
            for one in served:
                if not one.done():
                    one.set_result(None)

    async def _ask(self, connection: Connection, sql: str) -> None:
        async with self._asking:
            await connection.execute(sql, timeout=self._seconds)
            self._heard_at = time.monotonic()

    def _break(self, served: list["asyncio.Future[None]"]) -> None:
        waiting, self._waiting = [*served, *self._waiting], []
        for one in waiting:
            if not one.done():
                one.set_exception(_unknown())


def _unknown() -> Unavailable:
    return Unavailable("The database can't be reached. Try again shortly.")
