"""Conversations as the inbox sees them."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, StringConstraints

from app.schemas.common import InModel, OutModel


class ConversationOut(OutModel):
    """One conversation of the inbox."""

    id: UUID
    status: str
    owner: str
    agent_name: str | None
    contact_name: str | None
    channel: str
    language: str | None
    waiting_since: datetime | None
    handover_reason: str | None
    last_text: str | None
    last_message_at: datetime | None
    window_expires_at: datetime | None


class ReplyIn(InModel):
    """An agent's words."""

    text: Annotated[str, StringConstraints(min_length=1, max_length=4096, pattern=r"[^\s]")]


class ReplyOut(OutModel):
    """The reply's id; how far it has come is an event of the conversation."""

    message_id: UUID


class JobOut(OutModel):
    """Work that waits, or failed for good."""

    id: UUID
    lane_id: UUID
    kind: str
    payload: dict[str, Any] = Field(description="What it is about, by ids.")
    state: str
    attempts: int
    error: str | None
    due_at: datetime
    created_at: datetime


class TraceOut(OutModel):
    """Why a reply is what it is, and where it is now."""

    message_id: UUID
    author: str
    delivery_state: str | None
    delivery_error: str | None
    answered_by: UUID | None
    trace: dict[str, Any] | None
    jobs: list[JobOut]
