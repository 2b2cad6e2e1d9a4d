"""What WhatsApp, Instagram and Messenger share: the webhook signature and the verification handshake."""

import hmac
import re
from collections.abc import Sequence

import structlog
from pydantic import SecretStr

from app.core.errors import InvalidInput, InvalidSignature
from app.services.channels.base import WebhookRequest

log = structlog.get_logger(__name__)

SIGNATURE_HEADER = "x-hub-signature-256"

_SIGNATURE = re.compile(r"sha256=([0-9a-fA-F]{64})")
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{1,256}")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
_ESCAPED_LIMIT = 256 * 1024
"""Escaping costs more than hashing; a large forged body isn't worth it."""


def verify(request: WebhookRequest, secrets: Sequence[SecretStr]) -> None:
    """Checks the signature over the raw bytes against every candidate secret.

    Args:
        request: The call as it came.
        secrets: App secrets, any of which may have signed. All are tried, so that time tells nothing.

    Raises:
        InvalidSignature: It is missing, malformed, doubled or wrong, or there is no secret to check it with.
    """
    claimed = _claimed(request.headers.get(SIGNATURE_HEADER, ""))
    if _matches(request.body, claimed, secrets):
        return
    escaped = _escaped(request.body)
    if escaped is None or not _matches(escaped, claimed, secrets):
        raise InvalidSignature
    log.warning("signature_matched_escaped_body")


def _claimed(header: str) -> bytes:
    found = _SIGNATURE.fullmatch(header)
    if found is None:
        raise InvalidSignature
    return found[1].lower().encode("ascii")


def _matches(body: bytes, claimed: bytes, secrets: Sequence[SecretStr]) -> bool:
    checks = [hmac.compare_digest(_sign(body, key), claimed) for key in _usable(secrets)]
    return any(checks)


def _usable(secrets: Sequence[SecretStr]) -> list[bytes]:
    """Without empty secrets: HMAC would take them, and anyone could sign."""
    return [key for secret in secrets if (key := secret.get_secret_value().encode())]


def _sign(body: bytes, key: bytes) -> bytes:
    return hmac.digest(key, body, "sha256").hex().encode("ascii")


def _escaped(body: bytes) -> bytes | None:
    r"""The body as Meta documents signing it, ``ä`` as ``\u00e4``; None where that would change nothing."""
    if body.isascii() or len(body) > _ESCAPED_LIMIT:
        return None
    try:
        return _NOT_ASCII.sub(_escape_run, body.decode("utf-8")).encode("ascii")
    except UnicodeDecodeError:
        return None


def _escape_run(run: re.Match[str]) -> str:
    return "\\u" + run[0].encode("utf-16-be").hex("-", 2).replace("-", "\\u")


def challenge(request: WebhookRequest, verify_token: SecretStr) -> str:
    """Answers ``GET ?hub.mode=subscribe&hub.verify_token=…&hub.challenge=…``.

    The answer is refused unless it's a plain word: echoed as a page, anything else could carry a script.

    Raises:
        InvalidSignature: The mode or the token is wrong.
        InvalidInput: The challenge isn't one.
    """
    claimed = request.query.get("hub.verify_token", "").encode("utf-8", "replace")
    known = verify_token.get_secret_value().encode()
    right = hmac.compare_digest(claimed, known) and bool(known)
    if request.query.get("hub.mode") != "subscribe" or not right:
        raise InvalidSignature("The verify token doesn't match. Enter the same one on both sides.")
    word = request.query.get("hub.challenge", "")
    if not _CHALLENGE.fullmatch(word):
        raise InvalidInput("hub.challenge must be 1 to 256 letters, digits, - or _.")
    return word
