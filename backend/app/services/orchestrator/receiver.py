"""Step 1 of the journey: what platforms tell us becomes messages, and work, in the same transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from app.core.errors import Unavailable
from app.core.multi_tenant import Database, TenantTx
from app.core.room import Room
from app.core.sealing import Cipher, Ciphers
from app.core.shedding import Overloaded
from app.models.arrival import Arrival, Received, write
from app.models.contact import Contact, ContactAddress
from app.models.conversation import Conversation, Owner
from app.models.inbound_event import InboundEvent
from app.models.message import Author, Message, NewMessage
from app.models.status import Status, note
from app.services.channels.base import Address, Attachment, Capabilities, EventKind, StatusUpdate
from app.services.channels.base import InboundEvent as Event
from app.services.orchestrator.bursts import first_look
from app.services.orchestrator.events import say, tell
from app.services.orchestrator.herald import Herald
from app.utils.batching import Batcher

MOST_ARRIVING = 2_000
"""Messages and statuses that wait in this process to be written; whoever comes then is asked to come again."""

SAID = (EventKind.MESSAGE, EventKind.ACTION, EventKind.UNSUPPORTED)
"""What contacts say; everything else is said about it."""


@dataclass(frozen=True, slots=True)
class Account:
    """The channel account that events came in on, and what its channel can do."""

    id: UUID
    kind: str
    capabilities: Capabilities


@dataclass(frozen=True, slots=True)
class Clockwork:
    """How long a quiet window is, and when a message is too old to be answered."""

    quiet_seconds: float
    stale_after: timedelta


class Door(Protocol):
    """Where platforms come in, as others see it."""

    def shut(self, trouble: str) -> None:
        """What they say is refused for now."""

    def reopen(self, trouble: str) -> None:
        """This trouble is over."""

    def refused(self, trouble: str) -> None:
        """Something they said was refused, and may have been the only one."""


class Receiver:
    """Writes events. Every step may be repeated: the ledger of event keys tells duplicates.

    What contacts said goes in by one call, together with what others say at the same moment, and so does what is told
    of our messages; whatever else a platform tells is written in a transaction of its client.
    """

    def __init__(
        self, db: Database, ciphers: Ciphers, clockwork: Clockwork, room: Room, door: Door
    ) -> None:
        self._db = db
        self._room = room
        self._door = door
        self._clockwork = clockwork
        self._ciphers = ciphers
        self._herald = Herald(db)
        self._intake: Batcher[Arrival, Received | None] = Batcher(self._write, passing=Unavailable)
        self._statuses: Batcher[Status, None] = Batcher(self._raise, passing=Unavailable)

    async def receive(
        self, client_id: UUID, account: Account, events: Sequence[Event], now: datetime
    ) -> list[Received | None]:
        """Writes what is new of ``events`` and the work it makes necessary. When this returns, it is committed.

        Returns:
            For each message among the events what was written, None for a duplicate.

        Raises:
            Overloaded: So many messages wait here to be written that these have to come again.
            Unavailable: It can't be written now.
            Erased: The client is no more.
        """
        self._require_room()
        try:
            return await self._receive(client_id, account, events, now)
        except Unavailable:  # It may have been the word that a send is waiting for.
            self._door.refused("busy")
            raise

    async def _receive(
        self, client_id: UUID, account: Account, events: Sequence[Event], now: datetime
    ) -> list[Received | None]:
        if self._intake.waiting + self._statuses.waiting >= MOST_ARRIVING:
            raise Overloaded(retry_after=1.0)
        cipher = await self._ciphers.of(client_id)
        said = [self._arrival(cipher, account, e, now) for e in events if _is_said(e)]
        received = await self._intake.put(said) if said else []
        if len(said) < len(events):
            await self._receive_rest(cipher, account, [e for e in events if not _is_said(e)])
        return received

    def _require_room(self) -> None:
        try:
            self._room.require()
        except Unavailable:
            self._door.shut("disk")
            raise
        self._door.reopen("disk")

    async def _receive_rest(self, cipher: Cipher, account: Account, rest: Sequence[Event]) -> None:
        if told := [(event.event_key, event.status) for event in rest if event.status]:
            await self._statuses.put([await self._status(cipher, account, *one) for one in told])
        if others := [event for event in rest if not event.status]:
            async with self._db.tenant(cipher.client_id) as tx:
                await _note(tx, account, others)

    async def _write(self, arrivals: Sequence[Arrival]) -> list[Received | None]:
        received = await write(self._db, arrivals)
        self._herald.tell(
            (r.conversation_id, None if a.is_stale else a.client_id)
            for a, r in zip(arrivals, received, strict=True)
            if r
        )
        return received

    async def _raise(self, statuses: Sequence[Status]) -> list[None]:
        self._herald.tell((talk, None) for talk in await note(self._db, statuses))
        return [None] * len(statuses)

    async def _status(
        self, cipher: Cipher, account: Account, event_key: str, told: StatusUpdate
    ) -> Status:
        our_id = _id(told.our_id)
        if told.error_code:  # Its words rest sealed for a message: which one, is asked for first.
            async with self._db.tenant(cipher.client_id) as tx:
                failed = await Message.spoken_of(tx, our_id, told.platform_message_id)
            our_id = failed.id if failed else None
        return Status(
            cipher=cipher,
            account_id=account.id,
            event_key=event_key,
            state=told.state,
            our_id=our_id,
            platform_message_id=told.platform_message_id,
            error=f"{told.error_code}: {told.error}" if told.error_code else None,
        )

    def _arrival(self, cipher: Cipher, account: Account, event: Event, now: datetime) -> Arrival:
        stale = now - event.occurred_at > self._clockwork.stale_after
        return Arrival(
            cipher=cipher,
            account_id=account.id,
            event_key=event.event_key,
            addresses=_pairs(event.addresses),
            name=event.display_name,
            kind=event.content_type,
            text=event.text,
            content=event.content,
            platform_message_id=event.platform_message_id,
            occurred_at=event.occurred_at,
            window_hours=account.capabilities.service_window_hours,
            quiet=None if stale else first_look(event.text, self._clockwork.quiet_seconds),
            attachments=[_reference(medium) for medium in event.attachments],
        )


async def _note(tx: TenantTx, account: Account, events: Sequence[Event]) -> None:
    """Writes what is neither message nor status, once: corrections, reactions, echoes, new addresses."""
    new = await InboundEvent.admit(tx, account.id, [e.event_key for e in events if _readable(e)])
    # One order for everybody: two simultaneous batches lock contacts and conversations alike.
    for event in sorted(events, key=lambda e: e.addresses[0].value if e.addresses else ""):
        if not _readable(event):
            await InboundEvent.keep(tx, account.id, event.event_key, event.kind, dict(event.raw))
        elif event.event_key in new:
            new.discard(event.event_key)  # A batch may carry the same event twice.
            await _take(tx, account, event)


async def _take(tx: TenantTx, account: Account, event: Event) -> None:
    match event.kind:
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


def _is_said(event: Event) -> bool:
    """Whether it is something that somebody said."""
    return event.kind in SAID and bool(event.addresses)


def _readable(event: Event) -> bool:
    """Whether there is something to do; what nobody said can't be a message."""
    nameless = event.kind in SAID and not event.addresses
    return event.kind not in (EventKind.UNPARSED, EventKind.ACCOUNT_EVENT) and not nameless


