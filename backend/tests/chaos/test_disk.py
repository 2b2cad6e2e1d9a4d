"""The disk runs full under a running installation: nobody is told that a message was taken which wasn't."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from simulators.meta import Behaviour
from tests.chaos.home import Installation, installed
from tests.fixtures.wired import until

SIZE = 420
"""MB: a fresh database takes 62, its log another 16 a piece."""

PATIENCE = 10
"""Seconds for which a send that wasn't heard of waits for its status."""

QUESTION = "كم سعر الفلات وايت؟"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A filesystem of its own. Mounting it needs root, as the tests' containers have."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["/bin/mount", "-t", "tmpfs", "-o", f"size={SIZE}m", "tmpfs", str(place)]
    subprocess.run(mount, check=True)
    yield place
    subprocess.run(["/bin/umount", "--lazy", str(place)], check=True)


@pytest.mark.timeout(400)
async def test_a_disk_that_runs_full_costs_no_message(small_disk: Path) -> None:
    """Check 70: no 200 without a commit; 503 at the watermark; half a minute after there is room it goes on."""
    async with installed(small_disk, {"WAFAA_INDETERMINATE_SECONDS": str(PATIENCE)}) as here:
        taken = [await _said(here, QUESTION, "first")]
        assert await here.answered(taken[0])

        here.meta.statuses = ()
        here.meta.behave(Behaviour.ACCEPT_THEN_DROP)
        taken.append(await _said(here, QUESTION, "whose answer's end nobody hears"))
        assert await here.answered(taken[-1])
        lost = here.meta.history.sends()[-1]

        ballast = small_disk / "ballast"
        _fill(ballast, small_disk, leave=0.04)
        assert await here.until_refused()
        refused = await here.post(QUESTION, "while it is almost full")
        assert refused.status == 503
        assert int(refused.headers["retry-after"]) > 0
        assert "disk" in refused.problem["detail"].lower()
        assert not (await here.parts())["disk"]
        # Turns go on, and what the platform says of them is refused: its silence is no answer.
        word = here.meta.status(lost, "read")
        assert await here.meta.deliver(word) == 503
        await asyncio.sleep(1.5 * PATIENCE)
        assert here.answers_twice() == []

        _fill(ballast, small_disk, leave=0.0)
        with suppress(Exception):  # Whatever it says, it can't be right; it may well be gone.
            here.fill_database()
        for n in range(5):
            assert (await here.post(QUESTION, f"while it is full {n}")).status != 200

        ballast.unlink()
        for n in range(3):
            taken.append(await _said(here, QUESTION, f"after {n}", within=30))
        await until(lambda: _takes(here, word), 30)
        for message in taken:
            assert await here.answered(message)
        assert here.answers_twice() == []


async def _takes(here: Installation, payload: Any) -> bool:
    return await here.meta.deliver(payload, retry=True) == 200


async def _said(here: Installation, text: str, name: str, within: float = 60) -> str:
    """Posts a message until it is taken."""
    message = here.says(text, sender=f"9665{abs(hash(name)) % 10**8:08d}")
    assert await here.until_taken(message, within)
    return message.id


def _fill(ballast: Path, disk: Path, *, leave: float) -> None:
    """Leaves so large a share of the disk free."""
    size = SIZE * 2**20
    found = os.statvfs(disk)
    used = (found.f_blocks - found.f_bfree) * found.f_frsize
    grown = ballast.stat().st_size if ballast.exists() else 0
    wanted = grown + size - used - int(size * leave)
    with ballast.open("ab") as file, suppress(OSError):
        while grown < wanted:
            grown += file.write(bytes(min(2**20, wanted - grown)))
