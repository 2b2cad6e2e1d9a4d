"""A cache in Redis 7 or Valkey, shared by all processes. While it can't be reached, it is an empty one."""

import asyncio
import re
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, cast

import structlog
from pydantic import BaseModel, Field, SecretStr
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from app.core.errors import UpstreamUnavailable
from app.core.redis_link import Connections, Plain
from app.core.tools import Tools
from app.services.cache.base import Cache

log = structlog.get_logger(__name__)
AnswerT = TypeVar("AnswerT")


class Config(BaseModel):
    """One server."""

    url: SecretStr = Field(
        description="redis://[:password@]host:port/0, rediss://… or unix:///path?db=0"
    )
    seconds: float = Field(0.25, gt=0, description="How long one operation may take.")
    pause: float = Field(1.0, ge=0, description="How long a server that failed is left alone.")
    connections: int = Field(50, ge=1)


class RedisCache:
    """Speaks RESP2: the cache needs nothing newer, and the client then discards any connection with unread data."""

    def __init__(self, config: Config, tools: Tools) -> None:
        pool = Connections.from_url(
            config.url.get_secret_value(),
            protocol=2,
            max_connections=config.connections,
            timeout=config.seconds,
            socket_timeout=None,  # Each operation has a limit here: the client's own would be a task for each write.
            socket_connect_timeout=config.seconds,
            retry=Retry(NoBackoff(), 0),  # Another try could deny an `add` that did succeed.
        )
        self._redis = Plain(pool)
        self.unreached = 0  # Operations that found no cache and behaved as on an empty one.
        self._seconds = config.seconds
        self._pause = config.pause
        self._resume = 0.0

    async def get(self, key: str) -> bytes | None:
        """The value, or None."""
        found = await self._ask(self._redis.execute_command("GET", key), None)
        return cast(bytes | None, found)  # This client decodes nothing.

    async def put(self, key: str, value: bytes, ttl: float) -> None:
        """Keeps a value for ``ttl`` seconds."""
        kept = self._redis.execute_command("SET", key, value, "PX", _milliseconds(ttl))
        await self._ask(kept, None)

    async def add(self, key: str, value: bytes, ttl: float) -> bool:
        """Keeps a value unless there is one; tells whether it did. An empty cache would have kept it."""
        kept = self._redis.execute_command("SET", key, value, "PX", _milliseconds(ttl), "NX")
        return bool(await self._ask(kept, True))

    async def delete(self, key: str) -> None:
        """Forgets a value."""
        await self._ask(self._redis.execute_command("DEL", key), 0)

    async def forget(self, prefix: str) -> None:
        """Forgets every value whose key begins like this."""
        cursor: int | None = 0
        while cursor is not None:
            cursor = await self._ask(self._forget(prefix, cursor), None)

    async def _forget(self, prefix: str, cursor: int) -> int | None:
        """Forgets some of them; gives where to go on, None at the end."""
        cursor, keys = await self._redis.scan(cursor, match=f"{_literal(prefix)}*", count=1000)
        if keys:
            await self._redis.unlink(*keys)
        return cursor or None

    async def ping(self) -> None:
        """Whether the server answers, asked now, pause or not.

        Raises:
            UpstreamUnavailable: It doesn't.
        """
        try:
            async with asyncio.timeout(self._seconds):
                await self._redis.ping()
        except (RedisError, OSError) as error:
            raise UpstreamUnavailable(f"The cache doesn't answer: {error}.") from error

    async def close(self) -> None:
        """Closes the connections."""
        await self._redis.aclose(close_connection_pool=True)

    async def _ask(self, question: Coroutine[Any, Any, AnswerT], without: AnswerT) -> AnswerT:
        """The server's answer, or what an empty cache would say.

        A cancelled question closes its connection (the client sees to that), so its reply reaches nobody.
        """
        if time.monotonic() < self._resume:
            self.unreached += 1
            question.close()
            return without
        try:
            async with asyncio.timeout(self._seconds):
                return await question
        except (RedisError, OSError) as error:
            self._leave_alone(error)
            return without

    def _leave_alone(self, error: Exception) -> None:
        self.unreached += 1
        if time.monotonic() >= self._resume:  # Said once a pause, not once an operation.
            log.warning("cache_unreached", error_type=type(error).__name__, pause=self._pause)
        self._resume = time.monotonic() + self._pause


def _literal(text: str) -> str:
    """A text as a pattern that matches nothing else."""
    return re.sub(r"([\\*?\[\]])", r"\\\1", text)


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))


adapter: Callable[[Config, Tools], Cache] = RedisCache
