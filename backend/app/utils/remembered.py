"""Look-ups that are remembered for a moment, and for longer while nobody can be asked."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


@dataclass(slots=True)
class _Known(Generic[V]):
    """An answer; both moments are monotonic."""

    value: V
    found: float
    fresh_until: float


class Remembered(Generic[K, V]):
    """Keeps the latest answers for some seconds, and at most ``most`` of them. Failures aren't kept.

    Those who ask for the same at the same time share one look-up.
    """

    def __init__(
        self,
        *,
        seconds: float,
        most: int = 10_000,
        outlives: type[Exception] | None = None,
        longest: float = 0.0,
        patience: float = 0.25,
    ) -> None:
        """Remembers nothing yet.

        Args:
            seconds: How long an answer is fresh.
            most: How many are kept.
            outlives: The failure that an older answer outlives; None where none does.
            longest: For how many seconds it does.
            patience: Seconds to wait for a fresh answer where an older one would do.
        """
        self._seconds = seconds
        self._most = most
        self._forgiven = (TimeoutError, outlives) if outlives else ()
        self._longest = longest if outlives else 0.0
        self._patience = patience
        self._known: OrderedDict[K, _Known[V]] = OrderedDict()
        self._sought: dict[tuple[K, int], asyncio.Task[V]] = {}
        self._changes = 0

    def fresh(self, key: K) -> V | None:
        """The remembered answer while it is fresh; None where ``get`` has to be asked."""
        known = self._known.get(key)
        return known.value if known and known.fresh_until > time.monotonic() else None

    def known(self, key: K) -> V | None:
        """The remembered answer, fresh or not."""
        known = self._known.get(key)
        return known.value if known else None

    async def get(self, key: K, find: Callable[[], Coroutine[Any, Any, V]]) -> V:
        """The remembered answer, or a fresh one."""
        known = self._known.get(key)
        if known and known.fresh_until > time.monotonic():
            return known.value
        asked = (key, self._changes)
        if asked not in self._sought:
            self._sought[asked] = asyncio.create_task(self._find(asked, find))
        # One who leaves doesn't stop it for the others.
        sought = asyncio.shield(self._sought[asked])
        if known is None or known.found + self._longest < time.monotonic():
            return await sought
        return await self._fresh_or(known, sought)

    async def _fresh_or(self, known: _Known[V], sought: "asyncio.Future[V]") -> V:
        """A fresh answer if one can be had soon; else the one there was, for another moment."""
        try:
            return await asyncio.wait_for(sought, self._patience)
        except self._forgiven:
            known.fresh_until = time.monotonic() + self._seconds
            return known.value

    def change(self, which: Callable[[V], bool]) -> None:
        """Something changed: answers that it may concern, and those being sought just now, aren't fresh any more."""
        self._changes += 1
        for known in self._known.values():
            if which(known.value):
                known.fresh_until = 0.0

    def keep_for(self, seconds: float) -> None:
        """How long answers are fresh from now on."""
        self._seconds = seconds

    async def _find(self, asked: tuple[K, int], find: Callable[[], Coroutine[Any, Any, V]]) -> V:
        key, change = asked
        try:
            value = await find()
        finally:
            del self._sought[asked]
        now, fresh = time.monotonic(), change == self._changes
        if fresh or key not in self._known:
            self._known[key] = _Known(value, now, now + self._seconds if fresh else 0.0)
        self._known.move_to_end(key)
        if len(self._known) > self._most:
            self._known.popitem(last=False)
        return value
