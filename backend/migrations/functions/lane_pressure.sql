-- The present text of app.lane_pressure: whoever changes it adds a migration that runs this file again.
SET ROLE wafaa_definer;

-- Whose lanes have been due for longer than so many seconds without being worked on, for how long the oldest of them has,
-- and how many there are, counted no further than `cap`. One probe of an index a client; nobody's, where nobody waits.
-- As in app.claim_lanes, rows are asked for in the order of one index alone.
CREATE OR REPLACE FUNCTION app.lane_pressure(wanted text, older float8, cap int)
RETURNS TABLE (client_id uuid, age float8, waiting int)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off SET enable_bitmapscan = off
SET enable_sort = off SET enable_incremental_sort = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
  moment timestamptz := clock_timestamp();
  long timestamptz := moment - make_interval(secs => older);
  least timestamptz := coalesce((SELECT f.floor FROM vault.lane_floors f WHERE f.queue = wanted), '-infinity');
BEGIN
  RETURN QUERY
  WITH RECURSIVE late(client_id, n) AS (
    SELECT '00000000-0000-0000-0000-000000000000'::uuid, 0
    UNION ALL
    SELECT x.client_id, a.n + 1 FROM late a CROSS JOIN LATERAL (
      SELECT l.client_id FROM public.lanes l
      WHERE l.queue = wanted AND l.client_id > a.client_id AND l.due_at >= least AND l.due_at <= long
        AND (l.lease_until IS NULL OR l.lease_until < moment)
      ORDER BY l.client_id, l.due_at LIMIT 1) x
    WHERE a.n < 2000
  )
  SELECT d.client_id, extract(epoch FROM moment - o.due_at)::float8, (
    SELECT count(*)::int FROM (
      SELECT FROM public.lanes l
      WHERE l.queue = wanted AND (l.client_id, l.due_at) >= (d.client_id, least)
        AND (l.client_id, l.due_at) <= (d.client_id, moment) AND l.due_at <= moment
      ORDER BY l.client_id, l.due_at LIMIT cap) c)
  FROM late d CROSS JOIN LATERAL (
    SELECT l.due_at FROM public.lanes l
    WHERE l.queue = wanted AND (l.client_id, l.due_at) >= (d.client_id, least)
      AND (l.client_id, l.due_at) <= (d.client_id, moment) AND l.due_at <= moment
      AND (l.lease_until IS NULL OR l.lease_until < moment)
    ORDER BY l.client_id, l.due_at LIMIT 1) o
  WHERE d.n > 0;
END $$;

REVOKE ALL ON FUNCTION app.lane_pressure(text, float8, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.lane_pressure(text, float8, int) TO wafaa_app;
RESET ROLE;
