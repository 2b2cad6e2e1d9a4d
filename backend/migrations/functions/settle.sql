-- The present text of app.settle: whoever changes it adds a migration that runs this file again.
--
-- Settles a job whose lane is held: it is gone, and the lane is due when its next job is. Nobody is woken for nothing.
SET ROLE wafaa_definer;

CREATE OR REPLACE FUNCTION app.settle(client uuid, lane uuid, job uuid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  due timestamptz;
BEGIN
  DELETE FROM public.jobs j WHERE j.client_id = client AND j.id = job;
  UPDATE public.lanes l SET lease_until = NULL, due_at = (SELECT f.due_at FROM app.first_job(client, lane) f)
  WHERE l.client_id = client AND l.id = lane RETURNING l.due_at INTO due;
  IF due IS NOT NULL THEN
    PERFORM pg_notify('wafaa_lanes', 'next');
  END IF;
END $$;

REVOKE ALL ON FUNCTION app.settle(uuid, uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.settle(uuid, uuid, uuid) TO wafaa_app;
RESET ROLE;
