"""Limits that all processes share, in Redis 7 or Valkey; and what happens when it is gone."""

from collections.abc import Sequence
from typing import Final, cast

from redis.exceptions import RedisError

from app.core.limits import Charge, Clock, Decision, Limits, decide, key_of
from app.core.redis_link import Rest, connect

SCRIPT: Final = """
-- KEYS: the counts. ARGV: the time in microseconds, or '' for the server's own; then price and bound of each.
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
local paid_off, debts, admitted = redis.call('MGET', unpack(KEYS)), {}, 1
for i = 1, #KEYS do
  local price, bound = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  debts[i] = math.max((tonumber(paid_off[i]) or now) - now, 0)
  if debts[i] > bound then debts[i] = 0 end  -- Nobody can owe so much: the clock was set back.
  if debts[i] + price > bound then admitted = 0 end
end
if admitted == 1 then
  for i = 1, #KEYS do
    debts[i] = debts[i] + ARGV[2 * i]
    if debts[i] > 0 then
      redis.call('SET', KEYS[i], string.format('%.0f', now + debts[i]), 'PX', math.ceil(debts[i] / 1000))
    end
  end
end
return {admitted, unpack(debts)}
"""


class RedisLimits:
    """Counts on a server. Raises what the client library raises: whoever uses it alone must expect that."""

    def __init__(
        self,
        url: str,
        *,
        seconds: float = 0.1,
        connections: int = 50,
        clock: Clock | None = None,
    ) -> None:
        """Connects when first asked.

        Args:
            url: redis://, rediss:// or unix://.
            seconds: How long a decision may take.
            connections: At most so many.
            clock: Microseconds; the server's when absent, so that all processes agree.
        """
        self._redis = connect(url, seconds, connections)
        self._script = self._redis.register_script(SCRIPT)
        self._clock = clock

    async def take(self, group: str, charges: Sequence[Charge]) -> Decision:
        """Takes all charges or none."""
        if not charges:
            return decide(True, (), ())
        keys = [key_of(group, charge) for charge in charges]
        prices = [number for c in charges for number in (c.price, c.limit.bound)]
        now = self._clock() if self._clock else ""
        admitted, *debts = cast("list[int]", await self._script(keys, [now, *prices]))
        return decide(admitted == 1, charges, debts)

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._redis.aclose(close_connection_pool=True)


class EnduringLimits:
    """Counts on the server, and in this process while the server can't be reached: never not at all.

    Each process then begins with nothing taken, so that for a while as many quotas as there are processes are given
    out. A server that failed is left alone for a moment, lest every request wait for it.
    """

    def __init__(self, server: RedisLimits, local: Limits, *, pause: float = 1.0) -> None:
        self._server = server
        self._local = local
        self._rest = Rest("limits_unshared", pause)
        self.unreached = 0  # Decisions made here for want of the server.

    async def take(self, group: str, charges: Sequence[Charge]) -> Decision:
        """Takes all charges or none."""
        if self._rest.is_over:
            try:
                return await self._server.take(group, charges)
            except (RedisError, OSError) as error:
                self._rest.begin(error)
        self.unreached += 1
        return await self._local.take(group, charges)

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._server.aclose()
