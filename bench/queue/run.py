"""P17: what a message costs on its way through the event log, against the client library used as well as it can be.

Everybody appends 600-byte messages, keyed by client and contact, to a real broker, awaits every acknowledgement, reads
them back in a group and commits. The library appends everything, then flushes. Ours goes through the seam: one record a
call, by many callers at once, as webhooks come; and many records a call, as events are published. Sealing is counted
by itself: the library has nothing like it.
"""

import argparse
import asyncio
import os
import time
from collections import defaultdict
from pathlib import Path
from uuid import UUID, uuid4

from bench.lib import Racer, publish, race, ratio, tree, workplace

from confluent_kafka import Consumer, Producer
from tests.fixtures.kafka import Kafka

from app.core.clock import SteadyClock
from app.core.sealing import Cipher, Secret
from app.core.tools import Tools
from app.services.queue.base import INBOUND, TOPICS, Record
from app.services.queue.brokers.kafka import Config
from app.services.queue.brokers.kafka import Kafka as Log
from app.services.queue.producer import Inbound, sealed

GOALS = {"published in batches / library, CPU": "<= 2", "order kept for each key": "1"}
CALLERS = 256
BATCH = 500
KEYS = 1000
BODY = b"x" * 600


def keyed(count: int) -> list[tuple[bytes, bytes]]:
    """Keys and values; a value begins with its number."""
    return [(b"client/%d" % (n % KEYS), (b"%08d" % n) + BODY[8:]) for n in range(count)]


def ordered(read: list[tuple[bytes, bytes]], count: int) -> bool:
    """Whether everything came once, each key's in order."""
    numbers: dict[bytes, list[bytes]] = defaultdict(list)
    for key, value in read:
        numbers[key].append(value[:8])
    return len(read) == count and all(one == sorted(one) for one in numbers.values())


class Library:
    """confluent-kafka, batched."""

    def __init__(self, addresses: str, topic: str, count: int) -> None:
        self._topic, self._count = topic, count
        self._producer = Producer({"bootstrap.servers": addresses, "enable.idempotence": True})
        self._consumer = Consumer(
            {"bootstrap.servers": addresses, "group.id": "library", "enable.auto.commit": False,
             "auto.offset.reset": "earliest", "partition.assignment.strategy": "cooperative-sticky"}
        )  # fmt: skip
        self._consumer.subscribe([topic])
        self.good = True

    def close(self) -> None:
        """Leaves before the broker does."""
        self._producer.close()
        self._consumer.close()

    async def run(self) -> int:
        """One round, in a thread: it blocks."""
        return await asyncio.to_thread(self._run)

    def _run(self) -> int:
        acknowledged = 0

        def delivered(error: object, _: object) -> None:
            nonlocal acknowledged
            acknowledged += error is None

        for key, value in keyed(self._count):
            self._producer.produce(self._topic, value, key, on_delivery=delivered)
            self._producer.poll(0)
        self._producer.flush()
        read: list[tuple[bytes, bytes]] = []
        while len(read) < self._count:
            found = self._consumer.consume(BATCH, 0.2)
            read += [(one.key() or b"", one.value() or b"") for one in found]
            if found:
                self._consumer.commit(asynchronous=False)
        self.good &= acknowledged == self._count and ordered(read, self._count)
        return self._count


class Ours:
    """Our seam; ``batch`` records a call."""

    def __init__(self, addresses: str, prefix: str, count: int, batch: int) -> None:
        config = Config(
            bootstrap_servers=addresses, prefix=prefix, in_flight=10 * count, replication=1, min_insync=1, seconds=60
        )
        self.log = Log(config, Tools(http=None, now=SteadyClock().now))  # type: ignore[arg-type] # It calls nobody.
        self._count, self._batch = count, batch
        self.good = True

    async def run(self) -> int:
        """One round."""
        records = [Record(key, value) for key, value in keyed(self._count)]
        calls = [records[n : n + self._batch] for n in range(0, self._count, self._batch)]
        turn = iter(calls)

        async def caller() -> None:
            for some in turn:
                await self.log.append(INBOUND, some)

        await asyncio.gather(*(caller() for _ in range(CALLERS)))
        read: list[tuple[bytes, bytes]] = []
        while len(read) < self._count:
            taken = await self.log.read(INBOUND, BATCH, 0.2)
            read += [(one.key, one.value) for one in taken]
            await self.log.commit(taken)
        self.good &= ordered(read, self._count)
        return self._count


def sealing_us(count: int = 20_000) -> float:
    """CPU of sealing one record and opening it again."""
    cipher = Cipher(uuid4(), {1: Secret.new()}, 1)
    item = Inbound(UUID(int=cipher.client_id.int), "whatsapp/1/2", BODY, f"00-{'1' * 32}-{'2' * 16}-00")
    began = time.process_time()
    for _ in range(count):
        record = sealed(item, cipher)
        cipher.open(record.value, b"log/inbound", item.id.bytes)
    return (time.process_time() - began) / count * 1e6


async def main() -> None:
    """Runs the race."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=20_000)
    given = parser.parse_args()
    with workplace() as place, Kafka(Path(place) / "kafka") as kafka:
        [broker] = kafka.brokers
        assert broker.process  # noqa: S101
        pid = broker.process.pid
        ways = {
            name: Ours(kafka.addresses, f"{batch}.", given.messages, batch)
            for name, batch in (("a call each", 1), ("published in batches", BATCH))
        }
        for way in ways.values():
            await way.log.prepare(TOPICS)
        shared = Ours(kafka.addresses, "library.", given.messages, BATCH)
        await shared.log.prepare(TOPICS)
        library = Library(kafka.addresses, "library.inbound", given.messages)
        mine = {"client": lambda: [os.getpid()], "broker": lambda: tree(pid)}
        racers = {name: Racer(name, way.run, mine) for name, way in {"library": library, **ways}.items()}
        await race(list(racers.values()), given.rounds)
        library.close()
        for way in (*ways.values(), shared):
            await way.log.close()
    base = racers["library"]
    publish(
        Path(__file__).parent,
        {
            "race": "P17 queue",
            "figures": {
                "published in batches / library, CPU": ratio(racers["published in batches"], base, "client_cpu_us"),
                "a call each / library, CPU": ratio(racers["a call each"], base, "client_cpu_us"),
                "order kept for each key": float(all(way.good for way in (library, *ways.values()))),
                "sealing and opening, CPU in µs": sealing_us(),
            },
            "goals": GOALS,
            "racers": {racer.name: racer.summary() for racer in racers.values()},
        },
    )


if __name__ == "__main__":
    asyncio.run(main())
