"""Finding chunks: exact vector search and BM25 inside one client, fused, in one statement.

The same arithmetic stands in ``services/knowledge/fusion.py``, where it can be read; a test holds the two together.

Vectors lie in a table of their own, which exists only where pgvector does. Another vector store hands its matches
in instead; everything else is the same statement.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

from app.core.multi_tenant import APP_ROLE, Row, TenantTx, cipher_of, client_of
from app.models.knowledge_base import open_names
from app.models.knowledge_chunk import open_passage, term_key

if TYPE_CHECKING:
    from sqlalchemy import Connection

LEXICAL_WEIGHT = 0.5
K1, B = 1.2, 0.75
"""BM25's: how soon repetition stops counting, and how much length does."""

COMMON_CHUNKS, COMMON_SHARE = 1000, 0.1
"""A term in more chunks than both of these tells nothing and costs much: it is left out."""


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


async def search(
    tx: TenantTx, sought: Sought, limit: int, matches: Mapping[UUID, float] | None = None
) -> list[Found]:
    """The best chunks of both pools, best first in each.

    Args:
        tx: The client's transaction.
        sought: The question.
        limit: How many of each pool.
        matches: What another vector store found near, with cosines; None searches our own vectors.
    """
    terms = [term_key(cipher_of(tx), term) for term in sought.terms]
    common = (client_of(tx), sought.language, terms, limit)
    if matches is None:
        centred = [x - m for x, m in zip(sought.vector, sought.mean, strict=True)]
        rows = await tx.all(_OWN, *common, sought.model, list(sought.vector), centred)
    else:
        rows = await tx.all(_FOREIGN, *common, list(matches), list(matches.values()))
    return [_opened(tx, row) for row in rows]


def _opened(tx: TenantTx, row: Row) -> Found:
    columns = dict(row)
    title_path, question, text_, sentences = open_passage(tx, row["id"], columns.pop("passage"))
    title, url = open_names(
        tx, columns.pop("named"), columns.pop("source_id"), columns.pop("title_key")
    )
    return Found(
        **columns,
        title=title_path or title,
        text=text_,
        question=question,
        sentences=sentences,
        url=url,
    )


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
    "CREATE INDEX ix_knowledge_vectors_document ON knowledge_vectors (client_id, document_id)",
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

# Cosine in the question's pool. In the other pool both sides lose what all texts of their language share:
# (d - m).c / |d - m|, with d of length one written out so that no second vector a row is made.
_OUR_VECTORS = """
question AS MATERIALIZED (SELECT $6::real[]::vector AS vector, $7::real[]::vector AS centred),
usual AS MATERIALIZED (
  SELECT avg(v.embedding) AS mean, - (avg(v.embedding) <#> avg(v.embedding)) AS square,
         - (avg(v.embedding) <#> (SELECT centred FROM question)) AS shift
  FROM knowledge_vectors v WHERE v.client_id = $1 AND v.model = $5 AND v.language <> $2
),
near AS MATERIALIZED (
  SELECT v.chunk_id, v.language = $2 AS is_own, 1 - (v.embedding <=> q.vector) AS dense,
    CASE WHEN v.language = $2 THEN 1 - (v.embedding <=> q.vector)
    ELSE (- (v.embedding <#> q.centred) - u.shift)
         / sqrt(greatest(1e-9, 1 + 2 * (v.embedding <#> u.mean) + u.square)) END AS meaning
  FROM knowledge_vectors v, question q, usual u WHERE v.client_id = $1 AND v.model = $5
)"""

_THEIR_MATCHES = """
near AS MATERIALIZED (
  SELECT m.chunk_id, m.dense, m.dense AS meaning FROM unnest($5::uuid[], $6::float8[]) AS m(chunk_id, dense)
)"""

_SEARCH = f"""
WITH {{near}},
chunk AS MATERIALIZED (
  SELECT c.id, c.document_id, c.ordinal, c.length, c.language = $2 AS is_own, near.dense, near.meaning
  FROM knowledge_chunks c LEFT JOIN near ON near.chunk_id = c.id WHERE c.client_id = $1
),
pool AS MATERIALIZED (SELECT count(*)::float8 AS total, avg(length)::float8 AS mean FROM chunk WHERE is_own),
listing AS MATERIALIZED (
  SELECT p.term, p.document_id, p.ordinals, p.frequencies
  FROM knowledge_postings p WHERE p.client_id = $1 AND p.language = $2 AND p.term = ANY($3::bytea[])
),
counted AS MATERIALIZED (
  SELECT term, sum(cardinality(ordinals))::float8 AS containing FROM listing GROUP BY term
),
hit AS (
  SELECT l.document_id, unnest(l.ordinals) AS ordinal, unnest(l.frequencies)::float8 AS frequency,
         ln(1 + (pool.total - n.containing + 0.5) / (n.containing + 0.5)) AS rarity
  FROM pool, counted n JOIN listing l ON l.term = n.term
  WHERE n.containing <= greatest({COMMON_CHUNKS}, {COMMON_SHARE}::float8 * pool.total)
),
sized AS MATERIALIZED (
  SELECT c.id, c.document_id, c.ordinal, {K1}::float8 * ({1 - B}::float8 + {B}::float8 * c.length / pool.mean) AS size
  FROM chunk c, pool WHERE c.is_own
),
lexical AS MATERIALIZED (
  SELECT s.id, sum(h.rarity * h.frequency * {K1 + 1}::float8 / (h.frequency + s.size)) AS score
  FROM hit h JOIN sized s ON s.document_id = h.document_id AND s.ordinal = h.ordinal GROUP BY s.id
),
scored AS (
  SELECT c.id, c.is_own, c.dense, coalesce(c.meaning, {{missing}}) AS meaning, coalesce(x.score, 0) AS lexical
  FROM chunk c LEFT JOIN lexical x ON x.id = c.id
),
compared AS (
  SELECT s.*,
    coalesce((meaning - avg(meaning) OVER own) / nullif(stddev_pop(meaning) OVER own, 0), 0)
    + {LEXICAL_WEIGHT} * coalesce((lexical - avg(lexical) OVER own) / nullif(stddev_pop(lexical) OVER own, 0), 0) AS score
  FROM scored s WINDOW own AS (PARTITION BY is_own)
),
ranked AS (
  SELECT compared.*, row_number() OVER (PARTITION BY is_own ORDER BY score DESC, id) AS rank FROM compared
)
SELECT r.id, c.document_id, r.is_own, r.rank, r.score::float8, coalesce(r.dense, 0)::float8 AS dense,
       r.lexical::float8, c.language, c.passage, d.source_id, d.title_key, d.named
FROM ranked r
JOIN knowledge_chunks c ON c.client_id = $1 AND c.id = r.id
JOIN knowledge_documents d ON d.client_id = $1 AND d.id = c.document_id
WHERE r.rank <= $4 ORDER BY r.is_own DESC, r.rank
"""

# A chunk without a vector is as near as usual; one that a foreign store left out is as far as the farthest it named.
_OWN = _SEARCH.format(near=_OUR_VECTORS, missing="avg(c.meaning) OVER (PARTITION BY c.is_own)")
_FOREIGN = _SEARCH.format(
    near=_THEIR_MATCHES, missing="min(c.meaning) OVER (PARTITION BY c.is_own), 0"
)
