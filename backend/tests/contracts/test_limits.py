"""What every count of limits must do: in memory, in Valkey and in Redis 7 the same charges meet the same decisions."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core.limits import SECOND, Charge, Limit, Limits, LocalLimits, Policy
from app.core.limits_redis import EnduringLimits, RedisLimits
from app.embedded.valkey import EmbeddedValkey

NOON = 1_760_000_000 * SECOND
_groups = (f"group-{n}" for n in itertools.count())


class Clock:
    """Stands still until told."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> int:
        return self.now


class Model:
    """The algorithm as one would tell it: a bucket that fills at a steady pace, in exact microseconds."""

    def __init__(self) -> None:
        self.owed: dict[tuple[str, str], tuple[int, int]] = {}

    def take(self, now: int, charges: list[Charge]) -> tuple[bool, list[int]]:
        owed = [self._owed(now, c) for c in charges]
        fits = all(o + c.price <= c.limit.bound for o, c in zip(owed, charges, strict=True))
        if fits:
            owed = [o + c.price for o, c in zip(owed, charges, strict=True)]
            for o, c in zip(owed, charges, strict=True):
                self.owed[c.limit.name, c.subject] = (now, o)
        return fits, owed

    def _owed(self, now: int, charge: Charge) -> int:
        then, owed = self.owed.get((charge.limit.name, charge.subject), (now, 0))
        return max(0, owed - (now - then))


@pytest.fixture(params=["memory", "valkey", "redis7"])
async def counted(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Limits, Clock]]:
    clock = Clock()
    if request.param == "memory":
        yield LocalLimits(clock), clock
        return
    limits = RedisLimits(request.getfixturevalue(request.param).url, clock=clock, seconds=5)
    yield limits, clock
    await limits.aclose()


# Prices of a second and more: the server forgets a count once it is paid off by its own clock, which goes on.
_limits = st.builds(Limit, st.sampled_from("abc"), st.integers(1, 20), st.integers(20, 3600))
_charge = st.tuples(st.integers(0, 2), st.sampled_from(["x", "y"]), st.integers(0, 4))
_step = st.tuples(
    st.integers(0, 200_000_000), st.lists(_charge, min_size=1, max_size=3, unique_by=lambda c: c[0])
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    limits=st.lists(_limits, min_size=3, max_size=3), steps=st.lists(_step, min_size=1, max_size=25)
)
def test_the_same_charges_meet_the_same_decisions_everywhere(
    valkey: EmbeddedValkey, limits: list[Limit], steps: list[tuple[int, list[tuple[int, str, int]]]]
) -> None:
    """Whatever comes when: Redis, memory and the plain model agree on admission, debt and wait, to the microsecond."""
    named = [Limit(name, x.quota, x.window) for name, x in zip("abc", limits, strict=True)]

    async def compare() -> None:
        clock, model, group = Clock(), Model(), next(_groups)
        memory, server = LocalLimits(clock), RedisLimits(valkey.url, clock=clock, seconds=5)
        for passed, wanted in steps:
            clock.now += passed
            charges = [Charge(named[n], subject, cost) for n, subject, cost in wanted]
            fits, owed = model.take(clock.now, charges)
            local, shared = await memory.take(group, charges), await server.take(group, charges)
            assert local == shared
            assert (local.admitted, [s.debt for s in local.standings]) == (fits, owed)
            await prove_the_wait(memory, clock, group, charges)
        await server.aclose()

    asyncio.run(compare())


async def prove_the_wait(
    limits: LocalLimits, clock: Clock, group: str, charges: list[Charge]
) -> None:
    """A copy that is a microsecond early is refused; one on time is admitted, unless the cost exceeds any quota."""
    if any(c.cost > c.limit.quota for c in charges):
        return
    copy = LocalLimits(clock)
    copy._paid_off = limits._paid_off.copy()
    present, decision = clock.now, await copy.take(group, charges)
    if not decision.admitted:
        clock.now = present + decision.wait - 1
        assert not (await copy.take(group, charges)).admitted
        clock.now = present + decision.wait
        assert (await copy.take(group, charges)).admitted
    clock.now = present


async def test_a_burst_is_a_quota_and_grows_back_evenly(counted: tuple[Limits, Clock]) -> None:
    limits, clock = counted
    charges = [Charge(Limit("client", 10, 60), "a")]
    group = next(_groups)
    taken = [await limits.take(group, charges) for _ in range(15)]
    assert [d.admitted for d in taken] == [True] * 10 + [False] * 5
    assert [d.standings[0].remaining for d in taken] == [*range(9, -1, -1), 0, 0, 0, 0, 0]
    assert taken[-1].wait == 6 * SECOND
    clock.now += 6 * SECOND - 1
    assert not (await limits.take(group, charges)).admitted
    clock.now += 1
    assert (await limits.take(group, charges)).admitted
    clock.now += 60 * SECOND
    assert (await limits.take(group, charges)).standings[0].remaining == 9


