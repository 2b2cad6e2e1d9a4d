"""Deadlines and back-off, on a clock that the test moves."""

import pytest

from app.core.resilience import (
    MOST_CIRCUITS,
    Deadline,
    LocalBreaker,
    RetryBudget,
    full_jitter,
)


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


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


async def test_so_many_circuits_are_remembered_and_no_more() -> None:
    breaker = LocalBreaker(threshold=1)
    for n in range(MOST_CIRCUITS + 1):
        await breaker.failed(f"account {n}")
    assert await breaker.admits("account 0")
    assert not await breaker.admits("account 1")
    assert not await breaker.admits(f"account {MOST_CIRCUITS}")


def test_a_tenth_of_all_calls_and_one_a_second_may_be_repetitions(clock: Clock) -> None:
    budget = RetryBudget(most=5, clock=clock)
    assert [budget.may_repeat() for _ in range(7)] == [True] * 5 + [False] * 2
    for _ in range(30):
        budget.called()
    assert [budget.may_repeat() for _ in range(4)] == [True] * 3 + [False]
    clock.now += 2
    assert [budget.may_repeat() for _ in range(3)] == [True, True, False]
    clock.now += 3600
    assert sum(budget.may_repeat() for _ in range(100)) == 5
