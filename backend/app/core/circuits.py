"""Calls behind circuits: who fails is left alone for a while, and who is well isn't asked after each time."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.core.errors import (
    CircuitOpen,
    Indeterminate,
    RateLimited,
    UpstreamUnavailable,
    WafaaError,
)
from app.core.resilience import Breaker, Clock

TRUST_SECONDS = 1.0
"""For how long after a call that went well nobody is asked whether another may be made."""

SLOW_SECONDS = 2.0
"""A call that ended so late, nobody knows how, has failed; a connection that broke at once cost nobody anything."""

MOST_TRUSTED = 10_000


class Trusting:
    """What one process knows of its circuits, in front of a breaker that is shared between processes."""

    def __init__(self, breaker: Breaker, clock: Clock = time.monotonic) -> None:
        """Keeps who remembers failures."""
        self._breaker = breaker
        self._clock = clock
        self._trusted: dict[str, float] = {}

    async def admits(self, key: str) -> bool:
        """Whether a call may be made now."""
        return self._trusts(key) or await self._breaker.admits(key)

    async def succeeded(self, key: str) -> None:
        """Closes the circuit."""
        if not self._trusts(key):
            await self._breaker.succeeded(key)
            if len(self._trusted) >= MOST_TRUSTED:
                self._trusted.clear()
            self._trusted[key] = self._clock() + TRUST_SECONDS

    async def failed(self, key: str, pause: float | None = None) -> None:
        """Counts a failure."""
        self._trusted.pop(key, None)
        await self._breaker.failed(key, pause)

    async def released(self, key: str) -> None:
        """Lets the next call probe."""
        await self._breaker.released(key)

    def _trusts(self, key: str) -> bool:
        return self._clock() < self._trusted.get(key, 0.0)


class Circuits:
    """Calls behind circuits."""

    def __init__(self, breaker: Breaker, clock: Clock = time.monotonic) -> None:
        """Keeps who remembers failures."""
        self._breaker = breaker
        self._clock = clock

    @asynccontextmanager
    async def call(self, key: str) -> AsyncIterator[None]:
        """One call, and what became of it: whoever refuses answers, and is well; whoever asks for a pause gets it.

        Raises:
            CircuitOpen: It may not be made now.
        """
        began = self._clock()
        if not await self._breaker.admits(key):
            raise CircuitOpen
        try:
            yield
        except UpstreamUnavailable:
            await self._breaker.failed(key)
            raise
        except Indeterminate:
            slow = self._clock() - began >= SLOW_SECONDS
            await (self._breaker.failed(key) if slow else self._breaker.released(key))
            raise
        except RateLimited as error:
            if error.concerns_one:
                await self._breaker.succeeded(key)
            else:
                await self._breaker.failed(key, error.retry_after)
            raise
        except WafaaError:
            await self._breaker.succeeded(key)
            raise
        except BaseException:  # Whoever gives a call up has learnt nothing.
            await self._breaker.released(key)
            raise
        await self._breaker.succeeded(key)
