"""What is cached of a client is sealed with its key, like all that rests."""

from app.core.errors import Unavailable, Unreadable
from app.core.sealing import Cipher, place
from app.services.cache.base import Cache

_PLACE = place("cache", "value")


class SealedCache:
    """A cache of what belongs to clients."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    async def get(self, cipher: Cipher, key: str) -> bytes | None:
        """The client's value, or None; one that doesn't open, its key being retired, isn't there."""
        kept = await self._cache.get(key)
        if kept is None:
            return None
        try:
            return cipher.open(kept, _PLACE, key.encode())
        except (Unreadable, Unavailable):
            return None

    async def put(self, cipher: Cipher, key: str, value: bytes, ttl: float) -> None:
        """Keeps a client's value for ``ttl`` seconds."""
        await self._cache.put(key, cipher.seal(value, _PLACE, key.encode()), ttl)
