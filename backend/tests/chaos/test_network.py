"""The network is cut between any two of product, database and platform: nothing is lost, doubled or out of order."""

import asyncio

import pytest

from simulators.meta import Chaos
from tests.chaos.checker import check
from tests.chaos.hosts import two_hosts
from tests.chaos.stage import installation
from tests.chaos.traffic import Crowd

SEED = 20261126
CUT, BETWEEN = 10.0, 4.0


@pytest.mark.timeout(400)
async def test_a_network_that_is_cut_loses_and_doubles_nothing() -> None:
    """Database, platform and our own door are unreachable for ten seconds each, packets vanishing unseen."""
    async with two_hosts() as hosts, installation(SEED, 15.0, hosts=hosts) as stage:
        stage.meta.chaos = Chaos(duplicate=0.2, reorder=True, late=0.2)
        crowd = Crowd(stage.meta, 8, SEED)
        writing = asyncio.create_task(crowd.write())
        for what in ("database", "platform", "api"):
            await asyncio.sleep(BETWEEN)
            await hosts.cut(what, CUT)
        await asyncio.sleep(BETWEEN)
        crowd.fall_silent()
        await writing
        assert await stage.rest(90)
        await stage.meta.settle(60)
        verdict = check(stage.meta.history.lines())
        parked, unanswered = stage.left("parked"), stage.unanswered()
    assert verdict.passed, verdict
    assert (parked, unanswered) == (0, 0)
    assert verdict.replies >= 16
