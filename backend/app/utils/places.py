"""A bounded number of places, and a bounded wait for one."""

import asyncio


class Places:
    """At most ``most`` at once. Others wait for a moment, in the order in which they came, if not too many do already.

    Whoever gets none has waited, or finds the queue full: work that can't be done in time is refused, at little cost,
    and at a pace that those who ask again at once don't set.
    """

    def __init__(self, most: int, *, seconds: float, waiting: int = 10_000) -> None:
        """Leaves every place free.

        Args:
            most: How many places there are.
            seconds: How long one may wait.
            waiting: How many may wait.
        """
        self._free = asyncio.Semaphore(most)
        self._seconds = seconds
        self._room = waiting

    async def enter(self) -> bool:
        """Takes a place, to be left again; tells whether there was one in time."""
        if not self._free.locked():
            return await self._free.acquire()
        if not self._room:
            return False
        self._room -= 1
        try:
            async with asyncio.timeout(self._seconds):
                return await self._free.acquire()
        except TimeoutError:
            return False
        finally:
            self._room += 1

    def leave(self) -> None:
        """Gives a place back."""
        self._free.release()
