"""Random bytes from the system's generator, a page at a time: asking it costs more than using what it gave."""

import os
from collections.abc import Iterator

_PIECES = 256


class Chance:
    """Pieces of one size; each is given away once, to whichever thread comes."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._left: Iterator[bytes] = iter(())
        os.register_at_fork(after_in_child=self._forget)

    def take(self) -> bytes:
        """The next piece."""
        piece = next(self._left, None)
        if piece is None:
            page = os.urandom(self._size * _PIECES)
            fresh = iter([page[at : at + self._size] for at in range(0, len(page), self._size)])
            piece, self._left = next(fresh), fresh
        return piece

    def _forget(self) -> None:
        """Leaves what is left to the parent: nobody may have the same."""
        self._left = iter(())
