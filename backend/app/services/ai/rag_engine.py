"""Answers a question from what a client has taught: retrieve, decide, draft, check.

No unsupported fact leaves here. A draft is held sentence by sentence against the passages it cites; one that fails is
written once more, then replaced by a quotation, then by "I don't have that info" and the offer of a human.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any, Protocol
from uuid import UUID

import structlog

from app.core.errors import RateLimited, UpstreamRefused, UpstreamUnavailable
from app.core.permits import Permit, Permits, anywhere
from app.core.resilience import Deadline
from app.services.ai import answerability, trace
from app.services.ai.answerability import Signals
from app.services.ai.base import Completion, Prompt, Question, Tokens
from app.services.ai.draft import Draft, Released
from app.services.ai.grounding import Checker
from app.services.ai.llm_gateway import LLMGateway, Reply
from app.services.ai.prompt_manager import build, corrected
from app.services.ai.providers.extractive import MODEL as EXTRACTIVE
from app.services.ai.providers.extractive import quote
from app.services.ai.text import citations, sanitise, sentences, stems, without_citations
from app.services.knowledge.base import Passage

__all__ = ["NO_ANSWER", "Answer", "Cited", "RagEngine", "Released", "Searcher"]

log = structlog.get_logger(__name__)

NO_ANSWER = {
    "ar": "ليست لدي هذه المعلومة. هل تود أن أحوّلك إلى أحد الزملاء؟",
    "en": "I don't have that info. Would you like me to bring in a colleague?",
}
"""The specification's words, and the offer of a human. A client may choose its own."""

_PASSAGES = 8
"""Half of them in the other language where there are such: one in ten good answers stands below the third."""
_LONGEST_QUOTE = 600


class Searcher(Protocol):
    """What finds passages."""

    async def retrieve(
        self,
        client_id: UUID,
        query: str,
        language: str,
        *,
        limit: int = 6,
        previous: str | None = None,
    ) -> list[Passage]:
        """The best passages, best first. Raises UpstreamUnavailable."""


@dataclass(frozen=True, slots=True)
class Cited:
    """A passage that an answer rests on, under the number the answer gives it."""

    number: int
    passage: Passage
    quote: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer.

    Attributes:
        text: The words, with ``[n]`` where they rest on a passage.
        language: ``ar`` or ``en``.
        citations: The passages behind the numbers.
        grounded: Whether it rests on passages; False is an honest "I don't have that info".
        offer_human: Whether a human is offered.
        model: Who wrote it.
        tokens: What all drafts together cost.
        milliseconds: How long it took.
        trace: Why it is what it is, as plain JSON.
    """

    text: str
    language: str
    citations: tuple[Cited, ...] = ()
    grounded: bool = False
    offer_human: bool = False
    model: str = "none"
    tokens: Tokens = field(default_factory=Tokens)
    milliseconds: float = 0.0
    trace: dict[str, Any] = field(default_factory=dict)


class RagEngine:
    """Answers from knowledge, and from nothing else."""

    def __init__(
        self, retriever: Searcher, gateway: LLMGateway, permits: Permits = anywhere
    ) -> None:
        self._retriever = retriever
        self._gateway = gateway
        self._permits = permits

    async def answer(
        self, question: Question, client_id: UUID, *, providers: Sequence[str] = ()
    ) -> Answer:
        """The whole answer at once.

        Raises:
            UpstreamUnavailable: The knowledge can't be searched now.
        """
        async with aclosing(self.stream(question, client_id, providers=providers)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Answer):
                    return piece
        raise UpstreamUnavailable("The answer broke off.")

    async def stream(
        self, question: Question, client_id: UUID, *, providers: Sequence[str] = ()
    ) -> AsyncGenerator[Released | Answer, None]:
        """Yields each sentence when it has passed; the answer comes last.

        Raises:
            UpstreamUnavailable: The knowledge can't be searched now.
        """
        began, deadline = time.perf_counter(), self._gateway.deadline()
        previous = _previous(question)
        passages = await self._search(question, client_id, previous, deadline)
        searched = time.perf_counter()
        signals = _signals(question, previous, passages)
        prompt = replace(build(question, passages), deadline=deadline)
        draft = Draft(prompt, Checker(passages, question))
        if passages and answerability.answerable(signals):
            permit = await self._permits(client_id)
            async for released in self._write(draft, providers, permit):
                yield released
        ended = time.perf_counter()
        answer = _finish(draft, signals, search=searched - began, whole=ended - began)
        if not draft.kept:
            yield Released(answer.text)
        yield answer

    async def _search(
        self, question: Question, client_id: UUID, previous: str | None, deadline: Deadline
    ) -> Sequence[Passage]:
        """What was taught about it, within the time that the whole answer has."""
        try:
            async with asyncio.timeout(deadline.remaining):
                return await self._retriever.retrieve(
                    client_id, question.text, question.language, limit=_PASSAGES, previous=previous
                )
        except TimeoutError as error:
            raise UpstreamUnavailable("Searching the knowledge took too long.") from error

    async def _write(
        self, draft: Draft, providers: Sequence[str], permit: Permit
    ) -> AsyncGenerator[Released, None]:
        """First draft, one correction, quotation: each only where nothing of substance was released before it failed."""
        async for released in self._attempt(draft, draft.prompt, providers, permit):
            yield released
        if draft.failed and not draft.kept and _by_a_model(draft):
            draft.retry()
            async for released in self._attempt(
                draft, corrected(draft.prompt, draft.problems), providers, permit
            ):
                yield released
        if draft.failed and not draft.cites:
            draft.retry()
            for released in _quoted(draft):
                yield released

    async def _attempt(
        self, draft: Draft, prompt: Prompt, providers: Sequence[str], permit: Permit
    ) -> AsyncGenerator[Released, None]:
        """One draft, as it is written: a sentence is held back until it is complete and has passed."""
        said = waiting = ""
        try:
            async with aclosing(
                self._gateway.stream(prompt, allowed=providers, permit=permit)
            ) as pieces:
                async for piece in pieces:
                    said += piece.text
                    if piece.reply:
                        draft.replies.append(piece.reply)
                    found, waiting = _whole(waiting + piece.text, last=piece.reply is not None)
                    for sentence in found:
                        if (released := draft.take(sentence)) is not None:
                            yield released
                        if draft.over:
                            if piece.reply is None:
                                draft.replies.append(_stopped(piece.provider, prompt, said))
                            return
        except (RateLimited, UpstreamRefused, UpstreamUnavailable) as error:
            log.warning("draft_broke_off", code=error.code)
            draft.fail(f"broke off: {error.code}")


def _whole(text: str, *, last: bool) -> tuple[list[str], str]:
    """The sentences that are complete, and what isn't yet: a citation may still follow its full stop."""
    found = sentences(text)
    if last or not found:
        return found, "" if last else text
    waiting = found.pop()
    if found and waiting.lstrip().startswith("["):
        waiting = found.pop() + waiting
    return found, waiting


