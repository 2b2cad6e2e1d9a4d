"""The jobs of a message's journey, and of learning."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import NAMESPACE_OID, UUID, uuid5

from app.services.queue.jobs import CHAT, INDEXING, NOTIFY, JobBase


@dataclass(frozen=True, slots=True)
class AnswerMessage(JobBase):
    """A contact's message waits for an answer."""

    kind: ClassVar[str] = "answer_message"
    queue: ClassVar[str] = CHAT

    conversation_id: UUID
    message_id: UUID

    @property
    def lane_id(self) -> UUID:
        """The conversation."""
        return self.conversation_id


@dataclass(frozen=True, slots=True)
class DeliverMessage(JobBase):
    """A reply waits to be handed to the platform."""

    kind: ClassVar[str] = "deliver_message"
    queue: ClassVar[str] = CHAT

    conversation_id: UUID
    message_id: UUID

    @property
    def lane_id(self) -> UUID:
        """The conversation: replies go out in order, after what they answer."""
        return self.conversation_id


@dataclass(frozen=True, slots=True)
class TakeRecord(JobBase):
    """A record of the intake log couldn't be taken in, and waits to be tried again."""

    kind: ClassVar[str] = "take_record"
    queue: ClassVar[str] = CHAT

    account_id: UUID
    record_id: UUID

    @property
    def lane_id(self) -> UUID:
        """Its own: others have overtaken it already."""
        return self.record_id


@dataclass(frozen=True, slots=True)
class NotifyStaff(JobBase):
    """People are to be told that a human is wanted."""

    kind: ClassVar[str] = "notify_staff"
    queue: ClassVar[str] = NOTIFY

    conversation_id: UUID

    @property
    def lane_id(self) -> UUID:
        """A lane of its own: a mail server that hangs must not hold up the conversation."""
        return uuid5(NAMESPACE_OID, f"notify {self.conversation_id}")


@dataclass(frozen=True, slots=True)
class TellQuota(JobBase):
    """Owners, and whoever runs the installation, are to be told that a quota is used up."""

    kind: ClassVar[str] = "tell_quota"
    queue: ClassVar[str] = NOTIFY

    @property
    def lane_id(self) -> UUID:
        """One of each client's own."""
        return uuid5(NAMESPACE_OID, "quota")


@dataclass(frozen=True, slots=True)
class BuildExport(JobBase):
    """A copy of a client's data waits to be made."""

    kind: ClassVar[str] = "build_export"
    queue: ClassVar[str] = INDEXING

    export_id: UUID

    @property
    def lane_id(self) -> UUID:
        """The copy."""
        return self.export_id


@dataclass(frozen=True, slots=True)
class IndexDocument(JobBase):
    """A document waits to be learned."""

    kind: ClassVar[str] = "index_document"
    queue: ClassVar[str] = INDEXING

    document_id: UUID

    @property
    def lane_id(self) -> UUID:
        """The document: its versions are learned one after the other."""
        return self.document_id
