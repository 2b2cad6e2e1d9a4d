"""The reading half: one thread of its own, for librdkafka's consumer blocks and is nobody else's meanwhile."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import structlog
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from app.core.errors import Unavailable
from app.services.queue.base import Taken
from app.services.queue.brokers._kafka_errors import AWAY, Troubles

log = structlog.get_logger(__name__)
ResultT = TypeVar("ResultT")

_LONGEST_PAUSE_SECONDS = 600
"""A member that reads nothing for so long has its partitions given to others; it gets some back when it reads."""


class KafkaConsumer:
    """A member of the group that takes records in."""

    def __init__(self, client: dict[str, Any], *, group: str, session_seconds: float) -> None:
        """Keeps how to connect.

        Args:
            client: Settings of librdkafka.
            group: Whose members share the partitions.
            session_seconds: Silence after which the others take a member for dead.
        """
        session = round(session_seconds * 1000)
        self._settings = client | {
            "group.id": group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "partition.assignment.strategy": "cooperative-sticky",
            "session.timeout.ms": session,
            "heartbeat.interval.ms": session // 10,
            "socket.timeout.ms": 10_000,  # Also the longest that a commit waits.
            "max.poll.interval.ms": _LONGEST_PAUSE_SECONDS * 1000,
            "queued.max.messages.kbytes": 32 * 1024,
            "error_cb": Troubles(),
        }
        self._consumer: Consumer | None = None
        self._thread = ThreadPoolExecutor(1, "kafka-reads")

    async def read(self, topic: str, most: int, seconds: float) -> list[Taken]:
        """The next records, at most so many, waiting at most so long for the first."""
        found = await self._do(lambda: self._open(topic).consume(most, seconds))
        taken = []
        for message in found:
            if (error := message.error()) is None:
                taken.append(_taken(message))
            else:
                log.warning("read_troubled", code=error.name())
        if found and not taken:
            raise Unavailable(AWAY)
        return taken

    async def commit(self, taken: Sequence[Taken]) -> None:
        """Commits the offset after the last record of each partition."""
        ends: dict[tuple[str, int], int] = {}
        for one in taken:
            ends[one.topic, one.partition] = one.offset + 1  # A partition's records come in order.
        offsets = [TopicPartition(*place, offset) for place, offset in ends.items()]
        await self._do(lambda: self._commit(offsets))

    def _commit(self, offsets: list[TopicPartition]) -> None:
        if self._consumer is None or not offsets:
            return
        try:
            self._consumer.commit(offsets=offsets, asynchronous=False)
        except (
            KafkaException
        ) as error:  # A rebalance, as a rule. What isn't committed is read again.
            log.info("not_committed", code=error.args[0].name())

    def _open(self, topic: str) -> Consumer:
        if self._consumer is None:
            self._consumer = Consumer(self._settings)
            self._consumer.subscribe([topic])
        return self._consumer

    async def _do(self, work: Callable[[], ResultT]) -> ResultT:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except KafkaException as error:
            raise Unavailable(AWAY) from error

    async def close(self) -> None:
        """Leaves the group, so that others need not wait for our silence."""
        if self._consumer is not None:
            await self._do(self._consumer.close)
            self._consumer = None
        self._thread.shutdown(wait=False)


def _taken(message: Message) -> Taken:
    headers = message.headers()
    return Taken(
        message.key() or b"",
        message.value() or b"",
        # Its stubs allow for values of text or none; what we publish has bytes only.
        dict(headers) if headers else {},  # type: ignore[arg-type]
        message.topic() or "",
        message.partition() or 0,
        message.offset() or 0,
    )
