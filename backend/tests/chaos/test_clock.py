"""Clocks jump under a running installation: nothing is lost, doubled, or taken for too old."""

import asyncio
from pathlib import Path

import pytest

from tests.chaos.home import Installation, installed

QUESTIONS = {"ar": "كم سعر الفلات وايت؟", "en": "How much is a flat white?"}
JUMPS = ("+3600", "-3600", "+7200", "+0")
"""Seconds off the true time, one after the other."""


def _faked(rate: Path) -> dict[str, str]:
    """An environment whose wall clock is what a file says; clocks that count on are left alone."""
    rate.write_text("+0")
    return {
        "LD_PRELOAD": "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
        "FAKETIME_TIMESTAMP_FILE": str(rate),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "WAFAA_STALE_MINUTES": "600",  # To a clock two hours ahead, what is said now was said two hours ago.
    }


@pytest.mark.timeout(400)
async def test_a_clock_that_jumps_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """Check 71: forward and back by an hour and more, database and all, while people write."""
    rate = tmp_path / "offset"
    async with installed(tmp_path / "home", _faked(rate)) as here:
        taken = [await _asked(here, "before")]
        for n, jump in enumerate(JUMPS):
            writing = [asyncio.create_task(_asked(here, f"during {n} {k}")) for k in range(3)]
            await asyncio.sleep(0.3)
            rate.write_text(jump)
            taken += await asyncio.gather(*writing)
            taken.append(await _asked(here, f"after {n}"))
        for message in taken:
            assert await here.answered(message)
        await here.meta.settle()
        assert here.answers_twice() == []


async def _asked(here: Installation, name: str) -> str:
    """Somebody new asks; gives the message's id when it is taken."""
    language = "ar" if len(name) % 2 else "en"
    message = here.says(QUESTIONS[language], sender=f"9665{abs(hash(name)) % 10**8:08d}")
    assert await here.until_taken(message, 60)
    return message.id
