"""Calls behind circuits: what counts as a failure, and how seldom anybody is asked while all is well."""

from collections import Counter
from contextlib import suppress

import pytest

from app.core.circuits import SLOW_SECONDS, TRUST_SECONDS, Circuits, Trusting
from app.core.errors import (
    CircuitOpen,
    Indeterminate,
    RateLimited,
    UpstreamRefused,
    UpstreamUnavailable,
)
from app.core.resilience import LocalBreaker

KEY = "send:whatsapp:1"


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Counting(LocalBreaker):
    """A breaker that counts how often it is spoken to."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(threshold=3, pause=10, clock=clock)
        self.asked: Counter[str] = Counter()

    async def admits(self, key: str) -> bool:
        self.asked["admits"] += 1
        return await super().admits(key)

    async def succeeded(self, key: str) -> None:
        self.asked["succeeded"] += 1
        await super().succeeded(key)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Counting:
    return Counting(clock)


@pytest.fixture
def circuits(breaker: Counting, clock: Clock) -> Circuits:
    return Circuits(Trusting(breaker, clock), clock)


async def call(circuits: Circuits, ends: Exception | None = None) -> None:
    with suppress(*([type(ends)] if ends else [])):
        async with circuits.call(KEY):
            if ends:
                raise ends


@pytest.mark.parametrize(
    ("ends", "opens"),
    [
        (UpstreamUnavailable(), True),
        (Indeterminate(), False),
        (UpstreamRefused(), False),
        (RateLimited(), True),
        (RateLimited(retry_after=6, concerns_one=True), False),
        (KeyError(), False),
    ],
)
async def test_what_opens_a_circuit(circuits: Circuits, ends: Exception, opens: bool) -> None:
    for _ in range(3):
        await call(circuits, ends)
    if opens:
        with pytest.raises(CircuitOpen):
            await call(circuits)
    else:
        await call(circuits)


async def test_whoever_asks_for_a_pause_gets_it_at_once(circuits: Circuits, clock: Clock) -> None:
    await call(circuits, RateLimited(retry_after=30))
    clock.now += 29
    with pytest.raises(CircuitOpen):
        await call(circuits)
    clock.now += 1
    await call(circuits)


async def test_what_took_long_and_ended_in_nothing_is_a_failure(
    circuits: Circuits, clock: Clock
) -> None:
    for _ in range(3):
        with pytest.raises(Indeterminate):
            async with circuits.call(KEY):
                clock.now += SLOW_SECONDS
                raise Indeterminate
    with pytest.raises(CircuitOpen):
        await call(circuits)
    clock.now += 10
    await call(circuits)  # The probe.
    await call(circuits)


async def test_while_all_is_well_nobody_is_asked_more_than_once_a_second(
    circuits: Circuits, breaker: Counting, clock: Clock
) -> None:
    for _ in range(50):
        await call(circuits)
    assert breaker.asked == {"admits": 1, "succeeded": 1}
    clock.now += TRUST_SECONDS
    await call(circuits)
    assert breaker.asked == {"admits": 2, "succeeded": 2}


async def test_failures_that_are_not_in_a_row_open_nothing(
    circuits: Circuits, clock: Clock
) -> None:
    for _ in range(5):
        await call(circuits)
        await call(circuits, UpstreamUnavailable())
        await call(circuits, UpstreamUnavailable())
    await call(circuits)
