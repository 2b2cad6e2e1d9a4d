"""Visitors of web pages: strangers until the client's own server says who they are."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from app.core.errors import Unauthenticated
from app.core.multi_tenant import TenantTx
from app.core.visitor_identity import Identity
from app.core.visits import Visitor
from app.models.channel_config import ChannelAccount
from app.models.contact import Contact
from app.models.conversation import Conversation
from app.services.channels.web import Web
from app.services.orchestrator.channels import Channels
from app.services.orchestrator.events import tell

STRANGER: Final = "visitor"
KNOWN: Final = "identity"
"""Kinds of address: a browser's own number, and what the client's server calls somebody."""


@dataclass(frozen=True, slots=True)
class Came:
    """A visitor who came.

    Attributes:
        subject: How their session's token names them; see ``address_of``.
    """

    subject: str
    contact_id: UUID
    conversation_id: UUID


def address_of(subject: str) -> tuple[str, str]:
    """Where the contact behind a session is found."""
    kind, colon, name = subject.partition(":")
    return (KNOWN, name) if colon and kind == KNOWN else (STRANGER, subject)


def identity(
    channels: Channels, account: ChannelAccount, token: str, client: str, now: datetime
) -> Identity:
    """Who the client's server says a visitor is.

    Raises:
        Unauthenticated: The token isn't good, or the chat believes nobody.
    """
    chat = channels.open(account)
    if not isinstance(chat, Web):
        raise Unauthenticated
    return chat.identify(token, client, now.timestamp())


async def anonymous(tx: TenantTx, visitor: Visitor) -> Came:
    """A browser that nobody has spoken for."""
    subject = str(visitor.visitor_id)
    contact_id = await Contact.resolve(tx, visitor.account_id, [(STRANGER, subject)], None)
    conversation_id = await Conversation.current(tx, visitor.account_id, contact_id)
    return Came(subject, contact_id, conversation_id)


async def identified(tx: TenantTx, visitor: Visitor, identity: Identity) -> Came:
    """Somebody the client's server knows: one contact on every device. What they began as a stranger comes along."""
    account_id, address = visitor.account_id, (KNOWN, identity.subject)
    stranger_id = await Contact.known(tx, account_id, (STRANGER, str(visitor.visitor_id)))
    is_new = await Contact.known(tx, account_id, address) is None
    contact_id = await Contact.resolve(tx, account_id, [address], identity.name)
    adopted = (
        await Conversation.adopt(tx, account_id, stranger_id, contact_id) if stranger_id else None
    )
    conversation_id = adopted or await Conversation.current(tx, account_id, contact_id)
    if is_new or adopted:
        await tell(tx, conversation_id, "contact.identified", attributes=dict(identity.attributes))
    return Came(f"{KNOWN}:{identity.subject}", contact_id, conversation_id)
