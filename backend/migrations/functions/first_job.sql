-- The present text of app.first_job: whoever changes it adds a migration that runs this file again.
--
-- A lane's first job that isn't done, leaving out one, and when its lane is due: when the job is, but if it has waited for
-- another that was tried again and again, no earlier than where lanes are looked for. Asked for in the order of one index
-- alone, where sorting is out of the question: the planner makes its choice while there are no jobs, when reading all of a
-- client's costs as little.
SET ROLE wafaa_definer;

CREATE OR REPLACE FUNCTION app.first_job(client uuid, lane uuid, without uuid DEFAULT NULL)
RETURNS TABLE (id uuid, due_at timestamptz)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY SELECT j.id, CASE WHEN j.due_at >= clock_timestamp() - interval '5 seconds' THEN j.due_at
    ELSE (SELECT app.above_floor(l.queue, j.due_at) FROM public.lanes l WHERE l.client_id = client AND l.id = lane) END
  FROM public.jobs j
  WHERE j.client_id = client AND j.lane_id >= lane AND j.lane_id <= lane AND j.state = 'pending'
    AND j.id IS DISTINCT FROM without
  ORDER BY j.lane_id, j.id LIMIT 1;
END $$;

REVOKE ALL ON FUNCTION app.first_job(uuid, uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.first_job(uuid, uuid, uuid) TO wafaa_app;
RESET ROLE;
