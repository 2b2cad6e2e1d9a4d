"""Behind the log: takes in what platforms told, batch by batch, and notes how far it is only afterwards.

A batch that is interrupted anywhere is read again, and what it wrote already is a duplicate that nobody sees. A record
that can't be taken in, alone and after several tries, goes to the dead letters: the others behind it don't wait.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Protocol

import structlog

from app.core.errors import Unavailable, WafaaError
from app.core.sealing import Ciphers
from app.services.queue.base import DEAD_LETTERS, INBOUND, EventLog, Record, Taken
from app.services.queue.producer import Inbound, opened

log = structlog.get_logger(__name__)

MOST = 500
READ_SECONDS = 0.5
LONGEST_PAUSE = 5.0
TRIES = 5
"""Of one record alone, with pauses of 0.1 to 0.8 s between them: what passes by must not make a dead letter."""

Take = Callable[[Sequence[Inbound]], Awaitable[None]]
"""Writes what is new of some items. When it returns, everything is committed."""

Bury = Callable[[Inbound, Exception], Awaitable[None]]
"""Keeps one that can't be taken in, with its error, for people. When it returns, that is committed."""


class ConsumerObserver(Protocol):
    """Who is told how taking in goes."""

    def taken_in(self, records: int, age_seconds: float) -> None:
        """Records were taken in; the last of them had waited for so long."""

    def buried(self, code: str) -> None:
        """A record became a dead letter."""


class Consumer:
    """One member of the group that takes records in."""

    def __init__(
        self,
        event_log: EventLog,
        ciphers: Ciphers,
        take: Take,
        bury: Bury,
        observer: ConsumerObserver,
    ) -> None:
        self._log = event_log
        self._ciphers = ciphers
        self._take = take
        self._keep = bury
        self._observer = observer
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Takes in until ``stop``; then finishes the batch it has."""
        while not self._stopping.is_set():
            await self._step()

    def stop(self) -> None:
        """Reads nothing more."""
        self._stopping.set()

    async def _step(self) -> None:
        """Reads a batch, takes it in, notes it."""
        try:
            batch = await self._log.read(INBOUND, MOST, READ_SECONDS)
        except Unavailable:
            log.warning("event_log_unreachable")
            await self._pause(1.0)
            return
        if batch and await self._until_taken(batch):
            await self._log.commit(batch)

    async def _until_taken(self, batch: Sequence[Taken]) -> bool:
        """Tries until the batch is in; tells whether it is, or somebody wants us to stop."""
        pause = 0.1
        while True:
            try:
                return await self._take_in(batch)
            except (
                Unavailable
            ):  # Its records wait in the log, not we in the group: it knows how long that may be.
                log.warning("batch_waits", records=len(batch))
            await self._pause(pause)
            pause = min(LONGEST_PAUSE, pause * 2)
            if self._stopping.is_set():
                return False

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return

    async def _take_in(self, batch: Sequence[Taken]) -> bool:
        items = [pair for one in batch if (pair := await self._open(one))]
        try:
            await self._take([item for _, item in items])
        except Unavailable:
            raise
        except Exception:  # One of them is bad, whatever that means: each shows by itself which.
            log.warning("batch_split", records=len(items), exc_info=True)
            for one, item in items:
                await self._take_alone(one, item)
        age = (
            max((datetime.now(UTC) - item.at).total_seconds() for _, item in items) if items else 0
        )
        self._observer.taken_in(len(items), age)
        return True

    async def _open(self, one: Taken) -> tuple[Taken, Inbound] | None:
        try:
            return one, await opened(one, self._ciphers)
        except Unavailable:
            raise
        except (
            Exception
        ) as error:  # Damaged, foreign, of a client that is no more: it will never open.
            await self._bury(one, error)
            return None

    async def _take_alone(self, one: Taken, item: Inbound) -> None:
        for attempt in range(1, TRIES + 1):
            try:
                return await self._take([item])
            except Unavailable:
                raise
            except Exception as error:
                if attempt == TRIES:
                    await self._keep(item, error)
                    return await self._bury(one, error)
            await self._pause(0.05 * 2**attempt)
        return None

    async def _bury(self, one: Taken, error: Exception) -> None:
        """Makes a record a dead letter: as it was, with its error, and where it stood."""
        code = error.code if isinstance(error, WafaaError) else "internal_error"
        headers = {
            "error": code,
            "error-type": type(error).__name__,
            "origin": f"{one.topic}/{one.partition}/{one.offset}",
        }
        extra = {name: value.encode() for name, value in headers.items()}
        await self._log.append(DEAD_LETTERS, [Record(one.key, one.value, {**one.headers, **extra})])
        log.error("record_buried", code=code, error_type=type(error).__name__, exc_info=error)
        self._observer.buried(code)
