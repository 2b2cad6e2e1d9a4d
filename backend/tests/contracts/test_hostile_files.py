"""What becomes of files that mean harm: a refusal in words, or a clean reading; in bounded time and memory."""

import asyncio
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import InvalidInput, TooLarge, UnsupportedMedia, WafaaError
from app.services.knowledge import parsing
from app.services.knowledge.base import Block
from app.services.knowledge.parsing import Limits, parse
from tests.contracts.test_parsers import _children, _longest_lag
from tests.hostile.files import SEED, Hostile, corpus
from tests.thorough import THOROUGH

ROOT = Path(__file__).parents[2]
CORPUS = corpus()
REFUSALS = (InvalidInput, TooLarge, UnsupportedMedia)
MEMORY = Limits().memory
CPU_SECONDS = 2
SECRETS = ("root:x:", "daemon:")
"""What /etc/passwd says."""
FEW = random.Random(SEED).sample(sorted(CORPUS), 10)  # noqa: S311


def read() -> list[dict[str, Any]]:
    """What became of every file in a confined process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.hostile.reader", str(MEMORY), str(CPU_SECONDS)],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=500,
    )  # fmt: skip
    return [json.loads(line) for line in done.stdout.splitlines()]


def outcome(one: dict[str, Any]) -> list[Block] | WafaaError:
    """What the product makes of a process that ended."""
    try:
        parsing._check_exit(one["code"])
        return parsing._blocks(one["written"].encode())
    except REFUSALS as error:
        return error


@pytest.mark.timeout(600)
def test_every_hostile_file_is_refused_in_words_or_read_within_its_limits() -> None:
    """Check 46: each of more than 400 ends in blocks, or in one of the three refusals that tell people what to do."""
    became = read()
    ends = {one["name"]: outcome(one) for one in became}
    assert set(ends) == set(CORPUS)
    assert len(CORPUS) > 400
    refused = {name for name, end in ends.items() if isinstance(end, REFUSALS)}
    assert len(refused) > 200
    assert all(str(ends[name]) for name in refused)
    assert [one["name"] for one in became if any(word in one["written"] for word in SECRETS)] == []
    assert {one["name"]: one["peak"] for one in became if one["peak"] > MEMORY} == {}
    assert {one["name"]: one["cpu"] for one in became if one["cpu"] > CPU_SECONDS + 2} == {}


@pytest.mark.timeout(3600 if THOROUGH else 240)
async def test_the_product_goes_on_while_it_reads_them() -> None:
    """Check 46: through the door that uploads come by; nothing is left running. All of them in `make thorough`."""
    lag = asyncio.create_task(_longest_lag())
    names = sorted(CORPUS) if THOROUGH else FEW
    for name in names:
        found = await _outcome(CORPUS[name])
        assert isinstance(found, REFUSALS) or all(isinstance(block, Block) for block in found)
    lag.cancel()
    assert (
        await lag < 5
    )  # Read in this process, the worst of them would hold the loop for as long as they take.
    assert _children() == []


async def _outcome(one: Hostile) -> list[Block] | WafaaError:
    try:
        return await parse(one.make(), media_type=one.media_type, filename=one.name)
    except REFUSALS as error:
        return error
