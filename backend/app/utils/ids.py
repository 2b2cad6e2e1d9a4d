"""Ids that sort by time."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

from asyncpg.pgproto import pgproto

from app.utils.chance import Chance

_CHANCE = Chance(10)
_ROOM_TO_RISE = (1 << 61) - 1
"""The lower half begins with a clear bit: as many as 2^28 of one millisecond don't overflow it."""

_make: Callable[[bytes], UUID] = pgproto.UUID
"""The driver's own kind, as ids are that it reads: made and written in a fifth of the time."""
_ALLOWANCE_MS = 35 * 86_400_000
_SETBACK_MS = 10_000
"""A clock that goes back by less is waited for; one that goes back by more was wrong before."""


class _Latest:
    """The latest id of this process, and its millisecond; and whose time it is."""

    def __init__(self) -> None:
        self.ms = 0
        self.value = 0
        self.clock: Callable[[], float] = time.time


_latest = _Latest()


def use_clock(seconds: Callable[[], float]) -> None:
    """Takes the time for ids from a clock of its own, in seconds since 1970.

    Rows are found by the months of their ids, so all processes must mean the same month: the database's.
    """
    _latest.clock = seconds


def uuid7() -> UUID:
    """A UUID of version 7 (RFC 9562): 48 bits of milliseconds, then 73 random bits.

    Rows sort by their creation, and tables can be partitioned by ranges of their primary key. Within a process each
    id is greater than the one before (the RFC's method 2): a lane's jobs run in the order in which they were added,
    however many a millisecond brings.
    """
    latest, fresh = _latest, _CHANCE.take()
    ms = int(latest.clock() * 1000)
    if latest.ms - _SETBACK_MS <= ms <= latest.ms:
        latest.value += 1 + int.from_bytes(fresh[:4], "big")
    else:
        random = int.from_bytes(fresh, "big")
        latest.ms = ms
        latest.value = _least(ms).int | (random >> 68) << 64 | random & _ROOM_TO_RISE
    return _make(latest.value.to_bytes(16, "big"))


def uuid7_at(moment: datetime) -> UUID:
    """The least UUID of version 7 of a moment: what was made before has a smaller one."""
    return _least(int(moment.timestamp() * 1000))


def floor_of(made_later: UUID) -> UUID:
    """Less than the ids of all that belongs to something that has this id: so its older months needn't be looked at.

    A message may have got its id before its conversation did, by a clock since set back: five weeks' allowance.
    """
    return (
        _least((made_later.int >> 80) - _ALLOWANCE_MS) if made_later.version == 7 else UUID(int=0)
    )


def moment_of(id_: UUID) -> datetime:
    """When an id of version 7 was made."""
    return datetime.fromtimestamp((id_.int >> 80) / 1000, UTC)


def _least(ms: int) -> UUID:
    return UUID(int=(ms & 0xFFFF_FFFF_FFFF) << 80 | 0x7 << 76 | 0x2 << 62)
