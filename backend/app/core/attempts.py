"""Counts attempts at a secret, so that guessing stays hopeless: at most a few a name in any stretch of time.

Names are whatever was tried: an unknown account is counted like a known one, so the answer tells nothing. Counts are
shared through Redis; while it can't be reached, each process counts for itself: never not at all.
"""

import hashlib
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final, Protocol

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from app.core.errors import RateLimited

log = structlog.get_logger(__name__)

MOST = 5
SECONDS = 900.0

SCRIPT: Final = """
-- KEYS: when the latest attempts were made, newest first. ARGV: how many, and milliseconds.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local most, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local oldest = redis.call('LINDEX', KEYS[1], most - 1)
if oldest and now - oldest < window then return window - (now - oldest) end
redis.call('LPUSH', KEYS[1], now)
redis.call('LTRIM', KEYS[1], 0, most - 1)
redis.call('PEXPIRE', KEYS[1], window)
return 0
"""


class Counts(Protocol):
    """Where attempts are counted."""

    async def take(self, name: str) -> float:
        """Notes an attempt, if there is one left; gives the seconds to wait, nothing if it was noted."""

    async def forget(self, name: str) -> None:
        """Forgets a name's attempts."""

    async def aclose(self) -> None:
        """Lets go of connections."""


class Attempts:
    """A few attempts a name."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    async def take(self, name: str) -> None:
        """Counts an attempt before it is made, so that many at once gain nothing.

        Raises:
            RateLimited: None is left.
        """
        if wait := await self._counts.take(name):
            raise RateLimited(retry_after=wait)

    async def forgive(self, name: str) -> None:
        """Forgets the attempts of a name: it succeeded."""
        await self._counts.forget(name)

    async def aclose(self) -> None:
        """Lets go of connections."""
        await self._counts.aclose()


class LocalCounts:
    """Counts in this process; the name untouched for longest is forgotten first."""

    def __init__(
        self,
        most: int = MOST,
        seconds: float = SECONDS,
        names: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most, self._seconds, self._names, self._clock = most, seconds, names, clock
        self._made: OrderedDict[str, deque[float]] = OrderedDict()

    async def take(self, name: str) -> float:
        """Notes an attempt, if there is one left."""
        now, made = self._clock(), self._made.setdefault(name, deque(maxlen=self._most))
        self._made.move_to_end(name)
        if len(self._made) > self._names:
            self._made.popitem(last=False)
        if len(made) == self._most and now - made[0] < self._seconds:
            return made[0] + self._seconds - now
        made.append(now)
        return 0.0

    async def forget(self, name: str) -> None:
        """Forgets a name's attempts."""
        self._made.pop(name, None)

    async def aclose(self) -> None:
        """Holds nothing."""


class RedisCounts:
    """Counts on a server, and in this process while it can't be reached."""

    def __init__(
        self,
        url: str,
        local: Counts,
        *,
        most: int = MOST,
        seconds: float = SECONDS,
        wait: float = 0.5,
    ) -> None:
        """Connects when first asked.

        Args:
            url: redis://, rediss:// or unix://.
            local: Counts meanwhile.
            most: Attempts a window.
            seconds: How long a window lasts.
            wait: How long the server may take to answer.
        """
        self._redis = Redis.from_url(
            url, protocol=2, socket_timeout=wait, socket_connect_timeout=wait, retry=Retry(NoBackoff(), 0)
        )  # fmt: skip
        self._script = self._redis.register_script(SCRIPT)
        self._local, self._arguments = local, [most, int(seconds * 1000)]

    async def take(self, name: str) -> float:
        """Notes an attempt, if there is one left."""
        try:
            return float(await self._script([_key(name)], self._arguments)) / 1000
        except (RedisError, OSError) as error:
            log.warning("attempts_unshared", error_type=type(error).__name__)
            return await self._local.take(name)

    async def forget(self, name: str) -> None:
        """Forgets a name's attempts."""
        await self._local.forget(name)
        try:
            await self._redis.delete(_key(name))
        except (RedisError, OSError) as error:
            log.warning("attempts_unshared", error_type=type(error).__name__)

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._redis.aclose(close_connection_pool=True)


def _key(name: str) -> str:
    """No e-mail address stands in the server's memory."""
    return f"attempts:{hashlib.sha256(name.encode()).hexdigest()}"
