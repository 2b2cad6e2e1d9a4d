"""How far a group has come: asked by somebody who is no member of it."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

from app.core.errors import Unavailable
from app.services.queue.base import Progress
from app.services.queue.brokers._kafka_errors import AWAY, Troubles

SECONDS = 2.0
"""How long each broker may take to tell."""


class KafkaProgress:
    """Asks the cluster, in a thread of its own."""

    def __init__(self, client: dict[str, Any], *, group: str) -> None:
        """Keeps how to connect, and whose progress is asked for."""
        self._settings = client | {"group.id": group, "error_cb": Troubles()}
        self._asking: Consumer | None = None
        self._thread = ThreadPoolExecutor(1, "kafka-progress")

    async def ask(self, topic: str) -> Progress:
        """Where every partition ends, and up to where it was taken in."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._ask, topic)
        except KafkaException as error:
            raise Unavailable(AWAY) from error

    def _ask(self, topic: str) -> Progress:
        if self._asking is None:
            self._asking = Consumer(self._settings)
        known = self._asking.list_topics(topic, SECONDS).topics[topic].partitions
        committed = self._asking.committed([TopicPartition(topic, n) for n in known], SECONDS)
        ends, taken = {}, {}
        for one in committed:
            if one.error:
                raise KafkaException(one.error)
            first, ends[one.partition] = self._asking.get_watermark_offsets(one, SECONDS)
            taken[one.partition] = max(first, one.offset)  # Negative where nothing was noted yet.
        return Progress(ends, taken)

    async def close(self) -> None:
        """Lets go."""
        if self._asking is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._asking.close)
            self._asking = None
        self._thread.shutdown(wait=False)
