"""The session: what a turn knows of its conversation, and how the turn's outcome is written down."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from app.core.errors import NotFound
from app.core.multi_tenant import Database, TenantTx
from app.models.client import ClientSettings
from app.models.conversation import Conversation, Owner
from app.models.job import Job
from app.models.lane import LeaseLost
from app.models.message import Author, Message, NewMessage
from app.models.turn import FinishedTurn, LoadedTurn, Outcome
from app.services.ai.base import Persona, Question, Tokens, Turn
from app.services.ai.nlu_service import language_of
from app.services.channels.base import Citation
from app.services.orchestrator.bursts import LONGEST_BURST, Said, is_full
from app.services.orchestrator.events import tell
from app.services.orchestrator.jobs import AnswerMessage, DeliverMessage
from app.services.orchestrator.lateness import without_late
from app.services.queue.jobs import Work

HISTORY = 12
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
    """Loads and records turns, each in one round trip."""

    def __init__(self, db: Database, *, quiet_seconds: float, stale_seconds: float) -> None:
        self._db = db
        self._quiet_seconds = quiet_seconds
        self._stale_seconds = stale_seconds

    async def load(self, work: Work, job: AnswerMessage) -> Session | None:
        """What is to be answered now; None when there is nothing.

        There is nothing when the message was answered, when a human has the conversation, when a newer message
        of the same burst will carry this one along, or when it has waited for too long.
        """
        turn = await without_late(
            self._db, work, job.conversation_id, await self._turn(work, job), self._stale_seconds
        )
        if turn.owner != Owner.ASSISTANT or not _carries(job.message_id, turn.waiting):
            return None
        burst = tuple(Said(m["text"], float(m["age"])) for m in turn.waiting)
        final = is_full(burst, self._quiet_seconds)
        return _session(job.conversation_id, turn, burst, final=final)

    async def _turn(self, work: Work, job: AnswerMessage) -> LoadedTurn:
        """What came along with the lane; else it is read now."""
        if work.lease.turn is not None:
            return LoadedTurn.opened(await self._db.cipher(work.client_id), work.lease.turn)
        return await LoadedTurn.load(
            self._db, work.client_id, job.conversation_id, most=MOST_WAITING, history=HISTORY
        )

    async def record(
        self,
        work: Work,
        session: Session,
        reply: Reply,
        *,
        streamed: bool,
        tx: TenantTx | None = None,
    ) -> UUID | None:
        """Writes the reply and what follows from it, once, and gives its id; None when the draft is worthless.

        A newer message, or a human who took the conversation meanwhile, makes the draft worthless: the newer
        message's own job answers everything.

        Args:
            work: The job that is done by it.
            session: What was answered.
            reply: What is said.
            streamed: Whether the contact has seen it already.
            tx: A transaction in which more is written; None to write in one of its own.

        Raises:
            LeaseLost: Another worker holds the conversation.
        """
        turn, began = _finished(work, session, reply, streamed=streamed), time.monotonic()
        done = await (turn.record_in(tx) if tx else turn.record(self._db, work.client_id))
        match done.outcome:
            case Outcome.LOST:
                raise LeaseLost
            case Outcome.GONE:
                raise NotFound
            case Outcome.OUTDATED:
                await self._give_way(tx, work, session)
                return None
            case Outcome.HELD:
                work.go_on(_delivery(session, turn.reply), turn.delivery_id, began, done.parcel)
        return turn.reply.id

    async def _give_way(self, tx: TenantTx | None, work: Work, session: Session) -> None:
        if tx is not None:
            return await self.give_way(tx, work, session)
        async with self._db.tenant(work.client_id) as own:
            return await self.give_way(own, work, session)

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
    burst: tuple[Said, ...],
    *,
    final: bool,
) -> Session:
    settings = turn.settings
    said = tuple(m["text"] for m in turn.waiting if m["text"])
    text = "\n".join(said)
    language = language_of(text) or turn.language or settings.language
    return Session(
        conversation_id=conversation_id,
        contact_id=turn.contact_id,
        question=Question(
            text,
            language,
            Persona(turn.client_name, settings.tone, settings.fallback),
            _history(turn),
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
        introduced=turn.introduced,
        waiting=turn.wanted,
        opted_out=turn.opted_out,
        suspended=not turn.is_active,
        arrived_at=float(turn.waiting[0]["arrived_at"]),
    )


def _history(turn: LoadedTurn) -> tuple[Turn, ...]:
    """Earlier turns; none before anybody has answered."""
    if all(m["author"] == Author.CONTACT for m in turn.earlier):
        return ()
    return tuple(Turn(m["author"], m["text"]) for m in turn.earlier if m["text"])


def _finished(work: Work, session: Session, reply: Reply, *, streamed: bool) -> FinishedTurn:
    message = _message(session, reply, streamed=streamed)
    tokens = (reply.tokens.input, reply.tokens.output)
    trace = reply.trace or {"rule": reply.model}
    return FinishedTurn(
        reply=message,
        answers=session.message_ids,
        seen=session.last_contact_seq,
        final=session.final,
        fence=work.lease.fence,
        job_id=work.lease.job_id,
        usage=(reply.model, *tokens, reply.milliseconds, session.channel),
        trace={"question": session.question.text, **trace},
        delivery=None if streamed else _delivery(session, message).payload,
        lease_seconds=work.lease_seconds,
    )


def _delivery(session: Session, reply: NewMessage) -> DeliverMessage:
    return DeliverMessage(session.conversation_id, reply.id)


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
