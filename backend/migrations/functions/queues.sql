-- The present text of app.queues and what asks it: whoever changes it adds a migration that runs this file again. What is
-- said of lanes is found queue by queue, in the order of an index that begins with it: most lanes have nothing to do, and
-- nobody reads them.
SET ROLE wafaa_definer;

-- The queues in which a lane is or will be due, and since when the first one of each. Read from the beginning: what is
-- done, and can't be cleared away yet, is passed by one by one.
CREATE OR REPLACE FUNCTION app.queues() RETURNS TABLE (name text, first timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off AS $$
DECLARE
  last text := '';
BEGIN
  LOOP
    SELECT l.queue, l.due_at INTO name, first FROM public.lanes l WHERE l.queue > last AND l.due_at IS NOT NULL
    ORDER BY l.queue, l.due_at LIMIT 1;
    EXIT WHEN NOT FOUND;
    RETURN NEXT;
    last := name;
  END LOOP;
END $$;

-- Raises each queue's floor to some seconds before the first lane that is due in it, or before now: nobody reads below.
-- What becomes due by an older date all the same, as when its transaction took longer, lowers it at the next look, ten to
-- fifteen seconds later. One caller looks for all.
CREATE OR REPLACE FUNCTION app.raise_floors(moment timestamptz, served text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  allowance CONSTANT interval := '5 seconds';  -- Whoever made a lane due may not have committed yet.
BEGIN
  UPDATE vault.clock SET looked = moment WHERE looked IS NULL OR looked NOT BETWEEN moment - interval '10 seconds' AND moment;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  INSERT INTO vault.lane_floors AS f (queue, floor)
  SELECT queue, least(min(first), moment) - allowance FROM (
    SELECT q.name, q.first FROM app.queues() q UNION ALL SELECT s.name, NULL FROM unnest(served) AS s(name)) AS known(queue, first)
  GROUP BY queue
  ON CONFLICT (queue) DO UPDATE SET floor = excluded.floor
  WHERE excluded.floor <> f.floor;
END $$;

-- When a lane is due whose next job was due at a moment: not below its queue's floor, where nobody would look for it.
CREATE OR REPLACE FUNCTION app.above_floor(served text, due timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT greatest(due, (SELECT f.floor FROM vault.lane_floors f WHERE f.queue = served))
$$;

-- What waits in each queue: how many lanes are due, and for how many seconds the oldest has been.
CREATE OR REPLACE FUNCTION app.lane_backlog() RETURNS TABLE (queue text, lanes bigint, oldest float8)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
  moment timestamptz := clock_timestamp();
BEGIN
  RETURN QUERY SELECT q.name, w.lanes, extract(epoch FROM moment - w.first)::float8
  FROM app.queues() q CROSS JOIN LATERAL (
    SELECT count(*) AS lanes, min(l.due_at) AS first FROM public.lanes l
    WHERE l.queue = q.name AND l.due_at <= moment) w
  WHERE w.lanes > 0;
END $$;

-- Notes the time, and raises the floors of the queues that are served. Where the time lies before the latest that was
-- seen, the clock was set back: leases and due times that were counted from the wrong one go back by as much, once, whoever
-- notices; and below any floor, so there is none until the next look. So does what only a job's own date shows, which lies
-- in the future: nobody may have looked while the clock was wrong. Gives the seconds; 0 as a rule.
CREATE OR REPLACE FUNCTION app.mind_clock(tolerance float8, served text[]) RETURNS float8
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off AS $$
DECLARE
  moment timestamptz := clock_timestamp();
  back interval;
BEGIN
  PERFORM FROM vault.clock FOR UPDATE;
  PERFORM app.raise_floors(moment, served);
  SELECT greatest((SELECT max(c.seen) FROM vault.clock c), max(f.made)) - moment INTO back
  FROM vault.lane_floors q CROSS JOIN LATERAL (
    SELECT l.client_id, l.id FROM public.lanes l WHERE l.queue = q.queue AND l.due_at > moment ORDER BY l.due_at) w
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
  UPDATE vault.clock SET seen = moment, looked = NULL;
  DELETE FROM vault.lane_floors;
  UPDATE public.lanes l SET due_at = l.due_at - CASE WHEN l.due_at > moment THEN back ELSE interval '0' END,
    lease_until = l.lease_until - CASE WHEN l.lease_until > moment THEN back ELSE interval '0' END
  WHERE l.due_at > moment OR l.lease_until > moment;
  UPDATE public.jobs j SET due_at = j.due_at - back WHERE j.due_at > moment;
  PERFORM pg_notify('wafaa_lanes', 'clock');
  RETURN extract(epoch FROM back)::float8;
END $$;

REVOKE ALL ON FUNCTION app.queues(), app.raise_floors(timestamptz, text[]), app.above_floor(text, timestamptz),
  app.lane_backlog(), app.mind_clock(float8, text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.above_floor(text, timestamptz), app.lane_backlog(), app.mind_clock(float8, text[]) TO wafaa_app;
RESET ROLE;
