SET ROLE wafaa_definer;

-- The latest time that anybody saw here: one row.
CREATE TABLE vault.clock (one boolean PRIMARY KEY DEFAULT true CHECK (one), seen timestamptz NOT NULL);
INSERT INTO vault.clock (seen) VALUES (clock_timestamp());

-- Notes the time. Where it lies before the latest that was seen, the clock was set back: leases and due times that
-- were counted from the wrong one go back by as much, once, whoever notices. So does what only a job's own date shows,
-- which lies in the future: nobody may have looked while the clock was wrong. Gives the seconds; 0 as a rule.
CREATE FUNCTION app.mind_clock(tolerance float8) RETURNS float8
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  moment timestamptz := clock_timestamp();
  back interval;
BEGIN
  PERFORM FROM vault.clock FOR UPDATE;
  SELECT greatest(max(c.seen), max(j.created_at)) - moment INTO back FROM vault.clock c
  LEFT JOIN (public.lanes l JOIN public.jobs j ON j.client_id = l.client_id AND j.lane_id = l.id AND j.state = 'pending')
    ON l.due_at > moment AND j.created_at > moment;
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
REVOKE ALL ON FUNCTION app.mind_clock(float8) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.mind_clock(float8) TO wafaa_app;

RESET ROLE;
