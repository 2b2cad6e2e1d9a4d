"""Step 2 of the journey: a contact's message gets its answer, once."""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Protocol
from uuid import UUID

import structlog

from app.core.errors import Unavailable, UpstreamUnavailable
from app.core.multi_tenant import Database
from app.core.shedding import Shed
from app.models.conversation_event import ConversationEvent
from app.models.job import Job
from app.models.lane import Lane, LeaseLost
from app.models.message import Message
from app.services.ai.base import Question
from app.services.ai.rag_engine import Answer, Released
from app.services.channels.base import Capabilities, Citation
from app.services.orchestrator import consents, phrases
from app.services.orchestrator.attention import Attention, Outdated
from app.services.orchestrator.bursts import left, left_in_doubt
from app.services.orchestrator.intent_router import (
    HandOver,
    OptIn,
    OptOut,
    PutOff,
    Route,
    Say,
    Silent,
    route,
)
from app.services.orchestrator.jobs import AnswerMessage
from app.services.orchestrator.lateness import want_human
from app.services.orchestrator.session_manager import Reply, Session, SessionManager
from app.services.orchestrator.standing import tell_once
from app.services.queue.jobs import Work
from app.services.queue.pressure import Pressure

OVER_QUOTA = "quota_"
"""How the reason of a handover begins that a quota caused."""

log = structlog.get_logger(__name__)


class Answerer(Protocol):
    """What answers questions from a client's knowledge."""

    def stream(
        self,
        question: Question,
        client_id: UUID,
        *,
        providers: tuple[str, ...],
        version: int,
        channel: str,
    ) -> AsyncGenerator[Released | Answer, None]:
        """Yields sentences as they pass the checks; the whole answer comes last."""


class TurnObserver(Protocol):
    """Who is told of finished turns."""

    def message_processed(
        self, client_id: UUID, channel: str, seconds: float, reply: Reply
    ) -> None:
        """A message was answered, ``seconds`` after it had arrived."""


class Quotas(Protocol):
    """Knows what clients may still use."""

    async def used_up(self, client_id: UUID) -> str | None:
        """Which quota is used up, if one is."""


class ChatOrchestrator:
    """Answers messages: loads the session, decides, thinks outside of any transaction, records the outcome."""

    def __init__(
        self,
        db: Database,
        sessions: SessionManager,
        answerer: Answerer,
        observer: TurnObserver,
        quotas: Quotas,
        attention: Attention,
        pressure: Pressure,
        *,
        capabilities: "CapabilitiesOf",
        quiet_seconds: float,
        max_attempts: int,
    ) -> None:
        self._db = db
        self._sessions = sessions
        self._answerer = answerer
        self._observer = observer
        self._quotas = quotas
        self._attention = attention
        self._pressure = pressure
        self._capabilities = capabilities
        self._quiet_seconds = quiet_seconds
        self._max_attempts = max_attempts

    async def answer(self, job: AnswerMessage, work: Work) -> None:
        """Answers one message, once; gives way as soon as the contact says more."""
        with self._attention.follow(job.conversation_id) as news:
            begun = await self._begin(job, work)
            if begun is None:
                return None
            session, decision = begun
            streamed = self._capabilities(session.channel).streams
            thought = self._reply(decision, session, work, streamed=streamed)
            try:
                reply = await self._attention.think(thought, session, work.client_id, news)
            except Outdated:
                return await self._give_way(session, work)
        doubtful = reply is not None and _knows_nothing(reply) and not streamed
        if doubtful and (seconds := left_in_doubt(session.burst, self._quiet_seconds)):
            return await self._postpone(work, seconds)
        return await self._record(session, reply, work, streamed=streamed)

    async def _begin(self, job: AnswerMessage, work: Work) -> tuple[Session, Route] | None:
        """What to answer now, and how; None when there is nothing, or the contact may not have finished."""
        session = await self._sessions.load(work, job)
        if session is None:
            async with self._db.tenant(work.client_id) as tx:
                await consents.heed(tx, job.conversation_id, job.message_id)
                await Job.settle_with_older(tx, work.lease)
            return None
        if (seconds := left(session.burst, self._quiet_seconds)) > 0:
            await self._postpone(work, seconds)
            return None
        match decision := route(session):
            case PutOff(reason):
                async with self._db.tenant(work.client_id) as tx:
                    await consents.heed(tx, job.conversation_id, job.message_id, paused=True)
                    await self._sessions.put_off(tx, work, session, reason)
                return None
        return session, decision

    async def _postpone(self, work: Work, seconds: float) -> None:
        async with self._db.tenant(work.client_id) as tx:
            await Job.postpone(tx, work.lease, delay=seconds)

    async def _give_way(self, session: Session, work: Work) -> None:
        log.info("turn_superseded", conversation_id=str(session.conversation_id))
        async with self._db.tenant(work.client_id) as tx:
            await self._sessions.give_way(tx, work, session)

    async def _reply(
        self, decision: Route, session: Session, work: Work, *, streamed: bool
    ) -> Reply | None:
        match decision:
            case Silent():
                return None
            case Say(key, handover):
                return _phrase(session, key, handover=handover)
            case HandOver(reason):
                return _phrase(
                    session, "human_waiting" if session.waiting else "human", handover=reason
                )
            case OptOut():
                return _phrase(session, "opted_out", opt_out=True)
            case OptIn():
                return _phrase(session, "opted_in", opt_out=False)
        if self._pressure.level(work.client_id) >= Shed.REPLIES:
            return _phrase(session, "holding", handover="overloaded")
        if which := await self._quotas.used_up(work.client_id):
            return _phrase(session, "over_quota", handover=f"{OVER_QUOTA}{which}")
        return await self._think(session, work, streamed=streamed)

    async def _think(self, session: Session, work: Work, *, streamed: bool) -> Reply:
        """Asks the model. When that fails for the last time the contact is told, and a human is called."""
        try:
            return await self._ask(session, work, streamed=streamed)
        except (LeaseLost, Unavailable):
            raise  # Another worker answers, or nobody can write anything down now.
        except Exception as error:  # Whatever it is, the contact must not be left without a word.
            if work.lease.attempts < self._max_attempts:
                raise
            log.exception(
                "answer_given_up", conversation_id=str(session.conversation_id), exc_info=error
            )
            return _phrase(session, "holding", handover="unavailable")

    async def _ask(self, session: Session, work: Work, *, streamed: bool) -> Reply:
        stage = _Stage(self._db, session, work) if streamed else None
        if stage:
            await stage.begin(_introduction(session))
        answer: Answer | None = None
        pieces = self._answerer.stream(
            session.question,
            work.client_id,
            providers=tuple(session.settings.providers),
            version=session.knowledge_version,
            channel=session.channel,
        )
        async with aclosing(pieces):
            async for piece in pieces:
                if isinstance(piece, Answer):
                    answer = piece
                elif stage:
                    await stage.show(piece.text)
        if answer is None:
            raise UpstreamUnavailable("The answer broke off.")
        return _from_answer(session, answer)

    async def _record(
        self, session: Session, reply: Reply | None, work: Work, *, streamed: bool
    ) -> None:
        if reply is None:
            async with self._db.tenant(work.client_id) as tx:
                return await self._sessions.keep_silent(tx, work, session)
        if reply.handover or reply.opt_out is not None or session.crowded:
            reply_id = await self._record_with_more(session, reply, work, streamed=streamed)
        else:
            reply_id = await self._sessions.record(work, session, reply, streamed=streamed)
        if reply_id is None:
            return None
        return self._observer.message_processed(
            work.client_id, session.channel, max(0.0, time.time() - session.arrived_at), reply
        )

    async def _record_with_more(
        self, session: Session, reply: Reply, work: Work, *, streamed: bool
    ) -> UUID | None:
        """Records a reply by which more changes than its own conversation's log."""
        async with self._db.tenant(work.client_id) as tx:
            if (reply.handover or "").startswith(OVER_QUOTA):
                await tell_once(tx, (reply.handover or "").removeprefix(OVER_QUOTA))
            if reply.opt_out is not None:
                await consents.note(
                    tx,
                    session.contact_id,
                    granted=not reply.opt_out,
                    source="message",
                    wording=reply.text,
                    message_id=session.message_ids[-1],
                )
            reply_id = await self._sessions.record(work, session, reply, streamed=streamed, tx=tx)
            if reply_id and session.crowded:
                await Message.mark_older(tx, session.message_ids[0], reply_id)
            if reply_id and reply.handover:
                await want_human(tx, session.conversation_id, reply.handover)
        return reply_id


