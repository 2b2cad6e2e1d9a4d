"""What every use of Redis for quick decisions needs: a pool that never waits long, and letting a lost server alone."""

import time
from typing import Any, cast

import structlog
from redis.asyncio import Connection, ConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as Unconnected

from app.utils.places import Places

log = structlog.get_logger(__name__)


class Connections(ConnectionPool):
    """As the library's own pool that blocks, without its locks, figures and events: they were half of a command."""

    def __init__(self, *, max_connections: int, timeout: float, **options: Any) -> None:
        super().__init__(max_connections=max_connections, **options)
        self._places = Places(max_connections, seconds=timeout)

    async def get_connection(self, *_: object, **__: object) -> AbstractConnection:
        """A connection that is open and has nothing left to be read.

        Raises:
            Unconnected: None is free.
        """
        if not await self._places.enter():
            raise Unconnected("No connection is free.")
        connection: AbstractConnection = self.get_available_connection()  # type: ignore[no-untyped-call] # It ships none.
        try:
            await self.ensure_connection(connection)
        except BaseException:
            await self.release(connection)
            raise
        return connection

    async def release(self, connection: AbstractConnection) -> None:
        """Takes it back, in whatever state."""
        self._in_use_connections.remove(connection)
        self._available_connections.append(connection)
        self._places.leave()


class Plain(Redis):
    """A command is sent once, and its answer read; a connection that fails in between closes itself."""

    def __init__(self, pool: Connections) -> None:
        super().__init__(connection_pool=pool)
        self._connections = pool

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Sends a command; gives its answer."""
        connection = cast(Connection, await self._connections.get_connection())
        try:
            await connection.send_command(*args)
            return await self.parse_response(connection, args[0], **options)
        finally:
            await self._connections.release(connection)


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
    return Plain(pool)


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
