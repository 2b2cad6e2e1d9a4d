-- One batch of a client's audit log. No foreign key: what is known of an erased client stays provable.
CREATE TABLE audit_seals (
  client_id UUID NOT NULL,
  number BIGINT NOT NULL,
  upto TIMESTAMP WITH TIME ZONE NOT NULL,
  entries BIGINT NOT NULL,
  digest BYTEA NOT NULL,
  head BYTEA NOT NULL,
  signature BYTEA NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_audit_seals PRIMARY KEY (client_id, number)
);
ALTER TABLE audit_seals ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_seals FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON audit_seals TO wafaa_app USING (client_id = (SELECT app.current_client())) WITH CHECK (client_id = (SELECT app.current_client()));
GRANT SELECT, INSERT ON audit_seals TO wafaa_app;

CREATE INDEX ix_audit_log_sealing ON audit_log (client_id, created_at, id);

GRANT SELECT ON audit_log, audit_seals TO wafaa_definer;
CREATE POLICY definer ON audit_log TO wafaa_definer USING (true);
CREATE POLICY definer ON audit_seals TO wafaa_definer USING (true);

SET ROLE wafaa_definer;

-- When each background step is next due. Nobody's rows.
CREATE TABLE vault.steps (name text PRIMARY KEY, due_at timestamptz NOT NULL);

-- Takes a step that is due for a lease: true for one caller.
CREATE FUNCTION app.claim_step(step text, lease_seconds float8) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  WITH claimed AS (
    INSERT INTO vault.steps AS s (name, due_at) VALUES (step, clock_timestamp() + make_interval(secs => lease_seconds))
    ON CONFLICT (name) DO UPDATE SET due_at = excluded.due_at WHERE s.due_at <= clock_timestamp()
    RETURNING 1
  ) SELECT EXISTS (SELECT FROM claimed)
$$;

-- Says when a step is due again.
CREATE FUNCTION app.settle_step(step text, seconds float8) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  UPDATE vault.steps SET due_at = clock_timestamp() + make_interval(secs => seconds) WHERE name = step
$$;

-- Whose acts are logged, and whether some of them are in no seal yet: ids and nothing else. Skips from client to client.
CREATE FUNCTION app.audited_clients() RETURNS TABLE (client_id uuid, unsealed boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  WITH RECURSIVE logged(id) AS (
    (SELECT a.client_id FROM public.audit_log a ORDER BY a.client_id LIMIT 1)
    UNION ALL SELECT (SELECT a.client_id FROM public.audit_log a WHERE a.client_id > l.id ORDER BY a.client_id LIMIT 1)
    FROM logged l WHERE l.id IS NOT NULL
  ), sealed(id) AS (
    (SELECT s.client_id FROM public.audit_seals s ORDER BY s.client_id LIMIT 1)
    UNION ALL SELECT (SELECT s.client_id FROM public.audit_seals s WHERE s.client_id > l.id ORDER BY s.client_id LIMIT 1)
    FROM sealed l WHERE l.id IS NOT NULL
  )
  SELECT c.id, EXISTS (SELECT FROM public.audit_log a WHERE a.client_id = c.id AND a.created_at >= coalesce(
    (SELECT s.upto FROM public.audit_seals s WHERE s.client_id = c.id ORDER BY s.number DESC LIMIT 1), '-infinity'))
  FROM (SELECT id FROM logged UNION SELECT id FROM sealed) c WHERE c.id IS NOT NULL
$$;

REVOKE ALL ON FUNCTION app.claim_step(text, float8), app.settle_step(text, float8), app.audited_clients() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.claim_step(text, float8), app.settle_step(text, float8), app.audited_clients() TO wafaa_app;

RESET ROLE;
