"""Finding chunks: exact vector search and BM25 inside one client, fused, in one call of ``app.search``.

The same arithmetic stands in ``services/knowledge/fusion.py``, where it can be read; a test holds the two together.

Vectors lie in a table of their own, which exists only where pgvector does. Another vector store hands its matches
in instead; everything else is the same call.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from app.core.multi_tenant import APP_ROLE, Database, Row, TenantTx, cipher_of, client_of
from app.core.sealing import Cipher
from app.models.knowledge_base import open_names
from app.models.knowledge_chunk import open_passage, term_key

if TYPE_CHECKING:
    from sqlalchemy import Connection

LEXICAL_WEIGHT = 0.5
K1, B = 1.2, 0.75
"""BM25's: how soon repetition stops counting, and how much length does."""


@dataclass(frozen=True, slots=True)
class Sought:
    """A question as it is searched.

    Attributes:
        language: Its language: chunks of this pool are found by meaning and words, others by meaning alone.
        terms: Its lexical terms.
        vector: Its embedding.
        mean: What questions in its language usually embed to; the other pool is compared without it.
        model: The embedding model; vectors of another are no vectors.
    """

    language: str
    terms: Sequence[str]
    vector: Sequence[float] = field(repr=False)
    mean: Sequence[float] = field(repr=False)
    model: str


@dataclass(frozen=True, slots=True)
class Found:
    """A chunk that was found; ``rank`` counts from 1 in its pool (the question's language, or any other)."""

    id: UUID
    document_id: UUID
    is_own: bool
    rank: int
    score: float
    dense: float
    lexical: float
    language: str
    title: str
    text: str
    question: str | None
    sentences: tuple[str, ...]
    url: str | None
    notes: dict[Any, Any] = field(repr=False, compare=False)
    """The chunk's own: whoever reads its words may leave there what was read."""


async def find(
    db: Database,
    client_id: UUID,
    sought: Sought,
    limit: int,
    matches: Mapping[UUID, float] | None = None,
) -> list[Found]:
    """The best chunks of both pools, best first in each, in one round trip.

    Args:
        db: Where they stand.
        client_id: Whose they are.
        sought: The question.
        limit: How many of each pool.
        matches: What another vector store found near, with cosines; None searches our own vectors.
    """
    cipher = await db.cipher(client_id)
    sql, *asked = _asked(cipher, sought, limit, matches)
    rows = await db.ask_rows(client_id, sql, *asked)
    return [_open(cipher, row) for row in rows]


async def search(
    tx: TenantTx, sought: Sought, limit: int, matches: Mapping[UUID, float] | None = None
) -> list[Found]:
    """The same in a transaction."""
    sql, *asked = _asked(cipher_of(tx), sought, limit, matches)
    rows = await tx.all(sql, None, *asked)
    return [_open(cipher_of(tx), row) for row in rows]


def _asked(
    cipher: Cipher, sought: Sought, limit: int, matches: Mapping[UUID, float] | None
) -> tuple[Any, ...]:
    """How ``app.search`` is called, and what it is asked but for the tenant's token."""
    terms = [term_key(cipher, term) for term in sought.terms]
    common = (cipher.client_id, sought.language, terms, limit)
    if matches is not None:
        return (_SEARCH_NEAR, *common, list(matches), list(matches.values()))
    centred = [x - m for x, m in zip(sought.vector, sought.mean, strict=True)]
    return (_SEARCH, *common, sought.model, _packed(sought.vector), _packed(centred))


def _packed(vector: Sequence[float]) -> bytes:
    """A vector as pgvector reads it: as an array, the driver would look at each of its numbers by itself."""
    return struct.pack(f">HH{len(vector)}f", len(vector), 0, *vector)


def _open(cipher: Cipher, row: Row) -> Found:
    """What was found, in clear; a chunk that is found again needn't be opened again."""
    named, place = row["named"], (row["source_id"], row["title_key"])
    title, url = cipher.once((named, *place), lambda: open_names(cipher, named, *place))
    told, notes = cipher.once((row["id"], row["passage"]), lambda: _read(cipher, row))
    title_path, question, text_, sentences = told
    return Found(
        row["id"], row["document_id"], row["is_own"], row["rank"], row["score"], row["dense"], row["lexical"],
        row["language"], title_path or title, text_, question, sentences, url, notes,
    )  # fmt: skip


def _read(
    cipher: Cipher, row: Row
) -> tuple[tuple[str, str | None, str, tuple[str, ...]], dict[Any, Any]]:
    """A chunk's words, and room for what will be read out of them."""
    return open_passage(cipher, row["id"], row["passage"]), {}


