"""Step 1 of the journey: what platforms tell us becomes messages, and work, in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from app.core.multi_tenant import TenantTx
from app.models.contact import Contact, ContactAddress
from app.models.conversation import Conversation, Owner
from app.models.job import Job
from app.models.message import Attachment, Author, InboundEvent, Message, NewMessage
from app.services.channels.base import Address, Capabilities, EventKind
from app.services.channels.base import InboundEvent as Event
from app.services.orchestrator.events import say, tell
from app.services.orchestrator.jobs import AnswerMessage
from app.services.queue.jobs import enqueue


@dataclass(frozen=True, slots=True)
class Account:
    """The channel account that events came in on, and what its channel can do."""

    id: UUID
    kind: str
    capabilities: Capabilities


@dataclass(frozen=True, slots=True)
class Received:
    """A message that was written, or had been before when it was a duplicate."""

    message_id: UUID
    conversation_id: UUID
    seq: int


@dataclass(frozen=True, slots=True)
class Clockwork:
    """When a burst ends, and when a message is too old to be answered."""

    quiet_seconds: float
    stale_after: timedelta


def quiet_window(text: str | None, seconds: float) -> float:
    """How long to wait for the rest of a burst: not at all after a clear question, longer after a fragment."""
    words = (text or "").split()
    if words and words[-1].endswith(("?", "؟")):
        return 0.0
    return seconds if len(words) > 3 else seconds * 1.5


class Receiver:
    """Writes events of one client's account. Every step may be repeated: the ledger of event keys tells duplicates."""

    def __init__(self, clockwork: Clockwork) -> None:
        self._clockwork = clockwork

    async def receive(
        self, tx: TenantTx, account: Account, events: Sequence[Event], now: datetime
    ) -> list[Received]:
        """Writes what is new of ``events`` and enqueues the work it makes necessary.

        Returns:
            The messages that were written, in order of their contacts' addresses.
        """
        new = await InboundEvent.admit(
            tx, account.id, [e.event_key for e in events if _readable(e)]
        )
        received = []
        # One order for everybody: two simultaneous batches lock contacts and conversations alike.
        for event in sorted(events, key=lambda e: e.addresses[0].value if e.addresses else ""):
            if not _readable(event):
                await InboundEvent.keep(
                    tx, account.id, event.event_key, event.kind, dict(event.raw)
                )
            elif event.event_key in new:
                new.discard(event.event_key)  # A batch may carry the same event twice.
                received.append(await self._take(tx, account, event, now))
        return [message for message in received if message]

    async def _take(
        self, tx: TenantTx, account: Account, event: Event, now: datetime
    ) -> Received | None:
        match event.kind:
            case EventKind.MESSAGE | EventKind.ACTION | EventKind.UNSUPPORTED:
                return await self._message(tx, account, event, now)
            case EventKind.STATUS:
                await _status(tx, event)
            case EventKind.EDIT:
                await _edit(tx, event)
            case EventKind.DELETE:
                await _edit(tx, event, deleted=True)
            case EventKind.REACTION:
                await _reaction(tx, account, event)
            case EventKind.ECHO:
                await _echo(tx, account, event)
            case EventKind.IDENTITY_CHANGE:
                await _identity(tx, account, event)
            case _:
                pass
        return None

    async def _message(
        self, tx: TenantTx, account: Account, event: Event, now: datetime
    ) -> Received | None:
        if not event.addresses:
            return None
        conversation_id = await _conversation(tx, account, event)
        stale = now - event.occurred_at > self._clockwork.stale_after
        message = NewMessage(
            conversation_id=conversation_id,
            author=Author.CONTACT,
            text=event.text,
            kind=event.content_type,
            content=dict(event.content),
            platform_message_id=event.platform_message_id,
            occurred_at=event.occurred_at,
            is_stale=stale,
        )
        seq = await say(tx, message, "message.created")
        await _attach(tx, message.id, event)
        await Conversation.touch(
            tx,
            conversation_id,
            seq=(
                0 if stale else seq
            ),  # An old message makes no draft outdated: nobody will answer it.
            at=event.occurred_at,
            window_hours=account.capabilities.service_window_hours,
        )
        if not stale:
            quiet = quiet_window(event.text, self._clockwork.quiet_seconds)
            await enqueue(tx, AnswerMessage(conversation_id, message.id), delay=quiet)
        return Received(message.id, conversation_id, seq)


