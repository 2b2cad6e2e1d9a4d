"""The seam to channels: values in, values out.

An adapter module offers ``Config`` (a pydantic model, drawn as the connect form) and
``adapter: Callable[[Config, Tools], Channel]``. ``challenge``, ``verify`` and ``parse`` are pure, so a channel is
tested by payload files alone; ``send`` is the only method that reaches the platform.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Protocol

from pydantic import JsonValue


class EventKind(StrEnum):
    """What happened on the platform."""

    MESSAGE = "message"
    EDIT = "edit"
    DELETE = "delete"
    REACTION = "reaction"
    ACTION = "action"
    STATUS = "status"
    ECHO = "echo"
    IDENTITY_CHANGE = "identity_change"
    ACCOUNT_EVENT = "account_event"
    UNSUPPORTED = "unsupported"
    UNPARSED = "unparsed"


class DeliveryState(StrEnum):
    """How far an outgoing message has come. Ranks rise in this order; FAILED is final from QUEUED to SENT only."""

    QUEUED = "queued"
    SENDING = "sending"
    INDETERMINATE = "indeterminate"
    ACCEPTED = "accepted"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    PARKED = "parked"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """A webhook call as it came: header names in lower case, one sent twice joined by ", "; the body's bytes."""

    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Address:
    """Where a contact is reached: ``kind`` is bsuid, parent_bsuid, phone, visitor, …; ``value`` is the platform's."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Attachment:
    """A medium that came with a message: the platform's id, not its bytes."""

    kind: str
    media_id: str | None = None
    url: str | None = None
    mime_type: str | None = None
    sha256: str | None = None
    filename: str | None = None
    caption: str | None = None


@dataclass(frozen=True, slots=True)
class StatusUpdate:
    """What the platform says of a message we sent.

    Attributes:
        platform_message_id: The platform's id of our message.
        state: SENT, DELIVERED, READ or FAILED.
        our_id: Our message id, where the platform hands back what we attached.
        error_code: The platform's code, for FAILED.
        error: The platform's words, for FAILED.
        pricing: The platform's pricing object, kept for cost reports.
    """

    platform_message_id: str
    state: DeliveryState
    our_id: str | None = None
    error_code: str | None = None
    error: str | None = None
    pricing: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class InboundEvent:
    """One thing that happened, in the same form for every channel (the canonical event).

    Attributes:
        event_key: The platform's identity of this event; the same again is a duplicate.
        account: The platform's id of the channel account (WhatsApp: ``phone_number_id``); it names the client.
        kind: What happened.
        occurred_at: When, by the platform's clock, in UTC.
        addresses: The contact's addresses, most durable first. The first is the conversation's key.
        display_name: As the contact calls themselves; never verified.
        platform_message_id: The platform's id of the message.
        content_type: text, image, audio, video, document, sticker, location, contacts, order, button, …
        text: What is to be read, if anything: the text, the caption, the title of a pressed button.
        content: The typed rest, as plain JSON (location, order items, reaction emoji, …).
        attachments: Media, by reference.
        reply_to: The platform's id of the message that this one refers to.
        action: The id behind a pressed button or a chosen row.
        status: Only for STATUS.
        raw: The platform's own object, kept so that parsers can be run again.
    """

    event_key: str
    account: str
    kind: EventKind
    occurred_at: datetime
    addresses: tuple[Address, ...] = ()
    display_name: str | None = None
    platform_message_id: str | None = None
    content_type: str = "text"
    text: str | None = None
    content: Mapping[str, Any] = field(default_factory=dict)
    attachments: tuple[Attachment, ...] = ()
    reply_to: str | None = None
    action: str | None = None
    status: StatusUpdate | None = None
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Citation:
    """The passage an answer rests on, as a person sees it: a number, a title, the words quoted."""

    number: int
    title: str
    quote: str
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What the orchestrator wants said, in its richest form; a simple channel degrades it with ``as_text``.

    Attributes:
        id: Our message id; attached wherever the platform hands something back.
        to: The contact's addresses, best first.
        text: The words.
        language: ``ar`` or ``en``.
        citations: What the answer rests on.
        buttons: Quick replies as (id, title).
        reply_to: The platform's id of the message that is answered.
    """

    id: str
    to: tuple[Address, ...]
    text: str
    language: str
    citations: tuple[Citation, ...] = ()
    buttons: tuple[tuple[str, str], ...] = ()
    reply_to: str | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """The platform's answer to an accepted message."""

    platform_message_id: str


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a channel can show and for how long it lets us reply.

    Attributes:
        text_limit: Longest text of one message, in characters.
        service_window_hours: Hours after the contact's last message in which we may write freely; None: always.
        buttons: Most quick replies of one message.
        streams: Whether the contact sees the answer while it is written.
        reports_delivery: Whether a status follows a send.
    """

    text_limit: int
    service_window_hours: int | None = None
    buttons: int = 0
    streams: bool = False
    reports_delivery: bool = False


class Channel(Protocol):
    """One client's connected account on one platform."""

    capabilities: ClassVar[Capabilities]

    def challenge(self, request: WebhookRequest) -> str:
        """Answers the platform's verification handshake with the text it wants back.

        Raises:
            InvalidSignature: The verify token is wrong.
            InvalidInput: The challenge isn't one.
        """

    def verify(self, request: WebhookRequest) -> None:
        """Checks the signature over the raw bytes.

        Raises:
            InvalidSignature: It is missing, malformed or wrong.
        """

    def parse(self, body: bytes) -> Sequence[InboundEvent]:
        """Reads every event of a verified body. What can't be read becomes an UNPARSED event; nothing is raised."""

    async def send(self, outgoing: Outgoing) -> Sent:
        """Hands one message to the platform.

        Raises:
            Indeterminate: The request went out and no answer came back.
            RateLimited: Later, and when.
            WindowClosed: The platform doesn't let us write now.
            AccountBlocked: Nothing can be sent from this account until a person acts.
            Unreachable: This contact can't be reached.
            UpstreamUnavailable: The platform is down; nothing was sent.
            UpstreamRefused: This message is refused for good.
        """


def as_text(outgoing: Outgoing) -> str:
    """The message as plain text: buttons become numbered lines; citations stay with the console and the web."""
    lines = [outgoing.text, *(f"{n}. {title}" for n, (_, title) in enumerate(outgoing.buttons, 1))]
    return "\n".join(lines)


_SENTENCE_END = re.compile(r"[.!?؟。…][\"'»”)\]]*(?=\s)|\n")


def shorten(text: str, limit: int) -> str:
    """The text within ``limit`` characters, cut at the last sentence or space that fits, never inside a word."""
    if len(text) <= limit:
        return text
    head = text[: limit - 1]
    sentence = max((m.end() for m in _SENTENCE_END.finditer(text, 0, limit)), default=0)
    if limit // 2 < sentence < limit:
        return f"{head[:sentence].rstrip()}…"
    return f"{head[: _last_space(head) or None].rstrip()}…"


def _last_space(head: str) -> int:
    return max((n for n, char in enumerate(head) if char.isspace()), default=0)


def arabic(title: str, description: str) -> dict[str, JsonValue]:
    """A ``Config`` field's title and description in Arabic, for the connect form: ``json_schema_extra=arabic(…)``."""
    return {"x-ar": {"title": title, "description": description}}