async def nearest(
    tx: TenantTx, vector: Sequence[float], model: str, limit: int
) -> list[tuple[UUID, str, float]]:
    """The chunks nearest to a vector, at most ``limit`` a pool, with pool and cosine, best first."""
    rows = await tx.all(_NEAREST, client_of(tx), model, list(vector), limit)
    return [(row["chunk_id"], row["language"], row["similarity"]) for row in rows]


async def keep_vectors(
    tx: TenantTx, model: str, rows: Sequence[tuple[UUID, UUID, str, Sequence[float]]]
) -> None:
    """Writes vectors: chunk, document, pool and numbers of each. The same chunk again replaces."""
    chunks, documents, languages, vectors = zip(*rows, strict=True) if rows else ((), (), (), ())
    written = ["[" + ",".join(map(repr, vector)) + "]" for vector in vectors]
    await tx.run(_KEEP, client_of(tx), model, chunks, documents, languages, written)


async def forget_vectors(tx: TenantTx, document_id: UUID, chunks: Sequence[UUID] | None) -> None:
    """Removes a document's vectors, or those of some of its chunks."""
    await tx.run(
        "DELETE FROM knowledge_vectors WHERE client_id = $1 AND document_id = $2 "
        "AND ($3::uuid[] IS NULL OR chunk_id = ANY($3))",
        client_of(tx), document_id, chunks,
    )  # fmt: skip


def make_vectors(connection: "Connection") -> bool:
    """Makes the table of vectors where pgvector is available and the table isn't there; tells whether it is now.

    Migrations call it each time: pgvector may come to a server later.
    """
    run = connection.exec_driver_sql
    present = run("SELECT to_regclass('public.knowledge_vectors') IS NOT NULL").scalar()
    available = run(
        "SELECT count(*) > 0 FROM pg_available_extensions WHERE name = 'vector'"
    ).scalar()
    if available and not present:
        for statement in _MAKE:
            run(statement)
    return bool(present or available)


_MAKE = (
    "CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public",
    # Of any length, so that another embedding model needs no migration: search is exact and has no index to size.
    """CREATE TABLE knowledge_vectors (
      client_id uuid NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
      chunk_id uuid NOT NULL,
      document_id uuid NOT NULL,
      language text NOT NULL,
      model text NOT NULL,
      embedding vector NOT NULL,
      PRIMARY KEY (client_id, chunk_id),
      FOREIGN KEY (client_id, document_id) REFERENCES knowledge_documents (client_id, id) ON DELETE CASCADE
    )""",
    "ALTER TABLE knowledge_vectors ALTER COLUMN embedding SET STORAGE MAIN",  # In the row: every search reads it.
    "CREATE INDEX ix_knowledge_vectors_document ON knowledge_vectors (document_id, client_id)",
    *(
        statement.format(mine="client_id = (SELECT app.current_client())", role=APP_ROLE)
        for statement in (
            "ALTER TABLE knowledge_vectors ENABLE ROW LEVEL SECURITY",
            "ALTER TABLE knowledge_vectors FORCE ROW LEVEL SECURITY",
            "CREATE POLICY tenant_isolation ON knowledge_vectors TO {role} USING ({mine}) WITH CHECK ({mine})",
            "GRANT SELECT, INSERT, UPDATE, DELETE ON knowledge_vectors TO {role}",
        )
    ),
)

_KEEP = """
INSERT INTO knowledge_vectors (client_id, model, chunk_id, document_id, language, embedding)
SELECT $1, $2, v.chunk_id, v.document_id, v.language, v.embedding::vector
FROM unnest($3::uuid[], $4::uuid[], $5::text[], $6::text[]) AS v(chunk_id, document_id, language, embedding)
ON CONFLICT (client_id, chunk_id) DO UPDATE SET
  model = excluded.model, language = excluded.language, embedding = excluded.embedding
"""

# The question is bound once and materialised; a cast inside ORDER BY would be done again for every row.
_NEAREST = """
WITH question AS MATERIALIZED (SELECT $3::real[]::vector AS vector),
near AS MATERIALIZED (
  SELECT v.chunk_id, v.language, 1 - (v.embedding <=> q.vector) AS similarity
  FROM knowledge_vectors v, question q WHERE v.client_id = $1 AND v.model = $2
)
SELECT * FROM (
  SELECT near.*, row_number() OVER (PARTITION BY language ORDER BY similarity DESC, chunk_id) AS rank FROM near
) ranked WHERE rank <= $4 ORDER BY similarity DESC, chunk_id
"""

_SEARCH = "SELECT * FROM app.search($1, $2, $3, $4, $5, $6, $7::public.vector::real[], $8::public.vector::real[], NULL, NULL)"
_SEARCH_NEAR = "SELECT * FROM app.search($1, $2, $3, $4, $5, NULL, NULL, NULL, $6, $7)"
