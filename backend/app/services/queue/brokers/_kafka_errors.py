"""What both halves of the bridge say of trouble."""

import time

import structlog
from confluent_kafka import KafkaError

log = structlog.get_logger(__name__)

AWAY = "The event log doesn't answer. Try again shortly."
_QUIET_SECONDS = 10.0
_FRESH_SECONDS = 30.0
_REASONS = {
    KafkaError._AUTHENTICATION: "The event log refuses our name or password. Check KAFKA_SASL_MECHANISM, "
    "KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD.",
    KafkaError._SSL: "The event log can't be trusted. Check KAFKA_SECURITY_PROTOCOL and KAFKA_SSL_CA_LOCATION.",
}
"""What somebody can put right; everything else passes by itself."""


class Troubles:
    """Logs what librdkafka complains of: each failed connection is one, so it is said once in a while."""

    def __init__(self) -> None:
        self._quiet_until = 0.0
        self._reason = AWAY
        self._fresh_until = 0.0

    @property
    def why(self) -> str:
        """Why the log doesn't answer, as far as it was told lately."""
        return self._reason if time.monotonic() < self._fresh_until else AWAY

    def __call__(self, error: KafkaError) -> None:
        """A complaint. librdkafka goes on trying by itself."""
        if error.code() in _REASONS:
            self._reason = _REASONS[error.code()]
            self._fresh_until = time.monotonic() + _FRESH_SECONDS
        if time.monotonic() >= self._quiet_until:
            self._quiet_until = time.monotonic() + _QUIET_SECONDS
            log.warning("event_log_troubled", code=error.name())
