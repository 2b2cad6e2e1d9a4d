ALTER TABLE clients ADD suspended_at timestamptz, ADD suspended_for varchar,
  ADD quota jsonb NOT NULL DEFAULT '{}';
ALTER TABLE usage_records ADD channel varchar NOT NULL DEFAULT '';

-- What was said once a period, such as that a quota is used up.
CREATE TABLE notices (
  client_id UUID NOT NULL,
  kind VARCHAR NOT NULL,
  period VARCHAR NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_notices PRIMARY KEY (client_id, kind, period),
  CONSTRAINT fk_notices_client_id FOREIGN KEY(client_id) REFERENCES clients (id) ON DELETE CASCADE
);
ALTER TABLE notices ENABLE ROW LEVEL SECURITY;
ALTER TABLE notices FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON notices TO wafaa_app USING (client_id = (SELECT app.current_client())) WITH CHECK (client_id = (SELECT app.current_client()));
GRANT SELECT, INSERT ON notices TO wafaa_app;

SET ROLE wafaa_definer;

-- A suspended client's messages are kept: nobody is answered, and nothing is lost.
CREATE OR REPLACE FUNCTION app.find_channel(wanted_kind text, wanted_id text)
RETURNS TABLE (client_id uuid, account_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT r.client_id, r.account_id FROM vault.channel_routes r
  WHERE r.kind = wanted_kind AND r.external_id = wanted_id
$$;

-- A suspended client's staff sign in: they read why, and take their data along.
CREATE OR REPLACE FUNCTION app.staff_by_email(wanted text)
RETURNS TABLE (client_id uuid, staff_id uuid, role text, password_hash text, name text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT s.client_id, s.id, s.role, s.password_hash, s.name FROM public.staff s
  WHERE s.email = wanted AND s.is_active ORDER BY s.id LIMIT 1
$$;

CREATE OR REPLACE FUNCTION app.resume_session(secret bytea, idle interval)
RETURNS TABLE (client_id uuid, session_id uuid, staff_id uuid, role text, name text, stage text, ends_at timestamptz)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  WITH found AS (
    SELECT s.client_id, s.id, s.staff_id, p.role, p.name, s.stage, s.ends_at, s.seen_at
    FROM public.staff_sessions s
    JOIN public.staff p ON p.client_id = s.client_id AND p.id = s.staff_id AND p.is_active
    WHERE s.secret_hash = secret AND s.ends_at > clock_timestamp() AND s.seen_at > clock_timestamp() - idle
  ), noted AS (
    UPDATE public.staff_sessions s SET seen_at = clock_timestamp() FROM found f
    WHERE s.client_id = f.client_id AND s.id = f.id AND f.seen_at < clock_timestamp() - interval '1 minute'
  )
  SELECT f.client_id, f.id, f.staff_id, f.role, f.name, f.stage, f.ends_at FROM found f
$$;

RESET ROLE;
