"""A turn's reading and writing, each in one round trip."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

from app.core.errors import NotFound
from app.core.multi_tenant import Database, TenantTx, cipher_of, client_of
from app.core.sealing import Cipher
from app.models.client import ClientSettings, open_settings
from app.models.conversation_event import seal_data
from app.models.dispatch import LEAST_WINDOW_SECONDS
from app.models.message import NewMessage
from app.models.said import open_said, seal_said
from app.models.usage import seal_trace
from app.utils.ids import uuid7


@dataclass(frozen=True, slots=True)
class LoadedTurn:
    """All that a turn needs to know.

    Attributes:
        introduced: Whether the assistant has said that it is automated.
        wanted: Whether a human is wanted already.
        client_name: How the business is called.
        settings: The client's settings.
        knowledge_version: Rises with every change of knowledge.
        is_active: Whether the client is served.
        opted_out: Whether the contact wants to hear nothing.
        channel: The account's kind.
        waiting: What the contact said last and nobody answered, oldest first, plain.
        earlier: What was said before that, by whom, oldest first, plain.
    """

    contact_id: UUID
    owner: str
    language: str | None
    last_contact_seq: int
    introduced: bool
    wanted: bool
    client_name: str
    settings: ClientSettings
    knowledge_version: int
    is_active: bool
    opted_out: bool
    channel: str
    waiting: list[dict[str, Any]]
    earlier: list[dict[str, Any]]

    @classmethod
    async def load(
        cls, db: Database, client_id: UUID, conversation_id: UUID, *, most: int, history: int
    ) -> "LoadedTurn":
        """Reads it.

        Args:
            db: Where it stands.
            client_id: Whose it is.
            conversation_id: The conversation.
            most: How many waiting messages are read, the latest.
            history: How many earlier ones.

        Raises:
            NotFound: The conversation is gone.
        """
        row = await db.ask(
            client_id, "SELECT app.load_turn($1, $2, $3, $4, $5)", client_id, conversation_id, most, history
        )  # fmt: skip
        if row is None:
            raise NotFound
        return cls.opened(await db.cipher(client_id), row)

    @classmethod
    def opened(cls, cipher: Cipher, row: dict[str, Any]) -> "LoadedTurn":
        """The same of what ``app.load_turn`` gave."""
        opened = {key: [_opened(cipher, m) for m in row[key]] for key in ("waiting", "earlier")}
        sealed = row["settings"]
        settings = open_settings(cipher, _bytes(sealed) if sealed else None)
        return cls(**{**row, "contact_id": UUID(row["contact_id"]), "settings": settings, **opened})


def _opened(cipher: Cipher, message: dict[str, Any]) -> dict[str, Any]:
    """A message with its words."""
    said = _bytes(message.pop("said"))
    return {**message, "text": open_said(cipher, UUID(message["id"]), said)[0]}


def _bytes(written: str) -> bytes:
    r"""Bytes as PostgreSQL writes them into JSON: ``\x`` and hex."""
    return bytes.fromhex(written[2:])


class Outcome(StrEnum):
    """What became of a turn that was to be recorded. Only the first two have written anything."""

    RECORDED = "recorded"
    HELD = "held"
    """And the lane is still held, for the reply's delivery."""

    LOST = "lost"
    OUTDATED = "outdated"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of it, and what sending the reply needs, as ``Dispatch`` reads it, where the intent stands as well."""

    outcome: Outcome
    parcel: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class FinishedTurn:
    """A reply with all that is written down with it.

    Attributes:
        reply: The message.
        answers: The messages that it answers.
        seen: The contact's latest number when the turn was loaded.
        final: Whether it counts even when the contact has said more meanwhile.
        fence: The number under which the lane is held.
        job_id: The job that is done by it.
        usage: Model, input and output tokens, milliseconds, channel.
        trace: Why the answer is what it is.
        delivery: The ids of the job that delivers it; None where it is seen already.
        delivery_id: That job's own.
        lease_seconds: For how long the lane is held on where that job is its next; None to let it go.
    """

    reply: NewMessage
    answers: tuple[UUID, ...]
    seen: int
    final: bool
    fence: int
    job_id: UUID
    usage: tuple[str, int, int, int, str]
    trace: dict[str, Any]
    delivery: dict[str, str] | None
    delivery_id: UUID = field(default_factory=uuid7)
    lease_seconds: float | None = None

    async def record(self, db: Database, client_id: UUID) -> Recorded:
        """Writes it, in a transaction of its own, with the intent to send it where that is plain."""
        told = self._told(await db.cipher(client_id))
        if db.pooled:
            return Recorded(Outcome(await db.ask(client_id, _RECORD, client_id, told)))
        flushed = await db.flushing()
        said = await db.ask(client_id, _RECORD_AND_INTEND, client_id, told, LEAST_WINDOW_SECONDS)
        await flushed()
        return Recorded(Outcome(said["outcome"]), said["parcel"])

    async def record_in(self, tx: TenantTx) -> Recorded:
        """Writes it in a transaction in which more is written."""
        told = self._told(cipher_of(tx))
        said = await tx.value("SELECT app.record_turn(NULL, $1, $2)", client_of(tx), told)
        return Recorded(Outcome(said))

    def _told(self, cipher: Cipher) -> dict[str, Any]:
        """The record that ``app.record_turn`` reads, sealed."""
        reply, event_id = self.reply, uuid7()
        model, input_tokens, output_tokens, milliseconds, channel = self.usage
        event = {"turn_id": str(self.job_id)}
        return {
            "conversation_id": str(reply.conversation_id),
            "seen": self.seen,
            "final": self.final,
            "fence": self.fence,
            "job_id": str(self.job_id),
            "message_id": str(reply.id),
            "event_id": str(event_id),
            "event": _hex(seal_data(cipher, event, reply.conversation_id, event_id)),
            "language": reply.language,
            "said": _hex(
                seal_said(cipher, reply.id, reply.text, reply.content, reply.citations, None)
            ),
            "reply_to_id": str(reply.reply_to_id),
            "delivery_state": reply.delivery_state,
            "offer_human": reply.offer_human,
            "answers": [str(id_) for id_ in self.answers],
            "usage_id": str(uuid7()),
            "model": model,
            "input_tokens": input_tokens,
            "output_tokens": output_tokens,
            "milliseconds": milliseconds,
            "channel": channel,
            "trace": _hex(seal_trace(cipher, self.trace, reply.id)),
            "delivery": self.delivery,
            "delivery_id": str(self.delivery_id) if self.delivery else None,
            "lease_seconds": self.lease_seconds,
        }


def _hex(sealed: bytes) -> str:
    r"""Bytes as PostgreSQL reads them from text."""
    return f"\\x{sealed.hex()}"


_RECORD = "SELECT app.record_turn($1, $2, $3)"
_RECORD_AND_INTEND = "CALL app.record_and_intend($1, $2, $3, $4, NULL)"
"""In two transactions, where the call isn't part of one."""
