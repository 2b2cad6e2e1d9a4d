"""What we publish, as others may rely on it: each event's facts, the envelope around them, and the AsyncAPI document.

Facts are ids and plain values. What was said, who said it and where they are reached is never among them: whoever may
know that asks the API for it, by its id.
"""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import models_json_schema

from app.services.queue.base import DEAD_LETTERS, EVENTS, INBOUND, TOPICS, Topic

VERSION = 1
"""Of every envelope. Facts may be added under one version; what is there keeps its meaning."""


class Facts(BaseModel):
    """What is told of an event."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class MessageSaid(Facts):
    """Somebody said something."""

    message_id: UUID
    seq: int = Field(description="Its number in the conversation's log.")
    kind: str = Field(description="text, image, location, …")
    language: str | None = Field(description="ar, en, or null where it isn't known.")
    answers: UUID | None = Field(description="The message it answers.")


class MessageDelivery(Facts):
    """A delivery state of a message of ours rose."""

    message_id: UUID
    state: str = Field(description="accepted, sent, delivered, read, failed, indeterminate, …")
    answers: UUID | None = Field(description="The message it answers.")


class ConversationMoved(Facts):
    """A conversation began, ended, or passed from one hand to another."""

    contact_id: UUID
    account_id: UUID = Field(description="The channel account it is held on.")
    agent_id: UUID | None = Field(description="The colleague who has it, where it is known.")


class UsageRecorded(Facts):
    """What an answer used."""

    message_id: UUID
    model: str
    input_tokens: int
    output_tokens: int
    milliseconds: int


class JobParked(Facts):
    """Work failed for good, and waits for a person, who finds its error with the job."""

    job_id: UUID
    kind: str
    attempts: int
    payload: dict[str, UUID] = Field(description="What it was about, by its ids.")


FACTS: dict[str, tuple[type[Facts], Topic, str]] = {
    "message.received": (MessageSaid, EVENTS, "A contact said something."),
    "message.answered": (MessageSaid, EVENTS, "The assistant answered."),
    "message.replied": (MessageSaid, EVENTS, "An agent replied."),
    "message.delivery": (MessageDelivery, EVENTS, "A delivery state rose."),
    "conversation.opened": (ConversationMoved, EVENTS, "A conversation began."),
    "conversation.resolved": (ConversationMoved, EVENTS, "A conversation ended."),
    "handover.requested": (ConversationMoved, EVENTS, "A contact waits for a person."),
    "handover.accepted": (ConversationMoved, EVENTS, "An agent has the conversation now."),
    "handover.returned": (ConversationMoved, EVENTS, "The assistant has it again."),
    "usage.recorded": (UsageRecorded, EVENTS, "An answer used this."),
    "job.parked": (JobParked, DEAD_LETTERS, "Work failed for good."),
}
"""Every event: its facts, its topic, and what it means."""


class Envelope(BaseModel):
    """What stands around the facts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: UUID = Field(description="Stays the same when an event comes twice, which it may.")
    type: str
    version: Literal[1] = 1
    time: datetime = Field(description="When it happened, by the database's clock.")
    client_id: UUID = Field(description="Whose it is.")
    subject: UUID = Field(description="What keeps its order: the conversation, as a rule.")
    traceparent: str = Field(
        description="W3C Trace Context; the trace is the message that began it all."
    )
    data: dict[str, Any]


def topic_of(type_: str) -> Topic:
    """Where an event is published."""
    return FACTS[type_][1]


_TITLES = {INBOUND: "inbound", EVENTS: "events", DEAD_LETTERS: "deadLetters"}
_SEALED = {
    "name": "inbound",
    "summary": "One thing that a platform told, sealed for its client; only Wafaa reads it.",
    "contentType": "application/octet-stream",
    "payload": {"type": "string", "format": "binary"},
    "headers": {
        "type": "object",
        "required": ["schema", "id", "client", "time", "traceparent"],
        "properties": {
            "schema": {"const": "inbound/1"},
            "id": {"type": "string", "format": "uuid"},
            "client": {"type": "string", "format": "uuid"},
            "time": {"type": "string", "format": "date-time"},
            "traceparent": {"type": "string"},
        },
    },
    "bindings": {
        "kafka": {"key": {"type": "string", "format": "binary", "description": "Keyed hash."}}
    },
}


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI 3.0 document of our topics. ``wafaa.`` stands for the installation's prefix."""
    models: dict[type[BaseModel], None] = {Envelope: None}
    models |= dict.fromkeys(kind for kind, _, _ in FACTS.values())
    _, schemas = models_json_schema(
        [(model, "serialization") for model in models],
        ref_template="#/components/schemas/{model}",
    )
    messages = {name: _message(name) for name in FACTS} | {"inbound": _SEALED, "buried": _buried()}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Wafaa events",
            "version": f"{VERSION}.0.0",
            "description": "At least once, in order for each subject. Nothing that was said is told here.",
        },
        "defaultContentType": "application/json",
        "channels": {_TITLES[topic]: _channel(topic) for topic in TOPICS},
        "operations": {
            f"publish{title[0].upper()}{title[1:]}": {
                "action": "send",
                "channel": {"$ref": f"#/channels/{title}"},
            }
            for title in _TITLES.values()
        },
        "components": {"messages": messages, "schemas": schemas["$defs"]},
    }


def _channel(topic: Topic) -> dict[str, Any]:
    own = {INBOUND: ["inbound"], DEAD_LETTERS: ["buried"]}.get(topic, [])
    names = [*own, *(name for name, (_, where, _) in FACTS.items() if where is topic)]
    return {
        "address": f"wafaa.{topic.name}",
        "description": topic.about,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {
            "kafka": {
                "topicConfiguration": {
                    "retention.ms": topic.hours * 3_600_000,
                    "cleanup.policy": ["delete"],
                }
            }
        },
    }


def _message(name: str) -> dict[str, Any]:
    kind, _, summary = FACTS[name]
    facts = {"$ref": f"#/components/schemas/{kind.__name__}"}
    own = {"type": "object", "properties": {"type": {"const": name}, "data": facts}}
    return {
        "name": name,
        "summary": summary,
        "payload": {"allOf": [{"$ref": "#/components/schemas/Envelope"}, own]},
        "bindings": {
            "kafka": {"key": {"type": "string", "format": "uuid", "description": "The subject."}}
        },
    }


def _buried() -> dict[str, Any]:
    """An inbound record that couldn't be taken in: as it was, and why."""
    why = {name: {"type": "string"} for name in ("error", "error-type", "origin")}
    headers: dict[str, Any] = {"type": "object", "required": [*why], "properties": why}
    return {
        **_SEALED,
        "name": "buried",
        "summary": "An inbound record that couldn't be taken in: as it was, its error, and where it stood.",
        "headers": headers,
    }
