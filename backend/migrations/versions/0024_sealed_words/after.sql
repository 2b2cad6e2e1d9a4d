ALTER TABLE consents DROP COLUMN clear, ALTER COLUMN wording SET NOT NULL;
ALTER TABLE access_grants DROP COLUMN clear, ALTER COLUMN reason SET NOT NULL;
ALTER TABLE clients DROP COLUMN clear;
ALTER TABLE api_keys DROP COLUMN clear, ALTER COLUMN name SET NOT NULL;
ALTER TABLE channel_configs DROP COLUMN clear, ALTER COLUMN name SET NOT NULL;
ALTER TABLE client_versions DROP COLUMN name, DROP COLUMN settings, DROP COLUMN note,
  ALTER COLUMN configuration SET NOT NULL;
ALTER TABLE client_drafts DROP COLUMN name, DROP COLUMN settings, ALTER COLUMN configuration SET NOT NULL;

ALTER TABLE client_keys FORCE ROW LEVEL SECURITY;
ALTER TABLE consents FORCE ROW LEVEL SECURITY;
ALTER TABLE access_grants FORCE ROW LEVEL SECURITY;
ALTER TABLE clients FORCE ROW LEVEL SECURITY;
ALTER TABLE api_keys FORCE ROW LEVEL SECURITY;
ALTER TABLE channel_configs FORCE ROW LEVEL SECURITY;
ALTER TABLE client_versions FORCE ROW LEVEL SECURITY;
ALTER TABLE client_drafts FORCE ROW LEVEL SECURITY;

-- What is evidence may be sealed anew, once for each new key of its client's, and not otherwise changed.
CREATE FUNCTION app.only_sealed_anew() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  before bytea := to_jsonb(OLD) ->> TG_ARGV[0];
  after bytea := to_jsonb(NEW) ->> TG_ARGV[0];
BEGIN
  IF substr(after, 1, 5) <= substr(before, 1, 5) OR NOT EXISTS (SELECT FROM public.client_keys k
      WHERE k.client_id = NEW.client_id AND '\x02'::bytea || int4send(k.version) = substr(after, 1, 5)) THEN
    RAISE EXCEPTION 'What was written stays as it is.' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN NEW;
END $$;
GRANT UPDATE (wording) ON consents TO wafaa_app;
GRANT UPDATE (configuration) ON client_versions TO wafaa_app;
CREATE TRIGGER only_sealed_anew BEFORE UPDATE ON consents FOR EACH ROW EXECUTE FUNCTION app.only_sealed_anew('wording');
CREATE TRIGGER only_sealed_anew BEFORE UPDATE ON client_versions FOR EACH ROW EXECUTE FUNCTION app.only_sealed_anew('configuration');

SET ROLE wafaa_definer;

-- Where one of ours was let in, or asked to be: the grants themselves, nothing of what is the clients'.
CREATE FUNCTION app.grants_of(staff uuid)
RETURNS TABLE (id uuid, client_id uuid, client text, sealed bytea, hours int, state text, ends_at timestamptz, created_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT g.id, g.client_id, c.slug, g.reason, g.hours, g.state, g.ends_at, g.created_at FROM public.access_grants g
  JOIN public.clients c ON c.id = g.client_id WHERE g.staff_id = staff ORDER BY g.id DESC LIMIT 500
$$;
REVOKE ALL ON FUNCTION app.grants_of(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.grants_of(uuid) TO wafaa_app;

RESET ROLE;
