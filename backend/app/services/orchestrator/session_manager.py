"""The session: what a turn knows of its conversation, and how the turn's outcome is written down."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson

from app.core.multi_tenant import TenantTx, cipher_of, client_of
from app.core.sealing import Cipher
from app.models.client import ClientSettings
from app.models.conversation import Conversation, Owner
from app.models.job import Job
from app.models.message import Author, Message, NewMessage
from app.models.turn import LoadedTurn
from app.models.usage import AnswerTrace, UsageRecord
from app.services.ai.base import Persona, Question, Tokens, Turn
from app.services.ai.nlu_service import language_of
from app.services.cache._sealed import SealedCache
from app.services.channels.base import Citation
from app.services.orchestrator.bursts import LONGEST_BURST, Said, is_full
from app.services.orchestrator.events import say, tell
from app.services.orchestrator.jobs import AnswerMessage, DeliverMessage, NotifyStaff
from app.services.queue.jobs import Work, enqueue

HISTORY = 12
SESSION_SECONDS = 3600.0
MOST_WAITING = 2 * LONGEST_BURST
"""Messages that one turn answers; when more wait, it answers the latest and says so."""


@dataclass(frozen=True, slots=True)
class Session:
    """A conversation as a turn sees it.

    Attributes:
        conversation_id: The conversation.
        contact_id: Who is answered.
        question: What is to be answered, with its history.
        said: The words of each message in it: a wish that binds us may stand among questions.
        burst: The same messages with their ages.
        final: Whether it is answered even when the contact says more meanwhile.
        crowded: Whether there are so many that older ones are left unread.
        message_ids: The messages that the answer answers, oldest first.
        kind: The content type of the newest of them.
        last_contact_seq: The contact's latest number when this was read: if it has risen, the answer is outdated.
        settings: The client's settings.
        knowledge_version: Which knowledge the answer will rest on.
        channel: The channel's kind.
        introduced: Whether the assistant has said that it is automated.
        waiting: Whether a human is wanted already.
        opted_out: Whether the contact wants to hear nothing more.
        suspended: Whether the client isn't served now.
        arrived_at: When the oldest of the messages was written down, as a Unix time in seconds.
    """

    conversation_id: UUID
    contact_id: UUID
    question: Question
    said: tuple[str, ...]
    burst: tuple[Said, ...]
    final: bool
    crowded: bool
    message_ids: tuple[UUID, ...]
    kind: str
    last_contact_seq: int
    settings: ClientSettings
    knowledge_version: int
    channel: str
    introduced: bool
    waiting: bool
    opted_out: bool
    suspended: bool
    arrived_at: float


@dataclass(frozen=True, slots=True)
class Reply:
    """What a turn came to.

    Attributes:
        text: The words as they go out.
        language: ``ar`` or ``en``.
        citations: What they rest on.
        model: Who wrote them; a rule's name where no model did.
        tokens: What they cost.
        milliseconds: How long they took.
        trace: Why they are what they are.
        handover: Why a human is wanted, if one is.
        offer_human: Whether a human is offered.
        opt_out: True or False when the contact opted out or in again.
    """

    text: str
    language: str
    citations: tuple[Citation, ...] = ()
    model: str = "rule"
    tokens: Tokens = field(default_factory=Tokens)
    milliseconds: int = 0
    trace: dict[str, Any] | None = None
    handover: str | None = None
    offer_human: bool = False
    opt_out: bool | None = None


class SessionManager:
    """Loads and records turns. The cached session is a memory aid: without it the history is read again."""

    def __init__(self, cache: SealedCache, *, quiet_seconds: float) -> None:
        self._cache = cache
        self._quiet_seconds = quiet_seconds

    async def load(self, tx: TenantTx, job: AnswerMessage) -> Session | None:
        """What is to be answered now; None when there is nothing.

        There is nothing when the message was answered, when a human has the conversation, or when a newer message
        of the same burst will carry this one along.
        """
        turn = await LoadedTurn.read(tx, job.conversation_id, MOST_WAITING)
        if turn.owner != Owner.ASSISTANT or not _carries(job.message_id, turn.waiting):
            return None
        burst = tuple(Said(m["text"], float(m["age"])) for m in turn.waiting)
        history = await self._history(tx, job.conversation_id, turn)
        final = is_full(burst, self._quiet_seconds)
        return _session(job.conversation_id, turn, history, burst, final=final)

    async def _history(
        self, tx: TenantTx, conversation_id: UUID, turn: LoadedTurn
    ) -> tuple[Turn, ...]:
        """Earlier turns: the cached session's when nobody has spoken since, else read again."""
        if turn.last_reply_id is None:
            return ()
        key = _key(client_of(tx), conversation_id)
        cached = await self._cache.get(cipher_of(tx), key)
        memory = orjson.loads(cached) if cached else {}
        if memory.get("as_of") != str(turn.last_reply_id):
            return await self._read_history(tx, conversation_id, turn.waiting[0]["seq"])
        return tuple(Turn(author, text) for author, text in memory["turns"])

    async def _read_history(
        self, tx: TenantTx, conversation_id: UUID, before: int
    ) -> tuple[Turn, ...]:
        messages = await Message.page(tx, conversation_id, before=before, limit=HISTORY)
        return tuple(Turn(m.author, m.text) for m in messages if m.text and not m.is_deleted)

    async def remember(
        self, cipher: Cipher, session: Session, reply: Reply, reply_id: UUID
    ) -> None:
        """Keeps the session for an hour."""
        said = (Turn("contact", session.question.text), Turn("assistant", reply.text))
        turns = [[turn.author, turn.text] for turn in (*session.question.history, *said)[-HISTORY:]]
        memory = orjson.dumps({"as_of": str(reply_id), "turns": turns})
        key = _key(cipher.client_id, session.conversation_id)
        await self._cache.put(cipher, key, memory, SESSION_SECONDS)

    async def record(
        self, tx: TenantTx, work: Work, session: Session, reply: Reply, *, streamed: bool
    ) -> UUID | None:
        """Writes the reply and what follows from it, once, and gives its id; None when the draft is worthless.

        A newer message, or a human who took the conversation meanwhile, makes the draft worthless: the newer
        message's own job answers everything.
        """
        conversation = await Conversation.get(tx, session.conversation_id, lock=True)
        more = conversation.last_contact_seq > session.last_contact_seq and not session.final
        if more or conversation.owner != Owner.ASSISTANT:
            await self.give_way(tx, work, session)
            return None
        reply_id = await self._write(tx, work, session, reply, streamed=streamed)
        await Job.settle(tx, work.lease)
        return reply_id

    async def give_way(self, tx: TenantTx, work: Work, session: Session) -> None:
        """Ends a turn whose draft is worthless."""
        turn = {"turn_id": str(work.lease.job_id), "code": "superseded", "retryable": True}
        await tell(tx, session.conversation_id, "turn.failed", **turn)
        await Job.settle(tx, work.lease)

    async def keep_silent(self, tx: TenantTx, work: Work, session: Session) -> None:
        """Settles messages that ask for no reply: each counts as answered by itself."""
        for message_id in session.message_ids:
            await Message.mark_answered(tx, [message_id], message_id)
        await Job.settle(tx, work.lease)

    async def put_off(self, tx: TenantTx, work: Work, session: Session, reason: str) -> None:
        """Leaves the messages unanswered where colleagues see them, with the reason; the contact hears nothing."""
        await Conversation.want_human(tx, session.conversation_id, reason)
        await Job.settle(tx, work.lease)

    async def _write(
        self, tx: TenantTx, work: Work, session: Session, reply: Reply, *, streamed: bool
    ) -> UUID:
        message = _message(session, reply, streamed=streamed)
        await say(tx, message, "turn.completed", {"turn_id": str(work.lease.job_id)})
        await Message.mark_answered(tx, session.message_ids, message.id)
        if session.crowded:
            await Message.mark_older(tx, session.message_ids[0], message.id)
        await Conversation.speak(tx, session.conversation_id, reply.language)
        await UsageRecord.add(
            tx,
            message.id,
            reply.model,
            (reply.tokens.input, reply.tokens.output),
            reply.milliseconds,
            session.channel,
        )
        trace = reply.trace or {"rule": reply.model}
        await AnswerTrace.add(tx, message.id, {"question": session.question.text, **trace})
        if reply.handover:
            await want_human(tx, session.conversation_id, reply.handover)
        if not streamed:
            await enqueue(tx, DeliverMessage(session.conversation_id, message.id))
        return message.id


