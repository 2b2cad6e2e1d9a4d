"""What a client has taught us: sources and documents, sealed. Their chunks are in ``knowledge_chunk``."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from app.core.errors import NotFound
from app.core.multi_tenant import Row, TenantTx, cipher_of, client_of
from app.core.sealing import Cipher
from app.models.base import Created, TenantRow
from app.models.declared import (
    JSONB,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Mapped,
    String,
    deferred,
    mapped_column,
    text,
)
from app.models.sealed import SealedColumn
from app.utils.ids import uuid7

_SOURCE = SealedColumn("knowledge_sources", "name", "name_key")
# A file that comes again keeps its document's id, which isn't known when it is sealed: its title is.
_NAMED = SealedColumn("knowledge_documents", "named", "source_id", "title_key")
_ORIGINAL = SealedColumn("knowledge_documents", "original", "source_id", "title_key")
_CONTENT = SealedColumn("knowledge_documents", "content", "id")
_ERROR = SealedColumn("knowledge_documents", "error", "id")


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
    __table_args__ = (Index("uq_knowledge_sources_name_key", "client_id", "name_key", unique=True),)

    client_id: Mapped[UUID] = mapped_column(
        ForeignKey("clients.id", ondelete="CASCADE"), primary_key=True
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    name_key: Mapped[bytes] = mapped_column(LargeBinary)
    name: Mapped[bytes] = mapped_column(LargeBinary)
    kind: Mapped[str] = mapped_column(server_default=text("'upload'"))

    @classmethod
    async def named(cls, tx: TenantTx, name: str, kind: str = "upload") -> UUID:
        """The source of that name; made when it isn't there."""
        key = _source_key(cipher_of(tx), name)
        source_id: UUID = await tx.value(
            "INSERT INTO knowledge_sources (client_id, id, name_key, name, kind) VALUES ($1, $2, $3, $4, $5) "
            "ON CONFLICT (client_id, name_key) DO UPDATE SET name = excluded.name RETURNING id",
            client_of(tx), uuid7(), key, _SOURCE.put(tx, name, key), kind,
        )  # fmt: skip
        return source_id

    @classmethod
    async def names(cls, tx: TenantTx) -> list[str]:
        """The names of the client's sources."""
        rows = await tx.all(
            "SELECT name_key, name FROM knowledge_sources WHERE client_id = $1", client_of(tx)
        )
        return sorted(_SOURCE.get(tx, row["name"], row["name_key"]) for row in rows)


