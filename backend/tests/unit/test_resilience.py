"""Deadlines and back-off, on a clock that the test moves."""

import pytest

from app.core.resilience import Deadline, full_jitter


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
