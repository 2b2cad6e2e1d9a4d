"""Deadlines, circuit breakers and back-off, on a clock that the test moves."""

import pytest

from app.core.resilience import Deadline, LocalBreaker, full_jitter


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> LocalBreaker:
    return LocalBreaker(threshold=3, pause=10, longest=60, clock=clock)


async def fail(breaker: LocalBreaker, times: int, key: str = "openai") -> None:
    for _ in range(times):
        await breaker.failed(key)


def test_a_deadline_runs_down_and_never_below_nothing(clock: Clock) -> None:
    deadline = Deadline.after(5, clock)
    clock.now += 3
    assert deadline.remaining == 2
    assert not deadline.expired
    clock.now += 9
    assert deadline.remaining == 0
    assert deadline.expired


@pytest.mark.parametrize(
    ("attempt", "bound"), [(1, 1.0), (2, 2.0), (5, 16.0), (7, 60.0), (1000, 60.0)]
)
def test_back_off_doubles_up_to_a_bound(attempt: int, bound: float) -> None:
    assert full_jitter(attempt, base=1, cap=60, rng=lambda: 1.0) == bound
    assert full_jitter(attempt, base=1, cap=60, rng=lambda: 0.0) == 0.0
    assert 0 <= full_jitter(attempt, base=1, cap=60) <= bound


async def test_a_few_failures_open_nothing(breaker: LocalBreaker) -> None:
    await fail(breaker, 2)
    assert await breaker.admits("openai")


async def test_success_forgets_earlier_failures(breaker: LocalBreaker) -> None:
    await fail(breaker, 2)
    await breaker.succeeded("openai")
    await fail(breaker, 2)
    assert await breaker.admits("openai")


async def test_failures_in_a_row_open_the_circuit_for_one_key_alone(breaker: LocalBreaker) -> None:
    await fail(breaker, 3)
    assert not await breaker.admits("openai")
    assert await breaker.admits("anthropic")


async def test_after_the_pause_one_probe_goes_through(breaker: LocalBreaker, clock: Clock) -> None:
    await fail(breaker, 3)
    clock.now += 10
    assert [await breaker.admits("openai") for _ in range(3)] == [True, False, False]


async def test_a_probe_that_succeeds_closes_the_circuit(
    breaker: LocalBreaker, clock: Clock
) -> None:
    await fail(breaker, 3)
    clock.now += 10
    assert await breaker.admits("openai")
    await breaker.succeeded("openai")
    assert [await breaker.admits("openai") for _ in range(3)] == [True] * 3


async def test_a_probe_that_fails_opens_it_again(breaker: LocalBreaker, clock: Clock) -> None:
    await fail(breaker, 3)
    clock.now += 10
    assert await breaker.admits("openai")
    await breaker.failed("openai")
    assert not await breaker.admits("openai")
    clock.now += 10
    assert await breaker.admits("openai")


async def test_a_probe_that_tells_nothing_lets_the_next_one_through(
    breaker: LocalBreaker, clock: Clock
) -> None:
    await fail(breaker, 3)
    clock.now += 10
    assert await breaker.admits("openai")
    await breaker.released("openai")
    assert await breaker.admits("openai")
    clock.now += 10  # This one is never heard of again.
    assert await breaker.admits("openai")


@pytest.mark.parametrize(("asked", "kept"), [(30.0, 30.0), (3600.0, 60.0)])
async def test_a_pause_that_is_asked_for_is_kept_within_reason(
    breaker: LocalBreaker, clock: Clock, asked: float, kept: float
) -> None:
    await breaker.failed("openai", asked)
    clock.now += kept - 1
    assert not await breaker.admits("openai")
    clock.now += 1
    assert await breaker.admits("openai")
