"""Notes to ourselves that travel through a browser: it can neither read nor change them, nor keep them for long."""

import base64
import os
import time
from collections.abc import Callable
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

LONGEST = 4000


class SealedNotes:
    """Seals notes of one purpose: ``nonce (12) | AES-256-GCM of time (8) and JSON``, in base64url."""

    def __init__(self, secret: str, purpose: str, clock: Callable[[], float] = time.time) -> None:
        key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"wafaa/note/" + purpose.encode())
        self._cipher = AESGCM(key.derive(secret.encode()))
        self._clock = clock

    def seal(self, note: dict[str, Any]) -> str:
        """A note as a text that may stand in a cookie."""
        nonce = os.urandom(12)
        written = int(self._clock()).to_bytes(8, "big") + orjson.dumps(note)
        return base64.urlsafe_b64encode(nonce + self._cipher.encrypt(nonce, written, None)).decode()

    def read(self, sealed: str, *, seconds: float) -> dict[str, Any] | None:
        """The note, if it is one of ours and no older than that."""
        try:
            raw = base64.b64decode(sealed[:LONGEST], altchars=b"-_", validate=True)
            written = self._cipher.decrypt(raw[:12], raw[12:], None)
        except (ValueError, InvalidTag):
            return None
        if not 0 <= self._clock() - int.from_bytes(written[:8], "big") <= seconds:
            return None
        note: dict[str, Any] = orjson.loads(written[8:])
        return note
