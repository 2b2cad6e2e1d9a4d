"""What is counted, per client: messages, response times, tokens, vector search, caches, errors; and the backlog.

A client is a label, and a label costs memory for ever: after the first thousand, clients are counted together as
``other``.
"""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.multiprocess import MultiProcessCollector

from app.core import shared_values
from app.core.shared_values import SharedValues

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
MOST_CLIENTS = 1000
_MOST_LABELLED = 8 * MOST_CLIENTS
OTHER = "other"
NONE = "none"
FORMAT = "v1"
"""Names the files' directory. Raise it when names, labels or buckets change: old files mustn't be added to new ones."""

Measure = TypeVar("Measure", Counter, Histogram)

RESPONSE_BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0, 60.0)
SEARCH_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)


class Metrics:
    """The measures of one process; with a directory, shown together with those of every other one that shares it."""

    def __init__(self, directory: Path | None = None, most_clients: int = MOST_CLIENTS) -> None:
        """Prepares the measures.

        Args:
            directory: Where the processes of this installation share their values; None keeps them to this process.
            most_clients: How many clients get a label of their own.
        """
        self._directory = directory / FORMAT if directory else None
        self._shared = SharedValues(self._directory) if self._directory else None
        shared_values.use(self._shared)
        self._registry = CollectorRegistry()
        self._most_clients = most_clients
        self._clients = self._known_clients()
        self._define_counts()
        self._define_times()
        self._counter_of: Callable[..., Counter] = lru_cache(_MOST_LABELLED)(self._labelled)
        self._histogram_of: Callable[..., Histogram] = lru_cache(_MOST_LABELLED)(self._labelled)

    def _define_counts(self) -> None:
        self._messages = self._counter("messages", "Messages", "channel", "direction")
        self._tokens = self._counter("tokens", "Tokens of language models", "model", "kind")
        self._cache = self._counter("cache_requests", "Look-ups in caches", "cache", "result")
        self._errors = self._counter("errors", "Errors by code", "code")

    def _define_times(self) -> None:
        self._responses = Histogram(
            "wafaa_response_seconds",
            "From a message's arrival to its answer",
            ("client", "channel"),
            buckets=RESPONSE_BUCKETS,
            registry=self._registry,
        )
        self._searches = Histogram(
            "wafaa_vector_search_seconds",
            "Time of one vector search",
            ("client", "store"),
            buckets=SEARCH_BUCKETS,
            registry=self._registry,
        )
        self._backlog = self._gauge("wafaa_lane_backlog", "Jobs that wait")
        self._shed = self._gauge(
            "wafaa_shed_level", "Highest level of work left undone (0 none, 5 intake)"
        )
        self._shed_clients = self._gauge(
            "wafaa_shed_clients", "Clients for whom some work is left undone"
        )
        self._oldest = self._gauge("wafaa_lane_oldest_seconds", "Age of the oldest job that waits")
        self._outbox = self._gauge("wafaa_outbox_events", "Events that wait to be published")
        self._outbox_age = self._gauge("wafaa_outbox_oldest_seconds", "Age of the oldest of them")
        self._log_age = self._gauge(
            "wafaa_log_age_seconds", "How long the oldest record of the last batch had waited"
        )

    def _counter(self, name: str, help_text: str, *labels: str) -> Counter:
        return Counter(f"wafaa_{name}", help_text, ("client", *labels), registry=self._registry)

    def _gauge(self, name: str, help_text: str) -> Gauge:
        return Gauge(name, help_text, registry=self._registry, multiprocess_mode="mostrecent")

    def message(self, client_id: UUID, channel: str, direction: str, count: int = 1) -> None:
        """Counts messages; ``direction`` is in or out."""
        self._counter_of(self._messages, client_id, channel, direction).inc(count)

    def response(self, client_id: UUID, channel: str, seconds: float) -> None:
        """Keeps how long an answer took."""
        self._histogram_of(self._responses, client_id, channel).observe(seconds)

    def tokens(self, client_id: UUID, model: str, kind: str, count: int) -> None:
        """Counts a model's tokens; ``kind`` is input or output."""
        self._counter_of(self._tokens, client_id, model, kind).inc(count)

    def vector_search(self, client_id: UUID, store: str, seconds: float) -> None:
        """Keeps how long a vector search took."""
        self._histogram_of(self._searches, client_id, store).observe(seconds)

    def cache(self, client_id: UUID | None, cache: str, *, hit: bool) -> None:
        """Counts a look-up in a cache."""
        self._counter_of(self._cache, client_id, cache, "hit" if hit else "miss").inc()

    def error(self, client_id: UUID | None, code: str, count: int = 1) -> None:
        """Counts errors by their code."""
        self._errors.labels(self._client(client_id), code).inc(count)

    def lanes(self, backlog: int, oldest_seconds: float) -> None:
        """Keeps how many jobs wait, and for how long the oldest has."""
        self._backlog.set(backlog)
        self._oldest.set(oldest_seconds)

    def outbox(self, events: int, oldest_seconds: float) -> None:
        """Keeps how many events wait to be published, and for how long the oldest has."""
        self._outbox.set(events)
        self._outbox_age.set(oldest_seconds)

    def log_age(self, seconds: float) -> None:
        """Keeps how long records wait in the event log."""
        self._log_age.set(seconds)

    def shedding(self, level: int, clients: int) -> None:
        """Keeps how much is left undone, and for how many clients."""
        self._shed.set(level)
        self._shed_clients.set(clients)

    def render(self) -> bytes:
        """Everything in Prometheus' text format, of all processes. Reads files: call it from a thread."""
        if self._directory is None:
            return generate_latest(self._registry)
        together = CollectorRegistry()
        MultiProcessCollector(together, path=str(self._directory))  # type: ignore[no-untyped-call] # It ships none.
        return generate_latest(together)

    def close(self) -> None:
        """Leaves this process's values to those who read them, and its place to the next."""
        if self._shared is not None:
            self._shared.close()
            shared_values.use(None)  # What is counted from now on has no files to go to.

    def _labelled(self, measure: Measure, client_id: UUID | None, *labels: str) -> Measure:
        """A measure under its labels: finding it costs more than counting."""
        return measure.labels(self._client(client_id), *labels)

    def _client(self, client_id: UUID | None) -> str:
        """The label of a client, of the others together, or of none."""
        if client_id is None:
            return NONE
        label = str(client_id)
        if label not in self._clients:
            if len(self._clients) >= self._most_clients:
                return OTHER
            self._clients.add(label)
        return label

    def _known_clients(self) -> set[str]:
        """Who has a label in the files already: a restart must not make room for a thousand more."""
        if self._directory is None:
            return set()
        files = [str(path) for path in self._directory.glob("*.db")]
        metrics = MultiProcessCollector.merge(files)  # type: ignore[no-untyped-call] # It ships none.
        labels = (sample.labels.get("client") for metric in metrics for sample in metric.samples)
        return {label for label in labels if label and label not in (OTHER, NONE)}
