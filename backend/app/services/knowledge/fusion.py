"""Puts dense and lexical scores together, and two languages' finds into one list. Pure.

Scores are made comparable by what is usual in their pool for this very question (z-scores) and then added; ranks
alone (RRF) lose what the scores know. A question is compared with passages of its own language and of the other
one in two pools, because passages of its own language look nearer than they are.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from app.models.knowledge_search import K1, LEXICAL_WEIGHT, B
from app.services.knowledge.base import Passage, noted
from app.services.knowledge.lexical import words

ONE_LANGUAGE = 5
"""Passages that suffice where all are in one language."""

_SAME = 0.9
_SHINGLE = 3


@dataclass(frozen=True, slots=True)
class Spread:
    """What is usual for one question in one pool: the scores' mean and standard deviation."""

    mean: float
    deviation: float

    def z(self, score: float) -> float:
        """How far above the usual a score is; 0 where all are alike."""
        return (score - self.mean) / self.deviation if self.deviation > 1e-9 else 0.0


def spread(scores: Sequence[float]) -> Spread:
    """The spread of a pool's scores."""
    if not scores:
        return Spread(0.0, 0.0)
    mean = math.fsum(scores) / len(scores)
    return Spread(mean, math.sqrt(math.fsum((s - mean) ** 2 for s in scores) / len(scores)))


def fused(dense: Sequence[float], lexical: Sequence[float]) -> list[float]:
    """The scores of a pool in the question's language: z(dense) + 0.5 z(lexical), chunk by chunk."""
    by_meaning, by_words = spread(dense), spread(lexical)
    return [
        by_meaning.z(d) + LEXICAL_WEIGHT * by_words.z(x)
        for d, x in zip(dense, lexical, strict=True)
    ]


def bm25(frequency: int, length: int, mean_length: float, containing: int, total: int) -> float:
    """What one term adds to the score of one chunk (Robertson and Zaragoza, 2009).

    Args:
        frequency: How often the term is in the chunk.
        length: Terms in the chunk.
        mean_length: Terms in a chunk of this pool, on average.
        containing: Chunks of the pool that have the term.
        total: Chunks in the pool.
    """
    rarity = math.log(1 + (total - containing + 0.5) / (containing + 0.5))
    return rarity * frequency * (K1 + 1) / (frequency + K1 * (1 - B + B * length / mean_length))


def merge(own: Sequence[Passage], other: Sequence[Passage], limit: int) -> list[Passage]:
    """The best of both pools: half and half, more of one where the other has too few, five where it has none.

    Args:
        own: Passages in the question's language, best first.
        other: Passages in other languages, best first.
        limit: How many are wanted.
    """
    if not (own and other):
        return list(islice(distinct(own or other), min(limit, ONE_LANGUAGE)))
    first, second = (list(islice(distinct(pool), limit)) for pool in (own, other))
    share = max(limit - len(second), limit - limit // 2)
    kept = first[:share]
    return kept + second[: limit - len(kept)]


def distinct(passages: Iterable[Passage]) -> Iterator[Passage]:
    """Leaves out what says nearly the same as something better."""
    kept: list[frozenset[tuple[str, ...]]] = []
    for passage in passages:
        shingles = _shingles(passage)
        if not any(_alike(shingles, seen) for seen in kept):
            kept.append(shingles)
            yield passage


def best_of(finds: Iterable[Sequence[Passage]]) -> list[Passage]:
    """One list of several searches' finds: each passage with its best score, best first."""
    best: dict[object, Passage] = {}
    for passage in (passage for found in finds for passage in found):
        known = best.get(passage.chunk_id)
        if known is None or passage.score > known.score:
            best[passage.chunk_id] = passage
    return sorted(best.values(), key=lambda passage: -passage.score)


@noted
def _shingles(passage: Passage) -> frozenset[tuple[str, ...]]:
    found = words(f"{passage.question or ''} {passage.text}")
    return frozenset(
        tuple(found[at : at + _SHINGLE]) for at in range(max(1, len(found) - _SHINGLE + 1))
    )


def _alike(one: frozenset[tuple[str, ...]], other: frozenset[tuple[str, ...]]) -> bool:
    """Whether they share nearly everything (Jaccard). A price that differs breaks three shingles of a short text."""
    most, least = max(len(one), len(other)), min(len(one), len(other))
    if least < _SAME * most:  # Not even if the longer one had all of the shorter one's.
        return False
    shared = len(one & other)
    return shared >= _SAME * (len(one) + len(other) - shared)
