"""Whether there is room on the disk. PostgreSQL that runs out of it stops altogether; we stop taking in before."""

import os
import time
from pathlib import Path

from app.core.errors import Unavailable

SHARE, MOST = 0.10, 256 * 2**20
"""Intake stops when less than this share of the disk is free, or on a large one less than so many bytes."""

_EVERY = 1.0
RETRY_SECONDS = 30


class Room:
    """The room on the disk that holds the database; None where the database is somewhere else."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._looked = 0.0
        self._enough = True

    def enough(self) -> bool:
        """Whether something may still be written. Looks once a second."""
        if self._path is not None and time.monotonic() - self._looked > _EVERY:
            self._looked = time.monotonic()
            self._enough = _free(self._path)
        return self._enough

    def require(self) -> None:
        """Refuses to take anything in while there is no room.

        Raises:
            Unavailable: Whoever comes has to come again.
        """
        if not self.enough():
            raise Unavailable("The disk is almost full. Make room; it goes on by itself.")


def _free(path: Path) -> bool:
    try:
        found = os.statvfs(path)
    except OSError:
        return True  # Nothing is there yet, or nobody may look: the database will tell.
    size, free = found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize
    return free >= min(SHARE * size, MOST)
