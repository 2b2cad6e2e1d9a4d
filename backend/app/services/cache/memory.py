"""A cache in this process's memory: for tests, and where nothing else can be had."""

from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from pydantic import BaseModel, Field

from app.core.tools import Tools
from app.services.cache.base import Cache


class Config(BaseModel):
    """How much is kept."""

    entries: int = Field(
        10_000, ge=1, description="Beyond this the value used longest ago is forgotten."
    )


class _Entry(NamedTuple):
    value: bytes
    expires: float


class MemoryCache:
    """Keeps what was used last, until its time is over. Each process has its own."""

    def __init__(self, config: Config, tools: Tools) -> None:
        self._limit = config.entries
        self._now = tools.now
        self._entries: OrderedDict[str, _Entry] = OrderedDict()

    async def get(self, key: str) -> bytes | None:
        """The value, or None."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.expires <= self._now().timestamp():
            del self._entries[key]
            return None
        self._entries.move_to_end(key)
        return entry.value

    async def put(self, key: str, value: bytes, ttl: float) -> None:
        """Keeps a value for ``ttl`` seconds."""
        self._entries[key] = _Entry(value, self._now().timestamp() + ttl)
        self._entries.move_to_end(key)
        if len(self._entries) > self._limit:
            self._entries.popitem(last=False)

    async def add(self, key: str, value: bytes, ttl: float) -> bool:
        """Keeps a value unless there is one; tells whether it did. Nothing here waits, so nobody comes between."""
        if await self.get(key) is not None:
            return False
        await self.put(key, value, ttl)
        return True

    async def delete(self, key: str) -> None:
        """Forgets a value."""
        self._entries.pop(key, None)

    async def forget(self, prefix: str) -> None:
        """Forgets every value whose key begins like this."""
        for key in [key for key in self._entries if key.startswith(prefix)]:
            del self._entries[key]


adapter: Callable[[Config, Tools], Cache] = MemoryCache
