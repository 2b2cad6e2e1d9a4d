"""What both halves of the bridge say of trouble."""

import time

import structlog
from confluent_kafka import KafkaError

log = structlog.get_logger(__name__)

AWAY = "The event log doesn't answer. Try again shortly."
_QUIET_SECONDS = 10.0


class Troubles:
    """Logs what librdkafka complains of: each failed connection is one, so it is said once in a while."""

    def __init__(self) -> None:
        self._quiet_until = 0.0

    def __call__(self, error: KafkaError) -> None:
        """A complaint. librdkafka goes on trying by itself."""
        if time.monotonic() >= self._quiet_until:
            self._quiet_until = time.monotonic() + _QUIET_SECONDS
            log.warning("event_log_troubled", code=error.name())
