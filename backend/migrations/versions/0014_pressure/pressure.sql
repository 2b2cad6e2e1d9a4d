-- What went wrong is sealed; its code, which is ours and says nothing of anybody, is what jobs are found by.
ALTER TABLE jobs ADD COLUMN code varchar;

SET ROLE wafaa_definer;

-- Whose lanes have been due for longer than so many seconds without being worked on, for how long the oldest of them has,
-- and how many there are, counted no further than `cap`. One probe of an index a client; nobody's, where nobody waits.
CREATE FUNCTION app.lane_pressure(wanted text, older float8, cap int)
RETURNS TABLE (client_id uuid, age float8, waiting int)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
  moment timestamptz := clock_timestamp();
BEGIN
  RETURN QUERY
  WITH RECURSIVE late(client_id, n) AS (
    SELECT '00000000-0000-0000-0000-000000000000'::uuid, 0
    UNION ALL
    SELECT x.client_id, a.n + 1 FROM late a CROSS JOIN LATERAL (
      SELECT l.client_id FROM public.lanes l
      WHERE l.queue = wanted AND l.client_id > a.client_id AND l.due_at <= moment - make_interval(secs => older)
        AND (l.lease_until IS NULL OR l.lease_until < moment)
      ORDER BY l.client_id LIMIT 1) x
    WHERE a.n < 2000
  )
  SELECT d.client_id, extract(epoch FROM moment - o.due_at)::float8, (
    SELECT count(*)::int FROM (
      SELECT FROM public.lanes l WHERE l.queue = wanted AND l.client_id = d.client_id AND l.due_at <= moment LIMIT cap) c)
  FROM late d CROSS JOIN LATERAL (
    SELECT l.due_at FROM public.lanes l
    WHERE l.queue = wanted AND l.client_id = d.client_id AND l.due_at <= moment
      AND (l.lease_until IS NULL OR l.lease_until < moment)
    ORDER BY l.due_at LIMIT 1) o
  WHERE d.n > 0;
END $$;

REVOKE ALL ON FUNCTION app.lane_pressure(text, float8, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.lane_pressure(text, float8, int) TO wafaa_app;
RESET ROLE;
