SET ROLE wafaa_definer;

-- Settles a job whose lane is held: it is gone, and the lane is due when its next job is. Nobody is woken for nothing.
CREATE OR REPLACE FUNCTION app.settle(client uuid, lane uuid, job uuid) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  DELETE FROM public.jobs WHERE client_id = client AND id = job;
  WITH freed AS (
    UPDATE public.lanes SET lease_until = NULL, due_at = (SELECT due_at FROM public.jobs
      WHERE client_id = client AND lane_id = lane AND state = 'pending' ORDER BY id LIMIT 1)
    WHERE client_id = client AND id = lane RETURNING due_at
  )
  SELECT pg_notify('wafaa_lanes', 'next') FROM freed WHERE due_at IS NOT NULL;
$$;

-- Takes due lanes, as `app.claim_lanes` does, and brings what their turns need: of the clients whose tokens the caller
-- has, each read in its own client's scope; a token that isn't believed brings nothing, and the turn is loaded later.
-- Gives the leases, and the seconds until a lane is due in a queue that still has places.
CREATE FUNCTION app.claim(wanted jsonb, lease_seconds float8, tokens jsonb, most int, history int) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  l record;
  leases jsonb := '[]';
  turn jsonb;
BEGIN
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
  ), 0.1));
END $$;
REVOKE ALL ON FUNCTION app.claim(jsonb, float8, jsonb, int, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.claim(jsonb, float8, jsonb, int, int) TO wafaa_app;

RESET ROLE;
