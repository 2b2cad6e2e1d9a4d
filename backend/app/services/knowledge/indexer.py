"""Learns a document: file to chunks to vectors.

What people can find changes in one transaction. A chunk's id is made from its words, so a chunk that is still there
after a change keeps its id and its vector: only new words are embedded, and an unchanged file costs one look.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol
from uuid import UUID

from app.core.errors import InvalidInput, NotFound, TooLarge, UnsupportedMedia
from app.core.multi_tenant import Database, TenantTx, cipher_of
from app.core.permits import Permits, anywhere
from app.core.sealing import Cipher
from app.models.knowledge_base import KnowledgeDocument
from app.models.knowledge_chunk import KnowledgeChunk, NewChunk
from app.services.knowledge.base import (
    Block,
    Chunk,
    Embedder,
    Purpose,
    VectorRecord,
    VectorStore,
    model_of,
    namespace_of,
)
from app.services.knowledge.chunker import chunks
from app.services.knowledge.lexical import terms

Finish = Callable[[TenantTx], Awaitable[None]]
"""What else belongs into the last transaction: that the job is done."""

BY_WORDS = "words/0"
"""The model of what was learned without one: a client whose text may not be shown to the embedder."""

_BATCH = 32
"""Chunks embedded between two notes of progress."""

_FILES_FAULT = (InvalidInput, TooLarge, UnsupportedMedia)


class Parse(Protocol):
    """Reads a file in a confined child process."""

    async def __call__(self, content: bytes, *, media_type: str, filename: str) -> list[Block]:
        """The file's blocks in reading order."""


async def _nothing_else(_: TenantTx) -> None:
    """For callers without a job."""


class Indexer:
    """Brings what can be found of a document in line with its file."""

    def __init__(
        self,
        db: Database,
        embedder: Embedder,
        vectors: VectorStore,
        parse: Parse,
        permits: Permits = anywhere,
    ) -> None:
        self._permits = permits
        self._db = db
        self._embedder = embedder
        self._vectors = vectors
        self._parse = parse
        self._model = model_of(embedder)

    async def index(
        self, client_id: UUID, document_id: UUID, *, finish: Finish = _nothing_else
    ) -> None:
        """Indexes one document. May run again at any point.

        A file that can't be read makes the document ``failed``, with a message for people, and leaves what was
        learned from its earlier version. Anything else that fails is raised, for another try.

        Args:
            client_id: Whose document.
            document_id: The document; if it is gone, there is nothing to do.
            finish: Awaited in the last transaction.
        """
        may_embed = (await self._permits(client_id)).admits(self._embedder.region)
        model = self._model if may_embed else BY_WORDS
        async with self._db.tenant(client_id) as tx:
            document = await _load(tx, document_id)
            if document is None or document.indexed == _indexed(document, model):
                return await self._settle(tx, document, finish)
            known = await KnowledgeChunk.embedded(tx, document_id, model)
            cipher = cipher_of(tx)
        try:
            blocks = await self._read(document)
        except _FILES_FAULT as error:
            return await self._fail(document, error.message, finish)
        found = prepare(cipher, document_id, chunks(blocks, document.title))
        if may_embed:
            await self._embed(document, {i: c for i, c in found.items() if i not in known})
        return await self._replace(document, blocks, found, model, finish)

    async def _settle(
        self, tx: TenantTx, document: KnowledgeDocument | None, finish: Finish
    ) -> None:
        if document is not None:
            await KnowledgeDocument.note_unchanged(tx, document.id)
        await finish(tx)

    async def _read(self, document: KnowledgeDocument) -> list[Block]:
        async with self._db.tenant(document.client_id) as tx:
            await KnowledgeDocument.note_progress(tx, document.id, 0.0)
        return await self._parse(
            document.original or b"", media_type=document.media_type, filename=document.filename
        )

    async def _fail(self, document: KnowledgeDocument, reason: str, finish: Finish) -> None:
        async with self._db.tenant(document.client_id) as tx:
            await KnowledgeDocument.note_failure(tx, document.id, reason)
            await finish(tx)

    async def _embed(self, document: KnowledgeDocument, new: dict[UUID, Chunk]) -> None:
        """Embeds new chunks and keeps their vectors: nobody finds them before their chunks are there."""
        items = list(new.items())
        for at in range(0, len(items), _BATCH):
            batch = items[at : at + _BATCH]
            vectors = await self._embedder.embed(
                [c.indexed_text for _, c in batch], Purpose.PASSAGE, document.client_id
            )
            records = [
                VectorRecord(chunk_id, document.id, chunk.language, vector)
                for (chunk_id, chunk), vector in zip(batch, vectors, strict=True)
            ]
            await self._vectors.upsert(namespace_of(document.client_id), records)
            async with self._db.tenant(document.client_id) as tx:
                await KnowledgeDocument.note_progress(
                    tx, document.id, (at + len(batch)) / len(items)
                )

    async def _replace(
        self,
        document: KnowledgeDocument,
        blocks: Sequence[Block],
        found: dict[UUID, Chunk],
        model: str,
        finish: Finish,
    ) -> None:
        rows = [_row(chunk_id, chunk) for chunk_id, chunk in found.items()]
        async with self._db.tenant(document.client_id) as tx:
            gone = await KnowledgeChunk.replace(tx, document.id, rows, model)
            await KnowledgeDocument.note_ready(
                tx, document.id, _content(blocks), _indexed(document, model), _doubtful(blocks)
            )
            await finish(tx)
        if gone:
            await self._vectors.delete(namespace_of(document.client_id), document.id, gone)


def _indexed(document: KnowledgeDocument, model: str) -> str:
    return f"{document.digest} {model}"


def prepare(cipher: Cipher, document_id: UUID, found: Sequence[Chunk]) -> dict[UUID, Chunk]:
    """Chunks by id: the same words in the same document have the same id, the second time another one.

    Ids are keyed hashes: they stand in vector stores, and nobody can tell by one what its words are.
    """
    seen: Counter[str] = Counter()
    named: dict[UUID, Chunk] = {}
    for chunk in found:
        words = f"{chunk.language}\n{chunk.indexed_text}"
        key = cipher.index(f"{document_id}\n{seen[words]}\n{words}", "chunk")
        named[UUID(bytes=key, version=4)] = chunk
        seen[words] += 1
    return named


async def _load(tx: TenantTx, document_id: UUID) -> KnowledgeDocument | None:
    try:
        return await KnowledgeDocument.get(tx, document_id, original=True)
    except NotFound:
        return None  # Removed since; its job has nothing left to do.


def _row(chunk_id: UUID, chunk: Chunk) -> NewChunk:
    return NewChunk(
        chunk_id,
        chunk.ordinal,
        chunk.text,
        chunk.title_path,
        chunk.language,
        chunk.question,
        chunk.sentences,
        terms(chunk.indexed_text),
    )


def _doubtful(blocks: Sequence[Block]) -> list[int]:
    """The pages that a person should look at."""
    return sorted({block.page for block in blocks if block.suspect and block.page})


def _content(blocks: Sequence[Block]) -> str:
    return "\n".join(f"{b.question}\n{b.text}" if b.question else b.text for b in blocks)
