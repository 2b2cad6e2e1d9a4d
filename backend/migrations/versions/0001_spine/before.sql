-- Two schemas that belong to wafaa_definer, a role nobody signs in as. `vault` holds the keys that tenant tokens are
-- checked with; the application role has no right on it. `app` holds the functions the application role may call.
CREATE SCHEMA vault AUTHORIZATION wafaa_definer;
CREATE SCHEMA app AUTHORIZATION wafaa_definer;
GRANT USAGE ON SCHEMA app TO wafaa_app;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO wafaa_app, wafaa_definer;

SET ROLE wafaa_definer;

-- HMAC's padded key blocks (RFC 2104), so that core sha256 suffices.
CREATE TABLE vault.tenant_keys (key_id text PRIMARY KEY, ipad bytea NOT NULL, opad bytea NOT NULL);

-- Which client a platform's account belongs to: read before any tenant is known.
CREATE TABLE vault.channel_routes (
  kind text NOT NULL, external_id text NOT NULL, client_id uuid NOT NULL, account_id uuid NOT NULL,
  PRIMARY KEY (kind, external_id)
);

-- Which web pages may show which chat: a browser's preflight knows nothing but its page's origin.
CREATE TABLE vault.web_origins (
  origin text NOT NULL, account_id uuid NOT NULL, client_id uuid NOT NULL, PRIMARY KEY (origin, account_id)
);

-- The client whose token stands in app.current_tenant_id; NULL when it is unset, empty, forged or expired.
-- One expression, no variables: the key is never anything but a column reference.
CREATE FUNCTION app.current_client() RETURNS uuid LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (
    SELECT CASE
      WHEN pg_catalog.encode(pg_catalog.sha256(k.opad || pg_catalog.sha256(
             k.ipad || pg_catalog.convert_to(pg_catalog."left"(t.v, 50), 'UTF8'))), 'hex') = pg_catalog.substr(t.v, 52)
      THEN CASE WHEN pg_catalog.to_timestamp(pg_catalog.substr(t.v, 41, 10)::pg_catalog.float8)
                     > pg_catalog.clock_timestamp()
           THEN pg_catalog.substr(t.v, 4, 36)::pg_catalog.uuid END
      END
    FROM (SELECT pg_catalog.current_setting('app.current_tenant_id', true)) t(v)
    JOIN vault.tenant_keys k ON k.key_id = pg_catalog."left"(t.v, 2)
  );
END $$;
REVOKE ALL ON FUNCTION app.current_client() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.current_client() TO wafaa_app;

RESET ROLE;
