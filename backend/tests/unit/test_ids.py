"""Ids that sort by time."""

import time

import pytest

from app.utils.ids import uuid7


def test_ids_rise_within_a_process_and_carry_the_time() -> None:
    before = time.time_ns() // 1_000_000
    made = [uuid7() for _ in range(20_000)]
    after = time.time_ns() // 1_000_000
    assert made == sorted(made)
    assert len(set(made)) == len(made)
    assert all(id_.version == 7 and id_.variant == "specified in RFC 4122" for id_ in made)
    assert before <= made[0].int >> 80
    assert made[-1].int >> 80 <= after + 1


@pytest.mark.parametrize(("back_ms", "waits"), [(5, True), (9_000, True), (3_600_000, False)])
def test_a_clock_that_goes_back_a_little_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, back_ms: int, waits: bool
) -> None:
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now + 60_000_000_000)
    first = uuid7()
    monkeypatch.setattr(time, "time_ns", lambda: now + 60_000_000_000 - back_ms * 1_000_000)
    assert (uuid7() > first) is waits
    monkeypatch.setattr(time, "time_ns", lambda: now)
    uuid7()  # Leaves the future behind, for whoever comes next.
