"""Look-ups that are remembered for a moment."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Remembered(Generic[K, V]):
    """Keeps the latest answers for some seconds, and at most ``most`` of them. Failures aren't kept.

    Those who ask for the same at the same time share one look-up.
    """

    def __init__(self, *, seconds: float, most: int = 10_000) -> None:
        self._seconds = seconds
        self._most = most
        self._known: OrderedDict[K, tuple[float, V]] = OrderedDict()
        self._sought: dict[K, asyncio.Task[V]] = {}

    async def get(self, key: K, find: Callable[[], Coroutine[Any, Any, V]]) -> V:
        """The remembered answer, or a fresh one."""
        known = self._known.get(key)
        if known and known[0] > time.monotonic():
            return known[1]
        if key not in self._sought:
            self._sought[key] = asyncio.create_task(self._find(key, find))
        return await asyncio.shield(
            self._sought[key]
        )  # One who leaves doesn't stop it for the others.

    async def _find(self, key: K, find: Callable[[], Coroutine[Any, Any, V]]) -> V:
        try:
            value = await find()
        finally:
            del self._sought[key]
        self._known[key] = (time.monotonic() + self._seconds, value)
        self._known.move_to_end(key)
        if len(self._known) > self._most:
            self._known.popitem(last=False)
        return value
