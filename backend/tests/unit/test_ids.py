"""Ids that sort by time."""

import time
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from app.utils.ids import floor_of, moment_of, use_clock, uuid7, uuid7_at


def test_ids_rise_within_a_process_and_carry_the_time() -> None:
    before = time.time_ns() // 1_000_000
    made = [uuid7() for _ in range(20_000)]
    after = time.time_ns() // 1_000_000
    assert made == sorted(made)
    assert len(set(made)) == len(made)
    assert all(id_.version == 7 and id_.variant == "specified in RFC 4122" for id_ in made)
    assert before <= made[0].int >> 80
    assert made[-1].int >> 80 <= after + 1


@pytest.mark.parametrize(("back", "waits"), [(0.005, True), (9.0, True), (3_600.0, False)])
def test_a_clock_that_goes_back_a_little_is_waited_for(back: float, waits: bool) -> None:
    now = time.time() + 60.0
    try:
        use_clock(lambda: now)
        first = uuid7()
        use_clock(lambda: now - back)
        assert (uuid7() > first) is waits
    finally:
        use_clock(lambda: now - 60.0)
        uuid7()  # Leaves the future behind, for whoever comes next.
        use_clock(time.time)


def test_what_belongs_to_something_is_not_below_its_floor() -> None:
    conversation = uuid7()
    assert floor_of(conversation) < uuid7_at(moment_of(conversation) - timedelta(days=34))
    assert floor_of(conversation) > uuid7_at(moment_of(conversation) - timedelta(days=36))
    assert floor_of(uuid4()) == UUID(int=0)
