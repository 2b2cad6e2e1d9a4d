"""Answers a question from what a client has taught: retrieve, decide, draft, check.

No unsupported fact leaves here. A draft is held sentence by sentence against the passages it cites; one that fails is
written once more, then replaced by a quotation, then by "I don't have that info" and the offer of a human.
"""

import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from app.core.errors import UpstreamUnavailable
from app.services.ai import answerability
from app.services.ai.base import Prompt, Question, Tokens
from app.services.ai.grounding import Checked, Checker
from app.services.ai.llm_gateway import LLMGateway, Reply
from app.services.ai.prompt_manager import PROMPT_VERSION, build, corrected
from app.services.ai.providers.extractive import MODEL as EXTRACTIVE
from app.services.ai.providers.extractive import quote
from app.services.ai.text import citations, sanitise, sentences, without_citations
from app.services.knowledge.base import Passage

NO_ANSWER_MARK = "NO_ANSWER"
NO_ANSWER = {
    "ar": "ليست لدي هذه المعلومة. هل تود أن أحوّلك إلى أحد الزملاء؟",
    "en": "I don't have that info. Would you like me to bring in a colleague?",
}
"""The specification's words, and the offer of a human. A client may choose its own."""

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
class Released:
    """A sentence that has passed its checks, with its white space."""

    text: str


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


@dataclass(slots=True)
class _Draft:
    """An answer in the making."""

    prompt: Prompt
    checker: Checker
    kept: list[Checked] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    refused: bool = False

    def take(self, sentence: str) -> Released | None:
        """Checks a sentence; what passes is released, what fails ends the draft."""
        if NO_ANSWER_MARK in sentence:
            self.refused = True
            return None
        checked = self.checker.check(sentence)
        if checked.violations:
            self.problems += [f"{v.rule}: {v.text}" for v in checked.violations]
            return None
        self.kept.append(checked)
        return Released(checked.text)

    @property
    def over(self) -> bool:
        """Whether no further sentence may follow."""
        return self.refused or bool(self.problems)


class RagEngine:
    """Answers from knowledge, and from nothing else."""

    def __init__(self, retriever: Searcher, gateway: LLMGateway) -> None:
        self._retriever = retriever
        self._gateway = gateway

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
        began = time.perf_counter()
        previous = next((t.text for t in reversed(question.history) if t.author == "contact"), None)
        passages = await self._retriever.retrieve(
            client_id, question.text, question.language, limit=6, previous=previous
        )
        searched = time.perf_counter()
        asked = f"{previous}\n{question.text}" if previous else question.text
        signals = answerability.signals(question.text, question.language, passages)
        worth_asking = bool(passages) and (
            answerability.answerable(question.text, question.language, passages)
            or (
                previous is not None
                and answerability.answerable(asked, question.language, passages)
            )
        )
        prompt = build(question, passages)
        draft = _Draft(prompt, Checker(passages, question))
        if worth_asking:
            async for released in self._write(draft, providers):
                yield released
        answer = _finish(question, draft)
        if not draft.kept:
            yield Released(answer.text)
        trace = _trace(draft, passages, signals, searched - began, time.perf_counter() - began)
        yield _with_trace(answer, draft, trace, (time.perf_counter() - began) * 1000)

    async def _write(
        self, draft: _Draft, providers: Sequence[str]
    ) -> AsyncGenerator[Released, None]:
        """First draft, one correction, quotation: each only where nothing was released before it failed."""
        async for released in self._attempt(draft, draft.prompt, providers):
            yield released
        if draft.kept or not draft.problems:
            return
        first, draft.problems = draft.problems, []
        if draft.replies and draft.replies[-1].completion.model != EXTRACTIVE:
            async for released in self._attempt(draft, corrected(draft.prompt, first), providers):
                yield released
        if not draft.kept and draft.problems:
            for released in _quoted(draft):
                yield released
        draft.problems = [*first, *draft.problems]

    async def _attempt(
        self, draft: _Draft, prompt: Prompt, providers: Sequence[str]
    ) -> AsyncGenerator[Released, None]:
        """One draft, as it is written: a sentence is held back until it is complete and has passed."""
        waiting = ""
        try:
            async with aclosing(self._gateway.stream(prompt, allowed=providers)) as pieces:
                async for piece in pieces:
                    waiting += piece.text
                    if piece.reply:
                        draft.replies.append(piece.reply)
                    *whole, waiting = (
                        sentences(waiting) or [""] if not piece.reply else [*sentences(waiting), ""]
                    )
                    for sentence in whole:
                        if (released := draft.take(sentence)) is not None:
                            yield released
                        if draft.over:
                            return
        except UpstreamUnavailable:
            if not draft.kept:
                raise


def _quoted(draft: _Draft) -> list[Released]:
    """Falls back to quoting what was found; that is checked like any draft."""
    draft.problems = []
    found = (draft.take(sentence) for sentence in quote(draft.prompt))
    return [released for released in found if released is not None]


def _finish(question: Question, draft: _Draft) -> Answer:
    """What was kept, or an honest refusal. Passages are numbered anew in the order in which they are cited."""
    text = "".join(checked.text for checked in draft.kept).strip()
    if not text:
        words = question.persona.fallback or NO_ANSWER[question.language]
        return Answer(words, question.language, offer_human=True)
    cited = [
        Cited(n, draft.prompt.passages[n - 1], _quote_of(draft.prompt.passages[n - 1], text, n))
        for n in citations(text)
    ]
    return Answer(
        text, question.language, tuple(cited), grounded=bool(cited), offer_human=not cited
    )


def _quote_of(passage: Passage, text: str, number: int) -> str:
    """The words of a passage that stand behind a citation: those quoted, else the whole, within reason."""
    said = [without_citations(s).strip() for s in sentences(text) if number in citations(s)]
    quoted = [s for s in said if s and s in passage.text]
    return sanitise(" ".join(quoted) or passage.text)[:_LONGEST_QUOTE]


def _with_trace(
    answer: Answer, draft: _Draft, trace: dict[str, Any], milliseconds: float
) -> Answer:
    tokens = sum((reply.tokens for reply in draft.replies), Tokens())
    model = draft.replies[-1].completion.model if draft.replies and answer.grounded else "none"
    return Answer(
        answer.text,
        answer.language,
        answer.citations,
        answer.grounded,
        answer.offer_human,
        model,
        tokens,
        milliseconds,
        trace,
    )


def _trace(
    draft: _Draft,
    passages: Sequence[Passage],
    signals: answerability.Signals,
    searching: float,
    whole: float,
) -> dict[str, Any]:
    """Why the answer is what it is, for people."""
    return {
        "passages": [
            {
                "chunk_id": str(p.chunk_id),
                "document_id": str(p.document_id),
                "title": p.title,
                "text": p.text,
                "score": round(p.score, 4),
                "dense": round(p.dense, 4),
                "lexical": round(p.lexical, 4),
            }
            for p in passages
        ],
        "signals": {
            "dense": signals.dense,
            "gap": signals.gap,
            "coverage": signals.coverage,
            "stems": signals.stems,
            "probability": answerability.probability(signals),
        },
        "prompt": {
            "version": PROMPT_VERSION,
            "system": draft.prompt.system,
            "user": draft.prompt.user,
        },
        "attempts": [
            {"provider": a.provider, "ms": a.milliseconds, "error": a.error}
            for reply in draft.replies
            for a in reply.attempts
        ],
        "checks": {"passed": len(draft.kept), "problems": draft.problems, "refused": draft.refused},
        "milliseconds": {"search": round(searching * 1000), "whole": round(whole * 1000)},
    }
