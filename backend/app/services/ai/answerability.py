"""Decides when not to answer: a cheap first gate before any model is asked.

A small logistic model over what the search already knows. It turns away what the business never spoke of; whether a
passage really says what was asked is for the prompt's rules and the checks of the draft.
"""

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass

from app.services.ai.text import is_content, stems, words
from app.services.knowledge.base import Passage
from app.services.knowledge.lexical import terms


@dataclass(frozen=True, slots=True)
class Signals:
    """What speaks for an answer being there.

    Attributes:
        dense: Best cosine between question and passage.
        gap: How far the best cosine stands above the others'.
        coverage: Share of the question's terms, the rarer the weightier, that the best passage knows.
        stems: Share of the question's content words that some passage knows.
        foreign: 1 when only passages in another language were found: words can't be compared then.
    """

    dense: float
    gap: float
    coverage: float
    stems: float
    foreign: float


WEIGHTS = Signals(dense=30.0, gap=10.0, coverage=4.0, stems=2.0, foreign=1.5)
BIAS = -27.0
THRESHOLD = 0.5


def signals(question: str, language: str, passages: Sequence[Passage]) -> Signals:
    """Measures a question against what was found for it."""
    dense = sorted((p.dense for p in passages), reverse=True)
    own = [p for p in passages if p.language == language]
    rest = dense[1:]
    return Signals(
        dense=dense[0] if dense else 0.0,
        gap=dense[0] - sum(rest) / len(rest) if rest else 0.0,
        coverage=max((_coverage(question, p, own) for p in own), default=0.0),
        stems=_known_stems(question, own),
        foreign=0.0 if own else 1.0,
    )


def probability(found: Signals) -> float:
    """How likely it is that the passages hold an answer."""
    total = BIAS + sum(w * x for w, x in zip(astuple(WEIGHTS), astuple(found), strict=True))
    return 1.0 / (1.0 + math.exp(-max(-60.0, min(60.0, total))))


def answerable(question: str, language: str, passages: Sequence[Passage]) -> bool:
    """Whether it is worth asking a model."""
    return bool(passages) and probability(signals(question, language, passages)) >= THRESHOLD


def _coverage(question: str, passage: Passage, own: Sequence[Passage]) -> float:
    asked = terms(
        " ".join(w for w in words(question) if is_content(w) or w[0].isdigit()) or question
    )
    known = [terms(_whole(p)) for p in own]
    weights = {t: 1.0 / (1 + sum(t in k for k in known)) for t in asked}
    here = terms(_whole(passage))
    return sum(w for t, w in weights.items() if t in here) / (sum(weights.values()) or 1.0)


def _known_stems(question: str, own: Sequence[Passage]) -> float:
    asked = stems(question)
    known = frozenset[str]().union(*(stems(_whole(p)) for p in own)) if own else frozenset()
    return len(asked & known) / len(asked) if asked else 0.0


def _whole(passage: Passage) -> str:
    return " ".join(part for part in (passage.title, passage.question, passage.text) if part)
