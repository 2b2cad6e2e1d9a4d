"""Finds the passages that a question may be answered from."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from uuid import UUID

from app.core.multi_tenant import Database
from app.core.permits import Permits, anywhere
from app.models import knowledge_search
from app.models.knowledge_search import Found, Sought
from app.services.knowledge.base import (
    Embedder,
    Passage,
    Purpose,
    Vector,
    VectorStore,
    model_of,
    namespace_of,
)
from app.services.knowledge.calibration import Calibration
from app.services.knowledge.fusion import best_of, merge
from app.services.knowledge.lexical import terms
from app.services.knowledge.phrasing import phrasings
from app.services.knowledge.stores.postgres import PostgresVectors

_CHARACTERS = 2000
_SPARE = 4
"""Found beyond what is wanted, because some say nearly the same."""

UNTOLD = 0.82
"""Stands for a cosine that nobody may compute: a usual one, so that whether to answer is told by the words."""

_FOREIGN_LIMIT = 200
"""What another vector store is asked for a pool: enough for its scores to show what is usual."""


class Retriever:
    """Embeds a question, then searches in one call."""

    def __init__(
        self,
        db: Database,
        embedder: Embedder,
        vectors: VectorStore,
        observe: Callable[[UUID, float], None] = lambda _client_id, _seconds: None,
        permits: Permits = anywhere,
    ) -> None:
        """Takes its parts; ``observe`` is told how many seconds each search took."""
        self._permits = permits
        self._db = db
        self._observe = observe
        self._embedder = embedder
        self._vectors = vectors
        self._calibration = Calibration(embedder)
        self._model = model_of(embedder)

    async def retrieve(
        self,
        client_id: UUID,
        query: str,
        language: str,
        *,
        limit: int = 6,
        previous: str | None = None,
    ) -> list[Passage]:
        """The best passages: half of them in another language where there are such, best first within each.

        Args:
            client_id: Whose knowledge.
            query: What was asked.
            language: Its language, ``ar`` or ``en``.
            limit: How many passages at most.
            previous: What the same contact asked before, for a question that leans on it.

        Raises:
            UpstreamUnavailable: The embedder or the vector store doesn't answer.
        """
        own, other = await self.search(
            client_id, phrasings(query, previous), language, limit + _SPARE
        )
        return merge(own, other, limit)

    async def search(
        self, client_id: UUID, queries: Sequence[str], language: str, limit: int
    ) -> tuple[list[Passage], list[Passage]]:
        """What is found in the question's language and in others, best first, at most ``limit`` for each query.

        Several queries are ways to put one question: a passage counts with its best score.
        """
        texts = [text[:_CHARACTERS] for text in queries]
        if not (await self._permits(client_id)).admits(self._embedder.region):
            return await self._by_words(client_id, texts, language, limit)
        vectors = await self._embedder.embed(texts, Purpose.QUERY, client_id)
        mean = await self._calibration.mean(language)
        sought = [
            Sought(language, list(terms(text)), vector, mean, self._model)
            for text, vector in zip(texts, vectors, strict=True)
        ]
        began = time.perf_counter()
        finds = await self._search(client_id, sought, limit)
        self._observe(client_id, time.perf_counter() - began)
        return _pool(finds, own=True), _pool(finds, own=False)

    async def _by_words(
        self, client_id: UUID, texts: Sequence[str], language: str, limit: int
    ) -> tuple[list[Passage], list[Passage]]:
        """What the words alone find, where the question may not be shown to the embedder."""
        sought = [Sought(language, list(terms(text)), (), (), self._model) for text in texts]
        finds = [await knowledge_search.find(self._db, client_id, one, limit, {}) for one in sought]
        own = [p for p in _pool(finds, own=True) if p.lexical > 0]
        return [replace(p, dense=UNTOLD) for p in own], []

    async def warm(self) -> None:
        """Prepares what the first question would otherwise wait for."""
        for language in ("ar", "en"):
            await self._calibration.mean(language)

    async def _search(
        self, client_id: UUID, sought: Sequence[Sought], limit: int
    ) -> list[list[Found]]:
        matches = [await self._matches(client_id, tuple(one.vector)) for one in sought]
        return [
            await knowledge_search.find(self._db, client_id, one, limit, near)
            for one, near in zip(sought, matches, strict=True)
        ]

    async def _matches(self, client_id: UUID, vector: Vector) -> dict[UUID, float] | None:
        """What another store finds near; None where vectors lie beside their chunks and one statement finds both."""
        if isinstance(self._vectors, PostgresVectors):
            return None
        found = await self._vectors.search(namespace_of(client_id), vector, limit=_FOREIGN_LIMIT)
        return {match.chunk_id: match.similarity for match in found}


def _pool(finds: Sequence[Sequence[Found]], *, own: bool) -> list[Passage]:
    return best_of([_passage(found) for found in finds_ if found.is_own is own] for finds_ in finds)


def _passage(found: Found) -> Passage:
    return Passage(
        chunk_id=found.id,
        document_id=found.document_id,
        title=found.title,
        text=found.text,
        language=found.language,
        score=found.score,
        question=found.question,
        sentences=found.sentences,
        dense=found.dense,
        lexical=found.lexical,
        url=found.url,
        notes=found.notes,
    )
