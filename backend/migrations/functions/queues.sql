-- The present text of app.queues and what asks it: whoever changes it adds a migration that runs this file again. What is
-- said of lanes is found queue by queue, in the order of an index that begins with it: most lanes have nothing to do, and
-- nobody reads them.
SET ROLE wafaa_definer;

-- The queues in which a lane is or will be due.
CREATE OR REPLACE FUNCTION app.queues() RETURNS SETOF text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off AS $$
DECLARE
  known text := '';
BEGIN
  LOOP
    SELECT l.queue INTO known FROM public.lanes l WHERE l.queue > known AND l.due_at IS NOT NULL
    ORDER BY l.queue, l.due_at LIMIT 1;
    EXIT WHEN NOT FOUND;
    RETURN NEXT known;
  END LOOP;
END $$;

-- What waits in each queue: how many lanes are due, and for how many seconds the oldest has been.
CREATE OR REPLACE FUNCTION app.lane_backlog() RETURNS TABLE (queue text, lanes bigint, oldest float8)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
  moment timestamptz := clock_timestamp();
BEGIN
  RETURN QUERY SELECT q.name, w.lanes, extract(epoch FROM moment - w.first)::float8
  FROM app.queues() AS q(name) CROSS JOIN LATERAL (
    SELECT count(*) AS lanes, min(l.due_at) AS first FROM public.lanes l
    WHERE l.queue = q.name AND l.due_at <= moment) w
  WHERE w.lanes > 0;
END $$;

-- Notes the time. Where it lies before the latest that was seen, the clock was set back: leases and due times that
-- were counted from the wrong one go back by as much, once, whoever notices. So does what only a job's own date shows,
-- which lies in the future: nobody may have looked while the clock was wrong. Gives the seconds; 0 as a rule.
CREATE OR REPLACE FUNCTION app.mind_clock(tolerance float8) RETURNS float8
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off AS $$
DECLARE
  moment timestamptz := clock_timestamp();
  back interval;
BEGIN
  PERFORM FROM vault.clock FOR UPDATE;
  SELECT greatest((SELECT max(c.seen) FROM vault.clock c), max(f.made)) - moment INTO back
  FROM app.queues() AS q(name) CROSS JOIN LATERAL (
    SELECT l.client_id, l.id FROM public.lanes l WHERE l.queue = q.name AND l.due_at > moment ORDER BY l.due_at) w
  CROSS JOIN LATERAL (
    SELECT max(o.created_at) AS made FROM (
      SELECT j.created_at FROM public.jobs j
      WHERE j.client_id = w.client_id AND j.lane_id >= w.id AND j.lane_id <= w.id AND j.state = 'pending'
      ORDER BY j.lane_id, j.id) o
    WHERE o.created_at > moment) f;
  IF back < interval '0' THEN
    UPDATE vault.clock SET seen = moment;
    RETURN 0;
  ELSIF back < make_interval(secs => tolerance) THEN
    RETURN 0;
  END IF;
  UPDATE vault.clock SET seen = moment;
  UPDATE public.lanes l SET due_at = l.due_at - CASE WHEN l.due_at > moment THEN back ELSE interval '0' END,
    lease_until = l.lease_until - CASE WHEN l.lease_until > moment THEN back ELSE interval '0' END
  WHERE l.due_at > moment OR l.lease_until > moment;
  UPDATE public.jobs j SET due_at = j.due_at - back WHERE j.due_at > moment;
  PERFORM pg_notify('wafaa_lanes', 'clock');
  RETURN extract(epoch FROM back)::float8;
END $$;

REVOKE ALL ON FUNCTION app.queues(), app.lane_backlog(), app.mind_clock(float8) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.lane_backlog(), app.mind_clock(float8) TO wafaa_app;
RESET ROLE;
