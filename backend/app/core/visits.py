"""Visitor tokens: how a browser that comes back is known again, for a year, without an account."""

import base64
import hashlib
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID, uuid4

from app.core.errors import Unauthenticated

LIFE_SECONDS = 365 * 24 * 3600
_MAC_BYTES = 32
_LENGTH = 16 + 16 + 8 + _MAC_BYTES


@dataclass(frozen=True, slots=True)
class Visitor:
    """One browser on one channel account."""

    account_id: UUID
    visitor_id: UUID


class Visits:
    """Signs and reads visitor tokens: ``account | visitor | expiry | HMAC-SHA256``, in base64url."""

    def __init__(self, secret: str, clock: Callable[[], float] = time.time) -> None:
        self._key = hashlib.sha256(b"wafaa visitor\0" + secret.encode()).digest()
        self._clock = clock

    def new(self, account_id: UUID) -> Visitor:
        """A visitor nobody has seen before."""
        return Visitor(account_id, uuid4())

    def token(self, visitor: Visitor) -> str:
        """A token by which the visitor is known again."""
        expiry = int(self._clock()) + LIFE_SECONDS
        body = visitor.account_id.bytes + visitor.visitor_id.bytes + expiry.to_bytes(8, "big")
        return base64.urlsafe_b64encode(body + self._mac(body)).decode().rstrip("=")

    def read(self, token: str, account_id: UUID) -> Visitor:
        """The visitor behind a token.

        Raises:
            Unauthenticated: It is forged, expired, or of another account.
        """
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except ValueError as error:
            raise Unauthenticated from error
        body, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
        if len(raw) != _LENGTH or not hmac.compare_digest(mac, self._mac(body)):
            raise Unauthenticated
        expired = int.from_bytes(body[32:], "big") < self._clock()
        if expired or body[:16] != account_id.bytes:
            raise Unauthenticated
        return Visitor(account_id, UUID(bytes=body[16:32]))

    def _mac(self, body: bytes) -> bytes:
        return hmac.digest(self._key, body, "sha256")
