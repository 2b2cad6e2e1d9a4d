"""Group commit: what comes in while a write is under way goes out together with the next one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Batcher(Generic[T, R]):
    """Collects items of simultaneous callers into one write. Nobody waits for a full batch: the first goes at once."""

    def __init__(
        self, write: Callable[[Sequence[T]], Awaitable[Sequence[R]]], *, most: int = 100
    ) -> None:
        self._write = write
        self._most = most
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._task: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """How many items wait for the next write."""
        return len(self._waiting)

    async def put(self, items: Sequence[T]) -> list[R]:
        """Writes items and gives their results; an error is raised to those whose item caused it."""
        loop = asyncio.get_running_loop()
        mine = [(item, loop.create_future()) for item in items]
        self._waiting += mine
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._flush())
        if len(mine) == 1:
            return [await mine[0][1]]
        return list(await asyncio.gather(*(future for _, future in mine)))

    async def _flush(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            await self._settle(batch)

    async def _settle(self, batch: list[tuple[T, "asyncio.Future[R]"]]) -> None:
        """Writes a batch; when that fails, each item alone, so that one bad item fails by itself."""
        try:
            results = await self._write([item for item, _ in batch])
        except Exception as error:  # Whatever it is, it belongs to who waits for the item.
            if len(batch) == 1:
                _end(batch[0][1], error)
                return
            for one in batch:
                await self._settle([one])
            return
        for (_, future), result in zip(batch, results, strict=True):
            if not future.done():
                future.set_result(result)


def _end(future: "asyncio.Future[R]", error: Exception) -> None:
    if not future.done():  # Its caller may have left.
        future.set_exception(error)
