"""What every circuit breaker must do: in memory, in Valkey and in Redis 7 the same calls meet the same circuits."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core.resilience import Breaker, LocalBreaker
from app.core.resilience_redis import EnduringBreaker, RedisBreaker
from app.embedded.valkey import EmbeddedValkey

_keys = (f"provider-{n}" for n in itertools.count())


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_760_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "valkey", "redis7"])
async def breaker(request: pytest.FixtureRequest, clock: Clock) -> AsyncIterator[Breaker]:
    if request.param == "memory":
        yield LocalBreaker(threshold=3, pause=10, longest=60, clock=clock)
        return
    server = request.getfixturevalue(request.param)
    shared = RedisBreaker(server.url, threshold=3, pause=10, longest=60, seconds=5, clock=clock)
    for key in ("openai", "anthropic"):
        await shared.succeeded(key)
    yield shared
    await shared.aclose()


async def fail(breaker: Breaker, times: int, key: str = "openai") -> None:
    for _ in range(times):
        await breaker.failed(key)


_step = st.tuples(
    st.sampled_from(["admits", "succeeded", "failed", "paused", "released", "passes"]),
    st.integers(0, 2),
    st.integers(0, 90),
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(_step, min_size=1, max_size=30))
def test_the_same_calls_meet_the_same_circuits_everywhere(
    valkey: EmbeddedValkey, steps: list[tuple[str, int, int]]
) -> None:
    """Whatever happens when: memory and server admit alike, and never more than one probe at a time."""

    async def compare() -> None:
        clock, keys = Clock(), [next(_keys) for _ in range(3)]
        local = LocalBreaker(threshold=3, pause=10, longest=60, clock=clock)
        shared = RedisBreaker(valkey.url, threshold=3, pause=10, longest=60, seconds=5, clock=clock)
        for what, which, number in steps:
            key = keys[which]
            if what == "passes":
                clock.now += number
            elif what == "admits":
                assert await local.admits(key) == await shared.admits(key)
            else:
                pause = float(number) if what == "paused" else None
                for breaker in (local, shared):
                    await _report(breaker, what, key, pause)
        for key in keys:
            assert await local.admits(key) == await shared.admits(key)
        await shared.aclose()

    asyncio.run(compare())


async def _report(breaker: Breaker, what: str, key: str, pause: float | None) -> None:
    match what:
        case "succeeded":
            await breaker.succeeded(key)
        case "released":
            await breaker.released(key)
        case _:
            await breaker.failed(key, pause)


async def test_of_many_processes_one_probes(valkey: EmbeddedValkey, clock: Clock) -> None:
    key = next(_keys)
    processes = [RedisBreaker(valkey.url, seconds=5, clock=clock) for _ in range(4)]
    for process in processes[:3]:  # Each saw one failure; together they are three in a row.
        await process.failed(key)
    assert not any([await process.admits(key) for process in processes])
    clock.now += 10
    asked = await asyncio.gather(*(process.admits(key) for process in processes * 5))
    assert sum(asked) == 1
    await processes[3].succeeded(key)
    assert all([await process.admits(key) for process in processes])
    for process in processes:
        await process.aclose()


async def test_losing_the_server_leaves_breakers_in_the_process(tmp_path: Path) -> None:
    server = EmbeddedValkey(tmp_path)
    server.start()
    breaker = EnduringBreaker(RedisBreaker(server.url), LocalBreaker(), pause=0.2)
    try:
        for _ in range(2):
            await breaker.failed("openai")
        server.stop()
        assert await breaker.admits("openai")
        await breaker.failed("openai")  # The third in a row, as this process saw it.
        assert not await breaker.admits("openai")
        assert await breaker.admits("anthropic")
        await breaker.succeeded("openai")
        assert await breaker.admits("openai")
        server.start()
        await asyncio.sleep(0.25)
        await fail(breaker, 3)
        assert not await breaker.admits("openai")
    finally:
        await breaker.aclose()
        server.stop()


async def test_a_few_failures_open_nothing(breaker: Breaker) -> None:
    await fail(breaker, 2)
    assert await breaker.admits("openai")


async def test_success_forgets_earlier_failures(breaker: Breaker) -> None:
    await fail(breaker, 2)
    await breaker.succeeded("openai")
    await fail(breaker, 2)
    assert await breaker.admits("openai")


async def test_failures_in_a_row_open_the_circuit_for_one_key_alone(breaker: Breaker) -> None:
    await fail(breaker, 3)
    assert not await breaker.admits("openai")
    assert await breaker.admits("anthropic")


async def test_after_the_pause_one_probe_goes_through(breaker: Breaker, clock: Clock) -> None:
    await fail(breaker, 3)
    clock.now += 10
    assert [await breaker.admits("openai") for _ in range(3)] == [True, False, False]


async def test_a_probe_that_succeeds_closes_the_circuit(breaker: Breaker, clock: Clock) -> None:
    await fail(breaker, 3)
    clock.now += 10
    assert await breaker.admits("openai")
    await breaker.succeeded("openai")
    assert [await breaker.admits("openai") for _ in range(3)] == [True] * 3


async def test_a_probe_that_fails_opens_it_again(breaker: Breaker, clock: Clock) -> None:
    await fail(breaker, 3)
    clock.now += 10
    assert await breaker.admits("openai")
    await breaker.failed("openai")
    assert not await breaker.admits("openai")
    clock.now += 10
    assert await breaker.admits("openai")


async def test_a_probe_that_tells_nothing_lets_the_next_one_through(
    breaker: Breaker, clock: Clock
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
    breaker: Breaker, clock: Clock, asked: float, kept: float
) -> None:
    await breaker.failed("openai", asked)
    clock.now += kept - 1
    assert not await breaker.admits("openai")
    clock.now += 1
    assert await breaker.admits("openai")
