"""Random pieces are given away once."""

import os
from concurrent.futures import ThreadPoolExecutor

from app.utils.chance import Chance


def test_every_piece_has_its_size_and_is_given_away_once() -> None:
    chance = Chance(12)
    pieces = [chance.take() for _ in range(1000)]
    assert {len(piece) for piece in pieces} == {12}
    assert len(set(pieces)) == 1000


def test_threads_never_share_a_piece() -> None:
    chance = Chance(12)
    with ThreadPoolExecutor(8) as threads:
        taken = threads.map(lambda _: [chance.take() for _ in range(2000)], range(8))
    pieces = [piece for some in taken for piece in some]
    assert len(set(pieces)) == len(pieces)


def test_a_forked_child_gets_none_of_its_parents() -> None:
    chance = Chance(16)
    chance.take()
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writes, b"".join(chance.take() for _ in range(300)))
        os._exit(0)
    os.close(writes)
    with os.fdopen(reads, "rb") as pipe:
        theirs = pipe.read()
    os.waitpid(child, 0)
    ours = {chance.take() for _ in range(300)}
    assert len(theirs) == 300 * 16
    assert not ours & {theirs[at : at + 16] for at in range(0, len(theirs), 16)}
