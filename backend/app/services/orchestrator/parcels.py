"""What goes out: a message as its platform is handed it, and whether it is still wanted."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from app.core.errors import Conflict
from app.core.multi_tenant import TenantTx
from app.models.channel_config import ChannelAccount
from app.models.contact import Contact
from app.models.conversation import Conversation
from app.models.dispatch import LEAST_WINDOW_SECONDS, Dispatch
from app.models.message import Author, Message
from app.services.ai.text import without_citations
from app.services.channels.base import Address, Citation, Outgoing
from app.services.orchestrator.intent_router import OptOut, last_wish


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message ready to go out, and the account it goes out on."""

    account: ChannelAccount
    outgoing: Outgoing


def packed(found: Dispatch, message_id: UUID) -> Parcel:
    """A reply whose intent is written, with what was read together with that."""
    out = Outgoing(
        id=str(message_id),
        to=tuple(Address(*address) for address in found.addresses),
        text=without_citations(found.text or ""),
        language=found.language or "en",
        citations=tuple(Citation(**citation) for citation in found.citations),
        reply_to=found.original,
    )
    return Parcel(found.account, out)


def is_answer(message: Message) -> bool:
    """Whether the assistant answers a message with it."""
    return message.author == Author.ASSISTANT and message.reply_to_id is not None


def is_unasked(message: Message) -> bool:
    """Whether nobody asked for it: it is the assistant's, and answers no message."""
    return message.author == Author.ASSISTANT and message.reply_to_id is None


async def is_unwanted(tx: TenantTx, conversation: Conversation, message: Message) -> bool:
    """Whether the contact wants to hear nothing, also where they said so just now and weren't answered yet."""
    is_out = await Contact.is_out(tx, conversation.contact_id)
    said = await Message.said_after(tx, conversation.id, message.seq)
    wish = last_wish(said, opted_out=is_out)
    return isinstance(wish, OptOut) or (is_out and wish is None)


def window_closed(expires_at: datetime | None, now: datetime) -> bool:
    """Whether the time in which we may write freely is over, or almost."""
    return expires_at is not None and expires_at - now < timedelta(seconds=LEAST_WINDOW_SECONDS)


def outgoing(message: Message, to: list[Address], original: Message | None) -> Outgoing:
    """The message as its platform is handed it.

    Raises:
        Conflict: There is nowhere to send it.
    """
    if not to:
        raise Conflict("This contact has no address here.")
    return Outgoing(
        id=str(message.id),
        to=tuple(to),
        # Its numbers mean nothing where no passages are shown.
        text=without_citations(message.text or ""),
        language=message.language or "en",
        citations=tuple(Citation(**c) for c in message.citations),
        reply_to=original.platform_message_id if original else None,
    )
