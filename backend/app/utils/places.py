"""A bounded number of places, and a bounded wait for one."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

Told = Callable[[bool], bool]
"""Who is told whether there is a place, to be left again; gives whether anybody is there to hear it."""

_GRAIN_SECONDS = 0.001
"""Clocks of event loops count milliseconds: who has waited almost long enough has waited."""


@dataclass(slots=True, eq=False)
class _Turn:
    """One who waits, until they are told or have left."""

    until: float
    told: Told | None


class Places:
    """At most ``most`` at once. Others wait for a moment, in the order in which they came, if not too many do already.

    Whoever gets none has waited, or finds the queue full: work that can't be done in time is refused, at little cost,
    and at a pace that those who ask again at once don't set. All wait equally long, so who came first is looked after
    first, and one timer is enough for thousands.
    """

    def __init__(self, most: int, *, seconds: float, waiting: int = 10_000) -> None:
        """Leaves every place free.

        Args:
            most: How many places there are.
            seconds: How long one may wait.
            waiting: How many may wait.
        """
        self._free = most
        self._seconds = seconds
        self._room = waiting
        self._waiting = deque[_Turn]()
        self._timer: asyncio.TimerHandle | None = None

    def ask(self, told: Told) -> None:
        """Takes a place for somebody who is told when there is one, or that there is none in time.

        Whoever waits is no task meanwhile: thousands of those cost more than what they wait for.

        Args:
            told: Is called once: at once, or from the event loop. The place of who isn't there goes to the next.
        """
        if self._free:
            self._free -= 1
            if not told(True):
                self.leave()
        elif self._room:
            self._queue(told)
        else:
            told(False)

    async def enter(self) -> bool:
        """Takes a place, to be left again; tells whether there was one in time."""
        if self._free:
            self._free -= 1
            return True
        if not self._room:
            return False
        future = asyncio.get_running_loop().create_future()

        def told(has_place: bool) -> bool:
            if not future.done():
                future.set_result(has_place)
            return not future.cancelled()

        turn = self._queue(told)
        try:
            return bool(await future)
        except asyncio.CancelledError:
            if future.cancelled():
                self._end(turn)
            elif future.result():  # It was called, and leaves before it heard so.
                self.leave()
            raise

    def leave(self) -> None:
        """Gives a place back: to who has waited for longest, if anybody does."""
        while self._waiting:
            told = self._end(self._waiting.popleft())
            if told and told(True):
                return
        self._free += 1

    def _queue(self, told: Told) -> _Turn:
        self._room -= 1
        loop = asyncio.get_running_loop()
        self._waiting.append(turn := _Turn(loop.time() + self._seconds, told))
        if self._timer is None:
            self._timer = loop.call_later(self._seconds, self._send_away, loop)
        return turn

    def _end(self, turn: _Turn) -> Told | None:
        """Ends somebody's waiting; gives how they are told, if they haven't left."""
        told, turn.told = turn.told, None
        self._room += told is not None
        return told

    def _send_away(self, loop: asyncio.AbstractEventLoop) -> None:
        """Tells those who have waited for long enough; looks again when the next will have."""
        now = loop.time() + _GRAIN_SECONDS
        while self._waiting and self._waiting[0].until <= now:
            if told := self._end(self._waiting.popleft()):
                told(False)
        later = self._waiting[0].until if self._waiting else None
        self._timer = loop.call_at(later, self._send_away, loop) if later else None
