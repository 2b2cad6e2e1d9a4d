"""Decides when not to answer: a cheap first gate before any model is asked.

Two small logistic models over what the search already knows, one for passages in the question's language and one for
the others; either may open the gate. They turn away what the business never spoke of; whether a passage really says
what was asked is for the prompt's rules and the checks of the draft. ``bench/answerability`` fits and measures them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from operator import attrgetter

from app.services.ai.text import is_content, sentences, stems, words
from app.services.ai.topics import FILLERS, topics
from app.services.knowledge.base import Passage
from app.services.knowledge.lexical import terms

KNOWN = 0.5
"""Share of a word's pieces that must occur for the word to count as known."""

_MOST_SENTENCES = 8


@dataclass(frozen=True, slots=True)
class Own:
    """What the passages in the question's language say for an answer.

    Attributes:
        dense: Best cosine.
        coverage: Share of the pieces of the question's words that the best passage has.
        unknown: Share of those words that no passage has.
        topics: Share of the question's everyday topics that the passages touch.
        topical: 1 when it has such a topic.
    """

    dense: float = 0.0
    coverage: float = 0.0
    unknown: float = 0.0
    topics: float = 0.0
    topical: float = 0.0


@dataclass(frozen=True, slots=True)
class Other:
    """What passages in another language say for an answer; words can't be compared there."""

    dense: float = 0.0
    score: float = 0.0
    topics: float = 0.0


@dataclass(frozen=True, slots=True)
class Signals:
    """Everything the gate looks at; None for a language nothing was found in."""

    own: Own | None
    other: Other | None


OWN_WEIGHTS = Own(dense=38.52, coverage=2.1, unknown=-3.56, topics=0.79, topical=0.7)
OWN_BIAS = -31.65
OTHER_WEIGHTS, OTHER_BIAS = Other(dense=21.21, score=1.42, topics=2.69), -22.28
THRESHOLD = 0.5

_of_own: "attrgetter[tuple[float, ...]]" = attrgetter(*(field.name for field in fields(Own)))
_of_other: "attrgetter[tuple[float, ...]]" = attrgetter(*(field.name for field in fields(Other)))


def signals(question: str, language: str, passages: Sequence[Passage]) -> Signals:
    """Measures a question against what was found for it; of several sentences the one that is answered best counts."""
    measured = [_measured(text, language, passages) for text in (question, *_sentences(question))]
    return max(measured, key=probability)


def parts(question: str, language: str, passages: Sequence[Passage]) -> list[str]:
    """The sentences of a question that can be answered each; the whole where it is one, or none stands alone."""
    alone = [s for s in _sentences(question) if answerable(_measured(s, language, passages))]
    return alone or [question]


def _sentences(question: str) -> list[str]:
    """The sentences of a question that has several; greetings and the like say nothing."""
    found = [s.strip() for s in sentences(question)[:_MOST_SENTENCES] if stems(s) or topics(s)]
    return found if len(found) > 1 else []


def _measured(question: str, language: str, passages: Sequence[Passage]) -> Signals:
    own = [p for p in passages if p.language == language]
    other = [p for p in passages if p.language != language]
    return Signals(_own(question, own) if own else None, _other(question, other) if other else None)


def probability(found: Signals) -> float:
    """How likely it is that the passages hold an answer."""
    own = _logistic(_of_own(found.own), _of_own(OWN_WEIGHTS), OWN_BIAS) if found.own else 0.0
    there, weights = found.other, _of_other(OTHER_WEIGHTS)
    other = _logistic(_of_other(there), weights, OTHER_BIAS) if there else 0.0
    return max(own, other)


def answerable(found: Signals) -> bool:
    """Whether it is worth asking a model."""
    return probability(found) >= THRESHOLD


def stands_on_the_previous(found: Signals) -> bool:
    """Whether a question may be judged together with the one before: it names nothing that is unknown here."""
    return found.own is None or found.own.unknown == 0


def _own(question: str, passages: Sequence[Passage]) -> Own:
    asked = [w for w in words(question) if (is_content(w) or w[0].isdigit()) and w not in FILLERS]
    pieces = frozenset(terms(" ".join(asked) or question))
    known = [_pieces(p) for p in passages]
    anywhere = frozenset[str]().union(*known)
    touched, there = topics(question), _touched(passages)
    unknown = sum(not _is_known(word, anywhere, there) for word in asked)
    return Own(
        dense=max(p.dense for p in passages),
        coverage=max(_share(pieces, one) for one in known),
        unknown=unknown / len(asked) if asked else 0.0,
        topics=_share(touched, there),
        topical=float(bool(touched)),
    )


def _other(question: str, passages: Sequence[Passage]) -> Other:
    return Other(
        dense=max(p.dense for p in passages),
        score=max(p.score for p in passages),
        topics=_share(topics(question), _touched(passages)),
    )


def _is_known(word: str, pieces: frozenset[str], touched: frozenset[str]) -> bool:
    """Whether passages have a word, or another word for the same topic."""
    return _share(frozenset(terms(word)), pieces) >= KNOWN or bool(topics(word) & touched)


def _touched(passages: Sequence[Passage]) -> frozenset[str]:
    return frozenset[str]().union(*(topics(_whole(p)) for p in passages))


def _share(wanted: frozenset[str], there: frozenset[str]) -> float:
    return len(wanted & there) / len(wanted) if wanted else 0.0


def _logistic(values: Sequence[float], weights: Sequence[float], bias: float) -> float:
    total = bias + math.fsum(w * x for w, x in zip(weights, values, strict=True))
    return 1.0 / (1.0 + math.exp(-max(-60.0, min(60.0, total))))


def _pieces(passage: Passage) -> frozenset[str]:
    return _pieces_of(_whole(passage))


@lru_cache(maxsize=1024)
def _pieces_of(text: str) -> frozenset[str]:
    return frozenset(terms(text))


def _whole(passage: Passage) -> str:
    return " ".join(part for part in (passage.title, passage.question, passage.text) if part)
