"""The time is the database's, carried on by a clock that never jumps."""

import time

import pytest

from app.core.clock import SteadyClock


def test_a_wall_clock_that_is_set_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SteadyClock()
    before = clock.seconds()
    for jump in (3600.0, -3600.0):
        monkeypatch.setattr(time, "time", lambda jump=jump: before + jump)
        assert clock.seconds() == pytest.approx(before, abs=30)


@pytest.mark.parametrize("skew", [3600.0, -3600.0, 0.0])
def test_the_database_is_believed(skew: float) -> None:
    clock = SteadyClock()
    told = time.time() + skew
    clock.hear(told)
    assert clock.seconds() == pytest.approx(told, abs=30)
    assert clock.now().timestamp() == pytest.approx(told, abs=30)
    assert clock.now().tzinfo is not None
