"""The seam to event logs: a durable log in front of the lanes, and a stream of what happened behind them.

A log never schedules: lanes do (``jobs.py``). What is read from it may come twice; whoever takes it must not mind.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Topic:
    """One of our topics, as ``wafaa migrate`` makes it.

    Attributes:
        name: Its name, without the installation's prefix.
        busy: Whether it has as many partitions as the installation wants; else a few.
        hours: How long it keeps what was appended.
        about: What stands in it.
    """

    name: str
    busy: bool
    hours: int
    about: str


INBOUND = Topic("inbound", busy=True, hours=7 * 24, about="What platforms told us, sealed.")
EVENTS = Topic("events", busy=True, hours=7 * 24, about="What happened, without what was said.")
DEAD_LETTERS = Topic(
    "dead-letters", busy=False, hours=30 * 24, about="What couldn't be taken in, and parked jobs."
)
TOPICS = (INBOUND, EVENTS, DEAD_LETTERS)


@dataclass(frozen=True, slots=True)
class Record:
    """What is appended. Records with the same key keep their order."""

    key: bytes
    value: bytes
    headers: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Taken(Record):
    """A record that was read, and where it stood."""

    topic: str = ""
    partition: int = 0
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a group has come in a topic, by partition.

    Attributes:
        ends: Where each partition ends.
        taken: Up to where each was taken in.
    """

    ends: Mapping[int, int]
    taken: Mapping[int, int]

    def covers(self, earlier: "Progress | None") -> bool:
        """Whether all that there was at an earlier look has been taken in since."""
        return earlier is not None and all(
            self.taken.get(partition, 0) >= end for partition, end in earlier.ends.items()
        )


class EventLog(Protocol):
    """A partitioned, durable log. Every wait in it is bounded."""

    async def append(self, topic: Topic, records: Sequence[Record]) -> None:
        """Adds records. When this returns, they are durable on as many machines as the log demands.

        Raises:
            Unavailable: Nobody knows whether all of them are; append them again, or refuse what they came with.
        """

    async def read(self, topic: Topic, most: int, seconds: float) -> list[Taken]:
        """The next records for this member of the installation's group; empty when none came in time.

        Raises:
            Unavailable: The log can't be read now.
        """

    async def commit(self, taken: Sequence[Taken]) -> None:
        """Notes that these records, and all before them, need not be read again.

        Another member may have got their partition meanwhile; then nothing is noted, and it reads them again.
        """

    async def prepare(self, topics: Sequence[Topic]) -> list[str]:
        """Makes the topics that are missing and names them.

        Raises:
            Misconfigured: The log refuses; the message says why.
            Unavailable: It can't be reached.
        """

    async def progress(self, topic: Topic) -> "Progress":
        """How far the whole group has come, dead and paused members' partitions included.

        Raises:
            Unavailable: Of some partition nobody can tell.
        """

    async def ping(self) -> str:
        """Looks whether the log answers and has our topics; tells what it saw.

        Raises:
            Unavailable: It doesn't, or hasn't.
        """

    async def close(self) -> None:
        """Hands over what is still on its way, leaves the group, and lets go."""
