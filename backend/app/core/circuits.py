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


class Circuits:
    """What one process knows of its circuits, in front of a breaker that may be shared between processes."""

    def __init__(self, breaker: Breaker, clock: Clock = time.monotonic) -> None:
        """Keeps who remembers failures."""
        self._breaker = breaker
        self._clock = clock
        self._trusted: dict[str, float] = {}

    @asynccontextmanager
    async def call(self, key: str) -> AsyncIterator[None]:
        """One call, and what became of it: whoever refuses answers, and is well; whoever asks for a pause gets it.

        Raises:
            CircuitOpen: It may not be made now.
        """
        began = self._clock()
        trusted = began < self._trusted.get(key, 0.0)
        if not trusted and not await self._breaker.admits(key):
            raise CircuitOpen
        try:
            yield
        except UpstreamUnavailable:
            await self._failed(key)
            raise
        except Indeterminate:
            slow = self._clock() - began >= SLOW_SECONDS
            await (self._failed(key) if slow else self._breaker.released(key))
            raise
        except RateLimited as error:
            if error.concerns_one:
                await self._succeeded(key, trusted=trusted)
            else:
                await self._failed(key, error.retry_after)
            raise
        except WafaaError:
            await self._succeeded(key, trusted=trusted)
            raise
        except BaseException:  # Whoever gives a call up has learnt nothing.
            await self._breaker.released(key)
            raise
        await self._succeeded(key, trusted=trusted)

    async def _failed(self, key: str, pause: float | None = None) -> None:
        self._trusted.pop(key, None)
        await self._breaker.failed(key, pause)

    async def _succeeded(self, key: str, *, trusted: bool) -> None:
        if not trusted or key not in self._trusted:
            await self._breaker.succeeded(key)
            if len(self._trusted) >= MOST_TRUSTED:
                self._trusted.clear()
            self._trusted[key] = self._clock() + TRUST_SECONDS
