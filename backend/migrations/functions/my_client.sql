-- The present text of app.my_client: whoever changes it adds a migration that runs this file again.
SET ROLE wafaa_definer;

-- The client that a token names, in one round trip.
CREATE OR REPLACE FUNCTION app.my_client(token text) RETURNS SETOF public.clients
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM app.enter(token);
  RETURN QUERY SELECT c.* FROM public.clients c WHERE c.id = app.current_client();
END $$;

REVOKE ALL ON FUNCTION app.my_client(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.my_client(text) TO wafaa_app;

RESET ROLE;
