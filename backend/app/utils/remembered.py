"""Look-ups that are remembered for a moment."""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Remembered(Generic[K, V]):
    """Keeps the latest answers for some seconds, and at most ``most`` of them. Failures aren't kept."""

    def __init__(self, *, seconds: float, most: int = 10_000) -> None:
        self._seconds = seconds
        self._most = most
        self._known: OrderedDict[K, tuple[float, V]] = OrderedDict()

    async def get(self, key: K, find: Callable[[], Awaitable[V]]) -> V:
        """The remembered answer, or a fresh one."""
        known = self._known.get(key)
        if known and known[0] > time.monotonic():
            return known[1]
        value = await find()
        self._known[key] = (time.monotonic() + self._seconds, value)
        self._known.move_to_end(key)
        if len(self._known) > self._most:
            self._known.popitem(last=False)
        return value
