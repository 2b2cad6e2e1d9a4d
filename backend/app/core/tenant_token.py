"""The token from which the database learns whose transaction it is; ``app.current_client()`` checks it."""

import hashlib
import hmac
from uuid import UUID

from app.core.clock import SteadyClock
from app.core.errors import Misconfigured

TOKEN_SECONDS = 300
SIGNED_AGAIN_SECONDS = 10
MOST_SIGNED = 1000


class TenantSigner:
    """Signs tenant tokens: ``key id . client . expiry . HMAC-SHA256``."""

    def __init__(self, secret: str, clock: SteadyClock | None = None) -> None:
        if len(secret.encode()) < 32:
            raise Misconfigured("WAFAA_TENANT_KEY needs at least 32 bytes.")
        self._key = hashlib.sha256(b"wafaa tenant token\0" + secret.encode()).digest()
        self.clock = clock or SteadyClock()
        self.key_id = hashlib.sha256(self._key).hexdigest()[:2]
        self._signed: dict[UUID, tuple[int, str]] = {}

    def token(self, client_id: UUID) -> str:
        """A token for one client, good for ``TOKEN_SECONDS``, less the few for which it is used again."""
        now = int(self.clock.seconds())
        at, token = self._signed.get(client_id, (0, ""))
        if 0 <= now - at < SIGNED_AGAIN_SECONDS:
            return token
        if len(self._signed) >= MOST_SIGNED:
            self._signed.clear()
        self._signed[client_id] = (now, token := self._sign(client_id, now + TOKEN_SECONDS))
        return token

    def _sign(self, client_id: UUID, expires: int) -> str:
        head = f"{self.key_id}.{client_id}.{expires:010d}"
        return f"{head}.{hmac.digest(self._key, head.encode(), 'sha256').hex()}"

    def pads(self) -> tuple[bytes, bytes]:
        """The inner and outer padded blocks of HMAC, as the database keeps the key (RFC 2104)."""
        block = self._key.ljust(64, b"\0")
        return bytes(b ^ 0x36 for b in block), bytes(b ^ 0x5C for b in block)
