"""The web channel's wire protocol."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from app.schemas.common import InModel, OutModel

Text = Annotated[str, StringConstraints(min_length=1, max_length=20_000, pattern=r"[^\s]")]


class SessionIn(InModel):
    """A page opens its chat."""

    channel_key: str = Field(
        max_length=100, description="The public key of the web channel account."
    )
    visitor_token: str | None = Field(None, max_length=500, description="From an earlier session.")
    identity_token: str | None = Field(
        None,
        max_length=4096,
        description="Who the visitor is, signed by the business's own server.",
    )
    locale: str | None = Field(None, max_length=35)
    page_url: str | None = Field(None, max_length=2000)


class Assistant(OutModel):
    """How the assistant looks and what it says first."""

    name: str
    greeting: dict[str, str]
    starters: dict[str, list[str]]
    color: str
    languages: list[str]
    digits: Literal["latn", "arab"]


class WebCapabilities(OutModel):
    """What the page may count on."""

    streams: bool
    text_limit: int


class SessionOut(OutModel):
    """An open chat. The session token goes into ``Authorization``; the visitor token is kept for the next visit."""

    session_token: str
    visitor_token: str
    conversation_id: UUID
    expires_in: int
    capabilities: WebCapabilities
    disclosure_text: str
    assistant: Assistant


class MessageIn(InModel):
    """The visitor says something."""

    client_message_id: UUID = Field(
        description="Made by the page; the same again is the same message."
    )
    text: Text


class MessageAccepted(OutModel):
    """It is committed; the answer comes as events."""

    message_id: UUID
    seq: int
    conversation_id: UUID = Field(
        description="Another one than it was sent to, if that had been resolved."
    )


class MessageOut(OutModel):
    """One message."""

    id: UUID
    conversation_id: UUID
    seq: int
    author: Literal["contact", "assistant", "agent"]
    agent_name: str | None
    kind: str
    text: str | None
    language: str | None
    content: dict[str, Any]
    citations: list[dict[str, Any]]
    offer_human: bool
    client_message_id: str | None
    delivery_state: str | None
    feedback: str | None = Field(None, description="`up`, `down`, or `down: why`.")
    created_at: datetime | None


class MessagePage(OutModel):
    """Messages, oldest first; ask with ``before`` the first ``seq`` for earlier ones."""

    data: list[MessageOut]
    has_more: bool
    last_seq: int = Field(description="Where a stream of events goes on from.")


class ChatPage(MessagePage):
    """Messages, and how the conversation stands: what a page that is loaded again can't know from events."""

    owner: Literal["assistant", "agent"] = Field(description="Who speaks for the business now.")
    agent_name: str | None = Field(description="The colleague who has the conversation.")
    waiting: bool = Field(description="A person is wanted and hasn't come yet.")
    status: Literal["open", "resolved"]


class FeedbackIn(InModel):
    """A thumb on a reply."""

    message_id: UUID
    value: Literal["up", "down"]
    reason: Annotated[str, StringConstraints(max_length=200)] | None = None


class Nothing(InModel):
    """An empty object."""
