"""Counts failed attempts, so that guessing stays hopeless."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from app.core.errors import RateLimited


@dataclass(slots=True)
class _Window:
    started: float
    used: int = 0


class Attempts:
    """A few attempts a name in a window of time, kept in this process.

    Names are whatever was tried: an unknown account is counted like a known one, so the answer tells nothing.
    """

    def __init__(
        self,
        most: int = 5,
        seconds: float = 900,
        names: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Sets the bounds.

        Args:
            most: Attempts a window.
            seconds: How long a window lasts.
            names: Names remembered; the one untouched for longest is forgotten first.
            clock: Monotonic seconds.
        """
        self._most, self._seconds, self._names, self._clock = most, seconds, names, clock
        self._windows: OrderedDict[str, _Window] = OrderedDict()

    def take(self, name: str) -> None:
        """Counts an attempt before it is made, so that many at once gain nothing.

        Raises:
            RateLimited: The window has no attempt left.
        """
        window = self._window(name)
        if window.used >= self._most:
            wait = window.started + self._seconds - self._clock()
            raise RateLimited(retry_after=wait)
        window.used += 1

    def forgive(self, name: str) -> None:
        """Forgets the attempts of a name: it succeeded."""
        self._windows.pop(name, None)

    def _window(self, name: str) -> _Window:
        now = self._clock()
        window = self._windows.get(name)
        if window is None or now - window.started >= self._seconds:
            window = self._windows[name] = _Window(now)
        self._windows.move_to_end(name)
        if len(self._windows) > self._names:
            self._windows.popitem(last=False)
        return window
