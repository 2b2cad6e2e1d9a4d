"""Making topics."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from app.core.errors import Misconfigured, Unavailable
from app.services.queue.brokers._kafka_errors import Troubles

_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """A topic as it should be."""

    name: str
    partitions: int
    replication: int
    settings: Mapping[str, str]


async def make(client: dict[str, Any], wanted: Sequence[Wanted]) -> list[str]:
    """Makes the topics that are missing and names them.

    Raises:
        Misconfigured: The cluster refuses, such as more replicas than it has brokers.
        Unavailable: It can't be reached.
    """
    return await asyncio.to_thread(_make, client, wanted)


def _make(client: dict[str, Any], wanted: Sequence[Wanted]) -> list[str]:
    troubles = Troubles()
    admin = AdminClient(client | {"error_cb": troubles})
    try:
        there = admin.list_topics(timeout=_SECONDS).topics
        missing = [topic for topic in wanted if topic.name not in there]
        asked = [
            NewTopic(t.name, t.partitions, t.replication, config=dict(t.settings)) for t in missing
        ]
        made = admin.create_topics(asked, operation_timeout=_SECONDS) if asked else {}
        for name, result in made.items():
            _see(name, result)
    except KafkaException as error:
        admin.poll(0)  # Now it tells what it complains of.
        raise Unavailable(troubles.why) from error
    return [topic.name for topic in missing]


def _see(name: str, result: Any) -> None:
    try:
        result.result(_SECONDS)
    except KafkaException as error:
        problem: KafkaError = error.args[0]
        if problem.code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return  # Somebody else migrates as well.
        if problem.retriable():
            raise
        raise Misconfigured(
            f"Kafka doesn't make topic {name}: {problem.str()}. On a cluster of fewer than three brokers set "
            "KAFKA_REPLICATION and KAFKA_MIN_INSYNC."
        ) from error
