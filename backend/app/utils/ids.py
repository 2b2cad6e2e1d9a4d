"""Ids that sort by time."""

import os
import time
from datetime import datetime
from uuid import UUID

_RANDOM_BITS = 74
_SETBACK_MS = 10_000
"""A clock that goes back by less is waited for; one that goes back by more was wrong before."""


class _Latest:
    """The latest id of this process: its millisecond, and the random bits behind it."""

    ms = 0
    random = 0


def uuid7() -> UUID:
    """A UUID of version 7 (RFC 9562): 48 bits of milliseconds, then 74 random bits.

    Rows sort by their creation, and tables can be partitioned by ranges of their primary key. Within a process each
    id is greater than the one before (the RFC's method 2): a lane's jobs run in the order in which they were added,
    however many a millisecond brings.
    """
    ms = time.time_ns() // 1_000_000
    fresh = os.urandom(10)
    if _Latest.ms - _SETBACK_MS <= ms <= _Latest.ms:
        ms, random = _Latest.ms, _Latest.random + 1 + int.from_bytes(fresh[:4], "big")
    else:
        random = int.from_bytes(fresh, "big") >> 80 - _RANDOM_BITS
    if random >> _RANDOM_BITS:
        ms, random = ms + 1, random & (1 << _RANDOM_BITS) - 1
    _Latest.ms, _Latest.random = ms, random
    value = (ms & 0xFFFF_FFFF_FFFF) << 80 | 0x7 << 76 | (random >> 62) << 64
    return UUID(int=value | 0x2 << 62 | random & 0x3FFF_FFFF_FFFF_FFFF)


def uuid7_at(moment: datetime) -> UUID:
    """The least UUID of version 7 of a moment: what was made before has a smaller one."""
    ms = int(moment.timestamp() * 1000)
    return UUID(int=(ms & 0xFFFF_FFFF_FFFF) << 80 | 0x7 << 76 | 0x2 << 62)
