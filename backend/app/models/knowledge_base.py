"""What a client has taught us: sources and documents. Their chunks are in ``knowledge_chunk``."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, Integer, LargeBinary, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, deferred, mapped_column

from app.core.errors import NotFound
from app.core.multi_tenant import TenantTx, client_of
from app.models.base import Created, TenantRow
from app.utils.ids import uuid7


@dataclass(frozen=True, slots=True)
class Upload:
    """A file to be learned.

    Attributes:
        title: What people call it; within its source it names the document.
        sha256: Of ``original``, in hex.
        url: Where it can be read in full, if anywhere.
    """

    source_id: UUID
    title: str
    media_type: str
    original: bytes = field(repr=False)
    sha256: str
    filename: str = ""
    url: str | None = None
    details: dict[str, Any] = field(default_factory=dict)


class KnowledgeSource(Created, TenantRow):
    """Where documents come from: a folder of uploads, a site, a list of questions and answers."""

    __tablename__ = "knowledge_sources"
    __table_args__ = (Index("uq_knowledge_sources_name", "client_id", "name", unique=True),)

    client_id: Mapped[UUID] = mapped_column(
        ForeignKey("clients.id", ondelete="CASCADE"), primary_key=True
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    kind: Mapped[str] = mapped_column(server_default=text("'upload'"))

    @classmethod
    async def named(cls, tx: TenantTx, name: str, kind: str = "upload") -> UUID:
        """The source of that name; made when it isn't there."""
        source_id: UUID = await tx.value(
            "INSERT INTO knowledge_sources (client_id, id, name, kind) VALUES ($1, $2, $3, $4) "
            "ON CONFLICT (client_id, name) DO UPDATE SET name = excluded.name RETURNING id",
            client_of(tx), uuid7(), name, kind,
        )  # fmt: skip
        return source_id

    @classmethod
    async def names(cls, tx: TenantTx) -> list[str]:
        """The names of the client's sources."""
        rows = await tx.all(
            "SELECT name FROM knowledge_sources WHERE client_id = $1 ORDER BY name", client_of(tx)
        )
        return [row["name"] for row in rows]


