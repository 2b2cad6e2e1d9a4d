"""What every use of Redis for quick decisions needs: a pool that never waits long, and letting a lost server alone."""

import inspect
import time

import structlog
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

log = structlog.get_logger(__name__)


class Connections(BlockingConnectionPool):
    """Without the library's look at how it is called, which cost more than a command itself."""

    get_connection = inspect.unwrap(BlockingConnectionPool.get_connection)


def connect(url: str, seconds: float, connections: int) -> Redis:
    """A client that connects when first asked, and gives up soon.

    Args:
        url: redis://, rediss:// or unix://.
        seconds: How long a decision may take.
        connections: At most so many.
    """
    pool = Connections.from_url(
        url,
        protocol=2,  # As for the cache: the client then discards a connection with unread data.
        max_connections=connections,
        timeout=seconds,
        socket_timeout=seconds,
        socket_connect_timeout=seconds,
        retry=Retry(NoBackoff(), 0),  # Another try could count twice.
    )
    return Redis.from_pool(pool)


class Rest:
    """A server that failed is left alone for a moment, lest everybody wait for it."""

    def __init__(self, what: str, pause: float) -> None:
        self._what = what
        self._pause = pause
        self._resume = 0.0

    @property
    def is_over(self) -> bool:
        """Whether the server may be asked."""
        return time.monotonic() >= self._resume

    def begin(self, error: Exception) -> None:
        """The server failed."""
        if self.is_over:  # Said once a pause, not once a request.
            log.warning(self._what, error_type=type(error).__name__, pause=self._pause)
        self._resume = time.monotonic() + self._pause
