"""Knowledge in memory, searched by the product's own functions: embedder, terms, fusion.

What PostgreSQL does in one statement is done here with arrays, because every question is asked again with its answer
taken away, which no index likes.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid5

import numpy as np
from numpy.typing import NDArray

from app.models.knowledge_search import K1, B
from app.services.knowledge.base import Chunk, Embedder, Passage, Purpose
from app.services.knowledge.calibration import QUESTIONS, mean_of
from app.services.knowledge.fusion import fused, merge, spread
from app.services.knowledge.lexical import terms

Vectors = NDArray[np.float64]
NAMES = UUID("8c1d2e0a-5b1f-4c55-9d38-000000000001")
FOUND = 10
LIMIT = 8


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it is searched."""

    text: str
    language: str
    vector: Vectors = field(repr=False)


@dataclass(slots=True)
class Shelf:
    """One business's chunks. ``groups`` says which document each is of, so that documents can be taken away."""

    chunks: list[Chunk]
    groups: list[str]
    vectors: Vectors
    counts: list[Counter[str]]
    means: dict[str, Vectors]

    @classmethod
    async def of(
        cls, embedder: Embedder, chunks: Sequence[Chunk], groups: Sequence[str]
    ) -> "Shelf":
        """Embeds the chunks."""
        texts = [chunk.indexed_text for chunk in chunks]
        vectors = await embedder.embed(texts, Purpose.PASSAGE)
        means = {
            language: np.asarray(mean_of(await embedder.embed(asked, Purpose.QUERY)))
            for language, asked in QUESTIONS.items()
        }
        return cls(
            list(chunks), list(groups), np.asarray(vectors), [terms(text) for text in texts], means
        )

    def search(self, asked: Asked, without: frozenset[str] = frozenset()) -> list[Passage]:
        """What the product would find if the documents ``without`` were not there."""
        kept = [i for i, group in enumerate(self.groups) if group not in without]
        own = [i for i in kept if self.chunks[i].language == asked.language]
        other = [i for i in kept if self.chunks[i].language != asked.language]
        return merge(self._own(asked, own), self._other(asked, other), LIMIT)

    def _own(self, asked: Asked, pool: Sequence[int]) -> list[Passage]:
        dense = [float(x) for x in self.vectors[list(pool)] @ asked.vector] if pool else []
        lexical = self._bm25(asked, pool)
        return self._best(pool, fused(dense, lexical), dense, lexical)

    def _other(self, asked: Asked, pool: Sequence[int]) -> list[Passage]:
        if not pool:
            return []
        vectors = self.vectors[list(pool)]
        centred = vectors - vectors.mean(axis=0)
        lengths = np.sqrt(np.maximum(1e-9, (centred**2).sum(axis=1)))
        meaning = [
            float(x) for x in centred @ (asked.vector - self.means[asked.language]) / lengths
        ]
        usual = spread(meaning)
        dense = [float(x) for x in vectors @ asked.vector]
        return self._best(pool, [usual.z(m) for m in meaning], dense, [0.0] * len(pool))

    def _bm25(self, asked: Asked, pool: Sequence[int]) -> list[float]:
        wanted = list(terms(asked.text))
        lengths = [sum(self.counts[i].values()) for i in pool]
        usual = sum(lengths) / len(lengths) if lengths else 1.0
        rarity = {t: self._rarity(t, pool) for t in wanted}
        return [
            math.fsum(
                rarity[t] * f * (K1 + 1) / (f + K1 * (1 - B + B * length / usual))
                for t in wanted
                if (f := self.counts[i].get(t, 0))
            )
            for i, length in zip(pool, lengths, strict=True)
        ]

    def _rarity(self, term: str, pool: Sequence[int]) -> float:
        containing = sum(term in self.counts[i] for i in pool)
        return math.log(1 + (len(pool) - containing + 0.5) / (containing + 0.5))

    def _best(
        self,
        pool: Sequence[int],
        scores: Sequence[float],
        dense: Sequence[float],
        lexical: Sequence[float],
    ) -> list[Passage]:
        order = sorted(range(len(pool)), key=lambda n: -scores[n])[:FOUND]
        return [self._passage(pool[n], scores[n], dense[n], lexical[n]) for n in order]

    def _passage(self, i: int, score: float, dense: float, lexical: float) -> Passage:
        chunk = self.chunks[i]
        return Passage(
            chunk_id=uuid5(NAMES, str(i)),
            document_id=uuid5(NAMES, self.groups[i]),
            title=chunk.title_path,
            text=chunk.text,
            language=chunk.language,
            score=score,
            question=chunk.question,
            sentences=chunk.sentences,
            dense=dense,
            lexical=lexical,
        )
