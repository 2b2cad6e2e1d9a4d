-- The present text of app.record_sent: whoever changes it adds a migration that runs this file again.
SET ROLE wafaa_definer;

-- Writes down that the platform took a message. What it said stays true, even when another worker holds the lane by now;
-- that one needn't wait for a status then, and its first job is due at once. The caller waits until this rests on the disk,
-- with others (core/flushes.py).
CREATE OR REPLACE FUNCTION app.record_sent(token text, client uuid, talk uuid, message uuid, platform bytea, below text[], fence bigint,
  job uuid) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  held bigint;
BEGIN
  PERFORM app.enter(token), set_config('synchronous_commit', 'off', true);
  UPDATE public.messages m SET delivery_state = 'accepted', delivery_error = NULL,
    platform_key = coalesce(m.platform_key, platform)
  WHERE m.client_id = client AND m.id = message AND m.delivery_state = ANY (below);
  SELECT CASE WHEN l.lease_until IS NOT NULL THEN l.fence END INTO held FROM public.lanes l
  WHERE l.client_id = client AND l.id = talk FOR UPDATE;
  IF held = fence THEN
    PERFORM app.settle(client, talk, job);
    RETURN true;
  END IF;
  UPDATE public.jobs j SET due_at = clock_timestamp() WHERE j.client_id = client AND j.id = (
    SELECT f.id FROM app.first_job(client, talk) f);
  IF FOUND THEN
    UPDATE public.lanes l SET due_at = clock_timestamp() WHERE l.client_id = client AND l.id = talk;
  END IF;
  PERFORM pg_notify('wafaa_lanes', 'hurry');
  RETURN false;
END $$;

REVOKE ALL ON FUNCTION app.record_sent(text, uuid, uuid, uuid, bytea, text[], bigint, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.record_sent(text, uuid, uuid, uuid, bytea, text[], bigint, uuid) TO wafaa_app;
RESET ROLE;
