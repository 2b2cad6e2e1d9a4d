"""Requests that may be sent again: what a key and a body come to, and how an answer is kept for whoever repeats both.

Nothing that is kept can be read by who has the database alone: the key and the request are kept as keyed hashes, and
the answer is sealed under a key that only the same request with the same idempotency key leads to.
"""

import hashlib
import hmac
import os
from dataclasses import dataclass, field
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.core.errors import Conflict, InvalidInput

LONGEST_KEY = 255
_NONCE_BYTES = 12


class KeyReused(InvalidInput):
    """This Idempotency-Key was used for another request. Use a new one for each thing you want done."""

    code = "idempotency_key_reused"


class KeyInUse(Conflict):
    """The first request with this Idempotency-Key is still being worked on. Send it again in a moment."""

    code = "idempotency_key_in_use"


def bare(key: str) -> str:
    """A key without the quotation marks of RFC 9651.

    Raises:
        InvalidInput: It is empty, too long, or has characters that no key needs.
    """
    key = key.removeprefix('"').removesuffix('"')
    if not (0 < len(key) <= LONGEST_KEY and key.isascii() and key.isprintable()):
        raise InvalidInput(
            f"Idempotency-Key has to be 1 to {LONGEST_KEY} printable characters; a UUID is best."
        )
    return key


@dataclass(frozen=True, slots=True)
class Repeatable:
    """One request of one caller under one key.

    Attributes:
        name: What it is found by.
        fingerprint: What was asked: another request has another one.
    """

    name: bytes
    fingerprint: bytes
    _secret: bytes = field(repr=False)

    def seal(self, answer: bytes) -> bytes:
        """The answer, as it is kept."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + AESGCM(self._secret).encrypt(nonce, answer, self.name)

    def open(self, kept: bytes) -> bytes:
        """The answer, as it was."""
        nonce, sealed = kept[:_NONCE_BYTES], kept[_NONCE_BYTES:]
        return AESGCM(self._secret).decrypt(nonce, sealed, self.name)


class Notary:
    """Names requests."""

    def __init__(self, secret: str) -> None:
        self._pepper = hmac.digest(secret.encode(), b"wafaa idempotency", "sha256")

    def name(self, client_id: UUID, subject: str, key: str, request: bytes) -> Repeatable:
        """Names a request.

        Args:
            client_id: Whose things it is about.
            subject: Who asks; others' keys are their own.
            key: The header, with or without the quotation marks of RFC 9651.
            request: A hash of all that was asked.

        Raises:
            InvalidInput: The key is empty, too long, or has characters that no key needs.
        """
        key = bare(key)
        whose = hashlib.sha256(b"%s\0%s\0%s" % (client_id.bytes, subject.encode(), key.encode()))
        return Repeatable(
            name=self._derive(b"name", whose.digest()),
            fingerprint=self._derive(b"request", whose.digest() + request),
            _secret=self._derive(b"answer", whose.digest() + request),
        )

    def _derive(self, purpose: bytes, value: bytes) -> bytes:
        return hmac.digest(self._pepper, purpose + b"\0" + value, "sha256")
