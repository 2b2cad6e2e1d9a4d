"""Apache Kafka, through librdkafka. One file is settings and the seam; ``_kafka`` is the bridge to asyncio."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, SecretStr

from app.core.errors import Misconfigured
from app.core.tools import Tools
from app.services.queue.base import EventLog, Progress, Record, Taken, Topic
from app.services.queue.brokers import _kafka_topics
from app.services.queue.brokers._kafka_consumer import KafkaConsumer
from app.services.queue.brokers._kafka_producer import KafkaProducer
from app.services.queue.brokers._kafka_progress import KafkaProgress

LARGEST = 5 * 1024 * 1024
"""Bytes of one record: more than the largest webhook that is let in."""


class Config(BaseModel):
    """One cluster."""

    bootstrap_servers: str = Field(description="host:port of some brokers, by comma.")
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    ssl_ca_location: Path | None = Field(None, description="Who signs the brokers' certificates.")
    ssl_certificate_location: Path | None = Field(None, description="Our own certificate.")
    ssl_key_location: Path | None = None
    prefix: str = Field("wafaa.", description="What topics and groups begin with.")
    partitions: int = Field(12, ge=1, description="Of each busy topic, when it is made.")
    replication: int = Field(3, ge=1, description="On how many brokers a record stands.")
    min_insync: int = Field(2, ge=1, description="How many must have it before it counts.")
    seconds: float = Field(4.0, gt=0, description="How long a record may take to be durable.")
    in_flight: int = Field(10_000, ge=1, description="Records on their way; more are refused.")
    session_seconds: float = Field(
        10.0, gt=0, description="Silence after which a member of the group is taken for dead."
    )

    def client(self) -> dict[str, Any]:
        """What every client of librdkafka is told.

        Raises:
            Misconfigured: SASL is wanted, and a name or a password is missing.
        """
        told = {
            "bootstrap.servers": self.bootstrap_servers,
            "security.protocol": self.security_protocol,
            "client.id": "wafaa",
            "socket.connection.setup.timeout.ms": 5000,
            "reconnect.backoff.max.ms": 2000,
            "log_level": 2,  # What matters comes through callbacks and results.
            "ssl.ca.location": self.ssl_ca_location and str(self.ssl_ca_location),
            "ssl.certificate.location": self._path(self.ssl_certificate_location),
            "ssl.key.location": self._path(self.ssl_key_location),
        }
        return {name: value for name, value in (told | self._sasl()).items() if value is not None}

    def _sasl(self) -> dict[str, Any]:
        if not self.security_protocol.startswith("SASL"):
            return {}
        if not self.sasl_username or self.sasl_password is None:
            raise Misconfigured("kafka needs KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD for SASL.")
        return {
            "sasl.mechanism": self.sasl_mechanism,
            "sasl.username": self.sasl_username,
            "sasl.password": self.sasl_password.get_secret_value(),
        }

    @staticmethod
    def _path(path: Path | None) -> str | None:
        return None if path is None else str(path)


class Kafka:
    """A cluster, as a log. It connects when it is first used."""

    def __init__(self, config: Config, tools: Tools) -> None:
        del tools
        self._config = config
        client = config.client()
        self._producer = KafkaProducer(
            client | {"message.max.bytes": LARGEST}, config.seconds, config.in_flight
        )
        self._consumer = KafkaConsumer(
            client | {"fetch.message.max.bytes": LARGEST},
            group=f"{config.prefix}intake",
            session_seconds=config.session_seconds,
        )
        self._progress = KafkaProgress(client, group=f"{config.prefix}intake")

    async def append(self, topic: Topic, records: Sequence[Record]) -> None:
        """Adds records; an idempotent producer waits for every replica in sync."""
        await self._producer.append(self._name(topic), records)

    async def read(self, topic: Topic, most: int, seconds: float) -> list[Taken]:
        """The next records of the partitions that this member has."""
        return await self._consumer.read(self._name(topic), most, seconds)

    async def commit(self, taken: Sequence[Taken]) -> None:
        """Commits offsets."""
        await self._consumer.commit(taken)

    async def prepare(self, topics: Sequence[Topic]) -> list[str]:
        """Makes the topics that are missing; those that are there belong to whoever runs the cluster."""
        config = self._config
        wanted = [
            _kafka_topics.Wanted(
                name=self._name(topic),
                partitions=config.partitions if topic.busy else min(3, config.partitions),
                replication=config.replication,
                settings={
                    "retention.ms": str(topic.hours * 3_600_000),
                    "min.insync.replicas": str(config.min_insync),
                    "max.message.bytes": str(LARGEST),
                    "cleanup.policy": "delete",
                },
            )
            for topic in topics
        ]
        return await _kafka_topics.make(config.client(), wanted)

    async def progress(self, topic: Topic) -> Progress:
        """Asks the group's coordinator and every partition's leader."""
        return await self._progress.ask(self._name(topic))

    async def ping(self) -> str:
        """Asks the cluster for our topics."""
        return await self._producer.ping(self._config.prefix)

    async def close(self) -> None:
        """Leaves the group, and hands over what is on its way."""
        await self._consumer.close()
        await self._progress.close()
        await self._producer.close()

    def _name(self, topic: Topic) -> str:
        return f"{self._config.prefix}{topic.name}"


adapter: Callable[[Config, Tools], EventLog] = Kafka
