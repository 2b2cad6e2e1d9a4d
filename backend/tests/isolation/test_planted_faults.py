"""The proof finds what is planted: a proof that finds nothing anywhere proves nothing."""

import pytest
from fastapi import FastAPI

from tests.isolation.faults import FAULTS, copy_of
from tests.isolation.proof import Proof
from tests.isolation.world import World

ATTEMPTS = (200, 2000)
"""Few find most of them; if not, more do."""


@pytest.mark.timeout(300)
async def test_the_proof_finds_each_planted_fault_by_its_own_sign(world: World) -> None:
    missed = []
    for name, (fault, where, sign) in FAULTS.items():
        app = copy_of(world)
        with pytest.MonkeyPatch.context() as patch:
            async with fault(world, app, patch):
                leaks = await _leaks(app, world, where, sign)
        if not any(sign in leak for leak in leaks):
            missed.append(f"{name}: {leaks[:3]}")
    assert missed == []
    assert len(FAULTS) >= 15
    assert (await Proof(copy_of(world), world).run(400)).leaks == []  # All is mended.


async def _leaks(app: FastAPI, world: World, where: str, sign: str) -> list[str]:
    leaks: list[str] = []
    for most in ATTEMPTS:
        leaks = (await Proof(app, world).run(most, lambda title: where in title)).leaks
        if any(sign in leak for leak in leaks):
            break
    return leaks
