"""The events of a conversation, as the durable log keeps them and streams show them."""

from typing import Any
from uuid import UUID

from app.core.multi_tenant import TenantTx
from app.models.conversation import ConversationEvent
from app.models.message import Message, NewMessage


def message_json(message: Message | NewMessage, *, agent_name: str | None = None) -> dict[str, Any]:
    """A message as the web and the console see it; its ``seq`` is its event's."""
    created_at = getattr(message, "created_at", None)
    return {
        "id": str(message.id),
        "conversation_id": str(message.conversation_id),
        "author": str(message.author),
        "agent_name": agent_name,
        "kind": message.kind,
        "text": message.text,
        "language": message.language,
        "content": message.content,
        "citations": message.citations,
        "offer_human": message.offer_human,
        "client_message_id": message.platform_message_id if message.author == "contact" else None,
        "delivery_state": message.delivery_state,
        "created_at": created_at.isoformat() if created_at else None,
        "seq": message.seq,
    }


async def say(
    tx: TenantTx, message: NewMessage, type_: str, data: dict[str, Any] | None = None
) -> int:
    """Writes a message together with the event that tells of it, and gives the number they share.

    Args:
        tx: The client's transaction.
        message: The message; its ``seq`` is not known before.
        type_: ``message.created`` or ``turn.completed``.
        data: What else the event tells.
    """
    body = {
        **(data or {}),
        "message": message_json(message, agent_name=(data or {}).get("agent_name")),
    }
    seq = await ConversationEvent.append(tx, message.conversation_id, type_, body)
    await Message.add(tx, message, seq)
    return seq


async def tell(tx: TenantTx, conversation_id: UUID, type_: str, **data: Any) -> int:
    """Adds an event that isn't a message."""
    return await ConversationEvent.append(tx, conversation_id, type_, data)
