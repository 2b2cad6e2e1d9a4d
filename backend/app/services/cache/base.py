"""The seam to caches. A cache is an accelerator: losing it costs time, never an answer."""

from typing import Protocol


class Cache(Protocol):
    """Keeps small values for a while. A cache that can't be reached behaves as an empty one and counts the miss."""

    async def get(self, key: str) -> bytes | None:
        """The value, or None."""

    async def put(self, key: str, value: bytes, ttl: float) -> None:
        """Keeps a value for ``ttl`` seconds."""

    async def add(self, key: str, value: bytes, ttl: float) -> bool:
        """Keeps a value unless there is one; tells whether it did. Atomic."""

    async def delete(self, key: str) -> None:
        """Forgets a value."""

    async def forget(self, prefix: str) -> None:
        """Forgets every value whose key begins like this. Slow: for what must not be there any more."""