async def test_all_charges_are_taken_or_none(counted: tuple[Limits, Clock]) -> None:
    limits, _ = counted
    wide, narrow, group = Limit("client", 100, 60), Limit("credential", 1, 60), next(_groups)
    both = [Charge(wide, "a"), Charge(narrow, "b")]
    assert (await limits.take(group, both)).admitted
    refused = await limits.take(group, both)
    assert not refused.admitted
    assert [s.remaining for s in refused.standings] == [99, 0]
    assert refused.wait == 60 * SECOND


async def test_of_many_at_once_a_quota_gets_through(counted: tuple[Limits, Clock]) -> None:
    limits, _ = counted
    charges, group = [Charge(Limit("client", 37, 60), "a")], next(_groups)
    decisions = await asyncio.gather(*(limits.take(group, charges) for _ in range(200)))
    assert sum(d.admitted for d in decisions) == 37


@pytest.mark.parametrize("back", [1, 59, 60, 61, 3600, 86_400])
async def test_a_clock_set_back_costs_a_window_at_most(
    counted: tuple[Limits, Clock], back: int
) -> None:
    limits, clock = counted
    charges, group = [Charge(Limit("client", 2, 60), "a")], next(_groups)
    for _ in range(2):
        assert (await limits.take(group, charges)).admitted
    clock.now -= back * SECOND
    clock.now += (60 + 60) * SECOND  # The window itself, and what the clock costs.
    assert (await limits.take(group, charges)).admitted
    assert (await limits.take(group, charges)).wait <= 60 * SECOND


async def test_subjects_and_groups_dont_touch_each_other(counted: tuple[Limits, Clock]) -> None:
    limits, _ = counted
    one, group = Limit("client", 1, 60), next(_groups)
    assert (await limits.take(group, [Charge(one, "a")])).admitted
    assert not (await limits.take(group, [Charge(one, "a")])).admitted
    assert (await limits.take(group, [Charge(one, "b")])).admitted
    assert (await limits.take(next(_groups), [Charge(one, "a")])).admitted


async def test_no_charge_is_admitted_and_a_free_one_only_looks(
    counted: tuple[Limits, Clock],
) -> None:
    limits, _ = counted
    group, limit = next(_groups), Limit("client", 1, 60)
    assert (await limits.take(group, [])).admitted
    for _ in range(3):
        looked = await limits.take(group, [Charge(limit, "a", cost=0)])
        assert looked.admitted
        assert looked.standings[0].remaining == 1


async def test_the_servers_own_clock_counts_where_none_is_given(valkey: EmbeddedValkey) -> None:
    limits, group = RedisLimits(valkey.url, seconds=5), next(_groups)
    charges = [Charge(Limit("client", 2, 1), "a")]
    assert [(await limits.take(group, charges)).admitted for _ in range(3)] == [True, True, False]
    await asyncio.sleep(0.6)
    assert (await limits.take(group, charges)).admitted
    assert await limits._redis.pttl(f"limit:{{{group}}}:client:a") <= 1000
    await limits.aclose()


async def test_losing_the_server_leaves_limits_in_the_process_and_no_outage(tmp_path: Path) -> None:
    server = EmbeddedValkey(tmp_path)
    server.start()
    limits = EnduringLimits(RedisLimits(server.url), LocalLimits(), pause=0.2)
    charges, group = [Charge(Limit("client", 5, 600), "a")], next(_groups)
    try:
        assert [(await limits.take(group, charges)).admitted for _ in range(6)] == [True] * 5 + [
            False
        ]
        server.stop()
        lost = [(await limits.take(group, charges)).admitted for _ in range(20)]
        assert lost == [True] * 5 + [False] * 15
        assert limits.unreached == 20
        server.start()
        await asyncio.sleep(0.25)
        assert (await limits.take(group, charges)).standings[0].limit.quota == 5
        assert limits.unreached == 20
    finally:
        await limits.aclose()
        server.stop()


async def test_memory_is_bounded() -> None:
    limits = LocalLimits(Clock(), most=10)
    one = Limit("address", 1, 60)
    for n in range(50):
        await limits.take("g", [Charge(one, str(n))])
    assert len(limits._paid_off) == 10
    assert not (await limits.take("g", [Charge(one, "49")])).admitted


def test_every_limit_of_the_policy_is_named_as_its_field() -> None:
    policy = Policy()
    for name in Policy.__dataclass_fields__:
        assert getattr(policy, name).name == name