def _readable(event: Event) -> bool:
    return event.kind not in (EventKind.UNPARSED, EventKind.ACCOUNT_EVENT)


def _pairs(addresses: Sequence[Address]) -> list[tuple[str, str]]:
    return [(address.kind, address.value) for address in addresses]


async def _conversation(tx: TenantTx, account: Account, event: Event) -> UUID:
    contact_id = await Contact.resolve(tx, account.id, _pairs(event.addresses), event.display_name)
    return await Conversation.current(tx, account.id, contact_id)


async def _attach(tx: TenantTx, message_id: UUID, event: Event) -> None:
    for medium in event.attachments:
        reference: dict[str, Any] = {
            "media_id": medium.media_id,
            "url": medium.url,
            "mime_type": medium.mime_type,
            "sha256": medium.sha256,
            "filename": medium.filename,
            "caption": medium.caption,
        }
        await Attachment.add(tx, message_id, medium.kind, **reference)


async def _status(tx: TenantTx, event: Event) -> None:
    """Raises the delivery state of our message; a send that nobody knew the fate of is settled by it."""
    status = event.status
    if status is None:
        return
    message = await _ours(tx, status.our_id, status.platform_message_id)
    if message is None:
        return
    error = f"{status.error_code}: {status.error}" if status.error_code else None
    rose = await Message.advance(
        tx, message.id, status.state, platform_message_id=status.platform_message_id, error=error
    )
    if rose:
        await tell(
            tx,
            message.conversation_id,
            "message.status",
            message_id=str(message.id),
            state=str(status.state),
        )
    if message.delivery_state in ("sending", "indeterminate"):
        await Job.hurry(tx, message.conversation_id)


async def _ours(tx: TenantTx, our_id: str | None, platform_message_id: str) -> Message | None:
    """The message that a status speaks of: by the id we attached, else by the platform's."""
    try:
        by_id = await Message.find(tx, UUID(our_id)) if our_id else None
    except ValueError:
        by_id = None  # Somebody else's opaque data.
    return by_id or await Message.by_platform_id(tx, platform_message_id)


async def _edit(tx: TenantTx, event: Event, *, deleted: bool = False) -> None:
    original = str(event.reply_to or event.content.get("original_message_id") or "")
    message = await Message.by_platform_id(tx, original) if original else None
    if message is None or message.author != Author.CONTACT:
        return
    name = "message.deleted" if deleted else "message.updated"
    text = None if deleted else event.text
    # The conversation is locked first, then its messages, as by whoever answers them.
    await tell(tx, message.conversation_id, name, message_id=str(message.id), text=text)
    await Message.edit(tx, original, text, deleted=deleted)


async def _reaction(tx: TenantTx, account: Account, event: Event) -> None:
    """A reaction is noted beside the conversation; it asks for no answer."""
    if event.addresses:
        conversation_id = await _conversation(tx, account, event)
        await tell(
            tx,
            conversation_id,
            "reaction",
            emoji=event.content.get("emoji"),
            platform_message_id=event.reply_to,
        )


async def _echo(tx: TenantTx, account: Account, event: Event) -> None:
    """The business answered from its own phone: a human has the conversation now."""
    if not event.addresses or await _ours(tx, None, event.platform_message_id or ""):
        return
    conversation_id = await _conversation(tx, account, event)
    message = NewMessage(
        conversation_id=conversation_id,
        author=Author.AGENT,
        text=event.text,
        kind=event.content_type,
        content=dict(event.content),
        platform_message_id=event.platform_message_id,
        occurred_at=event.occurred_at,
        delivery_state="sent",
    )
    await say(tx, message, "message.created")
    waiting = await Message.unanswered(tx, conversation_id)
    await Message.mark_answered(tx, [m.id for m in waiting], message.id)
    conversation = await Conversation.get(tx, conversation_id, lock=True)
    if conversation.owner == Owner.ASSISTANT:
        await Conversation.hand_over(tx, conversation_id, None)
        await tell(tx, conversation_id, "handover.accepted", agent_name=None)


async def _identity(tx: TenantTx, account: Account, event: Event) -> None:
    """The platform renamed a contact: the new address becomes an alias of the old one."""
    old, new = (
        [(str(a["kind"]), str(a["value"])) for a in event.content.get(which, ())]
        for which in ("old", "new")
    )
    if old and new:
        contact_id = await Contact.resolve(tx, account.id, old, event.display_name)
        await ContactAddress.alias(tx, account.id, contact_id, new)
