"""What arrives at the same moment is written together, and what one caller gave stays in its order."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from app.core.errors import Unavailable
from app.utils.batching import Batcher


@dataclass
class Ledger:
    """Keeps what is written, once; is away, or refuses, as it is told beforehand."""

    kept: list[str] = field(default_factory=list)
    writes: list[Exception | None] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)

    async def write(self, items: Sequence[str]) -> list[str]:
        await asyncio.sleep(0)
        if self.writes and (error := self.writes.pop(0)):
            raise error
        if bad := self.refused.intersection(items):
            raise ValueError(*bad)
        self.kept += [item for item in items if item not in self.kept]
        return list(items)


async def test_one_that_is_bad_fails_by_itself() -> None:
    ledger = Ledger(refused={"b"})
    batcher = Batcher(ledger.write, passing=Unavailable)
    ended = await asyncio.gather(
        batcher.put(["a"]), batcher.put(["b", "c"]), batcher.put(["d"]), return_exceptions=True
    )
    assert (ended[0], ended[2]) == (["a"], ["d"])
    assert isinstance(ended[1], ValueError)
    assert ledger.kept == ["a", "c", "d"]  # Whoever comes again with b and c gets no further.


@pytest.mark.parametrize("most", [1, 2, 100])
async def test_none_overtakes_what_stood_before_it_in_the_same_call(most: int) -> None:
    """Found by chaos: the database came back between two of a batch, and the later one was in before the earlier."""
    away = Unavailable()
    ledger = Ledger(writes=[away, away])
    batcher = Batcher(ledger.write, most=most, passing=Unavailable)
    ended = await asyncio.gather(
        batcher.put(["a", "b", "c"]), batcher.put(["x"]), return_exceptions=True
    )
    assert ended[0] is away
    assert "b" not in ledger.kept
    assert "c" not in ledger.kept
    await batcher.put(["a", "b", "c"])
    assert [item for item in ledger.kept if item != "x"] == ["a", "b", "c"]


async def test_while_one_write_is_under_way_the_rest_gathers() -> None:
    ledger = Ledger()
    batcher = Batcher(ledger.write, most=2)
    await asyncio.gather(*(batcher.put([letter]) for letter in "abcde"))
    assert ledger.kept == list("abcde")
    assert batcher.waiting == 0
