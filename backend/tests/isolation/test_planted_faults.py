"""The proof finds what is planted: a proof that finds nothing anywhere proves nothing."""

import pytest

from tests.isolation.faults import FAULTS, copy_of
from tests.isolation.proof import Proof
from tests.isolation.world import World

ATTEMPTS = 1200


@pytest.mark.timeout(400)
async def test_the_proof_finds_each_planted_fault(world: World) -> None:
    found: dict[str, list[str]] = {}
    for name, (fault, where) in FAULTS.items():
        app = copy_of(world)
        with pytest.MonkeyPatch.context() as patch:
            async with fault(world, app, patch):
                report = await Proof(app, world).run(ATTEMPTS, lambda title, w=where: w in title)
        found[name] = report.leaks
        print(
            f"\n{name}: {len(report.leaks)}, {(report.leaks or ['nothing'])[0][:160]}"
        )  # noqa: T201
    assert [name for name, leaks in found.items() if not leaks] == []
    assert len(found) >= 11


async def test_it_finds_nothing_where_nothing_is_planted(world: World) -> None:
    report = await Proof(copy_of(world), world).run(ATTEMPTS)
    assert report.leaks == []