class KnowledgeDocument(Created, TenantRow):
    """One file or page, and how far we are with learning it.

    Attributes:
        content: Its text, as parsed.
        vector_id: What the vector store finds its vectors by, and forgets them by.
        sha256: Of the file as it is.
        indexed: What ``content`` and chunks were made from: the file's hash and the embedding model.
        status: ``pending``, ``indexing``, ``ready`` or ``failed``; a failed new version leaves the old one in use.
        version: Raised by every change of the file.
    """

    __tablename__ = "knowledge_documents"
    __table_args__ = (
        ForeignKeyConstraint(
            ["client_id", "source_id"],
            ["knowledge_sources.client_id", "knowledge_sources.id"],
            ondelete="CASCADE",
        ),
        Index("uq_knowledge_documents_title", "client_id", "source_id", "title", unique=True),
    )

    client_id: Mapped[UUID] = mapped_column(
        ForeignKey("clients.id", ondelete="CASCADE"), primary_key=True
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    source_id: Mapped[UUID]
    title: Mapped[str]
    filename: Mapped[str] = mapped_column(server_default=text("''"))
    media_type: Mapped[str]
    url: Mapped[str | None]
    content: Mapped[str | None]
    details: Mapped[dict[str, Any]] = mapped_column("metadata", JSONB, server_default=text("'{}'"))
    vector_id: Mapped[str | None] = mapped_column(String(255))
    original: Mapped[bytes | None] = deferred(mapped_column(LargeBinary))
    sha256: Mapped[str]
    indexed: Mapped[str | None]
    status: Mapped[str] = mapped_column(server_default=text("'pending'"))
    progress: Mapped[float] = mapped_column(server_default=text("0"))
    error: Mapped[str | None]
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    chunk_count: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    updated_at: Mapped[datetime] = mapped_column(server_default=text("now()"))

    @classmethod
    async def put(cls, tx: TenantTx, upload: Upload) -> UUID | None:
        """Keeps a file; gives the document's id if there is something to index, None if the file is unchanged."""
        document_id: UUID | None = await tx.value(
            _PUT, client_of(tx), uuid7(), upload.source_id, upload.title, upload.filename, upload.media_type,
            upload.url, upload.details, upload.original, upload.sha256,
        )  # fmt: skip
        return document_id

    @classmethod
    async def id_of(cls, tx: TenantTx, source_id: UUID, title: str) -> UUID:
        """The document of that title in a source.

        Raises:
            NotFound: There is none.
        """
        found: UUID | None = await tx.value(
            "SELECT id FROM knowledge_documents WHERE client_id = $1 AND source_id = $2 AND title = $3",
            client_of(tx), source_id, title,
        )  # fmt: skip
        if found is None:
            raise NotFound("There is no such document.")
        return found

    @classmethod
    async def get(
        cls, tx: TenantTx, document_id: UUID, *, original: bool = False
    ) -> "KnowledgeDocument":
        """One document, with the file itself only where it is wanted.

        Raises:
            NotFound: There is none.
        """
        row = await tx.one(_WHOLE if original else _ONE, client_of(tx), document_id)
        if row is None:
            raise NotFound("There is no such document.")
        return cls._of(dict(row))

    @classmethod
    async def all(cls, tx: TenantTx, limit: int = 500) -> "list[KnowledgeDocument]":
        """The client's documents, newest first."""
        rows = await tx.all(
            f"SELECT {_COLUMNS} FROM knowledge_documents WHERE client_id = $1 ORDER BY id DESC LIMIT $2",
            client_of(tx), limit,
        )  # fmt: skip
        return [cls._of(dict(row)) for row in rows]

    @classmethod
    async def of_source(cls, tx: TenantTx, source: str) -> "dict[str, KnowledgeDocument]":
        """A source's documents by title."""
        rows = await tx.all(
            f"SELECT {_COLUMNS} FROM knowledge_documents WHERE client_id = $1 AND source_id = "
            "(SELECT id FROM knowledge_sources WHERE client_id = $1 AND name = $2) ORDER BY title",
            client_of(tx), source,
        )  # fmt: skip
        return {row["title"]: cls._of(dict(row)) for row in rows}

    @classmethod
    def _of(cls, row: dict[str, Any]) -> "KnowledgeDocument":
        return cls(details=row.pop("metadata"), **row)

    @classmethod
    async def note_progress(cls, tx: TenantTx, document_id: UUID, progress: float) -> None:
        """Notes how much of a document is indexed, from 0 to 1."""
        await tx.run(
            "UPDATE knowledge_documents SET status = 'indexing', progress = $3, error = NULL, updated_at = now() "
            "WHERE client_id = $1 AND id = $2",
            client_of(tx), document_id, progress,
        )  # fmt: skip

    @classmethod
    async def note_unchanged(cls, tx: TenantTx, document_id: UUID) -> None:
        """Notes that what was learned before still stands."""
        await tx.run(
            "UPDATE knowledge_documents SET status = 'ready', progress = 1, error = NULL, updated_at = now() "
            "WHERE client_id = $1 AND id = $2 AND status <> 'ready'",
            client_of(tx), document_id,
        )  # fmt: skip

    @classmethod
    async def note_failure(cls, tx: TenantTx, document_id: UUID, error: str) -> None:
        """Notes why a document could not be learned; what was learned of it before stays."""
        await tx.run(
            "UPDATE knowledge_documents SET status = 'failed', error = $3, updated_at = now() "
            "WHERE client_id = $1 AND id = $2",
            client_of(tx), document_id, error,
        )  # fmt: skip

    @classmethod
    async def note_ready(
        cls,
        tx: TenantTx,
        document_id: UUID,
        content: str,
        indexed: str,
        doubtful_pages: Sequence[int] = (),
    ) -> None:
        """Notes that the present chunks are what ``indexed`` names. Unless the file has changed since, it is ready."""
        await tx.run(
            "UPDATE knowledge_documents SET content = $3, indexed = $4::text, vector_id = id::text, error = NULL, "
            "status = CASE WHEN starts_with($4::text, sha256) THEN 'ready' ELSE 'pending' END, progress = 1, "
            "chunk_count = (SELECT count(*) FROM knowledge_chunks WHERE client_id = $1 AND document_id = $2), "
            "metadata = metadata || jsonb_build_object('doubtful_pages', $5::jsonb), "
            "updated_at = now() WHERE client_id = $1 AND id = $2",
            client_of(tx), document_id, content, indexed, list(doubtful_pages),
        )  # fmt: skip

    @property
    def doubtful_pages(self) -> list[int]:
        """Pages that may not have been read rightly: a person should look."""
        return list(self.details.get("doubtful_pages", ()))

    @classmethod
    async def remove(cls, tx: TenantTx, document_id: UUID) -> None:
        """Forgets a document with its chunks and postings.

        Raises:
            NotFound: There is none.
        """
        if not await tx.run(
            "DELETE FROM knowledge_documents WHERE client_id = $1 AND id = $2",
            client_of(tx),
            document_id,
        ):
            raise NotFound("There is no such document.")


_COLUMNS = (
    "client_id, id, source_id, title, filename, media_type, url, content, metadata, vector_id, sha256, indexed, status, "
    "progress, error, version, chunk_count, updated_at, created_at"
)
_ONE = f"SELECT {_COLUMNS} FROM knowledge_documents WHERE client_id = $1 AND id = $2"
_WHOLE = f"SELECT {_COLUMNS}, original FROM knowledge_documents WHERE client_id = $1 AND id = $2"

_PUT = """
INSERT INTO knowledge_documents AS d
  (client_id, id, source_id, title, filename, media_type, url, metadata, original, sha256)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (client_id, source_id, title) DO UPDATE SET
  filename = excluded.filename, media_type = excluded.media_type, url = excluded.url, metadata = excluded.metadata,
  original = excluded.original, sha256 = excluded.sha256, status = 'pending', progress = 0, error = NULL,
  version = d.version + 1, updated_at = now()
WHERE d.sha256 <> excluded.sha256 OR d.media_type <> excluded.media_type OR d.status = 'failed'
RETURNING id
"""
