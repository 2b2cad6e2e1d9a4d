"""pgvector in the product's own database: exact search inside one client, under the same row-level security."""

from collections.abc import Callable, Sequence
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, SkipValidation

from app.core.multi_tenant import Database
from app.core.tools import Tools
from app.models import knowledge_search
from app.services.knowledge.base import Namespace, Vector, VectorMatch, VectorRecord, VectorStore

_BATCH = 500


class Config(BaseModel):
    """The database, and the model whose vectors these are."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    database: SkipValidation[Database] = Field(description="The product's own database.")
    model: str = Field(description="The embedding model; vectors of another are not searched.")


class PostgresVectors:
    """Vectors beside their chunks. The retriever searches both in one statement; ``search`` is for others."""

    def __init__(self, config: Config, tools: Tools) -> None:
        self._db = config.database
        self._model = config.model

    async def upsert(self, namespace: Namespace, records: Sequence[VectorRecord]) -> None:
        """Writes vectors; the same chunk again replaces."""
        async with self._db.tenant(UUID(namespace)) as tx:
            for at in range(0, len(records), _BATCH):
                rows = [
                    (r.chunk_id, r.document_id, r.pool, r.vector) for r in records[at : at + _BATCH]
                ]
                await knowledge_search.keep_vectors(tx, self._model, rows)

    async def search(
        self, namespace: Namespace, vector: Vector, *, limit: int
    ) -> list[VectorMatch]:
        """The nearest chunks of every pool, best first, at most ``limit`` a pool."""
        async with self._db.tenant(UUID(namespace)) as tx:
            found = await knowledge_search.nearest(tx, vector, self._model, limit)
        return [VectorMatch(*row) for row in found]

    async def delete(
        self, namespace: Namespace, document_id: UUID, chunks: Sequence[UUID] | None = None
    ) -> None:
        """Forgets a document's vectors, or only those of the chunks named."""
        async with self._db.tenant(UUID(namespace)) as tx:
            await knowledge_search.forget_vectors(tx, document_id, chunks)


adapter: Callable[[Config, Tools], VectorStore] = PostgresVectors
