"""Who is told what happens, and makes figures and log events of it."""

from collections.abc import Callable
from uuid import UUID

from app.core.observability import Metrics, message_processed
from app.services.orchestrator.session_manager import Reply


class Observer:
    """Turns what happens into figures and log events."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def received(self, client_id: UUID, channel: str, messages: int) -> None:
        """New messages were written."""
        if messages:
            self._metrics.message(client_id, channel, "in", messages)

    def refused(self, client_id: UUID, code: str, events: int) -> None:
        """Events were kept unprocessed."""
        for _ in range(events):
            self._metrics.error(client_id, code)

    def searched(self, store: str) -> Callable[[UUID, float], None]:
        """Who is told how long searches in a vector store take."""
        return lambda client_id, seconds: self._metrics.vector_search(client_id, store, seconds)

    def taken_in(self, records: int, age_seconds: float) -> None:
        """Records of the event log were taken in."""
        self._metrics.log_age(age_seconds)

    def outbox(self, events: int, oldest_seconds: float) -> None:
        """Events wait to be published."""
        self._metrics.outbox(events, oldest_seconds)

    def unpublished(self, events: int) -> None:
        """Events were forgotten before the event log had them."""
        self._metrics.error(None, "unpublished", events)

    def buried(self, code: str) -> None:
        """A record became a dead letter."""
        self._metrics.error(None, f"buried_{code}")

    def job_failed(self, client_id: UUID, kind: str, code: str, *, parked: bool) -> None:
        """A job failed."""
        self._metrics.error(client_id, f"parked_{kind}" if parked else code)

    def message_processed(
        self, client_id: UUID, channel: str, seconds: float, reply: Reply
    ) -> None:
        """A message was answered."""
        self._metrics.message(client_id, channel, "out")
        self._metrics.tokens(client_id, reply.model, "input", reply.tokens.input)
        self._metrics.tokens(client_id, reply.model, "output", reply.tokens.output)
        message_processed(
            self._metrics, client_id=client_id, channel=channel, response_time_ms=seconds * 1000
        )
