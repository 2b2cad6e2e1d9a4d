"""A contact's word on hearing from us: it counts at once, whoever has the conversation, and is kept with its how."""

from uuid import UUID

from app.core.multi_tenant import TenantTx
from app.models.consent import Consent
from app.models.contact import Contact
from app.models.conversation import Conversation, Owner
from app.models.message import Message
from app.services.ai import nlu_service as nlu


async def note(
    tx: TenantTx,
    contact_id: UUID,
    *,
    granted: bool,
    source: str,
    wording: str,
    message_id: UUID | None = None,
) -> None:
    """Notes a contact's word, and lets it count."""
    await Contact.opt_out(tx, contact_id, out=not granted)
    await Consent.note(
        tx, contact_id, granted=granted, source=source, wording=wording, message_id=message_id
    )


async def heed(
    tx: TenantTx, conversation_id: UUID, message_id: UUID, *, paused: bool = False
) -> None:
    """Lets a wish count that the assistant won't answer: a colleague has the conversation, or all is paused."""
    conversation = await Conversation.get(tx, conversation_id)
    if conversation.owner != Owner.AGENT and not paused:
        return
    message = await Message.find(tx, message_id)
    if message is None or not nlu.opts_out(message.text or ""):
        return
    if not await Contact.is_out(tx, conversation.contact_id):
        await note(
            tx,
            conversation.contact_id,
            granted=False,
            source="message",
            wording="",
            message_id=message_id,
        )