def _pairs(addresses: Sequence[Address]) -> list[tuple[str, str]]:
    return [(address.kind, address.value) for address in addresses]


async def _conversation(tx: TenantTx, account: Account, event: Event) -> UUID:
    contact_id = await Contact.resolve(tx, account.id, _pairs(event.addresses), event.display_name)
    return await Conversation.current(tx, account.id, contact_id)


def _reference(medium: Attachment) -> dict[str, str | None]:
    return {
        "kind": medium.kind,
        "media_id": medium.media_id,
        "url": medium.url,
        "mime_type": medium.mime_type,
        "sha256": medium.sha256,
        "filename": medium.filename,
        "caption": medium.caption,
    }


def _id(text: str | None) -> UUID | None:
    """A message's id, where what a platform hands back is one: it may be somebody else's opaque data."""
    try:
        return UUID(text) if text else None
    except ValueError:
        return None


async def _edit(tx: TenantTx, event: Event, *, deleted: bool = False) -> None:
    original = str(event.reply_to or event.content.get("original_message_id") or "")
    message = await Message.by_platform_id(tx, original) if original else None
    if message is None or message.author != Author.CONTACT:
        return
    name = "message.deleted" if deleted else "message.updated"
    text = None if deleted else event.text
    # The conversation is locked first, then its messages, as by whoever answers them.
    await tell(tx, message.conversation_id, name, message_id=str(message.id), text=text)
    await Message.edit(tx, message, text, deleted=deleted)


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
    if not event.addresses or await Message.by_platform_id(tx, event.platform_message_id or ""):
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
    await Message.settle_waiting(tx, conversation_id, message.id)
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
