"""Chunks, sealed, and the postings they are found by: terms are keyed hashes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from app.core.multi_tenant import TenantTx, cipher_of, client_of
from app.core.sealing import Cipher
from app.models.base import TenantRow
from app.models.declared import (
    ARRAY,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Mapped,
    mapped_column,
)
from app.models.sealed import SealedColumn

_PASSAGE = SealedColumn("knowledge_chunks", "passage", "id")

_BATCH = 500
"""Chunks a statement: it stays short on any document."""


@dataclass(frozen=True, slots=True)
class NewChunk:
    """A chunk to be written. ``frequencies`` are its terms."""

    id: UUID
    ordinal: int
    text: str
    title_path: str
    language: str
    question: str | None
    sentences: tuple[str, ...]
    frequencies: dict[str, int] = field(repr=False)


class KnowledgeChunk(TenantRow):
    """A piece of a document, as it is found and shown. ``length`` counts its terms."""

    __tablename__ = "knowledge_chunks"
    __table_args__ = (
        ForeignKeyConstraint(
            ["client_id", "document_id"],
            ["knowledge_documents.client_id", "knowledge_documents.id"],
            ondelete="CASCADE",
        ),
        Index("ix_knowledge_chunks_document", "document_id", "ordinal", "client_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    document_id: Mapped[UUID]
    ordinal: Mapped[int] = mapped_column(Integer)
    language: Mapped[str]
    length: Mapped[int] = mapped_column(Integer)
    passage: Mapped[bytes] = mapped_column(LargeBinary)
    model: Mapped[str]

    @classmethod
    async def embedded(cls, tx: TenantTx, document_id: UUID, model: str) -> dict[UUID, str]:
        """The document's chunks that ``model`` embedded, by id: their vectors need not be made again."""
        rows = await tx.all(
            "SELECT id, model FROM knowledge_chunks WHERE client_id = $1 AND document_id = $2 AND model = $3",
            client_of(tx), document_id, model,
        )  # fmt: skip
        return {row["id"]: row["model"] for row in rows}

    @classmethod
    async def replace(
        cls, tx: TenantTx, document_id: UUID, chunks: Sequence[NewChunk], model: str
    ) -> list[UUID]:
        """Puts ``chunks`` in the place of the document's present ones, postings too; tells which are gone."""
        gone = await tx.all(
            "DELETE FROM knowledge_chunks WHERE client_id = $1 AND document_id = $2 RETURNING id",
            client_of(tx), document_id,
        )  # fmt: skip
        await tx.run(
            "DELETE FROM knowledge_postings WHERE client_id = $1 AND document_id = $2",
            client_of(tx),
            document_id,
        )
        for at in range(0, len(chunks), _BATCH):
            await cls._add(tx, document_id, chunks[at : at + _BATCH], model)
            await KnowledgePosting.add(tx, document_id, chunks[at : at + _BATCH])
        kept = {chunk.id for chunk in chunks}
        return [row["id"] for row in gone if row["id"] not in kept]

    @classmethod
    async def _add(
        cls, tx: TenantTx, document_id: UUID, chunks: Sequence[NewChunk], model: str
    ) -> None:
        await tx.run(
            _ADD_CHUNKS, client_of(tx), document_id, model, [c.id for c in chunks], [c.ordinal for c in chunks],
            [c.language for c in chunks], [sum(c.frequencies.values()) for c in chunks],
            [seal_passage(tx, c.id, c.title_path, c.text, c.question, c.sentences) for c in chunks],
        )  # fmt: skip


class KnowledgePosting(TenantRow):
    """Which chunks of a document have a term, and how often. One row a document keeps common terms small."""

    __tablename__ = "knowledge_postings"
    __table_args__ = (
        ForeignKeyConstraint(
            ["client_id", "document_id"],
            ["knowledge_documents.client_id", "knowledge_documents.id"],
            ondelete="CASCADE",
        ),
        Index("ix_knowledge_postings_document", "document_id", "client_id"),
    )

    language: Mapped[str] = mapped_column(primary_key=True)
    term: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    document_id: Mapped[UUID] = mapped_column(primary_key=True)
    ordinals: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    frequencies: Mapped[list[int]] = mapped_column(ARRAY(Integer))

    @classmethod
    async def add(cls, tx: TenantTx, document_id: UUID, chunks: Sequence[NewChunk]) -> None:
        """Adds the terms of some chunks."""
        cipher = cipher_of(tx)
        rows = [
            (c.language, term_key(cipher, term), c.ordinal, often)
            for c in chunks
            for term, often in c.frequencies.items()
        ]
        languages, terms, ordinals, frequencies = (
            zip(*rows, strict=True) if rows else ((), (), (), ())
        )
        await tx.run(
            _ADD_POSTINGS, client_of(tx), document_id, languages, terms, ordinals, frequencies
        )


def term_key(cipher: Cipher, term: str) -> bytes:
    """What a term is found by."""
    return cipher.index(term, "term")


def seal_passage(
    tx: TenantTx,
    chunk_id: UUID,
    title_path: str,
    text: str,
    question: str | None = None,
    sentences: Sequence[str] = (),
) -> bytes | None:
    """A chunk's words as they rest."""
    return _PASSAGE.put(tx, (title_path, question, text, sentences), chunk_id)


def open_passage(
    cipher: Cipher, chunk_id: UUID, passage: bytes
) -> tuple[str, str | None, str, tuple[str, ...]]:
    """Title path, question, text and sentences of a chunk."""
    title_path, question, text, sentences = _PASSAGE.open(cipher, passage, chunk_id)
    return title_path, question, text, tuple(sentences)


_ADD_CHUNKS = """
INSERT INTO knowledge_chunks
  (client_id, document_id, model, id, ordinal, language, length, passage)
SELECT $1, $2, $3, c.id, c.ordinal, c.language, c.length, c.passage
FROM unnest($4::uuid[], $5::int[], $6::text[], $7::int[], $8::bytea[]) AS c(id, ordinal, language, length, passage)
"""

_ADD_POSTINGS = """
INSERT INTO knowledge_postings AS p (client_id, document_id, language, term, ordinals, frequencies)
SELECT $1, $2, t.language, t.term, array_agg(t.ordinal), array_agg(t.frequency)
FROM unnest($3::text[], $4::bytea[], $5::int[], $6::int[]) AS t(language, term, ordinal, frequency)
GROUP BY t.language, t.term
ON CONFLICT (client_id, language, term, document_id) DO UPDATE SET
  ordinals = p.ordinals || excluded.ordinals, frequencies = p.frequencies || excluded.frequencies
"""
