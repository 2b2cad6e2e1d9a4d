"""What a message says and why it didn't arrive, as they rest: sealed, for the message they stand in."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from app.core.sealing import Cipher
from app.models.sealed import SealedColumn

DELIVERY_ERROR = SealedColumn("messages", "delivery_error", "id")
_SAID = SealedColumn("messages", "said", "id")


def seal_said(
    cipher: Cipher,
    message_id: UUID,
    text: str | None,
    content: Mapping[str, Any],
    citations: Sequence[dict[str, Any]],
    platform_message_id: str | None,
) -> bytes:
    """What a message says, as it rests: in one piece, for speed."""
    return _SAID.seal(cipher, (text, dict(content), citations, platform_message_id), message_id)


def open_said(
    cipher: Cipher, message_id: UUID, said: bytes
) -> tuple[str | None, dict[str, Any], list[dict[str, Any]], str | None]:
    """Text, content, citations and the platform's id of a message."""
    text, content, citations, platform_message_id = _SAID.open(cipher, said, message_id)
    return text, content, citations, platform_message_id


def seal_error(cipher: Cipher, message_id: UUID, error: str) -> bytes:
    """Why a message wasn't delivered, as it rests."""
    return DELIVERY_ERROR.seal(cipher, error, message_id)


def platform_key(cipher: Cipher, platform_message_id: str | None) -> bytes | None:
    """What a message is found by: platforms' ids carry phone numbers."""
    return cipher.index(platform_message_id, "platform_message_id") if platform_message_id else None
