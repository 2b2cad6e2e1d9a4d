"""The proof finds what is planted: a proof that finds nothing anywhere proves nothing."""

import pytest

from tests.isolation.faults import FAULTS, copy_of
from tests.isolation.proof import Proof
from tests.isolation.world import World

ATTEMPTS = 400


@pytest.mark.timeout(300)
async def test_the_proof_finds_each_planted_fault_by_its_own_sign(world: World) -> None:
    missed = []
    for name, (fault, where, sign) in FAULTS.items():
        app = copy_of(world)
        with pytest.MonkeyPatch.context() as patch:
            async with fault(world, app, patch):
                report = await Proof(app, world).run(ATTEMPTS, lambda title, w=where: w in title)
        if not any(sign in leak for leak in report.leaks):
            missed.append(f"{name}: {report.leaks[:3]}")
    assert missed == []
    assert len(FAULTS) >= 11
    assert (await Proof(copy_of(world), world).run(ATTEMPTS)).leaks == []  # All is mended.
