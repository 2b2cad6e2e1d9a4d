"""Calls behind circuits: who fails is left alone for a while, and who is well isn't asked after each time."""

import time

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

    def call(self, key: str) -> "_Call":
        """One call, and what became of it: whoever refuses answers, and is well; whoever asks for a pause gets it.

        Raises:
            CircuitOpen: It may not be made now.
        """
        return _Call(self._breaker, self._clock, key)


class _Call:
    """A call while it is made."""

    def __init__(self, breaker: Breaker, clock: Clock, key: str) -> None:
        self._breaker, self._clock, self._key = breaker, clock, key

    async def __aenter__(self) -> None:
        self._began = self._clock()
        if not await self._breaker.admits(self._key):
            raise CircuitOpen

    async def __aexit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        match error:
            case UpstreamUnavailable():
                await self._breaker.failed(self._key)
            case Indeterminate() if self._clock() - self._began >= SLOW_SECONDS:
                await self._breaker.failed(self._key)
            case Indeterminate():
                await self._breaker.released(self._key)
            case RateLimited(concerns_one=False):
                await self._breaker.failed(self._key, error.retry_after)
            case None | WafaaError():
                await self._breaker.succeeded(self._key)
            case _:  # Whoever gives a call up has learnt nothing.
                await self._breaker.released(self._key)
