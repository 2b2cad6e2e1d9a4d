"""What keeps one slow or broken neighbour from slowing us: a deadline, a circuit breaker, a back-off.

The breaker stands behind a small Protocol: this one lives in the process; one that shares its state between
processes can take its place without a change elsewhere.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

Clock = Callable[[], float]
"""A monotonic clock, in seconds."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """The moment by which a whole piece of work must be over. Made once, handed down; nobody extends it."""

    at: float
    clock: Clock = field(default=time.monotonic, repr=False, compare=False)

    @classmethod
    def after(cls, seconds: float, clock: Clock = time.monotonic) -> "Deadline":
        """A deadline so many seconds from now."""
        return cls(clock() + seconds, clock)

    @property
    def remaining(self) -> float:
        """Seconds left; never negative."""
        return max(0.0, self.at - self.clock())

    @property
    def expired(self) -> bool:
        """Whether it is over."""
        return self.remaining == 0.0


def full_jitter(
    attempt: int, *, base: float, cap: float, rng: Callable[[], float] = random.random
) -> float:
    """Seconds to wait before another attempt: anywhere up to a bound that doubles each time.

    Args:
        attempt: Attempts made so far, from 1.
        base: The bound after the first.
        cap: The highest bound.
        rng: Gives a number from 0 to 1.
    """
    return rng() * min(cap, base * 2.0 ** min(attempt - 1, 32))


class RetryBudget:
    """How many of our calls may be repetitions: a tenth, and one a second, so that retries can't become the load.

    A token bucket. First calls fill it by a tenth each, time by one a second; a repetition takes a whole one.
    """

    def __init__(
        self,
        *,
        ratio: float = 0.1,
        per_second: float = 1.0,
        most: float = 20.0,
        clock: Clock = time.monotonic,
    ) -> None:
        self._ratio = ratio
        self._per_second = per_second
        self._most = most
        self._clock = clock
        self._tokens = most
        self._seen = clock()

    def called(self) -> None:
        """A call is made for the first time."""
        self._fill(self._ratio)

    def may_repeat(self) -> bool:
        """Takes a token for a repetition, if there is one."""
        self._fill(0.0)
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def _fill(self, more: float) -> None:
        now = self._clock()
        more += (now - self._seen) * self._per_second
        self._tokens, self._seen = min(self._most, self._tokens + more), now


MOST_CIRCUITS = 10_000
"""Circuits with failures that one process remembers; beyond that those that failed first are forgotten."""


class Breaker(Protocol):
    """Remembers who fails. A key is one provider with one credential."""

    async def admits(self, key: str) -> bool:
        """Whether a call may be made now. A True after a pause is the probe: its outcome must be reported."""

    async def succeeded(self, key: str) -> None:
        """Reports a call that went well."""

    async def failed(self, key: str, pause: float | None = None) -> None:
        """Reports a failed call; ``pause`` opens the circuit at once for so long, as a 429 asks."""

    async def released(self, key: str) -> None:
        """Reports a call that was given up before it told anything."""


@dataclass(slots=True)
class _Circuit:
    """One key's state."""

    failures: int = 0
    open_until: float = 0.0
    probing_until: float = 0.0


class LocalBreaker:
    """A breaker in this process.

    ``threshold`` failures in a row open the circuit for ``pause`` seconds; then one probe goes through (half-open).
    Its success closes the circuit, its failure opens it again. A probe that is never heard of again stops blocking
    after another ``pause``.
    """

    def __init__(
        self,
        *,
        threshold: int = 3,
        pause: float = 10.0,
        longest: float = 60.0,
        clock: Clock = time.monotonic,
    ) -> None:
        self._threshold = threshold
        self._pause = pause
        self._longest = longest
        self._clock = clock
        self._circuits: dict[str, _Circuit] = {}

    async def admits(self, key: str) -> bool:
        """Whether a call may be made now."""
        circuit = self._circuits.get(key)
        if circuit is None or circuit.open_until == 0.0:
            return True
        now = self._clock()
        if now < max(circuit.open_until, circuit.probing_until):
            return False
        circuit.probing_until = now + self._pause
        return True

    async def succeeded(self, key: str) -> None:
        """Closes the circuit."""
        self._circuits.pop(key, None)

    async def failed(self, key: str, pause: float | None = None) -> None:
        """Counts a failure; opens the circuit at the threshold, after a failed probe, or when asked to pause."""
        if len(self._circuits) >= MOST_CIRCUITS and key not in self._circuits:
            del self._circuits[next(iter(self._circuits))]
        circuit = self._circuits.setdefault(key, _Circuit())
        circuit.failures += 1
        circuit.probing_until = 0.0
        if pause is not None or circuit.open_until or circuit.failures >= self._threshold:
            circuit.open_until = self._clock() + min(
                self._longest, self._pause if pause is None else pause
            )

    async def released(self, key: str) -> None:
        """Lets the next call probe."""
        if circuit := self._circuits.get(key):
            circuit.probing_until = 0.0
