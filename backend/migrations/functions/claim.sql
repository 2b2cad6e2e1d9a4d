-- The present text of app.claim and what it asks: whoever changes it adds a migration that runs this file again.
SET ROLE wafaa_definer;

-- Seconds until a lane becomes due; what was due so many seconds ago has been looked at. NULL when none will. The moment
-- is a variable: beside a function that may tell another time for each row, every lane that is due already would be read.
CREATE OR REPLACE FUNCTION app.seconds_to_due(wanted text[], ago float8) RETURNS float8
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
SET enable_bitmapscan = off SET enable_sort = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  moment timestamptz := clock_timestamp();
  since timestamptz := moment - make_interval(secs => ago);
BEGIN
  RETURN (SELECT extract(epoch FROM min(d.due_at) - moment)::float8
    FROM unnest(wanted) AS w(queue) CROSS JOIN LATERAL (
      SELECT l.due_at FROM public.lanes l
      WHERE l.queue = w.queue AND l.due_at > since AND l.lease_until IS NULL
      ORDER BY l.due_at LIMIT 1) d);
END $$;

-- The queues in which somebody still waits: a lane is due, and nobody has it. Reads past those that somebody has, no further.
CREATE OR REPLACE FUNCTION app.queues_left(wanted text[]) RETURNS text[]
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
SET enable_bitmapscan = off SET enable_sort = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  moment timestamptz := clock_timestamp();
BEGIN
  RETURN ARRAY(SELECT w.queue FROM unnest(wanted) AS w(queue) LEFT JOIN vault.lane_floors f ON f.queue = w.queue
  CROSS JOIN LATERAL (
    SELECT FROM public.lanes l
    WHERE l.queue = w.queue AND l.due_at >= coalesce(f.floor, '-infinity') AND l.due_at <= moment
      AND (l.lease_until IS NULL OR l.lease_until < moment)
    ORDER BY l.due_at LIMIT 1) waiting);
END $$;

-- Takes due lanes, as `app.claim_lanes` does, and brings what their turns need: of the clients whose tokens the caller
-- has, each read in its own client's scope; a token that isn't believed brings nothing, and the turn is loaded later.
-- Gives the leases, the seconds until a lane is due in a queue that still has places, and the queues in which somebody was
-- left behind: nobody else needs to be asked for again before something happens. No claim waits
-- for the disk: app.claim_lanes says why it needn't.
CREATE OR REPLACE FUNCTION app.claim(wanted jsonb, lease_seconds float8, tokens jsonb, most int, history int) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  l record;
  leases jsonb := '[]';
  turn jsonb;
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  FOR l IN SELECT * FROM app.claim_lanes(wanted, lease_seconds) LOOP
    turn := NULL;
    IF l.kind = 'answer_message' AND tokens ? l.client_id::text THEN
      PERFORM set_config('app.current_tenant_id', tokens ->> l.client_id::text, true);
      IF app.current_client() = l.client_id THEN
        turn := app.load_turn(NULL, l.client_id, l.lane_id, most, history);
      END IF;
      PERFORM set_config('app.current_tenant_id', '', true);
    END IF;
    leases := leases || (to_jsonb(l) || jsonb_build_object('turn', turn));
  END LOOP;
  RETURN jsonb_build_object('leases', leases, 'due_in', app.seconds_to_due(ARRAY(
    SELECT r.queue FROM jsonb_to_recordset(wanted) AS r(queue text, places int)
    WHERE r.places > (SELECT count(*) FROM jsonb_array_elements(leases) AS t(lease) WHERE t.lease ->> 'queue' = r.queue)
  ), 0.1), 'left', app.queues_left(ARRAY(SELECT r.queue FROM jsonb_to_recordset(wanted) AS r(queue text))));
END $$;

REVOKE ALL ON FUNCTION app.seconds_to_due(text[], float8), app.queues_left(text[]), app.claim(jsonb, float8, jsonb, int, int)
  FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.seconds_to_due(text[], float8), app.queues_left(text[]), app.claim(jsonb, float8, jsonb, int, int)
  TO wafaa_app;

RESET ROLE;
