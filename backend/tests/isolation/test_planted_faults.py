"""The proof finds what is planted: a proof that finds nothing anywhere proves nothing."""

from dataclasses import replace
from itertools import count

import pytest
from fastapi import FastAPI

from app.api.app import create_app
from app.core.errors import Unavailable
from app.core.health import Part
from tests.isolation import proof
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


async def test_an_installation_that_is_unwell_for_a_moment_betrays_nobody(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a busy machine one of two answers about its health says 503, and the other doesn't."""
    looks = count()

    async def unsteady() -> str:
        if next(looks) % 3 == 0:
            raise Unavailable
        return "answers"

    monkeypatch.setattr(proof, "PAUSE_SECONDS", 0)
    app = create_app(replace(world.product.services, parts=(Part("machine", unsteady),)))
    report = await Proof(app, world).run(300, lambda title: title == proof.HEALTH)
    assert not report.leaks, report.leaks
    assert report.statuses[503] > 10 < report.statuses[200]


async def _leaks(app: FastAPI, world: World, where: str, sign: str) -> list[str]:
    leaks: list[str] = []
    for most in ATTEMPTS:
        leaks = (await Proof(app, world).run(most, lambda title: where in title)).leaks
        if any(sign in leak for leak in leaks):
            break
    return leaks
