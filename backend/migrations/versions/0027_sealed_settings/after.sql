ALTER TABLE clients DROP COLUMN clear;
ALTER TABLE access_grants DROP COLUMN clear, ALTER COLUMN staff_name SET NOT NULL;
ALTER TABLE oauth_applications DROP COLUMN clear, ALTER COLUMN name SET NOT NULL;
ALTER TABLE staff_sessions DROP COLUMN clear, ALTER COLUMN device SET NOT NULL;

ALTER TABLE client_keys FORCE ROW LEVEL SECURITY;
ALTER TABLE clients FORCE ROW LEVEL SECURITY;
ALTER TABLE access_grants FORCE ROW LEVEL SECURITY;
ALTER TABLE oauth_applications FORCE ROW LEVEL SECURITY;
ALTER TABLE staff_sessions FORCE ROW LEVEL SECURITY;

SET ROLE wafaa_definer;

CREATE FUNCTION app.oauth_application(wanted uuid)
RETURNS TABLE (client_id uuid, id uuid, client_name text, sealed bytea, redirect_uris text[], scopes text[],
  algorithm text, secret_hash bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT a.client_id, a.id, c.name, a.name, a.redirect_uris, a.scopes, a.algorithm, a.secret_hash
  FROM public.oauth_applications a JOIN public.clients c ON c.id = a.client_id AND c.is_active
  WHERE a.id = wanted AND a.revoked_at IS NULL
$$;
REVOKE ALL ON FUNCTION app.oauth_application(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.oauth_application(uuid) TO wafaa_app;

RESET ROLE;

-- A dropped column, and a row as it was before, stand in a table's file until it is written anew, which a column does
-- whose default is another one in each row.
ALTER TABLE clients ADD COLUMN anew uuid DEFAULT gen_random_uuid();
ALTER TABLE clients DROP COLUMN anew;
ALTER TABLE access_grants ADD COLUMN anew uuid DEFAULT gen_random_uuid();
ALTER TABLE access_grants DROP COLUMN anew;
ALTER TABLE oauth_applications ADD COLUMN anew uuid DEFAULT gen_random_uuid();
ALTER TABLE oauth_applications DROP COLUMN anew;
ALTER TABLE staff_sessions ADD COLUMN anew uuid DEFAULT gen_random_uuid();
ALTER TABLE staff_sessions DROP COLUMN anew;
