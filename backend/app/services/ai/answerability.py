"""Decides when not to answer: a cheap first gate before any model is asked.

Two small logistic models over what the search already knows, one for passages in the question's language and one for
the others; either may open the gate. They turn away what the business never spoke of; whether a passage really says
what was asked is for the prompt's rules and the checks of the draft. ``bench/answerability`` fits and measures them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from operator import attrgetter

from app.services.ai.reading import Reading, Word, whole
from app.services.ai.text import sentences
from app.services.ai.topics import FILLERS
from app.services.knowledge.base import Passage

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

_NONE: frozenset[str] = frozenset()

_of_own: "attrgetter[tuple[float, ...]]" = attrgetter(*(field.name for field in fields(Own)))
_of_other: "attrgetter[tuple[float, ...]]" = attrgetter(*(field.name for field in fields(Other)))


def signals(question: str, language: str, passages: Sequence[Passage]) -> Signals:
    """Measures a question against what was found for it; of several sentences the one that is answered best counts."""
    pools = _pools(language, passages)
    return max(
        (_measured(text, *pools) for text in (Reading(question), *_sentences(question))),
        key=probability,
    )


def parts(question: str, language: str, passages: Sequence[Passage]) -> list[str]:
    """The sentences of a question that can be answered each; the whole where it is one, or none stands alone."""
    found = _sentences(question)
    pools = _pools(language, passages) if found else (None, None)
    return [s.text for s in found if answerable(_measured(s, *pools))] or [question]


def _sentences(question: str) -> list[Reading]:
    """The sentences of a question that has several; greetings and the like say nothing."""
    found = [Reading(s.strip()) for s in sentences(question)[:_MOST_SENTENCES]]
    telling = [s for s in found if s.stems or s.topics] if len(found) > 1 else []
    return telling if len(telling) > 1 else []


@dataclass(frozen=True, slots=True)
class _Pool:
    """Passages of one language, or of the others, as a question is measured against them."""

    pieces: tuple[frozenset[str], ...]
    topics: frozenset[str]
    dense: float
    score: float

    @classmethod
    def of(cls, passages: Sequence[Passage]) -> "_Pool | None":
        """None where there are none."""
        if not passages:
            return None
        read = [whole(p) for p in passages]
        return cls(
            tuple(one.pieces for one in read),
            _NONE.union(*(one.topics for one in read)),
            max(p.dense for p in passages),
            max(p.score for p in passages),
        )


def _pools(language: str, passages: Sequence[Passage]) -> tuple[_Pool | None, _Pool | None]:
    own = [p for p in passages if p.language == language]
    return _Pool.of(own), _Pool.of([p for p in passages if p.language != language])


def _measured(question: Reading, own: _Pool | None, other: _Pool | None) -> Signals:
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


def _own(question: Reading, pool: _Pool) -> Own:
    asked = [w for w in question.words if w.is_sought and w.text not in FILLERS]
    pieces = _NONE.union(*(w.pieces for w in asked)) if asked else question.pieces
    found = [pieces & one for one in pool.pieces]
    known = _NONE.union(*found)
    unknown = sum(not _is_known(word, known, pool.topics) for word in asked)
    return Own(
        dense=pool.dense,
        coverage=max(map(len, found)) / len(pieces) if pieces else 0.0,
        unknown=unknown / len(asked) if asked else 0.0,
        topics=_share(question.topics, pool.topics),
        topical=float(bool(question.topics)),
    )


def _other(question: Reading, pool: _Pool) -> Other:
    return Other(dense=pool.dense, score=pool.score, topics=_share(question.topics, pool.topics))


def _is_known(word: Word, pieces: frozenset[str], touched: frozenset[str]) -> bool:
    """Whether passages have a word, or another word for the same topic."""
    return _share(word.pieces, pieces) >= KNOWN or bool(word.topics & touched)


def _share(wanted: frozenset[str], there: frozenset[str]) -> float:
    return len(wanted & there) / len(wanted) if wanted else 0.0


def _logistic(values: Sequence[float], weights: Sequence[float], bias: float) -> float:
    total = bias + math.fsum(w * x for w, x in zip(weights, values, strict=True))
    return 1.0 / (1.0 + math.exp(-max(-60.0, min(60.0, total))))