async def want_human(tx: TenantTx, conversation_id: UUID, reason: str) -> None:
    """Puts the conversation on the waiting list and sees to it that people are told, once."""
    if await Conversation.want_human(tx, conversation_id, reason):
        await tell(tx, conversation_id, "handover.requested", reason=reason)
        await enqueue(tx, NotifyStaff(conversation_id))


def _carries(message_id: UUID, waiting: Sequence[dict[str, Any]]) -> bool:
    """Whether this message's job answers the burst: the last one's does, and the tenth one's of an endless burst.

    So does the job of a message that was taken back after all that still wait: theirs have passed already.
    """
    mine, ids = str(message_id), [m["id"] for m in waiting]
    return bool(ids) and (
        mine in (ids[-1], *ids[LONGEST_BURST - 1 : LONGEST_BURST]) or mine > max(ids)
    )


def _session(
    conversation_id: UUID,
    turn: LoadedTurn,
    history: tuple[Turn, ...],
    burst: tuple[Said, ...],
    *,
    final: bool,
) -> Session:
    settings = ClientSettings.model_validate(turn.settings)
    said = tuple(m["text"] for m in turn.waiting if m["text"])
    text = "\n".join(said)
    language = language_of(text) or turn.language or settings.language
    return Session(
        conversation_id=conversation_id,
        contact_id=turn.contact_id,
        question=Question(
            text, language, Persona(turn.client_name, settings.tone, settings.fallback), history
        ),
        said=said,
        burst=burst,
        final=final,
        crowded=len(burst) >= MOST_WAITING,
        message_ids=tuple(UUID(m["id"]) for m in turn.waiting),
        kind=turn.waiting[-1]["kind"],
        last_contact_seq=turn.last_contact_seq,
        settings=settings,
        knowledge_version=turn.knowledge_version,
        channel=turn.channel,
        introduced=turn.disclosed_at is not None,
        waiting=turn.waiting_since is not None,
        opted_out=turn.opted_out,
        suspended=not turn.is_active,
        arrived_at=float(turn.waiting[0]["arrived_at"]),
    )


def _message(session: Session, reply: Reply, *, streamed: bool) -> NewMessage:
    citations = [
        {"number": c.number, "title": c.title, "quote": c.quote, "url": c.url}
        for c in reply.citations
    ]
    return NewMessage(
        conversation_id=session.conversation_id,
        author=Author.ASSISTANT,
        text=reply.text,
        language=reply.language,
        citations=citations,
        reply_to_id=session.message_ids[-1],
        delivery_state="sent" if streamed else "queued",
        offer_human=reply.offer_human,
    )


def _key(client_id: UUID, conversation_id: UUID) -> str:
    return f"session:{client_id}:{conversation_id}"
