"""The events of a conversation, as the durable log keeps them and streams show them."""

from typing import Any
from uuid import UUID

from app.core.multi_tenant import TenantTx
from app.models.conversation_event import ConversationEvent
from app.models.message import Message, NewMessage

STATUS = "message.status"


def message_json(message: Message, *, agent_name: str | None = None) -> dict[str, Any]:
    """A message as the web and the console see it."""
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
        "created_at": message.created_at.isoformat(),
        "seq": message.seq,
    }


def event_json(event: ConversationEvent) -> dict[str, Any]:
    """What an event tells; its message as it stands now: what was taken back isn't said again."""
    if event.message is None:
        return event.data
    if event.type == STATUS:
        state = {"message_id": str(event.message.id), "state": event.message.delivery_state}
        return state | event.data
    message = message_json(event.message, agent_name=event.data.get("agent_name"))
    return {**event.data, "message": message}


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
    seq = await ConversationEvent.append(
        tx, message.conversation_id, type_, data or {}, message_id=message.id
    )
    await Message.add(tx, message, seq)
    return seq


async def tell(tx: TenantTx, conversation_id: UUID, type_: str, **data: Any) -> int:
    """Adds an event that isn't a message."""
    return await ConversationEvent.append(tx, conversation_id, type_, data)
