"""Answers without a model: the best sentence with its neighbours, quoted word for word."""

import math
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from pydantic import BaseModel

from app.core.tools import Tools
from app.services.ai.base import Chunk, Completion, Prompt, Provider, Tokens
from app.services.ai.text import sentences
from app.services.knowledge.base import Passage
from app.services.knowledge.lexical import terms

MODEL = "extractive"
ENTRY_MATCH = 0.5
"""Share of the question's weight that an entry of questions and answers must know to be quoted whole."""

_LONGEST = 480
_NEIGHBOUR = 0.35
"""A neighbour is quoted along when it scores at least this share of the best sentence."""


class Config(BaseModel):
    """There is nothing to set."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence that could be the answer."""

    passage: int
    place: int
    text: str
    score: float


class Extractive:
    """Quotes. Deterministic, and it can't invent."""

    name: ClassVar[str] = MODEL

    def __init__(self, config: Config, tools: Tools) -> None:
        self._config = config

    async def complete(self, prompt: Prompt) -> Completion:
        """Quotes the best that was found; empty where nothing speaks of the question."""
        return Completion(" ".join(quote(prompt)), MODEL, Tokens())

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        """Quotes sentence by sentence."""
        found = quote(prompt)
        for place, sentence in enumerate(found):
            yield Chunk(sentence if place == 0 else f" {sentence}")
        yield Chunk(completion=Completion(" ".join(found), MODEL, Tokens()))


def quote(prompt: Prompt) -> list[str]:
    """The sentences to quote, each with its citation."""
    if not prompt.passages:
        return []
    weights = _weights(prompt)
    ranked = _in_reading_order_of_trust(prompt)
    if (entry := _entry(prompt, weights, ranked)) is not None:
        return _cited(_sentences(prompt.passages[entry]), entry)
    best = max(_candidates(prompt, weights, ranked), key=lambda c: c.score, default=None)
    if best is None or best.score <= 0.0:
        return []
    return _cited(_with_neighbours(prompt, weights, best), best.passage)


def _in_reading_order_of_trust(prompt: Prompt) -> list[int]:
    """Passages in the question's language first, as they were found."""
    own = [i for i, p in enumerate(prompt.passages) if p.language == prompt.question.language]
    return own or list(range(len(prompt.passages)))


def _weights(prompt: Prompt) -> dict[str, float]:
    """How much each term of the question tells: rare among the passages' sentences tells more."""
    texts = [set(terms(s)) for p in prompt.passages for s in _sentences(p)]
    asked = terms(prompt.question.text)
    frequency = Counter(term for text in texts for term in text if term in asked)
    return {t: math.log(1 + (len(texts) + 1) / (1 + frequency[t])) for t in asked}


def _coverage(text: str, weights: dict[str, float]) -> float:
    """The share of the question's weight that a text knows."""
    known = terms(text)
    total = sum(weights.values())
    return sum(w for t, w in weights.items() if t in known) / total if total else 0.0


def _entry(prompt: Prompt, weights: dict[str, float], ranked: Sequence[int]) -> int | None:
    """The entry of questions and answers that was asked for, if one was."""
    entries = [
        (_coverage(prompt.passages[i].question or "", weights), -place, i)
        for place, i in enumerate(ranked)
        if prompt.passages[i].question
    ]
    best = max(entries, default=None)
    return best[2] if best and (best[0] >= ENTRY_MATCH or best[1] == 0) else None


def _candidates(
    prompt: Prompt, weights: dict[str, float], ranked: Sequence[int]
) -> list[Candidate]:
    top = max(prompt.passages[i].score for i in ranked)
    low = min(prompt.passages[i].score for i in ranked)
    found = []
    for i in ranked:
        passage = prompt.passages[i]
        trust = (passage.score - low) / (top - low) if top > low else 1.0
        for place, text in enumerate(_sentences(passage)):
            fit = _coverage(text, weights) + 0.3 * _coverage(passage.title, weights)
            found.append(Candidate(i, place, text, fit * (0.6 + 0.4 * trust)))
    return found


def _with_neighbours(prompt: Prompt, weights: dict[str, float], best: Candidate) -> list[str]:
    """The best sentence, and the ones around it that speak of the same, while there is room."""
    around = _sentences(prompt.passages[best.passage])
    kept = [best.place]
    for place in (best.place + 1, best.place - 1):
        if not 0 <= place < len(around):
            continue
        length = sum(len(around[k]) for k in kept) + len(around[place])
        fits = _coverage(around[place], weights) >= _NEIGHBOUR * _coverage(best.text, weights)
        if length <= _LONGEST and (fits or len(best.text) < 40):
            kept.append(place)
    return [around[place] for place in sorted(kept)]


def _cited(found: Sequence[str], passage: int) -> list[str]:
    return [f"{sentence.strip()} [{passage + 1}]" for sentence in found]


def _sentences(passage: Passage) -> list[str]:
    return [s for s in (passage.sentences or sentences(passage.text)) if s.strip()]


adapter: Callable[[Config, Tools], Provider] = Extractive