class KnowledgeDocument(Created, TenantRow):
    """One file or page, and how far we are with learning it.

    Attributes:
        title_key: What a file that comes again finds its document by.
        named: Title, file name, address and details, sealed.
        content: Its text, as parsed, sealed.
        vector_id: What the vector store finds its vectors by, and forgets them by.
        digest: Of the file as it is, keyed: nobody can tell by it who has a file that they know.
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
        Index(
            "uq_knowledge_documents_title_key", "title_key", "source_id", "client_id", unique=True
        ),
    )

    client_id: Mapped[UUID] = mapped_column(
        ForeignKey("clients.id", ondelete="CASCADE"), primary_key=True
    )
    id: Mapped[UUID] = mapped_column(primary_key=True)
    source_id: Mapped[UUID]
    title_key: Mapped[bytes] = mapped_column(LargeBinary)
    named: Mapped[bytes] = mapped_column(LargeBinary)
    media_type: Mapped[str]
    content_sealed: Mapped[bytes | None] = mapped_column("content", LargeBinary)
    noted: Mapped[dict[str, Any]] = mapped_column("metadata", JSONB, server_default=text("'{}'"))
    vector_id: Mapped[str | None] = mapped_column(String(255))
    original_sealed: Mapped[bytes | None] = deferred(mapped_column("original", LargeBinary))
    digest: Mapped[str]
    indexed: Mapped[str | None]
    status: Mapped[str] = mapped_column(server_default=text("'pending'"))
    progress: Mapped[float] = mapped_column(server_default=text("0"))
    error_sealed: Mapped[bytes | None] = mapped_column("error", LargeBinary)
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    chunk_count: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    updated_at: Mapped[datetime] = mapped_column(server_default=text("now()"))

    __allow_unmapped__ = True
    title: str
    filename: str
    url: str | None
    details: dict[str, Any]
    content: str | None
    original: bytes | None = None
    error: str | None

    @classmethod
    async def put(cls, tx: TenantTx, upload: Upload) -> UUID | None:
        """Keeps a file; gives the document's id if there is something to index, None if the file is unchanged."""
        row = (upload.source_id, title_key(cipher_of(tx), upload.title))
        document_id: UUID | None = await tx.value(
            _PUT, client_of(tx), uuid7(), *row,
            _NAMED.put(tx, (upload.title, upload.filename, upload.url, upload.details), *row), upload.media_type,
            _ORIGINAL.put_bytes(tx, upload.original, *row), digest_of(tx, upload.sha256),
        )  # fmt: skip
        return document_id

    @classmethod
    async def id_of(cls, tx: TenantTx, source_id: UUID, title: str) -> UUID:
        """The document of that title in a source.

        Raises:
            NotFound: There is none.
        """
        found: UUID | None = await tx.value(
            "SELECT id FROM knowledge_documents WHERE client_id = $1 AND source_id = $2 AND title_key = $3",
            client_of(tx), source_id, title_key(cipher_of(tx), title),
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
        return cls._opened(tx, row)

    @classmethod
    async def all(cls, tx: TenantTx, limit: int = 500) -> "list[KnowledgeDocument]":
        """The client's documents, newest first."""
        rows = await tx.all(
            f"SELECT {_COLUMNS} FROM knowledge_documents WHERE client_id = $1 ORDER BY id DESC LIMIT $2",
            client_of(tx), limit,
        )  # fmt: skip
        return [cls._opened(tx, row) for row in rows]

    @classmethod
    async def of_source(cls, tx: TenantTx, source: str) -> "dict[str, KnowledgeDocument]":
        """A source's documents by title."""
        rows = await tx.all(
            f"SELECT {_COLUMNS} FROM knowledge_documents WHERE client_id = $1 AND source_id = "
            "(SELECT id FROM knowledge_sources WHERE client_id = $1 AND name_key = $2)",
            client_of(tx), _source_key(cipher_of(tx), source),
        )  # fmt: skip
        found = (cls._opened(tx, row) for row in rows)
        return {one.title: one for one in sorted(found, key=lambda one: one.title)}

    @classmethod
    def _opened(cls, tx: TenantTx, row: Row) -> "KnowledgeDocument":
        columns = dict(row)
        content, error = columns.pop("content", None), columns.pop("error")
        original, noted = columns.pop("original", None), columns.pop("metadata")
        document = cls(noted=noted, **columns)
        place = (document.source_id, document.title_key)
        document.title, document.filename, document.url, document.details = _NAMED.get(
            tx, document.named, *place
        )
        document.original = _ORIGINAL.get_bytes(tx, original, *place)
        document.content = _CONTENT.get(tx, content, document.id)
        document.error = _ERROR.get(tx, error, document.id)
        return document

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
            client_of(tx), document_id, _ERROR.put(tx, error, document_id),
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
            "status = CASE WHEN starts_with($4::text, digest) THEN 'ready' ELSE 'pending' END, progress = 1, "
            "chunk_count = (SELECT count(*) FROM knowledge_chunks WHERE client_id = $1 AND document_id = $2), "
            "metadata = metadata || jsonb_build_object('doubtful_pages', $5::jsonb), "
            "updated_at = now() WHERE client_id = $1 AND id = $2",
            client_of(tx), document_id, _CONTENT.put(tx, content, document_id), indexed, list(doubtful_pages),
        )  # fmt: skip

    @property
    def doubtful_pages(self) -> list[int]:
        """Pages that may not have been read rightly: a person should look."""
        return list(self.noted.get("doubtful_pages", ()))

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


def seal_names(tx: TenantTx, title: str, source_id: UUID, key: bytes) -> bytes | None:
    """How a document is called, as it rests, where nothing else is known of it."""
    return _NAMED.put(tx, (title, "", None, {}), source_id, key)


def open_names(cipher: Cipher, named: bytes, source_id: UUID, key: bytes) -> tuple[str, str | None]:
    """Title and address of a document."""
    title, _, url, _ = _NAMED.open(cipher, named, source_id, key)
    return title, url


def digest_of(tx: TenantTx, sha256: str) -> str:
    """What a file is known by again: keyed, so that nobody else can tell who has it."""
    return cipher_of(tx).index(sha256, "file").hex()


def _source_key(cipher: Cipher, name: str) -> bytes:
    return cipher.index(name, "source")


def title_key(cipher: Cipher, title: str) -> bytes:
    """What a document is found by within its source."""
    return cipher.index(title, "document")


_COLUMNS = (
    "client_id, id, source_id, title_key, named, media_type, metadata, vector_id, digest, indexed, status, "
    "progress, error, version, chunk_count, updated_at, created_at"
)
_ONE = f"SELECT {_COLUMNS}, content FROM knowledge_documents WHERE client_id = $1 AND id = $2"
_WHOLE = f"SELECT {_COLUMNS}, content, original FROM knowledge_documents WHERE client_id = $1 AND id = $2"

_PUT = """
INSERT INTO knowledge_documents AS d
  (client_id, id, source_id, title_key, named, media_type, original, digest)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (client_id, source_id, title_key) DO UPDATE SET
  named = excluded.named, media_type = excluded.media_type, metadata = excluded.metadata,
  original = excluded.original, digest = excluded.digest, status = 'pending', progress = 0, error = NULL,
  version = d.version + 1, updated_at = now()
WHERE d.digest <> excluded.digest OR d.media_type <> excluded.media_type OR d.status = 'failed'
RETURNING id
"""
