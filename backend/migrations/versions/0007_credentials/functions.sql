-- What is looked up before a client is known: whose key or application this is. Each is found by its whole id, and only
-- while it may be used.
GRANT SELECT ON api_keys, oauth_applications TO wafaa_definer;
CREATE POLICY definer ON api_keys TO wafaa_definer USING (true);
CREATE POLICY definer ON oauth_applications TO wafaa_definer USING (true);

SET ROLE wafaa_definer;

-- The installation's signing keys. Their private parts are sealed by a key that no database has.
CREATE TABLE vault.signing_keys (
  kid text PRIMARY KEY, algorithm text NOT NULL, sealed bytea NOT NULL, under text NOT NULL, signs_from float8 NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE FUNCTION app.signing_keys()
RETURNS TABLE (kid text, algorithm text, sealed bytea, under text, signs_from float8)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT k.kid, k.algorithm, k.sealed, k.under, k.signs_from FROM vault.signing_keys k
$$;

-- Keeps a new key; false when one of its algorithm was made in the last so many seconds: many processes start at once.
CREATE FUNCTION app.add_signing_key(
  new_kid text, new_algorithm text, new_sealed bytea, new_under text, new_signs_from float8, spacing float8)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  LOCK TABLE vault.signing_keys IN SHARE ROW EXCLUSIVE MODE;
  IF EXISTS (SELECT FROM vault.signing_keys k WHERE k.algorithm = new_algorithm
      AND extract(epoch FROM clock_timestamp() - k.created_at)::float8 < spacing) THEN
    RETURN false;
  END IF;
  INSERT INTO vault.signing_keys (kid, algorithm, sealed, under, signs_from, created_at)
  VALUES (new_kid, new_algorithm, new_sealed, new_under, new_signs_from, clock_timestamp());
  RETURN true;
END $$;

CREATE FUNCTION app.drop_signing_keys(old text[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  DELETE FROM vault.signing_keys WHERE kid = ANY (old)
$$;

CREATE FUNCTION app.api_key(wanted uuid, wanted_mode text)
RETURNS TABLE (client_id uuid, key_id uuid, staff_id uuid, role text, scopes text[], secret_hash bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT k.client_id, k.id, k.staff_id, s.role, k.scopes, k.secret_hash FROM public.api_keys k
  JOIN public.staff s ON s.client_id = k.client_id AND s.id = k.staff_id AND s.is_active
  JOIN public.clients c ON c.id = k.client_id AND c.is_active
  WHERE k.id = wanted AND k.mode = wanted_mode AND k.revoked_at IS NULL
    AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp())
$$;

CREATE FUNCTION app.oauth_application(wanted uuid)
RETURNS TABLE (client_id uuid, id uuid, client_name text, name text, redirect_uris text[], scopes text[],
  algorithm text, secret_hash bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT a.client_id, a.id, c.name, a.name, a.redirect_uris, a.scopes, a.algorithm, a.secret_hash
  FROM public.oauth_applications a JOIN public.clients c ON c.id = a.client_id AND c.is_active
  WHERE a.id = wanted AND a.revoked_at IS NULL
$$;

REVOKE ALL ON FUNCTION app.signing_keys(), app.add_signing_key(text, text, bytea, text, float8, float8),
  app.drop_signing_keys(text[]), app.api_key(uuid, text), app.oauth_application(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.signing_keys(), app.add_signing_key(text, text, bytea, text, float8, float8),
  app.drop_signing_keys(text[]), app.api_key(uuid, text), app.oauth_application(uuid) TO wafaa_app;

RESET ROLE;
