"""The public face of observability: logs, metrics, and whether each part is well.

Traces are FastAPI's own, for operators who install OpenTelemetry's SDK; ``api/tracing.py`` says what they may hold.
"""

from uuid import UUID

from app.core.health import Part, PartState, check_parts
from app.core.logs import configure_logging, get_logger, log_context, tell
from app.core.metrics import Metrics

__all__ = [
    "Metrics",
    "Part",
    "PartState",
    "check_parts",
    "configure_logging",
    "get_logger",
    "log_context",
    "message_processed",
    "tell",
]

log = get_logger()


def message_processed(
    metrics: Metrics, *, client_id: UUID, channel: str, response_time_ms: float, **fields: object
) -> None:
    """Tells that a message was answered: the log event and the response time, always together."""
    log.info(
        "message_processed",
        client_id=client_id,
        channel=channel,
        response_time_ms=round(response_time_ms),
        **fields,
    )
    metrics.response(client_id, channel, response_time_ms / 1000)
