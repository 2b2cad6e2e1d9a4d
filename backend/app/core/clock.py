"""What time it is: by the database, carried on by a clock of this machine that never jumps.

Leases, tenant tokens and service windows are judged by the database's clock. A process whose wall clock is wrong, or is
set while it runs, must not disagree: each new connection tells the time, and between them the kernel counts.
"""

import time
from datetime import UTC, datetime

_COUNTER = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Goes on while the machine sleeps, where there is such a clock."""

TOLERANCE = 5.0
"""Seconds by which our time and the database's may differ: waiting for an answer takes time as well."""


class SteadyClock:
    """Unix time that no change of the wall clock moves."""

    def __init__(self) -> None:
        """Begins with the wall clock, until the database has told the time."""
        self.hear(time.time())

    def hear(self, now: float) -> None:
        """Takes the database's time, in seconds since 1970."""
        self._offset = now - time.clock_gettime(_COUNTER)

    def seconds(self) -> float:
        """Seconds since 1970."""
        return time.clock_gettime(_COUNTER) + self._offset

    def differs(self, now: float) -> bool:
        """Whether the database's time is another than what we hold for it."""
        return abs(now - self.seconds()) > TOLERANCE

    def now(self) -> datetime:
        """The same as a time in UTC."""
        return datetime.fromtimestamp(self.seconds(), UTC)
