SET ROLE wafaa_definer;

-- How near a client's vectors are to a question: cosine in the question's pool. In the other pool both sides lose what all
-- texts of their language share: (d - m).c / |d - m|, with d of length one written out so that no second vector a row is
-- made. Its table is there only where pgvector is; nobody calls this elsewhere.
CREATE FUNCTION app.near(client uuid, tongue text, engine text, question real[], middle real[])
RETURNS TABLE (chunk_id uuid, dense float8, meaning float8)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
  -- The question is converted once; a cast inside the list would be done again for every row.
  RETURN QUERY WITH q AS MATERIALIZED (SELECT question::public.vector AS vector, middle::public.vector AS centred),
  usual AS MATERIALIZED (
    SELECT public.avg(v.embedding) AS mean,
      - (public.avg(v.embedding) OPERATOR(public.<#>) public.avg(v.embedding)) AS square,
      - (public.avg(v.embedding) OPERATOR(public.<#>) (SELECT centred FROM q)) AS shift
    FROM public.knowledge_vectors v WHERE v.client_id = client AND v.model = engine AND v.language <> tongue
  )
  SELECT v.chunk_id, 1 - (v.embedding OPERATOR(public.<=>) q.vector),
    CASE WHEN v.language = tongue THEN 1 - (v.embedding OPERATOR(public.<=>) q.vector)
    ELSE (- (v.embedding OPERATOR(public.<#>) q.centred) - u.shift)
         / sqrt(greatest(1e-9, 1 + 2 * (v.embedding OPERATOR(public.<#>) u.mean) + u.square)) END
  FROM public.knowledge_vectors v, q, usual u WHERE v.client_id = client AND v.model = engine;
END $$;

-- The best chunks of both pools: exact vector search and BM25, fused. The same arithmetic stands in
-- `services/knowledge/fusion.py`, where it can be read. Where `engine` is NULL another store has said what is near.
CREATE FUNCTION app.search(token text, client uuid, tongue text, terms bytea[], most int, engine text, question real[],
  middle real[], chunks uuid[], cosines float8[])
RETURNS TABLE (id uuid, document_id uuid, is_own boolean, rank bigint, score float8, dense float8, lexical float8,
  language text, passage bytea, source_id uuid, title_key bytea, named bytea)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
  PERFORM app.enter(token);
  RETURN QUERY WITH near AS MATERIALIZED (
    SELECT n.chunk_id, n.dense, n.meaning FROM app.near(client, tongue, engine, question, middle) n WHERE engine IS NOT NULL
    UNION ALL
    SELECT m.chunk_id, m.dense, m.dense FROM unnest(chunks, cosines) AS m(chunk_id, dense) WHERE engine IS NULL
  ), chunk AS MATERIALIZED (
    SELECT c.id, c.document_id, c.ordinal, c.length, c.language = tongue AS is_own, near.dense, near.meaning
    FROM public.knowledge_chunks c LEFT JOIN near ON near.chunk_id = c.id WHERE c.client_id = client
  ), pool AS MATERIALIZED (
    SELECT count(*)::float8 AS total, avg(length)::float8 AS mean FROM chunk WHERE is_own
  ), listing AS MATERIALIZED (
    SELECT p.term, p.document_id, p.ordinals, p.frequencies FROM public.knowledge_postings p
    WHERE p.client_id = client AND p.language = tongue AND p.term = ANY(terms)
  ), counted AS MATERIALIZED (
    SELECT term, sum(cardinality(ordinals))::float8 AS containing FROM listing GROUP BY term
  ), hit AS (
    SELECT l.document_id, unnest(l.ordinals) AS ordinal, unnest(l.frequencies)::float8 AS frequency,
      ln(1 + (pool.total - n.containing + 0.5) / (n.containing + 0.5)) AS rarity
    FROM pool, counted n JOIN listing l ON l.term = n.term
    WHERE n.containing <= greatest(1000, 0.1::float8 * pool.total) -- In more than these a term tells nothing.
  ), sized AS MATERIALIZED (
    SELECT c.id, c.document_id, c.ordinal, 1.2::float8 * (0.25::float8 + 0.75::float8 * c.length / pool.mean) AS size
    FROM chunk c, pool WHERE c.is_own
  ), lexical AS MATERIALIZED (
    SELECT s.id, sum(h.rarity * h.frequency * 2.2::float8 / (h.frequency + s.size)) AS score
    FROM hit h JOIN sized s ON s.document_id = h.document_id AND s.ordinal = h.ordinal GROUP BY s.id
  ), scored AS (
    -- A chunk without a vector is as near as usual; one that another store left out is as far as the farthest it named.
    SELECT c.id, c.is_own, c.dense, coalesce(x.score, 0) AS lexical, coalesce(c.meaning, CASE WHEN engine IS NULL
      THEN coalesce(min(c.meaning) OVER own, 0) ELSE avg(c.meaning) OVER own END) AS meaning
    FROM chunk c LEFT JOIN lexical x ON x.id = c.id WINDOW own AS (PARTITION BY c.is_own)
  ), compared AS (
    SELECT s.*, coalesce((meaning - avg(meaning) OVER own) / nullif(stddev_pop(meaning) OVER own, 0), 0)
      + 0.5 * coalesce((lexical - avg(lexical) OVER own) / nullif(stddev_pop(lexical) OVER own, 0), 0) AS score
    FROM scored s WINDOW own AS (PARTITION BY is_own)
  ), ranked AS (
    SELECT compared.*, row_number() OVER (PARTITION BY is_own ORDER BY score DESC, id) AS rank FROM compared
  )
  SELECT r.id, c.document_id, r.is_own, r.rank, r.score::float8, coalesce(r.dense, 0)::float8, r.lexical::float8,
    c.language::text, c.passage, d.source_id, d.title_key, d.named
  FROM ranked r
  JOIN public.knowledge_chunks c ON c.client_id = client AND c.id = r.id
  JOIN public.knowledge_documents d ON d.client_id = client AND d.id = c.document_id
  WHERE r.rank <= most ORDER BY r.is_own DESC, r.rank;
END $$;

REVOKE ALL ON FUNCTION app.near(uuid, text, text, real[], real[]),
  app.search(text, uuid, text, bytea[], int, text, real[], real[], uuid[], float8[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.near(uuid, text, text, real[], real[]),
  app.search(text, uuid, text, bytea[], int, text, real[], real[], uuid[], float8[]) TO wafaa_app;

RESET ROLE;
