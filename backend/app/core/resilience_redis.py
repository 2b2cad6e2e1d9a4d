"""Circuit breakers that all processes share, in Redis 7 or Valkey; and what happens when it is gone."""

from collections.abc import Coroutine
from typing import Any, Final

from redis.exceptions import RedisError

from app.core.redis_link import Rest, connect
from app.core.resilience import Breaker, Clock

SCRIPT: Final = """
-- KEYS[1]: the circuit. ARGV: what is told, the time in seconds or '' for the server's own, threshold, pause, longest.
local told, now = ARGV[1], tonumber(ARGV[2])
if not now then
  local time = redis.call('TIME')
  now = time[1] + time[2] / 1000000
end
local kept = redis.call('HMGET', KEYS[1], 'failures', 'open_until', 'probing_until')
local failures, open_until, probing_until = tonumber(kept[1]) or 0, tonumber(kept[2]) or 0, tonumber(kept[3]) or 0
if told == 'admits' then
  if open_until == 0 then return 1 end
  if now < math.max(open_until, probing_until) then return 0 end
  redis.call('HSET', KEYS[1], 'probing_until', string.format('%.6f', now + ARGV[4]))
elseif told == 'succeeded' then
  redis.call('DEL', KEYS[1])
elseif told == 'released' then
  if kept[1] then redis.call('HSET', KEYS[1], 'probing_until', 0) end
else
  local asked = tonumber(told)
  failures = failures + 1
  if asked or open_until > 0 or failures >= tonumber(ARGV[3]) then
    open_until = now + math.min(tonumber(ARGV[5]), asked or tonumber(ARGV[4]))
  end
  redis.call('HSET', KEYS[1], 'failures', failures, 'open_until', string.format('%.6f', open_until), 'probing_until', 0)
  redis.call('EXPIRE', KEYS[1], 3600)
end
return 1
"""


class RedisBreaker:
    """A breaker on a server: one process's failures spare all the others, and one of them probes for all.

    Raises what the client library raises: whoever uses it alone must expect that.
    """

    def __init__(
        self,
        url: str,
        *,
        threshold: int = 3,
        pause: float = 10.0,
        longest: float = 60.0,
        seconds: float = 0.1,
        clock: Clock | None = None,
    ) -> None:
        """Connects when first asked.

        Args:
            url: redis://, rediss:// or unix://.
            threshold: Failures in a row that open a circuit.
            pause: Seconds for which it opens.
            longest: The longest pause that somebody may ask for.
            seconds: How long an answer may take.
            clock: Seconds; the server's own when absent, so that all processes agree.
        """
        self._redis = connect(url, seconds, 20)
        self._script = self._redis.register_script(SCRIPT)
        self._terms = (threshold, pause, longest)
        self._clock = clock

    async def admits(self, key: str) -> bool:
        """Whether a call may be made now."""
        return await self._tell(key, "admits")

    async def succeeded(self, key: str) -> None:
        """Closes the circuit."""
        await self._tell(key, "succeeded")

    async def failed(self, key: str, pause: float | None = None) -> None:
        """Counts a failure."""
        await self._tell(key, "failed" if pause is None else pause)

    async def released(self, key: str) -> None:
        """Lets the next call probe."""
        await self._tell(key, "released")

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._redis.aclose(close_connection_pool=True)

    async def _tell(self, key: str, what: str | float) -> bool:
        now = self._clock() if self._clock else ""
        return bool(await self._script([f"circuit:{key}"], [what, now, *self._terms]))


class EnduringBreaker:
    """Shared while the server can be reached, in this process while it can't: never not at all.

    What fails is noted in both, so that a process that loses the server knows what it has seen itself.
    """

    def __init__(self, server: RedisBreaker, local: Breaker, *, pause: float = 1.0) -> None:
        self._server = server
        self._local = local
        self._rest = Rest("circuits_unshared", pause)

    async def admits(self, key: str) -> bool:
        """Whether a call may be made now."""
        if self._rest.is_over:
            try:
                return await self._server.admits(key)
            except (RedisError, OSError) as error:
                self._rest.begin(error)
        return await self._local.admits(key)

    async def succeeded(self, key: str) -> None:
        """Closes the circuit."""
        await self._local.succeeded(key)
        await self._tell(self._server.succeeded(key))

    async def failed(self, key: str, pause: float | None = None) -> None:
        """Counts a failure."""
        await self._local.failed(key, pause)
        await self._tell(self._server.failed(key, pause))

    async def released(self, key: str) -> None:
        """Lets the next call probe."""
        await self._local.released(key)
        await self._tell(self._server.released(key))

    async def _tell(self, told: Coroutine[Any, Any, None]) -> None:
        if not self._rest.is_over:
            return told.close()
        try:
            await told
        except (RedisError, OSError) as error:
            self._rest.begin(error)
        return None

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._server.aclose()
