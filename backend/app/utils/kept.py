"""What was worked out of somebody's values, kept while it is used."""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

V = TypeVar("V")


class Kept:
    """At most ``most`` things, each for ``seconds`` after it was last used; every one is somebody's."""

    def __init__(
        self, most: int, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = most
        self._seconds = seconds
        self._clock = clock
        self._things: OrderedDict[tuple[bytes, Hashable], tuple[Any, float]] = OrderedDict()

    def once(self, owner: bytes, key: Hashable, make: Callable[[], V]) -> V:
        """What was made before, if it is still here; else it is made now."""
        known, now = self._things.pop((owner, key), None), self._clock()
        thing: V = known[0] if known else make()
        self._things[owner, key] = (thing, now)
        if not known:
            self.tidy()
        return thing

    def forget(self, owner: bytes) -> None:
        """Forgets all that is somebody's."""
        for key in [key for key in self._things if key[0] == owner]:
            del self._things[key]

    def tidy(self) -> None:
        """Forgets what nobody has used for long, and what is too much."""
        unused = self._clock() - self._seconds
        while self._things:
            key, (_, used) = next(iter(self._things.items()))
            if used >= unused and len(self._things) <= self._most:
                return
            del self._things[key]