def _stopped(provider: str, prompt: Prompt, said: str) -> Reply:
    """What is known of a reply that was stopped half-way: nobody counted its tokens."""
    tokens = Tokens.guessed(prompt.system + prompt.user, said)
    return Reply(Completion(said, provider, tokens, "stopped"), ())


def _previous(question: Question) -> str | None:
    """What the same contact asked before."""
    return next((t.text for t in reversed(question.history) if t.author == "contact"), None)


def _signals(question: Question, previous: str | None, passages: Sequence[Passage]) -> Signals:
    """What speaks for an answer; a question that leans on the one before is judged together with it."""
    alone = answerability.signals(question.text, question.language, passages)
    if previous is None or not answerability.stands_on_the_previous(alone):
        return alone
    joined = answerability.signals(f"{previous}\n{question.text}", question.language, passages)
    return max(alone, joined, key=answerability.probability)


def _by_a_model(draft: Draft) -> bool:
    """Whether a model answered that can be asked for another draft."""
    return bool(draft.replies) and draft.replies[-1].completion.model != EXTRACTIVE


def _quoted(draft: Draft) -> list[Released]:
    """Falls back to quoting what was found; that is checked like any draft."""
    found = (draft.take(sentence) for sentence in quote(draft.prompt))
    return [released for released in found if released is not None]


def _finish(draft: Draft, signals: Signals, *, search: float, whole: float) -> Answer:
    """What was kept, or an honest refusal, and how it came about."""
    question = draft.prompt.question
    text = "".join(checked.text for checked in draft.kept).strip()
    cited = _citations(draft.prompt.passages, text)
    milliseconds = {"search": round(search * 1000, 1), "whole": round(whole * 1000, 1)}
    return Answer(
        text=text or question.persona.fallback or NO_ANSWER[question.language],
        language=question.language,
        citations=cited,
        grounded=bool(cited),
        offer_human=not cited,
        model=draft.replies[-1].completion.model if draft.replies and cited else "none",
        tokens=sum((reply.tokens for reply in draft.replies), Tokens()),
        milliseconds=whole * 1000,
        trace={
            **trace.told(draft.prompt, signals, draft.replies, draft.checks),
            "milliseconds": milliseconds,
        },
    )


def _citations(passages: Sequence[Passage], text: str) -> tuple[Cited, ...]:
    return tuple(
        Cited(n, passages[n - 1], _quote_of(passages[n - 1], text, n)) for n in citations(text)
    )


def _quote_of(passage: Passage, text: str, number: int) -> str:
    """The words of a passage that stand behind a citation: those quoted, else the whole, within reason."""
    said = [without_citations(s).strip() for s in sentences(text) if number in citations(s)]
    quoted = [s for s in said if s and s in passage.text]
    nearest = [_nearest(s, passage) for s in said if s and s not in passage.text]
    return sanitise(" ".join(dict.fromkeys([*quoted, *nearest])) or passage.text)[:_LONGEST_QUOTE]


def _nearest(said: str, passage: Passage) -> str:
    """The sentence of a passage that shares most words with what was said of it; empty where none shares any."""
    spoken = stems(said)
    parts = [s.strip() for s in passage.sentences or sentences(passage.text)]
    best = max(parts, key=lambda part: len(stems(part) & spoken), default="")
    return best if stems(best) & spoken else ""