class CapabilitiesOf(Protocol):
    """Tells what a kind of channel can do."""

    def __call__(self, kind: str) -> Capabilities:
        """The capabilities of a channel by its name."""


class _Stage:
    """Where a contact watches the answer being written: every released sentence is a durable event."""

    def __init__(self, db: Database, session: Session, work: Work) -> None:
        self._db = db
        self._conversation_id = session.conversation_id
        self._work = work
        self._offset = 0

    async def begin(self, introduction: str) -> None:
        """Tells that an answer is being written."""
        await self._tell("turn.started")
        if introduction:
            await self.show(introduction)

    async def show(self, text: str) -> None:
        """Shows a piece that has passed the checks. ``offset`` lets a reader drop what it has already."""
        await self._tell("turn.delta", text=text, offset=self._offset)
        self._offset += len(text)

    async def _tell(self, type_: str, **data: Any) -> None:
        async with self._db.tenant(self._work.client_id) as tx:
            turn = {"turn_id": str(self._work.lease.job_id), **data}
            await ConversationEvent.append(tx, self._conversation_id, type_, turn)
            await Lane.hold(tx, self._work.lease)


def _knows_nothing(reply: Reply) -> bool:
    """Whether nothing was found to answer with, so that no model was even asked."""
    return reply.offer_human and not reply.citations and not reply.tokens.input


def _introduction(session: Session) -> str:
    """What the assistant says first: that it is one, and that of a flood of messages it read the latest."""
    language, client = session.question.language, session.question.persona.client_name
    said = "" if session.introduced else phrases.say("disclosure", language, client=client) + "\n\n"
    return said + (phrases.say("crowded", language) + "\n\n" if session.crowded else "")


def _phrase(
    session: Session, key: str, *, handover: str | None = None, opt_out: bool | None = None
) -> Reply:
    language = session.question.language
    greeting = session.settings.greeting.get(language) if key == "greeting" else None
    text = _introduction(session) + (greeting or phrases.say(key, language))
    return Reply(text, language, model=f"phrase:{key}", handover=handover, opt_out=opt_out)


def _from_answer(session: Session, answer: Answer) -> Reply:
    return Reply(
        text=_introduction(session) + answer.text,
        language=answer.language,
        citations=tuple(
            Citation(c.number, c.passage.title, c.quote, c.passage.url) for c in answer.citations
        ),
        model=answer.model,
        tokens=answer.tokens,
        milliseconds=round(answer.milliseconds),
        trace=answer.trace,
        offer_human=answer.offer_human,
    )
