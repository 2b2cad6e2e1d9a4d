"""Group commit: what comes in while a write is under way goes out together with the next one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


@dataclass(slots=True, eq=False)
class _Call:
    """A caller's items have an order: none is written whose predecessor wasn't."""

    failed: Exception | None = None


Waiting = tuple[T, asyncio.Future[R], _Call]


class Batcher(Generic[T, R]):
    """Collects items of simultaneous callers into one write. Nobody waits for a full batch: the first goes at once.

    One bad item fails by itself. What says nothing about an item, such as a server that is away for a moment, stops
    those behind it in the same call as well: written now, they would have overtaken it when it comes again.
    """

    def __init__(
        self,
        write: Callable[[Sequence[T]], Awaitable[Sequence[R]]],
        *,
        most: int = 100,
        passing: type[Exception] = Exception,
    ) -> None:
        """Writes nothing yet.

        Args:
            write: Writes several.
            most: So many at most.
            passing: What says nothing about an item.
        """
        self._write = write
        self._most = most
        self._passing = passing
        self._waiting: list[Waiting[T, R]] = []
        self._task: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """How many items wait for the next write."""
        return len(self._waiting)

    async def put(self, items: Sequence[T]) -> list[R]:
        """Writes items and gives their results; an error is raised to those whose item caused it."""
        loop, call = asyncio.get_running_loop(), _Call()
        mine: list[Waiting[T, R]] = [(item, loop.create_future(), call) for item in items]
        self._waiting += mine
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._flush())
        if len(mine) == 1:
            return [await mine[0][1]]
        return list(await asyncio.gather(*(future for _, future, _ in mine)))

    async def _flush(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            await self._settle(batch)

    async def _settle(self, batch: Sequence[Waiting[T, R]]) -> None:
        """Writes a batch; when that fails, each item alone."""
        written = [one for one in batch if not _has_stopped(one)]
        if not written:
            return
        try:
            results = await self._write([item for item, _, _ in written])
        except Exception as error:  # Whatever it is, it belongs to who waits for the item.
            if len(written) == 1:
                [(_, future, call)] = written
                call.failed = error if isinstance(error, self._passing) else None
                _end(future, error)
                return
            for one in written:
                await self._settle([one])
            return
        for (_, future, _), result in zip(written, results, strict=True):
            if not future.done():
                future.set_result(result)


def _has_stopped(one: Waiting[T, R]) -> bool:
    """Whether something before it in its call failed; then it fails as well."""
    _, future, call = one
    if call.failed is not None:
        _end(future, call.failed)
    return call.failed is not None


def _end(future: "asyncio.Future[R]", error: Exception) -> None:
    if not future.done():  # Its caller may have left.
        future.set_exception(error)
