"""The appending half of the bridge between librdkafka's threads and asyncio.

One thread serves delivery reports. What it finds done in one round it hands to the loop in one call: a call for each
record would cost more than the record. (``confluent_kafka.aio`` keeps a record for up to a second; ours goes at once.)
"""

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from app.core.errors import Unavailable
from app.services.queue.base import Record
from app.services.queue.brokers._kafka_errors import AWAY, Troubles

log = structlog.get_logger(__name__)

_ROUND_SECONDS = 0.1


class _Waiter:
    """One caller's records on their way. Its counts belong to the thread that serves reports, and to no other."""

    __slots__ = ("_done", "error", "future", "left")

    def __init__(self, future: "asyncio.Future[None]", left: int, done: "list[_Waiter]") -> None:
        self.future = future
        self.left = left
        self.error: KafkaError | None = None
        self._done = done

    def reported(self, error: KafkaError | None, _: Message) -> None:
        """A record is durable, or given up."""
        if error is not None:
            self.error = self.error or error
        self.left -= 1
        if not self.left:
            self._done.append(self)


class KafkaProducer:
    """Appends and waits for the acknowledgement of every replica in sync."""

    def __init__(self, client: dict[str, Any], seconds: float, in_flight: int) -> None:
        """Keeps how to connect.

        Args:
            client: Settings of librdkafka.
            seconds: How long a record may take.
            in_flight: How many records may be on their way.
        """
        self._troubles = Troubles()
        self._settings = client | {
            "enable.idempotence": True,  # And with it acks=all, order, and no doubles of our own.
            "message.timeout.ms": round(seconds * 1000),
            "linger.ms": 1,
            "queue.buffering.max.messages": in_flight,
            "error_cb": self._troubles,
        }
        self._seconds = seconds
        self._room = in_flight
        self._producer: Producer | None = None
        self._thread: threading.Thread | None = None
        self._done: list[_Waiter] = []
        self._closing = threading.Event()

    async def append(self, topic: str, records: Sequence[Record]) -> None:
        """Appends; returns when all of the records are durable.

        Raises:
            Unavailable: One of them wasn't in time, or too many are on their way.
        """
        if not records:
            return
        if len(records) > self._room:
            raise Unavailable("Too much is on its way to the event log. Try again shortly.")
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._room -= len(records)
        future.add_done_callback(lambda _: self._make_room(len(records)))
        waiter = _Waiter(future, len(records), self._done)
        self._produce(topic, records, waiter)
        try:  # librdkafka gives up by itself; this is for the day it doesn't.
            await asyncio.wait_for(future, self._seconds + 2)
        except TimeoutError as error:
            raise Unavailable(AWAY) from error

    def _make_room(self, count: int) -> None:
        self._room += count

    def _produce(self, topic: str, records: Sequence[Record], waiter: _Waiter) -> None:
        produce, reported = self._open().produce, waiter.reported
        for sent, record in enumerate(records):
            try:
                produce(
                    topic,
                    record.value,
                    record.key,
                    headers=list(record.headers.items()) if record.headers else None,
                    on_delivery=reported,
                )
            except (BufferError, KafkaException) as error:
                # Those before it come in their time, to nobody.
                waiter.future.cancel()
                log.warning("append_refused", sent=sent, exc_info=error)
                raise Unavailable(AWAY) from error

    def _open(self) -> Producer:
        if self._producer is None:
            self._producer = Producer(self._settings)
            loop = asyncio.get_running_loop()
            self._thread = threading.Thread(
                target=self._serve, args=(self._producer, loop), name="kafka-reports", daemon=True
            )
            self._thread.start()
        return self._producer

    def _serve(self, producer: Producer, loop: asyncio.AbstractEventLoop) -> None:
        while not self._closing.is_set():
            producer.poll(_ROUND_SECONDS)
            if self._done:
                done = self._done[:]
                del self._done[: len(done)]
                loop.call_soon_threadsafe(_settle, done)

    async def ping(self, prefix: str) -> str:
        """Asks for the topics that begin with ``prefix``.

        Raises:
            Unavailable: There is no answer, or there are none; the message says why, where that is known.
        """
        producer = self._open()
        try:
            found = await asyncio.to_thread(producer.list_topics, timeout=self._seconds)
        except KafkaException as error:
            raise Unavailable(self._troubles.why) from error
        ours = [name for name in found.topics if name.startswith(prefix)]
        if not ours:
            raise Unavailable("The event log has no topics of ours. Run `wafaa migrate`.")
        return f"{len(found.brokers)} brokers, {len(ours)} topics"

    async def close(self) -> None:
        """Waits a moment for what is on its way."""
        if self._producer is not None and self._thread is not None:
            await asyncio.to_thread(self._producer.flush, self._seconds)
            self._closing.set()
            await asyncio.to_thread(self._thread.join)
            self._producer = self._thread = None


def _settle(done: Sequence[_Waiter]) -> None:
    for waiter in done:
        if waiter.future.done():  # Its caller has left.
            continue
        if waiter.error is None:
            waiter.future.set_result(None)
        else:
            problem = Unavailable(AWAY)
            problem.__cause__ = KafkaException(waiter.error)
            waiter.future.set_exception(problem)
