"""The seam to key services: they hold the key-encryption key, which wraps each client's own key."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

Context = Mapping[str, str]
"""What a wrapped key is bound to: it unwraps only where the same is said."""


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A client's key as it may be kept.

    Attributes:
        blob: The key, sealed.
        under: Which key-encryption key sealed it.
    """

    blob: bytes = field(repr=False)
    under: str


class KeyService(Protocol):
    """Wraps and unwraps. Old key-encryption keys go on unwrapping until they are retired."""

    async def wrap(self, key: bytes, context: Context) -> Wrapped:
        """Seals a key under the newest key-encryption key.

        Raises:
            Unavailable: The service can't be reached.
        """

    async def unwrap(self, wrapped: Wrapped, context: Context) -> bytes:
        """Opens a wrapped key.

        Raises:
            Unreadable: It was altered, belongs elsewhere, or its key-encryption key is gone.
            Unavailable: The service can't be reached.
        """

    async def current(self) -> str:
        """Which key-encryption key seals now.

        Raises:
            Unavailable: The service can't be reached.
        """

    async def renew(self) -> str:
        """Makes a new key-encryption key, which seals from now on, and tells which.

        Raises:
            Misconfigured: New ones are made elsewhere; the message says where.
        """
